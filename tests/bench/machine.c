/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures the export machine: interning, mapping lookup, resolving and storing samples.
 * Started by run.py.
 */
#include <string.h>

#include "bench.h"

#define NR_STACKS     4096
#define NR_FRAMES     32
#define NR_MAPPINGS   500
#define NR_STRINGS    4096
#define NR_LOOKUPS    100000
#define NR_OPERATIONS 100000

/* Budget of the design: interning a callstack that is known. */
#define HIT_BUDGET_NS 40

struct state {
	struct bench_machine b;
	uint64_t frames[NR_STACKS][NR_FRAMES];
	char strings[NR_STRINGS][48];
	uint64_t addresses[NR_LOOKUPS];
	oc_callstack_id callstacks[NR_STACKS];
	oc_stack_id stacks[NR_STACKS];
	oc_thread_id thread;
	uint64_t sink;
};

/* A set of stacks that stays in the first caches, as the few hot stacks of a recording do. */
static void intern_hot(void *arg)
{
	struct state *s = arg;

	for (uint32_t i = 0; i < NR_OPERATIONS; i++)
		s->sink += (uint64_t)oc_machine_intern_callstack(s->b.m, s->frames[i % 64],
								 NR_FRAMES, 0);
}

static void intern_all(void *arg)
{
	struct state *s = arg;

	for (uint32_t i = 0; i < NR_OPERATIONS; i++)
		s->sink += (uint64_t)oc_machine_intern_callstack(s->b.m, s->frames[i % NR_STACKS],
								 NR_FRAMES, 0);
}

static void intern_strings(void *arg)
{
	struct state *s = arg;

	for (uint32_t i = 0; i < NR_OPERATIONS; i++)
		s->sink += (uint64_t)oc_machine_intern(s->b.m, s->strings[i % NR_STRINGS],
						       strlen(s->strings[i % NR_STRINGS]));
}

static void find_mappings(void *arg)
{
	struct state *s = arg;

	for (uint32_t i = 0; i < NR_LOOKUPS; i++)
		s->sink += oc_machine_find_mapping(s->b.m, s->b.process, s->addresses[i], 2);
}

static void resolve(void *arg)
{
	struct state *s = arg;

	for (uint32_t i = 0; i < NR_OPERATIONS; i++)
		s->sink += (uint64_t)oc_machine_resolve(s->b.m, s->b.process,
							s->callstacks[i % NR_STACKS]);
}

static void add_samples(void *arg)
{
	struct state *s = arg;

	for (uint32_t i = 0; i < NR_OPERATIONS; i++) {
		struct oc_sample sample = {
			.count = 1,
			.value = 1,
			.kind = s->b.kind,
			.process = s->b.process,
			.thread = s->thread,
			.stack = s->stacks[i % NR_STACKS],
			.cpu = UINT32_MAX,
		};

		s->sink += (uint64_t)oc_machine_add_sample(s->b.m, &sample);
	}
}

static double intern_new(struct state *s)
{
	uint64_t start = clock_monotonic_ns();

	for (uint32_t i = 0; i < NR_STACKS; i++)
		s->callstacks[i] = (oc_callstack_id)bench_must(
			oc_machine_intern_callstack(s->b.m, s->frames[i], NR_FRAMES, 0),
			"callstack");
	return (double)(clock_monotonic_ns() - start) / NR_STACKS;
}

static double resolve_new(struct state *s)
{
	uint64_t start = clock_monotonic_ns();

	for (uint32_t i = 0; i < NR_STACKS; i++)
		s->stacks[i] = (oc_stack_id)bench_must(
			oc_machine_resolve(s->b.m, s->b.process, s->callstacks[i]), "stack");
	return (double)(clock_monotonic_ns() - start) / NR_STACKS;
}

int main(void)
{
	struct state *s = calloc(1, sizeof(*s));
	uint64_t random = 88172645463325252;
	const uint64_t span = (uint64_t)NR_MAPPINGS * BENCH_MAPPING_BYTES;

	if (!s)
		return 1;
	s->b = bench_machine_new(NR_MAPPINGS);
	s->thread = (oc_thread_id)bench_must(oc_machine_add_thread(s->b.m, s->b.process, 100),
					     "thread");
	for (uint32_t i = 0; i < NR_STACKS; i++)
		for (uint32_t j = 0; j < NR_FRAMES; j++)
			s->frames[i][j] =
				BENCH_FIRST_ADDRESS + bench_random(&random) % span / 64 * 64;
	for (uint32_t i = 0; i < NR_STRINGS; i++)
		snprintf(s->strings[i], sizeof(s->strings[i]), "a_function_name_of_usual_length_%u",
			 i);
	for (uint32_t i = 0; i < NR_LOOKUPS; i++)
		s->addresses[i] = BENCH_FIRST_ADDRESS + bench_random(&random) % span;

	bench_print("intern a callstack of 32 frames, new", intern_new(s), "ns", 0);
	bench_print("intern a callstack of 32 frames, hit", bench_ns(intern_hot, s, NR_OPERATIONS),
		    "ns", HIT_BUDGET_NS);
	bench_print("the same, 4,096 callstacks in turn", bench_ns(intern_all, s, NR_OPERATIONS),
		    "ns", 0);
	bench_print("intern a string of 36 bytes, 4,096 in turn",
		    bench_ns(intern_strings, s, NR_OPERATIONS), "ns", 0);
	bench_print("find a mapping, 1 of 500", bench_ns(find_mappings, s, NR_LOOKUPS), "ns", 0);
	bench_print("resolve a callstack of 32 frames, new", resolve_new(s), "ns", 0);
	bench_print("resolve a callstack, known", bench_ns(resolve, s, NR_OPERATIONS), "ns", 0);
	bench_print("add an aggregated sample", bench_ns(add_samples, s, NR_OPERATIONS), "ns", 0);
	oc_machine_free(s->b.m);
	free(s);
	return 0;
}
