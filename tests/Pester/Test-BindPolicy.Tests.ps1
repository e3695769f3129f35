BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))

    $wrongFiles = @(
        @{ What = 'no hashtable'; Text = ''; Says = 'must be one hashtable' }
        @{ What = 'more than a hashtable'; Text = '$x = 1; @{ Rules = @() }'; Says = 'must be one hashtable' }
        @{ What = 'a hashtable in a pipeline'; Text = '@{ Rules = @() } | Out-String'; Says = 'must be one hashtable' }
        @{ What = 'parameters'; Text = 'param($x) @{ Rules = @() }'; Says = 'must be one hashtable' }
        @{ What = 'what is not finished'; Text = "@{`n Rules = @("; Says = 'line 2: ' }
        @{ What = 'a variable'; Text = "@{`n Rules = `$rules }"; Says = 'line 2: \$rules is not a constant' }
        @{ What = 'a variable in a text'; Text = '@{ Rules = @{ Name = "$home"; Action = "Deny"; Port = 1 } }'; Says = 'line 1: "\$home" is not a constant' }
        @{ What = 'a calculation'; Text = '@{ Rules = @{ Name = "a"; Action = "Deny"; Port = 1..5 } }'; Says = '1\.\.5 is not a constant' }
        @{ What = 'a script block'; Text = '@{ Rules = @{ Name = "a"; Action = "Deny"; Port = { 1 } } }'; Says = 'is not a constant' }
        @{ What = 'a redirection'; Text = '@{ Rules = @(1 > here) }'; Says = 'is not a constant' }
        @{ What = 'an unknown key'; Text = "@{ Rules = @{ Name = 'web'; Action = 'Deny'; Prot = 'TCP' } }"; Says = "rule 'web': there is no key 'Prot'"; Advice = 'Protocol' }
        @{ What = 'a key twice'; Text = "@{ Rules = @{ Name = 'web'; Action = 'Deny'; Port = 1; port = 2 } }"; Says = "rule 'web': the key 'Port' occurs twice"; Advice = 'list' }
        @{ What = 'a name twice'; Text = "@{ Rules = @{ Name = 'web'; Action = 'Deny'; Port = 1 }, @{ Name = 'web'; Action = 'Deny'; Port = 2 } }"; Says = "rule 2, Name: 'web' is also"; Advice = 'unique name' }
        @{ What = 'a wrong port'; Text = "@{ Rules = @{ Name = 'web'; Action = 'Deny'; Port = '80,443' } }"; Says = "rule 'web', Port: '80,443' is not a port"; Advice = '8000-8999' }
        @{ What = 'a wrong default'; Text = "@{ Default = 'Maybe'; Rules = @() }"; Says = "Default: 'Maybe' is not an action"; Advice = 'Allow or Deny' }
        @{ What = 'true for a port'; Text = "@{ Rules = @{ Name = 'web'; Action = 'Deny'; Port = `$true } }"; Says = "rule 'web', Port: a value is true or false" }
        @{ What = 'JSON that is none'; Text = '{"Rules": ['; Says = 'not JSON'; Extension = 'json'; Advice = 'jq' }
        @{ What = 'a wrong user in JSON'; Text = '{"Rules": [{"Name": "web", "Action": "Deny", "Uid": "no such user"}]}'; Says = "rule 'web', Uid: There is no user"; Extension = 'json'; Advice = 'getent' }
    )

    $wrongRows = @(
        @{ What = 'a number'; Row = 5; Says = "no property '" }
        @{ What = 'a text'; Row = 'nginx'; Says = "no property '" }
        @{ What = 'nothing'; Row = $null; Says = "no property '" }
        foreach ($name in 'Comm', 'Uid', 'Gid', 'Protocol', 'AddressFamily', 'Address', 'Port', 'RequestedAddress', 'RequestedPort', 'ErrorCode', 'Unit', 'ContainerId') {
            @{ What = "an event without $name"; Without = $name; Says = "no property '$name'" }
        }
        @{ What = 'a port that is none'; With = @{ Port = 65536 }; Says = "Port is '65536'" }
        @{ What = 'a user that is none'; With = @{ Uid = 'root' }; Says = "Uid is 'root'" }
        @{ What = 'a user that no policy can name'; With = @{ Uid = [uint32]::MaxValue }; Says = "Uid is '4294967295'" }
        @{ What = 'a group that no policy can name'; With = @{ Gid = [uint32]::MaxValue }; Says = "Gid is '4294967295'" }
        @{ What = 'a protocol that is none'; With = @{ Protocol = 'HTTP' }; Says = "Protocol: 'HTTP'" }
        @{ What = 'an address that is none'; With = @{ Address = 'localhost' }; Says = "Address: 'localhost'" }
        @{ What = 'a prefix for an address'; With = @{ Address = '10.0.0.0/8' }; Says = 'a prefix and not an address' }
        @{ What = 'a family that is none'; With = @{ AddressFamily = '7' }; Says = 'AddressFamily' }
        @{ What = 'a long thread name'; With = @{ Comm = 'sixteen-letters!' }; Says = 'Comm: ' }
        @{ What = 'success without a protocol'; With = @{ Protocol = '' }; Says = 'the call succeeded' }
        @{ What = 'success without an address'; With = @{ Address = '' }; Says = 'the call succeeded' }
    )
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'policy.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }

    $web = @{ Rules = @{ Name = 'web'; Action = 'Allow'; Port = 80 } }
    $pwsh = (Get-Command pwsh -CommandType Application)[0].Source

    function New-PolicyFile {
        param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text, [string] $Extension = 'psd1')
        $path = Join-Path $TestDrive "$([guid]::NewGuid()).$Extension"
        Set-Content -LiteralPath $path -Value $Text -NoNewline
        $path
    }
}

Describe 'Test-BindPolicy' {
    AfterEach {
        Assert-NothingAttached
    }

    Context 'Binds as they are made' {
        BeforeAll {
            $policy = New-PolicyFile @'
# Four of the five ports, and what is asked of the kernel.
@{
    Default = 'Deny'
    Rules   = @(
        @{ Name = 'not this one'; Action = 'Deny'; Port = 20512; Address = '127.0.0.0/8', '0.0.0.0' }
        @{ Name = 'the five'; Action = 'Allow'; Port = '20510-20512', 20513, 20514; Uid = 'root'; Protocol = 'tcp', 'udp' }
        @{ Name = 'any'; Action = 'Allow'; Port = 0 }
    )
}
'@
            $cases = 'five-ports', 'tcp4-port-zero', 'tcp4-loopback', 'eaddrinuse-tcp4', 'efault', 'ebadf'
            $isViolation = { $_.port -notin 20510, 20511, 20513, 20514 -and $_.requestedPort -ne 0 -and $_.address -and $_.protocol }
            if (-not $global:BindSnoopTests.WhyNot) {
                $seen = Get-TruthEvent $cases
                $expected = @($seen.Truth | Where-Object $isViolation | Format-Violation)
            }
        }

        BeforeEach {
            Skip-WithoutTracing
        }

        It 'Reports those that the policy does not allow' {
            $expected.Count | Should -BeGreaterThan 2
            $expected.Count | Should -BeLessThan $seen.Truth.Count
            $violations = @($seen.Events | Test-BindPolicy -Path $policy)
            $violations | Format-Violation | Should -BeExactly $expected
            $violations | ForEach-Object { $_.PSObject.TypeNames[0] } | Sort-Object -Unique | Should -BeExactly 'BindSnoop.BindViolation'
            $denied = @($violations | Where-Object Rule)
            $denied.Port | Sort-Object -Unique | Should -Be 20512
            $denied.Reason | Sort-Object -Unique | Should -BeExactly "denied by rule 'not this one'"
            $violations | Where-Object { -not $_.Rule } | ForEach-Object Reason | Sort-Object -Unique | Should -BeExactly 'not allowed'
            @($violations | Where-Object ErrorName -EQ EADDRINUSE).Count | Should -Be 1 -Because 'failed attempts count, too'
            foreach ($violation in $violations) {
                $event = $seen.Events | Where-Object { $_.ProcessId -eq $violation.ProcessId -and $_.Time -eq $violation.Time }
                foreach ($name in 'Comm', 'Uid', 'UserName', 'Protocol', 'Address', 'Port', 'Endpoint', 'RequestedPort', 'ErrorCode', 'ErrorName', 'Unit', 'ContainerId') {
                    $violation.$name | Should -BeExactly @($event)[0].$name
                }
            }
        }

        It 'Judges them as they happen' {
            $result = Invoke-Traced -Parameter @{ Policy = $policy; Comm = $truthComm } {
                param($Policy, $Comm)
                Get-BindEvent -Comm $Comm -IncludeError | Test-BindPolicy -Path $Policy | Select-Object -First 1
            } { Invoke-Truth five-ports }
            $result.Output | Format-Violation | Should -BeExactly @($result.Truth | Where-Object port -EQ 20512 | Format-Violation)
            $result.Errors | Should -BeNullOrEmpty
        }

        It 'Judges what a trace has collected: by <_>' -ForEach 'parameter', 'pipeline' {
            $trace = Start-BindTrace -Comm $truthComm -IncludeError
            $truth = Invoke-Truth five-ports
            $trace | Stop-BindTrace
            $violations = @(if ($_ -eq 'parameter') { Test-BindPolicy -Path $policy -Trace $trace } else { $trace | Test-BindPolicy -Path $policy })
            $violations | Format-Violation | Should -BeExactly @($truth | Where-Object port -EQ 20512 | Format-Violation)
            $trace.Queued | Should -Be 0
            $trace | Remove-BindTrace
        }

        It 'Reports what a trace lost' {
            $trace = Start-BindTrace -Comm $truthComm -MaxQueued 2
            $null = Invoke-Truth five-ports
            $trace | Stop-BindTrace
            $null = Test-BindPolicy -Path $policy -Trace $trace -WarningVariable warning -WarningAction SilentlyContinue
            "$warning" | Should -Match "^$($trace.Dropped) calls are missing"
            Test-BindPolicy -Policy @{ Default = 'Allow'; Rules = @() } -Trace $trace -Quiet -WarningAction SilentlyContinue |
                Should -BeFalse -Because 'what was lost is not in order'
            $trace | Remove-BindTrace
        }

        It 'Refuses a trace that counts' {
            $trace = Start-BindTrace -Mode Count
            $record = Get-OnlyError { Test-BindPolicy -Path $policy -Trace $trace }
            Assert-Error $record -Id NotCollecting -Category InvalidOperation -Target $trace.Name -Advice 'Get-BindCount'
            Test-BindPolicy -Path $policy -Trace $trace -Quiet -ErrorAction SilentlyContinue | Should -BeFalse
            $trace | Remove-BindTrace
        }

        It 'Judges a file in <_>' -ForEach 'csv', 'clixml', 'json', 'jsonl' {
            $record = Join-Path $TestDrive "record.$_"
            switch ($_) {
                csv { $seen.Events | Export-Csv -LiteralPath $record }
                clixml { $seen.Events | Export-Clixml -LiteralPath $record }
                json { $seen.Events | ConvertTo-Json | Set-Content -LiteralPath $record }
                jsonl { $seen.Events | ForEach-Object { $_ | ConvertTo-Json -Compress } | Set-Content -LiteralPath $record }
            }
            $live = @($seen.Events | Test-BindPolicy -Path $policy)
            $violations = @(Test-BindPolicy -Path $policy -RecordPath $record)
            $violations | Format-Violation | Should -BeExactly $expected
            for ($i = 0; $i -lt $live.Count; $i++) {
                foreach ($name in 'Comm', 'Uid', 'UserName', 'Protocol', 'Endpoint', 'RequestedPort', 'ErrorName', 'Rule', 'Reason', 'Unit') {
                    $violations[$i].$name | Should -BeExactly $live[$i].$name
                }
                $violations[$i].Timestamp | Should -BeExactly $live[$i].Timestamp
            }
            Test-BindPolicy -Path $policy -RecordPath $record -Quiet | Should -BeFalse
            Test-BindPolicy -Policy @{ Default = 'Allow'; Rules = @() } -RecordPath $record -Quiet | Should -BeTrue
        }

        It 'Reads only as much of a file in <_> as needed' -ForEach 'csv', 'clixml', 'json' {
            $record = Join-Path $TestDrive "wanted.$_"
            $rows = 1..3 | ForEach-Object { New-Row @{ Port = $_; RequestedPort = $_ } }
            switch ($_) {
                csv { $rows | Export-Csv -LiteralPath $record }
                clixml { $rows | Export-Clixml -LiteralPath $record }
                json { $rows | ConvertTo-Json | Set-Content -LiteralPath $record }
            }
            # In a separate session, because an error here ends the whole script.
            $script = "Import-Module '$modulePath'; `$first = Test-BindPolicy -Policy @{ Rules = @() } -RecordPath '$record', '$record' | Select-Object -First 2; `$first.Port; 'goes on'"
            & $pwsh -NoProfile -NonInteractive -Command $script | Should -BeExactly '1', '2', 'goes on'
        }

        It 'Judges output of the command line' {
            $bindsnoop = [IO.Path]::Combine($repository, 'output', 'bin', 'bindsnoop')
            if (-not (Test-Path -LiteralPath $bindsnoop)) {
                Skip-Test -Because 'the command line has not been built'
            }
            $record = Join-Path $TestDrive 'line.jsonl'
            $process = Start-Program $bindsnoop, '-E', '--json', '--comm', $truthComm, '--max-events', '5'
            try {
                # It reports on standard error, which belongs to the tests, when it traces; so bind until it has enough.
                $reading = $process.StandardOutput.ReadToEndAsync()
                Wait-Until { $null = Invoke-Truth five-ports; $process.HasExited }
                Set-Content -LiteralPath $record -Value $reading.Result -NoNewline
            }
            finally {
                $process.Dispose()
            }
            $lines = @(Get-Content -LiteralPath $record)
            $lines.Count | Should -Be 5
            @(Test-BindPolicy -Path $policy -RecordPath $record).Count | Should -Be @($lines -match '"Port":20512').Count
            @(Test-BindPolicy -Policy $web -RecordPath $record).Count | Should -Be 5
        }

        It 'Judges objects from another session' {
            $copies = [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($seen.Events))
            $copies[0].PSObject.TypeNames[0] | Should -BeLike 'Deserialized.*'
            $copies | Test-BindPolicy -Path $policy | Format-Violation | Should -BeExactly $expected
        }

        It 'Reports how many calls it judged, and how many not' {
            $said = $seen.Events | Test-BindPolicy -Path $policy -Quiet -Verbose 4>&1 | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] }
            $empty = @($seen.Events | Where-Object { -not $_.Address -or -not $_.Protocol }).Count
            $empty | Should -BeGreaterThan 0
            "$said" | Should -BeExactly "$($seen.Events.Count - $empty) binds judged, $($expected.Count) violations; $empty calls named no socket or no address, and were not judged."
        }

        It 'Names threads as events do: <_>' -ForEach 'comm-quote', 'comm-escape', 'comm-newline', 'comm-invalid', 'comm-c1', 'comm-empty' {
            $odd = Get-TruthEvent $_
            $rule = @{ Name = 'odd'; Action = 'Allow'; Comm = $odd.Events[0].Comm }
            $odd.Events | Test-BindPolicy -Policy @{ Rules = $rule } -Quiet | Should -BeTrue
            $rule.Comm = 'other'
            @($odd.Events | Test-BindPolicy -Policy @{ Rules = $rule }).Comm | Should -BeExactly $odd.Events.Comm
        }
    }

    Context 'Unknown values' {
        It 'Never count as allowed: a cgroup, <What>' -TestCases @(
            @{ What = 'of an object'; As = { $_ } }
            @{ What = 'in CSV'; As = { $_ | ConvertTo-Csv | ConvertFrom-Csv } }
            @{ What = 'in JSON'; As = { $_ | ConvertTo-Json | ConvertFrom-Json } }
        ) {
            $deny = @{ Default = 'Allow'; Rules = @{ Name = 'no nginx'; Action = 'Deny'; Unit = 'nginx.service' } }
            $allow = @{ Rules = @{ Name = 'nginx'; Action = 'Allow'; Unit = 'nginx.service' } }
            $unknown = New-Row @{ CgroupPath = ''; Unit = $null; ContainerId = $null } | ForEach-Object $As
            ($unknown | Test-BindPolicy -Policy $deny).Reason | Should -BeExactly "rule 'no nginx' may deny it: its cgroup is unknown"
            ($unknown | Test-BindPolicy -Policy $allow).Reason | Should -Match '^not allowed: its cgroup is unknown'
            $none = New-Row @{ CgroupPath = '/'; Unit = ''; ContainerId = '' } | ForEach-Object $As
            $none | Test-BindPolicy -Policy $deny | Should -BeNullOrEmpty
            ($none | Test-BindPolicy -Policy $allow).Reason | Should -BeExactly 'not allowed'
        }

        It 'Cause a warning when a policy is created' {
            $policy = New-Row @{ CgroupPath = '' } | New-BindPolicy -WarningVariable warning -WarningAction SilentlyContinue
            "$warning" | Should -Match '^The cgroups of 1 binds are unknown'
            $policy.Rules[0].Conditions | Should -Not -Match 'Unit'
        }

        It 'A unit of a user''s own is not the system''s' {
            $allow = @{ Rules = @{ Name = 'nginx'; Action = 'Allow'; Unit = 'nginx.service' } }
            $user = New-Row @{ CgroupPath = '/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service'; Unit = 'nginx.service' }
            ($user | Test-BindPolicy -Policy $allow).Unit | Should -BeExactly 'user@1000.service'
            New-Row @{ CgroupPath = '/system.slice/nginx.service' } | Test-BindPolicy -Policy $allow | Should -BeNullOrEmpty
        }
    }

    Context 'JSON' {
        BeforeAll {
            $row = New-Row | ConvertTo-Json -Compress
            # More than fits into any buffer.
            $many = @($row) * 5000
        }

        It 'Is judged as it is read: <What>' -TestCases @(
            @{ What = 'lines'; Text = { ($many -join "`n") + "`nno JSON" } }
            @{ What = 'an array'; Text = { '[' + ($many -join ",`n") + ', no JSON' } }
            @{ What = 'an array after a mark and blanks'; Text = { "`u{feff} `n[" + ($many -join ',') + ', no JSON' } }
        ) {
            $path = Join-Path $TestDrive streamed.json
            Set-Content -LiteralPath $path -Value (& $Text) -NoNewline
            $first = Test-BindPolicy -Policy @{ Rules = @() } -RecordPath $path | Select-Object -First 1
            $first.Port | Should -Be 80 -Because 'the end need not have been read'
            $record = Get-OnlyError { Test-BindPolicy -Policy $web -RecordPath $path }
            Assert-Error $record -Id InvalidRecord -Category InvalidArgument -Target $path -Advice 'bindsnoop --json'
        }

        It 'May be <What>' -TestCases @(
            @{ What = 'an object over several lines'; Text = { New-Row | ConvertTo-Json }; Count = 1 }
            @{ What = 'objects one after the other'; Text = { "$row$row $row" }; Count = 3 }
            @{ What = 'an array in one line'; Text = { "[$row,$row]" }; Count = 2 }
            @{ What = 'an empty array'; Text = { '[]' }; Count = 0 }
            @{ What = 'nothing'; Text = { '' }; Count = 0 }
            @{ What = 'names in other letters'; Text = { $row.ToLowerInvariant() -replace '"ipv4"', '"IPv4"' }; Count = 1 }
        ) {
            $path = Join-Path $TestDrive form.jsonl
            Set-Content -LiteralPath $path -Value (& $Text) -NoNewline
            @(Test-BindPolicy -Policy @{ Rules = @() } -RecordPath $path).Count | Should -Be $Count
        }

        It 'Refuses <What> for an event' -TestCases @(
            @{ What = 'a number'; Text = '5' }
            @{ What = 'an array in an array'; Text = '[[]]' }
            @{ What = 'null'; Text = 'null' }
        ) {
            $path = Join-Path $TestDrive wrong.jsonl
            Set-Content -LiteralPath $path -Value $Text
            $record = Get-OnlyError { Test-BindPolicy -Policy $web -RecordPath $path }
            "$record" | Should -BeLike "Object 1 of '$path' is not an event of bind(): it has no property '*"
        }
    }

    Context 'Answers' {
        It 'Quiet is true if there is no violation' {
            New-Row | Test-BindPolicy -Policy $web -Quiet | Should -BeExactly $true
            (New-Row), (New-Row @{ Port = 443; RequestedPort = 443 }) | Test-BindPolicy -Policy $web -Quiet | Should -BeExactly $false
            @() | Test-BindPolicy -Policy $web -Quiet | Should -BeExactly $true
        }

        It 'Takes a policy as <What>' -TestCases @(
            @{ What = 'a hashtable'; Make = { $web } }
            @{ What = 'an object of JSON'; Make = { $web | ConvertTo-Json -Depth 4 | ConvertFrom-Json } }
            @{ What = 'a policy'; Make = { New-Row | New-BindPolicy } }
            @{ What = 'what Import-PowerShellDataFile reads'; Make = { Import-PowerShellDataFile (New-PolicyFile "@{ Rules = @{ Name = 'web'; Action = 'Allow'; Port = 80 } }") } }
        ) {
            New-Row | Test-BindPolicy -Policy (& $Make) -Quiet | Should -BeTrue
            New-Row @{ Port = 81; RequestedPort = 81 } | Test-BindPolicy -Policy (& $Make) -Quiet | Should -BeFalse
        }

        It 'Ends a script with a status: <Status> for port <Port>' -TestCases @(
            @{ Port = 80; Status = 0 }
            @{ Port = 81; Status = 1 }
        ) {
            New-Row @{ Port = $Port; RequestedPort = $Port } | Export-Csv (Join-Path $TestDrive one.csv)
            $file = New-PolicyFile '{"Rules": [{"Name": "web", "Action": "Allow", "Port": 80}]}' -Extension json
            $script = Join-Path $TestDrive script.ps1
            Set-Content -LiteralPath $script -Value @"
`$ErrorActionPreference = 'Stop'
Import-Module '$modulePath'
exit [int](-not (Import-Csv '$TestDrive/one.csv' | Test-BindPolicy -Path '$file' -Quiet))
"@
            & $pwsh -NoProfile -NonInteractive -File $script
            $LASTEXITCODE | Should -Be $Status
        }

        It 'Shows violations in a table that fits' {
            $shown = New-Row @{ Comm = 'fifteen-letters'; Uid = 100000; Port = 65535; RequestedPort = 65535; Address = '255.255.255.255' } | Test-BindPolicy -Policy $web
            $lines = ($shown | Out-String -Width 79).Trim() -split '\r?\n'
            $lines[0] | Should -BeExactly 'TIME         PID COMM               UID PROT  ENDPOINT              REASON'
            $lines[2] | Should -BeExactly '04:05:06    1234 fifteen-letters 100000 TCP   255.255.255.255:65535 not allowed'
        }

        It 'Escapes control characters of a file' {
            $row = New-Row @{ Comm = "`e[2J"; UserName = "`e[31m"; Unit = "`u{202e}.service"; ContainerId = "`a" }
            $violation = $row | Test-BindPolicy -Policy @{ Rules = @() }
            $violation | Out-String | Should -Not -Match '[\x07\x1b\u202e]'
            $violation.Comm | Should -BeExactly '\x1b[2J'
            ($violation | Format-List | Out-String) | Should -Not -Match '[\x07\x1b\u202e]'
        }
    }

    Context 'Wrong input' {
        It 'Refuses a file with <What>' -TestCases $wrongFiles {
            $file = New-PolicyFile $Text -Extension ($Extension ?? 'psd1')
            $record = Get-OnlyError { New-Row | Test-BindPolicy -Path $file }
            Assert-Error $record -Id InvalidPolicy -Category InvalidArgument -Target $file -Advice ($Advice ?? '.')
            "$record" | Should -Match "^The policy '$([regex]::Escape($file))' cannot be used: "
            "$record" | Should -Match $Says
        }

        It 'Never runs a policy' {
            $mark = Join-Path $TestDrive mark
            foreach ($code in "New-Item '$mark'", "`$(New-Item '$mark')", "@(New-Item '$mark')", "[IO.File]::Create('$mark')", "'x'.Insert(0, (New-Item '$mark'))", "{ New-Item '$mark' }", "& { New-Item '$mark' }") {
                foreach ($text in "@{ Rules = $code }", "@{ Rules = @{ Name = $code; Action = 'Deny'; Port = 1 } }", "@{ ($code) = 1 }", "$code; @{ Rules = @() }") {
                    $file = New-PolicyFile $text
                    $record = Get-OnlyError { New-Row | Test-BindPolicy -Path $file }
                    $record.FullyQualifiedErrorId | Should -BeLike 'InvalidPolicy,*'
                }
            }
            $mark | Should -Not -Exist
        }

        It 'Refuses <What> for an event, and continues' -TestCases $wrongRows {
            $wrong = if ($_.ContainsKey('Row')) { $Row } else { New-Row ($With ?? @{}) }
            if ($Without) { $wrong.PSObject.Properties.Remove($Without) }
            $rest = New-Row @{ Port = 81; RequestedPort = 81 }
            $said = @((New-Row), $wrong, $rest | Test-BindPolicy -Policy $web -ErrorAction Continue 2>&1)
            $said.Count | Should -Be 2
            $said[0].FullyQualifiedErrorId | Should -BeLike 'InvalidBindEvent,*'
            $said[0].CategoryInfo.Category | Should -Be InvalidArgument
            "$($said[0])" | Should -Match '^Object 2 of the input is not an event of bind\(\): '
            "$($said[0])" | Should -Match $Says
            $said[0].ErrorDetails.RecommendedAction | Should -Match 'Get-BindEvent'
            $said[1].Port | Should -Be 81
            $wrong, (New-Row) | Test-BindPolicy -Policy $web -Quiet -ErrorAction SilentlyContinue | Should -BeFalse -Because 'what could not be judged is not in order'
        }

        It 'Names the row of a file that is not an event' {
            $path = Join-Path $TestDrive wrong.csv
            (New-Row), (New-Row @{ Port = 'x' }) | Export-Csv -LiteralPath $path
            $record = Get-OnlyError { Test-BindPolicy -Policy $web -RecordPath $path }
            "$record" | Should -BeLike "Object 2 of '$path' is not an event of bind(): Port is 'x'*"
        }

        It 'Requires something to judge' {
            $record = Get-OnlyError { Test-BindPolicy -Policy $web }
            Assert-Error $record -Id NoInput -Category InvalidArgument -Target $null -Advice 'RecordPath'
        }

        It 'Refuses a policy: <What>' -TestCases @(
            @{ What = 'that is not there'; Path = '/no/such/policy.psd1'; Id = 'PolicyNotFound'; Category = 'ObjectNotFound'; Advice = 'New-BindPolicy' }
            @{ What = 'of another kind'; Path = '/etc/passwd'; Id = 'UnknownPolicyFormat'; Category = 'InvalidArgument'; Advice = '\.psd1 or \.json' }
        ) {
            $record = Get-OnlyError { New-Row | Test-BindPolicy -Path $Path }
            Assert-Error $record -Id $Id -Category $Category -Target $Path -Advice $Advice
        }

        It 'Refuses an object that is not a policy: <_>' -ForEach 5, 'policy.psd1', @(1, 2) {
            $given = $_
            $record = Get-OnlyError { New-Row | Test-BindPolicy -Policy $given }
            Assert-Error $record -Id InvalidPolicy -Category InvalidArgument -Target '-Policy' -Advice 'Default, Rules'
        }

        It 'Refuses a file: <What>' -TestCases @(
            @{ What = 'that is not there'; Path = '/no/such/record.csv'; Id = 'RecordNotFound'; Category = 'ObjectNotFound'; Advice = 'Export-Csv' }
            @{ What = 'of another kind'; Path = '/etc/passwd'; Id = 'UnknownRecordFormat'; Category = 'InvalidArgument'; Advice = '\.csv' }
        ) {
            $record = Get-OnlyError { Test-BindPolicy -Policy $web -RecordPath $Path }
            Assert-Error $record -Id $Id -Category $Category -Target $Path -Advice $Advice
        }

        It 'Refuses a file whose content does not match its name: <_>' -ForEach 'json', 'clixml' {
            $path = Join-Path $TestDrive "broken.$_"
            Set-Content -LiteralPath $path -Value '{ "Port":'
            $record = Get-OnlyError { Test-BindPolicy -Policy $web -RecordPath $path }
            Assert-Error $record -Id InvalidRecord -Category InvalidArgument -Target $path -Advice 'Export-Csv'
        }
    }
}
