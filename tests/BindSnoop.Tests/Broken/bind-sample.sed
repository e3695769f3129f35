# Two members of the sample change places.
/^struct bind_sample/,/^};/ {
	s/__u16 port;/__u16 number;/
	s/__u16 protocol_number;/__u16 port;/
	s/__u16 number;/__u16 protocol_number;/
}
