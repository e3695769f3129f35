# The package for the gallery, and the module as installed from it.

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    $pwsh = (Get-Command pwsh -CommandType Application)[0].Source

    # Prevents a build server that outlives the test.
    $package = & (Find-Program env) MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false $pwsh -NoLogo -NoProfile -NonInteractive -Command `
        "& '$repository/build.ps1' -Task Package" | Select-Object -Last 1
    $archive = [IO.Compression.ZipFile]::OpenRead($package)
    $manifest = Import-PowerShellDataFile -Path ([IO.Path]::Combine($modulePath, "$moduleName.psd1"))

    # As in a new account: none of this machine's modules except the package.
    $profilePath = Join-Path $TestDrive home
    $null = New-Item -ItemType Directory -Path $profilePath
    $fresh = @('-u', 'PSModulePath', '-u', 'XDG_DATA_HOME', '-u', 'XDG_CONFIG_HOME', '-u', 'XDG_CACHE_HOME', "HOME=$profilePath", $pwsh,
        '-NoLogo', '-NoProfile', '-NonInteractive', '-Command')

    # As installed by a distribution; masked if there should be none.
    $systemLibrary = (Get-ChildItem -Path '/usr/lib*/libbpf.so.1', '/usr/lib/*-linux-gnu/libbpf.so.1').FullName | Select-Object -First 1

    function Skip-WithoutOwnLibrary {
        if (-not (Test-Path -Path "$modulePath/runtimes")) {
            Skip-Test -Because 'the module has been built without a libbpf of its own'
        }
    }

    function Invoke-Fresh {
        param([string] $Script)
        & (Find-Program env) @fresh $Script
    }

    # With PowerShell's own installer; without it, in the same way: the files, except those that make a zip a package.
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

    # The package's list of its contents.
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
    It 'Contains the whole module and nothing else' {
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
        foreach ($tracer in 'bind', 'accept', 'listen', 'release', 'sockets') {
            $resources | Should -Contain "bpf/$tracer.$_.o.gz"
            $resources | Should -Contain "bpf/$tracer.$_-cast.o.gz"
        }
    }

    It 'Has libbpf for <_>, for glibc 2.28 and without other libraries' -ForEach 'x64', 'arm64' {
        Skip-WithoutOwnLibrary
        $library = "$modulePath/runtimes/linux-$_/native/libbpf.so.1"
        $machine = @{ x64 = 'X86-64'; arm64 = 'AArch64' }[$_]
        (& (Find-Program llvm-readelf) --file-header $library) -match 'Machine:' | Should -BeLike "*$machine"
        $versions = (& (Find-Program llvm-readelf) --version-info $library | Select-String -Pattern 'GLIBC_([0-9.]+)' -AllMatches).Matches | ForEach-Object { [version]$_.Groups[1].Value }
        $versions | Sort-Object | Select-Object -Last 1 | Should -Be ([version]'2.28')
        (& (Find-Program llvm-readelf) --needed-libs $library) -match '\.so' -notmatch '^ *(libc\.so\.6|ld-linux-\S+)$' | Should -BeNullOrEmpty
    }

    It 'Has the licences and versions of its libraries, and their sources beside it' {
        Skip-WithoutOwnLibrary
        $notice = Get-Content -LiteralPath "$modulePath/runtimes/licenses/README.txt" -Raw
        $notice | Should -Not -Match '@[A-Z]+@'
        $sources = [IO.Path]::Combine((Split-Path $package), 'packages', "bindsnoop-$($manifest.ModuleVersion)-sources.tar")
        $has = tar -tf $sources
        foreach ($name in 'libbpf', 'elfutils', 'zlib') {
            $version = ($has -match "/${name}_.*\.dsc$") -replace "^.*/${name}_|\.dsc$"
            $notice | Should -Match ([regex]::Escape($version))
            @($has -match "/${name}_.*\.orig\.tar\.").Count | Should -Be 1
        }
        foreach ($script in 'libbpf', 'sysroot', 'sysroot.lock', 'debian-apt.sh') {
            $has | Should -Contain "libbpf/tools/$script"
        }
        (Get-ChildItem -Path "$modulePath/runtimes/licenses").Name | Sort-Object | Should -Be 'libbpf.txt', 'libelf-GPL-3.txt', 'libelf-LGPL-3.txt', 'README.txt', 'zlib.txt'
    }

    It 'Has the description of the manifest' {
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

Describe 'The package''s SPDX list' {
    It 'Lists every file with its checksums' {
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

    It 'Lists the build dependencies of the lock files' {
        $locked = foreach ($project in 'BindSnoop', 'BindSnoop.PowerShell') {
            $lock = Get-Content -LiteralPath ([IO.Path]::Combine($repository, 'src', $project, 'packages.lock.json')) -Raw | ConvertFrom-Json -AsHashtable
            $lock.dependencies.'net10.0'.GetEnumerator() | Where-Object { $_.Value.type -ne 'Project' } | ForEach-Object { "$($_.Key) $($_.Value.resolved)" }
        }
        $ids = ($sbom.relationships | Where-Object relationshipType -EQ BUILD_DEPENDENCY_OF).spdxElementId
        $sbom.packages | Where-Object SPDXID -In $ids | ForEach-Object { "$($_.name) $($_.versionInfo)" } | Sort-Object | Should -Be ($locked | Sort-Object)
        $others = $sbom.relationships.Where{ $_.relationshipType -in 'RUNTIME_DEPENDENCY_OF', 'CONTAINS' }
        $names = @($others.spdxElementId) + $others.relatedSpdxElement -match '-(Runtime|Bundled)-' | Sort-Object
        $names | Should -Be ((Test-Path -Path "$modulePath/runtimes") ? ('elfutils', 'libbpf', 'uPlot', 'zlib' -replace '^', 'SPDXRef-Bundled-') : ('SPDXRef-Bundled-uPlot', 'SPDXRef-Runtime-libbpf'))
    }

    It 'Is valid SPDX 2.3' {
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
    It 'Is found by name' {
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

    It 'Uses its own libbpf, or the system''s on request' {
        Skip-WithoutOwnLibrary
        $told = Invoke-Fresh '(Get-BindTraceSupport).LibBpfPath; $env:BINDSNOOP_LIBBPF = "system"; (Get-BindTraceSupport).LibBpfPath'
        $told[0] | Should -BeLike "$profilePath/*/runtimes/linux-*/native/libbpf.so.1"
        if (-not $systemLibrary) {
            Skip-Test -Because 'this machine has no libbpf of its own'
        }
        # What is loaded stays loaded.
        $told[1] | Should -BeExactly $told[0]
        Invoke-Fresh '$env:BINDSNOOP_LIBBPF = "system"; (Get-BindTraceSupport).LibBpfPath' | Should -BeExactly (Get-Item -LiteralPath $systemLibrary).ResolvedTarget
    }

    It 'Reports the path of the libbpf in use, even after an upgrade replaced the file' {
        Skip-WithoutOwnLibrary
        $told = Invoke-Fresh '$path = (Get-BindTraceSupport).LibBpfPath; $path; Copy-Item $path "$path.new"; Move-Item -Force "$path.new" $path; (Get-BindTraceSupport).LibBpfPath'
        $told[0] | Should -BeLike '*/libbpf.so.1'
        $told[1] | Should -BeExactly $told[0]
    }

    It 'Refuses any other choice' {
        Invoke-Fresh '$env:BINDSNOOP_LIBBPF = "mine"; try { Get-BindEvent -Duration 0.1 -ErrorAction Stop } catch { $_.FullyQualifiedErrorId; "$_" }' |
            Should -Be 'LibBpfChoiceInvalid,BindSnoop.PowerShell.GetBindEventCommand', "The environment variable BINDSNOOP_LIBBPF can only be 'system'."
    }

    It 'Traces without any other libbpf' {
        Skip-WithoutTracing
        Install-Truth $TestDrive
        $output = Join-Path $TestDrive traced
        # In a separate mount namespace.
        $hidden = @(if ($systemLibrary -and $global:BindSnoopTests.IsRoot -and (Test-Path -Path "$modulePath/runtimes")) {
                'unshare', '--mount', 'sh', '-c', 'mount --bind /dev/null "$0" && exec "$@"', (Get-Item -LiteralPath $systemLibrary).ResolvedTarget, 'env'
            })
        $start = [Diagnostics.ProcessStartInfo]::new((Find-Program env),
            [string[]] ($hidden + $fresh + "Get-BindSocket | Out-Null; Get-BindEvent -Comm '$truthComm' -MaxEvents 1 | ConvertTo-Json | Set-Content '$output'"))
        # It must not read the tests' input.
        $start.RedirectStandardInput = $true
        $process = [Diagnostics.Process]::Start($start)
        try {
            # It does not report when it has attached, so binds continue until it has seen one.
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
    It 'Is upgraded and removed by PowerShell''s installer' {
        if ((Invoke-Fresh '[bool] (Get-Command -Name Install-PSResource -ErrorAction Ignore)') -ne 'True') {
            Skip-Test -Because 'this PowerShell has no installer'
        }
        # The same, as a later version.
        $folder = New-Item -ItemType Directory -Path (Join-Path $TestDrive later)
        $later = Copy-Item -LiteralPath $package -Destination (Join-Path $folder "$moduleName.99.0.0.nupkg") -PassThru
        $zip = [IO.Compression.ZipFile]::Open($later, 'Update')
        foreach ($name in "$moduleName.nuspec", "$moduleName.psd1") {
            $stream = $zip.GetEntry($name).Open()
            $text = [IO.StreamReader]::new($stream).ReadToEnd().Replace($manifest.ModuleVersion, '99.0.0')
            $stream.SetLength(0)
            $stream.Write([Text.Encoding]::UTF8.GetBytes($text))
            $stream.Dispose()
        }
        $zip.Dispose()

        $told = Invoke-Fresh @"
            Register-PSResourceRepository -Name later -Uri '$folder' -Trusted
            Update-PSResource -Name $moduleName -Repository later
            "`$((Import-Module -Name $moduleName -PassThru).Version)"
            (Get-BindTraceSupport).LibBpfPath
            Uninstall-PSResource -Name $moduleName -Version '*'
            @(Get-InstalledPSResource -Name $moduleName -ErrorAction Ignore).Count
"@
        $told[0] | Should -BeExactly 99.0.0
        if (Test-Path -Path "$modulePath/runtimes") {
            $told[1] | Should -BeLike "$profilePath/*/99.0.0/runtimes/*"
        }
        $told[2] | Should -Be 0
        [IO.Path]::Combine($profilePath, '.local', 'share', 'powershell', 'Modules', $moduleName) | Should -Not -Exist
    }
}
