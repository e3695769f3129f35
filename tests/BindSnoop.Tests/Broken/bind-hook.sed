# Hooks where nobody comes by.
s/sys_\(enter\|exit\)_bind/sys_\1_connect/
s/^SEC("cgroup\/post_bind4")/SEC("cgroup\/post_bind6")/
