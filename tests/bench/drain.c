/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures the way of a kernel record into the machine: the queue that puts records in order, and the sink.
 * Started by run.py.
 */
#include <string.h>

#include "bench.h"
#include "linux/event_queue.h"
#include "machine_sink.h"

#define NR_RECORDS   100000
#define RECORD_BYTES 64
#define NR_STACKS    4096
#define NR_FRAMES    32

struct state {
	struct event_queue queue;
	struct sink *sink;
	sink_process process;
	sink_thread thread;
	uint64_t seen;
	uint64_t frames[NR_STACKS][NR_FRAMES];
};

static int count_record(void *arg, enum event_source source, uint64_t time_ns, const void *data,
			size_t size)
{
	struct state *s = arg;

	(void)source;
	(void)time_ns;
	(void)data;
	s->seen += size;
	return 0;
}

/* Two sources, each in its own order, arrive one after the other, as the buffers of two CPUs are read. */
static void order_records(void *arg)
{
	struct state *s = arg;
	char record[RECORD_BYTES] = { 0 };

	for (uint64_t source = 0; source < 2; source++)
		for (uint64_t i = 0; i < NR_RECORDS / 2; i++)
			bench_must(event_queue_push(&s->queue, EVENT_BPF, i * 2 + source, record,
						    sizeof(record)),
				   "push");
	bench_must(event_queue_dispatch(&s->queue, UINT64_MAX, count_record, s), "dispatch");
}

static void deliver_samples(void *arg)
{
	struct state *s = arg;

	for (uint32_t i = 0; i < NR_RECORDS; i++) {
		struct collector_sample sample = {
			.count = 1,
			.value = 1,
			.cpu = UINT32_MAX,
			.process = s->process,
			.thread = s->thread,
			.user_stack = 1 + i % NR_STACKS,
			.has_user_part = true,
			.incomplete = OC_STACK_COUNT,
		};

		s->sink->ops->sample(s->sink, &sample);
	}
}

static double define_stacks(struct state *s)
{
	uint64_t start = clock_monotonic_ns();

	for (uint32_t i = 0; i < NR_STACKS; i++)
		s->sink->ops->stack_define(s->sink, 1 + i, s->frames[i], NR_FRAMES, false);
	return (double)(clock_monotonic_ns() - start) / NR_STACKS;
}

static void fill(struct state *s)
{
	const struct collector_process process = { .pid = 100,
						   .comm = "bench",
						   .exe = "/bin/bench" };
	const struct collector_kind kind = { .name = "cpu", .period_ns = 1001001 };
	uint64_t random = 88172645463325252;

	bench_must(machine_sink_set_kinds(s->sink, &kind, 1), "kinds");
	s->process = s->sink->ops->process_start(s->sink, 1, &process);
	s->thread = s->sink->ops->thread(s->sink, s->process, 100, 100, "bench");
	for (uint32_t i = 0; i < 64; i++) {
		struct collector_mapping mapping = {
			.start = BENCH_FIRST_ADDRESS + (uint64_t)i * BENCH_MAPPING_BYTES,
			.end = BENCH_FIRST_ADDRESS + (uint64_t)(i + 1) * BENCH_MAPPING_BYTES,
			.path = "/no/such/library.so",
			.device = 1,
			.inode = i + 1,
		};

		s->sink->ops->mapping_add(s->sink, 1, 100, &mapping);
	}
	for (uint32_t i = 0; i < NR_STACKS; i++)
		for (uint32_t j = 0; j < NR_FRAMES; j++)
			s->frames[i][j] = BENCH_FIRST_ADDRESS +
					  bench_random(&random) % (64 * BENCH_MAPPING_BYTES);
}

int main(void)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct state *s = calloc(1, sizeof(*s));

	if (!m || !s)
		return 1;
	s->sink = machine_sink_new(m, NULL);
	if (!s->sink)
		return 1;
	fill(s);
	bench_print("put a record of 64 bytes in order and hand it out",
		    bench_ns(order_records, s, NR_RECORDS), "ns", 0);
	bench_print("take in a new stack of 32 frames", define_stacks(s), "ns", 0);
	bench_print("take in a counter of a known stack", bench_ns(deliver_samples, s, NR_RECORDS),
		    "ns", 0);
	bench_must(s->sink->error, "sink");
	event_queue_done(&s->queue);
	machine_sink_free(s->sink);
	oc_machine_free(m);
	free(s);
	return 0;
}
