<#
.SYNOPSIS
    Builds, runs, tests, publishes, packs or installs BindSnoop.
.DESCRIPTION
    What each task takes has to be there: build.sh installs that first, and then runs this. ArgumentList is up to the
    task.

    Build      makes the module output/BindSnoop and the command line output/bin/bindsnoop.
    Run        builds, and shows binds as they happen: Get-BindEvent with the parameters given.
    Test       builds, and runs every test, or those of the suites named (tests/Invoke-Tests.ps1).
    Kernels    builds, and runs the tests on other kernels in virtual machines (tests/vm/run --help explains its
               arguments).
    Publish    makes output/publish/RID/bindsnoop, one file that needs no .NET; RID is linux-x64 or linux-arm64, by
               default the one of this machine.
    Install    publishes that of this machine, and copies it, its manual page and its completion into bin/ and share/
               of the folder given, by default /usr/local.
    Package    makes output/BindSnoop.VERSION.nupkg of the module, as the PowerShell Gallery takes it, with a list of
               what it consists of and was built with (SPDX) in _manifest, and outputs its path.
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
#>
[CmdletBinding(PositionalBinding = $false)]
[OutputType([string])]
param(
    [Parameter(Position = 0)]
    [ValidateSet('Build', 'Run', 'Test', 'Kernels', 'Publish', 'Install', 'Package')]
    [string] $Task = 'Build',

    # What Build and Run make. All else is of the Release build.
    [ValidateSet('Release', 'Debug')]
    [string] $Configuration = 'Release',

    [Parameter(ValueFromRemainingArguments)]
    [ArgumentCompleter({
            param($Command, $Parameter, $Word, $Ast, $Bound)
            $null = $Command, $Parameter, $Ast
            $values = switch ($Bound['Task']) {
                'Publish' { 'linux-x64', 'linux-arm64' }
                'Kernels' { (Get-Content -LiteralPath "$PSScriptRoot/tests/vm/kernels") -match '^\d' -replace ' .*' }
                'Test' { (Get-ChildItem -Path "$PSScriptRoot/tests/*.Tests" -Directory).Name + 'Pester', 'publish', 'fleet', 'kernels' }
            }
            @($values) -like "$Word*"
        })]
    [object[]] $ArgumentList = @()
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

$output = Join-Path -Path $PSScriptRoot -ChildPath output
$module = Join-Path -Path $output -ChildPath BindSnoop

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

function Publish-CommandLine([string] $RuntimeIdentifier) {
    if ($RuntimeIdentifier -notin 'linux-x64', 'linux-arm64') {
        throw "Nothing can be published for '$RuntimeIdentifier': give linux-x64 or linux-arm64."
    }
    $folder = "$output/publish/$RuntimeIdentifier"
    # What an earlier run has made is not to pass for what this one could not make.
    Remove-Item -LiteralPath $folder -Recurse -ErrorAction Ignore
    Invoke-Dotnet publish src/BindSnoop.Cli "RuntimeIdentifier=$RuntimeIdentifier", 'Native=true'
    "$folder/bindsnoop"
}

function Install-CommandLine([string] $Prefix) {
    $program = Publish-CommandLine (Get-RuntimeIdentifier)
    install -D -m 755 $program "$Prefix/bin/bindsnoop"
    install -D -m 644 "$PSScriptRoot/docs/man/bindsnoop.8" "$Prefix/share/man/man8/bindsnoop.8"
    $completion = New-Item -ItemType Directory -Force -Path "$Prefix/share/bash-completion/completions"
    & $program --completion bash | Set-Content -LiteralPath "$completion/bindsnoop"
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
# tells what a module has.
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

# What the package consists of, and what it was built with, in SPDX 2.3 (https://spdx.github.io/spdx-spec/v2.3/).
# Written here, as the generators there are put random numbers and the time of day in: the same sources are to make
# the same file.
function ConvertTo-Sbom {
    param([hashtable] $Manifest, [string] $Version, [string] $Module, [System.IO.FileInfo[]] $File, [string[]] $LockFile)

    function Get-Sum([string] $Algorithm, [string] $Path) {
        (Get-FileHash -LiteralPath $Path -Algorithm $Algorithm).Hash.ToLowerInvariant()
    }
    function ConvertTo-SbomPackage([string] $Id, [string] $Name, [string] $Version, [string] $Purl) {
        [ordered]@{
            SPDXID = "SPDXRef-$Id"; name = $Name; versionInfo = $Version; downloadLocation = 'NOASSERTION'; filesAnalyzed = $false
            licenseConcluded = 'NOASSERTION'; licenseDeclared = 'NOASSERTION'; copyrightText = 'NOASSERTION'
            externalRefs = @([ordered]@{ referenceCategory = 'PACKAGE-MANAGER'; referenceType = 'purl'; referenceLocator = $Purl })
        }
    }

    $files = @(foreach ($item in $File) {
            $name = './' + $item.FullName.Substring($Module.Length + 1).Replace('\', '/')
            [ordered]@{
                SPDXID = 'SPDXRef-File-' + ($name.Substring(2) -replace '[^A-Za-z0-9.-]', '-'); fileName = $name
                checksums = @('SHA1', 'SHA256' | ForEach-Object { [ordered]@{ algorithm = $_; checksumValue = Get-Sum $_ $item.FullName } })
                licenseConcluded = 'NOASSERTION'; licenseInfoInFiles = @('NOASSERTION'); copyrightText = 'NOASSERTION'
            }
        })
    $sums = ($files | ForEach-Object { $_.checksums[0].checksumValue } | Sort-Object -Culture '') -join ''
    $code = [Convert]::ToHexString([System.Security.Cryptography.SHA1]::HashData([System.Text.Encoding]::ASCII.GetBytes($sums))).ToLowerInvariant()
    $self = ConvertTo-SbomPackage Package BindSnoop $Version "pkg:nuget/BindSnoop@$Version"
    $self.filesAnalyzed = $true
    $self.packageVerificationCode = [ordered]@{ packageVerificationCodeValue = $code }
    $self.licenseDeclared = 'MIT'
    $self.licenseInfoFromFiles = @('NOASSERTION')
    $self.copyrightText = $Manifest.Copyright
    $self.supplier = "Organization: $($Manifest.Author)"

    # Locked to their contents, and none of them gets into the package.
    $built = @(foreach ($lock in $LockFile) {
            $framework = (Get-Content -LiteralPath $lock -Raw | ConvertFrom-Json -AsHashtable).dependencies['net10.0']
            foreach ($dependency in $framework.GetEnumerator() | Where-Object { $_.Value.type -ne 'Project' } | Sort-Object -Property Key -Culture '') {
                $package = ConvertTo-SbomPackage "Build-$($dependency.Key)" $dependency.Key $dependency.Value.resolved "pkg:nuget/$($dependency.Key)@$($dependency.Value.resolved)"
                $package.checksums = @([ordered]@{
                        algorithm     = 'SHA512'
                        checksumValue = [Convert]::ToHexString([Convert]::FromBase64String($dependency.Value.contentHash)).ToLowerInvariant()
                    })
                $package
            }
        })
    $library = ConvertTo-SbomPackage Runtime-libbpf libbpf '1.0 or later' 'pkg:github/libbpf/libbpf'

    # The time of the last change, as the time of building would differ every time.
    $created = git -C $PSScriptRoot log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>$null
    [ordered]@{
        spdxVersion       = 'SPDX-2.3'
        dataLicense       = 'CC0-1.0'
        SPDXID            = 'SPDXRef-DOCUMENT'
        name              = "BindSnoop-$Version"
        documentNamespace = "https://spdx.org/spdxdocs/BindSnoop-$Version-$code"
        creationInfo      = [ordered]@{ created = $created ? $created : '1980-01-01T00:00:00Z'; creators = @('Tool: BindSnoop-build.ps1') }
        packages          = @($self) + $built + @($library)
        files             = $files
        relationships     = @(
            [ordered]@{ spdxElementId = 'SPDXRef-DOCUMENT'; relationshipType = 'DESCRIBES'; relatedSpdxElement = $self.SPDXID }
            $files | ForEach-Object { [ordered]@{ spdxElementId = $self.SPDXID; relationshipType = 'CONTAINS'; relatedSpdxElement = $_.SPDXID } }
            $built | ForEach-Object { [ordered]@{ spdxElementId = $_.SPDXID; relationshipType = 'BUILD_DEPENDENCY_OF'; relatedSpdxElement = $self.SPDXID } }
            [ordered]@{ spdxElementId = $library.SPDXID; relationshipType = 'RUNTIME_DEPENDENCY_OF'; relatedSpdxElement = $self.SPDXID }
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
            # The oldest a zip can tell; the files' own times would differ every time.
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
        $locks = 'BindSnoop', 'BindSnoop.PowerShell' | ForEach-Object { "$PSScriptRoot/src/$_/packages.lock.json" }
        $sbom = ConvertTo-Sbom $manifest $version $Module $files $locks
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
            Show "built $module and $output/bin/bindsnoop"
        }
        Run {
            if (-not (Test-Path -LiteralPath $module)) {
                Show 'building ...'
            }
            Invoke-Build src/BindSnoop.PowerShell
            Restore-Owner
            Import-Module -Name $module -Verbose:$false
            & ([scriptblock]::Create("Get-BindEvent $(@($ArgumentList | ForEach-Object { ConvertTo-Source $_ }) -join ' ')"))
        }
        Test {
            & "$PSScriptRoot/tests/Invoke-Tests.ps1" -Build { Invoke-Build BindSnoop.slnx } -Suite $ArgumentList
            exit $LASTEXITCODE
        }
        Kernels {
            Invoke-Build BindSnoop.slnx
            $null = Publish-CommandLine (Get-RuntimeIdentifier)
            & "$PSScriptRoot/tests/vm/run" @ArgumentList | Out-Host
            exit $LASTEXITCODE
        }
        Publish {
            Publish-CommandLine ($ArgumentList ? $ArgumentList[0] : (Get-RuntimeIdentifier))
        }
        Install {
            Install-CommandLine ($ArgumentList ? $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($ArgumentList[0]) : '/usr/local')
        }
        Package {
            # Nothing of earlier builds is to get in.
            Remove-Item -LiteralPath $module -Recurse -ErrorAction Ignore
            Invoke-Build src/BindSnoop.PowerShell
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
