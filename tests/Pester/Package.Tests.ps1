# The package that goes to the gallery, made of the module as it was built.

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    # The functions of build.ps1 alone: its task would build the module that is being tested anew.
    $build = [IO.Path]::Combine($repository, 'build.ps1')
    $functions = [System.Management.Automation.Language.Parser]::ParseFile($build, [ref]$null, [ref]$null).FindAll(
        { $args[0] -is [System.Management.Automation.Language.FunctionDefinitionAst] }, $false)
    # Where they find the sources.
    . ([scriptblock]::Create(($functions.Extent.Text -join "`n").Replace('$PSScriptRoot', "'$repository'").Replace("`"'$repository'", "`"$repository")))

    function New-TestPackage([string] $Name) {
        $directory = New-Item -ItemType Directory -Path ([IO.Path]::Combine($TestDrive, $Name))
        New-ModulePackage -Module $modulePath -Destination $directory.FullName
    }
    $package = New-TestPackage one
    $content = [IO.Path]::Combine($TestDrive, 'content')
    [System.IO.Compression.ZipFile]::ExtractToDirectory($package, $content)
    $sbom = Get-Content -LiteralPath ([IO.Path]::Combine($content, '_manifest', 'spdx_2.3', 'manifest.spdx.json')) -Raw | ConvertFrom-Json
    $self = $sbom.packages | Where-Object name -EQ BindSnoop
}

Describe 'The package' {
    It 'Is the same file when it is made again' {
        (Get-FileHash (New-TestPackage two)).Hash | Should -Be (Get-FileHash $package).Hash
    }

    It 'Says what is in it, each file with its sums' {
        $apart = '[Content_Types].xml', '_rels/.rels', 'BindSnoop.nuspec', '_manifest/spdx_2.3/manifest.spdx.json'
        $there = Get-ChildItem -LiteralPath $content -Recurse -File -Force | ForEach-Object { $_.FullName.Substring($content.Length + 1) } | Where-Object { $_ -notin $apart }
        @($there).Count | Should -BeGreaterThan 5
        $sbom.files.fileName | Sort-Object | Should -Be ($there | ForEach-Object { "./$_" } | Sort-Object)
        foreach ($file in $sbom.files) {
            foreach ($sum in $file.checksums) {
                $sum.checksumValue | Should -Be (Get-FileHash -LiteralPath ([IO.Path]::Combine($content, $file.fileName)) -Algorithm $sum.algorithm).Hash -Because $file.fileName
            }
        }
    }

    It 'Says what it was built with, as the lock files have it' {
        $locked = foreach ($project in 'BindSnoop', 'BindSnoop.PowerShell') {
            $lock = Get-Content -LiteralPath ([IO.Path]::Combine($repository, 'src', $project, 'packages.lock.json')) -Raw | ConvertFrom-Json -AsHashtable
            $lock.dependencies.'net8.0'.GetEnumerator() | Where-Object { $_.Value.type -ne 'Project' } | ForEach-Object { "$($_.Key) $($_.Value.resolved)" }
        }
        $ids = ($sbom.relationships | Where-Object relationshipType -EQ BUILD_DEPENDENCY_OF).spdxElementId
        $sbom.packages | Where-Object SPDXID -In $ids | ForEach-Object { "$($_.name) $($_.versionInfo)" } | Sort-Object | Should -Be ($locked | Sort-Object)
        ($sbom.relationships | Where-Object relationshipType -EQ RUNTIME_DEPENDENCY_OF).spdxElementId | Should -Be 'SPDXRef-Runtime-libbpf'
    }

    It 'Has what SPDX 2.3 asks for' {
        $sbom.spdxVersion | Should -Be 'SPDX-2.3'
        $sbom.dataLicense | Should -Be 'CC0-1.0'
        $sbom.SPDXID | Should -Be 'SPDXRef-DOCUMENT'
        $sbom.documentNamespace | Should -Match '^https://\S+$'
        "$($sbom.creationInfo.created.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ'))" | Should -Match '^\d{4}-'
        $sbom.creationInfo.creators | Should -BeLike 'Tool: *'
        $self.packageVerificationCode.packageVerificationCodeValue | Should -Match '^[0-9a-f]{40}$'
        foreach ($package in $sbom.packages) {
            $package.name, $package.versionInfo, $package.downloadLocation | Should -Not -BeNullOrEmpty
        }
        $ids = @($sbom.SPDXID) + $sbom.packages.SPDXID + $sbom.files.SPDXID
        @($ids | Sort-Object -Unique).Count | Should -Be $ids.Count -Because 'no id may stand for two things'
        $ids | Should -Match '^SPDXRef-[A-Za-z0-9.-]+$'
        foreach ($relation in $sbom.relationships) {
            $relation.spdxElementId | Should -BeIn $ids
            $relation.relatedSpdxElement | Should -BeIn $ids
        }
        ($sbom.relationships | Where-Object relationshipType -EQ DESCRIBES).relatedSpdxElement | Should -Be $self.SPDXID
    }
}
