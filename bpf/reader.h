/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Messages from user space, which maps this, to the running programs. */
#ifndef BINDSNOOP_READER_H
#define BINDSNOOP_READER_H

#include "kernel.h"

struct reader {
	/*
	 * Set before the reader sleeps for long. Waking it costs more than the rest of an event, so only the first event
	 * after that does; while busy, the reader polls.
	 */
	__u32 waiting;
	/* The trace is about to detach: store no more calls, because their returns may not be seen. */
	__u32 leaving;
};

volatile struct reader reader SEC(".data.reader") = {};

#endif
