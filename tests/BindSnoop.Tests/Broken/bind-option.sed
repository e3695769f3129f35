# The bit of another option.
s/config.freebind_bit & 63/(config.freebind_bit + 1) \& 63/
s/READ_BITFIELD(bits, freebind)/READ_BITFIELD(bits, transparent)/
