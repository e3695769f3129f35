<#
.SYNOPSIS
    Runs background traces as long as a file exists, and reports what they received.
.DESCRIPTION
    One trace lives from beginning to end and is drained all the time; others are started, read and removed
    beside it. The last line is JSON.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Cgroup,
    # Made when tracing has begun; when it is gone, that is the end.
    [Parameter(Mandatory)] [string] $Flag,
    # Seconds between the short traces.
    [int] $Every = 15
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest
Import-Module -Name $Module

$trace = Start-BindTrace -Name soak -Cgroup $Cgroup
$null = New-Item -ItemType File -Path $Flag
$read = 0L
$short = 0
$clock = [System.Diagnostics.Stopwatch]::StartNew()
while (Test-Path -LiteralPath $Flag) {
    Start-Sleep -Milliseconds 500
    $trace | Get-BindEvent | ForEach-Object { $read++ }
    if ($clock.Elapsed.TotalSeconds -ge $Every) {
        $clock.Restart()
        $short++
        $other = Start-BindTrace -Cgroup $Cgroup -IncludeError
        $count = Start-BindTrace -Mode Count -Cgroup $Cgroup
        # Not -Wait: the load may be over.
        Start-Sleep -Milliseconds 200
        $null = $other | Get-BindEvent
        # Reading a map keeps the kernel from running programs on that processor meanwhile, which it says.
        $null = $count | Get-BindCount -WarningAction SilentlyContinue
        $other, $count | Remove-BindTrace
    }
}
$trace | Stop-BindTrace
$trace | Get-BindEvent | ForEach-Object { $read++ }
[pscustomobject]@{ Read = $read; Received = $trace.Received; Dropped = $trace.Dropped; ShortTraces = 2 * $short } | ConvertTo-Json -Compress
$trace | Remove-BindTrace
