# Reports of suites in the format CTRF (https://ctrf.io), one file for each.

# The tests of a suite's report; none if there is no whole one.
function Get-Report {
    [OutputType([hashtable[]])]
    param([string] $Folder, [string] $Suite)
    $report = try { Get-Content -LiteralPath "$Folder/$Suite.ctrf.json" -Raw -ErrorAction Stop | ConvertFrom-Json -AsHashtable } catch { @{} }
    , @($report['results'] ? $report.results['tests'] : @())
}

# Adds a test, and gives the report's path.
function Add-ReportEntry {
    [OutputType([string])]
    param([string] $Folder, [string] $Suite, [string] $Name, [string] $Status, [string] $Message)
    $path = "$Folder/$Suite.ctrf.json"
    $tests = (Get-Report $Folder $Suite) + @{ name = $Name; status = $Status; message = $Message }
    @{ reportFormat = 'CTRF'; specVersion = '0.0.0'; results = @{ tool = @{ name = $Suite }; tests = $tests } } |
        ConvertTo-Json -Depth 10 | Set-Content -LiteralPath $path
    $path
}

# The table, every skip's reason and every failure, and the line that ends it.
function Get-Summary {
    [OutputType([string[]])]
    param([string[]] $Report)
    jq -nr -f "$PSScriptRoot/summary.jq" $Report
}

Export-ModuleMember -Function Get-Report, Add-ReportEntry, Get-Summary
