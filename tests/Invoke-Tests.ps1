<#
.SYNOPSIS
    Runs the suites, and reports their results.
.DESCRIPTION
    Lanes go on side by side. What traces this machine sees the calls of all its processes, so those suites run one
    after the other; meanwhile the command line is published, and the virtual machines run, whose kernels are their own.

    Every suite leaves a report in the format CTRF, output/test-results/NAME.ctrf.json, and what happens to a suite as
    a whole is a test of its own in it. The last line is "N passed, N failed, N skipped"; the status is 0 only if
    something passed and nothing failed.
#>
[CmdletBinding()]
param(
    # Builds all that the suites take.
    [Parameter(Mandatory)]
    [scriptblock] $Build,

    # The suites to run, by default all.
    [string[]] $Suite = @()
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest
Import-Module -Name "$PSScriptRoot/TestReport.psm1" -Force

$repository = Split-Path -Path $PSScriptRoot
$output = "$repository/output"
$results = "$output/test-results"
$clock = [Diagnostics.Stopwatch]::StartNew()
$reports = [Collections.Generic.List[string]]::new()
$running = [Collections.Generic.List[object]]::new()

# ---- suites

# Name, the most seconds it may take, its command, and what makes the report of what it has left. Needs: a suite of the
# other lane that has to have ended.
function New-Suite {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'It changes nothing.')]
    param([string] $Name, [int] $Seconds, [string[]] $Command, [string] $Needs, [hashtable] $Environment = @{}, [scriptblock] $Finish = { Complete-Report $this.Name })
    [pscustomobject]@{
        Name = $Name; Seconds = $Seconds; Command = $Command; Needs = $Needs; Environment = $Environment; Finish = $Finish
        Log = "$results/$Name.log"; Process = $null; Started = $null; Status = $null; Reason = ''
    }
}

# What was built last, whatever framework it was for.
function Get-AssemblyPath([string] $Project) {
    (Get-Item -Path "$PSScriptRoot/$Project/bin/Release/*/$Project.dll" | Sort-Object -Property LastWriteTime)[-1].FullName
}

function New-AssemblySuite {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'It changes nothing.')]
    param([string] $Name, [string] $Project = $Name, [string[]] $Option = @(), [string] $Needs, [hashtable] $Environment = @{}, [scriptblock] $Finish = { Complete-Report $this.Name })
    $command = @('dotnet', (Get-AssemblyPath $Project), '-noColor', '-noAutoReporters', '-result-ctrf', "$results/$Name.ctrf.json") + $Option
    New-Suite $Name 900 $command -Needs $Needs -Environment $Environment -Finish $Finish
}

function New-ScriptCommand([string] $Script, [string[]] $Argument) {
    @("$PSHOME/pwsh", '-NoLogo', '-NoProfile', '-NonInteractive', '-File', $Script) + $Argument
}

# Makes the file for one machine and its packages, and looks at it: here it also runs.
function New-PublishSuite {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'It changes nothing.')]
    param([string] $RuntimeIdentifier)
    New-Suite "publish-$RuntimeIdentifier" 900 (New-ScriptCommand "$repository/build.ps1" 'Package', $RuntimeIdentifier) -Finish {
        $log = Get-Content -LiteralPath $this.Log -Raw
        if ($this.Status -ne 0 -and $log -match 'Unable to find package \S*linux-\S*|There is nothing to link with for linux-\S*') {
            Add-Test $this.Name skipped "it cannot be built here: $($Matches[0].TrimEnd('.'))"
            return
        }
        if ($this.Status -ne 0) {
            Complete-Report $this.Name
            return
        }
        $rid = $this.Name -replace '^publish-'
        $folder = "$output/publish/$rid"
        $made = "$(Get-ChildItem -LiteralPath $folder -Name) $(Get-Machine "$folder/bindsnoop")"
        Add-Check $this.Name 'is one file, for that machine' ($made -ceq "bindsnoop $rid") "there is: $made"
        $emulator = "qemu-$($rid -replace '^linux-x64$', 'x86_64' -replace '^linux-arm64$', 'aarch64')-static"
        $here = $rid -eq "linux-$([Runtime.InteropServices.RuntimeInformation]::OSArchitecture)"
        if (-not $here -and -not (Get-Command -Name $emulator -CommandType Application -ErrorAction Ignore)) {
            Add-Test $this.Name skipped "there is no $emulator to run it with" 'runs'
        }
        else {
            foreach ($file in "$folder/bindsnoop", "$folder-static/bindsnoop") {
                $said = if ($here) { & $file --version 2>&1 } else { & $emulator -L (& "$repository/tools/sysroot" $rid) $file --version 2>&1 }
                $test = $file -like '*-static/*' ? 'runs, linked statically' : 'runs'
                Add-Check $this.Name $test ("$said" -ceq "$(& "$output/bin/bindsnoop" --version)") "--version says: $said"
            }
        }
    }
}

# The field of an ELF header that names the machine.
function Get-Machine([string] $Path) {
    $header = Get-Content -LiteralPath $Path -AsByteStream -TotalCount 20
    switch ([BitConverter]::ToUInt16($header, 18)) {
        0x3e { 'linux-x64' }
        0xb7 { 'linux-arm64' }
        default { "machine $_" }
    }
}

# Of both architectures, and installed where there is nothing else.
function New-PackagesSuite {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'It changes nothing.')]
    param([string[]] $RuntimeIdentifier, [string] $Needs)
    New-Suite packages 600 (@("$PSScriptRoot/packages/run", '--report', "$results/packages.ctrf.json") + $RuntimeIdentifier) -Needs $Needs
}

# By their commands in the README, in Debian as debootstrap makes it. The roots are made beside what traces.
function New-DistributionsSuite {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'It changes nothing.')]
    param([string] $Name = 'distributions', [string[]] $Option = @(), [string] $Needs)
    New-Suite $Name 600 (@("$PSScriptRoot/packages/distributions", '--report', "$results/$Name.ctrf.json") + $Option) -Needs $Needs
}

# The command line's suite again, on the file that needs no .NET, and that file's installation. Left out is what does
# not run that file.
function New-NativeSuite {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'It changes nothing.')]
    param([string] $RuntimeIdentifier)
    New-AssemblySuite native BindSnoop.Cli.Tests -Option '-trait-', 'Build=Any' -Needs "publish-$RuntimeIdentifier" -Environment @{ BINDSNOOP = "$output/publish/$RuntimeIdentifier/bindsnoop" } -Finish {
        Complete-Report $this.Name
        $folder = "$results/installed"
        $said = "$(& "$repository/build.ps1" Install $folder 2>&1; bash -c 'shopt -s progcomp
            PATH=$0/bin:$PATH
            . "$0/share/bash-completion/completions/bindsnoop" && complete -p bindsnoop && bindsnoop --version' $folder 2>&1)"
        $others = 'man/man8/bindsnoop.8', 'zsh/site-functions/_bindsnoop', 'fish/vendor_completions.d/bindsnoop.fish'
        Add-Check $this.Name 'is installed, with its manual page and its completions' `
            ($said -match 'complete.*bindsnoop.*bindsnoop \d' -and -not (@($others | ForEach-Object { Test-Path -LiteralPath "$folder/share/$_" }) -eq $false)) "this came out: $said"
    }
}

# The tests that a kernel can break; the task Kernels runs all of them, on all kernels.
function New-KernelSuite {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'It changes nothing.')]
    param([string] $Kernel, [string] $Needs, [string[]] $Option = @())
    $classes = 'BindMatrix', 'AcceptMatrix', 'Accounting', 'Count', 'MissingPieces' -replace '^', 'BindSnoop.Tests.'
    $tests = @($classes) + 'BindSnoop.Cli.Tests.Example' | ForEach-Object { '-class', "${_}Tests" }
    $folder = "$output/vm/suite-$Kernel"
    # A virtual machine gets less time than that, so that it can still report its result.
    $limit = Get-TimeLimit 2700
    New-Suite "kernel-$Kernel" $limit (@("$PSScriptRoot/vm/run", $Kernel, '--') + $tests + $Option) -Needs $Needs -Environment @{
        BINDSNOOP_VM_OUTPUT = $folder; BINDSNOOP_VM_TIMEOUT = [Math]::Max(300, $limit - 300)
    } -Finish {
        $kernel = $this.Name -replace '^kernel-'
        $made = "$output/vm/suite-$kernel/$kernel"
        # It has a status of its own, unless it never came to be.
        if (Test-Path -LiteralPath "$made/vm.txt") {
            Copy-Item -LiteralPath "$made/results.ctrf.json" -Destination "$results/$($this.Name).ctrf.json" -ErrorAction Ignore
            $fields = ConvertFrom-StringData -StringData ((Get-Content -LiteralPath "$made/vm.txt" -Raw).Replace('\', '\\'))
            Complete-Report $this.Name -Status $fields.status -Reason $fields.reason
        }
        elseif ($gone = (Get-Content -LiteralPath $this.Log) -match "kernel $kernel can no longer be had" | Select-Object -First 1) {
            Add-Test $this.Name skipped ($gone -replace '^.*vm: ')
        }
        else {
            Complete-Report $this.Name
        }
    }
}

# ---- running

# At most so many seconds, and all suites together no more than 80 minutes.
function Get-TimeLimit([int] $Seconds) {
    [int] [Math]::Max(1, [Math]::Min($Seconds, 80 * 60 - $clock.Elapsed.TotalSeconds))
}

function Start-Suite {
    [Diagnostics.CodeAnalysis.SuppressMessageAttribute('PSUseShouldProcessForStateChangingFunctions', '', Justification = 'It starts what this script is there for.')]
    param([object] $Item)
    $limit = Get-TimeLimit $Item.Seconds
    # Output to a file, as a process that a test has left behind would hold a pipe open. In the foreground, or Ctrl-C
    # would not get there; and by SIGINT, on which the tests still end what they have started.
    $start = [Diagnostics.ProcessStartInfo]::new('sh', [string[]](@('-c', 'log=$1; shift; exec "$@" >"$log" 2>&1 </dev/null', 'sh', $Item.Log,
                'timeout', '--foreground', '-s', 'INT', '-k', '60', $limit) + $Item.Command))
    foreach ($variable in $Item.Environment.GetEnumerator()) {
        $start.Environment[$variable.Key] = $variable.Value
    }
    Write-Output "$($Item.Name) ..."
    $Item.Started = $clock.Elapsed
    $Item.Process = [Diagnostics.Process]::Start($start)
    $running.Add($Item)
}

function Complete-Suite([object] $Item) {
    $null = $running.Remove($Item)
    $Item.Status = $Item.Process.ExitCode
    $Item.Process.Dispose()
    if ($Item.Status -in 124, 137) {
        $Item.Reason = 'ran over its time'
    }
    Write-Output ('{0} took {1:0} s' -f $Item.Name, ($clock.Elapsed - $Item.Started).TotalSeconds)
    $script:this = $Item
    . $Item.Finish
}

# A suite that says nothing has not passed, and neither has one that ends badly.
function Complete-Report([string] $Name, $Status = $this.Status, [string] $Reason = $this.Reason) {
    $tests = Get-Report $results $Name
    $why = if ($tests.Count -eq 0) { "not one test ran: $($Reason ? $Reason : "status $Status")" }
    elseif ($Reason) { $Reason }
    elseif ($Status -ne 0 -and -not ($tests.status -eq 'failed')) { "no test failed, but the status is $Status" }
    if ($why) {
        Add-Test $Name failed $why
        Get-Content -LiteralPath $this.Log -Tail 40 | ForEach-Object { [Console]::Error.WriteLine($_) }
    }
    elseif ("$results/$Name.ctrf.json" -notin $reports) {
        $reports.Add("$results/$Name.ctrf.json")
    }
}

function Add-Test([string] $Name, [string] $Status, [string] $Message, [string] $Test = '(the suite)') {
    $report = Add-ReportEntry $results $Name $Test $Status $Message
    if ($report -notin $reports) {
        $reports.Add($report)
    }
}

function Add-Check([string] $Name, [string] $Test, [bool] $Passed, [string] $Otherwise) {
    Add-Test $Name ($Passed ? 'passed' : 'failed') ($Passed ? '' : $Otherwise) $Test
}

# Starts in each lane one suite after the other, once what it needs has ended or is not to run.
function Invoke-Lane([Collections.Generic.Queue[object][]] $Lane) {
    $open = [Collections.Generic.HashSet[string]]::new([string[]] @($Lane | ForEach-Object { $_ } | ForEach-Object Name))
    $current = [object[]]::new($Lane.Count)
    while ($open.Count -gt 0) {
        for ($i = 0; $i -lt $Lane.Count; $i++) {
            if ($current[$i] -and $current[$i].Process.HasExited) {
                Complete-Suite $current[$i]
                $null = $open.Remove($current[$i].Name)
                $current[$i] = $null
            }
            if (-not $current[$i] -and $Lane[$i].Count -gt 0 -and -not $open.Contains($Lane[$i].Peek().Needs)) {
                $current[$i] = $Lane[$i].Dequeue()
                Start-Suite $current[$i]
            }
        }
        Start-Sleep -Milliseconds 200
    }
}

# ---- all of it

$closed = $false
try {
    Remove-Item -LiteralPath $results -Recurse -ErrorAction Ignore
    $null = New-Item -ItemType Directory -Path $results
    'building ...'
    $built = try { $null = & $Build; $true } catch { [Console]::Error.WriteLine("$_"); $false }
    if ($built) {
        'building took {0:0} s' -f $clock.Elapsed.TotalSeconds
        $here = "linux-$([Runtime.InteropServices.RuntimeInformation]::OSArchitecture)".ToLowerInvariant()
        $other = @('linux-x64', 'linux-arm64') -ne $here
        # Nothing else may publish or package meanwhile: it is in the folders of the same projects.
        $tracing = @(
            (Get-ChildItem -Path "$PSScriptRoot/*.Tests" -Directory).Name | ForEach-Object { New-AssemblySuite $_ }
            New-Suite Pester 1200 (New-ScriptCommand "$PSScriptRoot/Invoke-PesterTests.ps1" '-Report', "$results/Pester.ctrf.json") -Needs "publish-$other"
            New-NativeSuite $here
            New-PackagesSuite $here, $other -Needs "publish-$other"
            New-DistributionsSuite -Needs roots
            New-Suite fleet 900 "$PSScriptRoot/fleet/run", '--install', '--report', "$results/fleet.ctrf.json"
        )
        $beside = @(
            New-PublishSuite $here
            New-PublishSuite $other
            New-DistributionsSuite roots '--roots'
        )
        # An old kernel, and the newest with what this machine's own is least likely to let run. With the one file, which
        # starts sooner.
        $kernels = @(
            New-KernelSuite 5.10 -Needs "publish-$here"
            New-KernelSuite 7 -Needs "publish-$here" -Option '-preEnumerateTheories', '-trait-', 'Backend=Tracepoint', '-trait-', 'Backend=Cgroup'
        )
        if ($here -ne 'linux-x64') {
            $kernels | ForEach-Object { Add-Test $_.Name skipped 'the virtual machines are x86-64' }
            $kernels = @()
        }
        $all = ($tracing + $beside + $kernels).Name
        $unknown = @($Suite | Where-Object { $_ -notin $all })
        if ($unknown) {
            throw "There is no suite $($unknown -join ', '); there are: $($all -join ', ')."
        }
        $lanes = foreach ($lane in @(, $tracing) + @(, $beside) + @($kernels | ForEach-Object { , @($_) })) {
            , [Collections.Generic.Queue[object]]::new([object[]] @($lane | Where-Object { -not $Suite -or $_.Name -in $Suite }))
        }
        Invoke-Lane $lanes
    }
    else {
        Add-Test build failed 'the build failed (above)'
    }
    $summary = Get-Summary $reports
    $summary | Set-Content -LiteralPath "$results/summary.txt"
    $summary
    $closed = $true
    exit [int] ($summary[-1] -notmatch '^[1-9]\d* passed, 0 failed,')
}
finally {
    # What ends orderly on Ctrl-C is to have ended.
    foreach ($item in $running) {
        $item.Process.WaitForExit()
    }
    # Whoever reads the closing line is to find one, also of a run that broke off.
    if (-not $closed) {
        [Console]::WriteLine('0 passed, 1 failed, 0 skipped')
    }
}
