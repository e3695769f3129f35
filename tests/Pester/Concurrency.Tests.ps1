# Many traces at once, in one process and in several: each gets everything.

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }
    $pwsh = (Get-Command pwsh -CommandType Application)[0].Source

    # A trace's received plus dropped calls are those that were made, and everything received was emitted.
    function Assert-Account {
        param([Parameter(Mandatory)] $Account, [Parameter(Mandatory)] [int] $Made)
        $Account.Read | Should -Be $Account.Received
        $Account.Received + $Account.Dropped | Should -Be $Made
    }
}

Describe 'Traces at the same time' {
    BeforeEach {
        Skip-WithoutTracing
        $cgroup = New-Cgroup
        $path = "$($cgroup.Mount)$($cgroup.Root)"
        $through = Get-CgroupEntry $path
    }

    AfterEach {
        Assert-NothingAttached
        Remove-Cgroup
    }

    It 'Are begun, drained and ended by ForEach-Object -Parallel' {
        Invoke-Exact {
            $traces = 1..16 | ForEach-Object -ThrottleLimit 8 -Parallel {
                Import-Module -Name $using:modulePath
                Start-BindTrace -Cgroup $using:path
            }
            $program, $arguments = $through + @($global:BindSnoopTests.Truth, 'load', '--count', 5000, '--threads', 2)
            $made = (& $program @arguments | ConvertFrom-Json).made
            $accounts = $traces | ForEach-Object -ThrottleLimit 8 -Parallel {
                Import-Module -Name $using:modulePath
                $_ | Stop-BindTrace
                $read = @($_ | Get-BindEvent).Count
                @{ Read = $read; Received = $_.Received; Dropped = $_.Dropped }
                $_ | Remove-BindTrace
            }
            $accounts.Count | Should -Be 16
            $accounts | ForEach-Object { Assert-Account $_ $made }
        }
    }

    It 'Run in two processes' {
        Invoke-Exact {
            $script = @"
                Import-Module '$modulePath'
                `$trace = Start-BindTrace -Cgroup '$path'
                'traces'
                `$null = [Console]::In.ReadLine()
                `$trace | Stop-BindTrace
                `$read = @(`$trace | Get-BindEvent).Count
                @{ Read = `$read; Received = `$trace.Received; Dropped = `$trace.Dropped } | ConvertTo-Json -Compress
"@
            $processes = 1..2 | ForEach-Object { Start-Program $pwsh, -NoLogo, -NoProfile, -NonInteractive, -Command, $script }
            try {
                $processes | ForEach-Object { $_.StandardOutput.ReadLine() | Should -Be 'traces' }
                $program, $arguments = $through + @($global:BindSnoopTests.Truth, 'load', '--count', 20000, '--threads', 2)
                $made = (& $program @arguments | ConvertFrom-Json).made
                foreach ($process in $processes) {
                    $process.StandardInput.WriteLine('enough')
                    Assert-Account ($process.StandardOutput.ReadToEnd() | ConvertFrom-Json) $made
                    $process.WaitForExit()
                    $process.ExitCode | Should -Be 0
                }
            }
            finally {
                $processes | ForEach-Object { $_.Kill(); $_.Dispose() }
            }
        }
    }
}
