# Two members of the sample change places.
/^struct accept_sample/,/^};/ {
	s/local_port/other_port/
	s/remote_port/local_port/
	s/other_port/remote_port/
}
