BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'errors.ps1'))
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'policy.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'errors.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }

    # Denies everything but a server's own port, and one bind.
    $policy = @{
        Default = 'Allow'
        Rules   = @(
            @{ Name = 'chosen'; Action = 'Deny'; Call = 'Listen'; Port = 0 }
            @{ Name = 'denied'; Action = 'Deny'; Port = 21201 }
        )
    }
    $listensAlone = @{ Rules = @{ Name = 'one'; Action = 'Allow'; Call = 'Listen'; Port = 21200 } }
    $calls = 'listen-tcp4', 'listen-tcp6', 'listen-chosen', 'listen-implicit4', 'listen-implicit6', 'listen-eaddrinuse', 'listen-eopnotsupp'

    # Waits until everything was judged after bindtruth has ended; the last of its calls is a violation.
    $watch = {
        param($Policy, $Comm, $Most, $Seconds)
        $limit = @{}
        if ($Most) { $limit.MaxEvents = $Most }
        if ($Seconds) { $limit.Duration = $Seconds }
        Get-BindViolation -Policy $Policy -Comm $Comm @limit
    }

    # Listens as events, and what is true of them.
    function Get-ListenTruth {
        param([Parameter(Mandatory)] [string[]] $Case)
        $result = Invoke-Traced -Parameter @{ Comm = $truthComm } -Seconds 2 {
            param($Comm, $Seconds)
            Get-ListenEvent -Comm $Comm -IncludeError -Duration $Seconds
        } { Invoke-Truth $Case -Verb listen }
        $result.Output.Count | Should -Be $result.Truth.Count
        $result
    }
}

Describe 'Get-BindViolation' {
    AfterEach {
        Assert-NothingAttached
    }

    Context 'Calls as they are made' {
        BeforeEach {
            Skip-WithoutTracing
        }

        It 'Judges binds and listens, including those without bind()' {
            $result = Invoke-Traced -Parameter @{ Policy = $policy; Comm = $truthComm } -Traces 2 -Seconds 2 $watch { Invoke-Truth $calls -Verb listen }
            $result.Errors | Should -BeNullOrEmpty
            $result.Warnings | Should -BeNullOrEmpty
            $listens = @($result.Output | Where-Object Call -EQ Listen)
            $chosen = @($result.Truth | Where-Object chosen)
            $chosen.Count | Should -Be 4
            @($chosen | Where-Object implicit).Count | Should -Be 2
            # A datagram socket without a port asks for none, either.
            $listens | Format-Violation | Should -BeExactly @($result.Truth | Where-Object { $_.chosen -or $_.port -eq 0 } | Format-Violation)
            $listens.Reason | Sort-Object -Unique | Should -BeExactly "listen(): denied by rule 'chosen'"
            $binds = @($result.Output | Where-Object Call -EQ Bind)
            $binds | Format-Violation | Should -BeExactly @($result.Truth | Where-Object { $_.case -eq 'listen-tcp6' } | Format-Violation)
            $binds.Reason | Should -BeExactly "denied by rule 'denied'"
        }

        It 'Traces only calls that the rules apply to' {
            $result = Invoke-Traced -Parameter @{ Policy = $listensAlone; Comm = $truthComm } -Seconds 2 $watch { Invoke-Truth $calls -Verb listen }
            @($result.Verbose -like 'Tracing through*').Count | Should -Be 1
            $result.Output | Format-Violation | Should -BeExactly @($result.Truth | Where-Object port -NE 21200 | Format-Violation) -Because 'failed ones are judged, too'
            $result.Output.Call | Sort-Object -Unique | Should -Be 'Listen'
            "$($result.Verbose)" | Should -Match "$($result.Truth.Count) listens judged, $($result.Output.Count) violations\."
        }

        It 'Ends after -MaxEvents violations, and when stopped' {
            $result = Invoke-Traced -Parameter @{ Policy = $policy; Comm = $truthComm; Most = 1 } -Traces 2 $watch { Invoke-Truth $calls -Verb listen }
            $result.Output.Count | Should -Be 1
            $stopped = Start-Traced $watch -Parameter @{ Policy = $policy; Comm = $truthComm } -Traces 2
            ($stopped | Complete-Traced -Stop).Output | Should -BeNullOrEmpty
            $first = Invoke-Traced -Parameter @{ Policy = $policy; Comm = $truthComm } -Traces 2 {
                param($Policy, $Comm)
                Get-BindViolation $Policy -Comm $Comm | Select-Object -First 1
            } { Invoke-Truth $calls -Verb listen }
            $first.Output.Count | Should -Be 1
        }

        It 'Explains failures if a rule has the condition Cause' {
            $cause = @{ Default = 'Allow'; Rules = @{ Name = 'busy'; Action = 'Deny'; Call = 'Bind'; Cause = 'Listening', 'Bound', 'HolderGone' } }
            $result = Invoke-Traced -Parameter @{ Policy = $cause; Comm = $truthComm } -Seconds 3 $watch { Invoke-Truth eaddrinuse-tcp4 }
            $result.Output | Format-Violation | Should -BeExactly @($result.Truth | Where-Object errorName -EQ EADDRINUSE | Format-Violation)
        }
    }

    Context 'Saved listens' {
        BeforeAll {
            if (-not $global:BindSnoopTests.WhyNot) {
                $seen = Get-ListenTruth $calls
            }
        }

        BeforeEach {
            Skip-WithoutTracing
        }

        It 'Are judged alike, <What>' -TestCases @(
            @{ What = 'as objects'; As = { $_ } }
            @{ What = 'from CSV'; As = { $_ | ConvertTo-Csv | ConvertFrom-Csv } }
            @{ What = 'from JSON'; As = { $_ | ConvertTo-Json -Depth 3 | ConvertFrom-Json } }
        ) {
            $violations = @($seen.Output | ForEach-Object $As | Test-BindPolicy -Policy $listensAlone)
            $violations | Format-Violation | Should -BeExactly @($seen.Truth | Where-Object port -NE 21200 | Format-Violation)
        }

        It 'Create a policy that allows only them' {
            $learnt = $seen.Output | New-BindPolicy
            $learnt.Calls | Should -Be 'Listen'
            $seen.Output | Test-BindPolicy -Policy $learnt -Quiet | Should -BeTrue
            $path = Join-Path $TestDrive listens.psd1
            $null = $seen.Output | New-BindPolicy -Path $path
            $seen.Output | Test-BindPolicy -Path $path -Quiet | Should -BeTrue
            # The port that the kernel chose is random.
            (Get-ListenTruth listen-implicit4, listen-chosen).Output | Test-BindPolicy -Path $path -Quiet | Should -BeTrue
            $other = (Get-ListenTruth listen-any).Output
            @($other | Test-BindPolicy -Path $path).Port | Should -BeExactly $other.Port
        }

        It 'Are an error if the input has none' {
            $both = @{ Default = 'Allow'; Rules = @{ Name = 'none'; Action = 'Deny'; Call = 'Bind', 'Listen'; Port = 1 } }
            New-Row | Test-BindPolicy -Policy $both -Quiet -ErrorAction SilentlyContinue | Should -BeFalse
            $record = Get-OnlyError { New-Row | Test-BindPolicy -Policy $both }
            Assert-Error $record -Id CallsMissing -Category InvalidOperation -Target 'Listen' -Advice 'Get-BindViolation'
            "$record" | Should -BeLike '*rules for listen(), but the input has no such call: it is unknown whether there were violations.'
            $record = Get-OnlyError { $seen.Output | Test-BindPolicy -Policy $both }
            Assert-Error $record -Id CallsMissing -Category InvalidOperation -Target 'Bind' -Advice 'Get-BindEvent'
            @(New-Row) + $seen.Output | Test-BindPolicy -Policy $both -Quiet | Should -BeTrue
            $trace = Start-BindTrace -Comm $truthComm
            Test-BindPolicy -Policy $both -Trace $trace -Quiet -ErrorAction SilentlyContinue | Should -BeFalse
        }

        It 'Are not judged by a policy without rules for them, with a warning' {
            $binds = @{ Rules = @{ Name = 'web'; Action = 'Allow'; Port = 80 } }
            @(New-Row) + $seen.Output | Test-BindPolicy -Policy $binds -WarningVariable warning -WarningAction SilentlyContinue | Should -BeNullOrEmpty
            "$warning" | Should -BeExactly "$($seen.Output.Count) calls of listen() were not judged: the policy has no rules for listen()."
            @(New-Row) + $seen.Output | Test-BindPolicy -Policy $binds -Quiet -WarningAction SilentlyContinue | Should -BeFalse
        }

        It 'Are refused if impossible: <Name> is <Value>' -TestCases @(
            @{ Name = 'PortChosen'; Value = 'perhaps'; Says = 'PortChosen is neither true nor false' }
            @{ Name = 'Port'; Value = '65536'; Says = "Port is '65536'" }
        ) {
            $row = $seen.Output[0] | ConvertTo-Csv | ConvertFrom-Csv
            $row.$Name = $Value
            $record = Get-OnlyError { @($seen.Output) + $row | Test-BindPolicy -Policy $listensAlone | Where-Object { $false } }
            $record.FullyQualifiedErrorId | Should -BeLike 'InvalidBindEvent,*'
            "$record" | Should -Match "is not an event of listen\(\): $Says"
        }
    }

    Context 'Wrong input' {
        It 'Refuses <What>' -TestCases (@($wrongFilters.Where{ $_.Parameter.Keys -in 'Uid', 'ProcessId', 'CgroupMap' } | Group-Object Id | ForEach-Object { $_.Group[0] }) + $wrongSizes[0]) {
            Assert-Refused { param($p) Get-BindViolation -Policy @{ Rules = @() } @p -Duration 5 } -Case $_
        }

        It 'Refuses a call that no policy can judge' {
            $record = Get-OnlyError { Get-BindViolation -Policy @{ Rules = @{ Name = 'one'; Action = 'Deny'; Call = 'Accept' } } -Duration 5 }
            Assert-Error $record -Id InvalidPolicy -Category InvalidArgument -Target '-Policy' -Advice 'Bind, Listen or both'
            "$record" | Should -BeLike "*rule 'one', Call: 'Accept' is not a call*"
        }

        It 'Refuses a policy that does not exist' {
            $record = Get-OnlyError { Get-BindViolation /no/such/policy.psd1 -Duration 5 }
            Assert-Error $record -Id PolicyNotFound -Category ObjectNotFound -Target /no/such/policy.psd1 -Advice 'New-BindPolicy'
        }

        It 'Refuses the Cgroup back end if a rule applies to listen(), and leaves nothing attached' {
            Skip-WithoutTracing
            $record = Get-OnlyError { Get-BindViolation -Policy $policy -Backend Cgroup -Duration 5 }
            $record.FullyQualifiedErrorId | Should -BeLike '*,BindSnoop.PowerShell.GetBindViolationCommand'
        }

        It 'Refuses a duration: <What>' -TestCases $wrongDurations[0, -1] {
            $record = Get-OnlyError { Get-BindViolation -Policy @{ Rules = @() } -Duration $Duration }
            $record.FullyQualifiedErrorId | Should -Be 'InvalidDuration,BindSnoop.PowerShell.GetBindViolationCommand'
        }
    }
}
