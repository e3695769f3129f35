# What a call returned, read from the wrong place.
s/origin->error_code = ret < 0 ? -ret : 0;/origin->error_code = (ret - 7) \& 0xff;/
