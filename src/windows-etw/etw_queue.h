/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What waits to be told: samples without the rest of their stack, and the events behind them, in order of time.
 * Used by etw_trace.c.
 */
#ifndef ETW_QUEUE_H
#define ETW_QUEUE_H

#include "windows-etw/etw_stacks.h"
#include "windows-etw/etw_waits.h"

/* A sample, a wait, or another event that must not overtake one. */
struct etw_pending {
	uint64_t time;           /* raw */
	struct etl_event *event; /* a copy, owned; NULL = a sample, described by what follows */
	uint64_t ip;
	struct etw_stack_ids stack;
	uint32_t thread; /* index in etw_tasks.threads */
	uint32_t pid;    /* as its stack says; ETL_NO_ID = not said */
	uint32_t count;
	uint16_t cpu;
	bool ip_in_kernel;
	struct etw_wait
		wait; /* out != 0: not a sample of the processor but a wait, over at `time` */
};

/* A ring. Embedded; start with all zero. */
struct etw_queue {
	struct etw_pending *ring;
	size_t head;
	size_t nr;
	size_t cap; /* a power of two */
};

void etw_queue_done(struct etw_queue *q);
/*
 * Puts a copy of *pending, whose event it then owns, behind all of its time and before: behind the last, or a few places
 * in front of it. Returns 0 or -ENOMEM (nothing taken over).
 */
int etw_queue_push(struct etw_queue *q, const struct etw_pending *pending);
/* Takes away the first one, whose event the caller then owns. There must be one. */
struct etw_pending etw_queue_pop(struct etw_queue *q);
/* Index of the first one at `time` or later; q->nr = none. */
size_t etw_queue_find(const struct etw_queue *q, uint64_t time);

/* The one at index i, below q->nr, from the front. */
static inline struct etw_pending *etw_queue_at(const struct etw_queue *q, size_t i)
{
	return &q->ring[(q->head + i) & (q->cap - 1)];
}

#endif
