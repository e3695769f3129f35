BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }
}

Describe 'Stop-BindTrace' {
    BeforeEach {
        Skip-WithoutTracing
    }

    AfterEach {
        Assert-NothingAttached
    }

    It 'Stops <How>' -TestCases @(
        @{ How = 'by name'; Stop = { Stop-BindTrace -Name a } }
        @{ How = 'by position'; Stop = { Stop-BindTrace A } }
        @{ How = 'by pattern'; Stop = { Stop-BindTrace '?' } }
        @{ How = 'an object'; Stop = { Stop-BindTrace -InputObject $trace } }
        @{ How = 'an object by position'; Stop = { Stop-BindTrace $trace } }
        @{ How = 'an object by the alias'; Stop = { Stop-BindTrace -Trace $trace } }
        @{ How = 'from the pipeline'; Stop = { $trace | Stop-BindTrace } }
        @{ How = 'from Get-BindTrace'; Stop = { Get-BindTrace a | Stop-BindTrace } }
    ) {
        $trace = Start-BindTrace -Name a -Comm $truthComm
        $left = Start-BindTrace -Name left -Comm $truthComm
        & $Stop | Should -BeNullOrEmpty
        $trace.State | Should -Be 'Stopped'
        $left.State | Should -Be 'Running'
        $null = Invoke-Truth tcp4-loopback
        $left | Stop-BindTrace
        $trace.Received | Should -Be 0
        $left.Received | Should -Be 1
    }

    It 'Stops several, and passes them on with -PassThru' {
        $a = Start-BindTrace -Name a
        $b = Start-BindTrace -Name b
        $stopped = Get-BindTrace | Stop-BindTrace -PassThru
        $stopped.Name | Should -Be 'a', 'b'
        $stopped.State | Should -Be 'Stopped', 'Stopped'
        [object]::ReferenceEquals($stopped[0], $a) | Should -BeTrue
        $b.State | Should -Be 'Stopped'
    }

    It 'Keeps everything that happened before' {
        $trace = Start-BindTrace -Comm $truthComm
        $load = Invoke-Load -Count 5000
        $trace | Stop-BindTrace
        $trace.Received | Should -Be $load.made
        $trace.Queued | Should -Be $load.made
        @(Get-BindEvent -Trace $trace).Count | Should -Be $load.made
        $trace.Queued | Should -Be 0
        $trace.Received | Should -Be $load.made
    }

    It 'Keeps calls made just before that were not read yet' {
        $any = [System.Net.IPEndPoint]::new([ipaddress]::Loopback, 0)
        foreach ($i in 1..10) {
            $trace = Start-BindTrace -ProcessId $PID
            $socket = [System.Net.Sockets.Socket]::new('InterNetwork', 'Dgram', 'Udp')
            $socket.Bind($any)
            $trace.Stop()
            $socket.Dispose()
            $trace.Received | Should -Be 1
            $trace | Remove-BindTrace
        }
    }

    It 'Keeps counts' {
        $trace = Start-BindTrace -Comm $truthComm -Mode Count
        $null = Invoke-Truth five-ports
        $trace | Stop-BindTrace
        $null = Invoke-Truth five-ports
        @($trace | Get-BindCount).Count | Should -Be 5
        ($trace | Get-BindCount | Measure-Object -Property Count -Sum).Sum | Should -Be 5
        $trace.Received | Should -Be 5
    }

    It 'Detaches at once' {
        $trace = Start-BindTrace -Comm $truthComm
        $attached = @(Get-BpfObject)
        @($attached -match '^prog').Count | Should -BeGreaterThan 0
        @($attached -match '^(link|perf_event)').Count | Should -BeGreaterThan 0
        $trace | Stop-BindTrace
        @(Get-BpfObject) -match '^(link|perf_event)' | Should -BeNullOrEmpty
    }

    It 'Does nothing if the trace is already stopped or removed' {
        $trace = Start-BindTrace
        $trace | Stop-BindTrace
        $trace | Stop-BindTrace
        $trace.State | Should -Be 'Stopped'
        $trace | Remove-BindTrace
        $trace | Stop-BindTrace
        $trace.State | Should -Be 'Removed'
    }

    It 'Only shows what it would do with -WhatIf' {
        $trace = Start-BindTrace -Name a
        $trace | Stop-BindTrace -WhatIf
        Stop-BindTrace -Name a -WhatIf
        $trace.State | Should -Be 'Running'
        $trace | Stop-BindTrace -Confirm:$false
        $trace.State | Should -Be 'Stopped'
    }

    It 'Reports that a trace does not exist' {
        $record = Get-OnlyError { Stop-BindTrace -Name nobody }
        Assert-Error $record -Id TraceNotFound -Category ObjectNotFound -Target 'nobody' -Advice 'Start-BindTrace'
    }

    It 'Stops existing traces even if others do not exist' {
        $trace = Start-BindTrace -Name a
        Stop-BindTrace -Name nobody, a -ErrorAction SilentlyContinue -ErrorVariable missing
        $missing.Count | Should -Be 1
        $trace.State | Should -Be 'Stopped'
    }

    It 'Stops nothing if a pattern matches none' {
        $trace = Start-BindTrace -Name a
        Stop-BindTrace -Name 'x*'
        $trace.State | Should -Be 'Running'
    }

    It 'Requires a trace' {
        (Get-Command Stop-BindTrace).ParameterSets | ForEach-Object { @($_.Parameters | Where-Object IsMandatory).Count | Should -Be 1 }
        $null | Stop-BindTrace -ErrorAction SilentlyContinue -ErrorVariable refused
        $refused.Count | Should -Be 1
        @() | Stop-BindTrace
    }
}
