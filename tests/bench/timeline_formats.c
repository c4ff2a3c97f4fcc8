/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures writing formats that keep the time of each sample: 1,000,000 samples of 40 processes with the same libraries
 * at addresses of their own, on 4,000 stacks of 27.5 frames on average; every fifth frame has an inlined function.
 * Started by run.py; "out-of-order" as argument adds them backwards.
 */
#include <onecollect/format.h>
#include <onecollect/output.h>

#include <string.h>

#include "recording.h"

#define NR_SAMPLES 1000000
#define NR_WRITES  3

/* Half a million samples a second. */
#define BUDGET_NS 2000

/* Median nanoseconds of CPU time per sample of writing to memory; *ret_bytes: per sample. */
static double write_ns(const struct oc_format *format, const struct oc_machine *m,
		       double *ret_bytes)
{
	double times[NR_WRITES];

	for (int i = 0; i < NR_WRITES; i++) {
		struct oc_output *out;
		double start = bench_cpu_ms();

		bench_must(oc_output_open_memory(&out), "output");
		bench_must(format->write(m, out, NULL), format->name);
		times[i] = (bench_cpu_ms() - start) * 1e6 / NR_SAMPLES;
		*ret_bytes = (double)oc_output_bytes(out) / NR_SAMPLES;
		oc_output_abort(out);
	}
	qsort(times, NR_WRITES, sizeof(*times), bench_compare);
	return times[NR_WRITES / 2];
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "nettrace", "perfview-xml", "perfetto" };
	const struct bench_recording recording = {
		.nr_samples = NR_SAMPLES,
		.nr_stacks = 4000,
		.nr_processes = 40,
		.frames_min = 5,
		.frames_max = 50,
		.out_of_order = argc > 1 && !strcmp(argv[1], "out-of-order"),
	};
	struct oc_machine *m = bench_recording_new(&recording);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		double bytes = 0, ns = write_ns(oc_format_by_name(names[i]), m, &bytes);
		char text[96];

		snprintf(text, sizeof(text), "CPU time, write a sample of a timeline as %s",
			 names[i]);
		bench_print(text, ns, "ns", BUDGET_NS);
		snprintf(text, sizeof(text), "size of a sample of a timeline as %s", names[i]);
		bench_print(text, bytes, "B", 0);
	}
	oc_machine_free(m);
	return 0;
}
