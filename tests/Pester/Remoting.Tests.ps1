# Remoting over SSH, to a separate server on the loopback: the machine's own configuration is neither used nor changed.

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))

    function Find-Tool {
        param([string] $Name)
        (Get-Command -Name $Name, "/usr/sbin/$Name" -CommandType Application -ErrorAction Ignore | Select-Object -First 1).Source
    }

    # Returns the process, how to connect, or why there can be no server.
    function Start-Server {
        param([string] $Directory)
        $sshd = Find-Tool sshd
        if (-not $sshd -or -not (Find-Tool ssh) -or -not (Find-Tool ssh-keygen)) {
            return @{ WhyNot = 'OpenSSH is not installed' }
        }
        foreach ($key in 'host', 'user') {
            $null = & (Find-Tool ssh-keygen) -q -t ed25519 -N '' -f (Join-Path $Directory $key)
        }
        chmod 700 $Directory
        Copy-Item -LiteralPath (Join-Path $Directory user.pub) -Destination (Join-Path $Directory authorized_keys)
        $listener = [Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
        $listener.Start()
        $port = $listener.LocalEndpoint.Port
        $listener.Stop()
        $pwsh = [Environment]::ProcessPath
        Set-Content -LiteralPath (Join-Path $Directory sshd_config) -Value @"
ListenAddress 127.0.0.1:$port
HostKey $Directory/host
AuthorizedKeysFile $Directory/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
SetEnv DOTNET_ROOT=$env:DOTNET_ROOT POWERSHELL_TELEMETRY_OPTOUT=1
Subsystem powershell $pwsh -sshs -NoLogo -NoProfile
"@
        if ($global:BindSnoopTests.IsRoot) {
            # The directory of sshd's unprivileged part; the service creates it when it starts.
            $null = New-Item -ItemType Directory -Force -Path /run/sshd
        }
        $start = [Diagnostics.ProcessStartInfo]::new($sshd, [string[]]@('-D', '-f', "$Directory/sshd_config", '-E', "$Directory/log"))
        # It must not keep the tests' output open.
        $start.RedirectStandardInput = $start.RedirectStandardOutput = $start.RedirectStandardError = $true
        $process = [Diagnostics.Process]::Start($start)
        Wait-Until {
            $process.HasExited -or $(try { [Net.Sockets.TcpClient]::new('127.0.0.1', $port).Dispose(); $true } catch { $false })
        }
        $connection = @{
            Port        = $port
            UserName    = [Environment]::UserName
            KeyFilePath = "$Directory/user"
            Options     = @{ StrictHostKeyChecking = 'no'; UserKnownHostsFile = "$Directory/known"; LogLevel = 'ERROR'; IdentitiesOnly = 'yes' }
        }
        if ($process.HasExited) {
            return @{ WhyNot = "sshd does not start: $(Get-Content -LiteralPath "$Directory/log" -Raw)" }
        }
        # Some machines refuse this user, for example if the account is locked.
        $said = & (Find-Tool ssh) -F none -n -p $port -i "$Directory/user" -o StrictHostKeyChecking=no -o "UserKnownHostsFile=$Directory/known" `
            -o LogLevel=ERROR -o BatchMode=yes "$([Environment]::UserName)@127.0.0.1" true 2>&1
        @{
            Process    = $process
            Connection = $connection
            WhyNot     = if ($LASTEXITCODE -ne 0) { "sshd does not let $([Environment]::UserName) in: $said" }
        }
    }

    function Invoke-Bind {
        param([int] $Port)
        $socket = [Net.Sockets.Socket]::new('InterNetwork', 'Stream', 'Tcp')
        try { $socket.Bind([Net.IPEndPoint]::new([ipaddress]::Loopback, $Port)) } catch [Net.Sockets.SocketException] { $null = $_ } finally { $socket.Dispose() }
    }

    function Format-View {
        param([Parameter(ValueFromPipeline)] $InputObject, [string] $View, [int] $Width = 120)
        begin { $all = [Collections.Generic.List[object]]::new() }
        process { $all.Add($InputObject) }
        end {
            $shown = if ($View) { $all | Format-Table -View $View } else { $all }
            ($shown | Out-String -Width $Width).Trim("`r", "`n") -split '\r?\n'
        }
    }

    $server = @{}
    $sessions = @()
    $whyNot = $global:BindSnoopTests.WhyNot
    if (-not $whyNot) {
        $directory = Join-Path $TestDrive ssh
        $null = New-Item -ItemType Directory -Path $directory
        $server = Start-Server $directory
        $whyNot = $server.WhyNot
        $connection = $server.Connection
    }
    if (-not $whyNot) {
        # Two names for one machine are two machines to PowerShell.
        $sessions = @('localhost', '127.0.0.1' | ForEach-Object { New-PSSession -HostName $_ @connection })
        Invoke-Command -Session $sessions -ScriptBlock { Import-Module -Name $using:modulePath }
    }
}

AfterAll {
    $sessions | Remove-PSSession
    if ($server.Process -and -not $server.Process.HasExited) {
        $server.Process.Kill()
        $server.Process.WaitForExit()
    }
}

Describe 'Remoting over SSH' {
    BeforeEach {
        if ($whyNot) {
            Skip-Test -Because $whyNot
        }
    }

    Context 'Events' {
        BeforeAll {
            if ($whyNot) {
                return
            }
            $job = Invoke-Command -Session $sessions -AsJob -ScriptBlock { Get-BindEvent -ProcessId $using:PID -Port 28300-28399 -MaxEvents 3 -IncludeError }
            Wait-Until {
                # Traces attach at different times, so bind until all have the events they wait for.
                foreach ($port in 28300, 28301) { Invoke-Bind $port }
                Start-Sleep -Milliseconds 50
                $job.State -ne 'Running'
            }
            $events = @($job | Receive-Job)
            $job | Remove-Job
        }

        It 'Return as events' {
            $events | Should -HaveCount 6
            foreach ($event in $events) {
                $event.PSTypeNames | Should -Contain 'Deserialized.BindSnoop.BindEvent'
                $event.ProcessId | Should -Be $PID
                $event.PID | Should -Be $PID
                $event.LocalPort | Should -BeIn 28300, 28301
                $event.Endpoint | Should -BeExactly "127.0.0.1:$($event.Port)"
                $event.ProcessPath | Should -BeExactly ([Environment]::ProcessPath)
                $event.Time | Should -BeOfType [datetime]
            }
        }

        It 'Have the same view, with the machine' {
            $lines = $events | Format-View
            $lines[0] | Should -Match '^ RC +PID COMM +PROT +ADDR +PORT OPTS  IF +PSComputerName *$'
            $lines.Where{ $_ -match " $PID .+ 127\.0\.0\.1 +2830[01] \.\.\.R\. 0 +(localhost|127\.0\.0\.1) *$" } | Should -HaveCount 6
            ($events | Format-View -View Wide -Width 180)[0] | Should -Match '^ +PID COMM .+RESULT +INTERFACE +CONTAINER *$'
            ($events | Format-View -View Time)[0] | Should -Match '^ +TIME\(s\) +UID +RC +PID COMM '
        }

        It 'Fit 80 columns with the machine' {
            $lines = $events | Format-View -Width 79
            $lines[0] | Should -Match 'PORT OPTS'
            $lines.Where{ $_ -match " $PID .+ 127\.0\.0\.1 +2830[01] \.\.\.R\." } | Should -HaveCount 6
        }

        It 'Group, sort and filter by machine' {
            $groups = $events | Group-Object -Property PSComputerName
            $groups.Name | Sort-Object | Should -Be '127.0.0.1', 'localhost'
            $groups.ForEach{ $_.Count } | Should -Be 3, 3
            ($events | Sort-Object -Property PSComputerName, Port)[0].PSComputerName | Should -BeExactly '127.0.0.1'
            @($events | Where-Object PSComputerName -EQ localhost) | Should -HaveCount 3
            ($events | Format-Table -GroupBy PSComputerName | Out-String) | Should -Match 'PSComputerName: localhost'
            ($events | Group-Object -Property PSComputerName, Endpoint).Count | Should -BeGreaterOrEqual 2
        }
    }

    It 'Events arrive while the trace runs, and stopping ends it remotely' {
        $job = Invoke-Command -Session $sessions[0] -AsJob -ScriptBlock { Get-BindEvent -ProcessId $using:PID -Port 28310 }
        Wait-Until {
            Invoke-Bind 28310
            Start-Sleep -Milliseconds 50
            $job.HasMoreData -and @($job.ChildJobs[0].Output).Count -gt 0
        }
        $job.State | Should -Be Running
        $job | Stop-Job
        $job | Remove-Job -Force
        Wait-Until { $sessions[0].Availability -eq 'Available' }
        $there = Invoke-Command -Session $sessions[0] -ScriptBlock { $PID }
        Wait-Until { -not (Get-BpfObject -ProcessId $there) }
    }

    It 'Background traces persist in the session' {
        $started = Invoke-Command -Session $sessions[0] -ScriptBlock { Start-BindTrace -Name far -ProcessId $using:PID -Port 28320 }
        $started.PSTypeNames | Should -Contain 'Deserialized.BindSnoop.BindTrace'
        Invoke-Bind 28320
        $listed = Invoke-Command -Session $sessions[0] -ScriptBlock { Get-BindTrace }
        $lines = $listed | Format-View
        $lines[0] | Should -Match '^Name +Mode +State +Backend +Received +Dropped +Queued +Filter +PSComputerName'
        $lines[2] | Should -Match "^far +Event Running \w+ +1 +\d+ +1 Port 28320; ProcessId $PID +localhost"
        $events = Invoke-Command -Session $sessions[0] -ScriptBlock { Get-BindEvent -Name far; Remove-BindTrace -Name far }
        $events.Endpoint | Should -BeExactly '127.0.0.1:28320'
    }

    It 'The support report looks the same as on the machine' {
        $support = Invoke-Command -Session $sessions[0] -ScriptBlock { Get-BindTraceSupport }
        $support.Backends.Backend | Should -Be Fentry, Kprobe, Cgroup, Tracepoint
        ($support | Format-View) -join "`n" | Should -Match '(?m)^Tracepoint +(yes|no)'
    }

    It 'A remote error is an error here, with the same id' {
        $failure = $null
        $null = Invoke-Command -Session $sessions[0] -ScriptBlock { Get-BindEvent -Port 99999 } -ErrorVariable failure -ErrorAction SilentlyContinue
        $failure | Should -HaveCount 1
        $failure[0].FullyQualifiedErrorId | Should -BeLike 'InvalidPort*,BindSnoop.PowerShell.GetBindEventCommand'
        "$($failure[0])" | Should -Match '99999'
    }

    It 'Works in one line, without an existing session' {
        $events = Invoke-Command -HostName localhost @connection -ScriptBlock {
            Import-Module -Name $using:modulePath
            $trace = Start-BindTrace -ProcessId $PID
            ([Net.Sockets.UdpClient]::new([Net.IPEndPoint]::new([ipaddress]::Loopback, 0))).Dispose()
            $trace | Stop-BindTrace -PassThru | Get-BindEvent
        }
        $events.Protocol | Should -BeExactly UDP
        $events.PSComputerName | Should -BeExactly localhost
    }
}
