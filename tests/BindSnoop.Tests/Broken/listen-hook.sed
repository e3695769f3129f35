# Hooks where nobody comes by.
s/sys_\(enter\|exit\)_listen/sys_\1_shutdown/
