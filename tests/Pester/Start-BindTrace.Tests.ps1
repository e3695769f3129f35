BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'filters.ps1'))
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'filters.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }
}

Describe 'Start-BindTrace' {
    BeforeEach {
        Skip-WithoutTracing
    }

    AfterEach {
        Assert-NothingAttached
    }

    Context 'Filters' {
        BeforeAll {
            if ($global:BindSnoopTests.WhyNot) {
                return
            }

            # Many traces at once see the same binds.
            $results = @{}
            foreach ($batch in Split-Batch $filterCases) {
                $traces = foreach ($case in $batch) {
                    $parameter = $case.Parameter
                    Start-BindTrace -Name $case.Name -BufferSize 262144 @parameter
                }
                try {
                    $truth = Invoke-Truth $filterTruth
                }
                finally {
                    $traces | Stop-BindTrace
                }
                foreach ($trace in $traces) {
                    $results[$trace.Name] = @{ Truth = $truth; Seen = Format-Event -Event (Get-BindEvent -Trace $trace) -Truth $truth }
                }
                $traces | Remove-BindTrace
            }
        }

        It 'Passes and stops what it should: <Name>' -TestCases $filterCases {
            $result = $results[$Name]
            Assert-Filter -Truth $result.Truth -Case $_ -Seen $result.Seen
        }
    }
}
