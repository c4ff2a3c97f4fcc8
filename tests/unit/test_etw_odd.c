/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * windows-etw/etw_trace.h: traces that are unusual, long or contradict themselves.
 */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <string.h>

#include "base/macros.h"
#include "etw_events.h"
#include "fake_sink.h"

/* What of a trace is looked at when the text would be too long, or the times matter. */
struct told {
	struct etw_trace_info info;
	struct etw_trace_counts counts;
	struct buffer text;
};

/* Ends the trace, tells it and frees it. */
static struct told tell(struct etl_writer *w, bool with_times)
{
	struct told told = { 0 };
	struct oc_input *in;
	struct fake_sink fs;
	struct etw_trace *t;

	if (w->data.len)
		etl_writer_end(w);
	fake_sink_init(&fs);
	fs.with_times = with_times;
	cr_assert_eq(oc_input_open_memory(w->file.data, w->file.len, &in), 0);
	cr_assert_eq(etw_trace_open(in, &t, NULL), 0);
	etw_trace_info(t, &told.info);
	cr_assert_eq(etw_trace_tell(t, &fs.sink, NULL), 0);
	told.counts = *etw_trace_counts(t);
	buffer_puts(&told.text, fake_sink_take(&fs));
	fake_sink_done(&fs);
	etw_trace_free(t);
	oc_input_close(in);
	etl_writer_done(w);
	return told;
}

/* ---- stacks -------------------------------------------------------------------------------------------------- */

static void stack_of(struct etl_writer *w, uint64_t time, uint64_t of, const uint64_t *frames,
		     size_t nr)
{
	struct payload p = payload_for(w);

	payload_u64(&p, of);
	payload_u32(&p, 8);
	payload_u32(&p, 9);
	for (size_t i = 0; i < nr; i++)
		payload_pointer(&p, frames[i]);
	ev_put(w, time, 0x1820, 2, &p);
}

/* The walker of the kernel goes wrong for a moment. */
Test(etw_odd, a_frame_between_two_of_the_kernel)
{
	static const uint64_t frames[] = { KERNEL, 0x10, KERNEL + 1, 0x5000 };
	struct etl_writer w;

	ev_begin(&w, 8);
	ev_thread(&w, 1001, 0x0501, 8, 9, NULL);
	ev_sample(&w, 1010, 9, KERNEL, 0);
	stack_of(&w, 1011, 1010, frames, ARRAY_SIZE(frames));
	ev_expect(&w, 0,
		  "unknown 8\n"
		  "stack 1 kernel fffff80000001000 10 fffff80000001001\n"
		  "stack 2 user 5000\n"
		  "sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=1 user=2\n" END);
}

/* 192 frames are the most that Windows logs. */
Test(etw_odd, the_longest_stack)
{
	struct buffer want = BUFFER_INIT;
	uint64_t frames[192];
	struct etl_writer w;

	ev_begin(&w, 8);
	ev_thread(&w, 1001, 0x0501, 8, 9, NULL);
	ev_sample(&w, 1010, 9, 0x1000, 0);
	buffer_puts(&want, "unknown 8\nstack 1 user");
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		frames[i] = 0x1000 + i;
		buffer_printf(&want, " %" PRIx64, frames[i]);
	}
	stack_of(&w, 1011, 1010, frames, ARRAY_SIZE(frames));
	buffer_puts(&want, "\nsample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=1\n" END);
	ev_expect(&w, 0, want.data);
	buffer_done(&want);
}

/* Each part comes once; what is said again is not believed, while the sample in front still waits. */
Test(etw_odd, parts_that_come_twice)
{
	struct etl_writer w;

	ev_begin(&w, 8);
	ev_thread(&w, 1001, 0x0501, 8, 9, NULL);
	ev_sample(&w, 1010, 9, KERNEL, 0);
	ev_sample(&w, 1020, 9, KERNEL, 0);
	ev_stack(&w, 1021, 1020, 8, 9, KERNEL);
	ev_stack(&w, 1022, 1020, 8, 9, KERNEL + 1);
	ev_stack(&w, 1023, 1020, 8, 9, 0x1000);
	ev_stack(&w, 1024, 1020, 8, 9, 0x2000);
	ev_expect(&w, 0,
		  "unknown 8\n"
		  "sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=0 ip=fffff80000001000\n"
		  "stack 1 kernel fffff80000001000 fffff80000001010\n"
		  "stack 3 user 1000 1010\n"
		  "sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=1 user=3\n" END);
}

/* In the kernel a thread may be at work for another process; what it returns to is its own. */
Test(etw_odd, stacks_that_tell_two_processes)
{
	struct etl_writer w;

	ev_begin(&w, 8);
	ev_sample(&w, 1010, 9, KERNEL, 0);
	ev_stack(&w, 1011, 1010, 12, 9, KERNEL);
	ev_stack(&w, 1012, 1010, 8, 9, 0x1000);
	ev_sample(&w, 1020, 10, KERNEL, 0);
	ev_stack(&w, 1021, 1020, 12, 10, KERNEL);
	ev_stack(&w, 1022, 1020, 8, 10, KERNEL);
	ev_expect(&w, 0,
		  "unknown 8\n"
		  "stack 1 kernel fffff80000001000 fffff80000001010\n"
		  "stack 2 user 1000 1010\n"
		  "sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=1 user=2\n"
		  "unknown 12\n"
		  "sample 12/10 kind=0 cpu=3 count=1 value=1 kernel=1 user=0\n" END);
}

/* A sample waits for a quarter of a million others, not longer. Returns stacks that found nothing. */
static uint64_t wait_for(uint32_t nr)
{
	struct etl_writer w;
	struct told told;
	uint64_t lost;

	ev_begin(&w, 8);
	ev_sample(&w, 1010, 9, KERNEL, 0);
	for (uint32_t i = 0; i < nr; i++) {
		ev_sample(&w, 1011 + i, 10, KERNEL, 0);
		if (i % 64 == 63) {
			etl_writer_end(&w);
			etl_writer_begin(&w, 3);
		}
	}
	ev_stack(&w, 1011 + nr, 1010, 8, 9, 0x1000);
	told = tell(&w, false);
	cr_assert_eq(told.counts.told, nr + 1);
	lost = told.counts.stacks_of_others;
	cr_assert_eq(told.counts.with_stack, 1 - lost);
	buffer_done(&told.text);
	return lost;
}

Test(etw_odd, samples_do_not_wait_for_ever)
{
	cr_assert_eq(wait_for(262143), 0);
	cr_assert_eq(wait_for(262144), 1);
}

/* Where the log header says how many events were lost, and the second buffer that some were. */
#define LOST_AT  (0x48 + 32 + 0x30)
#define FLAGS_AT (4096 + 0x34)

Test(etw_odd, losses_that_only_buffers_tell)
{
	struct etl_writer w;

	ev_begin(&w, 8);
	ev_process(&w, 1001, 0x0303, 8, "a.exe");
	etl_writer_end(&w);
	w.data.len = 0;
	w.file.data[LOST_AT] = 0;
	w.file.data[FLAGS_AT] |= 2;
	ev_expect(&w, 0, "start 8 comm=a.exe\nnote trace_events_lost 1\n");
}

/* ---- processes and what is in them --------------------------------------------------------------------------- */

Test(etw_odd, a_thread_that_is_named_while_it_runs)
{
	struct payload p;
	struct etl_writer w;

	ev_begin(&w, 8);
	ev_thread(&w, 1001, 0x0501, 8, 9, NULL);
	ev_sample(&w, 1010, 9, 0x1000, 0);
	ev_stack(&w, 1011, 1010, 8, 9, 0x1000);
	p = payload_for(&w);
	payload_u32(&p, 8);
	payload_u32(&p, 9);
	payload_utf16(&p, "worker");
	ev_put(&w, 1012, 0x0548, 2, &p);
	ev_sample(&w, 1013, 9, 0x1000, 0);
	ev_expect(&w, 0,
		  "unknown 8\n"
		  "stack 1 user 1000 1010\n"
		  "sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=1\n"
		  "thread 8/9 name=worker\n"
		  "sample 8/9 kind=0 cpu=3 count=1 value=1 kernel=0 user=0 ip=1000\n" END);
}

/* Images of a process that has ended are not of one that is to come; drivers keep their place when they go. */
Test(etw_odd, images_behind_the_end)
{
	struct etl_writer w;

	ev_begin(&w, 8);
	ev_process(&w, 1001, 0x0303, 0, "Idle");
	ev_process(&w, 1002, 0x0301, 8, "a.exe");
	ev_process(&w, 1003, 0x0302, 8, "a.exe");
	ev_image(&w, 1004, 0x030a, 8, 0x400000, "x.dll");
	ev_image(&w, 1005, 0x030a, 0, KERNEL & ~0xffffULL, "d.sys");
	ev_image(&w, 1006, 0x1402, 0, KERNEL & ~0xffffULL, "d.sys");
	ev_expect(&w, 0,
		  "start 0 comm=Idle\n"
		  "start 8 comm=a.exe\n"
		  "exit 8\n"
		  "map 0 fffff80000000000-fffff80000010000 +0 kernel d.sys\n" END);
}

static void method_of(struct etl_writer *w, uint64_t time, uint64_t start, uint32_t size)
{
	const struct etl_writer_event e = ev_of_runtime(time, 143, ev_clr);
	struct payload p = payload_for(w);

	payload_u64(&p, 1);
	payload_u64(&p, 2);
	payload_u64(&p, start);
	payload_u32(&p, size);
	payload_u32(&p, 0);
	payload_u32(&p, 8);
	payload_utf16(&p, "A");
	payload_utf16(&p, "F");
	payload_utf16(&p, "");
	etl_writer_manifest(w, &e, &p);
	payload_done(&p);
}

Test(etw_odd, methods_that_cannot_be)
{
	struct etw_trace_counts counts;
	struct etl_writer w;

	ev_begin(&w, 8);
	ev_process(&w, 1001, 0x0301, 8, "a.exe");
	method_of(&w, 1002, 0x10000, 0);
	method_of(&w, 1003, 0x10000, (64u << 20) + 1);
	method_of(&w, 1004, UINT64_MAX - 0xffff, 0x10000);
	method_of(&w, 1005, UINT64_MAX - 0xffff, 0xffff);
	counts = ev_expect(&w, 0,
			   "start 8 comm=a.exe\n"
			   "map 8 ffffffffffff0000-ffffffffffffffff +0 dev=1 ino=1 anon \n"
			   "code 8 ffffffffffff0000-ffffffffffffffff A.F\n" END
			   "note trace_events_unreadable 1\n");
	cr_assert_eq(counts.unreadable, 1);
}

/* ---- time ---------------------------------------------------------------------------------------------------- */

/* A clock that goes back for a moment makes waits of no length, not of centuries. */
Test(etw_odd, waits_that_end_before_they_begin)
{
	struct etl_writer w;

	ev_begin(&w, 8);
	ev_thread(&w, 1001, 0x0501, 8, 9, NULL);
	ev_context_switch(&w, 2000, 9, 10, REASON_USER_REQUEST, STATE_WAITING);
	ev_ready(&w, 2500, 9);
	ev_context_switch(&w, 1500, 10, 9, REASON_USER_REQUEST, STATE_TERMINATED);
	ev_context_switch(&w, 3000, 9, 10, REASON_USER_REQUEST, STATE_WAITING);
	ev_ready(&w, 2900, 9);
	ev_context_switch(&w, 3500, 10, 9, REASON_USER_REQUEST, STATE_TERMINATED);
	ev_expect(&w, 0,
		  "unknown 8\n"
		  "sample 8/9 kind=1 cpu=3 count=1 value=0 kernel=0 user=0 wait=UserRequest "
		  "waker=0\n"
		  "sample 8/9 kind=2 cpu=3 count=1 value=0 kernel=0 user=0 wait=UserRequest "
		  "waker=0\n"
		  "sample 8/9 kind=1 cpu=3 count=1 value=50000 kernel=0 user=0 wait=UserRequest "
		  "waker=0\n"
		  "sample 8/9 kind=2 cpu=3 count=1 value=50000 kernel=0 user=0 wait=UserRequest "
		  "waker=0\n" END "note waits_cut 1\n");
}

Test(etw_odd, calls_of_the_sink_never_go_back)
{
	struct etl_writer w;
	struct told told;

	ev_begin(&w, 8);
	ev_process(&w, 2000, 0x0301, 8, "a.exe");
	ev_process(&w, 1500, 0x0301, 12, "b.exe");
	ev_process(&w, 2500, 0x0301, 16, "c.exe");
	told = tell(&w, true);
	cr_assert_str_eq(told.text.data, "100000100000 start 8 comm=a.exe\n"
					 "100000100000 start 12 comm=b.exe\n"
					 "100000150000 start 16 comm=c.exe\n"
					 "0 " END);
	buffer_done(&told.text);
}

/* Where the log header of a 64-bit trace says when the machine started. */
#define BOOT_AT (0x48 + 32 + 0xf8)
#define YEAR_NS (365 * 86400 * UINT64_C(1000000000))

/* The time of the log header by a given start of the machine, 100 ns since 1601. */
static uint64_t start_by(uint64_t boot)
{
	struct etl_writer w;
	struct told told;

	ev_begin(&w, 8);
	for (int i = 0; i < 8; i++)
		w.file.data[BOOT_AT + i] = (char)(boot >> 8 * i);
	told = tell(&w, false);
	buffer_done(&told.text);
	return told.info.start_ns;
}

Test(etw_odd, machines_whose_start_is_not_known)
{
	const uint64_t hour = UINT64_C(3600000000000);

	cr_assert_eq(start_by(133000000000000000 - 20 * 10000000), 20 * UINT64_C(1000000000));
	cr_assert_eq(start_by(0), hour, "not said");
	cr_assert_eq(start_by(133000000000000000), hour, "at the same moment");
	cr_assert_eq(start_by(133000000000000001), hour, "later");
	cr_assert_eq(start_by(1), hour, "centuries ago");
}

Test(etw_odd, times_that_no_clock_reaches)
{
	struct etl_writer w;
	struct told told;

	ev_begin(&w, 8);
	ev_process(&w, UINT64_MAX, 0x0301, 8, "a.exe");
	told = tell(&w, false);
	cr_assert_gt(told.info.end_ns, 99 * YEAR_NS);
	cr_assert_lt(told.info.end_ns, 101 * YEAR_NS);
	buffer_done(&told.text);
}
