/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures writing formats that keep the time of each sample: 1,000,000 samples of 40 processes with the same libraries
 * at addresses of their own, on 4,000 stacks of 27.5 frames on average; every fifth frame has an inlined function. Started by run.py; "out-of-order" as argument adds them backwards.
 */
#include <onecollect/format.h>
#include <onecollect/output.h>

#include <string.h>

#include "bench.h"

#define NR_SAMPLES   1000000
#define NR_STACKS    4000
#define NR_PROCESSES 40
#define NR_MAPPINGS  24
#define FRAMES_MIN   5
#define FRAMES_MAX   50
#define NR_FUNCTIONS 3000
#define NR_WRITES    3

/* Half a million samples a second. */
#define BUDGET_NS 2000

/* The other processes map what the first one has, elsewhere. */
static void add_processes(struct bench_machine *b, oc_process_id *processes)
{
	processes[0] = b->process;
	for (uint32_t p = 1; p < NR_PROCESSES; p++) {
		processes[p] = (oc_process_id)bench_must(
			oc_machine_process_start(b->m, 100 + p, 0, 1), "process");
		for (oc_mapping_id i = 1; i <= NR_MAPPINGS; i++) {
			struct oc_mapping mapping = *oc_machine_mapping(b->m, i);

			mapping.process = processes[p];
			mapping.start += (uint64_t)p << 32;
			mapping.end += (uint64_t)p << 32;
			bench_must(oc_machine_add_mapping(b->m, &mapping), "mapping");
		}
	}
}

/* A stack, its addresses picked so that low ones are frequent, as in a process. */
static oc_stack_id make_stack(const struct bench_machine *b, uint32_t p, oc_process_id process,
			      uint64_t *random)
{
	const uint64_t span = (uint64_t)NR_MAPPINGS * BENCH_MAPPING_BYTES;
	uint64_t frames[FRAMES_MAX];
	uint32_t nr = FRAMES_MIN + (uint32_t)(bench_random(random) % (FRAMES_MAX - FRAMES_MIN + 1));
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

static void name_locations(struct oc_machine *m)
{
	static oc_function_id functions[NR_FUNCTIONS];

	for (uint32_t i = 0; i < NR_FUNCTIONS; i++) {
		struct oc_function function = { 0 };
		char name[64];
		int len = snprintf(name, sizeof(name), "a_namespace::a_class::a_method_%u", i);

		function.name =
			(oc_string_id)bench_must(oc_machine_intern(m, name, (size_t)len), "name");
		functions[i] = (oc_function_id)bench_must(oc_machine_add_function(m, &function),
							  "function");
	}
	for (oc_location_id i = 1; i <= oc_machine_nr_locations(m); i++) {
		struct oc_line lines[2] = { { .function = functions[(i + 1) % NR_FUNCTIONS] },
					    { .function = functions[i % NR_FUNCTIONS] } };
		uint32_t nr = i % 5 ? 1 : 2;

		bench_must(oc_machine_set_lines(m, i, lines + 2 - nr, nr), "lines");
	}
}

static void add_samples(const struct bench_machine *b, const oc_process_id *processes,
			bool out_of_order)
{
	static oc_stack_id stacks[NR_STACKS];
	uint64_t random = 88172645463325252;

	for (uint32_t i = 0; i < NR_STACKS; i++)
		stacks[i] = make_stack(b, i % NR_PROCESSES, processes[i % NR_PROCESSES], &random);
	for (uint64_t i = 0; i < NR_SAMPLES; i++) {
		uint64_t limit = bench_random(&random) % NR_STACKS + 1;
		uint32_t stack = (uint32_t)(bench_random(&random) % limit);
		uint32_t p = stack % NR_PROCESSES;
		struct oc_sample sample = {
			.time_ns = 1000 + (out_of_order ? NR_SAMPLES - i : i) * 250000,
			.count = 1,
			.value = 1,
			.kind = b->kind,
			.process = processes[p],
			.stack = stacks[stack],
			.cpu = (uint32_t)i % 4,
		};

		sample.thread = (oc_thread_id)bench_must(
			oc_machine_add_thread(b->m, sample.process, 100 + p), "thread");
		bench_must(oc_machine_add_sample(b->m, &sample), "sample");
	}
}

static double cpu_seconds(void)
{
	double user, system;

	clock_self_cpu(&user, &system);
	return user + system;
}

/* Median nanoseconds of CPU time per sample of writing to memory; *ret_bytes: per sample. */
static double write_ns(const struct oc_format *format, const struct oc_machine *m,
		       double *ret_bytes)
{
	double times[NR_WRITES];

	for (int i = 0; i < NR_WRITES; i++) {
		struct oc_output *out;
		double start = cpu_seconds();

		bench_must(oc_output_open_memory(&out), "output");
		bench_must(format->write(m, out, NULL), format->name);
		times[i] = (cpu_seconds() - start) * 1e9 / NR_SAMPLES;
		*ret_bytes = (double)oc_output_bytes(out) / NR_SAMPLES;
		oc_output_abort(out);
	}
	qsort(times, NR_WRITES, sizeof(*times), bench_compare);
	return times[NR_WRITES / 2];
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "nettrace", "perfview-xml" };
	struct bench_machine b = bench_machine_new(NR_MAPPINGS);
	oc_process_id processes[NR_PROCESSES];

	add_processes(&b, processes);
	add_samples(&b, processes, argc > 1 && !strcmp(argv[1], "out-of-order"));
	name_locations(b.m);
	bench_must(oc_machine_finish(b.m), "finish");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		double bytes = 0, ns = write_ns(oc_format_by_name(names[i]), b.m, &bytes);
		char text[96];

		snprintf(text, sizeof(text), "CPU time, write a sample of a timeline as %s",
			 names[i]);
		bench_print(text, ns, "ns", BUDGET_NS);
		snprintf(text, sizeof(text), "size of a sample of a timeline as %s", names[i]);
		bench_print(text, bytes, "B", 0);
	}
	oc_machine_free(b.m);
	return 0;
}
