/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which thread runs where, which does not run, since when and why; from context switches and wakeups.
 * Used by etw_trace.c. Knows raw times and threads by their index in etw_tasks.
 */
#ifndef ETW_WAITS_H
#define ETW_WAITS_H

#include "base/u32_map.h"
#include "windows-etw/etw_decode.h"
#include "windows-etw/etw_tasks.h"

/* A time that a thread did not run. */
struct etw_wait {
	uint64_t out;   /* raw time at which it stopped; 0 = it runs, or that was not seen */
	uint64_t ready; /* raw time from which it only waited for a processor; 0 = not known */
	bool has_waker;
	uint32_t waker; /* index of the thread that made it ready */
	uint8_t reason; /* KWAIT_REASON */
};

/* Embedded; start with all zero. */
struct etw_waits {
	struct etw_wait *by_thread; /* [nr] */
	size_t nr;
	size_t cap;
	struct u32_map running; /* processor + 1 -> index of the thread */
};

void etw_waits_done(struct etw_waits *waits);

/* A thread that runs again. */
struct etw_resumed {
	uint32_t thread;
	struct etw_wait wait; /* what ended; out == 0: none whose beginning was seen */
	bool unseen;          /* there was one, whose beginning was not */
};

/*
 * A processor goes from one thread to another at `time` (raw).
 * Returns 1 with *ret when the new one is not an idle thread, else 0, or -ENOMEM.
 */
int etw_waits_switch(struct etw_waits *waits, struct etw_tasks *tasks, uint16_t cpu, uint64_t time,
		     const struct etw_switch *change, struct etw_resumed *ret);
/* A thread was made ready on a processor, by the thread that runs there or in a DPC. Returns 0 or -ENOMEM. */
int etw_waits_ready(struct etw_waits *waits, struct etw_tasks *tasks, uint16_t cpu, uint64_t time,
		    const struct etw_ready *ready);
/* Threads whose wait has not ended. */
uint64_t etw_waits_open(const struct etw_waits *waits);

/* The name of a reason, as Windows' headers have it; "unknown" beyond those known. */
const char *etw_wait_reason(uint8_t reason);

#endif
