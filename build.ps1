<#
.SYNOPSIS
    Builds, runs, tests, publishes, packs or installs BindSnoop.
.DESCRIPTION
    Requires the tools of each task: build.sh installs them, and then runs this script. ArgumentList depends on the task.

    Build      builds the module output/BindSnoop and the command line output/bin/bindsnoop. The module includes libbpf
               (tools/libbpf); if that cannot be built, it uses the system's.
    Run        builds, and shows binds as they happen: Get-BindEvent with the given parameters.
    Test       builds, and runs all tests, or the given suites (tests/Invoke-Tests.ps1).
    Kernels    builds, and runs the tests on other kernels in virtual machines (tests/vm/run --help explains its
               arguments).
    Publish    makes output/publish/RID/bindsnoop, one file that needs neither .NET nor libbpf, and glibc 2.28 or later;
               RID is linux-x64 or linux-arm64, by default that of this machine. It is linked with Debian's packages
               (tools/sysroot) or, if these are not available, with this machine's, for its RID only.
               linux-x64-static and linux-arm64-static need no glibc either: they run in an empty container, and
               beside musl. They know only the users of /etc/passwd and the hosts of /etc/hosts and DNS, and send no OTLP over
               https.
    Install    publishes for this machine, and installs the file, its manual page and its completion in bin/ and share/
               of the given folder, by default /usr/local.
    Image      makes the packages of the command line and a container image, output/packages/bindsnoop-VERSION-RID.oci.tar.
               RID is by default that of this machine.
    Package    packs the module for the PowerShell Gallery as output/BindSnoop.VERSION.nupkg, with a list of its contents
               and build dependencies (SPDX) in _manifest, and outputs its path. With a RID, it publishes, and makes
               packages of the command line in output/packages: a .deb, an archive for other distributions to unpack in
               /usr/local, another one with the static file, lists of their contents, and checksums. SOURCE_DATE_EPOCH is the
               time in them, by default that of the last commit. Both also make
               output/packages/bindsnoop-VERSION-sources.tar: the sources of included libraries, as their licences require.
.EXAMPLE
    ./build.ps1
    Import-Module ./output/BindSnoop
.EXAMPLE
    ./build.ps1 Run -Port 8080 -IncludeError
.EXAMPLE
    ./build.ps1 Test Pester, BindSnoop.Hosting.Tests
.EXAMPLE
    ./build.ps1 Publish linux-arm64
.EXAMPLE
    Publish-PSResource -NupkgPath (./build.ps1 -Task Package) -ApiKey $key
.EXAMPLE
    ./build.ps1 Package linux-arm64
#>
[CmdletBinding(PositionalBinding = $false)]
[OutputType([string])]
param(
    [Parameter(Position = 0)]
    [ValidateSet('Build', 'Run', 'Test', 'Kernels', 'Publish', 'Install', 'Package', 'Image')]
    [string] $Task = 'Build',

    # What Build and Run build. Everything else uses Release.
    [ValidateSet('Release', 'Debug')]
    [string] $Configuration = 'Release',

    [Parameter(ValueFromRemainingArguments)]
    [ArgumentCompleter({
            param($Command, $Parameter, $Word, $Ast, $Bound)
            $null = $Command, $Parameter, $Ast
            $values = switch ($Bound['Task']) {
                'Publish' { 'linux-x64', 'linux-arm64', 'linux-x64-static', 'linux-arm64-static' }
                { $_ -in 'Package', 'Image' } { 'linux-x64', 'linux-arm64' }
                'Kernels' { (Get-Content -LiteralPath "$PSScriptRoot/tests/vm/kernels") -match '^\d' -replace ' .*' }
                'Test' { (Get-ChildItem -Path "$PSScriptRoot/tests/*.Tests" -Directory).Name + 'Pester', 'native', 'packages', 'distributions', 'fleet', 'kernels' }
            }
            @($values) -like "$Word*"
        })]
    [object[]] $ArgumentList = @()
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

$output = Join-Path -Path $PSScriptRoot -ChildPath output
$module = Join-Path -Path $output -ChildPath BindSnoop
# Where the shells look for them in /usr/local/share.
$completions = [ordered]@{
    bash = 'bash-completion/completions/bindsnoop'
    zsh  = 'zsh/site-functions/_bindsnoop'
    fish = 'fish/vendor_completions.d/bindsnoop.fish'
}
$runtimeIdentifiers = 'linux-x64', 'linux-arm64'

# To standard error: a task's output is its result alone.
function Show([string] $Text) {
    [Console]::Error.WriteLine($Text)
}

# In this folder, whose global.json names the SDK; without the build servers, which would stay behind, as root at times.
function Invoke-Dotnet([string] $Command, [string] $Project, [string[]] $Property) {
    $options = @($Property) + "Configuration=$Configuration", 'UseSharedCompilation=false'
    if ($env:CI -eq 'true' -and 'Native=true' -notin $Property) {
        $options += 'RestoreLockedMode=true'
    }
    Push-Location -LiteralPath $PSScriptRoot
    try {
        dotnet $Command $Project @($options -replace '^', '-p:') -nologo -verbosity:quiet -tl:off -nodeReuse:false @($Command -eq 'msbuild' ? '-restore', '-maxCpuCount' : @()) |
            ForEach-Object { Show $_ }
    }
    finally {
        Pop-Location
    }
    if ($LASTEXITCODE -ne 0) {
        throw "dotnet $Command of $Project failed with status $LASTEXITCODE."
    }
}

# "dotnet build", without the summary that it cannot be kept from.
function Invoke-Build([string[]] $Project) {
    foreach ($name in $Project) {
        Invoke-Dotnet msbuild $name
    }
}

# What root makes in somebody's folder is to stay theirs: they could not build again.
function Restore-Owner {
    if ((id -u) -eq 0 -and (stat -c %u $PSScriptRoot) -ne 0) {
        find $PSScriptRoot -path "$PSScriptRoot/.git" -prune -o -user 0 -exec chown -h "--reference=$PSScriptRoot" '{}' +
    }
}

function Get-RuntimeIdentifier {
    "linux-$([System.Runtime.InteropServices.RuntimeInformation]::OSArchitecture)".ToLowerInvariant()
}

# What to link with so that the file runs on older machines than this; nothing to link with this machine's own.
function Get-SysRoot([string] $RuntimeIdentifier) {
    $lines = @(& "$PSScriptRoot/tools/sysroot" $RuntimeIdentifier 2>&1 | ForEach-Object { "$_" })
    if ($LASTEXITCODE -eq 0) {
        return $lines[-1]
    }
    if ($RuntimeIdentifier -ne (Get-RuntimeIdentifier)) {
        throw "There is nothing to link with for ${RuntimeIdentifier}: $($lines -join ' ')"
    }
    Show "$($lines -join "`n")`nlinking with this machine's own libraries: the file will need this machine's glibc, or a later one"
}

# Ways to a folder with libbpf.so.1 for each machine, and its licences; nothing if they cannot be made.
function Get-LibBpf {
    $made = @(& "$PSScriptRoot/tools/libbpf" @runtimeIdentifiers 2>&1)
    if ($LASTEXITCODE -eq 0) {
        return @($made | ForEach-Object { "$_" })[(-$runtimeIdentifiers.Count)..-1]
    }
    Show "$($made -join "`n")`nthe module has no libbpf of its own: it will use the system's"
}

# Whatever builds the module by itself leaves it there.
function Add-LibBpf {
    $folders = @(Get-LibBpf)
    for ($i = 0; $i -lt $folders.Count; $i++) {
        $target = New-Item -ItemType Directory -Force -Path "$module/runtimes/$($runtimeIdentifiers[$i])/native"
        # Traces that run have the old one.
        Copy-Item -LiteralPath "$($folders[$i])/libbpf.so.1" -Destination "$target/libbpf.so.1.new"
        Move-Item -LiteralPath "$target/libbpf.so.1.new" -Destination "$target/libbpf.so.1" -Force
        Copy-Item -LiteralPath "$($folders[$i])/licenses" -Destination "$module/runtimes" -Recurse -Force
    }
}

function Save-Source {
    $null = New-Item -ItemType Directory -Force -Path "$output/packages"
    & "$PSScriptRoot/tools/libbpf" --sources "$output/packages/bindsnoop-$(Get-Version)-sources.tar" 2>&1 | ForEach-Object { Show $_ }
    if ($LASTEXITCODE -ne 0) {
        throw "The sources of the linked libraries cannot be had: without them, the packages must not be passed on."
    }
}

function Get-Version {
    ([xml] (Get-Content -LiteralPath "$PSScriptRoot/Directory.Build.props" -Raw)).Project.PropertyGroup.Version
}

function Publish-CommandLine([string] $RuntimeIdentifier) {
    $machine = $RuntimeIdentifier -replace '-static$'
    if ($machine -notin $runtimeIdentifiers) {
        throw "Nothing can be published for '$RuntimeIdentifier': give linux-x64 or linux-arm64, or one of these with -static."
    }
    $folder = "$output/publish/$RuntimeIdentifier"
    # What an earlier run has made is not to pass for what this one could not make.
    Remove-Item -LiteralPath $folder -Recurse -ErrorAction Ignore
    Invoke-Dotnet publish src/BindSnoop.Cli "RuntimeIdentifier=$machine", 'Native=true', "Static=$($machine -ne $RuntimeIdentifier)", "SysRoot=$(Get-SysRoot $RuntimeIdentifier)"
    "$folder/bindsnoop"
}

function Install-CommandLine([string] $Prefix) {
    $program = Publish-CommandLine (Get-RuntimeIdentifier)
    install -D -m 755 $program "$Prefix/bin/bindsnoop"
    install -D -m 644 "$PSScriptRoot/docs/man/bindsnoop.8" "$Prefix/share/man/man8/bindsnoop.8"
    foreach ($completion in $completions.GetEnumerator()) {
        $null = New-Item -ItemType Directory -Force -Path (Split-Path -Path "$Prefix/share/$($completion.Value)")
        & $program --completion $completion.Key | Set-Content -LiteralPath "$Prefix/share/$($completion.Value)"
    }
}

function New-LinuxPackage {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'It writes what it was called for, in the build output.')]
    param([string] $RuntimeIdentifier)
    $program = Publish-CommandLine $RuntimeIdentifier
    if (-not (Get-SysRoot $RuntimeIdentifier)) {
        throw "There is nothing to link with for $RuntimeIdentifier that runs on other machines, so no packages were made."
    }
    $static = Publish-CommandLine "$RuntimeIdentifier-static"
    # A program for another machine cannot print its completion here; that of the build is the same.
    $runs = $program
    if ($RuntimeIdentifier -ne (Get-RuntimeIdentifier)) {
        $runs = "$output/bin/bindsnoop"
        if (-not (Test-Path -LiteralPath $runs)) {
            Invoke-Build src/BindSnoop.Cli
        }
    }
    $completions.Keys | ForEach-Object { & $runs --completion $_ | Set-Content -LiteralPath "$output/publish/completion.$_" }
    Save-Source
    $version = Get-Version
    # All that it was compiled of, the compiler's own runtime among them, is in it.
    $contained = @(Get-LockedPackage "$PSScriptRoot/src/BindSnoop.Cli/obj/native/$RuntimeIdentifier/packages.lock.json" Bundled) + @(Get-LinkedLibrary libbpf, elfutils, sqlite3)
    foreach ($file in $program, $static) {
        $rid = Split-Path -Path (Split-Path -Path $file) -Leaf
        $parts = @{ Contained = $contained + @(if ($file -eq $static) { Get-LinkedLibrary glibc }) }
        ConvertTo-Sbom bindsnoop $version "pkg:generic/bindsnoop@${version}?platform=$rid" $file (Split-Path -Path $file) @parts |
            Set-Content -LiteralPath "$output/packages/bindsnoop-$version-$rid.spdx.json"
    }
    & "$PSScriptRoot/tools/make-linux-packages" $RuntimeIdentifier "$output/publish" "$output/packages"
    if ($LASTEXITCODE -ne 0) {
        throw "Packaging for $RuntimeIdentifier failed with status $LASTEXITCODE."
    }
}

# An argument as PowerShell source: names, numbers, lists and addresses as they are typed, the rest as a string.
function ConvertTo-Source([object] $Argument) {
    if ($Argument -is [array]) {
        return @($Argument | ForEach-Object { ConvertTo-Source $_ }) -join ','
    }
    if ($Argument -is [bool]) {
        return "`$$Argument"
    }
    if ($Argument -match '^([A-Za-z0-9_.,:/+=-]+|-[A-Za-z]+:\$(true|false))$') {
        return "$Argument"
    }
    "'$($Argument -replace "'", "''")'"
}

# The description of the package in NuGet's terms. The tags are how the gallery
# shows what a module has.
function ConvertTo-Nuspec([hashtable] $Manifest, [string] $Version) {
    $data = $Manifest.PrivateData.PSData
    $cmdlets = @($Manifest.CmdletsToExport)
    $tags = @($data.Tags) + 'PSModule' + 'PSIncludes_Cmdlet' + @($cmdlets -replace '^', 'PSCmdlet_') + @($cmdlets -replace '^', 'PSCommand_')

    $namespace = 'http://schemas.microsoft.com/packaging/2011/08/nuspec.xsd'
    $nuspec = [xml] "<package xmlns='$namespace'><metadata /></package>"
    $metadata = $nuspec.DocumentElement.FirstChild
    $values = [ordered]@{
        id                       = 'BindSnoop'
        version                  = $Version
        authors                  = $Manifest.Author
        owners                   = $Manifest.CompanyName
        requireLicenseAcceptance = 'false'
        licenseUrl               = $data['LicenseUri']
        projectUrl               = $data['ProjectUri']
        iconUrl                  = $data['IconUri']
        description              = $Manifest.Description
        releaseNotes             = $data['ReleaseNotes']
        copyright                = $Manifest.Copyright
        tags                     = $tags -join ' '
    }
    foreach ($entry in $values.GetEnumerator() | Where-Object -Property Value) {
        $element = $nuspec.CreateElement($entry.Key, $namespace)
        $element.InnerText = $entry.Value
        $null = $metadata.AppendChild($element)
    }
    $nuspec.OuterXml
}

function Get-Sum([string] $Algorithm, [string] $Path) {
    (Get-FileHash -LiteralPath $Path -Algorithm $Algorithm).Hash.ToLowerInvariant()
}

function ConvertTo-SbomPackage([string] $Id, [string] $Name, [string] $Version, [string] $Purl, [string] $License = 'NOASSERTION') {
    [ordered]@{
        SPDXID = "SPDXRef-$Id"; name = $Name; versionInfo = $Version; downloadLocation = 'NOASSERTION'; filesAnalyzed = $false
        licenseConcluded = 'NOASSERTION'; licenseDeclared = $License; copyrightText = 'NOASSERTION'
        externalRefs = @([ordered]@{ referenceCategory = 'PACKAGE-MANAGER'; referenceType = 'purl'; referenceLocator = $Purl })
    }
}

# The packages of a lock file, which has their sums.
function Get-LockedPackage([string] $LockFile, [string] $Prefix) {
    $frameworks = (Get-Content -LiteralPath $LockFile -Raw | ConvertFrom-Json -AsHashtable).dependencies.GetEnumerator() | Sort-Object -Property Key -Culture ''
    foreach ($dependency in $frameworks | ForEach-Object { $_.Value.GetEnumerator() } | Where-Object { $_.Value.type -ne 'Project' } | Sort-Object -Property Key -Unique -Culture '') {
        $package = ConvertTo-SbomPackage "$Prefix-$($dependency.Key)" $dependency.Key $dependency.Value.resolved "pkg:nuget/$($dependency.Key)@$($dependency.Value.resolved)"
        $package.checksums = @([ordered]@{
                algorithm     = 'SHA512'
                checksumValue = [Convert]::ToHexString([Convert]::FromBase64String($dependency.Value.contentHash)).ToLowerInvariant()
            })
        $package
    }
}

# What is linked in of Debian's sources.
function Get-LinkedLibrary([string[]] $Name) {
    $licenses = @{ libbpf = 'LGPL-2.1-only OR BSD-2-Clause'; elfutils = 'LGPL-3.0-or-later OR GPL-2.0-or-later'; zlib = 'Zlib'; sqlite3 = 'blessing'; glibc = 'LGPL-2.1-or-later' }
    foreach ($line in Get-Content -LiteralPath "$PSScriptRoot/tools/sysroot.lock") {
        if ($line -match '/([a-z0-9]+)_([^/]+)\.dsc ' -and $Matches[1] -in $Name) {
            ConvertTo-SbomPackage "Bundled-$($Matches[1])" $Matches[1] $Matches[2] "pkg:deb/debian/$($Matches[1])@$($Matches[2])?arch=source" $licenses[$Matches[1]]
        }
    }
}

# What a package consists of, and what it was built with, in SPDX 2.3 (https://spdx.github.io/spdx-spec/v2.3/).
# Written here, as the generators there are put random numbers and the time of day in: the same sources are to make
# the same file.
function ConvertTo-Sbom {
    param(
        [string] $Name, [string] $Version, [string] $Purl,
        # Its files, and the folder in which they are.
        [System.IO.FileInfo[]] $File, [string] $Folder,
        [object[]] $Contained = @(), [object[]] $BuiltWith = @(), [object[]] $Needed = @()
    )
    $files = @(foreach ($item in $File) {
            $path = './' + $item.FullName.Substring($Folder.Length + 1).Replace('\', '/')
            [ordered]@{
                SPDXID = 'SPDXRef-File-' + ($path.Substring(2) -replace '[^A-Za-z0-9.-]', '-'); fileName = $path
                checksums = @('SHA1', 'SHA256' | ForEach-Object { [ordered]@{ algorithm = $_; checksumValue = Get-Sum $_ $item.FullName } })
                licenseConcluded = 'NOASSERTION'; licenseInfoInFiles = @('NOASSERTION'); copyrightText = 'NOASSERTION'
            }
        })
    $sums = ($files | ForEach-Object { $_.checksums[0].checksumValue } | Sort-Object -Culture '') -join ''
    $code = [Convert]::ToHexString([System.Security.Cryptography.SHA1]::HashData([System.Text.Encoding]::ASCII.GetBytes($sums))).ToLowerInvariant()
    $properties = ([xml] (Get-Content -LiteralPath "$PSScriptRoot/Directory.Build.props" -Raw)).Project.PropertyGroup
    $self = ConvertTo-SbomPackage Package $Name $Version $Purl MIT
    $self.filesAnalyzed = $true
    $self.packageVerificationCode = [ordered]@{ packageVerificationCodeValue = $code }
    $self.licenseInfoFromFiles = @('NOASSERTION')
    $self.copyrightText = $properties.Copyright
    $self.supplier = "Organization: $($properties.Authors)"
    $charts = ConvertTo-SbomPackage Bundled-uPlot uplot 1.6.32 'pkg:npm/uplot@1.6.32' MIT

    # The time of the last change, as the time of building would differ every time.
    $created = git -C $PSScriptRoot log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>$null
    [ordered]@{
        spdxVersion       = 'SPDX-2.3'
        dataLicense       = 'CC0-1.0'
        SPDXID            = 'SPDXRef-DOCUMENT'
        name              = "$Name-$Version"
        documentNamespace = "https://spdx.org/spdxdocs/$Name-$Version-$code"
        creationInfo      = [ordered]@{ created = $created ? $created : '1980-01-01T00:00:00Z'; creators = @('Tool: BindSnoop-build.ps1') }
        packages          = @($self; $BuiltWith; $charts; $Contained; $Needed)
        files             = $files
        relationships     = @(
            [ordered]@{ spdxElementId = 'SPDXRef-DOCUMENT'; relationshipType = 'DESCRIBES'; relatedSpdxElement = $self.SPDXID }
            @($files; $charts; $Contained) | ForEach-Object { [ordered]@{ spdxElementId = $self.SPDXID; relationshipType = 'CONTAINS'; relatedSpdxElement = $_.SPDXID } }
            $BuiltWith | ForEach-Object { [ordered]@{ spdxElementId = $_.SPDXID; relationshipType = 'BUILD_DEPENDENCY_OF'; relatedSpdxElement = $self.SPDXID } }
            $Needed | ForEach-Object { [ordered]@{ spdxElementId = $_.SPDXID; relationshipType = 'RUNTIME_DEPENDENCY_OF'; relatedSpdxElement = $self.SPDXID } }
        )
    } | ConvertTo-Json -Depth 6
}

# Written here rather than by Compress-PSResource, which few PowerShells have
# yet, and so that the same module makes the same file: a package is a zip with
# its description, and the two parts that make it an OPC document.
function New-ModulePackage {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'It writes what it was called for, in the build output.')]
    param([string] $Module, [string] $Destination)

    $manifest = Import-PowerShellDataFile -LiteralPath (Join-Path -Path $Module -ChildPath BindSnoop.psd1)
    $version = $manifest.ModuleVersion
    if ($manifest.PrivateData.PSData['Prerelease']) {
        $version += '-' + $manifest.PrivateData.PSData.Prerelease
    }
    $files = @(Get-ChildItem -LiteralPath $Module -Recurse -File | Sort-Object -Property FullName -Culture '')

    $parts = [ordered]@{
        'BindSnoop.nuspec'    = ConvertTo-Nuspec $manifest $version
        '_rels/.rels'         = "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>" +
            "<Relationship Id='manifest' Type='http://schemas.microsoft.com/packaging/2010/07/manifest' Target='/BindSnoop.nuspec' /></Relationships>"
        '[Content_Types].xml' = "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'>" +
            "<Default Extension='rels' ContentType='application/vnd.openxmlformats-package.relationships+xml' />" +
            -join ($files.Extension.TrimStart('.') + 'nuspec', 'json' | Where-Object { $_ } | Sort-Object -Unique |
                    ForEach-Object { "<Default Extension='$_' ContentType='application/octet' />" }) +
            -join ($files | Where-Object -Property Extension -EQ '' |
                    ForEach-Object { "<Override PartName='/$($_.FullName.Substring($Module.Length + 1))' ContentType='application/octet' />" }) +
            '</Types>'
    }

    $path = Join-Path -Path $Destination -ChildPath "BindSnoop.$version.nupkg"
    Remove-Item -LiteralPath $path -ErrorAction Ignore
    $archive = [System.IO.Compression.ZipFile]::Open($path, 'Create')
    try {
        $add = {
            param([string] $Name, [byte[]] $Content)
            $entry = $archive.CreateEntry($Name)
            # The oldest time a zip can store; the files' own times would differ every time.
            $entry.LastWriteTime = [datetimeoffset]::new(1980, 1, 1, 0, 0, 0, [timespan]::Zero)
            $stream = $entry.Open()
            $stream.Write($Content)
            $stream.Dispose()
        }
        foreach ($part in $parts.GetEnumerator()) {
            & $add $part.Key ([System.Text.Encoding]::UTF8.GetBytes("<?xml version=`"1.0`" encoding=`"utf-8`"?>`n" + $part.Value))
        }
        foreach ($file in $files) {
            & $add $file.FullName.Substring($Module.Length + 1) ([System.IO.File]::ReadAllBytes($file.FullName))
        }
        $own = @($files.Name) -contains 'libbpf.so.1'
        $parts = @{
            Contained = @(if ($own) { Get-LinkedLibrary libbpf, elfutils, zlib })
            # None of them gets into the package.
            BuiltWith = @('BindSnoop', 'BindSnoop.PowerShell' | ForEach-Object { Get-LockedPackage "$PSScriptRoot/src/$_/packages.lock.json" Build })
            Needed    = @(if (-not $own) { ConvertTo-SbomPackage Runtime-libbpf libbpf '1.0 or later' 'pkg:github/libbpf/libbpf' })
        }
        $sbom = ConvertTo-Sbom BindSnoop $version "pkg:nuget/BindSnoop@$version" $files $Module @parts
        & $add '_manifest/spdx_2.3/manifest.spdx.json' ([System.Text.Encoding]::UTF8.GetBytes($sbom))
    }
    finally {
        $archive.Dispose()
    }
    $path
}

try {
    switch ($Task) {
        Build {
            Invoke-Build src/BindSnoop.PowerShell, src/BindSnoop.Cli
            Add-LibBpf
            Show "built $module and $output/bin/bindsnoop"
        }
        Run {
            if (-not (Test-Path -LiteralPath $module)) {
                Show 'building ...'
            }
            Invoke-Build src/BindSnoop.PowerShell
            Add-LibBpf
            Restore-Owner
            Import-Module -Name $module -Verbose:$false
            & ([scriptblock]::Create("Get-BindEvent $(@($ArgumentList | ForEach-Object { ConvertTo-Source $_ }) -join ' ')"))
        }
        Test {
            & "$PSScriptRoot/tests/Invoke-Tests.ps1" -Build { Invoke-Build BindSnoop.slnx; Add-LibBpf } -Suite $ArgumentList
            exit $LASTEXITCODE
        }
        Kernels {
            Invoke-Build BindSnoop.slnx
            $null = Publish-CommandLine ("$ArgumentList" -match '--arch arm64' ? 'linux-arm64' : (Get-RuntimeIdentifier))
            & "$PSScriptRoot/tests/vm/run" @ArgumentList | Out-Host
            exit $LASTEXITCODE
        }
        Publish {
            Publish-CommandLine ($ArgumentList ? $ArgumentList[0] : (Get-RuntimeIdentifier))
        }
        Install {
            Install-CommandLine ($ArgumentList ? $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($ArgumentList[0]) : '/usr/local')
        }
        Image {
            $rid = $ArgumentList ? $ArgumentList[0] : (Get-RuntimeIdentifier)
            $null = New-LinuxPackage $rid
            & "$PSScriptRoot/tools/make-image" $rid "$output/packages"
            if ($LASTEXITCODE -ne 0) {
                throw "Making the image for $rid failed with status $LASTEXITCODE."
            }
        }
        { $_ -eq 'Package' -and $ArgumentList } {
            New-LinuxPackage $ArgumentList[0]
            break
        }
        Package {
            # Nothing of earlier builds is to get in.
            Remove-Item -LiteralPath $module -Recurse -ErrorAction Ignore
            Invoke-Build src/BindSnoop.PowerShell
            Add-LibBpf
            if (Test-Path -LiteralPath "$module/runtimes") {
                Save-Source
            }
            New-ModulePackage $module $output
        }
    }
}
catch {
    # As one line, without where in this script.
    $PSCmdlet.ThrowTerminatingError($_)
}
finally {
    Restore-Owner
}
