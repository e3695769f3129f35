/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* What user space, which maps it, says to the programs while they run. */
#ifndef BINDSNOOP_READER_H
#define BINDSNOOP_READER_H

#include "kernel.h"

struct reader {
	/*
	 * Set before it goes to sleep for long. Waking it costs more than all the rest of an event, so it is done once,
	 * for the first event after that; while busy, the reader comes by itself.
	 */
	__u32 waiting;
	/* It is about to detach: no call is to be noted down any more whose return may not be seen. */
	__u32 leaving;
};

volatile struct reader reader SEC(".data.reader") = {};

#endif
