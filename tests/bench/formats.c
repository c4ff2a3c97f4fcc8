/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures writing each format: 200,000 samples on 4,000 stacks of 27.5 frames on average, 3,000 functions, 64 threads.
 * Started by run.py.
 */
#include <onecollect/format.h>
#include <onecollect/output.h>

#include <string.h>

#include "base/macros.h"
#include "bench.h"

#define NR_SAMPLES   200000
#define NR_STACKS    4000
#define NR_FUNCTIONS 3000
#define NR_THREADS   64
#define NR_MAPPINGS  24
#define FRAMES_MIN   5
#define FRAMES_MAX   50
#define NR_WRITES    7

/* Budget of the design. */
#define PPROF_BUDGET_MS 100

static void name_locations(struct oc_machine *m)
{
	oc_function_id functions[NR_FUNCTIONS];

	for (uint32_t i = 0; i < NR_FUNCTIONS; i++) {
		char name[64];
		int len =
			snprintf(name, sizeof(name), "a_namespace::a_class::a_method_number_%u", i);
		struct oc_function function = {
			.name = (oc_string_id)bench_must(oc_machine_intern(m, name, (size_t)len),
							 "name"),
		};

		function.system_name = function.name;
		functions[i] = (oc_function_id)bench_must(oc_machine_add_function(m, &function),
							  "function");
	}
	for (oc_location_id i = 1; i <= oc_machine_nr_locations(m); i++) {
		struct oc_line line = { .function = functions[i % NR_FUNCTIONS] };

		bench_must(oc_machine_set_lines(m, i, &line, 1), "lines");
	}
}

/* Addresses are picked so that low ones are frequent: real profiles are skewed. */
static oc_stack_id make_stack(const struct bench_machine *b, uint64_t *random)
{
	const uint64_t span = (uint64_t)NR_MAPPINGS * BENCH_MAPPING_BYTES;
	uint64_t frames[FRAMES_MAX];
	uint32_t nr = FRAMES_MIN + (uint32_t)(bench_random(random) % (FRAMES_MAX - FRAMES_MIN + 1));
	int64_t callstack;

	for (uint32_t i = 0; i < nr; i++) {
		uint64_t place = bench_random(random) % span;

		frames[i] = BENCH_FIRST_ADDRESS + (bench_random(random) % (place + 1)) / 128 * 128;
	}
	callstack = bench_must(oc_machine_intern_callstack(b->m, frames, nr, 0), "callstack");
	return (oc_stack_id)bench_must(
		oc_machine_resolve(b->m, b->process, (oc_callstack_id)callstack), "stack");
}

static void add_samples(const struct bench_machine *b)
{
	static oc_stack_id stacks[NR_STACKS];
	oc_thread_id threads[NR_THREADS];
	uint64_t random = 88172645463325252;

	for (uint32_t i = 0; i < NR_STACKS; i++)
		stacks[i] = make_stack(b, &random);
	for (uint32_t i = 0; i < NR_THREADS; i++)
		threads[i] = (oc_thread_id)bench_must(
			oc_machine_add_thread(b->m, b->process, 100 + i), "thread");
	for (uint32_t i = 0; i < NR_SAMPLES; i++) {
		uint64_t pick = bench_random(&random) % NR_STACKS;
		struct oc_sample sample = {
			.time_ns = 1000 + (uint64_t)i * 500000,
			.count = 1,
			.value = 1,
			.kind = b->kind,
			.process = b->process,
			.thread = threads[bench_random(&random) % NR_THREADS],
			.stack = stacks[bench_random(&random) % (pick + 1)],
		};

		bench_must(oc_machine_add_sample(b->m, &sample), "sample");
	}
}

/* Median milliseconds of writing to memory. */
static double write_ms(const struct oc_format *format, const struct oc_machine *m)
{
	double times[NR_WRITES];

	for (int i = 0; i < NR_WRITES; i++) {
		struct oc_output *out;
		uint64_t start = clock_monotonic_ns();

		bench_must(oc_output_open_memory(&out), "output");
		bench_must(format->write(m, out, NULL), format->name);
		times[i] = (double)(clock_monotonic_ns() - start) / 1e6;
		oc_output_abort(out);
	}
	qsort(times, NR_WRITES, sizeof(*times), bench_compare);
	return times[NR_WRITES / 2];
}

/* Formats that write every frame of each sample as text: gigabytes here, and nothing to be learnt from them. */
static bool is_text_per_sample(const struct oc_format *format)
{
	static const char *const names[] = { "chrome", "jsonl", "perf-script" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(format->name, names[i]))
			return true;
	}
	return false;
}

int main(void)
{
	struct bench_machine b = bench_machine_new(NR_MAPPINGS);
	size_t nr_formats;
	const struct oc_format *const *formats = oc_formats(&nr_formats);

	add_samples(&b);
	name_locations(b.m);
	bench_must(oc_machine_finish(b.m), "finish");
	for (size_t i = 0; i < nr_formats; i++) {
		char name[96];
		bool is_pprof = formats[i] == oc_format_by_name("pprof");

		/* Stacks with nothing in common are its worst case: about 1 GB here, all of it in memory. */
		if (is_text_per_sample(formats[i]))
			continue;
		snprintf(name, sizeof(name), "write 200,000 samples as %s", formats[i]->name);
		bench_print(name, write_ms(formats[i], b.m), "ms", is_pprof ? PPROF_BUDGET_MS : 0);
	}
	oc_machine_free(b.m);
	return 0;
}
