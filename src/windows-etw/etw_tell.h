/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes calls of the sink of events and samples that come in order of time.
 * Used by etw_trace.c.
 */
#ifndef ETW_TELL_H
#define ETW_TELL_H

#include "base/buffer.h"
#include "collector.h"
#include "windows-etw/etw_facts.h"
#include "windows-etw/etw_queue.h"
#include "windows-etw/etw_tasks.h"
#include "windows-etw/etw_trace.h"

struct etw_block;

/* Embedded; all zero but for the first three, which are borrowed. */
struct etw_teller {
	struct sink *sink;
	struct etw_facts *facts;
	struct etw_trace_counts *counts;
	struct etw_tasks tasks;
	struct id_table block_index;
	struct etw_block *blocks; /* by id - 1 */
	size_t blocks_cap;
	struct buffer text;
};

void etw_teller_done(struct etw_teller *t);

/* Each returns 0, -ENOMEM or the sink's error. */

/* What was there before the first event. */
int etw_tell_beginning(struct etw_teller *t, uint64_t time_ns);
/* An event other than a sample. found: it speaks of what was there before it, whatever moment it says. */
int etw_tell_event(struct etw_teller *t, const struct etl_event *event, bool found,
		   uint64_t time_ns);
/* A sample with as much of its stack as there is. */
int etw_tell_sample(struct etw_teller *t, const struct etw_pending *pending, uint64_t time_ns);
/*
 * A wait with as much of its stack as there is, as one sample for all of it and one for the part of it in which the
 * thread was ready to run. ready_ns: the beginning of that part; 0 = not known.
 */
int etw_tell_wait(struct etw_teller *t, const struct etw_pending *pending, uint64_t start_ns,
		  uint64_t ready_ns, uint64_t end_ns);

#endif
