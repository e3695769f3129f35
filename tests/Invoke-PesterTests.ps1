<#
.SYNOPSIS
    Runs tests/Pester and writes a report in the format CTRF.
.DESCRIPTION
    Pester has no such report of its own. Where Pester is not installed and cannot be had from the
    gallery, the report says so, as one skipped test. The status is 0 only if nothing failed.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)]
    [string] $Report,

    # Where Pester is saved to if it is not installed.
    [Parameter(Mandatory)]
    [string] $ModulePath
)

$ErrorActionPreference = 'Stop'
$minimum = [version]'5.5.0'
# The next major version will not run these tests unchanged.
$below = [version]'6.0.0'

function Write-Report([string] $Path, [object[]] $Test) {
    @{
        reportFormat = 'CTRF'
        specVersion  = '0.0.0'
        results      = @{ tool = @{ name = 'Pester' }; tests = @($Test) }
    } | ConvertTo-Json -Depth 6 | Set-Content -LiteralPath $Path
}

function Find-Pester {
    Get-Module -ListAvailable -Name Pester |
        Where-Object { $_.Version -ge $minimum -and $_.Version -lt $below } |
        Sort-Object -Property Version -Descending |
        Select-Object -First 1
}

function Save-Pester {
    $null = New-Item -ItemType Directory -Force -Path $ModulePath
    if (Get-Command -Name Save-PSResource -ErrorAction Ignore) {
        Save-PSResource -Name Pester -Version "[$minimum,$below)" -Path $ModulePath -TrustRepository
    }
    elseif (Get-Command -Name Save-Module -ErrorAction Ignore) {
        Save-Module -Name Pester -MinimumVersion $minimum -MaximumVersion 5.99.99 -Path $ModulePath
    }
    else {
        throw 'this PowerShell has neither Save-PSResource nor Save-Module'
    }
}

$env:PSModulePath = $ModulePath + [System.IO.Path]::PathSeparator + $env:PSModulePath
$pester = Find-Pester
if (-not $pester) {
    try {
        Save-Pester
        $pester = Find-Pester
        $reason = 'the gallery has given none'
    }
    catch {
        $reason = $_.Exception.Message
    }
}
if (-not $pester) {
    Write-Report $Report @{ name = '(the suite)'; status = 'skipped'; message = "Pester $minimum or later is not installed and cannot be had: $reason" }
    return
}
Import-Module -Name $pester.Path

$configuration = New-PesterConfiguration
$configuration.Run.Path = Join-Path -Path $PSScriptRoot -ChildPath Pester
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = 'Detailed'
$configuration.Output.RenderMode = 'Plaintext'
$run = Invoke-Pester -Configuration $configuration

# A set-up that fails outside of any test fails all the same.
function ConvertTo-Failure($Name, $ErrorRecord) {
    @{ name = $Name; status = 'failed'; message = (@($ErrorRecord | ForEach-Object { "$_" }) -join "`n") }
}

$tests = @(
    foreach ($test in $run.Tests) {
        $entry = @{
            name     = $test.ExpandedPath
            duration = [int] $test.Duration.TotalMilliseconds
            status   = switch ($test.Result) {
                'Passed' { 'passed' }
                'Failed' { 'failed' }
                default { 'skipped' }
            }
        }
        $message = @($test.ErrorRecord | ForEach-Object { "$_" }) -join "`n"
        if ($entry.status -eq 'failed') {
            $entry.message = $message
            $entry.trace = @($test.ErrorRecord | ForEach-Object { $_.ScriptStackTrace }) -join "`n"
        }
        elseif ($entry.status -eq 'skipped') {
            # "is skipped, because ..." is what Set-ItResult makes of a reason.
            $entry.message = switch -Regex ($message) {
                '^is skipped, because (.+)' { $Matches[1]; break }
                '.' { $message; break }
                default { "$($test.Result) ($($test.ExpandedPath))" }
            }
        }
        $entry
    }
    foreach ($block in $run.FailedBlocks) { ConvertTo-Failure "$($block.ExpandedPath) (block)" $block.ErrorRecord }
    foreach ($container in $run.FailedContainers) { ConvertTo-Failure "$($container.Item)" $container.ErrorRecord }
)
Write-Report $Report $tests
exit [int] ($run.Result -ne 'Passed')
