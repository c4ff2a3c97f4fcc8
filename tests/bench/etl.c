/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures reading a Windows trace: all events in order of time, and the whole way into a machine.
 * Started by run.py. The trace is the file named as argument, else one below $ONECOLLECT_TEST_DATA; without either
 * there is nothing to measure.
 */
#include <onecollect/reader.h>

#include "bench.h"
#include "windows-etw/etl_reader.h"

/* 300 MB/s of data, as it is when uncompressed. */
#define BUDGET_NS_PER_BYTE (1e9 / 300e6)

struct trace {
	struct oc_input *in;
	const char *path;
	uint64_t data_bytes;
};

static void read_events(void *arg)
{
	struct trace *t = arg;
	struct etl_reader *r;
	struct etl_event event;
	int rc;

	bench_must(etl_reader_open(t->in, &r, NULL), "open");
	while ((rc = etl_reader_next(r, &event)) == 1)
		;
	bench_must(rc, "read");
	t->data_bytes = etl_reader_stats(r)->data_bytes;
	etl_reader_free(r);
}

static void read_machine(void *arg)
{
	struct trace *t = arg;
	struct oc_machine *m = oc_machine_new(NULL);

	bench_must(m ? 0 : -1, "machine");
	bench_must(oc_read_file(t->path, m, NULL, NULL), "read");
	oc_machine_free(m);
}

int main(int argc, char **argv)
{
	const char *folder = getenv("ONECOLLECT_TEST_DATA");
	struct trace t = { 0 };
	char path[512];

	snprintf(path, sizeof(path), "%s/etl/perfview-net452-x64.etl", folder ? folder : ".");
	t.path = argc > 1 ? argv[1] : path;
	if (oc_input_open(t.path, &t.in, NULL)) {
		fprintf(stderr, "etl: no %s\n", t.path);
		return 0;
	}
	read_events(&t);
	bench_print("read the events of an .etl trace, per byte of data",
		    bench_ns(read_events, &t, t.data_bytes), "ns", 0);
	bench_print("read an .etl trace into a machine, per byte of data",
		    bench_ns(read_machine, &t, t.data_bytes), "ns", BUDGET_NS_PER_BYTE);
	oc_input_close(t.in);
	return 0;
}
