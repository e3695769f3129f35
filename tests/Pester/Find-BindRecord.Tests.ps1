BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    $wrong = @(
        @{ What = 'a port that is none'; Parameter = @{ Port = 'http' }; Id = 'InvalidPort'; Target = 'http'; Advice = '65535' }
        @{ What = 'a cause that is none'; Parameter = @{ Cause = 'Bad' }; Id = 'InvalidCause'; Target = 'Bad'; Advice = 'Listening' }
        @{ What = 'a span that ends before it begins'; Parameter = @{ From = '2026-02-01'; To = '2026-01-01' }; Id = 'InvalidRecordTime'; Advice = 'earlier' }
        @{ What = 'a process that is none'; Parameter = @{ ProcessId = -1 }; Id = 'InvalidProcessId'; Target = '-1'; Advice = 'greater than 0' }
        @{ What = 'a record that is none'; Parameter = @{ Path = '/etc/passwd' }; Id = 'NotARecord'; Target = '/etc/passwd'; Advice = 'bindsnoop record' }
        @{ What = 'a record that is not there'; Parameter = @{ Path = '/no/such/record' }; Id = 'RecordNotFound'; Category = 'ObjectNotFound'; Target = '/no/such/record'; Advice = 'bindsnoop record' }
    )
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    Skip-WithoutTracing
    $record = Join-Path $TestDrive record.db
    $errors = Join-Path $TestDrive errors
    $command = [IO.Path]::Combine($repository, 'output', 'bin', 'bindsnoop')
    $recorder = Start-Process -FilePath $command -ArgumentList 'record', $record -RedirectStandardError $errors -PassThru
    $deadline = [datetime]::Now.AddSeconds(60)
    while (-not ((Test-Path $errors) -and (Get-Content $errors -Raw) -match '(?m)^Tracing ') -and [datetime]::Now -lt $deadline -and -not $recorder.HasExited) {
        Start-Sleep -Milliseconds 50
    }
    $holder = [Net.Sockets.Socket]::new('InterNetwork', 'Stream', 'Tcp')
    $holder.Bind([Net.IPEndPoint]::new([ipaddress]::Loopback, 0))
    $holder.Listen(7)
    $port = $holder.LocalEndPoint.Port
    $refused = [Net.Sockets.Socket]::new('InterNetwork', 'Stream', 'Tcp')
    { $refused.Bind([Net.IPEndPoint]::new([ipaddress]::Loopback, $port)) } | Should -Throw
    Start-Sleep -Milliseconds 1500
    $moment = [datetime]::Now
    Start-Sleep -Milliseconds 1500
    & kill -TERM $recorder.Id
    $recorder.WaitForExit()
}

AfterAll {
    if ($recorder) {
        if (-not $recorder.HasExited) { $recorder.Kill() }
        $recorder.Dispose()
    }
    if ($holder) { $holder.Dispose() }
    if ($refused) { $refused.Dispose() }
}

Describe 'Find-BindRecord' {
    It 'Finds who held a port at a moment, and how it was bound' {
        $held = Find-BindRecord $record $port -At $moment
        $held.GetType().FullName | Should -BeExactly BindSnoop.RecordedBind
        $held.Kind, $held.Held, $held.ProcessId, $held.Address | Should -Be 'Bind', 'Yes', $PID, '127.0.0.1'
        $held.Time | Should -BeLessThan $moment
        $held.Until | Should -BeGreaterThan $moment
        (Find-BindRecord $record $port).Kind | Should -Be 'Bind', 'Listen', 'Failure'
        (Find-BindRecord $record $port -At $moment.ToString('yyyy-MM-dd HH:mm:ss.fff')).Inode | Should -Be $held.Inode
    }

    It 'Finds failed binds, with the holders' {
        $failure = Get-Item $record | Find-BindRecord -Port $port -Failed -Cause Listening -Comm (Get-Content /proc/$PID/comm), '.NET TP Worker'
        foreach ($one in $failure) { $one.ErrorName | Should -BeExactly EADDRINUSE }
        $failure = Find-BindRecord $record $port -Failed
        $failure.Cause | Should -BeExactly Listening
        $failure.Holders.ProcessId | Should -Be $PID
        $failure.Explanation | Should -Match "pid $PID"
    }

    It 'Reports gaps as a warning and as an object' {
        $gap = Find-BindRecord $record $port -At '2020-01-01' -WarningVariable said -WarningAction SilentlyContinue
        $gap.Kind, $gap.Cause | Should -Be 'Gap', 'Begin'
        "$said" | Should -Match '^The record begins at '
        Find-BindRecord $record $port -At $moment -Protocol SCTP | Should -BeNullOrEmpty
    }

    It 'Looks the same live and deserialized, and can be judged' {
        $held = Find-BindRecord $record $port -At $moment
        $text = $held | Out-String -Width 200
        $text | Should -Match '(?m)^TIME +UNTIL +HELD +PID +COMM +PROT +ADDR +PORT *$'
        $copy = [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($held))
        $copy | Out-String -Width 200 | Should -BeExactly $text
        $held | Test-BindPolicy -Policy (New-BindPolicy -InputObject $held) -Quiet | Should -BeTrue
    }

    It 'Is judged by a policy, including gaps' {
        $everything = @{ Default = 'Allow'; Rules = @() }
        Test-BindPolicy -Policy $everything -RecordPath $record -Quiet | Should -BeTrue
        $violations = Test-BindPolicy -Policy @{ Default = 'Allow'; Rules = @{ Name = 'one'; Action = 'Deny'; Port = $port } } -RecordPath $record
        $violations.ErrorName | Should -BeExactly '', 'EADDRINUSE'
        $violations.ProcessId | Should -Be $PID, $PID
        $violations.PodName | Should -BeExactly '', ''
        $unknown = @(Test-BindPolicy -Policy @{ Default = 'Allow'; Rules = @{ Name = 'two'; Action = 'Deny'; Gid = 4711 } } -RecordPath $record)
        $unknown.Reason | Sort-Object -Unique | Should -BeExactly "rule 'two' may deny it: its group is unknown"
        @(Find-BindRecord $record | Where-Object Existing).Count | Should -Be $unknown.Count

        $answer = Find-BindRecord $record $port -From '2020-01-01' -WarningAction SilentlyContinue
        foreach ($rows in $answer, ($answer | ConvertTo-Json -AsArray -Depth 4 | ConvertFrom-Json)) {
            $rows | Test-BindPolicy -Policy $everything -Quiet -WarningVariable said -WarningAction SilentlyContinue | Should -BeFalse
            "$said" | Should -Match '^The record begins at '
        }
        (New-BindPolicy -RecordPath $record).Rules.Count | Should -BeGreaterThan 0
    }

    It 'Is shown in a report, with its gaps' {
        $page = Join-Path $TestDrive report.html
        Export-BindReport $page -RecordPath $record -WarningVariable said
        $said | Should -BeNullOrEmpty
        Get-Content $page -Raw | Should -Match 'Listening \(EADDRINUSE\)'
        Find-BindRecord $record $port -From '2020-01-01' -WarningAction SilentlyContinue | Export-BindReport $page -WarningVariable said -WarningAction SilentlyContinue
        "$said" | Should -Match 'The records are incomplete'
        Get-Content $page -Raw | Should -Match '<li>The record begins at '
    }

    It 'Completes causes' {
        $line = 'Find-BindRecord x -Cause Lis'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be Listening
    }

    It 'Ends with one error for <What>' -ForEach $wrong {
        $parameters = $Parameter.Clone()
        $parameters.Path ??= $record
        $fault = { Find-BindRecord @parameters } | Should -Throw -PassThru
        $fault.FullyQualifiedErrorId | Should -BeExactly "$Id,BindSnoop.PowerShell.FindBindRecordCommand"
        $fault.CategoryInfo.Category | Should -Be ($Category ?? 'InvalidArgument')
        "$($fault.TargetObject)" | Should -BeExactly "$Target"
        $fault.ErrorDetails.RecommendedAction | Should -Match $Advice
    }

    It 'Ends with one error for an invalid time' {
        { Find-BindRecord $record -At yesterday } | Should -Throw "*'yesterday' is not a time.*"
    }
}
