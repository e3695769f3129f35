# Whatever ends a trace, nothing of it may remain, neither in this process nor in the kernel.

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }
    $pwsh = (Get-Command pwsh -CommandType Application)[0].Source

    # The kernel objects of a running trace in this process or another; there must be some, otherwise the later check
    # would prove nothing.
    function Get-Attached {
        param([int] $ProcessId = $PID)
        $objects = Get-BpfObject -ProcessId $ProcessId
        @($objects -match '^prog').Count | Should -BeGreaterThan 0
        @($objects -match '^map').Count | Should -BeGreaterThan 0
        Get-LeftObject $objects | Should -Not -BeNullOrEmpty
        $objects
    }

    # Before it attaches, a trace tries what works here with programs that do nothing, for a moment.
    function Test-Attached {
        param([Parameter(Mandatory)] [int] $ProcessId)
        $objects = Get-BpfObject -ProcessId $ProcessId
        $objects -match '^(link|perf_event)' -and $objects -match '^map' -and $objects -match '^prog'
    }

    function Assert-Gone {
        param([Parameter(Mandatory)] [string[]] $Objects)
        Get-BpfObject | Should -BeNullOrEmpty
        Get-MappedObject | Should -BeNullOrEmpty
        # The kernel frees objects with a delay.
        Wait-Until { -not (Get-LeftObject $Objects) }
    }

    # Mapped memory keeps a map as a descriptor does.
    function Get-MappedObject {
        [IO.File]::ReadAllLines('/proc/self/maps') -match 'bpf-map'
    }

    # Starts a script in a separate PowerShell that writes its process id to a file, and waits until it has links in
    # the kernel. Returns its id, its process here, and its kernel objects.
    function Start-Child {
        param(
            [Parameter(Mandatory)] [string] $Script,
            # script(1) gives it a separate terminal.
            [switch] $Terminal
        )
        $file = [IO.Path]::Combine($TestDrive, "child-$([guid]::NewGuid().ToString('n'))")
        $null = New-Item -ItemType Directory $file
        [IO.File]::WriteAllText("$file/run.ps1", @"
            Import-Module '$modulePath'
            [IO.File]::WriteAllText('$file/writing', "`$PID")
            [IO.File]::Move('$file/writing', '$file/pid')
            $Script
"@)
        $command = @($pwsh, '-NoLogo', '-NoProfile', '-NonInteractive', '-File', "$file/run.ps1")
        if ($Terminal) {
            $command = (Find-Program script), '-q', '-e', '-c', ($command -join ' '), '/dev/null'
        }
        $process = Start-Program $command
        $child = @{ Process = $process; Directory = $file; Id = 0 }
        Wait-Until -Seconds 60 { $process.HasExited -or (Test-Path "$file/pid") }
        $child.Id = [int][IO.File]::ReadAllText("$file/pid")
        # Until no more are added: links are created one by one.
        $seen = @{}
        Wait-Until -Seconds 60 {
            $now = "$(Get-BpfObject -ProcessId $child.Id)"
            $complete = $now -match 'link|perf_event' -and $now -eq $seen.Before
            $seen.Before = $now
            Start-Sleep -Milliseconds 50
            $process.HasExited -or $complete
        }
        $child.Objects = Get-Attached -ProcessId $child.Id
        $child
    }

    function Wait-Child {
        param([Parameter(Mandatory)] $Child)
        if (-not $Child.Process.WaitForExit(60000)) {
            $Child.Process.Kill($true)
            throw 'The child did not end.'
        }
        $Child.Process.ExitCode
        $Child.Process.Dispose()
    }
}

Describe 'Nothing is left' {
    BeforeEach {
        Skip-WithoutTracing
        $null = Find-Program bpftool
        Get-BpfObject | Should -BeNullOrEmpty
    }

    AfterEach {
        Assert-NothingAttached
    }

    Context 'of a live pipeline' {
        It 'After <How>' -TestCases @(
            @{ How = '-MaxEvents'; Script = { param($Comm) Get-BindEvent -Comm $Comm -MaxEvents 5 }; Failed = $false }
            @{ How = '-Duration'; Script = { param($Comm) Get-BindEvent -Comm $Comm -Duration 1 }; Failed = $false }
            @{ How = 'Select-Object -First 1'; Script = { param($Comm) Get-BindEvent -Comm $Comm | Select-Object -First 1 }; Failed = $false }
            @{ How = 'an exception downstream'; Script = { param($Comm) Get-BindEvent -Comm $Comm | ForEach-Object { throw 'downstream' } }; Failed = $true }
            @{ How = 'an exception downstream that is caught'; Script = { param($Comm) try { Get-BindEvent -Comm $Comm | ForEach-Object { throw 'downstream' } } catch { "$_" } }; Failed = $false }
            @{ How = 'an error downstream that stops'; Script = { param($Comm) Get-BindEvent -Comm $Comm | Write-Error -ErrorAction Stop }; Failed = $true }
            @{ How = 'a break downstream'; Script = { param($Comm) foreach ($i in 1) { Get-BindEvent -Comm $Comm | ForEach-Object { break } } }; Failed = $false }
            @{ How = 'a return'; Script = { param($Comm) & { Get-BindEvent -Comm $Comm | ForEach-Object { $_ } | Select-Object -First 2 | ForEach-Object { return $_ } } }; Failed = $false }
            @{ How = 'a warning that stops'; Script = { param($Comm) Get-BindEvent -Comm $Comm -BufferSize 4096 -MaxEvents 10 -WarningAction Stop | ForEach-Object { Start-Sleep -Milliseconds 1 } }; Failed = $true; Load = $true }
            @{ How = 'counting'; Script = { param($Comm) Get-BindCount -Comm $Comm -Duration 1 }; Failed = $false }
            @{ How = 'accepts'; Script = { param($Comm) Get-AcceptEvent -Comm $Comm -Duration 1 }; Failed = $false }
        ) {
            $traced = Start-Traced $Script -Parameter @{ Comm = $truthComm }
            $objects = Get-Attached
            if ($Load) {
                $null = Invoke-Load -Count 20000
            }
            else {
                $null = Invoke-Truth five-ports
            }
            $result = $traced | Complete-Traced
            [bool]$result.Failure | Should -Be $Failed -Because "$($result.Failure)"
            Assert-Gone $objects
        }

        It 'After <Stop> of <What>' -TestCases @(
            foreach ($what in 'Get-BindEvent', 'Get-BindEvent under load', 'Get-BindEvent whose reader is slow', 'Get-BindCount', 'Get-AcceptEvent') {
                foreach ($stop in 'Stop()', 'BeginStop()') {
                    @{ What = $what; Stop = $stop }
                }
            }
        ) {
            $traced = switch ($What) {
                'Get-BindCount' { Start-Traced { Get-BindCount -Duration 600 } }
                'Get-AcceptEvent' { Start-Traced { Get-AcceptEvent } }
                'Get-BindEvent whose reader is slow' { Start-Traced { param($Comm) Get-BindEvent -Comm $Comm | ForEach-Object { Start-Sleep -Milliseconds 20 } } -Parameter @{ Comm = $truthComm } }
                default { Start-Traced { Get-BindEvent } }
            }
            $objects = Get-Attached
            $load = if ($What -like '* *') { Start-Program $global:BindSnoopTests.Truth, load, --count, 1000000 }
            try {
                $clock = [System.Diagnostics.Stopwatch]::StartNew()
                if ($Stop -eq 'Stop()') {
                    # From a separate thread, so the test does not wait forever.
                    [System.Threading.Tasks.Task]::Run([Action]$traced.Shell.Stop).Wait(20000) | Should -BeTrue
                }
                else {
                    $traced.Shell.EndStop($traced.Shell.BeginStop($null, $null))
                }
                $clock.Elapsed.TotalSeconds | Should -BeLessThan 10
                $traced.Shell.InvocationStateInfo.State | Should -Be 'Stopped'
                Get-BpfObject | Should -BeNullOrEmpty
                $null = $traced | Complete-Traced
            }
            finally {
                if ($load) {
                    $load.Kill()
                    $load.Dispose()
                }
            }
            Assert-Gone $objects
        }

        It 'After its runspace was closed' {
            $traced = Start-Traced { Get-BindEvent }
            $objects = Get-Attached
            $traced.Shell.Runspace.Close()
            Assert-Gone $objects
            $null = $traced | Complete-Traced
        }

        It 'After its job was stopped' {
            $job = Start-ThreadJob -ArgumentList $modulePath {
                param($Path)
                Import-Module -Name $Path
                Get-BindEvent -Verbose 4>&1
            }
            Wait-Until { $job.State -notin 'NotStarted', 'Running' -or @((Read-Stream $job.Output) -like 'Tracing through*') }
            $objects = Get-Attached
            $job | Stop-Job
            Assert-Gone $objects
            $job | Remove-Job -Force
        }
    }

    Context 'of a background trace' {
        It 'After <How>: <Mode>' -TestCases @(
            foreach ($mode in 'Event', 'Count') {
                @{ Mode = $mode; How = 'Remove-BindTrace'; End = { $trace | Remove-BindTrace } }
                @{ Mode = $mode; How = 'Stop-BindTrace and Remove-BindTrace'; End = { $trace | Stop-BindTrace -PassThru | Remove-BindTrace } }
                @{ Mode = $mode; How = 'Remove-Module'; End = { $null = Start-Traced -Traces 0 { Remove-Module -Name BindSnoop } | Complete-Traced } }
                @{ Mode = $mode; How = 'Dispose()'; End = { $trace.Dispose(); Get-BindTrace | Remove-BindTrace } }
            }
        ) {
            $trace = Start-BindTrace -Mode $Mode -Comm $truthComm
            $null = Invoke-Truth five-ports
            $objects = Get-Attached
            . $End
            $trace.State | Should -Be 'Removed'
            Get-BindTrace | Should -BeNullOrEmpty
            Assert-Gone $objects
        }

        It 'Remove-Module frees all traces, running or not, and the module can be loaded again' {
            $result = Start-Traced -Traces 0 {
                $traces = @(
                    Start-BindTrace -Name a
                    Start-BindTrace -Name b -Mode Count
                    Start-BindTrace -Name c | Stop-BindTrace -PassThru
                )
                Remove-Module -Name BindSnoop
                $traces.State
                Import-Module -Name $ModulePath
                @(Get-BindTrace).Count
                (Start-BindTrace -Name a).State
            } | Complete-Traced
            $result.Failure | Should -BeNullOrEmpty
            $result.Output | Should -Be 'Removed', 'Removed', 'Removed', 0, 'Running'
        }

        It 'The collecting thread ends with it' {
            function Get-Collector {
                [IO.Directory]::GetDirectories('/proc/self/task') | ForEach-Object { try { [IO.File]::ReadAllText("$_/comm").Trim() } catch { '' } } | Where-Object { $_ -eq 'event reader' }
            }
            $trace = Start-BindTrace -Name own
            Wait-Until { Get-Collector }
            $trace | Stop-BindTrace
            Wait-Until { -not (Get-Collector) }
        }

        It 'After twenty traces, no descriptors and no mappings remain' {
            function Invoke-All {
                $trace = Start-BindTrace -Comm $truthComm
                $count = Start-BindTrace -Mode Count -Comm $truthComm
                $null = Invoke-Truth tcp4-loopback
                $null = $trace | Get-BindEvent
                $null = $count | Get-BindCount
                $trace, $count | Remove-BindTrace
                Get-BindEvent -Duration 0.01 -Comm $truthComm
            }
            Invoke-All
            $before = [IO.Directory]::GetFileSystemEntries('/proc/self/fd').Count
            1..10 | ForEach-Object { Invoke-All }
            # .NET itself opens a few.
            [IO.Directory]::GetFileSystemEntries('/proc/self/fd').Count | Should -BeLessThan ($before + 10)
            Get-BpfObject | Should -BeNullOrEmpty
            Get-MappedObject | Should -BeNullOrEmpty
        }

        It 'After many were started, read, stopped and removed from several threads at once' {
            $load = Start-Program $global:BindSnoopTests.Truth, load, --count, 100000000
            try {
                $failures = 1..4 | ForEach-Object -ThrottleLimit 4 -Parallel {
                    $ErrorActionPreference = 'Stop'
                    Import-Module -Name $using:modulePath
                    try {
                        foreach ($i in 1..4) {
                            $trace = Start-BindTrace -Name "t$_-$i" -Comm $using:truthComm -MaxQueued 100
                            $count = Start-BindTrace -Name "c$_-$i" -Comm $using:truthComm -Mode Count
                            $null = $trace | Get-BindEvent -Wait -MaxEvents 10
                            # With all of this at once, the kernel does not see every call, and reports that.
                            $null = $count | Get-BindCount -WarningAction SilentlyContinue
                            $null = Get-BindTrace | ForEach-Object { $_.Received; $_.Dropped; $_.Queued }
                            $trace | Stop-BindTrace
                            $trace, $count | Remove-BindTrace
                        }
                    }
                    catch {
                        "$_"
                    }
                }
                $failures | Should -BeNullOrEmpty
            }
            finally {
                $load.Kill()
                $load.Dispose()
            }
            Get-BindTrace | Should -BeNullOrEmpty
            Get-BpfObject | Should -BeNullOrEmpty
            Get-MappedObject | Should -BeNullOrEmpty
        }

        It 'Stopping wakes all waiting readers' {
            $trace = Start-BindTrace -Comm $truthComm
            $waiting = 1..3 | ForEach-Object { Start-Traced -Traces 0 -Parameter @{ Trace = $trace } { param($Trace) 'begins'; $Trace | Get-BindEvent -Wait } }
            foreach ($one in $waiting) {
                Wait-Until { $one.Output.Count -gt 0 }
            }
            $null = Invoke-Truth five-ports
            Wait-Until { ($waiting | ForEach-Object { $_.Output.Count } | Measure-Object -Sum).Sum -eq 8 }
            $trace | Stop-BindTrace
            $results = $waiting | Complete-Traced
            @($results.Failure) | Where-Object { $_ } | Should -BeNullOrEmpty
        }
    }

    Context 'of a process' {
        It 'That exited, with traces running' {
            $child = Start-Child "`$null = Start-BindTrace; `$null = Start-BindTrace -Mode Count; [Console]::In.ReadLine(); exit 3"
            $child.Process.StandardInput.WriteLine('end')
            Wait-Child $child | Should -Be 3
            Wait-Until { -not (Get-LeftObject $child.Objects) }
        }

        It 'That was killed by <_>' -ForEach 'KILL', 'TERM' {
            $child = Start-Child 'Get-BindEvent'
            kill "-$_" $child.Id
            $null = Wait-Child $child
            Wait-Until { -not (Get-LeftObject $child.Objects) }
        }

        It 'That was interrupted: <Command>, <How>' -TestCases @(
            foreach ($command in 'Get-BindEvent', 'Get-BindCount -Duration 600', 'Get-AcceptEvent', 'Get-BindEvent -Trace (Start-BindTrace) -Wait') {
                @{ Command = $command; How = 'Ctrl-C at a terminal'; Terminal = $true }
            }
            @{ Command = 'Get-BindEvent'; How = 'SIGINT without a terminal'; Terminal = $false }
        ) {
            # finally runs while the process still lives, so objects that exist then were not freed by its end. A background
            # trace continues.
            $child = Start-Child -Terminal:$Terminal @"
                try {
                    $Command
                    'not interrupted' > "`$PSScriptRoot/wrong"
                }
                finally {
                    Get-BindTrace | Remove-BindTrace
                    `$left = Get-ChildItem /proc/self/fd | Where-Object { `$_.LinkTarget -match 'bpf|perf_event' }
                    [IO.File]::WriteAllText("`$PSScriptRoot/writing", "left `$(@(`$left).Count)")
                    [IO.File]::Move("`$PSScriptRoot/writing", "`$PSScriptRoot/left")
                }
"@
            if ($Terminal) {
                $child.Process.StandardInput.Write([char]3)
                $child.Process.StandardInput.Flush()
            }
            else {
                kill -INT $child.Id
            }
            Wait-Until { Test-Path "$($child.Directory)/left" }
            [IO.File]::ReadAllText("$($child.Directory)/left") | Should -Be 'left 0'
            $null = Wait-Child $child
            Test-Path "$($child.Directory)/wrong" | Should -BeFalse
            Wait-Until { -not (Get-LeftObject $child.Objects) }
        }

        It 'That continues after Ctrl-C at its prompt' {
            $tmux = Get-Command -Name tmux -CommandType Application -ErrorAction Ignore | Select-Object -First 1
            if (-not $tmux) {
                Skip-Test -Because 'there is no tmux on this machine'
            }
            $server = "bindsnoop-lifecycle-$PID"
            try {
                & $tmux -L $server new-session -d -s live -x 120 -y 30 $pwsh -NoLogo -NoProfile -NoExit -Command "Import-Module '$modulePath'; 'PID:' + `$PID"
                Wait-Until -Seconds 60 { (& $tmux -L $server capture-pane -p -t live) -match '^PID:\d' -and (& $tmux -L $server capture-pane -p -t live) -match '^PS .*>' }
                $id = [int](@((& $tmux -L $server capture-pane -p -t live) -match '^PID:\d')[0] -replace '\D')
                & $tmux -L $server send-keys -t live 'Get-BindEvent -Comm nobody' Enter
                Wait-Until { Test-Attached -ProcessId $id }
                $objects = Get-Attached -ProcessId $id
                & $tmux -L $server send-keys -t live C-c
                Wait-Until { -not (Get-BpfObject -ProcessId $id) }
                Wait-Until { -not (Get-LeftObject $objects) }
                # This would have no effect if the cmdlet were still running.
                & $tmux -L $server send-keys -t live "'goes ' + 'on'" Enter
                Wait-Until { (& $tmux -L $server capture-pane -p -t live) -match '^goes on' }
                # And again, in the same process.
                & $tmux -L $server send-keys -t live 'Get-BindEvent -Comm nobody' Enter
                Wait-Until { Test-Attached -ProcessId $id }
                & $tmux -L $server send-keys -t live C-c
                Wait-Until { -not (Get-BpfObject -ProcessId $id) }
            }
            finally {
                & $tmux -L $server kill-server 2> $null
            }
        }
    }
}
