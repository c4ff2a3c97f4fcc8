/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures .octrace: writing 1,000,000 timeline samples on 20,000 stacks of 24 frames to memory, and reading them back.
 * Started by run.py. With a file name as argument the recording is also written there.
 */
#include <onecollect/format.h>
#include <onecollect/reader.h>

#include "bench.h"

#define NR_SAMPLES  1000000
#define NR_STACKS   20000
#define NR_THREADS  64
#define NR_MAPPINGS 24
#define NR_FRAMES   24
#define NR_RUNS     5

static oc_stack_id make_stack(const struct bench_machine *b, uint64_t *random)
{
	uint64_t frames[NR_FRAMES];
	int64_t callstack;

	for (uint32_t i = 0; i < NR_FRAMES; i++)
		frames[i] = BENCH_FIRST_ADDRESS +
			    bench_random(random) % (NR_MAPPINGS * BENCH_MAPPING_BYTES) / 256 * 256;
	callstack =
		bench_must(oc_machine_intern_callstack(b->m, frames, NR_FRAMES, 0), "callstack");
	return (oc_stack_id)bench_must(
		oc_machine_resolve(b->m, b->process, (oc_callstack_id)callstack), "stack");
}

/* Times as a clock on two CPUs gives them: nearly regular. */
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
			.time_ns = 1000 + (uint64_t)i * 500000 + bench_random(&random) % 4096,
			.count = 1,
			.value = 1,
			.kind = b->kind,
			.process = b->process,
			.thread = threads[bench_random(&random) % NR_THREADS],
			.stack = stacks[bench_random(&random) % (pick + 1)],
			.cpu = i & 1,
		};

		bench_must(oc_machine_add_sample(b->m, &sample), "sample");
	}
}

/* CPU time used so far, which other programs on the machine do not change as they do the time that passes. */
static double cpu_ms(void)
{
	double user_s, system_s;

	clock_self_cpu(&user_s, &system_s);
	return (user_s + system_s) * 1e3;
}

/* Milliseconds of reading file[size] into a finished machine. */
static double read_ms(const void *file, size_t size)
{
	struct oc_machine *m = oc_machine_new(NULL);
	double start = cpu_ms(), ms;
	struct oc_input *in;

	bench_must(m ? oc_input_open_memory(file, size, &in) : -1, "input");
	bench_must(oc_reader_by_name("octrace")->read(in, m, NULL), "read");
	bench_must(oc_machine_finish(m), "finish");
	ms = cpu_ms() - start;
	bench_must(oc_machine_nr_samples(m) == NR_SAMPLES ? 0 : -1, "samples");
	oc_input_close(in);
	oc_machine_free(m);
	return ms;
}

int main(int argc, char **argv)
{
	const struct oc_format *format = oc_format_by_name("octrace");
	struct bench_machine b = bench_machine_new(NR_MAPPINGS);
	double writes[NR_RUNS], reads[NR_RUNS];
	size_t size = 0;

	add_samples(&b);
	bench_must(oc_machine_finish(b.m), "finish");
	for (int i = 0; i < NR_RUNS; i++) {
		double start = cpu_ms();
		struct oc_output *out;
		const void *file;

		bench_must(oc_output_open_memory(&out), "output");
		bench_must(format->write(b.m, out, NULL), "write");
		writes[i] = cpu_ms() - start;
		file = oc_output_memory(out, &size);
		reads[i] = read_ms(file, size);
		oc_output_abort(out);
	}
	if (argc > 1)
		bench_must(oc_format_write_file(format, b.m, argv[1], true, NULL, NULL), argv[1]);
	oc_machine_free(b.m);
	qsort(writes, NR_RUNS, sizeof(*writes), bench_compare);
	qsort(reads, NR_RUNS, sizeof(*reads), bench_compare);
	bench_print("write 1,000,000 samples as octrace, CPU time", writes[NR_RUNS / 2], "ms", 0);
	bench_print("read 1,000,000 samples of octrace, CPU time", reads[NR_RUNS / 2], "ms", 0);
	bench_print("size of 1,000,000 samples as octrace", (double)size / NR_SAMPLES, "B/sample",
		    0);
	return 0;
}
