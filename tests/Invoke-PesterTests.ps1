<#
.SYNOPSIS
    Runs tests/Pester and writes a report in the format CTRF, which Pester has not.
.DESCRIPTION
    With the Pester that building tests/Pester has put into output/modules. The status is 0 only if nothing failed.
#>
[CmdletBinding()]
param(
    # The file to write.
    [Parameter(Mandatory)]
    [string] $Report,

    # The files of tests to run, by default all.
    [string[]] $Path = (Join-Path -Path $PSScriptRoot -ChildPath Pester)
)

$ErrorActionPreference = 'Stop'

Import-Module -Name (Convert-Path -Path "$PSScriptRoot/../output/modules/Pester/*/Pester.psd1")

$configuration = New-PesterConfiguration
$configuration.Run.Path = $Path
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
@{
    reportFormat = 'CTRF'
    specVersion  = '0.0.0'
    results      = @{ tool = @{ name = 'Pester' }; tests = $tests }
} | ConvertTo-Json -Depth 6 | Set-Content -LiteralPath $Report
exit [int] ($run.Result -ne 'Passed')
