# The package for the gallery, and the module as it is once installed from it.

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    $pwsh = (Get-Command pwsh -CommandType Application)[0].Source

    # No build server that outlives the test.
    $package = & (Find-Program env) MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false $pwsh -NoLogo -NoProfile -NonInteractive -Command `
        "& '$repository/build.ps1' -Task Package" | Select-Object -Last 1
    $archive = [IO.Compression.ZipFile]::OpenRead($package)
    $manifest = Import-PowerShellDataFile -Path ([IO.Path]::Combine($modulePath, "$moduleName.psd1"))

    # As in an account that was made a moment ago: nothing of this machine's modules but the package.
    $profilePath = Join-Path $TestDrive home
    $null = New-Item -ItemType Directory -Path $profilePath
    $fresh = @('-u', 'PSModulePath', '-u', 'XDG_DATA_HOME', '-u', 'XDG_CONFIG_HOME', '-u', 'XDG_CACHE_HOME', "HOME=$profilePath", $pwsh,
        '-NoLogo', '-NoProfile', '-NonInteractive', '-Command')

    function Invoke-Fresh {
        param([string] $Script)
        & (Find-Program env) @fresh $Script
    }

    # With PowerShell's own installer; where there is none, as that does it: the files, less what makes a zip a package.
    function Install-Package {
        if ((Invoke-Fresh '[bool] (Get-Command -Name Install-PSResource -ErrorAction Ignore)') -eq 'True') {
            $null = Invoke-Fresh @"
                Register-PSResourceRepository -Name folder -Uri '$(Split-Path $package)' -Trusted
                Install-PSResource -Name $moduleName -Repository folder -Scope CurrentUser
"@
            return
        }
        $target = [IO.Path]::Combine($profilePath, '.local', 'share', 'powershell', 'Modules', $moduleName, $manifest.ModuleVersion)
        foreach ($entry in $archive.Entries.Where{ $_.FullName -notin "$moduleName.nuspec", '_rels/.rels', '[Content_Types].xml' }) {
            $file = [IO.Path]::Combine($target, $entry.FullName)
            $null = [IO.Directory]::CreateDirectory((Split-Path $file))
            [IO.Compression.ZipFileExtensions]::ExtractToFile($entry, $file)
        }
    }

    # What the package says it consists of.
    $sbomName = '_manifest/spdx_2.3/manifest.spdx.json'
    $reader = [IO.StreamReader]::new($archive.GetEntry($sbomName).Open())
    $sbom = $reader.ReadToEnd() | ConvertFrom-Json
    $reader.Dispose()

    Install-Package
}

AfterAll {
    if ($archive) {
        $archive.Dispose()
    }
}

Describe 'The package' {
    It 'Has all of the module in it, and nothing else' {
        $expected = @(Get-ChildItem -LiteralPath $modulePath -Recurse -File | ForEach-Object { [IO.Path]::GetRelativePath($modulePath, $_.FullName) })
        foreach ($file in 'BindSnoop.psd1', 'BindSnoop.dll', 'BindSnoop.PowerShell.dll', 'BindSnoop.Format.ps1xml', 'BindSnoop.Types.ps1xml',
            'LICENSE', 'en-US/BindSnoop.PowerShell.dll-Help.xml', 'en-US/about_BindSnoop.help.txt') {
            $expected | Should -Contain $file
        }
        $archive.Entries.FullName | Sort-Object |
            Should -Be (@($expected) + 'BindSnoop.nuspec' + '_rels/.rels' + '[Content_Types].xml' + $sbomName | Sort-Object)
    }

    It 'Has the programs for <_>' -ForEach 'x64', 'arm64' {
        $bytes = [IO.MemoryStream]::new()
        $stream = $archive.GetEntry('BindSnoop.dll').Open()
        $stream.CopyTo($bytes)
        $stream.Dispose()
        $resources = [Reflection.Assembly]::Load($bytes.ToArray()).GetManifestResourceNames()
        foreach ($tracer in 'bind', 'accept', 'listen') {
            $resources | Should -Contain "bpf/$tracer.$_.o"
            $resources | Should -Contain "bpf/$tracer.$_-cast.o"
        }
    }

    It 'Is described as the manifest says' {
        $reader = [IO.StreamReader]::new($archive.GetEntry('BindSnoop.nuspec').Open())
        $metadata = ([xml]$reader.ReadToEnd()).package.metadata
        $reader.Dispose()
        $metadata.id | Should -BeExactly BindSnoop
        $metadata.version | Should -BeExactly $manifest.ModuleVersion
        $metadata.description | Should -BeExactly $manifest.Description
        $tags = $metadata.tags.Split(' ')
        $tags | Should -Contain PSModule
        foreach ($cmdlet in $manifest.CmdletsToExport) {
            $tags | Should -Contain "PSCommand_$cmdlet"
        }
    }
}

Describe 'What the package says of itself' {
    It 'Lists every file with its sums' {
        $sbom.files.fileName | Sort-Object |
            Should -Be (Get-ChildItem -LiteralPath $modulePath -Recurse -File | ForEach-Object { './' + [IO.Path]::GetRelativePath($modulePath, $_.FullName) } | Sort-Object)
        foreach ($file in $sbom.files) {
            $file.checksums.algorithm | Should -Be SHA1, SHA256
            foreach ($sum in $file.checksums) {
                $stream = $archive.GetEntry($file.fileName.Substring(2)).Open()
                $sum.checksumValue | Should -Be (Get-FileHash -InputStream $stream -Algorithm $sum.algorithm).Hash -Because $file.fileName
                $stream.Dispose()
            }
        }
    }

    It 'Lists what it was built with, as the lock files have it' {
        $locked = foreach ($project in 'BindSnoop', 'BindSnoop.PowerShell') {
            $lock = Get-Content -LiteralPath ([IO.Path]::Combine($repository, 'src', $project, 'packages.lock.json')) -Raw | ConvertFrom-Json -AsHashtable
            $lock.dependencies.'net10.0'.GetEnumerator() | Where-Object { $_.Value.type -ne 'Project' } | ForEach-Object { "$($_.Key) $($_.Value.resolved)" }
        }
        $ids = ($sbom.relationships | Where-Object relationshipType -EQ BUILD_DEPENDENCY_OF).spdxElementId
        $sbom.packages | Where-Object SPDXID -In $ids | ForEach-Object { "$($_.name) $($_.versionInfo)" } | Sort-Object | Should -Be ($locked | Sort-Object)
        ($sbom.relationships | Where-Object relationshipType -EQ RUNTIME_DEPENDENCY_OF).spdxElementId | Should -Be 'SPDXRef-Runtime-libbpf'
    }

    It 'Is what SPDX 2.3 asks for' {
        $sbom.spdxVersion | Should -Be 'SPDX-2.3'
        $sbom.dataLicense | Should -Be 'CC0-1.0'
        $sbom.SPDXID | Should -Be 'SPDXRef-DOCUMENT'
        $sbom.documentNamespace | Should -Match '^https://\S+$'
        $sbom.creationInfo.created | Should -BeOfType datetime
        $sbom.creationInfo.creators | Should -BeLike 'Tool: *'
        foreach ($part in $sbom.packages) {
            $part.name | Should -Not -BeNullOrEmpty
            $part.versionInfo | Should -Not -BeNullOrEmpty
            $part.downloadLocation | Should -Not -BeNullOrEmpty
        }
        $ids = @($sbom.SPDXID) + $sbom.packages.SPDXID + $sbom.files.SPDXID
        @($ids | Sort-Object -Unique).Count | Should -Be $ids.Count -Because 'no id may stand for two things'
        foreach ($id in $ids) {
            $id | Should -Match '^SPDXRef-[A-Za-z0-9.-]+$'
        }
        foreach ($relation in $sbom.relationships) {
            $relation.spdxElementId | Should -BeIn $ids
            $relation.relatedSpdxElement | Should -BeIn $ids
        }
        $self = $sbom.packages | Where-Object SPDXID -EQ ($sbom.relationships | Where-Object relationshipType -EQ DESCRIBES).relatedSpdxElement
        $self.name | Should -Be $moduleName
        $self.packageVerificationCode.packageVerificationCodeValue | Should -Match '^[0-9a-f]{40}$'
    }
}

Describe 'Installed into an empty profile' {
    It 'Is found by its name, from there' {
        $found = Invoke-Fresh 'Import-Module BindSnoop -ErrorAction Stop; $module = Get-Module BindSnoop; "$($module.Version)"; $module.ModuleBase; $module.ExportedCmdlets.Count'
        $found[0] | Should -BeExactly $manifest.ModuleVersion
        $found[1] | Should -BeLike "$profilePath/*/$moduleName/$($manifest.ModuleVersion)"
        $found[2] | Should -Be $manifest.CmdletsToExport.Count
    }

    It 'Has its help and its views' {
        $told = Invoke-Fresh @'
            (Get-Help Get-BindEvent).Synopsis
            @((Get-Help Get-BindEvent -Full).examples.example).Count
            (Get-Help about_BindSnoop | Out-String).Contains('BindSnoop')
            @(Get-FormatData -TypeName BindSnoop.BindEvent -PowerShellVersion 7.6).FormatViewDefinition.Name
'@
        $told[0] | Should -BeExactly (Get-Help Get-BindEvent).Synopsis
        [int] $told[1] | Should -BeGreaterThan 3
        $told[2] | Should -BeExactly True
        $told | Should -Contain Wide
    }

    It 'Traces' {
        Skip-WithoutTracing
        Install-Truth $TestDrive
        $output = Join-Path $TestDrive traced
        $start = [Diagnostics.ProcessStartInfo]::new((Find-Program env),
            [string[]] ($fresh + "Get-BindEvent -Comm '$truthComm' -MaxEvents 1 | ConvertTo-Json | Set-Content '$output'"))
        # It must not read what is the tests' to read.
        $start.RedirectStandardInput = $true
        $process = [Diagnostics.Process]::Start($start)
        try {
            # It does not tell when it has attached, so binds go on until it has seen one.
            Wait-Until -Seconds 60 {
                $script:truth = Invoke-Truth tcp4-loopback
                $process.WaitForExit(100)
            }
        }
        finally {
            if (-not $process.HasExited) {
                $process.Kill()
            }
        }
        $process.ExitCode | Should -Be 0
        $event = Get-Content -LiteralPath $output -Raw | ConvertFrom-Json
        $event.Comm | Should -BeExactly $truthComm
        $event.Address | Should -BeExactly $truth[0].address
        $event.Protocol | Should -BeExactly TCP
    }
}
