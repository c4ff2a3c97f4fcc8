/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A made-up recording: processes that map the same libraries at addresses of their own, stacks of which some are
 * frequent, and samples at nearly regular times. Included by the programs of this folder that write or read recordings.
 */
#ifndef BENCH_RECORDING_H
#define BENCH_RECORDING_H

#include <stdbool.h>

#include "base/macros.h"
#include "bench.h"

#define BENCH_MAPPINGS  24
#define BENCH_FUNCTIONS 3000
#define BENCH_THREADS   64

struct bench_recording {
	uint64_t nr_samples;
	uint32_t nr_stacks;
	uint32_t
		nr_processes; /* with one, its samples are of BENCH_THREADS threads; else each process has one */
	uint32_t frames_min;
	uint32_t frames_max;
	bool out_of_order; /* samples are added from the last to the first */
};

/* The other processes map what the first one has, elsewhere. */
static inline void bench_add_processes(const struct bench_machine *b, oc_process_id *processes,
				       uint32_t nr)
{
	processes[0] = b->process;
	for (uint32_t p = 1; p < nr; p++) {
		processes[p] = (oc_process_id)bench_must(
			oc_machine_process_start(b->m, 100 + p, 0, 1), "process");
		for (oc_mapping_id i = 1; i <= BENCH_MAPPINGS; i++) {
			struct oc_mapping mapping = *oc_machine_mapping(b->m, i);

			mapping.process = processes[p];
			mapping.start += (uint64_t)p << 32;
			mapping.end += (uint64_t)p << 32;
			bench_must(oc_machine_add_mapping(b->m, &mapping), "mapping");
		}
	}
}

/* A stack of process number p, its addresses picked so that low ones are frequent: real profiles are skewed. */
static inline oc_stack_id bench_stack(const struct bench_machine *b,
				      const struct bench_recording *r, uint32_t p,
				      oc_process_id process, uint64_t *random)
{
	const uint64_t span = (uint64_t)BENCH_MAPPINGS * BENCH_MAPPING_BYTES;
	uint64_t frames[OC_STACK_FRAMES_MAX];
	uint32_t nr = r->frames_min +
		      (uint32_t)(bench_random(random) % (r->frames_max - r->frames_min + 1));
	int64_t callstack;

	for (uint32_t i = 0; i < nr; i++) {
		uint64_t place = bench_random(random) % span;

		frames[i] = BENCH_FIRST_ADDRESS + ((uint64_t)p << 32) +
			    (bench_random(random) % (place + 1)) / 128 * 128;
	}
	callstack = bench_must(oc_machine_intern_callstack(b->m, frames, nr, 0), "callstack");
	return (oc_stack_id)bench_must(
		oc_machine_resolve(b->m, process, (oc_callstack_id)callstack), "stack");
}

/* Every fifth location has an inlined function. */
static inline void bench_name_locations(struct oc_machine *m)
{
	static oc_function_id functions[BENCH_FUNCTIONS];

	for (uint32_t i = 0; i < BENCH_FUNCTIONS; i++) {
		struct oc_function function = { 0 };
		char name[64];
		int len = snprintf(name, sizeof(name), "a_namespace::a_class::a_method_%u", i);

		function.name =
			(oc_string_id)bench_must(oc_machine_intern(m, name, (size_t)len), "name");
		function.system_name = function.name;
		functions[i] = (oc_function_id)bench_must(oc_machine_add_function(m, &function),
							  "function");
	}
	for (oc_location_id i = 1; i <= oc_machine_nr_locations(m); i++) {
		struct oc_line lines[2] = { { .function = functions[(i + 1) % BENCH_FUNCTIONS] },
					    { .function = functions[i % BENCH_FUNCTIONS] } };
		uint32_t nr = i % 5 ? 1 : 2;

		bench_must(oc_machine_set_lines(m, i, lines + 2 - nr, nr), "lines");
	}
}

static inline void bench_add_samples(const struct bench_machine *b, const struct bench_recording *r,
				     const oc_process_id *processes, const oc_stack_id *stacks)
{
	const uint64_t step_ns = 250000;
	uint64_t random = 2463534242;
	oc_thread_id threads[BENCH_THREADS];

	for (uint32_t i = 0; i < BENCH_THREADS; i++)
		threads[i] = (oc_thread_id)bench_must(
			oc_machine_add_thread(b->m, processes[i % r->nr_processes], 100 + i),
			"thread");
	for (uint64_t i = 0; i < r->nr_samples; i++) {
		uint64_t limit = bench_random(&random) % r->nr_stacks + 1;
		uint32_t stack = (uint32_t)(bench_random(&random) % limit);
		uint32_t p = stack % r->nr_processes;
		uint64_t thread = r->nr_processes > 1 ? p : bench_random(&random) % BENCH_THREADS;
		struct oc_sample sample = {
			.time_ns = 1000 + (r->out_of_order ? r->nr_samples - i : i) * step_ns +
				   bench_random(&random) % 4096,
			.count = 1,
			.value = 1,
			.kind = b->kind,
			.process = processes[p],
			.thread = threads[thread],
			.stack = stacks[stack],
			.cpu = (uint32_t)i % 4,
		};

		bench_must(oc_machine_add_sample(b->m, &sample), "sample");
	}
}

/* A finished machine that holds the recording; at most BENCH_THREADS processes. */
static inline struct oc_machine *bench_recording_new(const struct bench_recording *r)
{
	struct bench_machine b = bench_machine_new(BENCH_MAPPINGS);
	oc_stack_id *stacks = calloc(r->nr_stacks, sizeof(*stacks));
	oc_process_id processes[BENCH_THREADS];
	uint64_t random = 88172645463325252;

	bench_must(stacks && r->nr_processes <= BENCH_THREADS ? 0 : -1, "recording");
	bench_add_processes(&b, processes, r->nr_processes);
	for (uint32_t i = 0; i < r->nr_stacks; i++)
		stacks[i] = bench_stack(&b, r, i % r->nr_processes, processes[i % r->nr_processes],
					&random);
	bench_name_locations(b.m);
	bench_add_samples(&b, r, processes, stacks);
	free(stacks);
	bench_must(oc_machine_finish(b.m), "finish");
	return b.m;
}

#endif
