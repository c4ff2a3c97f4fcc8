/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts records that arrive from several buffers (one per CPU, the BPF ring) into one order: time.
 * Collectors push what they read and dispatch up to a time before which nothing can still be on its way.
 */
#ifndef LINUX_EVENT_QUEUE_H
#define LINUX_EVENT_QUEUE_H

#include <stddef.h>
#include <stdint.h>

/*
 * What is this old is in its buffer: a record is written right after its time was taken, with preemption off, so only an
 * interrupt or a hypervisor can come in between. Longer would not be safer where it matters: what made a sample possible
 * (the exec, the mapping, the fork) was written before it by the same task. What comes still later is handed out late.
 */
#define EVENT_IN_FLIGHT_NS 2000000ULL

/* Embedded; start with all zero. Memory is kept for reuse until event_queue_done(). */
struct event_queue {
	struct queued_event
		*events; /* [0, nr_done) handed out, the rest sorted runs, see event_queue.c */
	size_t nr_events;
	size_t events_cap;
	size_t nr_done;
	struct queued_event *merged; /* scratch of the sort */
	size_t merged_cap;
	char *bytes; /* copies of the records, 8-byte aligned */
	size_t nr_bytes;
	size_t bytes_cap;
	char *spare_bytes; /* what `bytes` is compacted into */
	size_t spare_cap;
};

/* Says which decoder a record is for; the queue itself gives it no meaning. */
enum event_source { EVENT_SIDEBAND, EVENT_BPF, EVENT_PERF_SAMPLE };

/* Gets one record: data[size], 8-byte aligned, borrowed for the call. Must not push. Nonzero stops the dispatch. */
typedef int (*event_handler)(void *arg, enum event_source source, uint64_t time_ns,
			     const void *data, size_t size);

/* Frees the queue and what is still in it. Accepts an all-zero queue. */
void event_queue_done(struct event_queue *q);
/* Copies a record into the queue. Returns 0 or -ENOMEM. */
int event_queue_push(struct event_queue *q, enum event_source source, uint64_t time_ns,
		     const void *data, size_t size);
/*
 * Hands out all records with time_ns < horizon_ns, by time and, for equal times, in the order pushed.
 * Returns 0, -ENOMEM, or what the handler returned (that record counts as handed out; the rest stay).
 */
int event_queue_dispatch(struct event_queue *q, uint64_t horizon_ns, event_handler handler,
			 void *arg);

#endif
