/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux/perf_samples.h: callchains, stack names, and that every sample is kept or counted as lost.
 */
#include <criterion/criterion.h>

#include <unistd.h>

#include "base/macros.h"
#include "fake_sink.h"
#include "linux/perf_samples.h"

#define KERNEL ((uint64_t)PERF_CONTEXT_KERNEL)
#define USER   ((uint64_t)PERF_CONTEXT_USER)
#define GUEST  ((uint64_t)PERF_CONTEXT_GUEST)

/* Not the pid of anything, so that no thread's name is found. */
#define PID 0x7ffffff0u

struct fixture {
	struct fake_sink sink;
	struct perf_samples samples;
};

static void setup_fixture(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	fake_sink_init(&f->sink);
	f->samples.sink = &f->sink.sink;
	f->samples.period_ns = 1000;
	f->sink.sink.ops->process_start(&f->sink.sink, 1,
					&(struct collector_process){ .pid = PID });
	fake_sink_take(&f->sink);
}

static void teardown_fixture(struct fixture *f)
{
	uint64_t lost = 0;

	for (uint32_t reason = 0; reason < OC_LOSS_COUNT; reason++)
		lost += f->samples.lost[reason];
	cr_assert_eq(f->samples.taken, f->samples.kept + lost);
	perf_samples_done(&f->samples);
	fake_sink_done(&f->sink);
}

static void send(struct fixture *f, uint32_t type, uint16_t misc, const uint64_t *words, size_t nr)
{
	uint64_t record[64];
	struct perf_event_header header = {
		.type = type, .misc = misc, .size = (uint16_t)(sizeof(header) + nr * sizeof(*words))
	};

	cr_assert_lt(nr, ARRAY_SIZE(record));
	memcpy(record, &header, sizeof(header));
	memcpy(record + 1, words, nr * sizeof(*words));
	cr_assert_eq(perf_samples_handle(&f->samples, 5, record, header.size), 0);
}

static void send_sample(struct fixture *f, uint32_t pid, uint32_t tid, uint16_t misc,
			const uint64_t *chain, size_t nr)
{
	uint64_t words[64] = { pid | (uint64_t)tid << 32, 5, 3, 1000, nr };

	for (size_t i = 0; i < nr; i++)
		words[5 + i] = chain[i];
	send(f, PERF_RECORD_SAMPLE, misc, words, 5 + nr);
}

static void expect_stack(const char *log, const char *kind, const char *frames)
{
	char head[16];
	const char *line;

	snprintf(head, sizeof(head), " %s ", kind);
	line = strstr(log, head);
	cr_assert_not_null(line, "no %s stack in: %s", kind, log);
	line += strlen(head);
	cr_assert_eq(strncmp(line, frames, strlen(frames)), 0, "%s", log);
	cr_assert_eq(line[strlen(frames)], '\n', "%s", log);
}

Test(perf_samples, kernel_and_user_parts)
{
	static const uint64_t chain[] = { KERNEL,  0xffffffff81000001, 0xffffffff81000002,
					  USER,    0x401000,           0x402000,
					  0x403000 };
	struct fixture f;
	const char *log;

	setup_fixture(&f);
	send_sample(&f, PID, PID, PERF_RECORD_MISC_KERNEL, chain, ARRAY_SIZE(chain));
	log = fake_sink_take(&f.sink);
	expect_stack(log, "kernel", "ffffffff81000001 ffffffff81000002");
	expect_stack(log, "user", "401000 402000 403000");
	cr_assert_not_null(
		strstr(log, "sample 2147483632/2147483632 kind=0 cpu=3 count=1 value=1 kernel="));
	cr_assert_null(strstr(log, "no-user"));
	cr_assert_eq(f.samples.kept, 1);
	/* Known stacks are not defined again. */
	send_sample(&f, PID, PID, PERF_RECORD_MISC_KERNEL, chain, ARRAY_SIZE(chain));
	cr_assert_null(strstr(fake_sink_take(&f.sink), "stack"));
	cr_assert_eq(f.samples.stack_index.count, 2);
	teardown_fixture(&f);
}

Test(perf_samples, user_only)
{
	static const uint64_t chain[] = { USER, 0x401000 };
	struct fixture f;
	const char *log;

	setup_fixture(&f);
	send_sample(&f, PID, PID + 1, PERF_RECORD_MISC_USER, chain, ARRAY_SIZE(chain));
	log = fake_sink_take(&f.sink);
	expect_stack(log, "user", "401000");
	cr_assert_not_null(strstr(log, "/2147483633 kind=0 cpu=3 count=1 value=1 kernel=0 user="));
	teardown_fixture(&f);
}

Test(perf_samples, odd_chains)
{
	static const uint64_t kernel_only[] = { KERNEL, 0xffffffff81000001 };
	static const uint64_t empty_user[] = { KERNEL, 0xffffffff81000001, USER };
	static const uint64_t other[] = { 0x1, GUEST, 0x2, 0x3, USER, 0x4 };
	struct fixture f;
	const char *log;

	setup_fixture(&f);
	send_sample(&f, PID, PID, PERF_RECORD_MISC_KERNEL, kernel_only, 2);
	cr_assert_not_null(strstr(fake_sink_take(&f.sink), " user=0 no-user\n"));
	send_sample(&f, PID, PID, PERF_RECORD_MISC_KERNEL, empty_user, 3);
	cr_assert_not_null(strstr(fake_sink_take(&f.sink), " user=0\n"));
	send_sample(&f, PID, PID, PERF_RECORD_MISC_USER, NULL, 0);
	cr_assert_not_null(strstr(fake_sink_take(&f.sink), " kernel=0 user=0\n"));
	send_sample(&f, PID, PID, PERF_RECORD_MISC_USER, other, ARRAY_SIZE(other));
	log = fake_sink_take(&f.sink);
	expect_stack(log, "user", "4");
	cr_assert_eq(f.samples.kept, 4);
	teardown_fixture(&f);
}

Test(perf_samples, lengths_that_lie)
{
	static const uint64_t counts[] = { 3, 1ULL << 61, UINT64_MAX };
	struct fixture f;

	setup_fixture(&f);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		uint64_t words[] = { PID, 5, 3, 1000, counts[i], USER, 0x401000 };

		send(&f, PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER, words, ARRAY_SIZE(words));
		cr_assert_str_eq(fake_sink_take(&f.sink), "lost 0 kernel_buffer 1\n");
	}
	send(&f, PERF_RECORD_SAMPLE, 0, (uint64_t[]){ PID, 5, 3, 1000 }, 4);
	cr_assert_eq(f.samples.lost[OC_LOSS_KERNEL_BUFFER], 4);
	cr_assert_eq(f.samples.taken, 4);
	teardown_fixture(&f);
}

Test(perf_samples, losses_are_counted)
{
	struct fixture f;

	setup_fixture(&f);
	send(&f, PERF_RECORD_LOST, 0, (uint64_t[]){ 1, 17, 0, 0, 0 }, 5);
	send(&f, PERF_RECORD_LOST_SAMPLES, 0, (uint64_t[]){ 4, 0, 0, 0 }, 4);
	cr_assert_str_eq(fake_sink_take(&f.sink),
			 "lost 0 kernel_buffer 17\nlost 0 kernel_buffer 4\n");
	cr_assert_eq(f.samples.taken, 21);
	send(&f, PERF_RECORD_LOST, 0, (uint64_t[]){ 1 }, 1);
	send(&f, PERF_RECORD_MMAP2, 0, (uint64_t[]){ 1 }, 1);
	cr_assert_eq(f.samples.taken, 21);
	teardown_fixture(&f);
}

static void send_throttle(struct fixture *f, bool on, uint64_t time_ns, uint64_t stream)
{
	send(f, on ? PERF_RECORD_THROTTLE : PERF_RECORD_UNTHROTTLE, 0,
	     (uint64_t[]){ time_ns, 1, stream, 0, 0, 0 }, 6);
}

Test(perf_samples, throttling_is_estimated)
{
	struct fixture f;

	setup_fixture(&f);
	send_throttle(&f, true, 10000, 1);
	send_throttle(&f, true, 10000, 2);
	send_throttle(&f, false, 14500, 1);
	cr_assert_str_eq(fake_sink_take(&f.sink), "lost 0 throttled 4\n");
	send_throttle(&f, false, 14500, 1); /* was not throttled any more */
	send_throttle(&f, false, 10500, 2); /* less than a period */
	send_throttle(&f, true, 20000, 3);
	send_throttle(&f, false, 19000, 3); /* time runs backwards */
	cr_assert_eq(f.samples.lost[OC_LOSS_THROTTLED], 4);
	for (uint64_t stream = 0; stream < 100; stream++)
		send_throttle(&f, true, 10000, stream);
	cr_assert_eq(f.samples.nr_throttled, PERF_THROTTLED_MAX);
	teardown_fixture(&f);
}

static bool is_odd(void *arg, uint32_t pid)
{
	(void)arg;
	return pid % 2;
}

Test(perf_samples, idle_and_unwanted)
{
	static const uint64_t chain[] = { USER, 0x401000 };
	struct fixture f;

	setup_fixture(&f);
	f.samples.is_wanted = is_odd;
	send_sample(&f, 0, 0, PERF_RECORD_MISC_KERNEL, NULL, 0);
	send_sample(&f, 0, 0, PERF_RECORD_MISC_USER, chain, 2);
	send_sample(&f, 2, 2, PERF_RECORD_MISC_USER, chain, 2);
	send_sample(&f, UINT32_MAX, UINT32_MAX, PERF_RECORD_MISC_USER, chain, 2);
	cr_assert_eq(f.samples.idle, 1);
	cr_assert_eq(f.samples.filtered, 3);
	cr_assert_eq(f.samples.taken, 0);
	send_sample(&f, PID - 1, PID - 1, PERF_RECORD_MISC_USER, chain, 2);
	cr_assert_eq(f.samples.kept, 1);
	teardown_fixture(&f);
}

Test(perf_samples, threads_are_named_once_for_each_image)
{
	static const uint64_t chain[] = { USER, 0x401000 };
	uint32_t pid = (uint32_t)getpid();
	struct fixture f;

	setup_fixture(&f);
	send_sample(&f, pid, pid, PERF_RECORD_MISC_USER, chain, 2);
	cr_assert_not_null(strstr(fake_sink_take(&f.sink), " name=unit\n"));
	send_sample(&f, pid, pid, PERF_RECORD_MISC_USER, chain, 2);
	cr_assert_null(strstr(fake_sink_take(&f.sink), "name="));
	f.sink.sink.ops->process_exec(&f.sink.sink, 6, pid, "x");
	send_sample(&f, pid, pid, PERF_RECORD_MISC_USER, chain, 2);
	cr_assert_not_null(strstr(fake_sink_take(&f.sink), " name=unit\n"));
	teardown_fixture(&f);
}

Test(perf_samples, times_only_in_a_timeline)
{
	static const uint64_t chain[] = { USER, 0x401000 };
	struct fixture f;

	setup_fixture(&f);
	f.sink.with_times = true;
	send_sample(&f, PID, PID, PERF_RECORD_MISC_USER, chain, 2);
	cr_assert_not_null(strstr(fake_sink_take(&f.sink), "\n0 sample "));
	f.samples.timeline = true;
	send_sample(&f, PID, PID, PERF_RECORD_MISC_USER, chain, 2);
	cr_assert_eq(strncmp(fake_sink_take(&f.sink), "5 sample ", 9), 0);
	teardown_fixture(&f);
}
