BeforeDiscovery {
    $commands = @(
        @{ Name = 'Get-BindEvent'; Command = 'Get-BindEvent -Duration 5' }
        @{ Name = 'Get-AcceptEvent'; Command = 'Get-AcceptEvent -Duration 5' }
        @{ Name = 'Get-ListenEvent'; Command = 'Get-ListenEvent -Duration 5' }
        @{ Name = 'Get-ReleaseEvent'; Command = 'Get-ReleaseEvent -Duration 5' }
        @{ Name = 'Get-BindViolation'; Command = 'Get-BindViolation -Policy @{ Rules = @() } -Duration 5' }
        @{ Name = 'Get-BindCount'; Command = 'Get-BindCount -Duration 5' }
        @{ Name = 'Start-BindTrace'; Command = 'Start-BindTrace' }
        @{ Name = 'Start-BindTrace -Mode Count'; Command = 'Start-BindTrace -Mode Count' }
    )
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    # Runs a script in PowerShell as an ordinary user, and returns its output, through JSON.
    function Invoke-Unprivileged {
        param([Parameter(Mandatory)] [string] $Script)
        $as = @()
        if ($global:BindSnoopTests.IsRoot) {
            # In a directory that the user can read.
            $module = [IO.Path]::Combine($TestDrive, 'module', $moduleName)
            if (-not (Test-Path $module)) {
                Copy-Item -LiteralPath $modulePath -Destination (New-Item -ItemType Directory ([IO.Path]::Combine($TestDrive, 'module'))) -Recurse
                # So is PowerShell itself, which is a .NET tool in root's home.
                Copy-Item -LiteralPath $PSHOME -Destination ([IO.Path]::Combine($TestDrive, 'powershell')) -Recurse
                chmod -R a+rX $TestDrive
            }
            $pwsh = [IO.Path]::Combine($TestDrive, 'powershell', 'pwsh')
            $as = @((Find-Program setpriv), '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps', '-all', '--bounding-set', '-all')
        }
        else {
            $module = $modulePath
            $pwsh = (Get-Command pwsh -CommandType Application)[0].Source
        }
        $command = $as + @('env', "HOME=$TestDrive/nobody", 'POWERSHELL_TELEMETRY_OPTOUT=1', 'NO_COLOR=1', $pwsh, '-NoLogo', '-NoProfile', '-NonInteractive', '-Command', "Import-Module '$module'; $Script")
        $program, $arguments = $command
        if ($as) {
            & $as[0] $as[1..($as.Count - 1)] test -x $pwsh
            if ($LASTEXITCODE -ne 0) {
                Skip-Test -Because "an ordinary user may not run $pwsh"
            }
        }
        $said = & $program @arguments 2>&1
        try {
            $said | ConvertFrom-Json
        }
        catch {
            throw "The child said: $said"
        }
    }
}

Describe 'Without privileges' {
    It 'Explains the error and how to fix it: <Name>' -TestCases $commands {
        $said = Invoke-Unprivileged @"
            `$records = @(try { $Command 2>&1 } catch { `$_ })
            ConvertTo-Json -Depth 3 @{
                Count    = `$records.Count
                Message  = "`$(`$records[0])"
                Id       = `$records[0].FullyQualifiedErrorId
                Category = "`$(`$records[0].CategoryInfo.Category)"
                Target   = `$records[0].TargetObject
                Advice   = `$records[0].ErrorDetails.RecommendedAction
                Traces   = @(Get-BindTrace).Count
            }
"@
        $said.Count | Should -Be 1
        $said.Id | Should -BeLike 'NotPrivileged,BindSnoop.PowerShell.*Command'
        $said.Category | Should -Be 'PermissionDenied'
        $said.Message | Should -Match 'CAP_BPF.*CAP_PERFMON'
        $said.Advice | Should -Match 'root|sudo'
        $said.Target | Should -BeNullOrEmpty
        $said.Traces | Should -Be 0
    }

    It 'Reports a wrong parameter first' {
        $said = Invoke-Unprivileged "try { Get-BindEvent -Port 65536 } catch { @{ Id = `$_.FullyQualifiedErrorId } | ConvertTo-Json }"
        $said.Id | Should -BeLike 'InvalidPort,*'
    }

    It 'Lists and stops traces, even if there are none' {
        $said = Invoke-Unprivileged "Get-BindTrace; 'x*' | Get-BindTrace; Stop-BindTrace *; Remove-BindTrace *; @{ Count = @(Get-BindTrace).Count } | ConvertTo-Json"
        $said.Count | Should -Be 0
    }

    It 'Reports what this machine supports, and what is missing' {
        $said = Invoke-Unprivileged 'Get-BindTraceSupport | ConvertTo-Json -Depth 4 -EnumsAsStrings'
        $said.Kernel | Should -Be (uname -r)
        $said.Usable | Should -BeFalse
        $said.Capabilities | Should -BeNullOrEmpty
        $said.Backends.Backend | Should -Be 'Fentry', 'Kprobe', 'Cgroup', 'Tracepoint'
        $said.Backends.Usable | Should -Not -Contain $true
        foreach ($backend in $said.Backends) {
            $backend.Reason | Should -Match 'CAP_BPF'
            $backend.Remedy | Should -Match 'root|sudo'
        }
    }

    It 'Writes a helpful error text' {
        $said = Invoke-Unprivileged "`$text = try { Get-BindEvent } catch { `$_ | Out-String -Width 500 }; @{ Text = `$text } | ConvertTo-Json"
        $said.Text | Should -Match 'CAP_BPF'
        $said.Text | Should -Match 'sudo'
    }
}
