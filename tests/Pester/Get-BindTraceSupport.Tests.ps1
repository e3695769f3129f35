BeforeAll {
    . ([IO.Path]::Combine($PSScriptRoot, 'common.ps1'))
}

Describe 'Get-BindTraceSupport' {
    BeforeAll {
        $support = Get-BindTraceSupport
    }

    AfterEach {
        Assert-NothingAttached
    }

    It 'Returns one object' {
        @($support).Count | Should -Be 1
        $support | Should -BeOfType ([BindSnoop.TraceSupport])
    }

    It 'Reports the facts of this machine' {
        $support.Kernel | Should -Be (uname -r)
        $support.Architecture | Should -BeIn 'X64', 'Arm64'
        $support.Btf | Should -Be (Test-Path /sys/kernel/btf/vmlinux)
        $support.LibBpfVersion | Should -Match '^(\d+\.\d+.*)?$'
        $support.LibBpfPath | Should -Match ($support.LibBpfVersion ? '^/.*/libbpf\.so\.1' : '^$')
        $support.Jit | Should -BeIn 'Enabled', 'Disabled', 'Unknown'
        $support.Lockdown | Should -BeIn '', 'none', 'integrity', 'confidentiality'
        $support.MemoryLockLimit | Should -Match '^(\d+|unlimited)$'
        if ($support.CgroupMountPoint) {
            stat --file-system --format %T $support.CgroupMountPoint | Should -Be 'cgroup2fs'
        }
        else {
            '/proc/self/mounts' | Should -Not -FileContentMatch ' cgroup2 '
        }
    }

    It 'Names the capabilities in effect' {
        $effective = [Convert]::ToUInt64(((Get-Content /proc/self/status | Where-Object { $_ -like 'CapEff:*' }) -replace '\W*CapEff:\s*'), 16)
        $expected = @{ 39 = 'CAP_BPF'; 38 = 'CAP_PERFMON'; 21 = 'CAP_SYS_ADMIN'; 12 = 'CAP_NET_ADMIN'; 2 = 'CAP_DAC_READ_SEARCH' }.GetEnumerator() |
            Where-Object { $effective -shr $_.Key -band 1 } | ForEach-Object Value
        @($support.Capabilities) | Sort-Object | Should -Be @($expected | Sort-Object)
    }

    It 'Lists every back end, in the order they are tried' {
        "$($support.Backends.Backend)" | Should -Be 'Fentry Kprobe Cgroup Tracepoint'
        $support.Usable | Should -Be (@($support.Backends | Where-Object Usable).Count -gt 0)
    }

    It 'Explains why a back end is not usable and how to fix it, or neither: <_>' -ForEach 0, 1, 2 {
        $backend = $support.Backends[$_]
        if ($backend.Usable) {
            $backend.Proven | Should -BeTrue
            $backend.Reason | Should -BeExactly ''
            $backend.Remedy | Should -BeExactly ''
        }
        else {
            # Loading it has already failed.
            $backend.Proven | Should -Be $null
            $backend.Reason | Should -Not -BeNullOrEmpty
            $backend.Remedy | Should -Not -BeNullOrEmpty
        }
        "$backend" | Should -Be ($backend.Usable ? "$($backend.Backend): usable" : "$($backend.Backend): $($backend.Reason)")
    }

    It 'Is right about which back ends are usable' {
        foreach ($backend in $support.Backends) {
            $trace = try { Start-BindTrace -Backend $backend.Backend } catch { $null }
            [bool]$trace | Should -Be $backend.Usable -Because "that is what it says of $($backend.Backend)"
            if ($trace) {
                $trace | Remove-BindTrace
            }
        }
    }

    It 'Is right about which back end is tried first' {
        Skip-WithoutTracing
        $trace = Start-BindTrace
        $usable = @($support.Backends | Where-Object Usable | ForEach-Object { "$($_.Backend)" })
        $passedOver = @($trace.Refusals | Where-Object { $_.Error.ErrorId -eq 'ProgramsPreempted' } | ForEach-Object { "$($_.Backend)" })
        # Where the kernel preempts, Cgroup comes first.
        $trace.Backend | Should -BeIn $usable
        $others = @{ Tracepoint = 'Cgroup Fentry Kprobe'; Cgroup = '', 'Fentry', 'Fentry Kprobe'; Kprobe = 'Fentry', 'Cgroup Fentry'; Fentry = '', 'Cgroup Kprobe' }
        "$($trace.Refusals.Backend | Sort-Object)" | Should -BeIn $others["$($trace.Backend)"]
        foreach ($refusal in $trace.Refusals) {
            "$($refusal.Backend)" -in $usable | Should -Be ("$($refusal.Backend)" -in $passedOver)
        }
    }

    It 'Is readable in JSON' {
        $json = $support | ConvertTo-Json -Depth 4 -EnumsAsStrings | ConvertFrom-Json
        $json.Backends.Backend | Should -Be 'Fentry', 'Kprobe', 'Cgroup', 'Tracepoint'
        $json.Backends.Usable | Should -Be $support.Backends.Usable
        $json.Backends.Proven | Should -Be $support.Backends.Proven
    }

    It 'Proves each kind of call that a usable back end can trace' {
        foreach ($backend in $support.Backends) {
            $kinds = if ($backend.Usable) { $backend.Backend -eq 'Cgroup' ? @('bind', 'release') : @('bind', 'accept', 'listen', 'release') } else { @() }
            $backend.Proofs.Call | Should -Be $kinds
            foreach ($proof in $backend.Proofs) {
                $proof.Proven | Should -BeTrue -Because "$($backend.Backend) $($proof.Call) $($proof.Reason)"
                $proof.Calls | Should -BeGreaterThan 1
                $proof.Fields | Should -Contain 'ProcessId'
            }
        }
    }

    It 'Lists what was compared with -Detailed, live and deserialized' {
        $text = $support | Out-String -Width 80
        $text | Should -Not -Match 'KernelTime'
        $detailed = Get-BindTraceSupport -Detailed
        $details = $detailed | Out-String -Width 80
        $copy = [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($detailed))
        $copy | Out-String -Width 80 | Should -BeExactly $details
        $usable = @($detailed.Backends | Where-Object Usable).Count
        [regex]::Matches($details, '(?m)^  release +\d+ calls: ').Count | Should -Be $usable
        $details -split "`n" | ForEach-Object { $_.Length | Should -BeLessOrEqual 80 }
    }
}
