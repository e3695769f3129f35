# The record has one member more.
/^struct bind_record/,/^};/ s/__u32 padding;/__u32 padding; __u64 more;/
