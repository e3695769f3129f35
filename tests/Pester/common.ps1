# Shared by the tests. Each file sources this twice: during Pester's discovery, which decides which tests exist,
# and during the run.

$ErrorActionPreference = 'Stop'

$repository = [IO.Path]::GetFullPath([IO.Path]::Combine($PSScriptRoot, '..', '..'))
$moduleName = (Get-Item ([IO.Path]::Combine($repository, 'module', '*.psd1'))).BaseName
$modulePath = [IO.Path]::Combine($repository, 'output', $moduleName)
if (-not (Get-Module -Name $moduleName)) {
    Import-Module -Name $modulePath
}

# Determined once, because it attaches every back end briefly.
if (-not (Test-Path -Path Variable:Global:BindSnoopTests)) {
    $global:BindSnoopTests = @{
        Support = Get-BindTraceSupport
        # The name of bindtruth here: its events have a unique comm.
        Comm    = "truth$PID"
        IsRoot  = (id -u) -eq 0
        Leaked  = @()
    }
    $global:BindSnoopTests.Backends = @($global:BindSnoopTests.Support.Backends)
    $global:BindSnoopTests.WhyNot = if (-not $global:BindSnoopTests.Support.Usable) {
        'nothing can be traced here: {0}' -f $global:BindSnoopTests.Backends[-1].Reason
    }
}

$truthComm = $global:BindSnoopTests.Comm

# ---- skipping: never silently

function Skip-Test {
    param([Parameter(Mandatory)] [string] $Because)
    Set-ItResult -Skipped -Because $Because
}

function Skip-WithoutTracing {
    if ($global:BindSnoopTests.WhyNot) {
        Skip-Test -Because $global:BindSnoopTests.WhyNot
    }
}

function Skip-WithoutRoot {
    if (-not $global:BindSnoopTests.IsRoot) {
        Skip-Test -Because 'this takes root'
    }
}

# Returns the path of a program, which an ordinary user's PATH may lack on Debian.
function Find-Program {
    param([Parameter(Mandatory)] [string] $Name)
    $found = Get-Command -Name $Name, "/usr/sbin/$Name", "/sbin/$Name" -CommandType Application -ErrorAction Ignore
    if (-not $found) {
        Skip-Test -Because "there is no $Name on this machine"
    }
    $found[0].Source
}

# ---- waiting for conditions, never for a fixed time

function Wait-Until {
    param(
        [Parameter(Mandatory)] [scriptblock] $Condition,
        [double] $Seconds = 20
    )
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    while (-not (& $Condition)) {
        if ($clock.Elapsed.TotalSeconds -gt $Seconds) {
            throw "After $Seconds seconds this was still not so: $Condition"
        }
        Start-Sleep -Milliseconds 10
    }
}

# ---- what is true

# Builds bindtruth and puts it where every user can run it, under a unique name. For BeforeAll.
function Install-Truth {
    param([Parameter(Mandatory)] [string] $Directory)
    $built = if ($env:BINDTRUTH) { $env:BINDTRUTH } else { [IO.Path]::Combine($repository, 'output', 'truth', 'bindtruth') }
    if (-not $env:BINDTRUTH) {
        $said = make --no-print-directory -C ([IO.Path]::Combine($repository, 'tests', 'truth')) "OUT=$(Split-Path $built)" 2>&1
        if ($LASTEXITCODE -ne 0) {
            throw "Building bindtruth failed: $said"
        }
    }
    $global:BindSnoopTests.Truth = [IO.Path]::Combine($Directory, $truthComm)
    Copy-Item -LiteralPath $built -Destination $global:BindSnoopTests.Truth
    chmod 755 $Directory $global:BindSnoopTests.Truth
}

# Makes the binds of the cases and returns the truth about each. Cases that this machine cannot run are left out;
# if none is left, the test is skipped.
function Invoke-Truth {
    param(
        [Parameter(Mandatory, Position = 0, ValueFromRemainingArguments)]
        [string[]] $Case,

        # A program that starts it, with its options.
        [string[]] $Through = @(),

        # run makes binds, accept makes accepts, listen makes listens, release makes releases.
        [string] $Verb = 'run'
    )
    $program, $arguments = $Through + @($global:BindSnoopTests.Truth, $Verb) + $Case
    $lines = @(& $program @arguments | ConvertFrom-Json)
    if ($LASTEXITCODE -ne 0) {
        throw "bindtruth ended with status $LASTEXITCODE."
    }
    $made = @($lines | Where-Object { -not $_.PSObject.Properties['skipped'] -and $_.shown })
    if (-not $made) {
        Skip-Test -Because "$($lines[0].case): $($lines[0].skipped)"
    }
    $made
}

# Binds port 0 in a loop, and returns the totals.
function Invoke-Load {
    param([int] $Count = 10000, [int] $Threads = 1, [switch] $Fail)
    $arguments = @('load', '--count', $Count, '--threads', $Threads) + @(if ($Fail) { '--fail' })
    & $global:BindSnoopTests.Truth @arguments | ConvertFrom-Json
    if ($LASTEXITCODE -ne 0) {
        throw "bindtruth ended with status $LASTEXITCODE."
    }
}

# Starts a program whose output is read later.
function Start-Program {
    param([Parameter(Mandatory)] [string[]] $Command)
    $start = [System.Diagnostics.ProcessStartInfo]::new($Command[0])
    $start.RedirectStandardInput = $start.RedirectStandardOutput = $true
    $Command | Select-Object -Skip 1 | ForEach-Object { $start.ArgumentList.Add($_) }
    [System.Diagnostics.Process]::Start($start)
}

# Binds and listens until Stop-Hold; returns the process, with its line as Line. In a separate network, so that no
# port is busy.
function Start-Hold {
    param(
        [string] $Address = '0.0.0.0',
        [Parameter(Mandatory)] [int] $Port,
        # Programs that start it, such as setpriv with its options.
        [string[]] $Through = @()
    )
    $command = @((Find-Program unshare), '-n') + $Through + @($global:BindSnoopTests.Truth, 'hold', $Address, $Port)
    $process = Start-Program $command
    $process | Add-Member -NotePropertyName Line -NotePropertyValue ($process.StandardOutput.ReadLine() | ConvertFrom-Json) -PassThru
}

function Stop-Hold {
    param([Parameter(Mandatory, Position = 0)] $Process)
    $Process.StandardInput.Close()
    if (-not $Process.WaitForExit(10000)) {
        $Process.Kill()
    }
    $Process.Dispose()
}

# The calls that bindtruth made, as one text each; the same from truth lines and from events, to compare.
function Format-Call {
    param([Parameter(ValueFromPipeline)] $Call)
    process {
        if ($null -eq $Call) {
            return
        }
        if ($Call.PSObject.Properties['case']) {
            '{0} {1} {2} {3} {4} {5}' -f $Call.pid, $Call.tid, $Call.protocol, $Call.address, $Call.port, [int]$Call.error
        }
        else {
            '{0} {1} {2} {3} {4} {5}' -f $Call.ProcessId, $Call.ThreadId, $Call.ProtocolNumber, $Call.Address, $Call.Port, $Call.ErrorCode
        }
    }
}

# The events of the truth's processes, through Format-Call: others on this machine may bind too.
function Format-Event {
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [AllowNull()] $Event, [Parameter(Mandatory)] $Truth)
    $processes = @($Truth.pid)
    @($Event | Where-Object { $_ -and $_.ProcessId -in $processes } | Format-Call)
}

# ---- where processes are

# Creates cgroups under a unique name, and returns the hierarchy's mount point and theirs. Skips the test if that is
# not permitted.
function New-Cgroup {
    param([string[]] $Name = @('outer', 'outer/inner'))
    $mount = $global:BindSnoopTests.Support.CgroupMountPoint
    if (-not $mount) {
        Skip-Test -Because 'cgroup v2 is not mounted on this machine'
    }
    $root = "/BindSnoop-$PID"
    foreach ($path in @($root) + @($Name | ForEach-Object { "$root/$_" })) {
        try {
            $null = [IO.Directory]::CreateDirectory("$mount$path")
        }
        catch {
            Skip-Test -Because "no cgroup can be made: $($_.Exception.InnerException.Message)"
        }
    }
    [pscustomobject]@{ Mount = $mount; Root = $root }
}

function Remove-Cgroup {
    $mount = $global:BindSnoopTests.Support.CgroupMountPoint
    if ($mount -and [IO.Directory]::Exists("$mount/BindSnoop-$PID")) {
        # Only directories can be removed, and a cgroup stays busy a little longer than its processes.
        Wait-Until { find "$mount/BindSnoop-$PID" -depth -type d -exec rmdir '{}' ';' 2> $null; -not [IO.Directory]::Exists("$mount/BindSnoop-$PID") }
    }
}

# The command that runs a program inside a cgroup, for Invoke-Truth -Through.
function Get-CgroupEntry {
    param([Parameter(Mandatory)] [string] $Path)
    '/bin/sh', '-c', 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"', 'sh', $Path
}

# A separate BPF file system to pin maps in.
function Mount-Bpf {
    param([Parameter(Mandatory)] [string] $Path)
    $null = [IO.Directory]::CreateDirectory($Path)
    $said = mount -t bpf bpf $Path 2>&1
    if ($LASTEXITCODE -ne 0) {
        Skip-Test -Because "no BPF file system can be mounted: $said"
    }
}

function Invoke-BpfTool {
    $bpftool = Find-Program bpftool
    $said = & $bpftool @args 2>&1
    if ($LASTEXITCODE -ne 0) {
        throw "bpftool $args`: $said"
    }
    $said
}

# A number as bpftool takes a key or a value.
function ConvertTo-HexByte {
    param([Parameter(Mandatory)] [uint64] $Number, [int] $Size = 8)
    [BitConverter]::GetBytes($Number)[0..($Size - 1)] | ForEach-Object { '0x{0:x2}' -f $_ }
}

# ---- errors

# Runs something that must fail, and returns its only error, terminating or not.
function Get-OnlyError {
    param([Parameter(Mandatory, Position = 0)] [scriptblock] $Failing)
    $said = @(try { & $Failing 2>&1 } catch { $_ })
    $said.Count | Should -Be 1 -Because "one error is to come, and nothing else, but this came: $said"
    $said[0] | Should -BeOfType ([System.Management.Automation.ErrorRecord])
    $said[0]
}

# The four things by which a script recognizes an error, and which a user needs.
function Assert-Error {
    param(
        [Parameter(Mandatory, Position = 0)] [System.Management.Automation.ErrorRecord] $ErrorRecord,
        [Parameter(Mandatory)] [string] $Id,
        [Parameter(Mandatory)] [System.Management.Automation.ErrorCategory] $Category,
        [Parameter(Mandatory)] [AllowNull()] $Target,
        # What the advice must mention.
        [Parameter(Mandatory)] [string] $Advice
    )
    $ErrorRecord.FullyQualifiedErrorId | Should -BeLike "$Id,BindSnoop.PowerShell.*Command"
    $ErrorRecord.CategoryInfo.Category | Should -Be $Category
    if ($null -eq $Target) {
        $ErrorRecord.TargetObject | Should -BeNullOrEmpty
    }
    else {
        $ErrorRecord.TargetObject | Should -Be $Target
    }
    $ErrorRecord.ErrorDetails.RecommendedAction | Should -Match $Advice
    $ErrorRecord.Exception.Message | Should -Not -BeNullOrEmpty
    "$ErrorRecord" | Should -Not -Match '[\x00-\x08\x0b-\x1f\x7f-\x9f]'
}

# ---- what is in the kernel

# The BPF programs, maps and links, and the perf events, that a process holds: "prog 7", "map 12".
function Get-BpfObject {
    param([int] $ProcessId = $PID)
    $found = foreach ($path in [IO.Directory]::GetFiles("/proc/$ProcessId/fdinfo")) {
        try {
            $text = [IO.File]::ReadAllText($path)
            $target = [IO.File]::ResolveLinkTarget("/proc/$ProcessId/fd/$([IO.Path]::GetFileName($path))", $false).Name
        }
        catch {
            # Closed meanwhile.
            continue
        }
        if ($target -like '*`[perf_event`]') {
            "perf_event $([IO.Path]::GetFileName($path))"
        }
        foreach ($match in [regex]::Matches($text, '(?m)^(prog|map|link)_id:\s+(\d+)')) {
            "$($match.Groups[1].Value) $($match.Groups[2].Value)"
        }
    }
    @($found | Sort-Object -Unique | Where-Object { $_ -notin $global:BindSnoopTests.Leaked })
}

# The objects that still exist, whoever holds them.
function Get-LeftObject {
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Object)
    $bpftool = Find-Program bpftool
    $there = foreach ($kind in 'prog', 'map', 'link') {
        # An array of one is unrolled on the way.
        & $bpftool -j $kind show | ConvertFrom-Json | ForEach-Object { $_ } | ForEach-Object { "$kind $($_.id)" }
    }
    @($Object | Where-Object { $_ -in $there })
}

# Ends everything that a test started; nothing of it may remain. For AfterEach.
function Assert-NothingAttached {
    if (Get-Module -Name $moduleName) {
        Get-BindTrace | Remove-BindTrace
    }
    $left = Get-BpfObject
    # This test failed, not the next one.
    $global:BindSnoopTests.Leaked += $left
    $left | Should -BeNullOrEmpty -Because 'nothing is being traced any more'
}

# Numbers of lost calls are exact only if the kernel saw every call: while a process changes or reads a BPF map, the
# kernel runs no programs on that CPU, and counts that. On a busy machine, this happens to binds of others, so tests
# of exact numbers get three tries; a wrong counter is wrong every time.
function Invoke-Exact {
    param([Parameter(Mandatory, Position = 0)] [scriptblock] $Test)
    foreach ($try in 1..3) {
        try {
            & $Test
            return
        }
        catch {
            if ($try -eq 3) {
                throw
            }
            Get-BindTrace | Remove-BindTrace
        }
    }
}

# ---- live pipelines

function Read-Stream {
    param([Parameter(Mandatory)] $Collection)
    # Enumeration would wait for more.
    $items = [object[]]::new($Collection.Count)
    for ($i = 0; $i -lt $items.Count; $i++) {
        $items[$i] = $Collection[$i]
    }
    , $items
}

# Starts a script in a separate runspace, and waits until it traces, as -Verbose shows, a given number of times.
function Start-Traced {
    param(
        [Parameter(Mandatory, Position = 0)] [scriptblock] $Script,
        [hashtable] $Parameter = @{},
        [int] $Traces = 1
    )
    $state = [System.Management.Automation.Runspaces.InitialSessionState]::CreateDefault2()
    $state.ImportPSModule($modulePath)
    $runspace = [System.Management.Automation.Runspaces.RunspaceFactory]::CreateRunspace($state)
    $runspace.Open()
    $runspace.SessionStateProxy.SetVariable('VerbosePreference', 'Continue')
    $runspace.SessionStateProxy.SetVariable('ModulePath', $modulePath)
    $shell = [powershell]::Create($runspace)
    $null = $shell.AddScript($Script.ToString()).AddParameters($Parameter)
    $output = [System.Management.Automation.PSDataCollection[psobject]]::new()
    $nothing = [System.Management.Automation.PSDataCollection[psobject]]::new()
    $nothing.Complete()
    $traced = [pscustomobject]@{
        Shell  = $shell
        Output = $output
        Handle = $shell.BeginInvoke($nothing, $output)
    }
    Wait-Tracing $traced -Traces $Traces
    $traced
}

function Wait-Tracing {
    param([Parameter(Mandatory, Position = 0)] $Traced, [int] $Traces = 1)
    Wait-Until {
        $Traced.Handle.IsCompleted -or
        @((Read-Stream $Traced.Shell.Streams.Verbose) -like 'Tracing through*').Count -ge $Traces
    }
}

# Waits for the end of such a script, and returns the result.
function Complete-Traced {
    param([Parameter(Mandatory, ValueFromPipeline)] $Traced, [double] $Seconds = 20, [switch] $Stop)
    process {
        $failure = $null
        $wait = $Traced.Handle.AsyncWaitHandle
        if ($Stop) {
            $null = $Traced.Shell.BeginStop($null, $null)
        }
        if (-not $wait.WaitOne([timespan]::FromSeconds($Seconds))) {
            $failure = "it did not end within $Seconds seconds"
            $null = $Traced.Shell.BeginStop($null, $null)
            if (-not $wait.WaitOne([timespan]::FromSeconds($Seconds))) {
                # It returns nothing any more, and waiting for it would never end.
                throw "it did not end, not even when stopped, within $Seconds seconds"
            }
        }
        try {
            $null = $Traced.Shell.EndInvoke($Traced.Handle)
        }
        catch {
            $failure ??= $_.Exception.InnerException ?? $_.Exception
        }
        [pscustomobject]@{
            Output   = Read-Stream $Traced.Output
            Errors   = Read-Stream $Traced.Shell.Streams.Error
            Warnings = Read-Stream $Traced.Shell.Streams.Warning
            Verbose  = Read-Stream $Traced.Shell.Streams.Verbose
            Progress = Read-Stream $Traced.Shell.Streams.Progress
            Failure  = $failure
        }
        $Traced.Shell.Runspace.Dispose()
        $Traced.Shell.Dispose()
    }
}

# Traces in a separate runspace, and then makes binds here. The output of the binds' script is Truth.
function Invoke-Traced {
    param(
        [Parameter(Mandatory, Position = 0)] [scriptblock] $Script,
        [Parameter(Mandatory, Position = 1)] [scriptblock] $Binds,
        [hashtable] $Parameter = @{},
        [int] $Traces = 1,
        # For scripts that take -Seconds and then end. If the binds take longer on a busy machine, everything is repeated
        # with more time.
        [double] $Seconds
    )
    foreach ($patience in 1, 5, 25) {
        $arguments = $Parameter + @(@{}, @{ Seconds = $Seconds * $patience })[$Seconds -gt 0]
        $traced = Start-Traced $Script -Parameter $arguments -Traces $Traces
        $clock = [System.Diagnostics.Stopwatch]::StartNew()
        try {
            $truth = @(& $Binds)
            $took = $clock.Elapsed.TotalSeconds
        }
        catch {
            $null = $traced | Complete-Traced -Stop
            throw
        }
        $result = $traced | Complete-Traced -Seconds (20 + $Seconds * $patience)
        if (-not $Seconds -or $took -lt $Seconds * $patience * 0.8) {
            break
        }
    }
    $result.Failure | Should -BeNullOrEmpty
    $result | Add-Member -NotePropertyName Truth -NotePropertyValue $truth -PassThru
}

# Traces in the background while the cases are made. Returns Truth, Events (of the truth's processes) and Trace.
function Invoke-BackgroundTrace {
    param(
        [Parameter(Mandatory)] [hashtable] $Parameter,
        [Parameter(Mandatory)] [string[]] $Case
    )
    $trace = Start-BindTrace @Parameter
    try {
        $truth = Invoke-Truth $Case
    }
    finally {
        $trace | Stop-BindTrace
    }
    $processes = @($truth.pid)
    [pscustomobject]@{
        Trace  = $trace
        Truth  = $truth
        Events = @(Get-BindEvent -Trace $trace | Where-Object ProcessId -In $processes)
    }
}
