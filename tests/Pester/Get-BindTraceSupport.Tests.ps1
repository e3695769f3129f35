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

    It 'Gives one object' {
        @($support).Count | Should -Be 1
        $support | Should -BeOfType ([BindSnoop.TraceSupport])
    }

    It 'Tells the facts of this machine' {
        $support.Kernel | Should -Be (uname -r)
        $support.Architecture | Should -BeIn 'X64', 'Arm64'
        $support.Btf | Should -Be (Test-Path /sys/kernel/btf/vmlinux)
        $support.LibBpfVersion | Should -Match '^(\d+\.\d+.*)?$'
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

    It 'Tells of every back end, in the order they are tried' {
        "$($support.Backends.Backend)" | Should -Be 'Fentry Kprobe Cgroup Tracepoint'
        $support.Usable | Should -Be (@($support.Backends | Where-Object Usable).Count -gt 0)
    }

    It 'Says why a back end cannot be used and what to do about it, or neither: <_>' -ForEach 0, 1, 2 {
        $backend = $support.Backends[$_]
        if ($backend.Usable) {
            $backend.Reason | Should -BeExactly ''
            $backend.Remedy | Should -BeExactly ''
        }
        else {
            $backend.Reason | Should -Not -BeNullOrEmpty
            $backend.Remedy | Should -Not -BeNullOrEmpty
        }
        "$backend" | Should -Be ($backend.Usable ? "$($backend.Backend): usable" : "$($backend.Backend): $($backend.Reason)")
    }

    It 'Is right about what can be used' {
        foreach ($backend in $support.Backends) {
            $trace = try { Start-BindTrace -Backend $backend.Backend } catch { $null }
            [bool]$trace | Should -Be $backend.Usable -Because "that is what it says of $($backend.Backend)"
            if ($trace) {
                $trace | Remove-BindTrace
            }
        }
    }

    It 'Is right about what is tried first' {
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

    It 'Comes out of JSON readably' {
        $json = $support | ConvertTo-Json -Depth 4 -EnumsAsStrings | ConvertFrom-Json
        $json.Backends.Backend | Should -Be 'Fentry', 'Kprobe', 'Cgroup', 'Tracepoint'
        $json.Backends.Usable | Should -Be $support.Backends.Usable
    }

    It 'Takes no parameters of its own' {
        $own = (Get-Command Get-BindTraceSupport).Parameters.Keys | Where-Object { $_ -notin [System.Management.Automation.Cmdlet]::CommonParameters }
        $own | Should -BeNullOrEmpty
    }
}
