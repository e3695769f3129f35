BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }
}

Describe 'Get-BindTrace' {
    AfterEach {
        Assert-NothingAttached
    }

    It 'Returns nothing if there is no trace' {
        Get-BindTrace | Should -BeNullOrEmpty
        Get-BindTrace -Name '*' | Should -BeNullOrEmpty
    }

    It 'Reports that a trace does not exist, and lists those that do' {
        $record = Get-OnlyError { Get-BindTrace -Name nobody }
        Assert-Error $record -Id TraceNotFound -Category ObjectNotFound -Target 'nobody' -Advice 'Start-BindTrace'
        Skip-WithoutTracing
        $null = Start-BindTrace -Name somebody
        $record = Get-OnlyError { Get-BindTrace -Name nobody }
        Assert-Error $record -Id TraceNotFound -Category ObjectNotFound -Target 'nobody' -Advice "'somebody'"
    }

    It 'Escapes control characters in a name that does not exist' {
        $record = Get-OnlyError { Get-BindTrace -Name "red`a" }
        Assert-Error $record -Id TraceNotFound -Category ObjectNotFound -Target "red`a" -Advice 'Start-BindTrace'
        "$record" | Should -BeLike '*red\x07*'
    }

    It 'Writes an error for each missing name, and returns the existing traces' {
        Skip-WithoutTracing
        $null = Start-BindTrace -Name somebody
        $traces = Get-BindTrace -Name nobody, somebody, noone -ErrorAction SilentlyContinue -ErrorVariable missing
        $traces.Name | Should -Be 'somebody'
        $missing.TargetObject | Should -Be 'nobody', 'noone'
    }

    It 'Writes no error if a pattern matches no trace' {
        Get-BindTrace -Name 'nobody*' | Should -BeNullOrEmpty
    }

    Context 'With traces' {
        BeforeEach {
            Skip-WithoutTracing
            $web = Start-BindTrace -Name web -Port 80, 8000-8999 -Protocol TCP -Comm nobody -IncludeError
            $dns = Start-BindTrace -Name DNS -Mode Count -Port 53
            $db = Start-BindTrace -Name db -Uid root -Comm nobody
        }

        It 'Lists all, oldest first' {
            (Get-BindTrace).Name | Should -BeExactly 'web', 'DNS', 'db'
        }

        It 'Finds <How>' -TestCases @(
            @{ How = 'by name, in any case'; Name = 'dns'; Expected = 'DNS' }
            @{ How = 'by pattern'; Name = 'd*'; Expected = 'DNS', 'db' }
            @{ How = 'by set'; Name = '[vw]eb'; Expected = 'web' }
            @{ How = 'by names, each once, oldest first'; Name = 'db', 'web', 'd?'; Expected = 'web', 'db' }
        ) {
            (Get-BindTrace -Name $Name).Name | Should -BeExactly $Expected
            (Get-BindTrace $Name).Name | Should -BeExactly $Expected
        }

        It 'Takes names from the pipeline' {
            ('db', 'web' | Get-BindTrace).Name | Should -BeExactly 'db', 'web'
        }

        It 'Returns the trace itself' {
            [object]::ReferenceEquals((Get-BindTrace web), $web) | Should -BeTrue
            $web | Should -BeOfType ([BindSnoop.BindTrace])
        }

        It 'Shows what a trace does' {
            $web.Mode | Should -Be 'Event'
            $dns.Mode | Should -Be 'Count'
            foreach ($trace in $web, $dns, $db) {
                $trace.State | Should -Be 'Running'
                "$($trace.Backend)" | Should -BeIn 'Fentry', 'Kprobe', 'Cgroup', 'Tracepoint'
                $trace.StartTime | Should -BeLessOrEqual ([datetime]::Now)
                $trace.StartTime | Should -BeGreaterThan ([datetime]::Now.AddMinutes(-1))
                $trace.StartTime.Kind | Should -Be 'Local'
                $trace.Queued | Should -Be 0
                $trace.Dropped | Should -BeGreaterOrEqual 0
            }
            "$($web.Filter)" | Should -Be 'Port 80,8000-8999; Protocol TCP; Comm nobody; IncludeError yes'
            "$($dns.Filter)" | Should -Be 'Port 53'
            "$($db.Filter)" | Should -Be 'Uid 0; Comm nobody'
            $web.Filter.Port[1].First | Should -Be 8000
            $web.Filter.Port[1].Last | Should -Be 8999
            $web.Filter.Comm[0] | Should -Be 'nobody'
            $db.Filter.Uid[0] | Should -Be 0
        }

        It 'Sees the same traces from another runspace, which may close' {
            $result = Start-Traced -Traces 0 { (Get-BindTrace).Name; $null = Start-BindTrace -Name other -Comm nobody } | Complete-Traced
            $result.Output | Should -Be 'web', 'DNS', 'db'
            Get-BindTrace | ForEach-Object State | Should -Be (@('Running') * 4)
        }

        It 'Completes names' {
            $line = 'Get-BindTrace -Name d'
            $completion = TabExpansion2 -inputScript $line -cursorColumn $line.Length
            $completion.CompletionMatches.CompletionText | Should -Be 'DNS', 'db'
        }
    }
}
