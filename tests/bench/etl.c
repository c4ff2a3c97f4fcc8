/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures reading the Windows trace that is named as argument: all events in order of time, and the whole way into a
 * machine. Started by run.py for each trace that it finds; without a trace there is nothing to measure.
 */
#include <onecollect/reader.h>

#include "base/text.h"
#include "bench.h"
#include "windows-etw/etl_reader.h"

/* 300 MB/s of data, as it is when uncompressed. */
#define BUDGET_NS_PER_BYTE (1e9 / 300e6)

struct trace {
	struct oc_input *in;
	const char *path;
	uint64_t data_bytes;
};

static void read_events(struct trace *t)
{
	struct etl_reader *r;
	const struct etl_event *event;
	int rc;

	bench_must(etl_reader_open(t->in, &r, NULL), "open");
	while ((rc = etl_reader_next(r, &event)) == 1)
		;
	bench_must(rc, "read");
	t->data_bytes = etl_reader_stats(r)->data_bytes;
	etl_reader_free(r);
}

static void read_machine(struct trace *t)
{
	struct oc_machine *m = oc_machine_new(NULL);

	bench_must(m ? 0 : -1, "machine");
	bench_must(oc_read_file(t->path, m, NULL, NULL), "read");
	oc_machine_free(m);
}

/* Median nanoseconds of CPU time per byte of data. */
static void measure(void (*fn)(struct trace *t), struct trace *t, const char *what, double budget)
{
	double times[BENCH_RUNS];
	char text[256];

	fn(t);
	for (int i = 0; i < BENCH_RUNS; i++) {
		double start = bench_cpu_ms();

		fn(t);
		times[i] = (bench_cpu_ms() - start) * 1e6 / (double)t->data_bytes;
	}
	qsort(times, BENCH_RUNS, sizeof(*times), bench_compare);
	snprintf(text, sizeof(text), "CPU time, %s of %s, per byte of data", what,
		 text_base_name(t->path));
	bench_print(text, times[BENCH_RUNS / 2], "ns", budget);
}

int main(int argc, char **argv)
{
	struct trace t = { 0 };

	if (argc != 2) {
		fprintf(stderr, "etl: no trace named\n");
		return 0;
	}
	t.path = argv[1];
	bench_must(oc_input_open(t.path, &t.in, NULL), t.path);
	measure(read_events, &t, "events", 0);
	measure(read_machine, &t, "all", BUDGET_NS_PER_BYTE);
	oc_input_close(t.in);
	return 0;
}
