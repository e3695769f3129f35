BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'filters.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'errors.ps1'))
    $liveCases = @($filterCases | Where-Object Live)
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'filters.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'errors.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }
}

Describe 'Get-BindEvent' {
    BeforeEach {
        Skip-WithoutTracing
    }

    AfterEach {
        Assert-NothingAttached
    }

    Context 'Filters, live' {
        BeforeAll {
            if (-not $global:BindSnoopTests.WhyNot) {
                $results = Invoke-LiveFilter -Command Get-BindEvent -Case @($filterCases | Where-Object Live)
            }
        }

        It 'Shows matching calls and no others: <Name>' -TestCases $liveCases {
            $result = $results[$Name]
            Assert-Filter -Truth $result.Truth -Case $_ -Seen (Format-Event -Event $result.Output -Truth $result.Truth)
        }
    }

    Context 'Namespaces' {
        It 'Returns ids that Get-Process knows inside a PID namespace' {
            $pwsh = (Get-Command pwsh -CommandType Application)[0].Source
            $script = "Import-Module '$modulePath'" + @'

                $trace = Start-BindTrace -ProcessId $PID
                $listener = [Net.Sockets.TcpListener]::new([Net.IPAddress]::Loopback, 0)
                $listener.Start()
                $port = $listener.LocalEndpoint.Port
                Stop-BindTrace -Name $trace.Name
                $event = Get-BindEvent -Trace $trace | Where-Object Port -EQ $port
                $found = $event | Get-Process
                "$($event.ProcessId -eq $PID) $($event.IsHostProcessId) $($found.Id -eq $PID) $([bool]$event.ProcessPath)"
                "$(($event | Get-Process -Id { $_.ParentProcessId }).Id -eq $event.ParentProcessId)"
'@
            # One process above it that is visible there, as its parent.
            & (Find-Program unshare) --pid --fork --mount-proc sh -c '"$@"; true' sh $pwsh -NoLogo -NoProfile -NonInteractive -Command $script |
                Should -Be 'True False True True', 'True'
        }
    }

    Context 'Explanations' {
        It 'Explains failures, and shows them without -IncludeError' {
            $result = Invoke-Traced { param($Comm) Get-BindEvent -Explain -Comm $Comm -MaxEvents 3 } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth tcp4-loopback eaddrinuse-tcp4
            }
            $good, $failed = $result.Output[0, 2]
            $good.Cause, $good.Explanation, $good.Holders | Should -Be $null, $null, $null
            $failed.ErrorName | Should -BeExactly EADDRINUSE
            # The program ends at once, so its socket is found, or gone.
            $failed.Cause | Should -BeIn Bound, HolderGone
            $failed.Explanation | Should -Match '^\S.*\.$'
            $result.Warnings | Should -BeNullOrEmpty
        }

        It 'Names the holder, in its own view, in CSV and in JSON' {
            $listener = [Net.Sockets.Socket]::new('InterNetwork', 'Stream', 'Tcp')
            try {
                $listener.Bind([Net.IPEndPoint]::new([ipaddress]::Loopback, 0))
                $listener.Listen(1)
                $port = $listener.LocalEndPoint.Port
                $result = Invoke-Traced { param($Id) Get-BindEvent -Explain -ProcessId $Id -MaxEvents 1 } -Parameter @{ Id = $PID } {
                    $other = [Net.Sockets.Socket]::new('InterNetwork', 'Stream', 'Tcp')
                    try { { $other.Bind($listener.LocalEndPoint) } | Should -Throw } finally { $other.Dispose() }
                }
                $failed = $result.Output[0]
                $failed.Cause | Should -BeExactly Listening
                $failed.Holders.ProcessId | Should -Be $PID
                $failed.Holders.Port | Should -Be $port
                $failed.Explanation | Should -Match "\(pid $PID[,)].*listens on TCP 127\.0\.0\.1:$port; .*\.$"
                $text = $failed | Out-String -Width 400
                $text | Should -Match '(?m)^ *RC +PID +COMM +PROT +ADDR +PORT +OPTS +CAUSE +EXPLANATION *$'
                $text | Should -Match "(?m)^ *\S+ +$PID .*$port .*Listening +\S.*listens on"
                [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($failed)) |
                    Out-String -Width 400 | Should -BeExactly $text
                ($failed | ConvertTo-Csv | ConvertFrom-Csv).Cause | Should -BeExactly Listening
                ($failed | ConvertTo-Json -Depth 4 | ConvertFrom-Json).Holders[0].ProcessId | Should -Be $PID
            }
            finally {
                $listener.Dispose()
            }
        }

        It 'Reports how many failures were not explained' {
            $result = Invoke-Traced { param($Comm) Get-BindEvent -Explain -Comm $Comm -MaxEvents 20001 } -Parameter @{ Comm = $truthComm } {
                Invoke-Load -Count 20000 -Fail
            }
            $skipped = @($result.Output | Where-Object Cause -EQ Unknown).Count
            $skipped | Should -BeGreaterThan 0
            $result.Warnings | Should -HaveCount 1
            $result.Warnings[0] | Should -Match "^$skipped failures were not explained"
        }
    }

    Context 'Properties' {
        It 'Reports the right values for every call' {
            $result = Invoke-Traced { param($Comm, $Seconds) Get-BindEvent -IncludeError -Comm $Comm -Duration $Seconds } -Parameter @{ Comm = $truthComm } -Seconds 1 {
                Invoke-Truth tcp4-loopback udp6-loopback eaddrinuse-tcp4 tcp4-port-zero option4-all other-user device4-lo tcp6-v6only mptcp4 other-mntns
            }
            $result.Output.Count | Should -Be $result.Truth.Count
            for ($i = 0; $i -lt $result.Truth.Count; $i++) {
                $event = $result.Output[$i]
                $line = $result.Truth[$i]
                $event.PSObject.TypeNames | Should -Contain 'BindSnoop.BindEvent'
                $event.ProcessId | Should -Be $line.pid
                $event.PID | Should -Be $line.pid
                $event.ThreadId | Should -Be $line.tid
                $event.ParentProcessId | Should -Be $line.ppid
                $event.Uid | Should -Be $line.uid
                $event.Gid | Should -Be $line.gid
                $event.UserName | Should -Be ($line.uid -eq 0 ? 'root' : "$($line.uid)")
                $event.Comm | Should -BeExactly $line.comm
                $event.AddressFamily | Should -BeExactly $line.family
                $event.SocketType | Should -BeExactly $line.type
                $event.ProtocolNumber | Should -Be $line.protocol
                $event.Protocol | Should -BeExactly @{ 6 = 'TCP'; 17 = 'UDP'; 262 = 'MPTCP' }[[int]$line.protocol]
                $event.Address | Should -BeExactly $line.address
                $event.Port | Should -Be $line.port
                $event.RequestedAddress | Should -BeExactly $line.requestedAddress
                $event.RequestedPort | Should -Be $line.requestedPort
                $event.OptionString | Should -BeExactly $line.options
                "$($event.Options)" | Should -Be ($line.options -eq '.....' ? 'None' : 'FreeBind, Transparent, BindAddressNoPort, ReuseAddress, ReusePort')
                $event.IPv6Only | Should -Be $line.v6onlyAfter
                $event.ErrorCode | Should -Be $line.error
                $event.ErrorName | Should -BeExactly "$($line.errorName)"
                $event.InterfaceIndex | Should -Be $line.ifindex
                $event.NetworkNamespace | Should -Be $line.socketNetns
                $event.MountNamespace | Should -Be $line.mntns
                if ($null -ne $line.cgroupId) {
                    $event.CgroupId | Should -Be $line.cgroupId
                    $event.CgroupPath | Should -BeExactly $line.cgroupPath
                }
                $event.Backend | Should -BeIn 'Fentry', 'Kprobe', 'Cgroup', 'Tracepoint'
                $event.Time.Kind | Should -Be 'Local'
            }
        }

        It 'Has strings for addresses, families and back ends, so every export is readable' {
            $result = Invoke-Traced { param($Comm) Get-BindEvent -Comm $Comm -MaxEvents 1 } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth tcp4-loopback
            }
            foreach ($name in 'Address', 'RequestedAddress', 'AddressFamily', 'Protocol', 'Backend', 'Comm', 'UserName', 'ErrorName', 'InterfaceName', 'CgroupPath', 'OptionString') {
                , $result.Output[0].$name | Should -BeOfType ([string]) -Because $name
            }
        }

        It 'Reports the time of the call' {
            $before = [datetime]::Now
            $result = Invoke-Traced { param($Comm) Get-BindEvent -Comm $Comm -MaxEvents 5 } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth five-ports
            }
            $after = [datetime]::Now
            # The two clocks are not read at the same moment.
            $result.Output[0].Time | Should -BeGreaterThan $before.AddMilliseconds(-50)
            $result.Output[-1].Time | Should -BeLessThan $after.AddMilliseconds(50)
            $result.Output.KernelTime | Should -Be @($result.Output.KernelTime | Sort-Object)
            @($result.Output.KernelTime | Select-Object -Unique).Count | Should -Be 5
        }
    }

    Context 'Failures' {
        It 'Leaves them out by default' {
            $result = Invoke-Traced { param($Comm, $Seconds) Get-BindEvent -Comm $Comm -Duration $Seconds } -Parameter @{ Comm = $truthComm } -Seconds 1 {
                Invoke-Truth eaddrinuse-tcp4 eaddrnotavail4 eacces4
            }
            Format-Event $result.Output $result.Truth | Should -Be @($result.Truth | Where-Object error -EQ 0 | Format-Call)
            $result.Output.Count | Should -Be 1
        }

        It 'Shows the port of a bind to a busy port, and -Port finds it' {
            $result = Invoke-Traced { param($Comm) Get-BindEvent -Port 20300 -IncludeError -Comm $Comm -MaxEvents 2 } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth tcp4-loopback eaddrinuse-tcp4
            }
            $failed = $result.Output[1]
            $failed.Port | Should -Be 20300
            $failed.RequestedPort | Should -Be 20300
            $failed.Address | Should -Be '127.0.0.1'
            $failed.ErrorCode | Should -Be 98
            $failed.ErrorName | Should -BeExactly 'EADDRINUSE'
            $failed.ErrorMessage | Should -Be 'Address already in use'
            $result.Output[0].ErrorCode | Should -Be 0
            $result.Output[0].ErrorName | Should -BeExactly ''
            $result.Output[0].ErrorMessage | Should -BeExactly ''
        }
    }

    Context 'End of a trace' {
        It 'Comes after -MaxEvents' {
            $result = Invoke-Traced { param($Comm) Get-BindEvent -Comm $Comm -MaxEvents 3 } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth five-ports
            }
            $result.Output.Port | Should -Be 20510, 20511, 20512
        }

        It 'Comes after -Duration <What>' -TestCases @(
            @{ What = "'00:00:01'"; Duration = '00:00:01'; Seconds = 1 }
            @{ What = 'of a TimeSpan'; Duration = [timespan]::FromMilliseconds(700); Seconds = 0.7 }
            @{ What = '1'; Duration = 1; Seconds = 1 }
            @{ What = '0.5'; Duration = 0.5; Seconds = 0.5 }
            @{ What = "'0.5'"; Duration = '0.5'; Seconds = 0.5 }
        ) {
            $attached = @{}
            $clock = [System.Diagnostics.Stopwatch]::StartNew()
            $result = Invoke-Traced { param($Comm, $Duration) Get-BindEvent -Comm $Comm -Duration $Duration } -Parameter @{ Comm = $truthComm; Duration = $Duration } {
                $since = [System.Diagnostics.Stopwatch]::StartNew()
                Invoke-Truth tcp4-loopback
                $attached.Took = $since.Elapsed.TotalSeconds
            }
            $clock.Elapsed.TotalSeconds | Should -BeGreaterOrEqual $Seconds
            $clock.Elapsed.TotalSeconds | Should -BeLessThan ($Seconds + 10)
            if ($attached.Took -lt $Seconds * 0.8) {
                $result.Output.Count | Should -Be 1
            }
        }

        It 'Shows progress after two seconds, with the same events' {
            $result = Invoke-Traced { param($Id) Get-BindEvent -ProcessId $Id -Duration 3 } -Parameter @{ Id = $PID } {
                1..4 | ForEach-Object {
                    1..100 | ForEach-Object {
                        $socket = [Net.Sockets.UdpClient]::new([Net.IPEndPoint]::new([ipaddress]::Loopback, 0))
                        $socket.Client.LocalEndPoint.Port
                        $socket.Dispose()
                    }
                    Start-Sleep -Milliseconds 300
                }
            }
            @($result.Output | ForEach-Object Port) | Should -Be $result.Truth
            $mine = @($result.Progress | Where-Object Activity -EQ 'Tracing')
            $mine.Count | Should -BeGreaterThan 3
            $mine[-1].RecordType | Should -Be 'Completed'
            $mine[-1].StatusDescription | Should -Match '^\d+ events so far$'
        }

        It 'Comes after whichever of -MaxEvents and -Duration is first' {
            $result = Invoke-Traced { param($Comm) Get-BindEvent -Comm $Comm -MaxEvents 2 -Duration 60 } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth five-ports
            }
            $result.Output.Count | Should -Be 2
            $result = Invoke-Traced { param($Comm) Get-BindEvent -Comm $Comm -MaxEvents 2 -Duration 0.3 } -Parameter @{ Comm = $truthComm } { }
            $result.Output.Count | Should -Be 0
        }

        It 'Comes at once if the pipeline names no process' {
            $clock = [System.Diagnostics.Stopwatch]::StartNew()
            @() | Get-BindEvent -Duration 20 | Should -BeNullOrEmpty
            Get-Process -Id 2147483647 -ErrorAction Ignore | Get-BindEvent -Duration 20 | Should -BeNullOrEmpty
            $clock.Elapsed.TotalSeconds | Should -BeLessThan 20
        }
    }

    Context 'In pipelines' {
        It 'Streams: Get-BindEvent -Port 80 | Where-Object Uid -eq 0' {
            $setpriv = Find-Program setpriv
            $traced = Start-Traced { Get-BindEvent -Port 80 | Where-Object Uid -eq 0 }
            try {
                # Another user with the privilege; root; another port; root.
                $other = @($setpriv, '--reuid', '12345', '--regid', '23456', '--clear-groups', '--inh-caps', '+net_bind_service', '--ambient-caps', '+net_bind_service')
                $truth = foreach ($hold in @{ Port = 80; Through = $other }, @{ Port = 80 }, @{ Port = 81 }, @{ Port = 80 }) {
                    $process = Start-Hold @hold
                    $process.Line
                    Stop-Hold $process
                }
                $truth.uid | Should -Be 12345, 0, 0, 0
                $truth.error | Should -Be 0, 0, 0, 0
                # Events come in order: when the last one is there, all are.
                Wait-Until { (Read-Stream $traced.Output).ProcessId -contains $truth[3].pid }
            }
            finally {
                $result = $traced | Complete-Traced -Stop
            }
            Format-Event $result.Output $truth | Should -Be @($truth[1, 3] | Format-Call)
        }

        It 'Emits events as they happen, not at the end' {
            $traced = Start-Traced { param($Comm) Get-BindEvent -Comm $Comm -MaxEvents 10 } -Parameter @{ Comm = $truthComm }
            try {
                $null = Invoke-Truth five-ports
                Wait-Until { $traced.Output.Count -eq 5 }
                $traced.Handle.IsCompleted | Should -BeFalse
            }
            finally {
                $result = $traced | Complete-Traced -Stop
            }
            $result.Output.Port | Should -Be (20510..20514)
        }

        It 'Ends with Select-Object -First 1' {
            $result = Invoke-Traced { param($Comm) Get-BindEvent -Comm $Comm | Select-Object -First 1 } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth five-ports
            }
            $result.Output.Port | Should -Be 20510
        }

        It 'Exports: Get-BindEvent -IncludeError -Duration … | Export-Csv' {
            $path = Join-Path $TestDrive events.csv
            $result = Invoke-Traced { param($Path, $Seconds) Get-BindEvent -IncludeError -Duration "00:00:$Seconds" | Export-Csv -LiteralPath $Path } -Parameter @{ Path = $path } -Seconds 1 {
                Invoke-Truth tcp4-loopback eaddrinuse-tcp4 udp6-loopback comm-quote
            }
            $rows = @(Import-Csv -LiteralPath $path | Where-Object ProcessId -In $result.Truth.pid)
            $rows | Format-Call | Should -Be @($result.Truth | Format-Call)
            $rows.Protocol | Should -Be 'TCP', 'TCP', 'TCP', 'UDP', 'TCP'
            $rows.AddressFamily | Should -Be 'IPv4', 'IPv4', 'IPv4', 'IPv6', 'IPv4'
            $rows.ErrorName | Should -Be '', '', 'EADDRINUSE', '', ''
            $rows.Comm[4] | Should -BeExactly 'a"b\\c''d,e;$(f)'
            $rows.Options | Should -Be (@('None') * 5)
            $wordy = $rows[0].PSObject.Properties | Where-Object Value -Match '^(System|BindSnoop)\.'
            $wordy.Name | Should -BeNullOrEmpty -Because 'every column holds a value, not the name of a type'
        }

        It 'Converts: Get-BindEvent … | ConvertTo-Json' {
            $result = Invoke-Traced { param($Comm) Get-BindEvent -Comm $Comm -MaxEvents 2 | ConvertTo-Json } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth tcp4-loopback udp6-loopback
            }
            $objects = $result.Output[0] | ConvertFrom-Json
            $objects | Format-Call | Should -Be @($result.Truth | Format-Call)
            $objects.Protocol | Should -Be 'TCP', 'UDP'
            @($objects | ForEach-Object Address) | Should -Be '127.0.0.1', '::1'
            $nested = $objects[0].PSObject.Properties | Where-Object TypeNameOfValue -Match 'PSCustomObject|\[\]'
            $nested.Name | Should -BeNullOrEmpty -Because 'the JSON is flat'
        }

        It 'Takes processes: Get-Process X | Get-BindEvent' {
            # A shell that waits for input, then becomes the truth program, so the process is known before it binds.
            $process = Start-Program '/bin/sh', '-c', 'read word; exec "$1" hold 127.0.0.1 0', 'sh', $global:BindSnoopTests.Truth
            try {
                $result = Invoke-Traced { param($Id) Get-Process -Id $Id | Get-BindEvent -MaxEvents 1 } -Parameter @{ Id = $process.Id } {
                    # Binds of another process come first.
                    $null = Invoke-Truth five-ports
                    $process.StandardInput.WriteLine('go')
                    $process.StandardOutput.ReadLine() | ConvertFrom-Json
                }
                $result.Truth[0].pid | Should -Be $process.Id
                $result.Output | Format-Call | Should -Be @($result.Truth | Format-Call)
            }
            finally {
                Stop-Hold $process
            }
        }

        It 'Takes process ids by parameter and by alias: -<Name>' -TestCases @{ Name = 'ProcessId' }, @{ Name = 'Id' }, @{ Name = 'PID' } {
            $result = Invoke-Traced { param($Arguments, $Seconds) Get-BindEvent @Arguments -Duration $Seconds } -Parameter @{ Arguments = @{ $Name = 1, 2147483647 } } -Seconds 0.5 {
                Invoke-Truth tcp4-loopback
            }
            Format-Event $result.Output $result.Truth | Should -BeNullOrEmpty
            $result = Invoke-Traced { param($Arguments) Get-BindEvent @Arguments -MaxEvents 1 } -Parameter @{ Arguments = @{ $Name = 1, $PID } } {
                $null = Invoke-Truth tcp4-loopback
                $socket = [System.Net.Sockets.UdpClient]::new([System.Net.IPEndPoint]::new([ipaddress]::Loopback, 0))
                $socket.Client.LocalEndPoint.Port
                $socket.Dispose()
            }
            $result.Output[0].ProcessId | Should -Be $PID
            $result.Output[0].Port | Should -Be $result.Truth[0]
        }

        It 'Returns processes: Get-BindEvent … | Get-Process' {
            $held = @{}
            try {
                $result = Invoke-Traced { param($Comm) Get-BindEvent -Comm $Comm -MaxEvents 1 | Get-Process } -Parameter @{ Comm = $truthComm } {
                    $held.Process = Start-Hold -Port 80
                    $held.Process.Line
                }
                $result.Errors | Should -BeNullOrEmpty
                $result.Output[0] | Should -BeOfType ([System.Diagnostics.Process])
                $result.Output[0].Id | Should -Be $result.Truth[0].pid
            }
            finally {
                Stop-Hold $held.Process
            }
        }

        It 'Takes -OutVariable' {
            $result = Invoke-Traced { param($Comm) $null = Get-BindEvent -Comm $Comm -MaxEvents 5 -OutVariable kept; "kept $($kept.Count)"; $kept.Port } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth five-ports
            }
            $result.Output | Should -Be (@('kept 5') + 20510..20514)
        }

        It 'Works in Start-Job' {
            $job = Start-Job -ArgumentList $modulePath, $truthComm {
                param($ModulePath, $Comm)
                Import-Module -Name $ModulePath
                # A job's verbose messages would appear here, too.
                Get-BindEvent -Comm $Comm -MaxEvents 2 -IncludeError -Verbose 4>&1
            }
            try {
                Wait-Until { $job.State -ne 'Running' -or @((Read-Stream $job.ChildJobs[0].Output) -like 'Tracing through*') } -Seconds 60
                $truth = Invoke-Truth eaddrinuse-tcp4
                $null = $job | Wait-Job -Timeout 30
                $events = @($job | Receive-Job | Where-Object { $_.PSObject.Properties['ProcessId'] })
                $events | Format-Call | Should -Be @($truth | Format-Call)
                $events[0].PSObject.TypeNames | Should -Contain 'Deserialized.BindSnoop.BindEvent'
            }
            finally {
                $job | Remove-Job -Force
            }
        }

        It 'Works in Start-ThreadJob' {
            if (-not (Get-Command Start-ThreadJob -ErrorAction Ignore)) {
                Skip-Test -Because 'there is no Start-ThreadJob'
            }
            $job = Start-ThreadJob -ArgumentList $modulePath, $truthComm {
                param($ModulePath, $Comm)
                Import-Module -Name $ModulePath
                Get-BindEvent -Comm $Comm -MaxEvents 2 -IncludeError -Verbose
            }
            try {
                Wait-Until { $job.State -notin 'NotStarted', 'Running' -or @((Read-Stream $job.Verbose) -like 'Tracing through*') }
                $truth = Invoke-Truth eaddrinuse-tcp4
                $null = $job | Wait-Job -Timeout 30
                $job.Verbose.Clear()
                @($job | Receive-Job) | Format-Call | Should -Be @($truth | Format-Call)
            }
            finally {
                $job | Remove-Job -Force
            }
        }

        It 'Works in ForEach-Object -Parallel, several at once' {
            $result = Invoke-Traced -Traces 5 -Parameter @{ Comm = $truthComm } {
                param($Comm)
                20510..20514 | ForEach-Object -ThrottleLimit 5 -Parallel {
                    Import-Module -Name $using:ModulePath -Verbose:$false
                    Get-BindEvent -Port $_ -Comm $using:Comm -MaxEvents 1 -Verbose
                }
            } {
                Invoke-Truth five-ports
            }
            $result.Output.Count | Should -Be 5
            $result.Output.Port | Sort-Object | Should -Be (20510..20514)
            $result.Output | ForEach-Object { $_.ProcessId | Should -Be $result.Truth[0].pid }
        }
    }

    Context 'From background traces' {
        It 'Returns what was collected, once' {
            $trace = Start-BindTrace -Comm $truthComm
            $truth = Invoke-Truth five-ports
            $trace | Stop-BindTrace
            Get-BindEvent -Trace $trace | Format-Call | Should -Be @($truth | Format-Call)
            Get-BindEvent -Trace $trace | Should -BeNullOrEmpty
        }

        It 'Takes traces <How>' -TestCases @(
            @{ How = 'by parameter'; Read = { Get-BindEvent -Trace $one, $two } }
            @{ How = 'from the pipeline'; Read = { $one, $two | Get-BindEvent } }
            @{ How = 'by name'; Read = { Get-BindEvent -Name one, two } }
            @{ How = 'by pattern'; Read = { Get-BindEvent -Name '*' } }
            @{ How = 'from Get-BindTrace'; Read = { Get-BindTrace | Get-BindEvent } }
        ) {
            $one = Start-BindTrace -Name one -Comm $truthComm -Port 20510-20512
            $two = Start-BindTrace -Name two -Comm $truthComm -Port 20512-20514
            $null = Invoke-Truth five-ports
            $one, $two | Stop-BindTrace
            $events = @(& $Read)
            $events.Port | Should -Be 20510, 20511, 20512, 20512, 20513, 20514
        }

        It 'Takes no more than -MaxEvents, and leaves the rest' {
            $trace = Start-BindTrace -Comm $truthComm
            $null = Invoke-Truth five-ports
            $trace | Stop-BindTrace
            ($trace | Get-BindEvent -MaxEvents 2).Port | Should -Be 20510, 20511
            $trace.Queued | Should -Be 3
            ($trace | Get-BindEvent).Port | Should -Be 20512, 20513, 20514
        }

        It 'Returns what a running trace has collected' {
            $trace = Start-BindTrace -Comm $truthComm
            $null = Invoke-Truth five-ports
            Wait-Until { $trace.Received -eq 5 }
            ($trace | Get-BindEvent).Port | Should -Be (20510..20514)
            $trace.State | Should -Be 'Running'
            $null = Invoke-Truth tcp4-loopback
            Wait-Until { $trace.Queued -eq 1 }
            ($trace | Get-BindEvent).Port | Should -Be 20021
        }

        It 'Ends under steady load, with the events so far' {
            $trace = Start-BindTrace -Comm $truthComm -MaxQueued 2000
            $load = Start-Program $global:BindSnoopTests.Truth, load, --seconds, 600
            try {
                Wait-Until { $trace.Queued -ge 2000 }
                $result = Start-Traced -Traces 0 -Parameter @{ Trace = $trace } { param($Trace) Get-BindEvent -Trace $Trace | ForEach-Object { Start-Sleep -Milliseconds 1; $_ } } | Complete-Traced -Seconds 60
                $result.Failure | Should -BeNullOrEmpty
                $result.Output | Should -HaveCount 2000
                $trace.State | Should -Be 'Running'
                # More than could be fetched.
                "$($result.Warnings)" | Should -Match "^\d+ calls are missing from what the trace '$($trace.Name)' collected: .*-MaxQueued"
            }
            finally {
                $load.Kill()
                $load.Dispose()
                $trace | Remove-BindTrace
            }
        }

        It '-Wait follows until the trace is stopped: <How>' -TestCases @(
            @{ How = 'one trace'; Names = @('one') }
            @{ How = 'several'; Names = @('one', 'two') }
        ) {
            foreach ($name in $Names) {
                $null = Start-BindTrace -Name $name -Comm $truthComm -Port ($name -eq 'one' ? '20510-20514' : '20021')
            }
            $null = Invoke-Truth five-ports
            $traced = Start-Traced -Traces 0 -Parameter @{ Names = $Names } { param($Names) Get-BindEvent -Name $Names -Wait }
            try {
                # Events from before, and those that arrive during the wait.
                Wait-Until { $traced.Output.Count -eq 5 }
                $null = Invoke-Truth five-ports tcp4-loopback
                Wait-Until { $traced.Output.Count -eq 9 + $Names.Count }
                $traced.Handle.IsCompleted | Should -BeFalse
                $null = Invoke-Truth five-ports
                Stop-BindTrace -Name $Names
            }
            finally {
                $result = $traced | Complete-Traced
            }
            $result.Failure | Should -BeNullOrEmpty
            $result.Output.Count | Should -Be (14 + $Names.Count)
            @($result.Output | Where-Object Port -NE 20021).Port | Should -Be (@(20510..20514) * 3)
        }

        It '-Wait ends with -MaxEvents, and the trace continues' {
            $trace = Start-BindTrace -Comm $truthComm
            $traced = Start-Traced -Traces 0 -Parameter @{ Trace = $trace } { param($Trace) $Trace | Get-BindEvent -Wait -MaxEvents 3 }
            $null = Invoke-Truth five-ports
            ($traced | Complete-Traced).Output.Port | Should -Be 20510, 20511, 20512
            $trace.State | Should -Be 'Running'
            Wait-Until { $trace.Queued -eq 2 }
        }

        It '-Wait ends when its pipeline is stopped or the trace is removed: <How>' -TestCases @{ How = 'stopped' }, @{ How = 'removed' } {
            $trace = Start-BindTrace -Comm $truthComm
            $traced = Start-Traced -Traces 0 -Parameter @{ Trace = $trace } { param($Trace) 'begins'; $Trace | Get-BindEvent -Wait }
            Wait-Until { $traced.Output.Count -eq 1 }
            $traced.Handle.IsCompleted | Should -BeFalse
            if ($How -eq 'removed') {
                $trace | Remove-BindTrace
            }
            $result = $traced | Complete-Traced -Stop:($How -eq 'stopped')
            $result.Failure | Should -Not -BeLike '*did not end*'
        }

        It 'Ends with Select-Object -First 1' {
            $trace = Start-BindTrace -Comm $truthComm
            $null = Invoke-Truth five-ports
            Wait-Until { $trace.Queued -eq 5 }
            ($trace | Get-BindEvent -Wait | Select-Object -First 1).Port | Should -Be 20510
            $trace.Queued | Should -Be 4
        }

        It 'Reports that a trace in Count mode has no events' {
            $trace = Start-BindTrace -Name counts -Mode Count
            $record = Get-OnlyError { $trace | Get-BindEvent }
            Assert-Error $record -Id NotCollecting -Category InvalidOperation -Target 'counts' -Advice 'Get-BindCount'
        }
    }

    Context 'Other messages' {
        It '-Verbose shows the back end, and why others were not used' {
            $result = Invoke-Traced { Get-BindEvent -Duration 0.1 -Verbose } { }
            $backends = $global:BindSnoopTests.Backends
            $said = @($result.Verbose | ForEach-Object { "$_" } | Where-Object { $_ -match 'back end' })
            $said[-1] | Should -BeIn @($backends | Where-Object Usable | ForEach-Object { "Tracing through the $($_.Backend) back end." })
            $reasons = @(
                foreach ($support in $backends) {
                    # A usable one is not used if others lose nothing.
                    "The $($support.Backend) back end is not used: $($support.Usable ? 'This kernel preempts:*' : $support.Reason)"
                }
            )
            foreach ($line in $said | Select-Object -SkipLast 1) {
                @($reasons | Where-Object { $line -like $_ }) | Should -HaveCount 1
            }
            # Where the kernel preempts, Cgroup and Kprobe come before Fentry, which may then be named or not.
            $said.Count | Should -BeIn ($said[-1] -match 'Tracepoint' ? 4 : $said[-1] -match 'Cgroup' ? 1, 2, 3 : $said[-1] -match 'Kprobe' ? 2, 3 : 1, 3)
            @($said | Select-Object -Unique) | Should -HaveCount $said.Count
        }

        It 'Uses the requested back end: <_>' -ForEach 'Fentry', 'Kprobe', 'Cgroup', 'Tracepoint' {
            $backend = $_
            $support = $global:BindSnoopTests.Backends | Where-Object { "$($_.Backend)" -eq $backend }
            if (-not $support.Usable) {
                Skip-Test -Because "$backend does not work here: $($support.Reason)"
            }
            $result = Invoke-Traced { param($Comm, $Backend) Get-BindEvent -Comm $Comm -MaxEvents 2 -IncludeError -Backend $Backend -Verbose } -Parameter @{ Comm = $truthComm; Backend = $backend } {
                Invoke-Truth eaddrinuse-tcp4
            }
            $result.Output | Format-Call | Should -Be @($result.Truth | Format-Call)
            $result.Output.Backend | Should -Be $backend, $backend
            @($result.Verbose | ForEach-Object { "$_" } | Where-Object { $_ -match 'back end' }) | Should -Be "Tracing through the $backend back end."
        }

        It 'Warns of lost events, with their number: <How>' -TestCases @(
            @{ How = 'at the end of -Duration'; Ends = @{ Duration = 3 } }
            # Fewer than arrive before the rest is lost.
            @{ How = 'at the end of -MaxEvents'; Ends = @{ MaxEvents = 10 } }
        ) {
            Invoke-Exact {
                # A small buffer, emptied every millisecond.
                $result = Invoke-Traced -Parameter @{ Comm = $truthComm; Ends = $Ends } {
                    param($Comm, $Ends)
                    Get-BindEvent -Comm $Comm -BufferSize 4096 @Ends | ForEach-Object { if ($Ends.MaxEvents) { Start-Sleep -Milliseconds 100 }; $_ }
                } {
                    Invoke-Load -Count 20000
                }
                $made = $result.Truth[0].made
                $received = $result.Output.Count
                $received | Should -BeGreaterThan 0
                $received | Should -BeLessThan $made
                "$($result.Warnings[-1])" | Should -Match '^\d+ calls were lost in all, of \d+: .*-BufferSize'
                $lost = [long]("$($result.Warnings[-1])" -replace ' .*')
                if ($Ends.Duration) {
                    $lost | Should -Be ($made - $received)
                }
                else {
                    $lost | Should -BeGreaterThan 0
                    $lost | Should -BeLessOrEqual ($made - $received)
                }
            }
        }

        It 'Reports the total of lost events after <How>' -TestCases @(
            @{ How = 'Select-Object -First'; Script = { param($Comm) Get-BindEvent -Comm $Comm -BufferSize 4096 | Select-Object -First 3000 } }
            @{ How = 'an exception downstream'; Script = { param($Comm) $n = 0; Get-BindEvent -Comm $Comm -BufferSize 4096 | ForEach-Object { if (++$n -eq 3000) { throw 'enough' } } } }
            @{ How = 'an error downstream that stops'; Script = { param($Comm) $n = 0; Get-BindEvent -Comm $Comm -BufferSize 4096 | ForEach-Object { if (++$n -eq 3000) { Write-Error enough -ErrorAction Stop } } } }
            @{ How = 'a break downstream'; Script = { param($Comm) $n = 0; foreach ($i in 1) { Get-BindEvent -Comm $Comm -BufferSize 4096 | ForEach-Object { if (++$n -eq 3000) { break } } } } }
            @{ How = 'Ctrl-C'; Script = { param($Comm) Get-BindEvent -Comm $Comm -BufferSize 4096 }; Stop = $true }
        ) {
            $traced = Start-Traced $Script -Parameter @{ Comm = $truthComm }
            try {
                $null = Invoke-Load -Count 100000 -Threads 2
            }
            finally {
                $result = $traced | Complete-Traced -Stop:([bool]$Stop)
            }
            "$($result.Warnings[-1])" | Should -Match '^\d+ calls were lost in all, of \d+: .*-BufferSize'
            @($result.Warnings -like '*in all*') | Should -HaveCount 1
        }

        It 'Does not warn if warnings are off, even when stopped' {
            $traced = Start-Traced { param($Comm) Get-BindEvent -Comm $Comm -BufferSize 4096 -WarningAction SilentlyContinue } -Parameter @{ Comm = $truthComm }
            try {
                $null = Invoke-Load -Count 20000
            }
            finally {
                $result = $traced | Complete-Traced -Stop
            }
            $result.Warnings | Should -BeNullOrEmpty
        }

        It 'Warns of lost events while the trace runs, and again when more are lost' {
            $traced = Start-Traced { param($Comm) Get-BindEvent -Comm $Comm -BufferSize 4096 } -Parameter @{ Comm = $truthComm }
            try {
                foreach ($number in 1..2) {
                    Wait-Until {
                        $null = Invoke-Load -Count 20000
                        $traced.Shell.Streams.Warning.Count -ge $number
                    }
                }
                $traced.Handle.IsCompleted | Should -BeFalse
            }
            finally {
                $result = $traced | Complete-Traced -Stop
            }
            $result.Warnings.Count | Should -BeGreaterOrEqual 3
            $result.Warnings | Select-Object -SkipLast 1 | ForEach-Object { "$_" | Should -Match '^\d+ calls were lost so far: ' }
            $numbers = @($result.Warnings | ForEach-Object { [long]("$_" -replace ' .*') })
            $numbers | Should -Be @($numbers | Sort-Object)
            $numbers[1] | Should -BeGreaterThan $numbers[0]
        }

        It 'Loses nothing if the pipeline is slower than the binds' {
            Invoke-Exact {
                $traced = Start-Traced { param($Comm) $n = 0; Get-BindEvent -Comm $Comm -Verbose | ForEach-Object { $n++; if ($n -le 400) { Start-Sleep -Milliseconds 10 } ; if ($n -eq 200000) { $n } } | Select-Object -First 1 } -Parameter @{ Comm = $truthComm }
                $made = (Invoke-Load -Count 200000 -Threads 2).made
                $result = $traced | Complete-Traced -Seconds 120
                $result.Failure | Should -BeNullOrEmpty
                $result.Output | Should -Be $made
                $result.Warnings | Should -BeNullOrEmpty
                # More than fits into the buffer.
                $said = @($result.Verbose | ForEach-Object { "$_" }) -match 'waited in memory'
                [long]($said[-1] -replace '\D') | Should -BeGreaterThan 80000
            }
        }

        It 'Ends as documented: <Form>' -TestCases @(
            @{ Form = 'Get-BindEvent -Comm COMM | Select-Object -First 1 | head -n 1' }
            @{ Form = 'Get-BindEvent -Comm COMM -MaxEvents 1 | head -n 1' }
            @{ Form = 'Get-BindEvent -Comm COMM | Select-Object -First 1' }
        ) {
            $traced = Start-Traced { param($Form, $Comm) Invoke-Expression ($Form -replace 'COMM', $Comm) } -Parameter @{ Form = $Form; Comm = $truthComm }
            $null = Invoke-Load -Count 1000
            ($traced | Complete-Traced).Failure | Should -BeNullOrEmpty
        }

        It 'Does not warn if nothing was lost' {
            Invoke-Exact {
                $result = Invoke-Traced -Parameter @{ Comm = $truthComm } { param($Comm) Get-BindEvent -Comm $Comm -MaxEvents 5000 } {
                    Invoke-Load -Count 5000
                }
                $result.Output.Count | Should -Be 5000
                $result.Warnings.Count | Should -Be 0
            }
        }
    }

    Context 'Wrong input' {
        It 'Refuses <What>' -TestCases $wrongFilters {
            Assert-Refused { param($p) Get-BindEvent @p -Duration 5 } -Case $_
        }

        It 'Refuses <What>' -TestCases $unboundFilters {
            Assert-NotBound { param($p) Get-BindEvent @p -Duration 5 } -Case $_
        }

        It 'Refuses <What>' -TestCases $wrongSizes {
            Assert-Refused { param($p) Get-BindEvent @p -Duration 5 } -Case $_
        }

        It 'Refuses a duration: <What>' -TestCases $wrongDurations {
            $record = Get-OnlyError { Get-BindEvent -Duration $Duration }
            $record.FullyQualifiedErrorId | Should -Be 'InvalidDuration,BindSnoop.PowerShell.GetBindEventCommand'
            $record.CategoryInfo.Category | Should -Be 'InvalidArgument'
            $record.TargetObject | Should -BeOfType ([timespan])
            $record.ErrorDetails.RecommendedAction | Should -Match 'at most 24 days'
        }

        It 'Refuses an invalid duration' {
            $record = Get-OnlyError { Get-BindEvent -Duration soon }
            $record.FullyQualifiedErrorId | Should -BeLike 'CannotConvertArgumentNoMessage,BindSnoop.PowerShell.*'
        }

        It 'Refuses -MaxEvents <_>' -ForEach 0, -1 {
            $record = Get-OnlyError { Get-BindEvent -MaxEvents $_ }
            $record.FullyQualifiedErrorId | Should -BeLike 'ParameterArgumentValidationError,BindSnoop.PowerShell.*'
        }

        It 'Refuses back ends that do not work here' {
            Assert-BackendsRefused { param($p) Get-BindEvent @p -Duration 5 }
        }

        It 'Refuses a trace that does not exist' {
            $record = Get-OnlyError { Get-BindEvent -Name nobody }
            Assert-Error $record -Id TraceNotFound -Category ObjectNotFound -Target 'nobody' -Advice 'Start-BindTrace'
        }

        It 'Passes its error to -ErrorVariable, and stops only the statement' {
            $after = $false
            try {
                Get-BindEvent -Port 65536 -ErrorVariable kept
                $after = $true
            }
            catch {
                $caught = $_
            }
            $kept.Count | Should -Be 1
            $caught.FullyQualifiedErrorId | Should -Be 'InvalidPort,BindSnoop.PowerShell.GetBindEventCommand'
            $after | Should -BeFalse

            Get-BindEvent -Name nobody -ErrorVariable kept -ErrorAction SilentlyContinue
            $kept.Count | Should -Be 1
            $kept[0].FullyQualifiedErrorId | Should -Be 'TraceNotFound,BindSnoop.PowerShell.GetBindEventCommand'
            { Get-BindEvent -Name nobody -ErrorAction Stop } | Should -Throw -ErrorId 'TraceNotFound,BindSnoop.PowerShell.GetBindEventCommand'
        }
    }
}
