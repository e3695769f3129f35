BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    $commands = (Get-Command -Module $moduleName).Name
    $source = [IO.Path]::Combine($repository, 'docs', 'en-US')

    # Each example of each page.
    $examples = foreach ($file in Get-ChildItem -Path $source -Filter *.md) {
        $text = Get-Content -LiteralPath $file.FullName -Raw
        $number = 0
        foreach ($match in [regex]::Matches($text, '(?ms)^```powershell\n(.*?)^```')) {
            $number++
            @{ Page = $file.BaseName; Number = $number; Code = $match.Groups[1].Value.Trim() }
        }
    }

    # Examples that need more than a test machine may have: other machines, a container engine, a record, a whole day.
    $runnable = $examples.Where{ $_.Code -notmatch 'docker|-HostName|www-data|record\.db|throw ' }
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    $source = [IO.Path]::Combine($repository, 'docs', 'en-US')
    $common = [System.Management.Automation.PSCmdlet]::CommonParameters + [System.Management.Automation.PSCmdlet]::OptionalCommonParameters |
        Where-Object { $_ -notin 'WhatIf', 'Confirm' }

    function Get-Page {
        param([string] $Name)
        Get-Content -LiteralPath (Join-Path $source "$Name.md") -Raw
    }

    # The text below a second-level heading.
    function Get-Section {
        param([string] $Page, [string] $Title)
        [regex]::Match($Page, "(?ms)^## $Title\s*?\n(.*?)(?=^## |\z)").Groups[1].Value
    }

    # What a page says about each parameter, by name.
    function Get-Fact {
        param([string] $Page)
        $all = [ordered]@{}
        foreach ($match in [regex]::Matches((Get-Section $Page PARAMETERS), '(?ms)^### -(\w+)\n\n(.+?)\n\n```yaml\n(.*?)```')) {
            $facts = @{ Text = $match.Groups[2].Value }
            foreach ($line in $match.Groups[3].Value.Split("`n").Where{ $_ }) {
                $key, $value = $line.Split(':', 2)
                $facts[$key] = $value.Trim()
            }
            $all[$match.Groups[1].Value] = $facts
        }
        $all
    }

    # The same from PowerShell.
    function Get-Parameter {
        param([string] $Command)
        (Get-Command -Name $Command).Parameters.Values | Where-Object Name -NotIn $common
    }

    function Get-PlainType {
        param([type] $Type)
        $Type = [Nullable]::GetUnderlyingType($Type) ?? $Type
        $Type.Name
    }
}

Describe 'Help' {
    It 'Has a page for each command, and no others' {
        (Get-ChildItem -Path $source -Filter *-*.md).BaseName | Sort-Object | Should -Be ((Get-Command -Module $moduleName).Name | Sort-Object)
    }

    It 'Its builder is not part of the module' {
        Get-ChildItem -Path $modulePath -Recurse -Filter HelpBuilder* | Should -BeNullOrEmpty
        Get-ChildItem -Path $modulePath -Recurse -Filter Markdig* | Should -BeNullOrEmpty
    }

    Context '<_>' -ForEach $commands {
        BeforeAll {
            $page = Get-Page $_
            $facts = Get-Fact $page
            $command = Get-Command -Name $_
            $help = Get-Help -Name $_ -Full
        }

        It 'Describes exactly the existing parameters' {
            $facts.Keys | Sort-Object | Should -Be @((Get-Parameter $command.Name).Name | Sort-Object)
        }

        It 'Is right about each parameter' {
            foreach ($parameter in Get-Parameter $command.Name) {
                $fact = $facts[$parameter.Name]
                $because = "of -$($parameter.Name)"
                $attribute = $parameter.Attributes.Where{ $_ -is [Parameter] }
                $fact.Type | Should -BeExactly (Get-PlainType $parameter.ParameterType) -Because $because
                $sets = if ($parameter.ParameterSets.Keys -contains '__AllParameterSets') { '(All)' } else { $parameter.ParameterSets.Keys -join ', ' }
                $fact['Parameter Sets'] | Should -BeExactly $sets -Because $because
                $fact.Aliases | Should -BeExactly ($parameter.Aliases -join ', ') -Because $because
                $element = if ($parameter.ParameterType.IsArray) { $parameter.ParameterType.GetElementType() } else { $parameter.ParameterType }
                if ($element.IsEnum) {
                    $fact['Accepted values'] | Should -BeExactly ([enum]::GetNames($element) -join ', ') -Because $because
                }
                # One block of facts is enough for all sets only if they agree.
                foreach ($one in $attribute) {
                    $fact.Required | Should -BeExactly "$($one.Mandatory)" -Because $because
                    $fact.Position | Should -BeExactly "$(if ($one.Position -lt 0) { 'Named' } else { $one.Position })" -Because $because
                    $how = @(if ($one.ValueFromPipeline) { 'ByValue' }; if ($one.ValueFromPipelineByPropertyName) { 'ByPropertyName' }) -join ', '
                    $fact['Accept pipeline input'] | Should -BeExactly $(if ($how) { "True ($how)" } else { 'False' }) -Because $because
                }
                $wildcards = [bool]$parameter.Attributes.Where{ $_ -is [SupportsWildcards] }
                $fact['Accept wildcard characters'] | Should -BeExactly "$wildcards" -Because $because
            }
        }

        It 'Shows the defaults' {
            $instance = $command.ImplementingType::new()
            foreach ($name in $facts.Keys) {
                if ($name -in 'WhatIf', 'Confirm') { continue }
                $value = $instance.$name
                $told = $facts[$name]['Default value']
                if ($told -eq 'None') {
                    $none = $null -eq $value -or $value -is [string[]] -and -not $value -or @($value).Count -eq 0 -or $value -eq [long]::MaxValue -or
                        $value -eq [timespan]::Zero
                    $none | Should -BeTrue -Because "of -$name"
                }
                else {
                    "$value" | Should -BeExactly $told -Because "of -$name"
                }
            }
            if ($instance -is [IDisposable]) { $instance.Dispose() }
        }

        It 'Has PowerShell''s syntax' {
            $written = [regex]::Matches((Get-Section $page SYNTAX), '(?ms)^```\n(.*?)```') | ForEach-Object { $_.Groups[1].Value -replace '\s+', ' ' }
            $written.Trim() | Should -BeExactly @($command.ParameterSets | ForEach-Object { "$($command.Name) $_" })
            $titles = [regex]::Matches((Get-Section $page SYNTAX), '(?m)^### (.+)$') | ForEach-Object { $_.Groups[1].Value }
            if ($command.ParameterSets.Count -gt 1) {
                $titles | Should -BeExactly @($command.ParameterSets | ForEach-Object { "$($_.Name)$(if ($_.IsDefault) { ' (Default)' })" })
            }
        }

        It 'Names the output types and all their properties' {
            $outputs = Get-Section $page OUTPUTS
            $types = @($command.OutputType.Type)
            $told = @([regex]::Matches($outputs, '(?m)^### (.+)$') | ForEach-Object { $_.Groups[1].Value })
            $told | Should -BeExactly $(if ($types) { $types.FullName } else { 'None' })
            if ($outputs -match 'Its properties:') {
                foreach ($property in $types.GetProperties().Name) {
                    $outputs | Should -Match ('`' + $property + '`') -Because "$($types.Name) has the property $property"
                }
                foreach ($line in [regex]::Matches($outputs, '(?m)^- (.+?):')) {
                    foreach ($named in [regex]::Matches($line, '`(\w+)`')) {
                        $types.GetProperty($named.Groups[1].Value) | Should -Not -BeNullOrEmpty -Because "$named is described"
                    }
                }
            }
        }

        It 'Links only to existing files' {
            foreach ($match in [regex]::Matches($page, '\]\(([^)]+)\)')) {
                if ($match.Groups[1].Value -notmatch '^https://') {
                    Join-Path $source $match.Groups[1].Value | Should -Exist
                }
            }
        }

        It 'Is complete in Get-Help' {
            $help.Synopsis | Should -BeExactly (Get-Section $page SYNOPSIS).Trim()
            $help.Description.Text.Count | Should -BeGreaterThan 0
            @($help.Examples.Example).Count | Should -BeGreaterOrEqual 2
            @($help.Syntax.SyntaxItem).Count | Should -Be $command.ParameterSets.Count
            $described = @($help.Parameters.Parameter | Where-Object { $_ })
            $described.Name | Sort-Object | Should -Be @($facts.Keys | Sort-Object)
            foreach ($parameter in $described) {
                $parameter.Description.Text | Should -Not -BeNullOrEmpty
                $parameter.Type.Name | Should -BeExactly $facts[$parameter.Name].Type
            }
            $help.ReturnValues.ReturnValue.Type.Name | Should -Not -BeNullOrEmpty
            $text = $help | Out-String -Width 120
            foreach ($heading in 'SYNOPSIS', 'SYNTAX', 'DESCRIPTION', 'INPUTS', 'OUTPUTS', 'NOTES', 'RELATED LINKS') {
                $text | Should -Match "(?m)^$heading"
            }
            $text | Should -Not -Match '```|\]\(|`\w' -Because 'help is plain text'
        }
    }

    It 'Is found in every language: <_>' -ForEach 'C', 'de_DE.UTF-8' {
        $old = $env:LC_ALL
        try {
            $env:LC_ALL = $_
            pwsh -NoProfile -NonInteractive -Command "Import-Module '$modulePath'; (Get-Help Stop-BindTrace).Synopsis" |
                Should -BeExactly 'Stops traces; what they have collected can still be fetched.'
        }
        finally {
            $env:LC_ALL = $old
        }
    }

    It 'about_BindSnoop is a topic' {
        $text = Get-Content -LiteralPath ([IO.Path]::Combine($modulePath, 'en-US', 'about_BindSnoop.help.txt'))
        $text.Where{ $_.Length -gt 80 } | Should -BeNullOrEmpty
        $old = $env:PSModulePath
        try {
            # Topics are found by name only where modules are installed.
            $env:PSModulePath = (Split-Path $modulePath) + [IO.Path]::PathSeparator + $old
            $topic = Get-Help -Name about_BindSnoop
            "$topic" | Should -Match 'SHORT DESCRIPTION'
        }
        finally {
            $env:PSModulePath = $old
        }
        foreach ($command in (Get-Command -Module $moduleName).Name -like '*Event') {
            $text -join "`n" | Should -Match $command
        }
    }
}

Describe 'Examples' {
    It 'Are valid PowerShell: <Page> <Number>' -TestCases $examples {
        $errors = $null
        $ast = [System.Management.Automation.Language.Parser]::ParseInput($Code, [ref]$null, [ref]$errors)
        $errors | Should -BeNullOrEmpty
        $ours = $ast.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] }, $true).Where{
            $_.GetCommandName() -in (Get-Command -Module $moduleName).Name
        }
        foreach ($call in $ours) {
            $bound = [System.Management.Automation.Language.StaticParameterBinder]::BindCommand($call, $true)
            $bound.BindingExceptions.Keys | Should -BeNullOrEmpty -Because "$call"
        }
        if ($Page -notlike 'about_*') {
            $ours | Should -Not -BeNullOrEmpty
        }
        # Help is indented, and a terminal has 80 columns.
        $Code.Split("`n").Where{ $_.Length -gt 75 } | Should -BeNullOrEmpty
    }

    It 'Work: <Page> <Number>' -TestCases $runnable {
        Skip-WithoutTracing
        # Shortened for a test, and stopped if it would not end.
        $short = $Code -replace '-Duration \S+', '-Duration 0.3' -replace 'Start-Sleep -Seconds \d+', 'Start-Sleep -Milliseconds 300'
        $shell = [powershell]::Create()
        try {
            $null = $shell.AddScript("Set-Location '$TestDrive'; Import-Module '$modulePath'; Get-Process | Out-Null").Invoke()
            $shell.Commands.Clear()
            if ($Page -in 'Get-BindTrace', 'Stop-BindTrace', 'Remove-BindTrace') {
                $short = "`$null = Start-BindTrace -Name other`n$short"
            }
            $handle = $shell.AddScript($short).BeginInvoke()
            $ends = $Code -match '-Duration'
            if (-not $handle.AsyncWaitHandle.WaitOne($(if ($ends) { 30000 } else { 2500 }))) {
                $shell.Stop()
                $ends | Should -BeFalse -Because 'with a duration it ends'
            }
            else {
                $null = $shell.EndInvoke($handle)
            }
            $shell.Streams.Error | Should -BeNullOrEmpty
        }
        finally {
            $shell.Commands.Clear()
            $null = $shell.AddScript('Get-BindTrace | Remove-BindTrace').Invoke()
            $shell.Dispose()
        }
    }
}
