BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }
}

Describe 'Test-BindTrace' {
    BeforeEach {
        Skip-WithoutTracing
    }

    AfterEach {
        Assert-NothingAttached
    }

    It 'Proves a running trace, by name, by object and from the pipeline, and leaves nothing in it' {
        $trace = Start-BindTrace -Name a
        $count = Start-BindTrace -Name b -Mode Count -Comm $truthComm
        $tests = @(Test-BindTrace '[ab]') + @(Test-BindTrace $trace) + @(Get-BindTrace | Test-BindTrace) + @(Test-BindTrace -Trace $count)
        $tests.Name | Should -Be 'a', 'b', 'a', 'a', 'b', 'b'
        foreach ($test in $tests) {
            $test.Proven | Should -BeTrue
            $test.Reason | Should -BeExactly ''
            $test.Calls | Should -BeGreaterThan 1
            $test.Fields | Should -Contain 'Port'
            $test.Compared.IsSame | Should -Not -Contain $false
        }
        $null = Invoke-Truth tcp4-loopback
        $trace, $count | Stop-BindTrace
        @($trace | Get-BindEvent | Where-Object ProcessId -EQ $PID).Count | Should -Be 0
        @($count | Get-BindCount).Count | Should -Be 1
        $trace.Proof.Proven | Should -BeTrue
    }

    It 'Returns true or false with -Quiet' {
        $null = Start-BindTrace -Name a
        Test-BindTrace a -Quiet | Should -BeOfType ([bool])
        Test-BindTrace a -Quiet | Should -BeTrue
    }

    It 'Writes one error for a trace that has ended, and continues' {
        $stopped = Start-BindTrace -Name a
        $null = Start-BindTrace -Name b
        $stopped | Stop-BindTrace
        $record = Get-OnlyError { $stopped | Test-BindTrace }
        Assert-Error $record -Id TraceNotRunning -Category InvalidOperation -Target 'a' -Advice 'while it runs'
        $stopped | Remove-BindTrace
        $tests = $stopped, (Get-BindTrace b) | Test-BindTrace -ErrorAction SilentlyContinue -ErrorVariable refused
        $refused.Count | Should -Be 1
        $tests.Name | Should -Be 'b'
        $record = Get-OnlyError { Test-BindTrace -Name nobody }
        Assert-Error $record -Id TraceNotFound -Category ObjectNotFound -Target 'nobody' -Advice "The traces are 'b'"
    }

    It 'Appears in the trace''s metrics' {
        $trace = Start-BindTrace -Name a
        $null = $trace | Test-BindTrace
        $path = [IO.Path]::Combine($TestDrive, 'proofs.prom')
        $trace | Export-BindMetric -Path $path
        $path | Should -FileContentMatch '^bindsnoop_proofs_total\{bindsnoop_trace="a",result="failure"\} 0$'
        $path | Should -FileContentMatch '^bindsnoop_proofs_total\{bindsnoop_trace="a",result="success"\} 2$'
    }

    It 'Is shown in a table, live and deserialized' {
        $test = Start-BindTrace -Name a | Test-BindTrace
        $text = $test | Out-String -Width 80
        $text | Should -Match '(?m)^NAME +BACKEND +PROVEN +CALLS +REASON *$'
        $copy = [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($test))
        $copy | Out-String -Width 80 | Should -BeExactly $text
        $copy.Compared[0].Field | Should -BeExactly $test.Compared[0].Field
    }
}
