/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures .octrace: writing 1,000,000 timeline samples on 20,000 stacks of 24 frames to memory, and reading them back.
 * Started by run.py. With a file name and a number of samples as arguments only writes such a recording.
 */
#include <onecollect/format.h>
#include <onecollect/reader.h>

#include "recording.h"

#define NR_SAMPLES 1000000
#define NR_RUNS    5

/* Milliseconds of reading file[size] into a finished machine. */
static double read_ms(const void *file, size_t size)
{
	struct oc_machine *m = oc_machine_new(NULL);
	double start = bench_cpu_ms(), ms;
	struct oc_input *in;

	bench_must(m ? oc_input_open_memory(file, size, &in) : -1, "input");
	bench_must(oc_reader_by_name("octrace")->read(in, m, NULL), "read");
	bench_must(oc_machine_finish(m), "finish");
	ms = bench_cpu_ms() - start;
	bench_must(oc_machine_nr_samples(m) == NR_SAMPLES ? 0 : -1, "samples");
	oc_input_close(in);
	oc_machine_free(m);
	return ms;
}

static void measure(const struct oc_format *format, const struct oc_machine *m)
{
	double writes[NR_RUNS], reads[NR_RUNS];
	size_t size = 0;

	for (int i = 0; i < NR_RUNS; i++) {
		double start = bench_cpu_ms();
		struct oc_output *out;
		const void *file;

		bench_must(oc_output_open_memory(&out), "output");
		bench_must(format->write(m, out, NULL), "write");
		writes[i] = bench_cpu_ms() - start;
		file = oc_output_memory(out, &size);
		reads[i] = read_ms(file, size);
		oc_output_abort(out);
	}
	qsort(writes, NR_RUNS, sizeof(*writes), bench_compare);
	qsort(reads, NR_RUNS, sizeof(*reads), bench_compare);
	bench_print("write 1,000,000 samples as octrace, CPU time", writes[NR_RUNS / 2], "ms", 0);
	bench_print("read 1,000,000 samples of octrace, CPU time", reads[NR_RUNS / 2], "ms", 0);
	bench_print("size of 1,000,000 samples as octrace", (double)size / NR_SAMPLES, "B/sample",
		    0);
}

int main(int argc, char **argv)
{
	const struct oc_format *format = oc_format_by_name("octrace");
	const struct bench_recording recording = {
		.nr_samples = argc > 2 ? strtoull(argv[2], NULL, 10) : NR_SAMPLES,
		.nr_stacks = 20000,
		.nr_processes = 1,
		.frames_min = 24,
		.frames_max = 24,
	};
	struct oc_machine *m = bench_recording_new(&recording);

	if (argc > 1)
		bench_must(oc_format_write_file(format, m, argv[1], true, NULL, NULL), argv[1]);
	else
		measure(format, m);
	oc_machine_free(m);
	return 0;
}
