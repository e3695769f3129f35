# Runs the commands of README.md and docs/recipes.md while bindtruth makes the binds, and compares their output with the
# output shown there. Only this part of the code is changed, everywhere in the same way:
#   -Duration VALUE   becomes a few seconds
#   Get-BindEvent and Get-BindSocket see only programs of the names used here, so that others on the machine do not
#   appear
#   docker            is a function that gives the id of a process in the test's cgroup
# Process ids differ each time; everything else must match, including the width of the columns.

BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    $pages = 'README.md', 'docs/recipes.md'
    $blocks = @()
    $recipes = @()
    foreach ($page in $pages) {
        $text = Get-Content -LiteralPath ([IO.Path]::Combine($repository, $page)) -Raw
        foreach ($section in [regex]::Matches($text, '(?ms)^## ([^\n]+)\n(.*?)(?=^## |\z)')) {
            $title = $section.Groups[1].Value
            foreach ($match in [regex]::Matches($section.Groups[2].Value, '(?ms)^```powershell\n(?<code>.*?)^```\n(\n```output\n(?<output>.*?)^```\n)?')) {
                $block = @{ Page = $page; Title = $title; Code = $match.Groups['code'].Value; Output = $match.Groups['output'].Value }
                $blocks += $block
                if ($block.Output) {
                    $recipes += $block
                }
            }
        }
    }
    $untold = @('Why did my service fail to bind?', 'What listens here, and who owns it?', 'Watch binds as they happen',
        'Who took my port?', 'Which processes bind below 1024 without being root?', 'Audit a host for a day', 'What binds in this container?', 'Alert on a new listener', 'Compare with ss').Where{ $_ -notin $recipes.Title }
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    $names = 'nginx', 'node', 'caddy', 'dnsmasq', 'miner'

    # A program of that name that binds and listens, or fails to.
    function Start-Server {
        param([string] $Name, [string] $Address, [int] $Port, [string[]] $Through = @())
        $process = Start-Program ($Through + @("$TestDrive/$Name", 'hold', $Address, $Port))
        $process | Add-Member -NotePropertyName Line -NotePropertyValue ($process.StandardOutput.ReadLine() | ConvertFrom-Json)
        $script:servers += $process
        $process
    }

    # Starts a program in a separate network, in that of another process, or as another user.
    function Get-NewNetwork { (Find-Program unshare), '-n' }
    function Get-NetworkOf { param($Process) (Find-Program nsenter), '-t', $Process.Id, '-n' }
    function Get-AsUser {
        param([string] $Name, [string[]] $Capability = @())
        (Find-Program setpriv), '--reuid', $Name, '--regid', (id -g $Name), '--clear-groups'
        $Capability | ForEach-Object { '--inh-caps', "+$_", '--ambient-caps', "+$_" }
    }

    # What happens around each recipe: before it, and while it traces.
    $portTaken = {
        $server = Start-Server node 0.0.0.0 8080 -Through (Get-NewNetwork)
        Start-Server nginx 0.0.0.0 8080 -Through (Get-NetworkOf $server)
    }
    $worlds = @{
        'Why did my service fail to bind?' = @{ During = $portTaken }
        'What listens here, and who owns it?' = @{
            Traces = 0
            Before = { Start-Server node 0.0.0.0 8080 -Through (Get-NewNetwork) }
            During = { }
        }
        'Watch binds as they happen' = @{ During = $portTaken }
        'Who took my port?' = @{ During = $portTaken }
        'Which processes bind below 1024 without being root?' = @{
            During = {
                Start-Server nginx 0.0.0.0 80 -Through (Get-NewNetwork)
                Start-Server caddy 0.0.0.0 443 -Through ((Get-NewNetwork) + (Get-AsUser www-data net_bind_service))
                Start-Server node 0.0.0.0 80 -Through ((Get-NewNetwork) + (Get-AsUser nobody))
            }
        }
        'Audit a host for a day' = @{
            During = {
                foreach ($time in 1..3) {
                    Start-Server node 127.0.0.1 28403 | Stop-Server
                }
                foreach ($time in 1..2) {
                    Start-Server nginx 0.0.0.0 80 -Through (Get-NewNetwork)
                }
                Start-Server caddy 0.0.0.0 443 -Through ((Get-NewNetwork) + (Get-AsUser nobody))
            }
        }
        'What binds in this container?' = @{
            Before = {
                $container = 'docker-{0}.scope' -f ('5e' * 32)
                $cgroup = New-Cgroup $container
                $script:inside = Get-CgroupEntry "$($cgroup.Mount)$($cgroup.Root)/$container"
                $script:containerId = (Start-Server caddy 0.0.0.0 443 -Through ($inside + (Get-NewNetwork))).Id
            }
            During = {
                Start-Server node 0.0.0.0 3000 -Through ($inside + (Get-NewNetwork))
                Start-Server node 0.0.0.0 3001 -Through (Get-NewNetwork)
                Start-Server nginx :: 80 -Through ($inside + (Get-NewNetwork))
            }
        }
        'Alert on a new listener' = @{
            Before = {
                [pscustomobject]@{ Comm = 'nginx'; Endpoint = '0.0.0.0:80' } | Export-Csv "$TestDrive/binds.csv"
            }
            During = {
                Start-Server nginx 0.0.0.0 80 -Through (Get-NewNetwork)
                Start-Server miner 0.0.0.0 31337 -Through ((Get-NewNetwork) + (Get-AsUser www-data))
                Start-Server miner 0.0.0.0 31337 -Through ((Get-NewNetwork) + (Get-AsUser www-data))
                Start-Server node 127.0.0.1 0 -Through (Get-AsUser www-data)
            }
        }
        'Compare with ss' = @{
            During = {
                $null = Find-Program ss
                Start-Server nginx 127.0.0.1 28401
                Start-Server dnsmasq 127.0.0.1 28402 | Stop-Server
            }
        }
    }

    filter Stop-Server {
        $_.StandardInput.Close()
        $null = $_.WaitForExit(10000)
    }

    # The words of each line. In the column of process ids, all numbers are equal.
    function Get-Word {
        param([string] $Text)
        $column = -1
        foreach ($line in $Text -split '\r?\n' | Where-Object { $_.Trim() }) {
            $words = -split $line
            $number = 0
            if ($column -lt 0) {
                $column = [array]::FindIndex($words, [Predicate[string]] { param($word) $word -in 'PID', 'ProcessId' })
                # With the positions of its columns.
                $line.TrimEnd()
                continue
            }
            if ($column -lt $words.Count -and [int]::TryParse($words[$column], [ref] $number)) {
                $words[$column] = '#'
            }
            $words -join ' '
        }
    }

    # Properties and their values. The process ids in a long value determine where it wraps.
    function Get-Property {
        param([string] $Text)
        foreach ($property in [regex]::Matches($Text, '(?m)^(?<name>\w+) +: (?<value>.*(\r?\n {2,}\S.*)*)')) {
            $value = $property.Groups['value'].Value -replace '\s+' -replace '\(pid\d+,(.*,)?started[-\d:]+\)', '(#)'
            "$($property.Groups['name'].Value): $value"
        }
    }

    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
        foreach ($name in $names) {
            Copy-Item -LiteralPath $global:BindSnoopTests.Truth -Destination "$TestDrive/$name"
        }
    }
}

Describe 'Commands on the pages' {
    It 'Is valid PowerShell with existing parameters: <Page>, <Title>' -ForEach $blocks {
        $errors = $null
        $tree = [Management.Automation.Language.Parser]::ParseInput($Code, [ref] $null, [ref] $errors)
        $errors | Should -BeNullOrEmpty
        foreach ($call in $tree.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] }, $true)) {
            # A command named by a variable has none.
            $name = $call.GetCommandName()
            $command = $name ? (Get-Command -Name $name -Module $moduleName -ErrorAction Ignore) : $null
            if ($command) {
                foreach ($parameter in $call.CommandElements.Where{ $_ -is [Management.Automation.Language.CommandParameterAst] }) {
                    { $command.ResolveParameter($parameter.ParameterName) } | Should -Not -Throw
                }
            }
        }
    }

    It 'Has no section without a recipe' -TestCases @{ Untold = $untold } {
        $Untold | Should -BeNullOrEmpty
    }
}

Describe 'Output on the pages' {
    BeforeEach {
        Skip-WithoutTracing
        Skip-WithoutRoot
        $script:servers = @()
        $script:containerId = 0
    }

    AfterEach {
        $servers | Stop-Server
        Remove-Cgroup
        Assert-NothingAttached
    }

    It 'Matches the real output: <Page>, <Title>' -ForEach $recipes {
        $world = $worlds[$Title]
        $world | Should -Not -BeNullOrEmpty -Because 'each recipe is run'
        if ($world.Before) {
            $null = & $world.Before
        }
        $result = Invoke-Traced -Seconds 3 -Traces ($world.Traces ?? 1) -Parameter @{
            Code = $Code -replace '-Duration [\w.:]+', '-Duration $Seconds'; Names = $names; Directory = "$TestDrive"; ContainerId = $containerId
        } {
            param($Code, $Names, $Directory, $ContainerId, $Seconds)
            Set-Location -LiteralPath $Directory
            $PSDefaultParameterValues = @{ 'Get-BindEvent:Comm' = $Names; 'Get-BindSocket:Comm' = $Names }
            function docker { $ContainerId }
            Invoke-Expression $Code | Out-String -Width 79
        } $world.During
        $result.Errors | Should -BeNullOrEmpty
        $shown = $result.Output -join ''
        $read = if ($Output -match '(?m)^\w+ +: ') { Get-Command -Name Get-Property } else { Get-Command -Name Get-Word }
        & $read $shown | Should -BeExactly @(& $read $Output) -Because "this came out:`n$shown"
    }
}
