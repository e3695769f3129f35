BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }
}

Describe 'Remove-BindTrace' {
    BeforeEach {
        Skip-WithoutTracing
    }

    AfterEach {
        Assert-NothingAttached
    }

    It 'Removes <How>' -TestCases @(
        @{ How = 'by name'; Remove = { Remove-BindTrace -Name a } }
        @{ How = 'by position'; Remove = { Remove-BindTrace A } }
        @{ How = 'by pattern'; Remove = { Remove-BindTrace '?' } }
        @{ How = 'an object'; Remove = { Remove-BindTrace -InputObject $trace } }
        @{ How = 'an object by the alias'; Remove = { Remove-BindTrace -Trace $trace } }
        @{ How = 'from the pipeline'; Remove = { $trace | Remove-BindTrace } }
        @{ How = 'from Get-BindTrace'; Remove = { Get-BindTrace a | Remove-BindTrace } }
        @{ How = 'from Stop-BindTrace'; Remove = { Stop-BindTrace a -PassThru | Remove-BindTrace } }
    ) {
        $trace = Start-BindTrace -Name a
        $left = Start-BindTrace -Name left
        & $Remove | Should -BeNullOrEmpty
        $trace.State | Should -Be 'Removed'
        $left.State | Should -Be 'Running'
        (Get-BindTrace).Name | Should -Be 'left'
    }

    It 'Frees everything in the kernel: <Mode>' -TestCases @{ Mode = 'Event' }, @{ Mode = 'Count' } {
        $trace = Start-BindTrace -Comm $truthComm -Mode $Mode
        $objects = Get-BpfObject
        Get-LeftObject $objects | Should -Not -BeNullOrEmpty
        $trace | Remove-BindTrace
        Get-BpfObject | Should -BeNullOrEmpty
        # The kernel frees objects with a delay.
        Wait-Until { -not (Get-LeftObject $objects) }
    }

    It 'Empties the queue, and keeps the counters' {
        $trace = Start-BindTrace -Comm $truthComm
        $null = Invoke-Truth five-ports
        $trace | Stop-BindTrace
        $trace.Queued | Should -Be 5
        $trace | Remove-BindTrace
        $trace.Queued | Should -Be 0
        $trace.Received | Should -Be 5
        Get-BindEvent -Trace $trace | Should -BeNullOrEmpty
    }

    It 'Leaves no counts to read' {
        $trace = Start-BindTrace -Name a -Comm $truthComm -Mode Count
        $null = Invoke-Truth five-ports
        $trace | Remove-BindTrace
        $record = Get-OnlyError { $trace | Get-BindCount }
        Assert-Error $record -Id TraceRemoved -Category InvalidOperation -Target 'a' -Advice 'Stop-BindTrace'
        $trace.Received | Should -Be 5
    }

    It 'Frees the name' {
        Start-BindTrace -Name a | Remove-BindTrace
        (Start-BindTrace -Name a).State | Should -Be 'Running'
    }

    It 'Leaves alone a later trace of the same name' {
        $first = Start-BindTrace -Name a
        $first | Remove-BindTrace
        $second = Start-BindTrace -Name a
        $first | Remove-BindTrace
        $second.State | Should -Be 'Running'
        (Get-BindTrace).Name | Should -Be 'a'
    }

    It 'Only shows what it would do with -WhatIf' {
        $trace = Start-BindTrace -Name a
        $trace | Remove-BindTrace -WhatIf
        Remove-BindTrace -Name a -WhatIf
        $trace.State | Should -Be 'Running'
        $trace | Remove-BindTrace -Confirm:$false
        $trace.State | Should -Be 'Removed'
    }

    It 'Reports that a trace does not exist' {
        $record = Get-OnlyError { Remove-BindTrace -Name nobody }
        Assert-Error $record -Id TraceNotFound -Category ObjectNotFound -Target 'nobody' -Advice 'Start-BindTrace'
    }
}
