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
    function Format-Release {
        param([Parameter(ValueFromPipeline)] $Release)
        process {
            $id, $number = if ($Release.PSObject.Properties['case']) { $Release.pid, $Release.protocol } else { $Release.ProcessId, $Release.ProtocolNumber }
            '{0} {1} {2}:{3} {4}' -f $id, $number, $Release.Address, $Release.Port, $Release.State
        }
    }
}

Describe 'Get-ReleaseEvent' {
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

            # Other programs may release ports on this machine, too; all of these listen, which every back end sees.
            $cases = foreach ($case in $releaseCases) {
                @{ Name = $case.Name; Parameter = $case.Parameter + @{ Comm = $truthComm } }
            }
            $results = Invoke-LiveFilter -Command Get-ReleaseEvent -Case $cases -Calls release-tcp4, release-tcp6, release-implicit-mptcp, release-other-user, release-exit -Verb release
        }

        It 'Shows matching calls and no others: <Name>' -TestCases $releaseCases {
            $result = $results[$Name]
            $expected = @($result.Truth | Where-Object $Wanted | Format-Release)
            $expected.Count | Should -BeGreaterThan 0
            if (-not $PassesAll) {
                $expected.Count | Should -BeLessThan @($result.Truth).Count
            }
            @($result.Output | Format-Release) -join "`n" | Should -Be ($expected -join "`n")
        }
    }

    It 'Reports how long a socket was bound, and which process released it' {
        $result = Invoke-Traced { param($Comm) Get-ReleaseEvent -Comm $Comm -MaxEvents 1 } -Parameter @{ Comm = $truthComm } {
            Invoke-Truth release-tcp4 -Verb release
        }
        $event = $result.Output[0]
        $line = $result.Truth[0]
        $event.PSObject.TypeNames | Should -Contain 'BindSnoop.ReleaseEvent'
        $event | Format-Release | Should -BeExactly ($line | Format-Release)
        $event.LocalPort, $event.Inode, $event.ThreadId | Should -Be $line.port, $line.inode, $line.tid
        $event.LeavesTimeWait | Should -BeNullOrEmpty
        if ($event.Backend -eq 'Tracepoint') {
            $event.BoundFor | Should -BeNullOrEmpty
        }
        else {
            $event.BoundFor | Should -BeOfType timespan
            $event.BoundFor.TotalNanoseconds | Should -BeGreaterOrEqual ($line.boundLeast - 100)
            $event.BoundFor.TotalNanoseconds | Should -BeLessOrEqual $line.boundMost
        }
    }

    It 'Follows a server from bind to release by the inode' {
        $listener = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
        $listener.Start()
        $port = $listener.LocalEndpoint.Port
        $listener.Stop()
        $parameter = @{ Id = $PID; Port = $port }
        $trace = Start-BindTrace -ProcessId $PID -Port $port
        $traced = @(
            Start-Traced { param($Id, $Port) Get-ListenEvent -ProcessId $Id -Port $Port -MaxEvents 1 } -Parameter $parameter
            Start-Traced { param($Id, $Port) Get-AcceptEvent -ProcessId $Id -Port $Port -MaxEvents 1 } -Parameter $parameter
            Start-Traced { param($Id, $Port) Get-ReleaseEvent -ProcessId $Id -Port $Port -MaxEvents 1 } -Parameter $parameter
        )
        $listener = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, $port)
        $listener.Start()
        $client = [System.Net.Sockets.TcpClient]::new('127.0.0.1', $port)
        $server = $listener.AcceptSocket()
        $inode = (Get-BindSocket -Port $port | Where-Object State -EQ Listen).Inode
        $server.Dispose()
        $client.Dispose()
        $listener.Stop()
        $listen, $accept, $release = $traced | ForEach-Object { ($_ | Complete-Traced -Seconds 20).Output }
        $trace | Stop-BindTrace
        $bind = Get-BindEvent -Trace $trace
        $bind.Inode, $listen.Inode, $release.Inode | Should -Be $inode, $inode, $inode
        # An accept shows the connection's inode.
        $accept.Inode | Should -Not -Be $inode
        $accept.LocalEndpoint | Should -Be $listen.Endpoint
        $times = $bind.KernelTime, $listen.KernelTime, $accept.KernelTime, $release.KernelTime
        $times | Sort-Object | Should -Be $times
        $release.State | Should -Be Listen
        if ($release.BoundFor) {
            $release.BoundFor.TotalNanoseconds | Should -BeGreaterThan ($release.KernelTime - $listen.KernelTime)
        }
    }

    It 'Shows the back end with -Verbose, and takes one by name' {
        foreach ($support in $global:BindSnoopTests.Backends | Where-Object Usable) {
            $result = Invoke-Traced { param($Backend) Get-ReleaseEvent -Backend $Backend -Comm nobody -Duration 0.1 } -Parameter @{ Backend = $support.Backend } { }
            "$($result.Verbose)" | Should -BeLike "*Tracing through the $($support.Backend) back end.*"
        }
    }

    It 'Takes processes from the pipeline, and traces no others' {
        $clock = [System.Diagnostics.Stopwatch]::StartNew()
        @() | Get-ReleaseEvent -Duration 20 | Should -BeNullOrEmpty
        $clock.Elapsed.TotalSeconds | Should -BeLessThan 20
    }

    It 'Appears in CSV, JSON and views' {
        $result = Invoke-Traced { param($Comm) Get-ReleaseEvent -Comm $Comm -MaxEvents 1 } -Parameter @{ Comm = $truthComm } {
            Invoke-Truth release-tcp4 -Verb release
        }
        $result.Output[0] | ConvertTo-Json | ConvertFrom-Json | Format-Release | Should -Be ($result.Truth[0] | Format-Release)
        $csv = $result.Output[0] | ConvertTo-Csv | ConvertFrom-Csv
        $csv | Format-Release | Should -Be ($result.Truth[0] | Format-Release)
        $csv.BoundFor | Should -Be "$($result.Output[0].BoundFor)"
        $lines = @($result.Output[0] | Out-String -Width 200 -Stream | Where-Object { $_ }) -replace '\s+', ' ' -replace '^ | $'
        $lines[0] | Should -BeExactly 'PID COMM PROTO STATE BOUND PORT ADDR'
        $lines[-1] | Should -BeLike "$($result.Truth[0].pid) $truthComm TCP Listen * 21300 127.0.0.1"
        $result.Output[0].psobject.Copy() | Add-Member -NotePropertyName Address -NotePropertyValue 192.168.100.200 -Force -PassThru |
            Out-String -Width 80 | Should -Match '192\.168\.100\.200' -Because 'a terminal has 80 columns'
    }

    It 'Escapes control characters in names' {
        $result = Invoke-Traced { Get-ReleaseEvent -Port 21324 -MaxEvents 1 } { Invoke-Truth release-comm -Verb release }
        $shown = $result.Output | Out-String -Width 200
        $shown.Contains(' \x1b[31m"\\\x') | Should -BeTrue -Because $shown
        $shown.Contains("`e") | Should -BeFalse
    }

    Context 'Wrong input' {
        It 'Refuses <What>' -TestCases ($wrongFilters + $wrongSizes) {
            Assert-Refused { param($p) Get-ReleaseEvent @p -Duration 5 } -Case $_
        }

        It 'Refuses a duration: <What>' -TestCases $wrongDurations {
            $record = Get-OnlyError { Get-ReleaseEvent -Duration $Duration }
            $record.FullyQualifiedErrorId | Should -Be 'InvalidDuration,BindSnoop.PowerShell.GetReleaseEventCommand'
        }
    }
}
