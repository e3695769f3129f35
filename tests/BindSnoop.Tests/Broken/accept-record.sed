# Two members of the record change places.
/^struct accept_record/,/^};/ {
	s/local_port/other_port/
	s/remote_port/local_port/
	s/other_port/remote_port/
}
