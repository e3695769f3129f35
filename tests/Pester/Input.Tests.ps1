# What happens to events in files: their times, in every culture, and the order of their properties.

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'policy.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
        $trace = Start-BindTrace -Comm $truthComm
        $null = Invoke-Truth five-ports
        $trace | Stop-BindTrace
        $events = @($trace | Get-BindEvent)
        $trace | Remove-BindTrace
        $accepts = (Invoke-Traced -Parameter @{ Comm = $truthComm } {
                param($Comm)
                Get-AcceptEvent -Comm $Comm -MaxEvents 1
            } { Invoke-Truth accept-tcp4 -Verb accept }).Output
    }
    $nothing = @{ Rules = @() }

    function Get-Order($Object, [string[]] $Of) {
        @($Object.PSObject.Properties.Name | Where-Object { $_ -in $Of })
    }
}

Describe 'Times in files' {
    It 'Survive CSV to the microsecond: <_>' -ForEach 'en-US', 'de-DE', 'th-TH', 'ar-SA', 'fa-IR', 'ja-JP' {
        Skip-WithoutTracing
        if ([System.Globalization.CultureInfo]::GetCultureInfo('th-TH').Calendar -isnot [System.Globalization.ThaiBuddhistCalendar]) {
            Skip-Test -Because 'this PowerShell knows no cultures (invariant globalization)'
        }
        $path = Join-Path $TestDrive "$_.csv"
        $before = [cultureinfo]::CurrentCulture
        try {
            [cultureinfo]::CurrentCulture = $_
            $events | Export-Csv -LiteralPath $path
            $read = @(Test-BindPolicy -Policy $nothing -RecordPath $path)
        }
        finally {
            [cultureinfo]::CurrentCulture = $before
        }
        # Read in another culture, too.
        foreach ($violations in $read, @(Test-BindPolicy -Policy $nothing -RecordPath $path)) {
            $violations.Count | Should -Be $events.Count
            for ($i = 0; $i -lt $events.Count; $i++) {
                $violations[$i].Time | Should -Be $events[$i].Time.AddTicks(-($events[$i].Time.Ticks % 10))
                $violations[$i].Timestamp | Should -BeExactly $events[$i].Timestamp
            }
        }
    }

    It 'Timestamp equals Time to the microsecond' {
        Skip-WithoutTracing
        foreach ($event in $events + $accepts) {
            $event.Timestamp | Should -Match '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d$'
            [math]::Abs(([DateTimeOffset]$event.Timestamp - [DateTimeOffset]$event.Time).Ticks) | Should -BeLessThan 10
        }
    }

    It 'An ambiguous Time is ignored: <_>' -ForEach '05.11.2026 10:11:12', '11/5/2026 10:11:12 AM', '5/11/2569 10:11:12', '1448/05/25 10:11:12', '2026-11-05T10:11:12', '', 'yesterday' {
        (New-Row @{ Time = $_ } | Test-BindPolicy -Policy $nothing).Time | Should -BeNullOrEmpty
        (New-Row @{ Time = $_; Timestamp = '2026-11-05T10:11:12.345678+00:00' } | Test-BindPolicy -Policy $nothing).Time.ToUniversalTime() |
            Should -Be ([datetime]::new(2026, 11, 5, 10, 11, 12, 345, 678))
    }

    It 'An unambiguous Time is read: <_>' -ForEach '2026-11-05T10:11:12.5+00:00', '2026-11-05T10:11:12.5Z', '2026-11-05T12:11:12.5000000+02:00' {
        (New-Row @{ Time = $_ } | Test-BindPolicy -Policy $nothing).Time.ToUniversalTime() | Should -Be ([datetime]::new(2026, 11, 5, 10, 11, 12, 500))
    }
}

Describe 'Properties' {
    It '<What> have their properties in the order of the command line''s JSON' -TestCases @(
        @{ What = 'events'; Objects = { $events }; Arguments = @('--max-events', '1') }
        @{ What = 'accepts'; Objects = { $accepts }; Arguments = @('accept', '--max-events', '1') }
        @{ What = 'counts'; Objects = { $counts }; Arguments = @('--count') }
    ) {
        Skip-WithoutTracing
        $bindsnoop = [IO.Path]::Combine($repository, 'output', 'bin', 'bindsnoop')
        if (-not (Test-Path -LiteralPath $bindsnoop)) {
            Skip-Test -Because 'the command line has not been built'
        }
        $counting = $What -eq 'counts'
        $counts = if ($counting) {
            $trace = Start-BindTrace -Mode Count -Comm $truthComm
            $null = Invoke-Truth five-ports
            Get-BindCount -Trace $trace
            $trace | Remove-BindTrace
        }
        $rows = @(& $Objects)
        $rows.Count | Should -BeGreaterThan 0

        $process = Start-Program (@($bindsnoop) + $Arguments + '--json', '--comm', $truthComm, '--duration', '5')
        try {
            $reading = $process.StandardOutput.ReadToEndAsync()
            Wait-Until { $null = if ($What -eq 'accepts') { Invoke-Truth accept-tcp4 -Verb accept } else { Invoke-Truth five-ports }; $process.HasExited }
            $line = $reading.Result -split "`n" | Select-Object -First 1 | ConvertFrom-Json
        }
        finally {
            $process.Dispose()
        }
        $names = @($line.PSObject.Properties.Name)
        $names.Count | Should -BeGreaterThan 8
        Get-Order ($rows | ConvertTo-Csv | ConvertFrom-Csv | Select-Object -First 1) $names | Should -BeExactly $names
        Get-Order ($rows[0] | ConvertTo-Json | ConvertFrom-Json) $names | Should -BeExactly $names
        Get-Order ($rows[0] | Select-Object *) $names | Should -BeExactly $names
        if (-not $counting) {
            @(($rows[0] | ConvertTo-Csv | ConvertFrom-Csv).PSObject.Properties.Name)[0..1] | Should -BeExactly 'Time', 'Timestamp'
        }
    }
}
