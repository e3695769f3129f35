BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    $commands = @(Get-Command -Module $moduleName | ForEach-Object { @{ Name = $_.Name } })
    $analyzed = @(
        @{ Path = 'module' }
        @{ Path = 'build.ps1' }
        @{ Path = 'tests/Invoke-PesterTests.ps1' }
    )
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    $manifestPath = [IO.Path]::Combine($modulePath, "$moduleName.psd1")
    $pwsh = (Get-Command pwsh -CommandType Application)[0].Source
}

Describe 'The module' {
    It 'Has a valid manifest' {
        $manifest = Test-ModuleManifest -Path $manifestPath -ErrorAction Stop -WarningVariable warnings
        $warnings | Should -BeNullOrEmpty
        $manifest.Name | Should -Be 'BindSnoop'
        $manifest.PowerShellVersion | Should -Be '7.6'
        $manifest.CompatiblePSEditions | Should -Be 'Core'
        $manifest.Guid | Should -Not -Be ([guid]::Empty)
        $manifest.Description | Should -Not -BeNullOrEmpty
        $manifest.Author | Should -Not -BeNullOrEmpty
        $manifest.Tags | Should -Contain 'Linux'
    }

    It 'Has the version of its assemblies' {
        $manifest = Import-PowerShellDataFile -Path $manifestPath
        foreach ($assembly in 'BindSnoop.dll', 'BindSnoop.PowerShell.dll') {
            $version = [System.Diagnostics.FileVersionInfo]::GetVersionInfo([IO.Path]::Combine($modulePath, $assembly))
            $version.ProductVersion | Should -Be $manifest.ModuleVersion
        }
    }

    It 'Exports all of its cmdlets, and nothing else' {
        $module = Get-Module -Name $moduleName
        $module.ExportedCmdlets.Keys | Sort-Object | Should -Be @(
            'Export-BindMetric', 'Export-BindReport', 'Find-BindRecord', 'Get-AcceptEvent', 'Get-BindCount', 'Get-BindEvent', 'Get-BindSocket', 'Get-BindTrace'
            'Get-BindTraceSupport', 'Get-BindViolation', 'Get-ListenEvent', 'Get-ReleaseEvent', 'New-BindPolicy', 'Remove-BindTrace', 'Start-BindTrace', 'Stop-BindTrace', 'Test-BindPolicy', 'Test-BindPort'
            'Test-BindTrace'
        )
        $module.ExportedFunctions.Count + $module.ExportedAliases.Count + $module.ExportedVariables.Count | Should -Be 0
        $cmdlets = $module.ImplementingAssembly ?? [System.AppDomain]::CurrentDomain.GetAssemblies().Where({ $_.GetName().Name -eq 'BindSnoop.PowerShell' })[0]
        $classes = $cmdlets.GetExportedTypes() | Where-Object { -not $_.IsAbstract -and $_.IsSubclassOf([System.Management.Automation.Cmdlet]) }
        @($classes).Count | Should -Be $module.ExportedCmdlets.Count
    }

    It 'Declares its exports, so PowerShell finds it by a command' {
        $manifest = Import-PowerShellDataFile -Path $manifestPath
        $manifest.CmdletsToExport | Should -Not -Contain '*'
        $manifest.FunctionsToExport | Should -BeNullOrEmpty
        $manifest.AliasesToExport | Should -BeNullOrEmpty
        $manifest.VariablesToExport | Should -BeNullOrEmpty
    }

    It 'Is loaded when a command is used' {
        $script = "`$env:PSModulePath = '$(Split-Path $modulePath)'; (Get-BindTraceSupport).Kernel"
        & $pwsh -NoLogo -NoProfile -NonInteractive -Command $script | Should -Be (uname -r)
    }

    It 'Does not include PowerShell''s assemblies' {
        $files = Get-ChildItem -LiteralPath $modulePath -Recurse -File
        $files.Name | Should -Not -Contain 'System.Management.Automation.dll'
        $files.Name | Should -Not -BeLike 'Microsoft.*'
        $files.Name | Should -Contain 'LICENSE'
        @($files | Where-Object Extension -EQ '.dll').Name | Sort-Object | Should -Be @('BindSnoop.PowerShell.dll', 'BindSnoop.dll' | Sort-Object)
    }

    It 'Loads, unloads and loads again silently' {
        $script = @"
            `$said = & {
                foreach (`$i in 1..3) {
                    Import-Module -Name '$modulePath' -ErrorAction Stop
                    Get-BindTrace
                    Remove-Module -Name $moduleName -ErrorAction Stop
                }
                Import-Module -Name '$modulePath' -Force
            } *>&1
            "said `$(@(`$said).Count): `$said"
            @(Get-FormatData -TypeName BindSnoop.*).Count -gt 0
"@
        & $pwsh -NoLogo -NoProfile -NonInteractive -Command $script | Should -Be 'said 0: ', 'True'
    }

    It 'Uses approved verbs and one family of nouns: <Name>' -TestCases $commands {
        $verb, $noun = $Name -split '-'
        Get-Verb -Verb $verb | Should -Not -BeNullOrEmpty
        $noun | Should -Match '^(Bind|Accept|Listen|Release)(Event|Trace|Count|Metric|Report|Record|Socket|TraceSupport|Policy|Port|Violation)$'
    }

    It 'Declares its output type: <Name>' -TestCases $commands {
        $command = Get-Command -Name $Name -Module $moduleName
        if ($command.Verb -in 'Export', 'Remove') {
            $command.OutputType | Should -BeNullOrEmpty
        }
        else {
            # Test cmdlets return true or false on request, and counts can be grouped.
            $types = @($command.OutputType.Type | Where-Object { $command.Verb -ne 'Test' -or $_ -ne [bool] })
            $types.Count | Should -Be ($Name -eq 'Get-BindCount' ? 2 : 1)
            $types.FullName | Should -BeLike 'BindSnoop.*'
        }
    }

    It 'Asks before it changes anything: <Name>' -TestCases $commands {
        $command = Get-Command -Name $Name -Module $moduleName
        $command.Parameters.ContainsKey('WhatIf') | Should -Be ($command.Verb -notin 'Find', 'Get', 'Test')
        $command.Parameters.ContainsKey('Confirm') | Should -Be ($command.Verb -notin 'Find', 'Get', 'Test')
    }

    It 'Has a default parameter set if it has several: <Name>' -TestCases $commands {
        $command = Get-Command -Name $Name -Module $moduleName
        if ($command.ParameterSets.Count -gt 1) {
            @($command.ParameterSets | Where-Object IsDefault).Count | Should -Be 1
        }
    }

    It 'Has the same filters on <Name>' -TestCases @(
        @{ Name = 'Get-BindEvent'; More = 'Protocol', 'Duration', 'MaxEvents', 'Trace', 'Wait' }
        @{ Name = 'Start-BindTrace'; More = 'Protocol', 'Name', 'Mode', 'MaxQueued', 'Capacity' }
        @{ Name = 'Get-BindCount'; More = 'Protocol', 'Duration', 'Trace', 'Capacity' }
        @{ Name = 'Get-AcceptEvent'; More = 'Duration', 'MaxEvents', 'RemotePort', 'RemoteAddress' }
        @{ Name = 'Get-ListenEvent'; More = 'Protocol', 'Duration', 'MaxEvents' }
        @{ Name = 'Get-ReleaseEvent'; More = 'Protocol', 'Duration', 'MaxEvents'; CannotFail = $true }
    ) {
        $filters = 'Port', 'ProcessId', 'Uid', 'Gid', 'AddressFamily', 'Address', 'Comm', 'Cgroup', 'Unit', 'Container', 'NetworkNamespace', 'CgroupMap', 'MountNamespaceMap', 'Backend', 'BufferSize'
        if (-not $CannotFail) {
            $filters += 'IncludeError'
        }
        $parameters = (Get-Command -Name $Name -Module $moduleName).Parameters
        foreach ($filter in $filters + $More) {
            $parameters.Keys | Should -Contain $filter
        }
        $parameters.Port.ParameterSets.Values.Position | Should -Be 0
        $parameters.ProcessId.Aliases | Should -Contain 'Id'
        $parameters.ProcessId.Aliases | Should -Contain 'PID'
    }

    It 'Passes PSScriptAnalyzer: <Path>' -TestCases $analyzed {
        $target = [IO.Path]::Combine($repository, $Path)
        if (-not (Test-Path $target)) {
            Skip-Test -Because "there is no $Path"
        }
        if (-not (Get-Module -ListAvailable -Name PSScriptAnalyzer)) {
            Skip-Test -Because 'PSScriptAnalyzer is not installed'
        }
        $findings = Invoke-ScriptAnalyzer -Path $target -Recurse -Severity Error, Warning
        $findings | ForEach-Object { "$($_.ScriptName):$($_.Line) $($_.RuleName): $($_.Message)" } | Should -BeNullOrEmpty
    }
}
