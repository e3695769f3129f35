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
    function Format-Accept {
        param([Parameter(ValueFromPipeline)] $Accept)
        process {
            if ($Accept.PSObject.Properties['case']) {
                '{0} {1} {2}:{3} {4}:{5} {6}' -f $Accept.pid, $Accept.protocol, $Accept.localAddress, $Accept.localPort, $Accept.remoteAddress, [int]$Accept.remotePort, [int]$Accept.error
            }
            else {
                '{0} {1} {2}:{3} {4}:{5} {6}' -f $Accept.ProcessId, $Accept.ProtocolNumber, $Accept.LocalAddress, $Accept.LocalPort, $Accept.RemoteAddress, $Accept.RemotePort, $Accept.ErrorCode
            }
        }
    }
}

Describe 'Get-AcceptEvent' {
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

            # Others may accept on this machine, too.
            $cases = foreach ($case in $acceptCases) {
                @{ Name = $case.Name; Parameter = $case.Parameter + @{ Comm = $truthComm } }
            }
            $calls = 'accept-tcp4', 'accept-tcp6', 'accept-mapped', 'accept-any', 'accept-other-user', 'accept-eagain', 'accept-einval'
            $results = Invoke-LiveFilter -Command Get-AcceptEvent -Case $cases -Calls $calls -Verb accept
        }

        It 'Shows matching calls and no others: <Name>' -TestCases $acceptCases {
            $result = $results[$Name]
            $including = $Parameter.IncludeError
            $expected = @($result.Truth | Where-Object { $including -or $_.error -eq 0 } | Where-Object $Wanted | Format-Accept)
            if ("$Wanted".Trim() -ne '$false') {
                $expected.Count | Should -BeGreaterThan 0
            }
            if (-not $PassesAll) {
                $expected.Count | Should -BeLessThan @($result.Truth | Where-Object error -EQ 0).Count
            }
            @($result.Output | Format-Accept) -join "`n" | Should -Be ($expected -join "`n")
        }
    }

    It 'Reports the right values for every accept' {
        $result = Invoke-Traced { param($Comm, $Seconds) Get-AcceptEvent -Comm $Comm -IncludeError -Duration $Seconds } -Parameter @{ Comm = $truthComm } -Seconds 1 {
            Invoke-Truth accept-tcp4 accept-mapped accept-any accept-device accept-other-user accept-einval -Verb accept
        }
        $result.Output.Count | Should -Be $result.Truth.Count
        for ($i = 0; $i -lt $result.Truth.Count; $i++) {
            $event = $result.Output[$i]
            $line = $result.Truth[$i]
            $event.PSObject.TypeNames | Should -Contain 'BindSnoop.AcceptEvent'
            $event.ProcessId | Should -Be $line.pid
            $event.ThreadId | Should -Be $line.tid
            $event.ParentProcessId | Should -Be $line.ppid
            $event.Uid | Should -Be $line.uid
            $event.Gid | Should -Be $line.gid
            $event.Comm | Should -BeExactly $line.comm
            $event.Protocol | Should -BeExactly 'TCP'
            $event.AddressFamily | Should -BeExactly $line.family
            $event.LocalAddress | Should -BeExactly $line.localAddress
            $event.LocalPort | Should -Be $line.localPort
            $event.RemoteAddress | Should -BeExactly $line.remoteAddress
            $event.RemotePort | Should -Be ([int]$line.remotePort)
            $event.InterfaceIndex | Should -Be $line.ifindex
            $event.ErrorCode | Should -Be $line.error
            $event.ErrorName | Should -BeExactly "$($line.errorName)"
            $event.NetworkNamespace | Should -Be $line.socketNetns
            $event.MountNamespace | Should -Be $line.mntns
            if ($null -ne $line.cgroupId) {
                $event.CgroupId | Should -Be $line.cgroupId
            }
        }
        $result.Truth[-1].errorName | Should -Be 'EINVAL'
    }

    It 'Ends after -MaxEvents' {
        $result = Invoke-Traced { param($Comm) Get-AcceptEvent -Comm $Comm -MaxEvents 10 } -Parameter @{ Comm = $truthComm } {
            Invoke-Truth accept-many -Verb accept
        }
        $result.Truth.Count | Should -Be 50
        $result.Output | Format-Accept | Should -Be @($result.Truth[0..9] | Format-Accept)
    }

    It 'Ends with Select-Object -First 1' {
        $result = Invoke-Traced { param($Comm) Get-AcceptEvent -Comm $Comm | Select-Object -First 1 } -Parameter @{ Comm = $truthComm } {
            Invoke-Truth accept-many -Verb accept
        }
        $result.Output | Format-Accept | Should -Be @($result.Truth[0] | Format-Accept)
    }

    It 'Ends after -Duration <_>' -ForEach '00:00:01', 0.5 {
        $clock = [System.Diagnostics.Stopwatch]::StartNew()
        Get-AcceptEvent -Duration $_ -Comm nobody | Should -BeNullOrEmpty
        $clock.Elapsed.TotalSeconds | Should -BeGreaterThan 0.45
        $clock.Elapsed.TotalSeconds | Should -BeLessThan 15
    }

    It 'Takes processes from the pipeline, and traces no others' {
        $result = Invoke-Traced { param($Id) Get-Process -Id $Id | Get-AcceptEvent -MaxEvents 1 } -Parameter @{ Id = $PID } {
            $null = Invoke-Truth accept-tcp4 -Verb accept
            $listener = [System.Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
            $listener.Start()
            $client = [System.Net.Sockets.TcpClient]::new('127.0.0.1', $listener.LocalEndpoint.Port)
            $accepted = $listener.AcceptTcpClient()
            $client.Client.LocalEndPoint.Port
            $accepted.Dispose()
            $client.Dispose()
            $listener.Stop()
        }
        $result.Output.Count | Should -Be 1
        $result.Output[0].ProcessId | Should -Be $PID
        $result.Output[0].RemotePort | Should -Be $result.Truth[0]
        $clock = [System.Diagnostics.Stopwatch]::StartNew()
        @() | Get-AcceptEvent -Duration 20 | Should -BeNullOrEmpty
        $clock.Elapsed.TotalSeconds | Should -BeLessThan 20
    }

    It 'Shows the back end with -Verbose, and takes one by name' {
        # Cgroup programs see only binds.
        foreach ($support in $global:BindSnoopTests.Backends | Where-Object { $_.Usable -and $_.Backend -ne 'Cgroup' }) {
            $result = Invoke-Traced { param($Backend) Get-AcceptEvent -Backend $Backend -Comm nobody -Duration 0.1 } -Parameter @{ Backend = $support.Backend } { }
            "$($result.Verbose)" | Should -BeLike "*Tracing through the $($support.Backend) back end.*"
        }
    }

    It 'Is flat in CSV and JSON' {
        $result = Invoke-Traced { param($Comm) Get-AcceptEvent -Comm $Comm -MaxEvents 1 } -Parameter @{ Comm = $truthComm } {
            Invoke-Truth accept-tcp4 -Verb accept
        }
        $result.Output | ConvertTo-Json | ConvertFrom-Json | Format-Accept | Should -Be @($result.Truth | Format-Accept)
        $result.Output | ConvertTo-Csv | ConvertFrom-Csv | Format-Accept | Should -Be @($result.Truth | Format-Accept)
    }

    Context 'Beside binds' {
        # The bind that a connection arrived through: with the same network, family and port, bound to the address that was
        # connected to or otherwise to any; of several, the latest one before it.
        It 'Finds the bind of every accept' {
            $trace = Start-BindTrace -Protocol TCP, MPTCP
            $result = Invoke-Traced { param($Comm) Get-AcceptEvent -Comm $Comm, acceptor -Duration 5 } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth accept-tcp4 accept-tcp6 accept-mapped accept-any accept-thread accept-child accept-other-netns accept-foreign-netns accept-other-user -Verb accept
            }
            $trace | Stop-BindTrace
            $accepts = @($result.Output | Where-Object ProcessId -In $result.Truth.pid)
            $accepts | Format-Accept | Should -Be @($result.Truth | Format-Accept)

            # The recipe.
            $binds = Get-BindEvent -Trace $trace | Group-Object -AsHashTable -Property { "$($_.NetworkNamespace) $($_.AddressFamily) $($_.Port)" }
            $joined = foreach ($accept in $accepts) {
                $bind = $binds["$($accept.NetworkNamespace) $($accept.AddressFamily) $($accept.LocalPort)"] |
                    Where-Object { $_.KernelTime -lt $accept.KernelTime -and $_.Address -in $accept.LocalAddress, '0.0.0.0', '::' } |
                    Sort-Object -Property { $_.Address -eq $accept.LocalAddress }, KernelTime |
                    Select-Object -Last 1
                [pscustomobject]@{
                    Server   = "$($accept.LocalAddress):$($accept.LocalPort)"
                    Client   = $accept.RemoteAddress
                    Acceptor = $accept.ProcessId
                    Binder   = $bind.ProcessId
                    BoundTo  = $bind.Address
                    BoundAt  = $bind.Time
                }
            }

            $of = @{}
            for ($i = 0; $i -lt $joined.Count; $i++) {
                $line = $result.Truth[$i]
                $of[$line.case] += @($joined[$i])
                # A child inherits its listener; in all other cases, the process that accepts bound it.
                $joined[$i].Binder | Should -Be ($line.case -eq 'accept-child' ? $line.ppid : $line.pid) -Because $line.case
                $joined[$i].BoundAt | Should -BeLessOrEqual $accepts[$i].Time
            }
            $of['accept-tcp4'].BoundTo | Should -Be '127.0.0.1'
            $of['accept-any'].BoundTo | Should -Be '0.0.0.0'
            $of['accept-any'].Server | Should -Be '127.0.0.2:20803'
            $of['accept-mapped'].BoundTo | Should -Be '::', '::'
            # The same address and port in two networks: two binds.
            $of['accept-other-netns'].Server | Should -Be '127.0.0.1:20812', '127.0.0.1:20812'
            $of['accept-other-netns'].BoundAt[0] | Should -BeLessThan $of['accept-other-netns'].BoundAt[1]
        }
    }

    Context 'Shown' {
        BeforeAll {
            function Format-Shown {
                param([Parameter(ValueFromPipeline)] $InputObject)
                @($input | Out-String -Width 200 -Stream | Where-Object { $_ }) -replace '\s+', ' ' -replace '^ | $'
            }
        }

        It 'Has the classic columns' {
            $result = Invoke-Traced { param($Comm) Get-AcceptEvent -Comm $Comm -MaxEvents 2 } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth accept-tcp4 accept-tcp6 -Verb accept
            }
            $lines = $result.Output | Format-Shown
            $lines[0] | Should -BeExactly 'PID COMM IP RADDR RPORT LADDR LPORT'
            $lines[-2..-1] | Should -Be @(
                '{0} {1} 4 127.0.0.1 {2} 127.0.0.1 20800' -f $result.Truth[0].pid, $truthComm, $result.Truth[0].remotePort
                '{0} {1} 6 ::1 {2} ::1 20801' -f $result.Truth[1].pid, $truthComm, $result.Truth[1].remotePort
            )
        }

        It 'Has the result in the first column with -IncludeError' {
            $result = Invoke-Traced { param($Comm) Get-AcceptEvent -Comm $Comm -IncludeError -MaxEvents 2 } -Parameter @{ Comm = $truthComm } {
                Invoke-Truth accept-tcp4 accept-emfile -Verb accept
            }
            $lines = $result.Output | Format-Shown
            $lines[0] | Should -BeExactly 'RC PID COMM IP RADDR RPORT LADDR LPORT'
            $lines[-2] | Should -Be ('0 {0} {1} 4 127.0.0.1 {2} 127.0.0.1 20800' -f $result.Truth[0].pid, $truthComm, $result.Truth[0].remotePort)
            $lines[-1] | Should -Be ('24 {0} {1} 4 0 127.0.0.1 20827' -f $result.Truth[1].pid, $truthComm)
        }

        It 'Escapes control characters in names' {
            $result = Invoke-Traced { Get-AcceptEvent -Port 20816 -MaxEvents 1 } { Invoke-Truth accept-comm -Verb accept }
            $result.Output.Count | Should -Be 1
            $result.Output[0].Comm | Should -BeExactly '\x1b[31m"\\\xff\x0a'
            $shown = $result.Output | Out-String -Width 200
            $shown.Contains(' \x1b[31m"\\\x') | Should -BeTrue -Because $shown
            $shown.Contains("`e") | Should -BeFalse
        }
    }

    Context 'Wrong input' {
        It 'Refuses <What>' -TestCases ($wrongFilters + $wrongSizes | Where-Object { -not $_.Parameter.Protocol }) {
            Assert-Refused { param($p) Get-AcceptEvent @p -Duration 5 } -Case $_
        }

        It 'Refuses -<Name> <Value>' -TestCases @(
            @{ Name = 'RemotePort'; Value = '65536'; Id = 'InvalidPort'; Advice = '65535' }
            @{ Name = 'RemotePort'; Value = '9-8'; Id = 'InvalidPort'; Advice = 'lower one first' }
            @{ Name = 'RemoteAddress'; Value = '10.0.0.0/33'; Id = 'InvalidAddress'; Advice = '10\.0\.0\.0/8' }
        ) {
            $arguments = @{ $Name = $Value }
            $record = Get-OnlyError { Get-AcceptEvent @arguments }
            Assert-Error $record -Id $Id -Category InvalidArgument -Target $Value -Advice $Advice
        }

        It 'Refuses a duration: <What>' -TestCases $wrongDurations {
            $record = Get-OnlyError { Get-AcceptEvent -Duration $Duration }
            $record.FullyQualifiedErrorId | Should -Be 'InvalidDuration,BindSnoop.PowerShell.GetAcceptEventCommand'
        }

        It 'Refuses -MaxEvents 0' {
            $record = Get-OnlyError { Get-AcceptEvent -MaxEvents 0 }
            $record.FullyQualifiedErrorId | Should -BeLike 'ParameterArgumentValidationError,*'
        }
    }
}
