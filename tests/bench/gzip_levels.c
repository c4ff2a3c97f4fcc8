/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures what a gzip level costs in time and bytes when a pprof profile of 200,000 samples is written.
 * 4,000 stacks of mean depth 27.5 out of 3,000 functions, 64 threads; a few stacks and threads are much hotter than
 * the rest, as in real recordings. Started by run.py.
 */
#include <string.h>

#include <onecollect/format.h>

#include "bench.h"

#include "base/macros.h"
#include "export/formats/formats_private.h"

#define RUNS       11
#define SAMPLES    200000
#define STACKS     4000
#define FUNCTIONS  3000
#define THREADS    64
#define DEPTH_MIN  10
#define DEPTH_MAX  45
#define CODE       0x400000ULL
#define CODE_BYTES 64 /* per function */

/* The same load in each run and on each machine. */
static uint64_t random_state = 88172645463325252ULL;

/* A number below n; small ones are more frequent. */
static uint32_t skewed(uint32_t n)
{
	double x = (double)(bench_random(&random_state) >> 11) / 9007199254740992.0;

	return (uint32_t)(x * x * n);
}

static uint32_t must(int64_t result)
{
	return (uint32_t)bench_must(result, "pprof load");
}

static oc_string_id intern(struct oc_machine *m, const char *fmt, uint32_t number)
{
	char text[128];
	int len = snprintf(text, sizeof(text), fmt, number);

	return must(oc_machine_intern(m, text, (size_t)len));
}

static oc_process_id add_process(struct oc_machine *m, oc_thread_id *threads)
{
	struct oc_module module = { .path = intern(m, "/usr/bin/load%u", 1),
				    .build_id = { 1 },
				    .build_id_size = 20 };
	struct oc_mapping mapping = {
		.start = CODE,
		.end = CODE + FUNCTIONS * CODE_BYTES,
		.since_ns = 1,
		.until_ns = UINT64_MAX,
	};
	struct oc_process facts = { .comm = intern(m, "load%u", 1), .exe = module.path };

	mapping.process = must(oc_machine_process_start(m, 1000, 0, 1));
	mapping.module = must(oc_machine_add_module(m, &module));
	must(oc_machine_add_mapping(m, &mapping));
	must(oc_machine_process_set(m, mapping.process, &facts));
	for (uint32_t i = 0; i < THREADS; i++) {
		threads[i] = must(oc_machine_add_thread(m, mapping.process, 1000 + i));
		must(oc_machine_thread_set_name(m, threads[i], intern(m, "worker-%u", i)));
	}
	return mapping.process;
}

static oc_stack_id add_stack(struct oc_machine *m, oc_process_id process)
{
	uint64_t addresses[DEPTH_MAX];
	uint32_t depth =
		DEPTH_MIN + (uint32_t)(bench_random(&random_state) % (DEPTH_MAX - DEPTH_MIN + 1));

	for (uint32_t i = 0; i < depth; i++)
		addresses[i] =
			CODE + skewed(FUNCTIONS) * CODE_BYTES + 8 + bench_random(&random_state) % 4;
	return must(oc_machine_resolve(m, process,
				       must(oc_machine_intern_callstack(m, addresses, depth, 0))));
}

static void symbolize(struct oc_machine *m)
{
	for (oc_location_id id = 1; id <= oc_machine_nr_locations(m); id++) {
		const struct oc_location *location = oc_machine_location(m, id);
		uint32_t number = (uint32_t)((location->address - CODE) / CODE_BYTES);
		struct oc_function function = {
			.name = intern(m, "load::module::Component::function_%u()", number),
			.system_name = intern(m, "_ZN4load6module9Component8function_%uEv", number),
			.module = location->module,
		};
		struct oc_line line = { .function = must(oc_machine_add_function(m, &function)) };

		must(oc_machine_set_lines(m, id, &line, 1));
	}
}

static struct oc_machine *make_load(void)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind kind = { .name = "cpu", .unit = OC_UNIT_NANOSECONDS, .period_ns = 1001001 };
	static oc_stack_id stacks[STACKS];
	oc_thread_id threads[THREADS];
	struct oc_sample sample = { .count = 1, .value = kind.period_ns };

	if (!m)
		must(-1);
	sample.kind = must(oc_machine_add_kind(m, &kind));
	sample.process = add_process(m, threads);
	for (uint32_t i = 0; i < STACKS; i++)
		stacks[i] = add_stack(m, sample.process);
	for (uint32_t i = 0; i < SAMPLES; i++) {
		sample.time_ns = 1000 + i;
		sample.stack = stacks[skewed(STACKS)];
		sample.thread = threads[skewed(THREADS)];
		must(oc_machine_add_sample(m, &sample));
	}
	symbolize(m);
	must(oc_machine_finish(m));
	return m;
}

/* Median milliseconds of writing to memory; *ret_bytes: how many. */
static double measure(const struct oc_machine *m, int level, uint64_t *ret_bytes)
{
	double ms[RUNS];

	for (size_t i = 0; i < RUNS; i++) {
		uint64_t start = clock_monotonic_ns();
		struct oc_output *out;

		bench_must(oc_output_open_memory(&out), "output");
		bench_must(pprof_write(m, out, level, NULL), "pprof");
		ms[i] = (double)(clock_monotonic_ns() - start) / 1e6;
		*ret_bytes = oc_output_bytes(out);
		oc_output_abort(out);
	}
	qsort(ms, RUNS, sizeof(*ms), bench_compare);
	return ms[RUNS / 2];
}

int main(void)
{
	static const int levels[] = { 1, 2, 3, 4, 6 };
	struct oc_machine *m = make_load();

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		uint64_t bytes = 0;
		double ms = measure(m, levels[i], &bytes);
		char name[80];

		snprintf(name, sizeof(name), "write pprof with gzip level %d, %llu KiB", levels[i],
			 (unsigned long long)bytes / 1024);
		bench_print(name, ms, "ms", 0);
	}
	oc_machine_free(m);
	return 0;
}
