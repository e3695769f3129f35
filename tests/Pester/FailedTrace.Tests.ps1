BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'policy.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }
    $anything = @{ Default = 'Allow'; Rules = @() }

    function Start-FailedTrace {
        $trace = Start-BindTrace -Comm $truthComm
        $null = Invoke-Truth five-ports
        Wait-Until { $trace.Queued -eq 5 }
        Disable-TraceReader $trace
        $null = Invoke-Truth five-ports
        Wait-Until { $trace.State -eq 'Failed' }
        Disable-TraceReader $trace -Undo
        $trace
    }

    function Assert-Failed {
        param($Record)
        Assert-Error $Record -Id TraceFailed -Category InvalidOperation -Target $trace.Name -Advice 'another'
        "$Record" | Should -BeLike "The trace '$($trace.Name)' failed and no longer collects anything: $($trace.Error.Message)"
    }
}

Describe 'A background trace that has failed' {
    BeforeEach {
        Skip-WithoutTracing
        $trace = if (-not $global:BindSnoopTests.WhyNot) { Start-FailedTrace }
    }

    AfterEach {
        if ($trace) { $trace | Remove-BindTrace }
        Assert-NothingAttached
    }

    It 'Fails Test-BindPolicy: by <_>' -ForEach 'parameter', 'pipeline' {
        $by = $_
        $output = @(if ($by -eq 'parameter') { Test-BindPolicy -Policy $anything -Trace $trace -Quiet -ErrorVariable failure -ErrorAction SilentlyContinue }
            else { $trace | Test-BindPolicy -Policy $anything -Quiet -ErrorVariable failure -ErrorAction SilentlyContinue })
        $output | Should -BeExactly $false
        Assert-Failed $failure[0]
    }

    It 'Is an error for <What>' -TestCases @(
        @{ What = 'Test-BindPolicy'; Run = { Test-BindPolicy -Policy $anything -Trace $trace } }
        @{ What = 'New-BindPolicy'; Run = { $null = New-BindPolicy -Trace $trace } }
        @{ What = 'Get-BindEvent'; Run = { $null = Get-BindEvent -Trace $trace } }
        @{ What = 'Get-BindEvent -Wait'; Run = { $null = $trace | Get-BindEvent -Wait } }
        @{ What = 'Export-BindMetric'; Run = { Export-BindMetric (Join-Path $TestDrive failed.prom) -Trace $trace } }
        @{ What = 'Export-BindReport'; Run = { Export-BindReport (Join-Path $TestDrive failed.html) -Trace $trace } }
        @{ What = 'Export-BindMetric -Interval'; Run = { Export-BindMetric (Join-Path $TestDrive failed.prom) -Name $trace.Name -Interval 1 } }
    ) {
        Assert-Failed (Get-OnlyError $Run)
    }

    It 'Still returns what it has collected' {
        @(Get-BindEvent -Trace $trace -ErrorAction SilentlyContinue).Port | Should -Be (20510..20514)
    }
}

Describe 'A background trace that was removed' {
    It 'Fails Test-BindPolicy' {
        Skip-WithoutTracing
        $trace = Start-BindTrace -Comm $truthComm
        $trace | Remove-BindTrace
        $record = Get-OnlyError { Test-BindPolicy -Policy $anything -Trace $trace }
        Assert-Error $record -Id TraceRemoved -Category InvalidOperation -Target $trace.Name -Advice 'Stop-BindTrace'
        Test-BindPolicy -Policy $anything -Trace $trace -Quiet -ErrorAction SilentlyContinue | Should -BeFalse
    }
}
