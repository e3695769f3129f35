<#
.SYNOPSIS
    Builds, tests or packs BindSnoop.
.DESCRIPTION
    Build makes the module output/BindSnoop and the command line output/bin/bindsnoop. Test is
    "./build.sh test", which also installs what the tests need if it may. Package makes
    output/BindSnoop.VERSION.nupkg of the module, as the PowerShell Gallery takes it, with a list of what it consists
    of and was built with (SPDX) in _manifest.
.EXAMPLE
    ./build.ps1
    Import-Module ./output/BindSnoop
.EXAMPLE
    Publish-PSResource -NupkgPath (./build.ps1 -Task Package) -ApiKey $key
#>
[CmdletBinding()]
[OutputType([string])]
param(
    [ValidateSet('Build', 'Test', 'Package')]
    [string] $Task = 'Build',

    # What Build makes. Tests and packages are of the Release build.
    [ValidateSet('Release', 'Debug')]
    [string] $Configuration = 'Release'
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

$output = Join-Path -Path $PSScriptRoot -ChildPath output
$module = Join-Path -Path $output -ChildPath BindSnoop

function Invoke-DotnetBuild([string] $Configuration, [string[]] $Project) {
    foreach ($name in $Project) {
        # To the host: the output is the task's result alone.
        dotnet build "$PSScriptRoot/src/$name" --configuration $Configuration --nologo | Out-Host
        if ($LASTEXITCODE -ne 0) {
            throw "dotnet build of $name failed with status $LASTEXITCODE."
        }
    }
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

switch ($Task) {
    Build {
        Invoke-DotnetBuild $Configuration BindSnoop.PowerShell, BindSnoop.Cli
    }
    Test {
        & "$PSScriptRoot/build.sh" test
        exit $LASTEXITCODE
    }
    Package {
        # Nothing of earlier builds is to get in.
        Remove-Item -LiteralPath $module -Recurse -ErrorAction Ignore
        Invoke-DotnetBuild Release BindSnoop.PowerShell
        New-ModulePackage $module $output
    }
}
