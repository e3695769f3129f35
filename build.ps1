<#
.SYNOPSIS
    Builds, tests or packs BindSnoop.
.DESCRIPTION
    Build makes the module output/BindSnoop and the command line output/bin/bindsnoop. Test is
    "./build.sh test", which also installs what the tests need if it may. Package makes
    output/BindSnoop.VERSION.nupkg of the module, as the PowerShell Gallery takes it.
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
            -join ($files.Extension.TrimStart('.') + 'nuspec' | Where-Object { $_ } | Sort-Object -Unique |
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
