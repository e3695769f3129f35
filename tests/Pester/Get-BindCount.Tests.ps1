BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'filters.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'errors.ps1'))
    # Counts do not show the process: the thread name keeps out others' binds.
    $liveCases = @($filterCases | Where-Object { $_.Live -and -not $_.Parameter.Comm })
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'filters.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'errors.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }

    # A line for each counted combination, from truth lines or from counts, in a fixed order.
    function Format-Count {
        param([Parameter(Mandatory)] [AllowEmptyCollection()] [AllowNull()] $From)
        $lines = foreach ($one in $From) {
            if ($one.PSObject.Properties['case']) {
                '{0} {1} {2} {3} {4} {5}' -f $one.family, $one.protocol, $one.address, $one.port, [int]$one.error, $one.ifindex
            }
            elseif ($one) {
                , '{0} {1} {2} {3} {4} {5}' -f $one.AddressFamily, $one.ProtocolNumber, $one.Address, $one.Port, $one.ErrorCode, $one.InterfaceIndex |
                    ForEach-Object { @($_) * $one.Count }
            }
        }
        @($lines | Group-Object | ForEach-Object { "$($_.Count) times $($_.Name)" } | Sort-Object)
    }

    function Measure-Count {
        param($Counts)
        [long]($Counts | Measure-Object -Property Count -Sum).Sum
    }
}

Describe 'Get-BindCount' {
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

            $cases = foreach ($case in $filterCases | Where-Object { $_.Live -and -not $_.Parameter.Comm }) {
                $copy = $case.Clone()
                $copy.Parameter = $case.Parameter + @{ Comm = $truthComm }
                $copy
            }
            $results = Invoke-LiveFilter -Command Get-BindCount -Case $cases
        }

        It 'Counts matching calls and no others: <Name>' -TestCases $liveCases {
            $result = $results[$Name]
            $case = $_
            $wanted = @(Select-Visible $result.Truth $case |
                    Where-Object { $_.comm -eq $truthComm -and ($case.Parameter.IncludeError -or $_.error -eq 0) } |
                    Where-Object $case.Wanted)
            if ("$($case.Wanted)".Trim() -ne '$false') {
                $wanted.Count | Should -BeGreaterThan 0
            }
            Format-Count $result.Output | Should -Be (Format-Count $wanted)
        }
    }

    Context 'Live' {
        It 'Counts for -Duration <What>' -TestCases @(
            @{ What = "'00:00:01'"; Duration = '00:00:01' }
            @{ What = '1'; Duration = 1 }
            @{ What = '0.7'; Duration = 0.7 }
            @{ What = 'of a TimeSpan'; Duration = [timespan]::FromSeconds(1) }
        ) {
            Invoke-Exact {
                $clock = [System.Diagnostics.Stopwatch]::StartNew()
                $result = Invoke-Traced { param($Comm, $Duration) Get-BindCount -Comm $Comm -Duration $Duration } -Parameter @{ Comm = $truthComm; Duration = $Duration } {
                    Invoke-Truth five-ports
                }
                $clock.Elapsed.TotalSeconds | Should -BeGreaterThan 0.7
                $clock.Elapsed.TotalSeconds | Should -BeLessThan 15
                Format-Count $result.Output | Should -Be (Format-Count $result.Truth)
            }
        }

        It 'Reports address, port, protocol and result' {
            $result = Invoke-Traced { param($Comm, $Seconds) Get-BindCount -Comm $Comm -IncludeError -Duration $Seconds } -Parameter @{ Comm = $truthComm } -Seconds 1 {
                Invoke-Truth eaddrinuse-tcp4 udp6-loopback device4-lo
            }
            Format-Count $result.Output | Should -Be (Format-Count $result.Truth)
            $failed = $result.Output | Where-Object ErrorCode
            $failed.PSObject.TypeNames | Should -Contain 'BindSnoop.BindCount'
            $failed.Address | Should -Be '127.0.0.1'
            $failed.Port | Should -Be 20300
            $failed.Protocol | Should -Be 'TCP'
            $failed.AddressFamily | Should -Be 'IPv4'
            $failed.ErrorName | Should -Be 'EADDRINUSE'
            $failed.Count | Should -Be 1
            $result.Output.ErrorName -ne 'EADDRINUSE' | Should -Be '', '', ''
        }

        It 'Sorts, highest first' {
            $result = Invoke-Traced { param($Comm, $Seconds) Get-BindCount -Comm $Comm -IncludeError -Duration $Seconds } -Parameter @{ Comm = $truthComm } -Seconds 1.5 {
                Invoke-Truth tcp4-loopback
                1..3 | ForEach-Object { Invoke-Truth udp4-loopback }
                1..2 | ForEach-Object { Invoke-Truth eaddrnotavail4 }
            }
            $result.Output.Count | Should -Be 3
            @($result.Output | ForEach-Object Count) | Should -Be 3, 2, 1
            @($result.Output | ForEach-Object Port) | Should -Be 20024, 20305, 20021
        }

        It 'Counts all 40000 binds of 4 threads' {
            Invoke-Exact {
                $result = Invoke-Traced { param($Comm, $Seconds) Get-BindCount -Comm $Comm -Duration $Seconds } -Parameter @{ Comm = $truthComm } -Seconds 2 {
                    Invoke-Load -Count 40000 -Threads 4
                }
                Measure-Count $result.Output | Should -Be $result.Truth[0].made
                $result.Warnings | Should -BeNullOrEmpty
                $counts = @($result.Output | ForEach-Object Count)
                $counts | Should -Be @($counts | Sort-Object -Descending)
            }
        }

        It 'Shows progress after two seconds, and clears it' {
            $result = Invoke-Traced { Get-BindCount -Comm nobody -Duration 2.1; Get-BindCount -Comm nobody -Duration 0.5 } { }
            $mine = @($result.Progress | Where-Object Activity -EQ 'Counting binds')
            $mine.Count | Should -BeGreaterThan 2
            @($mine | Where-Object RecordType -EQ 'Completed').Count | Should -Be 1
            $mine[-1].RecordType | Should -Be 'Completed'
        }

        It 'Warns of calls beyond -Capacity, with their number' {
            Invoke-Exact {
                $result = Invoke-Traced { param($Comm, $Seconds) Get-BindCount -Comm $Comm -Capacity 4 -Duration $Seconds } -Parameter @{ Comm = $truthComm } -Seconds 1 {
                    Invoke-Truth five-ports tcp4-loopback udp4-loopback tcp6-loopback udp6-loopback
                }
                $counted = Measure-Count $result.Output
                $counted | Should -BeGreaterOrEqual 4
                $counted | Should -BeLessThan $result.Truth.Count
                $result.Warnings.Count | Should -Be 1
                "$($result.Warnings[0])" | Should -Match "^$($result.Truth.Count - $counted) calls are not in the counts\b.*\b4\b.*-Capacity"
            }
        }

        It 'Continues to count known combinations' {
            $result = Invoke-Traced { param($Comm, $Seconds) Get-BindCount -Comm $Comm -Capacity 1 -Duration $Seconds -WarningAction SilentlyContinue } -Parameter @{ Comm = $truthComm } -Seconds 1 {
                Invoke-Truth tcp4-loopback udp4-loopback
                Invoke-Truth tcp4-loopback
                Invoke-Truth tcp4-loopback
            }
            ($result.Output | Where-Object Port -EQ 20021).Count | Should -Be 3
        }

        It 'Shows the back end with -Verbose' {
            $result = Invoke-Traced { Get-BindCount -Duration 0.1 -Comm nobody } { }
            $used = $global:BindSnoopTests.Backends | Where-Object Usable | Select-Object -First 1
            "$($result.Verbose[-1])" | Should -Be "Tracing through the $($used.Backend) back end."
        }

        It 'Uses the requested back end: <_>' -ForEach 'Fentry', 'Kprobe', 'Cgroup', 'Tracepoint' {
            $backend = $_
            $support = $global:BindSnoopTests.Backends | Where-Object { "$($_.Backend)" -eq $backend }
            if (-not $support.Usable) {
                Skip-Test -Because "$backend does not work here: $($support.Reason)"
            }
            $result = Invoke-Traced { param($Comm, $Backend, $Seconds) Get-BindCount -Comm $Comm -Duration $Seconds -Backend $Backend } -Parameter @{ Comm = $truthComm; Backend = $backend } -Seconds 0.7 {
                Invoke-Truth five-ports
            }
            Format-Count $result.Output | Should -Be (Format-Count $result.Truth)
            "$($result.Verbose[-1])" | Should -Be "Tracing through the $backend back end."
        }

        It 'Counts nothing, rather than everything, if the pipeline names no process' {
            $clock = [System.Diagnostics.Stopwatch]::StartNew()
            Get-Process -Id 2147483647 -ErrorAction Ignore | Get-BindCount -Duration 20 | Should -BeNullOrEmpty
            $clock.Elapsed.TotalSeconds | Should -BeLessThan 20
        }

        It 'Sums by port' {
            $result = Invoke-Traced { param($Comm, $Seconds) Get-BindCount -Comm $Comm -Duration $Seconds -GroupBy Port } -Parameter @{ Comm = $truthComm } -Seconds 0.7 {
                Invoke-Truth five-ports
            }
            @($result.Output | ForEach-Object { "$($_.Count) $($_.Port) $($_.Name)" } | Sort-Object) |
                Should -Be @($result.Truth | ForEach-Object { "1 $($_.port) $($_.port)" } | Sort-Object)
        }

        It 'Ends at once when its pipeline is stopped, and returns nothing' {
            $traced = Start-Traced { Get-BindCount -Duration 60 }
            $clock = [System.Diagnostics.Stopwatch]::StartNew()
            $result = $traced | Complete-Traced -Stop
            $clock.Elapsed.TotalSeconds | Should -BeLessThan 10
            $result.Output | Should -BeNullOrEmpty
        }
    }

    Context 'Of background traces' {
        It 'Reads the counts <How>' -TestCases @(
            @{ How = 'by parameter'; Read = { Get-BindCount -Trace $trace } }
            @{ How = 'from the pipeline'; Read = { $trace | Get-BindCount } }
            @{ How = 'from Get-BindTrace'; Read = { Get-BindTrace | Get-BindCount } }
            @{ How = 'by name'; Read = { Get-BindCount -Name COUNTS } }
            @{ How = 'by pattern'; Read = { Get-BindCount -Name 'c*' } }
        ) {
            $trace = Start-BindTrace -Name counts -Mode Count -Comm $truthComm
            $truth = Invoke-Truth five-ports udp6-loopback
            Format-Count (& $Read) | Should -Be (Format-Count $truth)
        }

        It 'Reads while the trace continues to count' {
            $trace = Start-BindTrace -Mode Count -Comm $truthComm
            $null = Invoke-Truth five-ports
            @($trace | Get-BindCount | ForEach-Object Count) | Should -Be 1, 1, 1, 1, 1
            $null = Invoke-Truth five-ports
            @($trace | Get-BindCount | ForEach-Object Count) | Should -Be 2, 2, 2, 2, 2
            $trace.Received | Should -Be 10
            $trace.State | Should -Be 'Running'
        }

        It 'Is right at any time during binds' {
            $trace = Start-BindTrace -Mode Count -Comm $truthComm
            $process = Start-Program $global:BindSnoopTests.Truth, load, --count, 60000, --threads, 2
            $sums = [System.Collections.Generic.List[long]]::new()
            try {
                do {
                    $running = -not $process.HasExited
                    $counts = @($trace | Get-BindCount -WarningAction SilentlyContinue)
                    $sums.Add((Measure-Count $counts))
                    $ports = @($counts | ForEach-Object { "$($_.Address) $($_.Port) $($_.ErrorCode)" })
                    [System.Collections.Generic.HashSet[string]]::new([string[]]$ports).Count | Should -Be $ports.Count -Because 'nothing is reported twice'
                } while ($running)
                $load = $process.StandardOutput.ReadToEnd() | ConvertFrom-Json
            }
            finally {
                $process.Kill()
                $process.Dispose()
            }
            @($sums) | Should -Be @($sums | Sort-Object)
            $sums[-1] | Should -Be $trace.Received
            # While a map is read, the kernel may not run programs on that CPU; it counts missed calls.
            $sums[-1] | Should -BeLessOrEqual $load.made
            $sums[-1] + $trace.Dropped | Should -BeGreaterOrEqual $load.made
            $sums[-1] | Should -BeGreaterThan ($load.made * 0.9)
        }

        It 'Counts failures with -IncludeError only' {
            $with = Start-BindTrace -Name with -Mode Count -Comm $truthComm -IncludeError
            $without = Start-BindTrace -Name without -Mode Count -Comm $truthComm
            $load = Invoke-Load -Count 1000 -Fail
            $load.failed | Should -Be 1000
            $counts = @($with | Get-BindCount | Where-Object ErrorCode)
            $busy = $counts | Where-Object { $_.Port -eq 20990 -and $_.ErrorName -eq 'EADDRINUSE' }
            # The case that set it up may have found the port busy, too.
            $busy.Count | Should -BeIn 1000, 1001
            Measure-Count ($with | Get-BindCount) | Should -Be 1001
            Measure-Count ($without | Get-BindCount) | Should -BeLessOrEqual 1
        }

        It 'Warns of calls beyond -Capacity each time' {
            $trace = Start-BindTrace -Mode Count -Comm $truthComm -Capacity 4
            $made = (Invoke-Load -Count 1000).made
            $counts = $trace | Get-BindCount -WarningVariable warnings -WarningAction SilentlyContinue
            $counted = Measure-Count $counts
            $trace.Received | Should -Be $counted
            # The kernel may also have missed binds of other programs.
            $trace.Dropped | Should -BeGreaterOrEqual ($made - $counted)
            $trace.Dropped | Should -BeGreaterThan 900
            "$warnings" | Should -Match '^\d+ calls are not in the counts: .*\b4\b.*-Capacity'
            [long]("$warnings" -replace ' .*') | Should -BeGreaterOrEqual ($made - $counted)
            $null = $trace | Get-BindCount -WarningVariable again -WarningAction SilentlyContinue
            "$again" | Should -Match '^\d+ calls are not in the counts'
        }

        It 'Sums by what it was started with' {
            $trace = Start-BindTrace -Mode Count -Comm $truthComm -IncludeError -GroupBy Comm, User, Protocol
            $truth = Invoke-Truth five-ports udp6-loopback eaddrinuse-tcp4
            $groups = @($trace | Get-BindCount)
            $expected = $truth | Group-Object protocol | ForEach-Object {
                $protocol = @{ 6 = 'TCP'; 17 = 'UDP' }[[int]$_.Name]
                '{0} {1} {2}, root, {3}' -f $_.Count, @($_.Group | Where-Object error).Count, $truthComm, $protocol
            }
            @($groups | ForEach-Object { '{0} {1} {2}' -f $_.Count, $_.Failed, $_.Name } | Sort-Object) | Should -Be @($expected | Sort-Object)
            $groups[0] | Should -BeOfType BindSnoop.BindCountGroup
            $groups[0].Port | Should -BeNullOrEmpty
            $groups[0].Comm | Should -Be $truthComm
        }

        It 'Refuses to group events' {
            $record = Get-OnlyError { Start-BindTrace -GroupBy Unit }
            Assert-Error $record -Id GroupByWithoutCount -Category InvalidArgument -Target 'Unit' -Advice '-Mode Count'
        }

        It 'Reports that a trace in Event mode has no counts' {
            $trace = Start-BindTrace -Name events
            $record = Get-OnlyError { $trace | Get-BindCount }
            Assert-Error $record -Id NotCounting -Category InvalidOperation -Target 'events' -Advice '-Mode Count'
        }

        It 'Continues with the next trace after that' {
            $null = Start-BindTrace -Name events
            $null = Start-BindTrace -Name counts -Mode Count -Comm $truthComm
            $null = Invoke-Truth five-ports
            $counts = @(Get-BindTrace | Get-BindCount -ErrorAction SilentlyContinue -ErrorVariable refused)
            $refused.Count | Should -Be 1
            $counts.Count | Should -Be 5
        }
    }

    Context 'Wrong input' {
        It 'Refuses <What>' -TestCases ($wrongFilters + $wrongCapacities) {
            Assert-Refused { param($p) Get-BindCount @p -Duration 5 } -Case $_
        }

        It 'Refuses <What>' -TestCases $unboundFilters {
            Assert-NotBound { param($p) Get-BindCount @p -Duration 5 } -Case $_
        }

        It 'Refuses a duration: <What>' -TestCases $wrongDurations {
            $record = Get-OnlyError { Get-BindCount -Duration $Duration }
            $record.FullyQualifiedErrorId | Should -Be 'InvalidDuration,BindSnoop.PowerShell.GetBindCountCommand'
            $record.CategoryInfo.Category | Should -Be 'InvalidArgument'
            $record.ErrorDetails.RecommendedAction | Should -Match 'at most 24 days'
        }

        It 'Refuses back ends that do not work here' {
            Assert-BackendsRefused { param($p) Get-BindCount @p -Duration 5 }
        }

        It 'Refuses a trace that does not exist' {
            $record = Get-OnlyError { Get-BindCount -Name nobody }
            Assert-Error $record -Id TraceNotFound -Category ObjectNotFound -Target 'nobody' -Advice 'Start-BindTrace'
        }

        It 'Requires a duration' {
            $duration = (Get-Command Get-BindCount).ParameterSets | Where-Object IsDefault | ForEach-Object Parameters | Where-Object Name -EQ Duration
            $duration.IsMandatory | Should -BeTrue
        }
    }
}
