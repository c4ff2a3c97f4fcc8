/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time order over records of several buffers.
 * Called by both Linux collectors: pushes what was read, dispatches what is surely complete.
 * Must not know what is in a record.
 *
 * Each buffer delivers its records nearly in order, so what is pending is a few sorted runs; a natural merge sort
 * costs O(n log runs), O(n) when nothing is out of order, and is stable.
 */
#include "linux/event_queue.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"

struct queued_event {
	uint64_t time_ns;
	size_t offset; /* into event_queue.bytes, a multiple of 8 */
	uint32_t size;
	uint32_t source;
};

/* Bytes that a record takes, so that the next one is aligned to 8. */
static size_t room_for(uint32_t size)
{
	return ((size_t)size + 7) & ~(size_t)7;
}

void event_queue_done(struct event_queue *q)
{
	free(q->events);
	free(q->merged);
	free(q->bytes);
	free(q->spare_bytes);
	*q = (struct event_queue){ 0 };
}

int event_queue_push(struct event_queue *q, enum event_source source, uint64_t time_ns,
		     const void *data, size_t size)
{
	size_t room;

	if (size > UINT32_MAX)
		return -ENOMEM;
	room = room_for((uint32_t)size);
	if (q->nr_bytes > SIZE_MAX - room)
		return -ENOMEM;
	if (array_reserve(&q->events, &q->events_cap, q->nr_events + 1, sizeof(*q->events)))
		return -ENOMEM;
	if (array_reserve(&q->bytes, &q->bytes_cap, q->nr_bytes + room, 1))
		return -ENOMEM;
	if (size)
		memcpy(q->bytes + q->nr_bytes, data, size);
	q->events[q->nr_events++] = (struct queued_event){
		.time_ns = time_ns,
		.offset = q->nr_bytes,
		.size = (uint32_t)size,
		.source = source,
	};
	q->nr_bytes += room;
	return 0;
}

/* End of the run of not decreasing times that begins at `start`. */
static size_t run_end(const struct queued_event *events, size_t start, size_t end)
{
	size_t i = start + 1;

	while (i < end && events[i - 1].time_ns <= events[i].time_ns)
		i++;
	return i;
}

/* Merges the sorted from[start, middle) and from[middle, end) to the same place in `to`; ties stay in order. */
static void merge_runs(const struct queued_event *from, struct queued_event *to, size_t start,
		       size_t middle, size_t end)
{
	size_t left = start, right = middle;

	for (size_t i = start; i < end; i++) {
		if (left < middle && (right == end || from[left].time_ns <= from[right].time_ns))
			to[i] = from[left++];
		else
			to[i] = from[right++];
	}
}

/* Sorts events[nr_done, nr_events). Returns 0 or -ENOMEM. */
static int sort_pending(struct event_queue *q)
{
	size_t first_end = run_end(q->events, q->nr_done, q->nr_events);

	while (first_end < q->nr_events) {
		struct queued_event *from = q->events;
		size_t middle = first_end, end;

		/* Two arrays swap roles at each pass, so both get the same capacity. */
		if (array_reserve(&q->merged, &q->merged_cap, q->events_cap, sizeof(*q->merged)))
			return -ENOMEM;
		for (size_t start = q->nr_done; start < q->nr_events; start = end) {
			end = middle < q->nr_events ? run_end(from, middle, q->nr_events) : middle;
			merge_runs(from, q->merged, start, middle, end);
			if (end < q->nr_events)
				middle = run_end(from, end, q->nr_events);
		}
		SWAP(q->events, q->merged);
		SWAP(q->events_cap, q->merged_cap);
		first_end = run_end(q->events, q->nr_done, q->nr_events);
	}
	return 0;
}

/*
 * Frees the room of what was handed out once that is at least half of all, so that each record is moved O(1) times on
 * average. Without memory for it the queue stays as it is, which is only larger.
 */
static void reclaim(struct event_queue *q)
{
	size_t nr_left = q->nr_events - q->nr_done, nr_bytes = 0;

	if (!nr_left) {
		q->nr_events = 0;
		q->nr_done = 0;
		q->nr_bytes = 0;
		return;
	}
	if (q->nr_done < nr_left)
		return;
	for (size_t i = q->nr_done; i < q->nr_events; i++)
		nr_bytes += room_for(q->events[i].size);
	if (array_reserve(&q->spare_bytes, &q->spare_cap, nr_bytes, 1))
		return;
	memmove(q->events, q->events + q->nr_done, nr_left * sizeof(*q->events));
	q->nr_events = nr_left;
	q->nr_done = 0;
	q->nr_bytes = 0;
	for (size_t i = 0; i < nr_left; i++) {
		struct queued_event *event = &q->events[i];

		if (event->size)
			memcpy(q->spare_bytes + q->nr_bytes, q->bytes + event->offset, event->size);
		event->offset = q->nr_bytes;
		q->nr_bytes += room_for(event->size);
	}
	SWAP(q->bytes, q->spare_bytes);
	SWAP(q->bytes_cap, q->spare_cap);
}

int event_queue_dispatch(struct event_queue *q, uint64_t horizon_ns, event_handler handler,
			 void *arg)
{
	int r;

	if (q->nr_done == q->nr_events)
		return 0;
	r = sort_pending(q);
	while (!r && q->nr_done < q->nr_events) {
		const struct queued_event *event = &q->events[q->nr_done];

		if (event->time_ns >= horizon_ns)
			break;
		q->nr_done++;
		r = handler(arg, (enum event_source)event->source, event->time_ns,
			    q->bytes + event->offset, event->size);
	}
	reclaim(q);
	return r;
}
