/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures how the export machine scales: hits by the size of the set, lookups by the number of mappings, samples
 * that stay in memory and samples that go to the temporary file. What machine.c measures is not repeated.
 * Started by run.py.
 */
#include <string.h>

#include "bench.h"

#include "base/macros.h"

#define NR_FRAMES     32
#define NR_OPERATIONS 100000
#define NR_NEW        20000

/* Sets of callstacks: one that stays in the first cache, one in the second, one in memory only. */
static const uint32_t set_sizes[] = { 16, 1000, 100000 };
static const uint32_t layout_sizes[] = { 10, 100, 1000 };

struct state {
	struct bench_machine b;
	uint64_t (*frames)[NR_FRAMES]; /* [nr] */
	uint32_t *order;     /* [NR_OPERATIONS] which of them, so that no prefetcher guesses it */
	uint64_t *addresses; /* [NR_OPERATIONS] */
	uint32_t nr;
	uint64_t next; /* never seen before */
	uint64_t sink;
};

static void *allocate(size_t nr, size_t size)
{
	void *p = calloc(nr, size);

	bench_must(p ? 0 : -1, "memory");
	return p;
}

static void prepare(struct state *s, uint32_t nr_stacks, uint32_t nr_mappings)
{
	uint64_t random = 88172645463325252;
	const uint64_t span = (uint64_t)nr_mappings * BENCH_MAPPING_BYTES;

	*s = (struct state){ .b = bench_machine_new(nr_mappings), .nr = nr_stacks, .next = 1 };
	s->frames = allocate(nr_stacks, sizeof(*s->frames));
	s->order = allocate(NR_OPERATIONS, sizeof(*s->order));
	s->addresses = allocate(NR_OPERATIONS, sizeof(*s->addresses));
	for (uint32_t i = 0; i < nr_stacks; i++) {
		for (uint32_t j = 0; j < NR_FRAMES; j++)
			s->frames[i][j] = BENCH_FIRST_ADDRESS + bench_random(&random) % span;
		bench_must(oc_machine_intern_callstack(s->b.m, s->frames[i], NR_FRAMES, 0),
			   "callstack");
	}
	for (uint32_t i = 0; i < NR_OPERATIONS; i++) {
		s->order[i] = (uint32_t)(bench_random(&random) % nr_stacks);
		s->addresses[i] = BENCH_FIRST_ADDRESS + bench_random(&random) % span;
	}
}

static void finish(struct state *s)
{
	oc_machine_free(s->b.m);
	free(s->frames);
	free(s->order);
	free(s->addresses);
}

static void intern_hit(void *arg)
{
	struct state *s = arg;

	for (uint32_t i = 0; i < NR_OPERATIONS; i++)
		s->sink += (uint64_t)oc_machine_intern_callstack(s->b.m, s->frames[s->order[i]],
								 NR_FRAMES, 0);
}

static void intern_miss(void *arg)
{
	struct state *s = arg;
	uint64_t frames[NR_FRAMES] = { 0 };

	for (uint32_t i = 0; i < NR_NEW; i++) {
		frames[0] = s->next++;
		bench_must(oc_machine_intern_callstack(s->b.m, frames, NR_FRAMES, 0), "callstack");
	}
}

static void find_mapping(void *arg)
{
	struct state *s = arg;

	for (uint32_t i = 0; i < NR_OPERATIONS; i++)
		s->sink +=
			oc_machine_find_mapping(s->b.m, s->b.process, s->addresses[i], UINT64_MAX);
}

/* A mapping that every stack may pass is replaced, so that nothing that was resolved before holds any more. */
static void resolve_after_change(void *arg)
{
	struct state *s = arg;
	struct oc_mapping mapping = {
		.process = s->b.process,
		.module = 1,
		.start = BENCH_FIRST_ADDRESS,
		.end = BENCH_FIRST_ADDRESS + BENCH_MAPPING_BYTES,
		.file_offset = s->next++ << 12,
		.since_ns = s->next,
	};

	bench_must(oc_machine_add_mapping(s->b.m, &mapping), "mapping");
	for (uint32_t i = 1; i <= s->nr; i++)
		s->sink += (uint64_t)bench_must(oc_machine_resolve(s->b.m, s->b.process, i),
						"resolve");
}

static void add_timeline(void *arg)
{
	struct state *s = arg;
	struct oc_sample sample = {
		.count = 1, .value = 1, .kind = s->b.kind, .process = s->b.process
	};

	for (uint32_t i = 0; i < NR_OPERATIONS; i++) {
		sample.time_ns = s->next++;
		bench_must(oc_machine_add_sample(s->b.m, &sample), "sample");
	}
}

static int add_up(void *arg, const struct oc_sample *sample)
{
	*(uint64_t *)arg += sample->count;
	return 0;
}

static void read_samples(void *arg)
{
	struct state *s = arg;

	bench_must(oc_machine_each_sample(s->b.m, add_up, &s->sink), "samples");
}

static void measure_sizes(struct state *s)
{
	char name[80];

	for (size_t i = 0; i < ARRAY_SIZE(set_sizes); i++) {
		prepare(s, set_sizes[i], 100);
		snprintf(name, sizeof(name), "intern a callstack of 32 frames, hit, 1 of %u",
			 set_sizes[i]);
		bench_print(name, bench_ns(intern_hit, s, NR_OPERATIONS), "ns", 0);
		finish(s);
	}
	for (size_t i = 0; i < ARRAY_SIZE(layout_sizes); i++) {
		prepare(s, 1, layout_sizes[i]);
		snprintf(name, sizeof(name), "find a mapping, 1 of %u", layout_sizes[i]);
		bench_print(name, bench_ns(find_mapping, s, NR_OPERATIONS), "ns", 0);
		finish(s);
	}
}

static void measure_samples(struct state *s, const char *what, uint64_t budget_bytes)
{
	struct oc_machine_opts opts = { .size = sizeof(opts), .memory_budget_bytes = budget_bytes };
	const struct oc_kind kind = { .name = "cpu" };
	char name[80];

	*s = (struct state){ .b = { .m = oc_machine_new(&opts) }, .next = 1 };
	bench_must(s->b.m ? 0 : -1, "oc_machine_new");
	s->b.kind = (oc_kind_id)bench_must(oc_machine_add_kind(s->b.m, &kind), "kind");
	s->b.process =
		(oc_process_id)bench_must(oc_machine_process_start(s->b.m, 1, 0, 0), "process");
	snprintf(name, sizeof(name), "add a timeline sample, %s", what);
	bench_print(name, bench_ns(add_timeline, s, NR_OPERATIONS), "ns", 0);
	snprintf(name, sizeof(name), "read a timeline sample, %s", what);
	bench_print(name, bench_ns(read_samples, s, oc_machine_nr_samples(s->b.m)), "ns", 0);
	oc_machine_free(s->b.m);
}

int main(void)
{
	struct state s;

	measure_sizes(&s);
	prepare(&s, 1000, 100);
	bench_print("resolve a callstack of 32 frames, mapping changed",
		    bench_ns(resolve_after_change, &s, s.nr), "ns", 0);
	bench_print("intern a callstack of 32 frames, miss", bench_ns(intern_miss, &s, NR_NEW),
		    "ns", 0);
	finish(&s);
	measure_samples(&s, "in memory", 0);
	measure_samples(&s, "spilled", 4 << 20);
	return 0;
}
