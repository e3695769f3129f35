BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))

    # Everything that PowerShell treats as a quote, and code that would run if the text ended too early.
    $hostile = @(
        "'; Remove-Item", "'", "''", "`u{2018}", "`u{2019};Remove-It", "`u{201a}x`u{201b}", "`u{201c}`$(1)`u{201d}", '"', '$(Get-Date)', '`', '@{', ');}#', "'@", '\x1b]0;\x07', '\u{202e}', 'a\\b', '<#', '-- %', '日本語', ''
    )
    $comms = 'comm-escape', 'comm-title', 'comm-control', 'comm-newline', 'comm-invalid', 'comm-cut', 'comm-utf8', 'comm-c1', 'comm-quote', 'comm-blank', 'comm-empty'
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'policy.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'filters.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }

    # The policy in each of its forms.
    function New-PolicyForm {
        param([Parameter(Mandatory)] $From)
        $forms = [ordered]@{ object = @{ Policy = $From | New-BindPolicy } }
        foreach ($extension in 'psd1', 'json') {
            $path = Join-Path $TestDrive "$([guid]::NewGuid()).$extension"
            $null = $From | New-BindPolicy -Path $path
            $forms[$extension] = @{ Path = $path }
        }
        $forms
    }

    # Anything in a file that is more than data.
    function Find-Code {
        param([string] $Path)
        $errors = $null
        $ast = [System.Management.Automation.Language.Parser]::ParseFile($Path, [ref]$null, [ref]$errors)
        $errors | Should -BeNullOrEmpty
        $ast.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] -or $args[0] -is [System.Management.Automation.Language.VariableExpressionAst] -or
                $args[0] -is [System.Management.Automation.Language.SubExpressionAst] -or $args[0] -is [System.Management.Automation.Language.InvokeMemberExpressionAst] -or
                $args[0] -is [System.Management.Automation.Language.ExpandableStringExpressionAst] }, $true)
    }
}

Describe 'New-BindPolicy' {
    AfterEach {
        Assert-NothingAttached
    }

    Context 'Binds as they are made' {
        BeforeEach {
            Skip-WithoutTracing
        }

        It 'Allows exactly what was seen' {
            $seen = Get-TruthEvent $filterTruth
            $others = Get-TruthEvent 'udp4-any', 'tcp4-port-1'
            foreach ($form in (New-PolicyForm $seen.Events).Values) {
                $seen.Events | Test-BindPolicy @form | Should -BeNullOrEmpty
                $seen.Events | Test-BindPolicy @form -Quiet | Should -BeTrue
                @($others.Events | Test-BindPolicy @form).Port | Should -Be $others.Truth.port
                # The same call by another user is different.
                $copy = $seen.Events | Where-Object { $_.Port -eq 20511 } | Select-Object *
                $copy.Uid = 4242
                @($copy | Test-BindPolicy @form).Uid | Should -Be 4242
            }
        }

        It 'Combines adjacent ports' {
            $seen = Get-TruthEvent five-ports
            $policy = $seen.Events | New-BindPolicy
            $policy.Default | Should -Be 'Deny'
            $policy.Rules.Count | Should -Be 1
            "$($policy.Rules[0].Port)" | Should -BeExactly '20510-20514'
            $policy.Rules[0].Comm | Should -BeExactly $truthComm
            $policy.Rules[0].Uid | Should -Be 0
            $policy.Rules[0].Action | Should -Be 'Allow'
        }

        It 'Writes ports that the kernel chose as port 0' {
            $policy = (Get-TruthEvent tcp4-port-zero).Events | New-BindPolicy
            "$($policy.Rules.Port)" | Should -BeExactly '0'
            $again = Get-TruthEvent tcp4-port-zero
            $again.Events | Test-BindPolicy -Policy $policy -Quiet | Should -BeTrue
            $asked = $again.Events[0] | Select-Object *
            $asked.RequestedPort = $asked.Port
            $asked | Test-BindPolicy -Policy $policy -Quiet | Should -BeFalse -Because 'it did not ask for that port'
        }

        It 'Learns from a trace, and from a file' {
            $trace = Start-BindTrace -Comm $truthComm
            $null = Invoke-Truth five-ports
            $trace | Stop-BindTrace
            $events = @($trace | Get-BindEvent)
            $record = Join-Path $TestDrive record.csv
            $events | Export-Csv -LiteralPath $record
            $trace | Remove-BindTrace
            $trace = Start-BindTrace -Comm $truthComm
            $null = Invoke-Truth five-ports
            $trace | Stop-BindTrace
            foreach ($policy in (New-BindPolicy -RecordPath $record), (New-BindPolicy -Trace $trace)) {
                $policy.Rules.Conditions | Should -BeExactly ($events | New-BindPolicy).Rules.Conditions
            }
            $trace | Remove-BindTrace
        }

        It 'Writes a thread''s name as text: <_>' -ForEach $comms {
            $seen = Get-TruthEvent $_
            $forms = New-PolicyForm $seen.Events
            foreach ($form in $forms.Values) {
                $seen.Events | Test-BindPolicy @form -Quiet | Should -BeTrue
            }
            Find-Code $forms.psd1.Path | Should -BeNullOrEmpty
            $data = Import-PowerShellDataFile -LiteralPath $forms.psd1.Path
            @($data.Rules.Comm) | Should -BeExactly @($seen.Events.Comm | Sort-Object -Unique)
            [IO.File]::ReadAllText($forms.psd1.Path) | Should -Not -Match '[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]'
        }
    }

    Context 'Names and files' {
        It 'Writes a hostile name as text: <_>' -ForEach $hostile {
            $row = New-Row @{ Comm = $_; UserName = $_; Unit = '' }
            $forms = New-PolicyForm $row
            foreach ($form in $forms.Values) {
                $row | Test-BindPolicy @form -Quiet | Should -BeTrue
                New-Row @{ Comm = 'other' } | Test-BindPolicy @form -Quiet | Should -BeFalse
            }
            Find-Code $forms.psd1.Path | Should -BeNullOrEmpty
            (Import-PowerShellDataFile -LiteralPath $forms.psd1.Path).Rules.Comm | Should -BeExactly $_
            (Get-Content -LiteralPath $forms.json.Path -Raw | ConvertFrom-Json).Rules.Comm | Should -BeExactly $_
        }

        It 'Writes the same policy into both kinds of files' {
            $rows = (New-Row), (New-Row @{ Comm = 'other' }), (New-Row @{ Port = 443; RequestedPort = 443; Address = '::'; AddressFamily = 'IPv6' })
            $forms = New-PolicyForm $rows
            $psd1 = Import-PowerShellDataFile -LiteralPath $forms.psd1.Path
            $json = Get-Content -LiteralPath $forms.json.Path -Raw | ConvertFrom-Json -AsHashtable
            $psd1.Rules.Count | Should -Be $json.Rules.Count
            for ($i = 0; $i -lt $json.Rules.Count; $i++) {
                foreach ($key in $json.Rules[$i].Keys) {
                    "$($psd1.Rules[$i].$key)" | Should -BeExactly "$($json.Rules[$i].$key)"
                }
            }
        }

        It 'Writes a readable file' {
            $path = Join-Path $TestDrive readable.psd1
            $null = (New-Row), (New-Row @{ Port = 443; RequestedPort = 443 }) | New-BindPolicy -Path $path
            Get-Content -LiteralPath $path | Should -BeExactly @(
                '@{'
                "    Default = 'Deny'"
                '    Rules   = @('
                '        @{'
                "            Name     = 'nginx as root in nginx.service'"
                "            Action   = 'Allow'"
                "            Comm     = 'nginx'"
                '            Uid      = 0'
                "            Unit     = 'nginx.service'"
                "            Protocol = 'TCP'"
                "            Address  = '192.0.2.1'"
                '            Port     = @(80, 443)'
                '        }'
                '    )'
                '}'
            )
        }

        It 'Warns of a policy that allows nothing' {
            $policy = @() | New-BindPolicy -WarningVariable warning -WarningAction SilentlyContinue
            "$warning" | Should -Match 'allows nothing'
            $policy.Rules.Count | Should -Be 0
        }

        It 'Overwrites only with -Force' {
            $path = Join-Path $TestDrive mine.json
            Set-Content -LiteralPath $path -Value 'mine'
            $record = Get-OnlyError { New-Row | New-BindPolicy -Path $path }
            Assert-Error $record -Id PolicyExists -Category ResourceExists -Target $path -Advice '-Force'
            Get-Content -LiteralPath $path | Should -BeExactly 'mine'
            $null = New-Row | New-BindPolicy -Path $path -WhatIf -Force
            Get-Content -LiteralPath $path | Should -BeExactly 'mine'
            $null = New-Row | New-BindPolicy -Path $path -Force
            New-Row | Test-BindPolicy -Path $path -Quiet | Should -BeTrue
            (Get-ChildItem -Path $TestDrive -Filter mine*).Name | Should -Be mine.json
        }

        It 'Refuses a file: <What>' -TestCases @(
            @{ What = 'of another kind'; Path = '/tmp/policy.txt'; Id = 'UnknownPolicyFormat'; Category = 'InvalidArgument'; Advice = '\.psd1 or \.json' }
            @{ What = 'where there is no directory'; Path = '/no/such/policy.json'; Id = 'PolicyPathNotFound'; Category = 'ObjectNotFound'; Advice = 'another path' }
        ) {
            $record = Get-OnlyError { New-Row | New-BindPolicy -Path $Path }
            Assert-Error $record -Id $Id -Category $Category -Target $Path -Advice $Advice
        }

        It 'Requires input' {
            $record = Get-OnlyError { New-BindPolicy }
            Assert-Error $record -Id NoInput -Category InvalidArgument -Target $null -Advice 'Get-BindEvent'
        }

        It 'Shows rules in a table' {
            $lines = ((New-Row | New-BindPolicy).Rules | Out-String -Width 120).Trim() -split '\r?\n'
            $lines[0] | Should -Match '^NAME +ACTION CONDITIONS'
            $lines[2] | Should -Match '^nginx as root in nginx\.service +Allow  Comm nginx; Uid 0; Unit nginx\.service; Protocol TCP;'
        }
    }
}
