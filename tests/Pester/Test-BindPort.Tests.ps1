BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    $wrong = @(
        @{ What = 'a port that is none'; Parameter = @{ Port = 65536 }; Id = 'InvalidPort'; Target = '65536'; Advice = '65535' }
        @{ What = 'a negative port'; Parameter = @{ Port = -1 }; Id = 'InvalidPort'; Target = '-1'; Advice = '65535' }
        @{ What = 'a prefix'; Parameter = @{ Port = 80; Address = '10.0.0.0/8' }; Id = 'InvalidAddress'; Target = '10.0.0.0/8'; Advice = 'for all' }
        @{ What = 'a protocol that is none'; Parameter = @{ Port = 80; Protocol = 'HTTP' }; Id = 'InvalidProtocol'; Target = 'HTTP'; Advice = 'TCP' }
        @{ What = 'a user that is none'; Parameter = @{ Port = 80; Uid = 'nobody here' }; Id = 'UserNotFound'; Category = 'ObjectNotFound'; Target = 'nobody here'; Advice = 'getent' }
        @{ What = 'a process that is none'; Parameter = @{ Port = 80; ProcessId = 4194305 }; Id = 'ProcessNotFound'; Category = 'ObjectNotFound'; Target = 4194305; Advice = 'process' }
        @{ What = 'a network namespace that is none'; Parameter = @{ Port = 80; NetworkNamespace = 'nowhere' }; Id = 'NetworkNamespaceNotFound'; Category = 'ObjectNotFound'; Target = 'nowhere'; Advice = 'ip netns' }
    )
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    $listener = [Net.Sockets.Socket]::new('InterNetwork', 'Stream', 'Tcp')
    $listener.Bind([Net.IPEndPoint]::new([ipaddress]::Loopback, 0))
    $listener.Listen(7)
    $port = $listener.LocalEndPoint.Port
}

AfterAll {
    $listener.Dispose()
}

Describe 'Test-BindPort' {
    It 'Names who is in the way' {
        $test = Test-BindPort $port 127.0.0.1
        $test.GetType().FullName | Should -BeExactly BindSnoop.BindPortTest
        $test.Available | Should -BeFalse
        $test.Cause | Should -BeExactly Listening
        $test.ErrorName | Should -BeExactly EADDRINUSE
        $test.Holders.ProcessId | Should -Be $PID
        $test.Explanation | Should -Match "\(pid $PID, .*listens on TCP 127\.0\.0\.1:$port; .*\.$"
    }

    It 'Is quiet, for each port and address' {
        Test-BindPort $port -Quiet | Should -BeFalse
        Test-BindPort $port ::1 -Quiet | Should -BeTrue
        Test-BindPort $port 127.0.0.1, ::1 -Quiet | Should -Be $false, $true
        Test-BindPort $port -Protocol UDP -Quiet | Should -BeTrue
        $port, $port | Test-BindPort -Quiet | Should -Be $false, $false
    }

    It 'Takes sockets from the pipeline' {
        (Get-BindSocket -Port $port -State Listen -ProcessId $PID | Test-BindPort).Cause | Should -BeExactly Listening
    }

    It 'Shows the explanation; live and deserialized' {
        $test = Test-BindPort $port
        $text = $test | Out-String -Width 300
        $text | Should -Match '(?m)^PROT +ENDPOINT +AVAILABLE +CAUSE +EXPLANATION *$'
        $text | Should -Match "(?m)^TCP +\[::\]:$port +False +Listening +\S.*listens on"
        $copy = [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($test))
        $copy | Out-String -Width 300 | Should -BeExactly $text
        $copy.Holders[0].Owners[0].ProcessId | Should -Be $PID
    }

    It 'Ends with one error for <What>' -ForEach $wrong {
        $parameters = $Parameter
        $fault = { Test-BindPort @parameters } | Should -Throw -PassThru
        $fault.FullyQualifiedErrorId | Should -BeExactly "$Id,BindSnoop.PowerShell.TestBindPortCommand"
        $fault.CategoryInfo.Category | Should -Be ($Category ?? 'InvalidArgument')
        "$($fault.TargetObject)" | Should -BeExactly "$Target"
        $fault.ErrorDetails.RecommendedAction | Should -Match $Advice
    }
}
