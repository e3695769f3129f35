# Wrong input that all tracing cmdlets share, and the one error that each must cause.

$wrongFilters = @(
    foreach ($port in 'http', '65536', '-1', '9000-8000', '80-', '-80', '1-2-3', '80.5', '1,2', ' ', '0x50', '70000-70001') {
        @{ What = "the port '$port'"; Parameter = @{ Port = $port }; Id = 'InvalidPort'; Target = $port; Advice = '65535' }
    }
    @{ What = 'the port 65536, a number'; Parameter = @{ Port = 65536 }; Id = 'InvalidPort'; Target = '65536'; Advice = '65535' }
    @{ What = 'one bad port among good ones'; Parameter = @{ Port = 80, 'bad', '8000-8999' }; Id = 'InvalidPort'; Target = 'bad'; Advice = '8000-8999' }
    foreach ($user in 'nobody here', '-1', '4294967295', '4294967296', "root`0") {
        @{ What = "the user '$($user.Replace("`0", '\0'))'"; Parameter = @{ Uid = $user }; Id = 'UserNotFound'; Category = 'ObjectNotFound'; Target = $user; Advice = 'getent passwd' }
    }
    foreach ($process in 0, -1, -2147483648) {
        @{ What = "the process $process"; Parameter = @{ ProcessId = $process }; Id = 'InvalidProcessId'; Target = $process; Advice = 'greater than 0' }
    }
    foreach ($protocol in 'HTTP', '0', '512', '-6', '65542') {
        @{ What = "the protocol '$protocol'"; Parameter = @{ Protocol = $protocol }; Id = 'InvalidProtocol'; Target = $protocol; Advice = 'TCP' }
    }
    foreach ($address in 'localhost', '127.0.0', '256.0.0.1', '1', '0x7f.0.0.1', ':::1', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', 'fe80::1%lo', '[::1]', '/8') {
        @{ What = "the address '$address'"; Parameter = @{ Address = $address }; Id = 'InvalidAddress'; Target = $address; Advice = '10\.0\.0\.0/8' }
    }
    foreach ($comm in 'sixteen-letters!', 'grüße-an-grüße', 'a\x00b') {
        @{ What = "the thread name '$comm'"; Parameter = @{ Comm = $comm }; Id = 'InvalidComm'; Target = $comm; Advice = '15 bytes'; Traces = $true }
    }
    foreach ($cgroup in '/no/such/cgroup', 'no such cgroup', '/proc', '/etc/passwd', "/`e[31m") {
        @{ What = "the cgroup '$($cgroup.Replace("`e", '\e'))'"; Parameter = @{ Cgroup = $cgroup }; Id = 'CgroupNotFound'; Category = 'ObjectNotFound'; Target = $cgroup; Advice = 'cgroup'; Traces = $true }
    }
    foreach ($map in 'CgroupMap', 'MountNamespaceMap') {
        @{ What = "a -$map that is not there"; Parameter = @{ $map = '/no/such/map' }; Id = 'PinnedMapNotFound'; Category = 'ObjectNotFound'; Target = '/no/such/map'; Advice = 'bpftool map create'; Traces = $true }
    }
)

# Errors that PowerShell itself finds while it binds parameters.
$unboundFilters = @(
    foreach ($name in 'Port', 'Uid', 'Protocol', 'Address', 'Comm', 'Cgroup', 'CgroupMap', 'MountNamespaceMap') {
        @{ What = "an empty -$name"; Parameter = @{ $name = '' }; Id = 'ParameterArgumentValidationError' }
    }
    @{ What = 'a family that is none'; Parameter = @{ AddressFamily = 'IPv5' }; Id = 'CannotConvertArgumentNoMessage' }
    @{ What = 'a back end that is none'; Parameter = @{ Backend = 'Magic' }; Id = 'CannotConvertArgumentNoMessage' }
    @{ What = 'a group that is no number'; Parameter = @{ Gid = 'root' }; Id = 'ParameterArgumentTransformationError|CannotConvertArgumentNoMessage' }
    @{ What = 'a process that is no number'; Parameter = @{ ProcessId = 'init' }; Id = 'ParameterArgumentTransformationError|CannotConvertArgumentNoMessage' }
)

$wrongDurations = @(
    @{ What = '0'; Duration = 0 }
    @{ What = '-1'; Duration = -1 }
    @{ What = 'a negative time span'; Duration = [timespan]'-00:00:01' }
    @{ What = 'no time'; Duration = '00:00:00' }
    @{ What = 'not a number'; Duration = [double]::NaN }
    @{ What = 'no end'; Duration = [double]::PositiveInfinity }
    @{ What = 'infinite'; Duration = [System.Threading.Timeout]::InfiniteTimeSpan }
    @{ What = 'a tenth of a millisecond'; Duration = 0.0001 }
    @{ What = '25 days'; Duration = '25.00:00:00' }
    @{ What = 'a huge number'; Duration = '1e300' }
)

$wrongSizes = @(
    foreach ($size in 0, -4096, 1, 2048, 5000, 2147483647) {
        @{ What = "a buffer of $size bytes"; Parameter = @{ BufferSize = $size }; Id = 'InvalidBufferSize'; Target = $size; Advice = 'power of two' }
    }
)

$wrongCapacities = @(
    foreach ($capacity in 0, -1) {
        @{ What = "a capacity of $capacity"; Parameter = @{ Capacity = $capacity }; Id = 'InvalidCountCapacity'; Target = $capacity; Advice = 'at least 1' }
    }
)

# Runs a cmdlet with wrong input and checks its error.
function Assert-Refused {
    param([Parameter(Mandatory)] [scriptblock] $Command, [Parameter(Mandatory)] $Case)
    if ($Case.Traces) {
        # Found only when loading into the kernel.
        Skip-WithoutTracing
    }
    $parameter = $Case.Parameter
    $record = Get-OnlyError { & $Command $parameter }
    Assert-Error $record -Id $Case.Id -Category ($Case.Category ?? 'InvalidArgument') -Target $Case.Target -Advice $Case.Advice
}

# The same if PowerShell itself finds the mistake.
function Assert-NotBound {
    param([Parameter(Mandatory)] [scriptblock] $Command, [Parameter(Mandatory)] $Case)
    $parameter = $Case.Parameter
    $record = Get-OnlyError { & $Command $parameter }
    $record.FullyQualifiedErrorId | Should -Match "^($($Case.Id)),BindSnoop.PowerShell"
    $record.CategoryInfo.Category | Should -BeIn 'InvalidData', 'InvalidArgument'
}

# Back ends that do not work here, requested by name.
function Assert-BackendsRefused {
    param([Parameter(Mandatory)] [scriptblock] $Command)
    Skip-WithoutTracing
    $unusable = @($global:BindSnoopTests.Backends | Where-Object { -not $_.Usable })
    if (-not $unusable) {
        Skip-Test -Because 'every back end works here'
    }
    foreach ($support in $unusable) {
        $parameter = @{ Backend = $support.Backend }
        $record = Get-OnlyError { & $Command $parameter }
        $record.FullyQualifiedErrorId | Should -Match '^(BpfLoadFailed|BpfAttachFailed|FunctionNotFound|KprobesUnavailable|TraceFsUnavailable|TracepointNotFound),'
        $record.CategoryInfo.Category | Should -BeIn 'PermissionDenied', 'NotImplemented', 'InvalidArgument', 'InvalidOperation', 'ObjectNotFound'
        "$record" | Should -Be $support.Reason
        $record.ErrorDetails.RecommendedAction | Should -Be $support.Remedy
        $record.ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
    }
}
