/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring that grows.
 * Called by etw_trace.c.
 * Must not know what is done with what it holds.
 */
#include "windows-etw/etw_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 256

/* An interrupt between taking the time of an event and writing it puts a few later ones in front of it, not many. */
#define DISORDER_MAX 64

void etw_queue_done(struct etw_queue *q)
{
	for (size_t i = 0; i < q->nr; i++)
		free(etw_queue_at(q, i)->event);
	free(q->ring);
	*q = (struct etw_queue){ 0 };
}

static int grow(struct etw_queue *q)
{
	size_t cap = q->cap ? 2 * q->cap : CAP_FIRST;
	struct etw_pending *ring = malloc(cap * sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (size_t i = 0; i < q->nr; i++)
		ring[i] = *etw_queue_at(q, i);
	free(q->ring);
	q->ring = ring;
	q->head = 0;
	q->cap = cap;
	return 0;
}

int etw_queue_push(struct etw_queue *q, const struct etw_pending *pending)
{
	size_t at = q->nr, first = q->nr > DISORDER_MAX ? q->nr - DISORDER_MAX : 0;

	if (q->nr == q->cap && grow(q))
		return -ENOMEM;
	for (; at > first && etw_queue_at(q, at - 1)->time > pending->time; at--)
		*etw_queue_at(q, at) = *etw_queue_at(q, at - 1);
	*etw_queue_at(q, at) = *pending;
	q->nr++;
	return 0;
}

struct etw_pending etw_queue_pop(struct etw_queue *q)
{
	struct etw_pending first = *etw_queue_at(q, 0);

	q->head = (q->head + 1) & (q->cap - 1);
	q->nr--;
	return first;
}

size_t etw_queue_find(const struct etw_queue *q, uint64_t time)
{
	size_t from = 0, to = q->nr;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (etw_queue_at(q, middle)->time < time)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}
