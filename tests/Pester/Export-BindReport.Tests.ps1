BeforeDiscovery {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'errors.ps1'))
}

BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
    . ([IO.Path]::Combine($PSScriptRoot, 'errors.ps1'))
    if (-not $global:BindSnoopTests.WhyNot) {
        Install-Truth $TestDrive
    }

    # The cells of a section's last table, by row.
    function Get-Row {
        param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [string] $Section)
        $html = [IO.File]::ReadAllText($Path) -replace "(?s)^.*<section id=""$Section"".*?>(.*?)</section>.*$", '$1'
        $table = [regex]::Matches($html, '(?s)<tbody>(.*?)</tbody>')[-1].Groups[1].Value
        foreach ($row in [regex]::Matches($table, '(?s)<tr>(.*?)</tr>')) {
            , @([regex]::Matches($row.Groups[1].Value, '(?s)<td.*?>(.*?)</td>') | ForEach-Object { [Net.WebUtility]::HtmlDecode(($_.Groups[1].Value -replace '<[^>]+>')) })
        }
    }
}

Describe 'Export-BindReport' {
    BeforeEach {
        $path = Join-Path $TestDrive "report-$([guid]::NewGuid()).html"
    }

    AfterEach {
        Assert-NothingAttached
    }

    It 'Shows what a trace collected: <_>' -ForEach 'parameter', 'pipeline', 'events', 'Csv', 'Clixml', 'Json' {
        Skip-WithoutTracing
        $trace = Start-BindTrace -Comm $truthComm -IncludeError
        $truth = Invoke-Truth eaddrinuse-tcp4 five-ports
        $trace | Stop-BindTrace
        $record = Join-Path $TestDrive "record.$_"
        switch ($_) {
            'parameter' { Export-BindReport $path -Trace $trace }
            'pipeline' { $trace | Export-BindReport $path }
            'events' { $trace | Get-BindEvent | Export-BindReport $path }
            'Csv' { $trace | Get-BindEvent | Export-Csv $record; Export-BindReport $path -RecordPath $record }
            'Clixml' { $trace | Get-BindEvent | Export-Clixml $record; Export-BindReport $path -RecordPath $record }
            'Json' { $trace | Get-BindEvent | ConvertTo-Json -AsArray -Depth 4 -EnumsAsStrings | Set-Content $record; Export-BindReport $path -RecordPath $record }
        }
        $trace | Remove-BindTrace
        $failed = @($truth | Where-Object error)
        $user = (id -un)
        @(Get-Row $path failures)[0][0, 1] | Should -BeExactly 'EADDRINUSE', "$($failed.Count)"
        $opened = Get-Row $path opened | ForEach-Object { "$($_[1..5])" }
        foreach ($one in $truth | Where-Object { -not $_.error -and $_.requested_port }) {
            $opened | Should -Contain "TCP $($one.address) $($one.port) $truthComm $user"
        }
        [IO.File]::ReadAllText($path) | Should -Match "<dd>$($truth.Count - $failed.Count)</dd></div>\s*<div class=""tile bad""><dt>failed calls</dt><dd>$($failed.Count)</dd>"
    }

    It 'Shows what a trace counted' {
        Skip-WithoutTracing
        $trace = Start-BindTrace -Comm $truthComm -Mode Count
        $truth = Invoke-Truth five-ports
        $trace | Export-BindReport $path
        $trace | Remove-BindTrace
        [IO.File]::ReadAllText($path) | Should -Match "<dt>binds counted in the kernel</dt><dd>$($truth.Count)</dd>"
    }

    It 'Shows the current sockets and their holders' {
        $listener = [Net.Sockets.TcpListener]::new([ipaddress]::Loopback, 0)
        $listener.Start()
        try {
            Export-BindReport $path
            $port = $listener.LocalEndpoint.Port
            $row = Get-Row $path sockets | Where-Object { $_[2] -eq $port -and $_[4] -eq 'Listen' }
            $row[0, 1] | Should -BeExactly 'TCP', '127.0.0.1'
            $row[5] | Should -Match "\[$PID\]"
            Get-BindSocket -Port $port | Export-BindReport $path
            @(Get-Row $path sockets).Count | Should -Be 1
        }
        finally {
            $listener.Stop()
        }
    }

    It 'Shows violations, passed in or found by a policy' {
        $bind = [pscustomobject]@{
            Comm = 'web'; Uid = 33; Gid = 33; Protocol = 'TCP'; AddressFamily = 'IPv4'; Address = '0.0.0.0'; Port = 80; RequestedAddress = '0.0.0.0'; RequestedPort = 80
            ErrorCode = 0; Unit = 'web.service'; ContainerId = ''
        }
        $policy = @{ Rules = @() }
        $bind | Test-BindPolicy -Policy $policy | Export-BindReport $path
        @(Get-Row $path violations)[0][0..2] | Should -BeExactly 'not allowed', '1', 'web'
        $bind, $bind | Export-BindReport $path -Policy $policy
        @(Get-Row $path violations)[0][0..2] | Should -BeExactly 'not allowed', '2', 'web'
        $file = Join-Path $TestDrive policy.json
        Set-Content $file '{ "Default": "Allow", "Rules": [] }'
        $bind | Export-BindReport $path -Policy $file
        [IO.File]::ReadAllText($path) | Should -Match '1 binds were judged by the policy .*\s*<p>There are none\.'
    }

    It 'Reports an object that it cannot show, and shows the rest' {
        $socket = Get-BindSocket -All | Select-Object -First 1
        5, $socket | Export-BindReport $path -ErrorVariable said -ErrorAction SilentlyContinue
        Assert-Error $said[0] -Id InvalidReportObject -Category InvalidArgument -Target 5 -Advice 'output of BindSnoop'
        [IO.File]::ReadAllText($path) | Should -Match 'Object 1 of the input is not an event, count, socket or violation'
    }

    It 'Writes nothing with -WhatIf' {
        Export-BindReport $path -WhatIf
        $path | Should -Not -Exist
        Export-BindReport $path -Title 'a <b> c' | Should -BeNullOrEmpty
        [IO.File]::ReadAllText($path) | Should -Match '<h1>a &lt;b&gt; c</h1>'
    }

    It 'Replaces only reports' {
        Set-Content $path 'precious'
        $said = Get-OnlyError { Export-BindReport $path }
        Assert-Error $said -Id ReportFileNotOurs -Category ResourceExists -Target $path -Advice 'another path'
        Get-Content $path | Should -Be 'precious'
        $said = Get-OnlyError { Export-BindReport (Join-Path $TestDrive none a.html) }
        Assert-Error $said -Id ReportPathNotFound -Category ObjectNotFound -Target (Join-Path $TestDrive none a.html) -Advice 'directory'
    }
}
