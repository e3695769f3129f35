BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'errors.ps1'))
    $names = 'Port', 'Uid', 'ProcessId', 'Protocol', 'Address', 'Comm', 'Cgroup'
    $wrong = @($wrongFilters.Where{ @($_.Parameter.Keys)[0] -in $names }) + @(
        @{ What = 'a state that is none'; Parameter = @{ State = 'Listening' }; Id = 'InvalidSocketState'; Target = 'Listening'; Advice = 'Unconnected' }
        @{ What = 'a network namespace that is none'; Parameter = @{ NetworkNamespace = 'nowhere' }; Id = 'NetworkNamespaceNotFound'; Category = 'ObjectNotFound'; Target = 'nowhere'; Advice = 'ip netns' }
    )
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))

    # Sockets of this process: a listener, one that is only bound, one for datagrams, and a connection.
    $listener = [Net.Sockets.Socket]::new('InterNetwork', 'Stream', 'Tcp')
    $listener.Bind([Net.IPEndPoint]::new([ipaddress]::Loopback, 0))
    $listener.Listen(7)
    $bound = [Net.Sockets.Socket]::new('InterNetworkV6', 'Stream', 'Tcp')
    $bound.Bind([Net.IPEndPoint]::new([ipaddress]::IPv6Loopback, 0))
    $datagram = [Net.Sockets.Socket]::new('InterNetwork', 'Dgram', 'Udp')
    $datagram.Bind([Net.IPEndPoint]::new([ipaddress]::Loopback, 0))
    $client = [Net.Sockets.Socket]::new('InterNetwork', 'Stream', 'Tcp')
    $client.Connect($listener.LocalEndPoint)
    $server = $listener.Accept()
    $ports = $listener.LocalEndPoint.Port, $bound.LocalEndPoint.Port, $datagram.LocalEndPoint.Port
}

AfterAll {
    foreach ($socket in $client, $server, $listener, $bound, $datagram) { $socket.Dispose() }
}

Describe 'Get-BindSocket' {
    AfterEach {
        Assert-NothingAttached
    }

    Context 'Sockets' {
        BeforeEach {
            Skip-WithoutRoot
        }

        It 'Lists sockets that hold a port' {
            $own = Get-BindSocket -ProcessId $PID
            $own | ForEach-Object { $_.GetType().FullName | Should -BeExactly BindSnoop.BindSocket }
            $own.Where{ $_.Port -in $ports }.State | Sort-Object | Should -Be Bound, Listen, Unconnected
            $one = $own.Where{ $_.Port -eq $ports[0] }
            $one.Endpoint | Should -BeExactly "$($listener.LocalEndPoint)"
            $one.BacklogLimit | Should -Be 7
            $one.Owners.ProcessId | Should -Be $PID
            $one.Owners[0].FileDescriptor | Should -Be $listener.Handle
            $one.ProcessStartTime | Should -BeGreaterThan ((Get-Process -Id $PID).StartTime.AddSeconds(-1))
            $one.ProcessStartTime | Should -BeLessThan ((Get-Process -Id $PID).StartTime.AddSeconds(1))
            (Get-Item "/proc/$PID/fd/$($listener.Handle)").Target | Should -BeExactly "socket:[$($one.Inode)]"
        }

        It 'Lists connections on request' {
            $connection = Get-BindSocket -State established -ProcessId $PID | Where-Object RemotePort -EQ $ports[0]
            $connection.RemoteEndpoint | Should -BeExactly "$($listener.LocalEndPoint)"
            (Get-BindSocket -All -ProcessId $PID).Where{ $_.Inode -eq $connection.Inode } | Should -HaveCount 1
        }

        It 'Takes ranges and several values' {
            (Get-BindSocket -Port $ports[0], "$($ports[1])-$($ports[1])" -ProcessId $PID).Port | Sort-Object | Should -Be ($ports[0, 1] | Sort-Object)
        }
    }

    Context 'Pipeline' {
        BeforeEach {
            Skip-WithoutRoot
        }

        It 'Takes processes' {
            (Get-Process -Id $PID | Get-BindSocket).Port | Should -Contain $ports[0]
            $PID | ForEach-Object { [pscustomobject]@{ OwningProcess = $_ } } | Get-BindSocket | Should -Not -BeNullOrEmpty
        }

        It 'Lists nothing for no process' {
            Get-Process -Name 'no such process' -ErrorAction Ignore | Get-BindSocket | Should -BeNullOrEmpty
        }

        It 'Returns processes' {
            (Get-BindSocket -Port $ports[0] -State Listen -ProcessId $PID | Get-Process).Id | Should -Be $PID
        }

        It 'Answers to the names of Get-NetTCPConnection' {
            $one = Get-BindSocket -LocalPort $ports[0] -State Listen -OwningProcess $PID
            $one.LocalPort, $one.LocalAddress, $one.OwningProcess | Should -Be $ports[0], '127.0.0.1', $PID
        }

        It 'Ends when the pipeline wants no more' {
            Get-BindSocket -All | Select-Object -First 1 | Should -HaveCount 1
        }
    }

    Context 'Views' {
        BeforeAll {
            function Show { param($What, [string] $View) $($View ? ($What | Format-Table -View $View) : $What) | Out-String -Width 250 }
        }

        BeforeEach {
            Skip-WithoutRoot
        }

        It 'Shows the columns of a bind, and the state; live and deserialized' {
            $one = Get-BindSocket -Port $ports[0] -State Listen -ProcessId $PID
            $text = Show $one
            $text | Should -Match '(?m)^ +PID COMM +PROT +ADDR +PORT STATE +OPTS +IF *$'
            $text | Should -Match "(?m)^ +$PID \S.* TCP +127\.0\.0\.1 +$($ports[0]) Listen +\.\.\.R\. +0"
            Show ([Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($one))) | Should -BeExactly $text
        }

        It 'Shows all holders in the wide view; live and deserialized' {
            $one = Get-BindSocket -Port $ports[0] -State Listen -ProcessId $PID
            $text = Show $one Wide
            $text | Should -Match "\[$PID\]:$($listener.Handle)"
            $text | Should -Match ' 0/7 '
            Show ([Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($one))) Wide | Should -BeExactly $text
        }
    }

    It 'Ends with one error for <What>' -ForEach $wrong {
        $parameters = $Parameter
        $fault = { Get-BindSocket @parameters } | Should -Throw -PassThru
        $fault.FullyQualifiedErrorId | Should -BeExactly "$Id,BindSnoop.PowerShell.GetBindSocketCommand"
        $fault.CategoryInfo.Category | Should -Be ($Category ?? 'InvalidArgument')
        "$($fault.TargetObject)" | Should -BeExactly "$Target"
        $fault.ErrorDetails.RecommendedAction | Should -Match $Advice
        $fault.ErrorDetails.Message | Should -Not -Match '[\x00-\x1f]'
    }

    It 'Completes states and network namespaces' {
        (TabExpansion2 'Get-BindSocket -State ti').CompletionMatches.CompletionText | Should -Be TimeWait
        (TabExpansion2 'Get-BindSocket -NetworkNamespace /proc').CompletionMatches.CompletionText | Should -Contain '/proc/self/ns/net'
    }
}
