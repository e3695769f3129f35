BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    $commCases = 'comm-escape', 'comm-title', 'comm-control', 'comm-newline', 'comm-invalid', 'comm-cut', 'comm-utf8',
        'comm-c1', 'comm-quote', 'comm-blank', 'comm-empty', 'comm-full'
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))

    # As wide as values on Linux can be.
    function New-Event {
        param([hashtable] $With = @{}, [switch] $IncludeError)
        $event = [ordered]@{
            PSTypeName = 'Deserialized.BindSnoop.BindEvent'
            Time = [datetime]'2026-02-03T04:05:06'; ElapsedSeconds = 1.25; ProcessId = 4194304; ThreadId = 4194304; ParentProcessId = 1
            Comm = 'fifteen-letters'; Uid = [uint32]1000000; UserName = 'somebody'; Gid = [uint32]100
            Protocol = 'UDPLITE'; SocketType = 'DGRAM'; AddressFamily = 'IPv4'; Address = '255.255.255.255'; Port = 65535
            Endpoint = '255.255.255.255:65535'; RequestedAddress = '255.255.255.255'; RequestedPort = 65535; ServiceName = ''
            Options = 'FreeBind'; OptionString = 'FTNRr'; InterfaceIndex = 99; InterfaceName = 'fifteen-letter0'; ErrorCode = 0; ErrorName = ''
            ErrorMessage = ''; CgroupPath = '/'; Unit = ''; ContainerId = ''; ProcessPath = ''; NetworkNamespace = 1; MountNamespace = 2
            Backend = 'Fentry'
        }
        foreach ($key in $With.Keys) { $event[$key] = $With[$key] }
        $event = [pscustomobject]$event
        if ($IncludeError) { $event.PSTypeNames.Insert(0, 'Deserialized.BindSnoop.BindEvent#IncludeError') }
        $event
    }

    # Lines of a view, without the empty ones around it.
    function Format-View {
        param([Parameter(ValueFromPipeline)] $InputObject, [string] $View, [int] $Width = 80, [switch] $List)
        begin { $all = [Collections.Generic.List[object]]::new() }
        process { $all.Add($InputObject) }
        end {
            $shown = if ($View) { $all | Format-Table -View $View } elseif ($List) { $all | Format-List } else { $all }
            # The width of a terminal: PowerShell leaves the last column free there, but not in a string.
            ($shown | Out-String -Width ($Width - 1)).Trim("`r", "`n") -split '\r?\n'
        }
    }

    # Binds in this process, so that its events can be distinguished from others'.
    function Invoke-Bind {
        param([string] $Address = '127.0.0.1', [int] $Port = 0, [int] $Times = 1)
        $ip = [ipaddress]$Address
        foreach ($i in 1..$Times) {
            $socket = [Net.Sockets.Socket]::new($ip.AddressFamily, 'Stream', 'Tcp')
            try { $socket.Bind([Net.IPEndPoint]::new($ip, $Port)) } catch [Net.Sockets.SocketException] { $null = $_ } finally { $socket.Dispose() }
        }
    }

    # Events of such binds: one that succeeds, one that fails, one of a privileged port, and one of IPv6.
    function Get-OwnEvent {
        param([switch] $IncludeError)
        $trace = Start-BindTrace -ProcessId $PID -IncludeError:$IncludeError
        try {
            Invoke-Bind
            Invoke-Bind -Address 192.0.2.1 -Port 8080
            Invoke-Bind -Port 1
            Invoke-Bind -Address ::1
        }
        finally {
            $trace | Stop-BindTrace
        }
        $trace | Get-BindEvent
        $trace | Remove-BindTrace
    }

    $control = '[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]'
}

Describe 'Views' {
    AfterEach {
        Assert-NothingAttached
    }

    Context 'At 80 columns' {
        It 'The default view has the classic columns, and nothing is cut' {
            $lines = New-Event | Format-View
            $lines[0] | Should -Match '^ +PID COMM +PROT +ADDR +PORT OPTS  IF *$'
            $lines[2] | Should -BeExactly '4194304 fifteen-letters UDPLITE 255.255.255.255           65535 FTNRr 99'
        }

        It 'With IncludeError, RC comes first' {
            $lines = New-Event -IncludeError -With @{ ErrorCode = 125; InterfaceIndex = 9999 } | Format-View
            $lines[0] | Should -Match '^ RC +PID COMM +PROT +ADDR +PORT OPTS  IF *$'
            $lines[2] | Should -BeExactly '125 4194304 fifteen-letters UDPLITE 255.255.255.255           65535 FTNRr 9999'
        }

        It 'The machine''s name is left out if it does not fit: <Name>' -TestCases @(
            @{ Name = 'successes only'; IncludeError = $false }
            @{ Name = 'IncludeError'; IncludeError = $true }
        ) {
            # As Invoke-Command marks its output.
            $event = New-Event -IncludeError:$IncludeError -With @{ PSComputerName = 'machine'; PSShowComputerName = $true }
            ($event | Format-View)[0] | Should -Match '^[ RC]+PID COMM +PROT +ADDR +PORT OPTS  IF *$'
            ($event | Format-View -Width 160)[0] | Should -Match 'IF +PSComputerName *$'
        }

        It 'A long address is cut, with an ellipsis, and shown in full by Wide' {
            $address = '2001:db8:1234:5678:9abc:def0:1234:5678'
            (New-Event -With @{ Address = $address } | Format-View)[2] | Should -Match '2001:db8:1234:5678:9abc:…'
            (New-Event -With @{ Address = $address } | Format-View -View Wide)[2] |
                Should -BeExactly "4194304 fifteen-letters UDPLITE $($address.PadRight(41)) 65535"
        }

        It 'Time shows seconds and user, and all but the longest names in full' {
            $lines = New-Event -With @{ Protocol = 'MPTCP' } | Format-View -View Time
            $lines[0] | Should -Match '^ +TIME\(s\) +UID +PID COMM +PROT +ADDR +PORT OPTS  IF$'
            $lines[2] | Should -BeExactly '  1.250000 1000000 4194304 fifteen-letters MPTCP 255.255.255.255 65535 FTNRr 99'
        }

        It 'Time has an RC column with IncludeError' {
            $lines = New-Event -IncludeError -With @{ Protocol = 'TCP'; Uid = 65534; Comm = 'twelve-chars'; ErrorCode = 98 } | Format-View -View Time
            $lines[0] | Should -Match '^ +TIME\(s\) +UID +RC +PID COMM +PROT +ADDR +PORT OPTS  IF$'
            $lines[2] | Should -BeExactly '  1.250000  65534  98 4194304 twelve-chars TCP   255.255.255.255 65535 FTNRr 99'
        }

        It 'Time has room for a trace of <Days> days' -TestCases @(
            @{ Days = 0.01; Text = '864.000000' }
            @{ Days = 10.0; Text = '864000.000' }
        ) {
            (New-Event -With @{ ElapsedSeconds = [double]$Days * 86400 } | Format-View -View Time)[2] | Should -BeLike "$Text *"
        }
    }

    Context 'At 180 columns' {
        It 'Wide shows everything in full' {
            $event = New-Event -With @{
                Address = '2001:db8:1234:5678:9abc:def0:1234:5678%9'; ErrorCode = 97; ErrorName = 'EAFNOSUPPORT'
                ErrorMessage = 'Address family not supported by protocol'; ContainerName = 'web'
            }
            $lines = $event | Format-View -View Wide -Width 180
            $lines[0] | Should -Match '^ +PID COMM +PROT +ADDR +PORT OPTS  RESULT +INTERFACE +CONTAINER$'
            $lines[2] | Should -BeExactly ('4194304 fifteen-letters UDPLITE 2001:db8:1234:5678:9abc:def0:1234:5678%9  65535 FTNRr ' +
                'EAFNOSUPPORT: Address family not supported by protocol fifteen-letter0 web')
        }

        It 'Wide shows the number of an interface without a name, and nothing if there is none' {
            (New-Event -With @{ InterfaceName = '' } | Format-View -View Wide -Width 180)[2].TrimEnd() | Should -Match ' FTNRr +99$'
            (New-Event -With @{ InterfaceName = ''; InterfaceIndex = 0 } | Format-View -View Wide -Width 180)[2].TrimEnd() |
                Should -BeLike '*FTNRr'
        }
    }

    Context 'Lists' {
        It 'Leave out what does not apply' {
            $text = (New-Event | Format-View -List) -join "`n"
            $text | Should -Match '(?m)^Endpoint +: 255\.255\.255\.255:65535$'
            $text | Should -Not -Match 'Error|Requested|Service|Container|Unit|IPv6Only'
        }

        It 'Leave out what is unknown about a descriptor that is not a socket' {
            $text = (New-Event -With @{ Protocol = ''; SocketType = '' } | Format-View -List) -join "`n"
            $text | Should -Not -Match 'Protocol|SocketType'
            (New-Event | Format-View -List) -join "`n" | Should -Match '(?m)^Protocol +: UDPLITE$'
        }

        It 'Show what applies' {
            $event = New-Event -With @{
                ErrorCode = 98; ErrorName = 'EADDRINUSE'; ErrorMessage = 'Address already in use'; RequestedPort = 0; AddressFamily = 'IPv6'
                IPv6Only = $true; ServiceName = 'http'; Unit = 'nginx.service'; ContainerId = 'c0ffee'
            }
            $text = ($event | Format-View -List) -join "`n"
            foreach ($line in 'ErrorName +: EADDRINUSE', 'RequestedPort +: 0', 'IPv6Only +: True', 'ServiceName +: http', 'Unit +: nginx.service') {
                $text | Should -Match "(?m)^$line$"
            }
        }
    }

    Context 'Live and deserialized objects' {
        BeforeAll {
            if (-not $global:BindSnoopTests.WhyNot) {
                $events = @(Get-OwnEvent -IncludeError)
                $path = Join-Path $TestDrive events.clixml
                $events | Export-Clixml -LiteralPath $path
                $copies = @(Import-Clixml -LiteralPath $path)
            }
        }

        BeforeEach {
            Skip-WithoutTracing
        }

        It 'Look the same: <_>' -ForEach 'default', 'Wide', 'Time', 'list' {
            $events | Should -HaveCount 4
            $view = if ($_ -in 'Wide', 'Time') { @{ View = $_ } } elseif ($_ -eq 'list') { @{ List = $true } } else { @{} }
            $live = $events | Format-View -Width 160 @view
            $live.Count | Should -BeGreaterThan 5
            $copies | Format-View -Width 160 @view | Should -BeExactly $live
        }

        It 'Show what happened' {
            $lines = $events | Format-View -View Wide -Width 180
            $lines[2].TrimEnd() | Should -Match "^ *$PID .+ TCP +127\.0\.0\.1 +$($events[0].Port) \.\.\.R\.$"
            $lines[3] | Should -Match ' 192\.0\.2\.1 +8080 \.\.\.R\. +EADDRNOTAVAIL: Cannot assign requested address *$'
            $lines[5] | Should -Match ' ::1 '
        }

        It 'Seconds count from the first event' {
            $events[0].ElapsedSeconds | Should -Be 0
            for ($i = 1; $i -lt $events.Count; $i++) {
                $events[$i].ElapsedSeconds | Should -Be (($events[$i].KernelTime - $events[0].KernelTime) / 1e9)
            }
        }

        It 'Lists of traces do not dump what they hold' {
            $trace = Start-BindTrace -Name a-name-that-is-long -Port 80, 8000-8999 -IncludeError
            try {
                $trace | Export-Clixml -LiteralPath $path
                $lines = $trace | Format-View
                $lines[0] | Should -Match '^Name +Mode +State +Backend +Received +Dropped +Queued +Filter$'
                $lines[2] | Should -Match '^a-name-that-i… Event Running \w+ +0 +0 +0 Port 80,'
                Import-Clixml -LiteralPath $path | Format-View | Should -BeExactly $lines
                $lines = $trace | Format-View -List
                @($lines -replace ' *:.*').Where{ $_ } | Should -Be @(
                    'Name', 'Mode', 'State', 'Error', 'Backend', 'Filter', 'StartTime', 'Received', 'Dropped', 'Queued', 'MaxQueued')
                $lines | Should -Contain 'Filter    : Port 80,8000-8999; IncludeError yes'
                Import-Clixml -LiteralPath $path | Format-View -List | Should -BeExactly $lines
            }
            finally {
                $trace | Remove-BindTrace
            }
        }

        It 'Counts have room for any address' {
            $count = [pscustomobject]@{
                PSTypeName = 'Deserialized.BindSnoop.BindCount'; Count = 12345678; Protocol = 'UDPLITE'
                Address = '2001:db8:1234:5678:9abc:def0:1234:5678'; Port = 65535; ErrorCode = 99; ErrorName = 'EADDRNOTAVAIL'; InterfaceIndex = 99
            }
            ($count | Format-View)[2] |
                Should -BeExactly '12345678 UDPLITE 2001:db8:1234:5678:9abc:def0:1234:5678  65535 EADDRNOTAVAIL 99'
        }

        It 'Groups of counts show what they have in common' {
            $group = [pscustomobject]@{
                PSTypeName = 'Deserialized.BindSnoop.BindCountGroup'; Count = 12345678; Failed = 12345677; Name = 'shop/cart-1/app, 8080'
            }
            $lines = $group | Format-View
            $lines[0] | Should -Match '^ +BINDS +FAILED NAME$'
            $lines[2] | Should -BeExactly '12345678 12345677 shop/cart-1/app, 8080'
        }

        It 'Accepts have the classic columns' {
            $accept = [pscustomobject]@{
                PSTypeName = 'Deserialized.BindSnoop.AcceptEvent'; ProcessId = 4194304; Comm = 'fifteen-letters'; AddressFamily = 'IPv4'
                RemoteAddress = '255.255.255.255'; RemotePort = 65535; LocalAddress = '255.255.255.254'; LocalPort = 443; ErrorCode = 0
            }
            $lines = $accept | Format-View
            $lines[0] | Should -Match '^ +PID COMM +IP RADDR +RPORT LADDR +LPORT$'
            $lines[2] | Should -BeExactly '4194304 fifteen-letters 4  255.255.255.255     65535 255.255.255.254       443'
        }
    }

    Context 'Support' {
        BeforeAll {
            $support = Get-BindTraceSupport
            $path = Join-Path $TestDrive support.clixml
            $support | Export-Clixml -LiteralPath $path
        }

        It 'Fits <_> columns' -ForEach 60, 80, 160 {
            $width = $_
            $lines = [BindSnoop.PowerShell.Views]::Support($support, $width - 1) -split '\r?\n'
            # A path is never broken.
            $lines.Where{ $_.Length -ge $width -and $_.Trim() -cne $support.LibBpfPath } | Should -BeNullOrEmpty
            $lines[0] | Should -BeExactly "Kernel         $(uname -r) on $([Runtime.InteropServices.RuntimeInformation]::ProcessArchitecture)"
            foreach ($backend in $support.Backends) {
                $usable = if ($backend.Usable) { 'yes' } else { 'no' }
                $lines | Where-Object { $_ -match "^$($backend.Backend) +$usable\b" } | Should -HaveCount 1
            }
            # Wrapped between words, so that unwrapped it is what the objects say.
            $text = $lines -join ' ' -replace '\s+', ' '
            foreach ($backend in $support.Backends) {
                $text.Contains($backend.Reason) | Should -BeTrue
                $text.Contains($backend.Remedy) | Should -BeTrue
            }
        }

        It 'Looks the same deserialized' {
            $copy = Import-Clixml -LiteralPath $path
            $copy.PSTypeNames[0] | Should -BeExactly 'Deserialized.BindSnoop.TraceSupport'
            $copy | Format-View | Should -BeExactly ($support | Format-View)
        }

        It 'Shows the facts as a list on request' {
            ($support | Format-View -List) -join "`n" | Should -Match '(?m)^Kernel +: '
        }
    }

    Context 'Colours' {
        BeforeAll {
            # A host, as far as it matters here: what it reports about itself.
            $rendering = $PSStyle.OutputRendering
            $red = $PSStyle.Formatting.Error
            $yellow = $PSStyle.Formatting.Warning
            $failed = New-Event -IncludeError -With @{ Port = 8080; ErrorCode = 98; ErrorName = 'EADDRINUSE'; ErrorMessage = 'Address already in use' }
        }

        AfterEach {
            $PSStyle.OutputRendering = $rendering
        }

        It 'Mark failed binds and privileged ports' {
            $PSStyle.OutputRendering = 'Ansi'
            ($failed | Format-View)[2] | Should -Match ([regex]::Escape("${red}98$($PSStyle.Reset)"))
            ($failed | Format-View)[2] | Should -Match ([regex]::Escape("${red}8080$($PSStyle.Reset)"))
            ($failed | Format-View -View Wide -Width 180)[2] | Should -Match ([regex]::Escape("${red}EADDRINUSE: Address"))
            (New-Event -With @{ Port = 1023 } | Format-View)[2] | Should -Match ([regex]::Escape("${yellow}1023$($PSStyle.Reset)"))
        }

        It 'Leave the rest alone: port <_>' -ForEach 0, 1024, 65535 {
            $PSStyle.OutputRendering = 'Ansi'
            (New-Event -With @{ Port = $_ } | Format-View)[2] | Should -Not -Match '\x1b'
        }

        It 'Do not move columns' {
            $PSStyle.OutputRendering = 'Ansi'
            $coloured = ($failed | Format-View)[2] -replace '\x1b\[[0-9;]*m'
            $PSStyle.OutputRendering = 'PlainText'
            ($failed | Format-View)[2] | Should -BeExactly $coloured
        }

        It 'Follow the user''s settings' {
            try {
                $PSStyle.OutputRendering = 'Ansi'
                $PSStyle.Formatting.Error = $PSStyle.Foreground.BrightMagenta
                ($failed | Format-View)[2] | Should -Match ([regex]::Escape("$($PSStyle.Foreground.BrightMagenta)98"))
            }
            finally {
                $PSStyle.Formatting.Error = $red
            }
        }

        It 'Are absent in plain text' {
            $PSStyle.OutputRendering = 'PlainText'
            $failed, (New-Event -With @{ Port = 1 }) | Format-View | Should -Not -Match '\x1b'
        }

        It 'Are absent in files and strings' {
            $PSStyle.OutputRendering = 'Host'
            $path = Join-Path $TestDrive plain.txt
            $failed | Out-File -LiteralPath $path
            Get-Content -LiteralPath $path -Raw | Should -Match ' 98 4194304 '
            Get-Content -LiteralPath $path -Raw | Should -Not -Match '\x1b'
            $failed | Format-View | Should -Not -Match '\x1b'
        }

        It 'Are absent if pwsh''s output is redirected' {
            $failed | Export-Clixml -LiteralPath (Join-Path $TestDrive failed.clixml)
            # PowerShell itself colours the headers.
            $rows = pwsh -NoProfile -NonInteractive -Command "Import-Module '$modulePath'; Import-Clixml '$TestDrive/failed.clixml'" |
                Where-Object { $_ -match '4194304' }
            $rows | Should -HaveCount 1
            $rows | Should -Not -Match '\x1b'
        }
    }

    Context 'Text that others choose' {
        BeforeAll {
            if (-not $global:BindSnoopTests.WhyNot) {
                Install-Truth $TestDrive
                $traced = @{}
                $run = Invoke-BackgroundTrace -Parameter @{} -Case (& $global:BindSnoopTests.Truth list).Where{ $_ -like 'comm-*' }
                foreach ($line in $run.Truth) {
                    $traced[$line.case] = @{ Truth = $line; Event = $run.Events.Where{ $_.ProcessId -eq $line.pid } }
                }
            }
        }

        BeforeEach {
            Skip-WithoutTracing
        }

        It 'Never reaches the terminal unescaped: <_>' -ForEach $commCases {
            $event = $traced[$_].Event
            $event | Should -HaveCount 1
            foreach ($view in @{}, @{ View = 'Wide' }, @{ View = 'Time' }, @{ List = $true }) {
                ($event | Format-View -Width 160 @view) -join "`n" | Should -Not -Match $control
            }
            "$event" | Should -Not -Match $control
        }

        It 'Can be unescaped to the byte: <_>' -ForEach $commCases {
            [Convert]::ToHexString([BindSnoop.DisplayText]::Unescape($traced[$_].Event.Comm)) | Should -Be $traced[$_].Truth.commHex
        }

        It 'Nor does the path of a program' {
            $program = Join-Path $TestDrive "a`e2Jb`u{202e}c"
            Copy-Item -LiteralPath $global:BindSnoopTests.Truth -Destination $program
            $trace = Start-BindTrace -Port 28123
            $start = [Diagnostics.ProcessStartInfo]::new($program, 'hold 127.0.0.1 28123')
            $start.RedirectStandardInput = $start.RedirectStandardOutput = $true
            $process = [Diagnostics.Process]::Start($start)
            try {
                $null = $process.StandardOutput.ReadLine()
                $trace | Stop-BindTrace
                $event = $trace | Get-BindEvent | Where-Object ProcessId -EQ $process.Id
                $event.ProcessPath | Should -BeExactly "$($TestDrive -replace '\\', '\\')/a\x1b2Jb\u{202e}c"
                ($event | Format-View -List -Width 200) -join "`n" | Should -Match 'ProcessPath +: .*\\x1b2Jb'
            }
            finally {
                $process.StandardInput.Close()
                $null = $process.WaitForExit(5000)
                $trace | Remove-BindTrace
            }
            $event.ProcessPath | Should -BeExactly '' -Because 'the process has ended'
        }
    }
}

Describe 'Members' {
    BeforeAll {
        if (-not $global:BindSnoopTests.WhyNot) {
            $events = @(Get-OwnEvent -IncludeError)
        }
    }

    BeforeEach {
        Skip-WithoutTracing
    }

    AfterEach {
        Assert-NothingAttached
    }

    It 'Endpoint puts address and port together' {
        $events.Endpoint | Should -BeExactly @("127.0.0.1:$($events[0].Port)", '192.0.2.1:8080', '127.0.0.1:1', "[::1]:$($events[3].Port)")
    }

    It 'ServiceName comes from the services database' {
        $known = "$(getent services 1/tcp)".Split(' ', 2)[0]
        $events[2].ServiceName | Should -BeExactly $known
        $events[1].ServiceName | Should -BeExactly "$(getent services 8080/tcp)".Split(' ', 2)[0]
    }

    It 'ProcessPath is the program' {
        $events[0].ProcessPath | Should -BeExactly ([Environment]::ProcessPath)
    }

    It 'Unit and ContainerId come from the cgroup: <Path>' -TestCases @(
        @{ Path = 'bindsnoop-test.service'; Unit = 'bindsnoop-test.service'; Container = '' }
        @{ Path = "docker-$('0a' * 32).scope"; Unit = "docker-$('0a' * 32).scope"; Container = '0a' * 32 }
        @{ Path = 'bindsnoop-plain'; Unit = ''; Container = '' }
    ) {
        Skip-WithoutRoot
        $mount = (Get-BindTraceSupport).CgroupMountPoint
        if (-not $mount) {
            Skip-Test -Because 'cgroup v2 is not mounted'
        }
        $directory = New-Item -ItemType Directory -Path $mount -Name $Path
        try {
            $trace = Start-BindTrace -Cgroup "/$Path"
            $command = 'echo $$ > "$0/cgroup.procs" && exec "$1" run tcp4-loopback'
            Install-Truth $TestDrive
            $null = sh -c $command $directory.FullName $global:BindSnoopTests.Truth
            $trace | Stop-BindTrace
            $event = $trace | Get-BindEvent | Select-Object -First 1
            $trace | Remove-BindTrace
            $event.CgroupPath | Should -BeExactly "/$Path"
            $event.Unit | Should -BeExactly $Unit
            $event.ContainerId | Should -BeExactly $Container
        }
        finally {
            [IO.Directory]::Delete($directory.FullName)
        }
    }

    It 'Aliases work like the properties' {
        $event = $events[0]
        $event.Id, $event.PID, $event.LocalAddress, $event.LocalPort | Should -Be @($PID, $PID, '127.0.0.1', $event.Port)
        ($event | Get-Process).Id | Should -Be $PID
        ($events | Group-Object -Property Id).Count | Should -Be 4
        ($events | Sort-Object -Property LocalPort)[0].Port | Should -Be 1
        ($event | Select-Object -Property PID, LocalPort).LocalPort | Should -Be $event.Port
        $event | Get-Member -Name LocalPort -Force | Should -HaveCount 1
    }

    It 'Aliases do not appear in CSV and JSON' {
        foreach ($names in @(
                ($events[0] | ConvertTo-Csv | ConvertFrom-Csv).PSObject.Properties.Name
                ($events[0] | ConvertTo-Json | ConvertFrom-Json).PSObject.Properties.Name
            )) {
            $names | Should -Not -Contain 'LocalPort'
        }
    }

    It 'JSON is flat' {
        foreach ($property in ($events[0] | ConvertTo-Json | ConvertFrom-Json).PSObject.Properties) {
            $property.Value -is [pscustomobject] | Should -BeFalse -Because "$($property.Name) is one value"
        }
    }

    It 'Every property in a view exists' {
        $types = @{
            BindEvent = $events[0]; AcceptEvent = [BindSnoop.AcceptEvent]; ListenEvent = [BindSnoop.ListenEvent]; ReleaseEvent = [BindSnoop.ReleaseEvent]; BindCount = [BindSnoop.BindCount]; BindCountGroup = [BindSnoop.BindCountGroup]; BindTrace = [BindSnoop.BindTrace]
        }
        $format = [xml](Get-Content -LiteralPath (Join-Path $modulePath BindSnoop.Format.ps1xml) -Raw)
        foreach ($view in $format.Configuration.ViewDefinitions.View) {
            $name = "$($view.ViewSelectedBy.TypeName)$($view.ViewSelectedBy.SelectionSetName)" -replace '^BindSnoop\.(\w+).*', '$1'
            if (-not $types.ContainsKey($name)) {
                continue
            }
            $known = "BindSnoop.$name" -as [type]
            foreach ($property in $view.SelectNodes('.//PropertyName').InnerText) {
                $known.GetProperty($property) | Should -Not -BeNullOrEmpty -Because "the view $($view.Name) of $name shows $property"
            }
        }
    }
}

Describe 'A real terminal' {
    BeforeAll {
        $tmux = Get-Command -Name tmux -CommandType Application -ErrorAction Ignore | Select-Object -First 1

        function Invoke-Tmux {
            & $tmux -L $server @args
        }

        # The screen's content; with -Colour as the terminal received it.
        function Get-Screen {
            param([switch] $Colour)
            $extra = @(if ($Colour) { '-e' })
            @(Invoke-Tmux capture-pane -p -t live @extra)
        }

        function Start-Terminal {
            param([int] $Columns, [string] $Command, [hashtable] $Environment = @{})
            $set = @('env', '-u', 'NO_COLOR') + @($Environment.Keys | ForEach-Object { "$_=$($Environment[$_])" })
            Invoke-Tmux new-session -d -s live -x $Columns -y 30 @set pwsh -NoProfile -NoExit -Command "Import-Module '$modulePath'; $Command"
        }

        # Binds until a row is on the screen; returns the screen.
        function Wait-Row {
            param([int] $Port)
            Wait-Until -Seconds 30 {
                if (-not (Get-Screen | Where-Object { $_ -match " $Port " })) {
                    Invoke-Bind -Port $Port
                    Start-Sleep -Milliseconds 200
                    $false
                }
                else {
                    $true
                }
            }
        }
    }

    BeforeEach {
        Skip-WithoutTracing
        # A server that was asked to end lives a little longer, but takes no more sessions.
        $server = "bindsnoop-$PID-$(Get-Random)"
        if (-not $tmux) {
            Skip-Test -Because 'there is no tmux on this machine'
        }
    }

    AfterEach {
        if ($tmux) {
            Invoke-Tmux kill-server 2>$null
        }
    }

    It 'Rows come one by one, under one header, at <_> columns' -ForEach 80, 160 {
        Start-Terminal -Columns $_ -Command "Get-BindEvent -ProcessId $PID -Port 28200-28299,900"
        Wait-Row 28201
        Wait-Row 28202
        Wait-Row 28203
        $screen = Get-Screen
        $screen.Where{ $_ -match 'PID COMM' } | Should -HaveCount 1
        $screen.Where{ $_ -match '^.{80}' -and $_ -notlike 'WARNING:*' } | Should -BeNullOrEmpty
        $rows = $screen.Where{ $_ -match " $PID " }
        $rows | Should -Not -Match '…'
        $rows | ForEach-Object { $_ | Should -Match "^ *$PID \S.{14} TCP     127\.0\.0\.1 +2820[123] \.\.\.R\. 0$" }
        (Get-Screen -Colour).Where{ $_ -match ' 2820[123] ' } | Should -Not -Match '\x1b\[(1;)?3[13]m'
        Wait-Row 900
        (Get-Screen -Colour).Where{ $_ -match '[ m]900\b' } | Should -Match '\x1b\[1m\x1b\[33m900\x1b\['
    }

    It 'Has no colours if they are turned off: <Name>' -TestCases @(
        @{ Name = 'NO_COLOR'; Environment = @{ NO_COLOR = '1' } }
        @{ Name = 'a dumb terminal'; Environment = @{ TERM = 'dumb' } }
    ) {
        Start-Terminal -Columns 100 -Command "Get-BindEvent -ProcessId $PID -Port 900 -IncludeError" -Environment $Environment
        Wait-Row 900
        (Get-Screen -Colour).Where{ $_ -match '[ m]900\b' -and $_ -match $PID } | Should -Not -Match '\x1b'
    }
}
