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
}

Describe 'Start-BindTrace' {
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

            # Many traces at once see the same binds.
            $results = @{}
            foreach ($batch in Split-Batch $filterCases) {
                $traces = foreach ($case in $batch) {
                    $parameter = $case.Parameter
                    Start-BindTrace -Name $case.Name -BufferSize 262144 @parameter
                }
                try {
                    $truth = Invoke-Truth $filterTruth
                }
                finally {
                    $traces | Stop-BindTrace
                }
                foreach ($trace in $traces) {
                    $results[$trace.Name] = @{ Truth = $truth; Seen = Format-Event -Event (Get-BindEvent -Trace $trace) -Truth $truth }
                }
                $traces | Remove-BindTrace
            }
        }

        It 'Shows matching calls and no others: <Name>' -TestCases $filterCases {
            $result = $results[$Name]
            Assert-Filter -Truth $result.Truth -Case $_ -Seen $result.Seen
        }
    }
    Context 'Processes from the pipeline' {
        It 'Traces only these' {
            $trace = Get-Process -Id $PID | Start-BindTrace
            $null = Invoke-Truth five-ports
            $socket = [System.Net.Sockets.UdpClient]::new([System.Net.IPEndPoint]::new([ipaddress]::Loopback, 0))
            $port = $socket.Client.LocalEndPoint.Port
            $socket.Dispose()
            $trace | Stop-BindTrace
            $events = @($trace | Get-BindEvent)
            $events.ProcessId | Should -Be $PID
            $events.Port | Should -Be $port
        }

        It 'Traces nothing, rather than everything, if there are none' {
            Get-Process -Id 2147483647 -ErrorAction Ignore | Start-BindTrace | Should -BeNullOrEmpty
            Get-BindTrace | Should -BeNullOrEmpty
        }
    }

    Context 'Explanations' {
        It 'Explains what is fetched later, and shows it' {
            $result = Invoke-BackgroundTrace @{ Explain = $true; Comm = $truthComm } tcp4-loopback, eaddrinuse-tcp4
            $result.Events.Count | Should -Be $result.Truth.Count
            $failed = @($result.Events | Where-Object ErrorName -EQ EADDRINUSE)
            $failed.Count | Should -Be 1
            $failed.Cause | Should -BeIn Bound, HolderGone
            $result.Trace.NotExplained | Should -Be 0
            $failed | Out-String -Width 400 | Should -Match "(?m) $($failed.Cause) +\S.*\."
            $result.Trace | Remove-BindTrace
        }

        It 'Serves metrics to Prometheus until it is removed: <_>' -ForEach 'Event', 'Count' {
            $free = [Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
            $free.Start()
            $port = $free.LocalEndpoint.Port
            $taken = Get-OnlyError { Start-BindTrace -PrometheusAddress $port }
            Assert-Error $taken -Id EndpointNotAvailable -Category ResourceUnavailable -Target $free.LocalEndpoint -Advice 'another port'
            Get-BindTrace | Should -BeNullOrEmpty
            $free.Stop()
            $trace = Start-BindTrace -ProcessId $PID -Mode $_ -PrometheusAddress "127.0.0.1:$port"
            1..3 | ForEach-Object { [Net.Sockets.UdpClient]::new([Net.IPEndPoint]::new([ipaddress]::Loopback, 0)).Dispose() }
            $trace | Stop-BindTrace
            (Invoke-WebRequest "http://127.0.0.1:$port/metrics").Content |
                Should -Match "(?m)^bindsnoop_binds_total\{bindsnoop_trace=""$($trace.Name)"",network_transport=""udp"",network_type=""ipv4"",result=""success""\} 3$"
            $trace | Remove-BindTrace
            { Invoke-WebRequest "http://127.0.0.1:$port/metrics" } | Should -Throw
        }

        It 'Counts failures that were not explained' {
            $trace = Start-BindTrace -Explain -Comm $truthComm
            $load = Invoke-Load -Count 20000 -Fail
            $trace | Stop-BindTrace
            $trace.Dropped | Should -Be 0
            $events = @($trace | Get-BindEvent | Where-Object ErrorCode)
            $events.Count | Should -Be $load.failed
            $trace.NotExplained | Should -BeGreaterThan 0
            @($events | Where-Object Cause -EQ Unknown).Count | Should -Be $trace.NotExplained
            $trace | Remove-BindTrace
        }
    }

    Context 'Existing sockets' {
        It 'Come first, once, and marked, even if bound while the trace starts' {
            $address = [Net.IPEndPoint]::new([ipaddress]::Loopback, 0)
            $before = [Net.Sockets.UdpClient]::new($address)
            try {
                $trace = Start-BindTrace -IncludeExisting -ProcessId $PID
                $after = [Net.Sockets.UdpClient]::new($address)
                $ports = $before.Client.LocalEndPoint.Port, $after.Client.LocalEndPoint.Port
                $trace | Stop-BindTrace
                $events = @($trace | Get-BindEvent)
            }
            finally {
                $before.Dispose()
                if ($after) { $after.Dispose() }
            }
            $old, $new = foreach ($port in $ports) { , @($events.Where{ $_.Port -eq $port -and $_.Protocol -eq 'UDP' }) }
            $old.Existing | Should -Be $true
            $new.Existing | Should -Be $false
            $events.IndexOf($old[0]) | Should -BeLessThan $events.IndexOf($new[0])
        }

        It 'Are not included by default' {
            $before = [Net.Sockets.UdpClient]::new([Net.IPEndPoint]::new([ipaddress]::Loopback, 0))
            try {
                $trace = Start-BindTrace -ProcessId $PID
                $trace | Stop-BindTrace
                $trace | Get-BindEvent | Should -BeNullOrEmpty
            }
            finally {
                $before.Dispose()
            }
        }

        It 'Cannot be counted' {
            { Start-BindTrace -IncludeExisting -Mode Count } | Should -Throw '-IncludeExisting cannot be combined with -Mode Count.'
        }
    }

    Context 'Cgroups' {
        AfterAll {
            Remove-Cgroup
        }

        It 'Traces a cgroup with all below it, and no others: <How>' -TestCases @(
            @{ How = 'path in the hierarchy'; Path = { $cgroup.Root + '/outer' }; Wanted = 'outer', 'inner' }
            @{ How = 'path in the file system'; Path = { $cgroup.Mount + $cgroup.Root + '/outer' }; Wanted = 'outer', 'inner' }
            @{ How = 'the inner one'; Path = { $cgroup.Root + '/outer/inner' }; Wanted = @('inner') }
            @{ How = 'two'; Path = { ($cgroup.Root + '/outer/inner'), ($cgroup.Root + '/beside') }; Wanted = 'inner', 'beside' }
            @{ How = 'the root'; Path = { '/' }; Wanted = 'outer', 'inner', 'beside', 'none' }
        ) {
            $cgroup = New-Cgroup outer, outer/inner, beside
            $trace = Start-BindTrace -Cgroup (& $Path)
            $where = @{}
            foreach ($name in @{ outer = 'outer' }, @{ inner = 'outer/inner' }, @{ beside = 'beside' }) {
                $key = @($name.Keys)[0]
                $where[$key] = Invoke-Truth tcp4-loopback -Through (Get-CgroupEntry "$($cgroup.Mount)$($cgroup.Root)/$($name[$key])")
            }
            $where.none = Invoke-Truth tcp4-loopback
            $trace | Stop-BindTrace
            $events = Get-BindEvent -Trace $trace
            $truth = $where.outer, $where.inner, $where.beside, $where.none
            Format-Event $events $truth | Should -Be @($truth | Where-Object { $line = $_; @($Wanted | Where-Object { $where[$_] -eq $line }) } | Format-Call)
            $where.inner.cgroupPath | Should -Be "$($cgroup.Root)/outer/inner"
            @($events | Where-Object ProcessId -EQ $where.inner.pid).CgroupPath | Should -Be "$($cgroup.Root)/outer/inner"
        }

        It 'Combines with other filters' {
            $cgroup = New-Cgroup outer, beside
            $trace = Start-BindTrace -Cgroup "$($cgroup.Root)/outer" -Port 20511-20512
            $inside = Invoke-Truth five-ports -Through (Get-CgroupEntry "$($cgroup.Mount)$($cgroup.Root)/outer")
            $beside = Invoke-Truth five-ports -Through (Get-CgroupEntry "$($cgroup.Mount)$($cgroup.Root)/beside")
            $trace | Stop-BindTrace
            $events = Get-BindEvent -Trace $trace
            Format-Event $events $inside | Should -Be @($inside[1, 2] | Format-Call)
            Format-Event $events $beside | Should -BeNullOrEmpty
        }

        It 'Takes containers, and not in Count mode' {
            $id = "$PID".PadLeft(64, '0')
            $cgroup = New-Cgroup $id, beside
            $trace = Start-BindTrace -Container $id.Substring(0, 12), nothing
            $inside = Invoke-Truth tcp4-loopback -Through (Get-CgroupEntry "$($cgroup.Mount)$($cgroup.Root)/$id")
            $beside = Invoke-Truth tcp4-loopback -Through (Get-CgroupEntry "$($cgroup.Mount)$($cgroup.Root)/beside")
            $trace | Stop-BindTrace
            $events = Get-BindEvent -Trace $trace
            Format-Event $events $inside | Should -Be @($inside | Format-Call)
            Format-Event $events $beside | Should -BeNullOrEmpty
            $record = Get-OnlyError { Start-BindTrace -Container web -Mode Count }
            Assert-Error $record -Id ContainerWithCount -Category InvalidArgument -Target $null -Advice 'cgroup'
        }

        It 'Refuses units that are not running' {
            $record = Get-OnlyError { Start-BindTrace -Unit no-such }
            Assert-Error $record -Id UnitNotFound -Category ObjectNotFound -Target 'no-such' -Advice 'systemctl'
        }

        It 'Takes no more than 64' {
            $cgroup = New-Cgroup outer
            $record = Get-OnlyError { Start-BindTrace -Cgroup (@("$($cgroup.Root)/outer") * 65) }
            Assert-Error $record -Id TooManyCgroups -Category InvalidArgument -Target 65 -Advice 'ancestor'
            (Start-BindTrace -Cgroup (@("$($cgroup.Root)/outer") * 64)).State | Should -Be 'Running'
        }
    }

    Context 'Pinned maps' {
        BeforeAll {
            $pins = [IO.Path]::Combine($TestDrive, 'bpf')
            $beside = [IO.Path]::Combine($TestDrive, 'beside')
        }

        BeforeEach {
            if (-not (Test-Path $pins)) {
                Mount-Bpf $pins
            }
        }

        AfterAll {
            if ($pins -and (Test-Path $pins)) {
                umount $pins
                Remove-Cgroup
            }
        }

        It 'Passes the cgroups that are in -CgroupMap at the time' {
            $cgroup = New-Cgroup outer, outer/inner
            $ids = @{}
            foreach ($name in 'outer', 'outer/inner') {
                $ids[$name] = [uint64](stat --format %i "$($cgroup.Mount)$($cgroup.Root)/$name")
            }
            $map = "$pins/cgroups"
            Invoke-BpfTool map create $map type hash key 8 value 8 entries 64 name cgroups
            $trace = Start-BindTrace -CgroupMap $map
            function Invoke-In {
                param($Name)
                Invoke-Truth tcp4-loopback -Through (Get-CgroupEntry "$($cgroup.Mount)$($cgroup.Root)/$Name")
            }
            function Set-In {
                param($Verb, $Name)
                $value = if ($Verb -eq 'update') { @('value') + (ConvertTo-HexByte 1) }
                Invoke-BpfTool map $Verb pinned $map key @(ConvertTo-HexByte $ids[$Name]) @value
            }
            $truth = @(
                Invoke-In outer
                Set-In update outer
                Invoke-In outer
                # A map has ids, and does not cover cgroups below.
                Invoke-In outer/inner
                Set-In update outer/inner
                Invoke-In outer/inner
                Set-In delete outer
                Invoke-In outer
                Invoke-In outer/inner
            )
            $trace | Stop-BindTrace
            Format-Event (Get-BindEvent -Trace $trace) $truth | Should -Be @($truth[1, 3, 5] | Format-Call)
        }

        It 'Passes the mount namespaces that are in -MountNamespaceMap at the time' {
            $map = "$pins/namespaces"
            Invoke-BpfTool map create $map type hash key 8 value 4 entries 64 name namespaces
            $own = @(ConvertTo-HexByte ([uint64](stat --dereference --format %i /proc/self/ns/mnt)))
            $trace = Start-BindTrace -MountNamespaceMap $map
            $truth = @(
                Invoke-Truth tcp4-loopback
                Invoke-BpfTool map update pinned $map key @own value 0x01 0x00 0x00 0x00
                Invoke-Truth tcp4-loopback
                Invoke-Truth other-mntns
                Invoke-BpfTool map delete pinned $map key @own
                Invoke-Truth tcp4-loopback
            )
            $trace | Stop-BindTrace
            $truth[2].mntns | Should -Not -Be $truth[1].mntns
            Format-Event (Get-BindEvent -Trace $trace) $truth | Should -Be @($truth[1] | Format-Call)
        }

        It 'Takes both, a path in the current directory, and other filters' {
            $namespaces = @(ConvertTo-HexByte ([uint64](stat --dereference --format %i /proc/self/ns/mnt)))
            $first = Invoke-Truth tcp4-loopback
            Invoke-BpfTool map create "$pins/both-namespaces" type hash key 8 value 4 entries 4 name both
            Invoke-BpfTool map create "$pins/both-cgroups" type hash key 8 value 8 entries 4 name both
            Invoke-BpfTool map update pinned "$pins/both-namespaces" key @namespaces value 0x01 0x00 0x00 0x00
            Push-Location $pins
            try {
                $trace = Start-BindTrace -CgroupMap ./both-cgroups -MountNamespaceMap both-namespaces -Port 20511
            }
            finally {
                Pop-Location
            }
            $without = Invoke-Truth five-ports
            Invoke-BpfTool map update pinned "$pins/both-cgroups" key @(ConvertTo-HexByte $first.cgroupId) value @(ConvertTo-HexByte 1)
            $with = Invoke-Truth five-ports
            $trace | Stop-BindTrace
            $events = Get-BindEvent -Trace $trace
            Format-Event $events $without | Should -BeNullOrEmpty
            Format-Event $events $with | Should -Be @($with[1] | Format-Call)
        }

        It 'Leaves the map and its contents unchanged' {
            $map = "$pins/stays"
            Invoke-BpfTool map create $map type hash key 8 value 8 entries 4 name stays
            Invoke-BpfTool map update pinned $map key @(ConvertTo-HexByte 4711) value @(ConvertTo-HexByte 1)
            Start-BindTrace -CgroupMap $map | Remove-BindTrace
            @(Invoke-BpfTool -j map dump pinned $map | ConvertFrom-Json | ForEach-Object { $_ }).Count | Should -Be 1
        }

        It 'Refuses a map with the wrong layout: -<Parameter>, <What>' -TestCases @(
            @{ Parameter = 'CgroupMap'; What = 'an array'; Type = 'array'; Key = 4; Value = 8 }
            @{ Parameter = 'CgroupMap'; What = 'keys of 4 bytes'; Type = 'hash'; Key = 4; Value = 8 }
            @{ Parameter = 'CgroupMap'; What = 'values of 4 bytes'; Type = 'hash'; Key = 8; Value = 4 }
            @{ Parameter = 'MountNamespaceMap'; What = 'values of 8 bytes'; Type = 'hash'; Key = 8; Value = 8 }
            @{ Parameter = 'MountNamespaceMap'; What = 'an LRU hash'; Type = 'lru_hash'; Key = 8; Value = 4 }
        ) {
            $map = "$pins/$($What -replace '\W')-$Parameter"
            Invoke-BpfTool map create $map type $Type key $Key value $Value entries 4 name misfit
            $arguments = @{ $Parameter = $map }
            $record = Get-OnlyError { Start-BindTrace @arguments }
            Assert-Error $record -Id PinnedMapMismatch -Category InvalidArgument -Target $map -Advice 'bpftool map create'
        }

        It 'Refuses anything but a map: <What>' -TestCases @(
            @{ What = 'a directory'; Path = { $pins } }
            @{ What = 'a file'; Path = { $null = New-Item $beside -Force; $beside } }
            @{ What = 'nothing'; Path = { "$pins/nothing" } }
        ) {
            $path = & $Path
            $record = Get-OnlyError { Start-BindTrace -CgroupMap $path }
            $record.FullyQualifiedErrorId | Should -Be 'PinnedMapNotFound,BindSnoop.PowerShell.StartBindTraceCommand'
            $record.CategoryInfo.Category | Should -BeIn 'ObjectNotFound', 'PermissionDenied', 'InvalidArgument'
            $record.TargetObject | Should -Be $path
            $record.ErrorDetails.RecommendedAction | Should -Match 'bpftool map create'
        }
    }

    Context 'Names' {
        It 'Makes one up if none is given' {
            $first = Start-BindTrace
            $second = Start-BindTrace
            $first.Name | Should -Match '^BindTrace\d+$'
            $second.Name | Should -Match '^BindTrace\d+$'
            $second.Name | Should -Not -Be $first.Name
        }

        It 'Takes each only once, in any case' {
            $first = Start-BindTrace -Name web
            $record = Get-OnlyError { Start-BindTrace -Name WEB }
            Assert-Error $record -Id TraceExists -Category ResourceExists -Target 'WEB' -Advice 'Remove-BindTrace'
            (Get-BindTrace).Count | Should -Be 1
            $first.State | Should -Be 'Running'
        }

        It 'Does not make up one that is taken' {
            $number = [int]((Start-BindTrace).Name -replace '\D')
            # Each trace uses up a number, named or not; the one after the next is free now.
            $null = Start-BindTrace -Name "BindTrace$($number + 2)"
            $record = @(Start-BindTrace)
            $record.Count | Should -Be 1
            $record[0].Name | Should -Match '^BindTrace\d+$'
        }

        It 'Refuses an empty one' {
            $record = Get-OnlyError { Start-BindTrace -Name '' }
            $record.FullyQualifiedErrorId | Should -BeLike 'ParameterArgumentValidationError,*'
        }
    }

    Context 'In the background' {
        It 'Returns a trace that is attached' {
            $trace = Start-BindTrace -Name a -Comm $truthComm
            $trace | Should -BeOfType ([BindSnoop.BindTrace])
            $trace.State | Should -Be 'Running'
            $trace.Mode | Should -Be 'Event'
            $truth = Invoke-Truth five-ports
            $trace | Stop-BindTrace
            $trace | Get-BindEvent | Format-Call | Should -Be @($truth | Format-Call)
        }

        It 'Counts received and queued events' {
            Invoke-Exact {
                $trace = Start-BindTrace -Comm $truthComm
                $null = Invoke-Truth five-ports
                Wait-Until { $trace.Received -eq 5 }
                $trace.Queued | Should -Be 5
                $null = $trace | Get-BindEvent -MaxEvents 2
                $trace.Received | Should -Be 5
                $trace.Queued | Should -Be 3
                $trace.Dropped | Should -Be 0
            }
        }

        It 'Survives the pipeline that started it' {
            $result = Start-Traced -Traces 1 -Parameter @{ Comm = $truthComm } { param($Comm) Start-BindTrace -Name survivor -Comm $Comm | Select-Object -First 1 } | Complete-Traced
            $result.Failure | Should -BeNullOrEmpty
            $truth = Invoke-Truth five-ports
            $trace = Get-BindTrace survivor
            $trace | Stop-BindTrace
            $trace | Get-BindEvent | Format-Call | Should -Be @($truth | Format-Call)
        }

        It 'Runs several with different filters side by side' {
            $traces = @(
                Start-BindTrace -Name tcp -Comm $truthComm -Protocol TCP
                Start-BindTrace -Name udp -Comm $truthComm -Protocol UDP
                Start-BindTrace -Name ipv6 -Comm $truthComm -AddressFamily IPv6
                Start-BindTrace -Name errors -Comm $truthComm -IncludeError
                Start-BindTrace -Name count -Comm $truthComm -Mode Count
            )
            $truth = Invoke-Truth tcp4-loopback udp4-loopback tcp6-loopback udp6-loopback eaddrnotavail4
            $traces | Stop-BindTrace
            Get-BindEvent -Name tcp | Format-Call | Should -Be @($truth[0, 2] | Format-Call)
            Get-BindEvent -Name udp | Format-Call | Should -Be @($truth[1, 3] | Format-Call)
            Get-BindEvent -Name ipv6 | Format-Call | Should -Be @($truth[2, 3] | Format-Call)
            Get-BindEvent -Name errors | Format-Call | Should -Be @($truth | Format-Call)
            (Get-BindCount -Name count | Measure-Object -Property Count -Sum).Sum | Should -Be 4
        }

        It 'Drops the oldest when -MaxQueued wait, and counts them' {
            Invoke-Exact {
                $trace = Start-BindTrace -Comm $truthComm -MaxQueued 2
                $trace.MaxQueued | Should -Be 2
                $null = Invoke-Truth five-ports
                $trace | Stop-BindTrace
                $trace.Received | Should -Be 5
                $trace.Queued | Should -Be 2
                $trace.Dropped | Should -Be 3
                ($trace | Get-BindEvent).Port | Should -Be 20513, 20514
                $trace.Dropped | Should -Be 3
            }
        }

        It 'Counts what the kernel had to drop' {
            Invoke-Exact {
                $trace = Start-BindTrace -Comm $truthComm -BufferSize 4096 -MaxQueued 1000000
                $made = (Invoke-Load -Count 100000 -Threads 2).made
                $trace | Stop-BindTrace
                $trace.Received + $trace.Dropped | Should -Be $made
                $trace.Dropped | Should -BeGreaterThan 0
                @($trace | Get-BindEvent).Count | Should -Be $trace.Received
            }
        }

        It 'Keeps everything if the queue is large enough: 4 threads at full speed' {
            Invoke-Exact {
                $trace = Start-BindTrace -Comm $truthComm
                $made = (Invoke-Load -Count 40000 -Threads 4).made
                $trace | Stop-BindTrace
                $trace.Received | Should -Be $made
                $trace.Dropped | Should -Be 0
                $trace.Queued | Should -Be $made
            }
        }

        It 'Shows the back end with -Verbose' {
            $said = Start-BindTrace -Verbose 4>&1 | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] }
            "$($said[-1])" | Should -Be "Tracing through the $((Get-BindTrace).Backend) back end."
        }

        It 'Uses the requested back end' {
            foreach ($support in $global:BindSnoopTests.Backends | Where-Object Usable) {
                (Start-BindTrace -Backend $support.Backend).Backend | Should -Be $support.Backend
            }
        }

        It 'Only shows what it would do with -WhatIf' {
            Start-BindTrace -Name a -WhatIf | Should -BeNullOrEmpty
            Get-BindTrace | Should -BeNullOrEmpty
            Get-BpfObject | Should -BeNullOrEmpty
            (Start-BindTrace -Name a -Confirm:$false).State | Should -Be 'Running'
        }
    }

    Context 'Wrong input' {
        It 'Refuses <What>' -TestCases ($wrongFilters + $wrongSizes) {
            Assert-Refused { param($p) Start-BindTrace @p } -Case $_
            Get-BindTrace | Should -BeNullOrEmpty
        }

        It 'Refuses <What>' -TestCases $unboundFilters {
            Assert-NotBound { param($p) Start-BindTrace @p } -Case $_
            Get-BindTrace | Should -BeNullOrEmpty
        }

        It 'Refuses <What>' -TestCases $wrongCapacities {
            Assert-Refused { param($p) Start-BindTrace -Mode Count @p } -Case $_
            Get-BindTrace | Should -BeNullOrEmpty
        }

        It 'Refuses a queue of <_> events' -ForEach 0, -1 {
            $size = $_
            $record = Get-OnlyError { Start-BindTrace -MaxQueued $size }
            Assert-Error $record -Id InvalidMaxQueued -Category InvalidArgument -Target $size -Advice 'at least 1'
            Get-BindTrace | Should -BeNullOrEmpty
        }

        It 'Refuses an unknown mode' {
            $record = Get-OnlyError { Start-BindTrace -Mode Both }
            $record.FullyQualifiedErrorId | Should -BeLike 'CannotConvertArgumentNoMessage,*'
        }

        It 'Refuses back ends that do not work here' {
            Assert-BackendsRefused { param($p) Start-BindTrace @p }
        }

        It 'Reserves no name for a trace that could not start' {
            $null = Get-OnlyError { Start-BindTrace -Name a -BufferSize 5000 }
            (Start-BindTrace -Name a).State | Should -Be 'Running'
        }
    }
}
