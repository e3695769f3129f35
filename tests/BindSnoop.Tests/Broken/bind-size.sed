# The sample has one member more.
/^struct bind_sample/,/^};/ s/__u32 padding;/__u32 padding; __u64 more;/
