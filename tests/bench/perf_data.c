/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures reading and writing perf.data: 200,000 samples with their times, on 4,000 stacks of 24 frames.
 * Started by run.py.
 */
#include <onecollect/format.h>
#include <onecollect/output.h>
#include <onecollect/reader.h>

#include "base/macros.h"
#include "bench.h"

#define NR_SAMPLES  200000
#define NR_STACKS   4000
#define NR_FRAMES   24
#define NR_MAPPINGS 24
#define NR_RUNS     5

static void add_samples(const struct bench_machine *b)
{
	static oc_stack_id stacks[NR_STACKS];
	oc_thread_id thread =
		(oc_thread_id)bench_must(oc_machine_add_thread(b->m, b->process, 100), "thread");
	uint64_t random = 88172645463325252;

	for (uint32_t i = 0; i < NR_STACKS; i++) {
		uint64_t frames[NR_FRAMES];

		for (uint32_t k = 0; k < NR_FRAMES; k++)
			frames[k] = BENCH_FIRST_ADDRESS +
				    bench_random(&random) % (NR_MAPPINGS * BENCH_MAPPING_BYTES);
		stacks[i] = (oc_stack_id)bench_must(
			oc_machine_resolve(
				b->m, b->process,
				(oc_callstack_id)bench_must(
					oc_machine_intern_callstack(b->m, frames, NR_FRAMES, 0),
					"callstack")),
			"stack");
	}
	for (uint32_t i = 0; i < NR_SAMPLES; i++) {
		struct oc_sample sample = {
			.time_ns = 1000 + (uint64_t)i * 500000,
			.count = 1,
			.value = 1,
			.kind = b->kind,
			.process = b->process,
			.thread = thread,
			.stack = stacks[bench_random(&random) % NR_STACKS],
		};

		bench_must(oc_machine_add_sample(b->m, &sample), "sample");
	}
}

/* Returns milliseconds of CPU time; *ret_out is the file. */
static double write_ms(const struct oc_machine *m, struct oc_output **ret_out)
{
	double start = bench_cpu_ms();

	bench_must(oc_output_open_memory(ret_out), "output");
	bench_must(oc_format_by_name("perf-data")->write(m, *ret_out, NULL), "write");
	return bench_cpu_ms() - start;
}

static double read_ms(const void *data, size_t size)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_error err = { 0 };
	struct oc_input *in;
	double start = bench_cpu_ms(), spent;

	bench_must(oc_input_open_memory(data, size, &in), "input");
	bench_must(oc_reader_by_name("perf-data")->read(in, m, &err), "read");
	spent = bench_cpu_ms() - start;
	if (oc_machine_nr_samples(m) != NR_SAMPLES)
		bench_must(-1, "samples");
	oc_input_close(in);
	oc_machine_free(m);
	return spent;
}

int main(void)
{
	struct bench_machine b = bench_machine_new(NR_MAPPINGS);
	double writes[NR_RUNS], reads[NR_RUNS];

	add_samples(&b);
	bench_must(oc_machine_finish(b.m), "finish");
	for (int i = 0; i < NR_RUNS; i++) {
		struct oc_output *out;
		const void *data;
		size_t size;

		writes[i] = write_ms(b.m, &out);
		data = oc_output_memory(out, &size);
		reads[i] = read_ms(data, size);
		oc_output_abort(out);
	}
	qsort(writes, NR_RUNS, sizeof(*writes), bench_compare);
	qsort(reads, NR_RUNS, sizeof(*reads), bench_compare);
	bench_print("perf.data: samples written per ms of CPU time",
		    NR_SAMPLES / writes[NR_RUNS / 2], "/ms", 0);
	bench_print("perf.data: samples read per ms of CPU time", NR_SAMPLES / reads[NR_RUNS / 2],
		    "/ms", 0);
	oc_machine_free(b.m);
	return 0;
}
