BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'errors.ps1'))
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }

    # The values of a file, by metric and labels.
    function Read-Metric {
        param([Parameter(Mandatory)] [string] $Path)
        $values = @{}
        foreach ($line in [IO.File]::ReadAllLines($Path) -notlike '#*') {
            $line | Should -Match '^[a-z_]+(\{([a-z_]+="([^"\\]|\\.)*",?)+\})? \d+$'
            $values[$line.Substring(0, $line.LastIndexOf(' '))] = [long]$line.Substring($line.LastIndexOf(' ') + 1)
        }
        $values
    }
}

Describe 'Export-BindMetric' {
    BeforeEach {
        $path = Join-Path $TestDrive "metrics-$([guid]::NewGuid()).prom"
    }

    AfterEach {
        Assert-NothingAttached
    }

    Context 'Counts' {
        BeforeEach {
            Skip-WithoutTracing
        }

        It 'Are counted by protocol, IP version and result' {
            $trace = Start-BindTrace -Mode Count -Comm $truthComm -IncludeError
            $truth = Invoke-Truth tcp4-loopback udp6-loopback eaddrinuse-tcp4 eaddrnotavail4 five-ports
            $trace | Get-BindCount | Export-BindMetric -Path $path | Should -BeNullOrEmpty
            $metrics = Read-Metric $path
            foreach ($group in $truth | Group-Object { $_.protocol }, { $_.family }, { [bool]$_.error }) {
                $one = $group.Group[0]
                $labels = 'network_transport="{0}",network_type="{1}",result="{2}"' -f @(
                    @{ 6 = 'tcp'; 17 = 'udp' }[[int]$one.protocol], $one.family.ToLowerInvariant(), $(if ($one.error) { 'failure' } else { 'success' }))
                $metrics["bindsnoop_binds_total{$labels}"] | Should -Be $group.Count -Because $labels
            }
            foreach ($group in $truth | Where-Object error | Group-Object error) {
                $name = @{ 98 = 'EADDRINUSE'; 99 = 'EADDRNOTAVAIL' }[[int]$group.Name]
                $metrics["bindsnoop_errors_total{call=""bind"",error_type=""$name""}"] | Should -Be $group.Count
            }
            ($metrics.Keys -like 'bindsnoop_binds_total*' | ForEach-Object { $metrics[$_] } | Measure-Object -Sum).Sum | Should -Be $truth.Count
        }

        It 'Are counted by port only on request, and only for the given ports' {
            $trace = Start-BindTrace -Mode Count -Comm $truthComm
            $truth = Invoke-Truth five-ports tcp4-loopback
            $port = $truth[0].port
            $counts = $trace | Get-BindCount
            $counts | Export-BindMetric $path
            [IO.File]::ReadAllText($path) | Should -Not -Match 'server_port|pid'
            $counts | Export-BindMetric $path -Port $port, 65535
            $metrics = Read-Metric $path
            $labels = 'network_transport="tcp",network_type="ipv4",server_port="{0}",result="success"'
            $metrics["bindsnoop_binds_total{$($labels -f $port)}"] | Should -Be @($truth | Where-Object port -EQ $port).Count
            $metrics["bindsnoop_binds_total{$($labels -f 'other')}"] | Should -Be @($truth | Where-Object port -NE $port).Count
            @($metrics.Keys).Count | Should -Be 2
        }

        It 'Become an empty file if there are none' {
            '# HELP bindsnoop_binds_total Of an earlier run.' > $path
            Get-BindCount -Duration 0.1 -Comm nobody | Export-BindMetric -Path $path
            [IO.File]::ReadAllText($path) | Should -BeExactly ''
        }
    }

    Context 'Traces' {
        BeforeEach {
            Skip-WithoutTracing
        }

        It 'Report on themselves: <How>' -TestCases @(
            @{ How = 'by parameter'; Export = { Export-BindMetric -Path $path -Trace $some, $other } }
            @{ How = 'from the pipeline'; Export = { Get-BindTrace | Export-BindMetric -Path $path } }
            @{ How = 'by name'; Export = { Export-BindMetric -Path $path -Name some, 'oth*' } }
        ) {
            $some = Start-BindTrace -Name some -Comm $truthComm -MaxQueued 3
            $other = Start-BindTrace -Name "oth`e[31m""er" -Mode Count -Comm $truthComm
            $null = Invoke-Truth five-ports
            $some | Stop-BindTrace
            & $Export
            $metrics = Read-Metric $path
            $metrics['bindsnoop_received_total{bindsnoop_trace="some"}'] | Should -Be 5
            $metrics['bindsnoop_queued{bindsnoop_trace="some"}'] | Should -Be 3
            $metrics['bindsnoop_dropped_total{bindsnoop_trace="some",reason="queue"}'] | Should -Be 2
            $metrics['bindsnoop_received_total{bindsnoop_trace="oth\\x1b[31m\"er"}'] | Should -Be 5
            $metrics['bindsnoop_binds_total{bindsnoop_trace="oth\\x1b[31m\"er",network_transport="tcp",network_type="ipv4",result="success"}'] | Should -Be 5
        }

        It 'Are rewritten with -Interval until they stop' {
            $result = Invoke-Traced {
                param($Comm, $Path)
                $trace = Start-BindTrace -Name many -Comm $Comm -IncludeError
                $watch = [powershell]::Create()
                $null = $watch.AddScript('param($Trace) while ($Trace.Received -lt 3000) { Start-Sleep -Milliseconds 20 }; $Trace.Stop()').AddArgument($trace).BeginInvoke()
                $trace | Export-BindMetric -Path $Path -Interval 0.1 -Port 20990
                $watch.Dispose()
            } -Parameter @{ Comm = $truthComm; Path = $path } {
                Wait-Until { [IO.File]::Exists($path) }
                Invoke-Load -Count 3000 -Fail
            }
            $metrics = Read-Metric $path
            $failed = $metrics.Keys -like 'bindsnoop_binds_total*server_port="20990",result="failure"}'
            $metrics["$failed"] | Should -BeGreaterOrEqual 2999
            $metrics['bindsnoop_errors_total{bindsnoop_trace="many",call="bind",error_type="EADDRINUSE"}'] | Should -Be $metrics["$failed"]
            $result.Errors | Should -BeNullOrEmpty
            [IO.Directory]::GetFiles($TestDrive, '*.tmp') | Should -BeNullOrEmpty
        }

        It 'Are written once more when the pipeline is stopped' {
            $traced = Start-Traced {
                param($Comm, $Path)
                $trace = Start-BindTrace -Name long -Comm $Comm
                $trace | Export-BindMetric -Path $Path -Interval 600
            } -Parameter @{ Comm = $truthComm; Path = $path }
            Wait-Until { [IO.File]::Exists($path) }
            $null = Invoke-Truth five-ports
            $trace = Get-BindTrace -Name long
            Wait-Until { $trace.Received -eq 5 }
            $clock = [System.Diagnostics.Stopwatch]::StartNew()
            $null = $traced | Complete-Traced -Stop
            $clock.Elapsed.TotalSeconds | Should -BeLessThan 15
            (Read-Metric $path)['bindsnoop_binds_total{bindsnoop_trace="long",network_transport="tcp",network_type="ipv4",result="success"}'] | Should -Be 5
        }

        It 'Counts binds of privileged ports by class of user' {
            Skip-WithoutRoot
            $traced = Start-Traced {
                param($Comm, $Path)
                Start-BindTrace -Name users -Comm $Comm | Export-BindMetric -Path $Path -Interval 600
            } -Parameter @{ Comm = $truthComm; Path = $path }
            Wait-Until { [IO.File]::Exists($path) }
            Stop-Hold (Start-Hold -Port 80)
            Stop-Hold (Start-Hold -Port 443 -Through 'setpriv', '--reuid=1234', '--clear-groups', '--inh-caps=+net_bind_service', '--ambient-caps=+net_bind_service')
            Stop-Hold (Start-Hold -Port 8080)
            $trace = Get-BindTrace -Name users
            Wait-Until { $trace.Received -eq 3 }
            $null = $traced | Complete-Traced -Stop
            $metrics = Read-Metric $path
            $metrics['bindsnoop_privileged_binds_total{bindsnoop_trace="users",user_class="root",result="success"}'] | Should -Be 1
            $metrics['bindsnoop_privileged_binds_total{bindsnoop_trace="users",user_class="user",result="success"}'] | Should -Be 1
            @($metrics.Keys -like 'bindsnoop_privileged*').Count | Should -Be 2
        }

        It 'Reports that events were not counted by port' {
            $null = Start-BindTrace -Name events
            Export-BindMetric -Path $path -Name events -Port 80 -WarningVariable warnings -WarningAction SilentlyContinue
            "$warnings" | Should -Match "'events'.*-Mode Count.*-Interval"
        }
    }

    Context 'Files of others' {
        It 'Leaves the file unchanged if no trace matches <_>' -ForEach 'nosuch*', 'nosuch' {
            $name = $_
            '# HELP bindsnoop_binds_total Of an earlier run.' > $path
            $before = [IO.File]::ReadAllText($path)
            Export-BindMetric -Path $path -Name $name -WarningVariable warnings -WarningAction SilentlyContinue -ErrorAction SilentlyContinue
            [IO.File]::ReadAllText($path) | Should -BeExactly $before
            "$warnings" | Should -Match "'$([regex]::Escape($name))'.*was not changed"
        }

        It 'Refuses to replace a file that does not hold BindSnoop''s metrics' {
            'precious' > $path
            Assert-Error (Get-OnlyError { @() | Export-BindMetric -Path $path }) -Id MetricFileNotOurs -Category ResourceExists -Target $path -Advice 'another path'
            [IO.File]::ReadAllText($path) | Should -BeExactly "precious`n"
        }

        It 'Follows no link in a directory that others can write to' {
            $open = (New-Item -ItemType Directory -Path (Join-Path $TestDrive "open-$([guid]::NewGuid())")).FullName
            chmod 1777 $open
            $link = Join-Path $open a.prom
            $null = New-Item -ItemType SymbolicLink -Path $link -Target $path
            Assert-Error (Get-OnlyError { @() | Export-BindMetric -Path $link }) -Id MetricLinkNotTrusted -Category PermissionDenied -Target $link -Advice 'without that link'
            $path | Should -Not -Exist
        }
    }

    Context 'Wrong input' {
        It 'Refuses <What>' -TestCases @(
            @{ What = 'a directory'; To = { "$TestDrive" }; Id = 'InvalidMetricPath'; Category = 'InvalidArgument'; Advice = 'path of a file' }
            @{ What = 'a device'; To = { '/dev/null' }; Id = 'InvalidMetricPath'; Category = 'InvalidArgument'; Advice = 'path of a file' }
            @{ What = 'a directory that is not there'; To = { "$TestDrive/no/such.prom" }; Id = 'MetricPathNotFound'; Category = 'ObjectNotFound'; Advice = 'Create the directory' }
        ) {
            $target = & $To
            Assert-Error (Get-OnlyError { @() | Export-BindMetric -Path $target }) -Id $Id -Category $Category -Target $target -Advice $Advice
        }

        It 'Refuses a path outside the file system' {
            Assert-Error (Get-OnlyError { @() | Export-BindMetric -Path Env:metrics }) -Id InvalidMetricPath -Category InvalidArgument -Target 'Env:metrics' -Advice 'path of a file'
        }

        It 'Reports a directory that it cannot write to' {
            $record = Get-OnlyError { @() | Export-BindMetric -Path /sys/kernel/a.prom }
            $record.FullyQualifiedErrorId | Should -Be 'MetricFileNotWritten,BindSnoop.PowerShell.ExportBindMetricCommand'
        }

        It 'Refuses the port <_>' -ForEach 0, 65536, '80-90' {
            $port = $_
            $record = Get-OnlyError { @() | Export-BindMetric -Path $path -Port $port }
            $record.FullyQualifiedErrorId | Should -Match '^(ParameterArgumentValidationError|ParameterArgumentTransformationError|CannotConvertArgumentNoMessage),'
        }

        It 'Refuses an interval: <What>' -TestCases $wrongDurations {
            Skip-WithoutTracing
            $trace = Start-BindTrace
            $record = Get-OnlyError { $trace | Export-BindMetric -Path $path -Interval $Duration }
            $record.FullyQualifiedErrorId | Should -Be 'InvalidDuration,BindSnoop.PowerShell.ExportBindMetricCommand'
        }

        It 'Changes nothing with -WhatIf' {
            @() | Export-BindMetric -Path $path -WhatIf
            $path | Should -Not -Exist
        }
    }
}
