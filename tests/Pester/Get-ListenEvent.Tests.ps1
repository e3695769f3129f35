BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'filters.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'errors.ps1'))
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'filters.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'errors.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }

    # The same text of truth lines and of events.
    function Format-Listen {
        param([Parameter(ValueFromPipeline)] $Listen)
        process {
            if ($Listen.PSObject.Properties['case']) {
                '{0} {1} {2}:{3} {4} {5} {6} {7}' -f $Listen.pid, $Listen.protocol, $Listen.address, $Listen.port, $Listen.backlog, $Listen.limit, $Listen.implicit, [int]$Listen.error
            }
            else {
                '{0} {1} {2}:{3} {4} {5} {6} {7}' -f $Listen.ProcessId, $Listen.ProtocolNumber, $Listen.Address, $Listen.Port, $Listen.Backlog, $Listen.BacklogLimit, $Listen.Implicit, $Listen.ErrorCode
            }
        }
    }
}

Describe 'Get-ListenEvent' {
    BeforeEach {
        Skip-WithoutTracing
    }

    AfterEach {
        Assert-NothingAttached
    }

    Context 'Filters' {
        BeforeAll {
            if ($global:BindSnoopTests.WhyNot) {
                return
            }

            # Others may listen on this machine, too.
            $cases = foreach ($case in $listenCases) {
                @{ Name = $case.Name; Parameter = $case.Parameter + @{ Comm = $truthComm } }
            }
            $calls = 'listen-tcp4', 'listen-tcp6', 'listen-any', 'listen-implicit4', 'listen-other-user', 'listen-eaddrinuse', 'listen-eopnotsupp'
            $results = Invoke-LiveFilter -Command Get-ListenEvent -Case $cases -Calls $calls -Verb listen
        }

        It 'Shows matching calls and no others: <Name>' -TestCases $listenCases {
            $result = $results[$Name]
            $including = $Parameter.IncludeError
            $expected = @($result.Truth | Where-Object { $including -or $_.error -eq 0 } | Where-Object $Wanted | Format-Listen)
            $expected.Count | Should -BeGreaterThan 0
            if (-not $PassesAll) {
                $expected.Count | Should -BeLessThan @($result.Truth | Where-Object error -EQ 0).Count
            }
            @($result.Output | Format-Listen) -join "`n" | Should -Be ($expected -join "`n")
        }
    }

    It 'Reports the right values for every listen' {
        $result = Invoke-Traced { param($Comm, $Seconds) Get-ListenEvent -Comm $Comm -IncludeError -Duration $Seconds } -Parameter @{ Comm = $truthComm } -Seconds 1 {
            Invoke-Truth listen-tcp4 listen-any listen-device listen-implicit4 listen-backlogs listen-again listen-other-user listen-eaddrinuse -Verb listen
        }
        $result.Output.Count | Should -Be $result.Truth.Count
        for ($i = 0; $i -lt $result.Truth.Count; $i++) {
            $event = $result.Output[$i]
            $line = $result.Truth[$i]
            $event.PSObject.TypeNames | Should -Contain 'BindSnoop.ListenEvent'
            $event.ProcessId | Should -Be $line.pid
            $event.ThreadId | Should -Be $line.tid
            $event.Uid | Should -Be $line.uid
            $event.Comm | Should -BeExactly $line.comm
            $event.Protocol | Should -BeExactly 'TCP'
            $event.AddressFamily | Should -BeExactly $line.family
            $event.LocalAddress | Should -BeExactly $line.address
            $event.LocalPort | Should -Be $line.port
            $event.Backlog | Should -Be $line.backlog
            $event.BacklogLimit | Should -Be $line.limit
            $event.Implicit | Should -Be $line.implicit
            $event.AlreadyListening | Should -Be $line.already
            $event.OptionString | Should -BeExactly $line.options
            $event.InterfaceIndex | Should -Be $line.ifindex
            $event.ErrorName | Should -BeExactly "$($line.errorName)"
            $event.NetworkNamespace | Should -Be $line.socketNetns
            $event.Inode | Should -Be $line.inode
        }
        $result.Truth[-1].errorName | Should -Be 'EADDRINUSE'
    }

    It 'Follows a server from bind to accept by the inode' {
        $trace = Start-BindTrace -ProcessId $PID
        $result = Invoke-Traced { param($Id) Get-ListenEvent -ProcessId $Id -MaxEvents 1 } -Parameter @{ Id = $PID } {
            $listener = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
            $listener.Start(7)
            $listener.LocalEndpoint.Port
            (Get-BindSocket -Port $listener.LocalEndpoint.Port).Inode
            $listener.Stop()
        }
        $trace | Stop-BindTrace
        $listen = $result.Output[0]
        $port, $inode = $result.Truth
        $listen.Port, $listen.Backlog, $listen.BacklogLimit, $listen.Inode | Should -Be $port, 7, 7, $inode
        $bind = Get-BindEvent -Trace $trace | Where-Object Inode -EQ $listen.Inode
        $bind.Port | Should -Be $port
        $bind.KernelTime | Should -BeLessThan $listen.KernelTime
    }

    It 'Ends after -MaxEvents' {
        $result = Invoke-Traced { param($Comm) Get-ListenEvent -Comm $Comm -MaxEvents 2 } -Parameter @{ Comm = $truthComm } {
            Invoke-Truth listen-backlogs -Verb listen
        }
        $result.Output | Format-Listen | Should -Be @($result.Truth[0..1] | Format-Listen)
    }

    It 'Ends after -Duration <_>' -ForEach '00:00:01', 0.5 {
        $clock = [System.Diagnostics.Stopwatch]::StartNew()
        Get-ListenEvent -Duration $_ -Comm nobody | Should -BeNullOrEmpty
        $clock.Elapsed.TotalSeconds | Should -BeGreaterThan 0.45
        $clock.Elapsed.TotalSeconds | Should -BeLessThan 15
    }

    It 'Takes processes from the pipeline, and traces no others' {
        $clock = [System.Diagnostics.Stopwatch]::StartNew()
        @() | Get-ListenEvent -Duration 20 | Should -BeNullOrEmpty
        $clock.Elapsed.TotalSeconds | Should -BeLessThan 20
    }

    It 'Shows the back end with -Verbose, and takes one by name' {
        foreach ($support in $global:BindSnoopTests.Backends | Where-Object { $_.Usable -and $_.Backend -ne 'Cgroup' }) {
            $result = Invoke-Traced { param($Backend) Get-ListenEvent -Backend $Backend -Comm nobody -Duration 0.1 } -Parameter @{ Backend = $support.Backend } { }
            "$($result.Verbose)" | Should -BeLike "*Tracing through the $($support.Backend) back end.*"
        }
    }

    It 'Is flat in CSV and JSON' {
        $result = Invoke-Traced { param($Comm) Get-ListenEvent -Comm $Comm -MaxEvents 1 } -Parameter @{ Comm = $truthComm } {
            Invoke-Truth listen-tcp4 -Verb listen
        }
        $result.Output | ConvertTo-Json | ConvertFrom-Json | Format-Listen | Should -Be @($result.Truth | Format-Listen)
        $result.Output | ConvertTo-Csv | ConvertFrom-Csv | Format-Listen | Should -Be @($result.Truth | Format-Listen)
    }

    Context 'Shown' {
        BeforeAll {
            function Format-Shown {
                param([Parameter(ValueFromPipeline)] $InputObject)
                @($input | Out-String -Width 200 -Stream | Where-Object { $_ }) -replace '\s+', ' ' -replace '^ | $'
            }
        }

        It 'Has the columns of solisten' {
            $result = Invoke-Traced { param($Comm) Get-ListenEvent -Comm $Comm -MaxEvents 2 } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth listen-tcp4 listen-tcp6 -Verb listen
            }
            $lines = $result.Output | Format-Shown
            $lines[0] | Should -BeExactly 'PID COMM NETNS PROTO BACKLOG PORT ADDR'
            $lines[-2..-1] | Should -Be @(
                '{0} {1} {2} TCP 5 21200 127.0.0.1' -f $result.Truth[0].pid, $truthComm, $result.Truth[0].socketNetns
                '{0} {1} {2} TCP 5 21201 ::1' -f $result.Truth[1].pid, $truthComm, $result.Truth[1].socketNetns
            )
        }

        It 'Has the result in the first column with -IncludeError' {
            $result = Invoke-Traced { param($Comm) Get-ListenEvent -Comm $Comm -IncludeError -MaxEvents 2 } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth listen-eaddrinuse -Verb listen
            }
            $lines = $result.Output | Format-Shown
            $lines[0] | Should -BeExactly 'RC PID COMM NETNS PROTO BACKLOG PORT ADDR'
            $lines[-2] | Should -Be ('0 {0} {1} {2} TCP 5 21236 127.0.0.1' -f $result.Truth[0].pid, $truthComm, $result.Truth[0].socketNetns)
            $lines[-1] | Should -Be ('98 {0} {1} {2} TCP 70000 21236 127.0.0.1' -f $result.Truth[1].pid, $truthComm, $result.Truth[1].socketNetns)
        }

        It 'Escapes control characters in names' {
            $result = Invoke-Traced { Get-ListenEvent -Port 21232 -MaxEvents 1 } { Invoke-Truth listen-comm -Verb listen }
            $shown = $result.Output | Out-String -Width 200
            $shown.Contains(' \x1b[31m"\\\x') | Should -BeTrue -Because $shown
            $shown.Contains("`e") | Should -BeFalse
        }
    }

    Context 'Explanations' {
        BeforeEach {
            Skip-WithoutTracing
        }

        It 'Names the listening socket, in its own view, in CSV and in JSON' {
            # With SO_REUSEADDR, which .NET sets, both may bind.
            $first, $second = 1..2 | ForEach-Object { [Net.Sockets.Socket]::new('InterNetwork', 'Stream', 'Tcp') }
            try {
                $first.Bind([Net.IPEndPoint]::new([ipaddress]::Loopback, 0))
                $second.Bind($first.LocalEndPoint)
                $port = $first.LocalEndPoint.Port
                $result = Invoke-Traced { param($Id) Get-ListenEvent -Explain -ProcessId $Id -MaxEvents 2 } -Parameter @{ Id = $PID } {
                    $first.Listen(1)
                    { $second.Listen(1) } | Should -Throw
                }
                $good, $failed = $result.Output
                $good.Cause, $good.Explanation, $good.Holders | Should -Be $null, $null, $null
                $good.PortChosen | Should -BeTrue
                $failed.ErrorName, $failed.Cause, $failed.PortChosen | Should -BeExactly EADDRINUSE, Listening, $false
                $failed.Holders.ProcessId, $failed.Holders.Port, $failed.Holders.Inode | Should -Be $PID, $port, $good.Inode
                $failed.Explanation | Should -Match "\(pid $PID[,)].*listens on TCP 127\.0\.0\.1:$port; .*\.$"
                $text = $failed | Out-String -Width 400
                $text | Should -Match '(?m)^ *RC +PID +COMM +PROTO +PORT +ADDR +CAUSE +EXPLANATION *$'
                $text | Should -Match "(?m)^ *\S+ +$PID .*$port .*Listening +\S.*listens on"
                [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($failed)) |
                    Out-String -Width 400 | Should -BeExactly $text
                ($failed | ConvertTo-Csv | ConvertFrom-Csv).Cause | Should -BeExactly Listening
                ($failed | ConvertTo-Json -Depth 4 | ConvertFrom-Json).Holders[0].ProcessId | Should -Be $PID
                ($failed | Format-List | Out-String -Width 400) | Should -Match '(?m)^Cause +: Listening'
            }
            finally {
                $first.Dispose()
                $second.Dispose()
            }
        }
    }

    Context 'Wrong input' {
        It 'Refuses <What>' -TestCases ($wrongFilters + $wrongSizes) {
            Assert-Refused { param($p) Get-ListenEvent @p -Duration 5 } -Case $_
        }

        It 'Refuses the Cgroup back end' {
            $record = Get-OnlyError { Get-ListenEvent -Backend Cgroup -Duration 5 }
            Assert-Error $record -Id NoCgroupPrograms -Category InvalidArgument -Target $null -Advice 'another back end'
        }

        It 'Refuses a duration: <What>' -TestCases $wrongDurations {
            $record = Get-OnlyError { Get-ListenEvent -Duration $Duration }
            $record.FullyQualifiedErrorId | Should -Be 'InvalidDuration,BindSnoop.PowerShell.GetListenEventCommand'
        }
    }
}
