/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures writing each format: 200,000 samples on 4,000 stacks of 27.5 frames on average, 3,000 functions, 64 threads.
 * Started by run.py.
 */
#include <onecollect/format.h>
#include <onecollect/output.h>

#include <string.h>

#include "recording.h"

/* So many writes, fewer of a format that takes longer than a second. */
#define NR_WRITES      7
#define NR_WRITES_SLOW 2
#define SLOW_MS        1000

/* Budget of the design. */
#define PPROF_BUDGET_MS 100

/* Median milliseconds of writing to memory. */
static double write_ms(const struct oc_format *format, const struct oc_machine *m)
{
	double times[NR_WRITES];
	int nr = 0;

	while (nr < NR_WRITES && (nr < NR_WRITES_SLOW || times[0] < SLOW_MS)) {
		struct oc_output *out;
		uint64_t start = clock_monotonic_ns();

		bench_must(oc_output_open_memory(&out), "output");
		bench_must(format->write(m, out, NULL), format->name);
		times[nr++] = (double)(clock_monotonic_ns() - start) / 1e6;
		oc_output_abort(out);
	}
	qsort(times, (size_t)nr, sizeof(*times), bench_compare);
	return times[nr / 2];
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
	const struct bench_recording recording = {
		.nr_samples = 200000,
		.nr_stacks = 4000,
		.nr_processes = 1,
		.frames_min = 5,
		.frames_max = 50,
	};
	struct oc_machine *m = bench_recording_new(&recording);
	size_t nr_formats;
	const struct oc_format *const *formats = oc_formats(&nr_formats);

	for (size_t i = 0; i < nr_formats; i++) {
		char name[96];
		bool is_pprof = formats[i] == oc_format_by_name("pprof");

		if (is_text_per_sample(formats[i]))
			continue;
		snprintf(name, sizeof(name), "write 200,000 samples as %s", formats[i]->name);
		bench_print(name, write_ms(formats[i], m), "ms", is_pprof ? PPROF_BUDGET_MS : 0);
	}
	oc_machine_free(m);
	return 0;
}
