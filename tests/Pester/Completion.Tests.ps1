BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))

    # What the Tab key completes at the end of a line.
    function Complete {
        param([Parameter(Mandatory, Position = 0)] [string] $Line)
        @((TabExpansion2 -inputScript $Line -cursorColumn $Line.Length).CompletionMatches)
    }
}

Describe 'Completion' {
    AfterEach {
        Assert-NothingAttached
    }

    It 'Users, by name: <_>' -ForEach 'Get-BindEvent -Uid roo', 'Get-BindEvent -Uid 0,roo', "Start-BindTrace -User 'roo", 'Get-AcceptEvent -Uid ROO' {
        $found = Complete $_
        $found.CompletionText | Should -Contain 'root'
        $found.Where{ $_.CompletionText -eq 'root' }.ToolTip | Should -BeExactly 'uid 0'
        $found.CompletionText | Should -Not -Contain 'nobody'
    }

    It 'Protocols: common ones first, all of them after the first letter' {
        (Complete 'Get-BindEvent -Protocol ').CompletionText | Should -Be TCP, UDP, MPTCP, SCTP, UDPLITE, ICMP, ICMPV6, DCCP
        (Complete 'Get-BindCount -Duration 1 -Protocol mp').CompletionText[0] | Should -BeExactly MPTCP
        (Complete 'Get-BindEvent -Protocol os').CompletionText | Should -Contain OSPFIGP
    }

    It 'Back ends, address families and modes' {
        (Complete 'Get-BindEvent -Backend ').CompletionText | Should -Be Auto, Cgroup, Fentry, Kprobe, Tracepoint
        (Complete 'Get-BindEvent -AddressFamily ').CompletionText | Should -Be IPv4, IPv6
        (Complete 'Start-BindTrace -Mode C').CompletionText | Should -Be Count
    }

    It 'Processes, by id and by name' {
        $byId = (Complete "Get-BindEvent -ProcessId $PID").Where{ $_.CompletionText -eq $PID }
        $byId | Should -HaveCount 1
        $byId.ToolTip | Should -BeExactly (Get-Process -Id $PID).Name
        $byId.ListItemText | Should -BeExactly "$PID $((Get-Process -Id $PID).Name)"
        (Complete 'Get-BindEvent -ProcessId pws').CompletionText | Should -Contain "$PID"
        (Complete 'Start-BindTrace -Id pws').CompletionText | Should -Contain "$PID"
    }

    It 'Names of running processes' {
        $comm = [IO.File]::ReadAllText("/proc/$PID/comm").TrimEnd("`n")
        $found = Complete "Get-BindEvent -Comm $($comm.Substring(0, 2))"
        $found.ListItemText | Should -Contain $comm
        $found.CompletionText | Should -Be ($found.CompletionText | Sort-Object -Unique)
    }

    It 'Names of processes as events show them, quoted' {
        $program = Join-Path $TestDrive "a`e2J 'b"
        Copy-Item -LiteralPath (Find-Program sleep) -Destination $program
        $sleep = [Diagnostics.Process]::Start($program, '60')
        try {
            $found = (Complete 'Get-BindEvent -Comm a\').Where{ $_.CompletionText -match '2J' }
            $found.CompletionText | Should -BeExactly "'a\x1b2J ''b'"
            $found.ListItemText, $found.ToolTip -join '' | Should -Not -Match '\x1b'
            (Complete "Get-BindEvent -ProcessId $($sleep.Id)").ToolTip -join '' | Should -Not -Match '\x1b'
        }
        finally {
            $sleep.Kill()
            $sleep.WaitForExit()
            $sleep.Dispose()
        }
    }

    It 'Addresses of this machine' {
        $found = Complete 'Get-BindEvent -Address 127'
        $found.CompletionText | Should -Contain '127.0.0.1'
        $found.Where{ $_.CompletionText -eq '127.0.0.1' }.ToolTip | Should -BeExactly 'lo, 127.0.0.1/8'
        (Complete 'Get-BindEvent -Address ').CompletionText[0..1] | Should -Be '0.0.0.0', '::'
        (Complete 'Get-AcceptEvent -LocalAddress 127').CompletionText | Should -Contain '127.0.0.1'
        (Complete 'Get-ListenEvent -LocalAddress 127').CompletionText | Should -Contain '127.0.0.1'
        (Complete 'Get-ReleaseEvent -LocalAddress 127').CompletionText | Should -Contain '127.0.0.1'
    }

    Context 'Traces' {
        BeforeEach {
            Skip-WithoutTracing
            $null = Start-BindTrace -Name 'web servers' -Port 80
            $null = Start-BindTrace -Name 'a[1]' -Mode Count
            $null = Start-BindTrace -Name plain
        }

        It 'By name: <_>' -ForEach 'Get-BindTrace ', 'Stop-BindTrace ', 'Remove-BindTrace -Name ', 'Get-BindEvent -Name ', 'Get-BindCount -Name ' {
            $found = Complete $_
            $found.CompletionText | Should -BeExactly "'web servers'", "'a``[1``]'", 'plain'
            $found.ListItemText | Should -BeExactly 'web servers', 'a[1]', 'plain'
            $found[0].ToolTip | Should -BeExactly 'Event, Running, Port 80'
            (Complete "${_}w").CompletionText | Should -BeExactly "'web servers'"
            (Complete "${_}'w").CompletionText | Should -BeExactly "'web servers'"
            (Complete "${_}pl").CompletionText | Should -BeExactly 'plain'
        }

        It 'Completed names find the trace' {
            (Invoke-Expression "Get-BindTrace $((Complete 'Get-BindTrace a').CompletionText)").Name | Should -BeExactly 'a[1]'
        }
    }

    Context 'Cgroups' {
        BeforeEach {
            Skip-WithoutRoot
            $mount = $global:BindSnoopTests.Support.CgroupMountPoint
            if (-not $mount) {
                Skip-Test -Because 'cgroup v2 is not mounted'
            }
            $id = "$PID".PadLeft(64, '0')
            $made = foreach ($name in "bstest$PID", "bstest$PID/in ner", "bstest$PID/other.slice", "bstest$PID/$id", "bstest$PID.service") {
                [IO.Directory]::CreateDirectory("$mount/$name").FullName
            }
        }

        AfterEach {
            foreach ($directory in @($made | Sort-Object -Descending)) {
                [IO.Directory]::Delete($directory)
            }
        }

        It 'One level at a time, in the hierarchy' {
            (Complete 'Get-BindEvent -Cgroup ').CompletionText | Should -Contain "/bstest$PID"
            (Complete 'Get-BindEvent -Cgroup /bste').CompletionText | Should -Contain "/bstest$PID"
            (Complete 'Get-BindEvent -Cgroup bste').CompletionText | Should -Contain "/bstest$PID"
            (Complete "Get-BindEvent -Cgroup /bstest$PID/").CompletionText |
                Should -BeExactly "/bstest$PID/$id", "'/bstest$PID/in ner'", "/bstest$PID/other.slice"
            (Complete "Get-BindEvent -Cgroup '/bstest$PID/i").CompletionText | Should -BeExactly "'/bstest$PID/in ner'"
        }

        It 'Existing units and containers' {
            (Complete 'Get-BindEvent -Unit bstest').CompletionText | Should -Be "bstest$PID.service"
            (Complete 'Get-BindSocket -Unit bstest').CompletionText | Should -Be "bstest$PID.service"
            (Complete 'Get-AcceptEvent -Container 000').CompletionText | Should -Be $id
            (Complete 'Get-BindSocket -Container 000').ToolTip | Should -Be "container $id"
        }

        It 'And in the file system' {
            (Complete "Get-BindEvent -Cgroup $mount/bstest$PID/o").CompletionText | Should -BeExactly "$mount/bstest$PID/other.slice"
        }
    }

    It 'Every parameter that names something has a completer or is an enum' {
        # Not completed: numbers, times, objects, texts and new names; PowerShell completes paths.
        $free = 'Port', 'RemotePort', 'RemoteAddress', 'Gid', 'BufferSize', 'Duration', 'MaxEvents', 'MaxQueued', 'Capacity', 'Trace', 'InputObject',
            'CgroupMap', 'MountNamespaceMap', 'Path', 'RecordPath', 'Policy', 'Interval', 'Title', 'PrometheusAddress', 'At', 'From', 'To'
        $common = [System.Management.Automation.PSCmdlet]::CommonParameters + [System.Management.Automation.PSCmdlet]::OptionalCommonParameters
        foreach ($command in Get-Command -Module $moduleName) {
            foreach ($parameter in $command.Parameters.Values.Where{ $_.Name -notin $common -and $_.Name -notin $free }) {
                $type = $parameter.ParameterType
                $element = if ($type.IsArray) { $type.GetElementType() } else { $type }
                # Names in a record may no longer exist.
                $isPast = $command.Name -eq 'Find-BindRecord' -and $parameter.Name -in 'Container', 'Unit', 'ProcessId', 'Comm'
                $known = $isPast -or $element.IsEnum -or $parameter.SwitchParameter -or ($command.Name -eq 'Start-BindTrace' -and $parameter.Name -eq 'Name') -or
                    $parameter.Attributes.Where{ $_ -is [ArgumentCompleter] }
                $known | Should -BeTrue -Because "$($command.Name) -$($parameter.Name) should complete"
            }
        }
    }
}
