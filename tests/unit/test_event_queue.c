/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux/event_queue.h: order, stability, horizons, and reuse of memory.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/macros.h"
#include "linux/event_queue.h"

struct taken {
	uint64_t times[4096];
	uint32_t tags[4096];
	size_t nr;
	size_t stop_after; /* 0 = never */
};

static int take(void *arg, enum event_source source, uint64_t time_ns, const void *data,
		size_t size)
{
	struct taken *t = arg;

	cr_assert_eq((uintptr_t)data % 8, 0);
	cr_assert_eq(source, EVENT_BPF);
	cr_assert_geq(size, sizeof(uint32_t));
	cr_assert_lt(t->nr, ARRAY_SIZE(t->times));
	memcpy(&t->tags[t->nr], data, sizeof(uint32_t));
	for (size_t i = sizeof(uint32_t); i < size; i++)
		cr_assert_eq(((const char *)data)[i], (char)t->tags[t->nr]);
	t->times[t->nr++] = time_ns;
	return t->stop_after && t->nr == t->stop_after ? 42 : 0;
}

/* A record of 4 to 19 bytes that tells its tag and whose other bytes can be checked. */
static void push(struct event_queue *q, uint64_t time_ns, uint32_t tag)
{
	char record[32];

	memset(record, (char)tag, sizeof(record));
	memcpy(record, &tag, sizeof(tag));
	cr_assert_eq(event_queue_push(q, EVENT_BPF, time_ns, record, 4 + tag % 16), 0);
}

static void expect_tags(const struct taken *t, const uint32_t *tags, size_t nr)
{
	cr_assert_eq(t->nr, nr, "%zu records", t->nr);
	for (size_t i = 0; i < nr; i++)
		cr_assert_eq(t->tags[i], tags[i], "record %zu is %u", i, t->tags[i]);
}

Test(event_queue, empty)
{
	struct event_queue q = { 0 };
	struct taken t = { 0 };

	cr_assert_eq(event_queue_dispatch(&q, UINT64_MAX, take, &t), 0);
	cr_assert_eq(t.nr, 0);
	event_queue_done(&q);
	event_queue_done(&q);
}

Test(event_queue, equal_times_keep_the_order_pushed)
{
	struct event_queue q = { 0 };
	struct taken t = { 0 };

	push(&q, 20, 1);
	push(&q, 10, 2);
	push(&q, 20, 3);
	push(&q, 10, 4);
	push(&q, 20, 5);
	push(&q, 5, 6);
	cr_assert_eq(event_queue_dispatch(&q, 21, take, &t), 0);
	expect_tags(&t, (uint32_t[]){ 6, 2, 4, 1, 3, 5 }, 6);
	event_queue_done(&q);
}

Test(event_queue, horizon_is_exclusive_and_late_records_join)
{
	struct event_queue q = { 0 };
	struct taken t = { 0 };

	push(&q, 30, 1);
	push(&q, 10, 2);
	push(&q, 20, 3);
	cr_assert_eq(event_queue_dispatch(&q, 20, take, &t), 0);
	expect_tags(&t, (uint32_t[]){ 2 }, 1);
	push(&q, 25, 4);
	push(&q, 20, 5);
	cr_assert_eq(event_queue_dispatch(&q, 30, take, &t), 0);
	expect_tags(&t, (uint32_t[]){ 2, 3, 5, 4 }, 4);
	cr_assert_eq(event_queue_dispatch(&q, UINT64_MAX, take, &t), 0);
	expect_tags(&t, (uint32_t[]){ 2, 3, 5, 4, 1 }, 5);
	event_queue_done(&q);
}

Test(event_queue, a_handler_that_stops_loses_nothing)
{
	struct event_queue q = { 0 };
	struct taken t = { .stop_after = 2 };

	for (uint32_t i = 0; i < 5; i++)
		push(&q, 100 - i, i);
	cr_assert_eq(event_queue_dispatch(&q, UINT64_MAX, take, &t), 42);
	expect_tags(&t, (uint32_t[]){ 4, 3 }, 2);
	cr_assert_eq(event_queue_dispatch(&q, UINT64_MAX, take, &t), 0);
	expect_tags(&t, (uint32_t[]){ 4, 3, 2, 1, 0 }, 5);
	event_queue_done(&q);
}

Test(event_queue, an_empty_record)
{
	struct event_queue q = { 0 };
	struct taken t = { 0 };

	cr_assert_eq(event_queue_push(&q, EVENT_BPF, 9, NULL, 0), 0);
	push(&q, 1, 1);
	cr_assert_eq(event_queue_dispatch(&q, 9, take, &t), 0);
	cr_assert_eq(t.nr, 1);
	event_queue_done(&q);
}

/* Sorted runs as several buffers give them, in any number and length, against a plain insertion sort. */
Test(event_queue, random_runs_against_a_model)
{
	uint32_t seed = 12345;

	for (int round = 0; round < 200; round++) {
		struct event_queue q = { 0 };
		static struct taken got;
		static uint64_t times[4096];
		static uint32_t tags[4096];
		uint32_t nr = 0, nr_runs = 1 + (uint32_t)round % 17;

		got = (struct taken){ 0 };
		for (uint32_t run = 0; run < nr_runs; run++) {
			uint64_t time_ns = 0;

			for (uint32_t i = 0; i < (run * 7 + (uint32_t)round) % 40; i++) {
				uint32_t at = nr;

				seed = seed * 1664525 + 1013904223;
				time_ns = seed >> 30 ? time_ns + (seed >> 28) : seed >> 20;
				push(&q, time_ns, nr);
				for (; at > 0 && times[at - 1] > time_ns; at--) {
					times[at] = times[at - 1];
					tags[at] = tags[at - 1];
				}
				times[at] = time_ns;
				tags[at] = nr++;
			}
		}
		for (uint64_t horizon = 0; horizon < 1200; horizon += 1 + (uint64_t)round)
			cr_assert_eq(event_queue_dispatch(&q, horizon, take, &got), 0);
		cr_assert_eq(event_queue_dispatch(&q, UINT64_MAX, take, &got), 0);
		expect_tags(&got, tags, nr);
		event_queue_done(&q);
	}
}

/* A queue that never runs empty, with one record that stays for ever, must not grow with what passes through. */
Test(event_queue, memory_is_reused)
{
	struct event_queue q = { 0 };
	static struct taken t;

	push(&q, UINT64_MAX, 1);
	for (uint64_t now = 1; now < 100000; now++) {
		push(&q, now, (uint32_t)now);
		t.nr = 0;
		cr_assert_eq(event_queue_dispatch(&q, now - MIN(now, 10), take, &t), 0);
	}
	cr_assert_lt(q.events_cap, 256);
	cr_assert_lt(q.bytes_cap + q.spare_cap, 16384);
	event_queue_done(&q);
}
