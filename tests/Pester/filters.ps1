# The filters of all tracing cmdlets: the arguments of each, and which binds must pass. Wanted is evaluated for each
# truth line, as $_. The Live ones are enough for a cmdlet that shares the code.

# Everything that some filter distinguishes.
$filterTruth = @(
    'tcp4-any', 'tcp4-loopback', 'udp4-loopback', 'tcp6-any', 'tcp6-loopback', 'udp6-loopback', 'tcp6-mapped'
    'tcp4-specific', 'tcp6-specific', 'tcp4-port-zero', 'tcp4-port-65535', 'freebind4-nonlocal', 'freebind6-nonlocal'
    'mptcp4', 'udplite4', 'raw4-icmp', 'raw4-port', 'eaddrinuse-tcp4', 'eaddrnotavail4', 'eacces4', 'five-ports'
    'other-user', 'effective-user', 'huge-user', 'thread-comm', 'comm-full', 'comm-quote', 'comm-escape'
)

$filterCases = @(
    @{ Live = $true; Name = 'no filter at all'; Parameter = @{}; Wanted = { $true }; PassesAll = $true }
    @{ Live = $true; Name = 'failures too'; Parameter = @{ IncludeError = $true }; Wanted = { $true }; PassesAll = $true }

    @{ Name = 'a port'; Parameter = @{ Port = 20021 }; Wanted = { $_.port -eq 20021 } }
    @{ Name = 'ports, one of them a string'; Parameter = @{ Port = 20021, '20024' }; Wanted = { $_.port -in 20021, 20024 } }
    @{ Name = 'a range of ports, ends included'; Parameter = @{ Port = '20511-20513' }; Wanted = { $_.port -ge 20511 -and $_.port -le 20513 } }
    @{ Live = $true; Name = 'ranges and ports'; Parameter = @{ Port = '20510-20511', '20513-20513', 20027 }; Wanted = { $_.port -in 20510, 20511, 20513, 20027 } }
    @{ Name = 'ranges that overlap'; Parameter = @{ Port = '20510-20513', '20512-20514' }; Wanted = { $_.port -ge 20510 -and $_.port -le 20514 } }
    @{ Name = 'the port that was asked for'; Parameter = @{ Port = 80 }; Wanted = { $_.requestedPort -eq 80 } }
    @{ Name = 'port 0, asked for or got'; Parameter = @{ Port = 0 }; Wanted = { $_.requestedPort -eq 0 -or $_.port -eq 0 } }
    @{ Name = 'the highest port'; Parameter = @{ Port = 65535 }; Wanted = { $_.port -eq 65535 } }
    @{ Name = 'all ports'; Parameter = @{ Port = '0-65535' }; Wanted = { $true }; PassesAll = $true }
    @{ Live = $true; Name = 'a busy port, with failures'; Parameter = @{ Port = 20300; IncludeError = $true }; Wanted = { $_.port -eq 20300 } }
    @{ Name = 'a denied port, with failures'; Parameter = @{ Port = '1-100'; IncludeError = $true }; Wanted = { $_.requestedPort -eq 80 } }

    @{ Name = 'a user by number'; Parameter = @{ Uid = 12345 }; Wanted = { $_.uid -eq 12345 } }
    @{ Name = 'a user by name'; Parameter = @{ Uid = 'root' }; Wanted = { $_.uid -eq 0 } }
    @{ Live = $true; Name = 'users by name and number'; Parameter = @{ Uid = 'root', '12345' }; Wanted = { $_.uid -in 0, 12345 } }
    @{ Name = 'the highest user'; Parameter = @{ Uid = '4294967294' }; Wanted = { $_.uid -eq 4294967294 } }
    @{ Name = 'a user who only failed'; Parameter = @{ Uid = 65534; IncludeError = $true }; Wanted = { $_.uid -eq 65534 } }
    @{ Name = 'a user, by the alias'; Parameter = @{ User = 12345 }; Wanted = { $_.uid -eq 12345 } }
    @{ Live = $true; Name = 'a group'; Parameter = @{ Gid = 23456 }; Wanted = { $_.gid -eq 23456 } }
    @{ Name = 'groups'; Parameter = @{ Gid = 0, 4294967293 }; Wanted = { $_.gid -in 0, 4294967293 } }

    @{ Name = 'TCP'; Parameter = @{ Protocol = 'TCP' }; Wanted = { $_.protocol -eq 6 } }
    @{ Live = $true; Name = 'UDP, in small letters'; Parameter = @{ Protocol = 'udp' }; Wanted = { $_.protocol -eq 17 } }
    @{ Name = 'a protocol by number'; Parameter = @{ Protocol = 17 }; Wanted = { $_.protocol -eq 17 } }
    @{ Live = $true; Name = 'protocols'; Parameter = @{ Protocol = 'UDP', 'UDPLITE', '1' }; Wanted = { $_.protocol -in 17, 136, 1 } }
    @{ Name = 'MPTCP'; Parameter = @{ Protocol = 'MPTCP' }; Wanted = { $_.protocol -eq 262 } }
    @{ Name = 'ICMP'; Parameter = @{ Protocol = 'ICMP' }; Wanted = { $_.protocol -eq 1 } }

    @{ Name = 'IPv4'; Parameter = @{ AddressFamily = 'IPv4' }; Wanted = { $_.family -eq 'IPv4' } }
    @{ Live = $true; Name = 'IPv6'; Parameter = @{ AddressFamily = 'IPv6' }; Wanted = { $_.family -eq 'IPv6' } }
    @{ Name = 'both IP versions'; Parameter = @{ AddressFamily = 'IPv4', 'IPv6' }; Wanted = { $true }; PassesAll = $true }

    @{ Name = 'an address'; Parameter = @{ Address = '10.77.0.1' }; Wanted = { $_.address -eq '10.77.0.1' } }
    @{ Live = $true; Name = 'an IPv4 prefix'; Parameter = @{ Address = '10.0.0.0/8' }; Wanted = { $_.address -like '10.*' } }
    @{ Name = 'an IPv4 prefix with bits to spare'; Parameter = @{ Address = '192.0.2.77/25' }; Wanted = { $_.address -like '192.0.2.*' } }
    @{ Name = 'a prefix just beside'; Parameter = @{ Address = '192.0.2.128/25', '10.76.0.0/16', '10.77.0.1' }; Wanted = { $_.address -eq '10.77.0.1' } }
    @{ Name = 'all of IPv4'; Parameter = @{ Address = '0.0.0.0/0' }; Wanted = { $_.address -notlike '*:*' -or $_.address -like '::ffff:*' } }
    @{ Name = 'an IPv6 address'; Parameter = @{ Address = '::1' }; Wanted = { $_.address -eq '::1' } }
    @{ Live = $true; Name = 'an IPv6 prefix'; Parameter = @{ Address = 'fd00::/8' }; Wanted = { $_.address -like 'fd*' } }
    @{ Name = 'an IPv6 prefix off the nibbles'; Parameter = @{ Address = '2001:dbf::/29' }; Wanted = { $_.address -like '2001:db8:*' } }
    @{ Name = 'the IPv4 address in a mapped one'; Parameter = @{ Address = '127.0.0.1'; AddressFamily = 'IPv6' }; Wanted = { $_.address -eq '::ffff:127.0.0.1' } }
    @{ Live = $true; Name = 'a mapped address as such'; Parameter = @{ Address = '::ffff:127.0.0.1' }; Wanted = { $_.address -eq '::ffff:127.0.0.1' } }
    @{ Name = 'addresses of both kinds'; Parameter = @{ Address = '10.77.0.0/24', 'fd77::1' }; Wanted = { $_.address -in '10.77.0.1', 'fd77::1' } }
    @{ Name = 'an address that is not there, with failures'; Parameter = @{ Address = '192.0.2.1'; IncludeError = $true }; Wanted = { $_.address -eq '192.0.2.1' } }

    @{ Name = 'a thread name'; Parameter = @{ Comm = 'a-thread' }; Wanted = { $_.comm -eq 'a-thread' } }
    @{ Name = 'a thread name of 15 bytes'; Parameter = @{ Comm = 'fifteen-letters' }; Wanted = { $_.comm -eq 'fifteen-letters' } }
    @{ Live = $true; Name = 'thread names'; Parameter = @{ Comm = 'a-thread', 'the-leader' }; Wanted = { $_.comm -in 'a-thread', 'the-leader' } }
    @{ Name = 'a thread name with quotes, as events show it'; Parameter = @{ Comm = 'a"b\\c''d,e;$(f)' }; Wanted = { $_.case -eq 'comm-quote' } }
    @{ Live = $true; Name = 'a thread name with escapes, as events show it'; Parameter = @{ Comm = '\x1b[2J\x1b[31mred\x1b[' }; Wanted = { $_.case -eq 'comm-escape' } }
    @{ Name = 'the beginning of a thread name'; Parameter = @{ Comm = 'a-thr', 'the-leader' }; Wanted = { $_.comm -eq 'the-leader' } }

    @{ Live = $true; Name = 'port and protocol'; Parameter = @{ Port = '20000-20030'; Protocol = 'UDP' }; Wanted = { $_.port -in 20000..20030 -and $_.protocol -eq 17 } }
    @{ Name = 'address, IP version and protocol'; Parameter = @{ Address = '::1', '127.0.0.1'; AddressFamily = 'IPv6'; Protocol = 'TCP', 'UDP' }; Wanted = { $_.family -eq 'IPv6' -and $_.address -in '::1', '::ffff:127.0.0.1' } }
    @{ Live = $true; Name = 'user, group, port and thread'; Parameter = @{ Uid = 12345; Gid = 23456; Port = 20557, 20558 }; Wanted = { $_.port -eq 20557 } }
    @{ Live = $true; Name = 'filters that exclude each other'; Parameter = @{ Port = 20021; Protocol = 'UDP' }; Wanted = { $false } }
    @{ Name = 'a user and a group that do not belong together'; Parameter = @{ Uid = 12345; Gid = 0 }; Wanted = { $false } }
)

# The same for accepts. Errors appear only with IncludeError, and calls that would have blocked with IncludeWouldBlock.
$acceptCases = @(
    @{ Name = 'no filter at all'; Parameter = @{}; Wanted = { $true }; PassesAll = $true }
    @{ Name = 'failures too'; Parameter = @{ IncludeError = $true }; Wanted = { $_.errorName -ne 'EAGAIN' }; PassesAll = $true }
    @{ Name = 'calls that would have waited too'; Parameter = @{ IncludeError = $true; IncludeWouldBlock = $true }; Wanted = { $true }; PassesAll = $true }
    @{ Name = 'a local port'; Parameter = @{ Port = 20800 }; Wanted = { $_.localPort -eq 20800 } }
    @{ Name = 'local ports, by the alias'; Parameter = @{ LocalPort = '20800-20801', 20814 }; Wanted = { $_.localPort -in 20800, 20801, 20814 } }
    @{ Name = 'a local address'; Parameter = @{ Address = '127.0.0.2' }; Wanted = { $_.localAddress -eq '127.0.0.2' } }
    @{ Name = 'a local prefix, by the alias'; Parameter = @{ LocalAddress = '::/96' }; Wanted = { $_.localAddress -eq '::1' } }
    @{ Name = 'a peer''s address'; Parameter = @{ RemoteAddress = '::1' }; Wanted = { $_.remoteAddress -eq '::1' } }
    @{ Name = 'peers'' prefixes'; Parameter = @{ RemoteAddress = '::1/128', '127.0.0.0/8' }; Wanted = { $_.error -eq 0 }; PassesAll = $true }
    @{ Name = 'a peer''s prefix that none has'; Parameter = @{ RemoteAddress = '10.0.0.0/8' }; Wanted = { $false } }
    @{ Name = 'any port of peers'; Parameter = @{ RemotePort = '1-65535' }; Wanted = { $_.error -eq 0 }; PassesAll = $true }
    @{ Name = 'a port that no peer has'; Parameter = @{ RemotePort = '1-1023' }; Wanted = { $false } }
    @{ Name = 'IPv6'; Parameter = @{ AddressFamily = 'IPv6' }; Wanted = { $_.family -eq 'IPv6' } }
    @{ Name = 'a user'; Parameter = @{ Uid = 12345 }; Wanted = { $_.uid -eq 12345 } }
    @{ Name = 'a group'; Parameter = @{ Gid = 23456 }; Wanted = { $_.gid -eq 23456 } }
    @{ Name = 'port and user'; Parameter = @{ Port = '20800-20899'; Uid = 'root'; AddressFamily = 'IPv4' }; Wanted = { $_.uid -eq 0 -and $_.family -eq 'IPv4' } }
)

# The same for listens.
$listenCases = @(
    @{ Name = 'no filter at all'; Parameter = @{}; Wanted = { $true }; PassesAll = $true }
    @{ Name = 'failures too'; Parameter = @{ IncludeError = $true }; Wanted = { $true }; PassesAll = $true }
    @{ Name = 'a port'; Parameter = @{ Port = 21200 }; Wanted = { $_.port -eq 21200 } }
    @{ Name = 'ports, by the alias'; Parameter = @{ LocalPort = '21200-21201', 21230 }; Wanted = { $_.port -in 21200, 21201, 21230 } }
    @{ Name = 'an address'; Parameter = @{ Address = '0.0.0.0' }; Wanted = { $_.address -eq '0.0.0.0' } }
    @{ Name = 'a prefix, by the alias'; Parameter = @{ LocalAddress = '::1/128' }; Wanted = { $_.address -eq '::1' } }
    @{ Name = 'a protocol'; Parameter = @{ Protocol = 'UDP'; IncludeError = $true }; Wanted = { $_.protocol -eq 17 } }
    @{ Name = 'IPv6'; Parameter = @{ AddressFamily = 'IPv6' }; Wanted = { $_.family -eq 'IPv6' } }
    @{ Name = 'a user'; Parameter = @{ Uid = 12345 }; Wanted = { $_.uid -eq 12345 } }
    @{ Name = 'a group'; Parameter = @{ Gid = 23456 }; Wanted = { $_.gid -eq 23456 } }
    @{ Name = 'port and user'; Parameter = @{ Port = '21200-21299'; Uid = 'root'; AddressFamily = 'IPv4' }; Wanted = { $_.port -in 21200..21299 -and $_.uid -eq 0 -and $_.family -eq 'IPv4' } }
)

# The same for releases.
$releaseCases = @(
    @{ Name = 'no filter at all'; Parameter = @{}; Wanted = { $true }; PassesAll = $true }
    @{ Name = 'a port'; Parameter = @{ Port = 21300 }; Wanted = { $_.port -eq 21300 } }
    @{ Name = 'an address, by the alias'; Parameter = @{ LocalAddress = '::1' }; Wanted = { $_.address -eq '::1' } }
    @{ Name = 'a protocol'; Parameter = @{ Protocol = 'MPTCP' }; Wanted = { $_.protocol -eq 262 } }
    @{ Name = 'a user and IPv4'; Parameter = @{ Uid = 12345; AddressFamily = 'IPv4' }; Wanted = { $_.uid -eq 12345 } }
)

# The part of the truth that the default back end sees. Cgroup programs alone do not see raw sockets, and other hooks run
# beside them only if failures or such a protocol are requested.
function Select-Visible {
    param([Parameter(Mandatory)] $Truth, [Parameter(Mandatory)] $Case)
    $usable = "$((Get-BindTraceSupport).Backends.Where{ $_.Usable }.Backend)"
    $all = $usable -ne 'Cgroup Tracepoint' -or $Case.Parameter.IncludeError -or $Case.Parameter.Protocol
    $Truth | Where-Object { $all -or $_.case -notlike 'raw*' }
}

# The part of the truth that must pass a filter, through Format-Call.
function Select-Wanted {
    param([Parameter(Mandatory)] $Truth, [Parameter(Mandatory)] $Case)
    Select-Visible $Truth $Case | Where-Object { $Case.Parameter.IncludeError -or $_.error -eq 0 } | Where-Object $Case.Wanted | Format-Call
}

# Compares the events with those expected.
function Assert-Filter {
    param(
        [Parameter(Mandatory)] $Truth,
        [Parameter(Mandatory)] $Case,
        [Parameter(Mandatory)] [AllowEmptyCollection()] [AllowNull()] $Seen
    )
    $wanted = @(Select-Wanted $Truth $Case)
    # A case that passes nothing, or everything, tests nothing, unless that is its purpose.
    if ("$($Case.Wanted)".Trim() -ne '$false') {
        if (-not $wanted) {
            Skip-Test -Because "this machine cannot make the binds that '$($Case.Name)' lets through"
        }
        if (-not $Case.PassesAll) {
            $wanted.Count | Should -BeLessThan @($Truth | Where-Object error -EQ 0).Count
        }
    }
    @($Seen) -join "`n" | Should -Be ($wanted -join "`n")
}

# Runs only so many at a time that no limit of the kernel is reached: a trampoline takes 38 programs.
function Split-Batch {
    param([Parameter(Mandatory)] [object[]] $Items, [int] $Size = 18)
    for ($i = 0; $i -lt $Items.Count; $i += $Size) {
        , $Items[$i..([Math]::Min($i + $Size, $Items.Count) - 1)]
    }
}

# Runs a cmdlet live with the filters of all cases at once, and makes the calls meanwhile. Returns the truth and the
# output by name.
function Invoke-LiveFilter {
    param(
        [Parameter(Mandatory)] [string] $Command,
        [Parameter(Mandatory)] [object[]] $Case,
        [string[]] $Calls = $filterTruth,
        [string] $Verb = 'run'
    )
    $script = {
        param($Command, $Case, $Seconds)
        $Case | ForEach-Object -ThrottleLimit $Case.Count -Parallel {
            Import-Module -Name $using:ModulePath -Verbose:$false
            $parameter = $_.Parameter
            $ProgressPreference = 'SilentlyContinue'
            [pscustomobject]@{
                Name   = $_.Name
                Output = @(& $using:Command @parameter -BufferSize 262144 -Duration $using:Seconds -Verbose)
            }
        }
    }
    # The first must not end before the last has seen the binds.
    foreach ($seconds in 4, 12, 36) {
        $clock = [System.Diagnostics.Stopwatch]::StartNew()
        $parameter = @{ Command = $Command; Case = @($Case | Select-Object Name, Parameter); Seconds = $seconds }
        $traced = Start-Traced $script -Parameter $parameter -Traces $Case.Count
        $truth = Invoke-Truth $Calls -Verb $Verb
        $inTime = $clock.Elapsed.TotalSeconds -lt $seconds
        $result = $traced | Complete-Traced -Seconds 60
        if ($inTime) {
            break
        }
    }
    $result.Failure | Should -BeNullOrEmpty
    $result.Errors | Should -BeNullOrEmpty
    $result.Output.Count | Should -Be $Case.Count
    $named = @{}
    foreach ($one in $result.Output) {
        $named[$one.Name] = @{ Truth = $truth; Output = $one.Output }
    }
    $named
}
