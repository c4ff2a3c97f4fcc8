/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fuzz targets of input formats do with bytes: read them, and when that works write the machine in formats that can
 * be read again, with the same totals. To be included by the targets of readers.
 */
#ifndef TESTS_FUZZ_READER_H
#define TESTS_FUZZ_READER_H

#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>

#include <onecollect/format.h>
#include <onecollect/graph.h>
#include <onecollect/reader.h>

#include "base/macros.h"

#define FUZZ_MEMORY_BUDGET (16ULL << 20)

/* Reads a file into a finished machine. Returns NULL when it cannot be read, with *ret_rc set. */
static inline struct oc_machine *fuzz_read(const char *reader, const void *data, size_t size,
					   int *ret_rc)
{
	struct oc_machine_opts opts = { .size = sizeof(opts),
					.memory_budget_bytes = FUZZ_MEMORY_BUDGET };
	struct oc_machine *m = oc_machine_new(&opts);
	struct oc_error err = { 0 };
	struct oc_input *in;

	if (!m || oc_input_open_memory(data, size, &in))
		abort();
	fuzz_use(&(bool){ oc_reader_by_name(reader)->sniff(data, MIN(size, OC_SNIFF_BYTES)) }, 1);
	*ret_rc = oc_reader_by_name(reader)->read(in, m, &err);
	oc_input_close(in);
	/* An error always says why. */
	if (*ret_rc && (err.code != *ret_rc || !*err.message))
		abort();
	if (!*ret_rc && !oc_machine_finish(m))
		return m;
	oc_machine_free(m);
	return NULL;
}

/* The same of a format without a ledger of its own: what was read must add up. */
static inline struct oc_machine *fuzz_read_balanced(const char *reader, const void *data,
						    size_t size, int *ret_rc)
{
	struct oc_machine *m = fuzz_read(reader, data, size, ret_rc);

	if (m && !oc_ledger_balanced(oc_machine_ledger_const(m)))
		abort();
	return m;
}

/* Writes into memory. NULL = the writer would not. */
static inline struct oc_output *fuzz_write(const struct oc_machine *m, const char *format)
{
	struct oc_output *out;

	if (oc_output_open_memory(&out))
		abort();
	if (!oc_format_by_name(format)->write(m, out, NULL))
		return out;
	oc_output_abort(out);
	return NULL;
}

static inline uint64_t fuzz_kept(const struct oc_machine *m, uint32_t kind)
{
	return oc_machine_ledger_const(m)->kinds[kind].kept;
}

/* Writes in a format and reads that again; NULL when there is nothing that could be read. */
static inline struct oc_machine *fuzz_again(const struct oc_machine *m, const char *format)
{
	struct oc_output *out = fuzz_write(m, format);
	struct oc_machine *again = NULL;
	const void *data;
	size_t size;
	int rc = 0;

	if (!out)
		abort();
	data = oc_output_memory(out, &size);
	if (size)
		again = fuzz_read_balanced(format, data, size, &rc);
	/* Names may read as a second count, and sums may be beyond what a reader takes for a recording. */
	if (rc && rc != -EOPNOTSUPP && rc != -EFBIG)
		abort();
	oc_output_abort(out);
	return again;
}

/* What is written in a format and read again weighs the same. */
static inline void fuzz_round_trips(const struct oc_machine *m)
{
	struct oc_machine *octrace = fuzz_again(m, "octrace");
	struct oc_machine *pprof = fuzz_again(m, "pprof");
	struct oc_machine *folded = fuzz_again(m, "folded");
	struct oc_graph *graph;
	uint32_t nr;

	for (uint32_t i = 0; octrace && i < oc_machine_nr_kinds(m); i++) {
		if (fuzz_kept(octrace, i) != fuzz_kept(m, i))
			abort();
	}
	/* Further kinds have columns of their own there, but may change places. */
	if (pprof && fuzz_kept(pprof, 0) != fuzz_kept(m, 0))
		abort();
	if (folded && !oc_graph_new(m, NULL, &graph)) {
		if (fuzz_kept(folded, 0) != oc_graph_nodes(graph, &nr)->total)
			abort();
		oc_graph_free(graph);
	}
	oc_machine_free(octrace);
	oc_machine_free(pprof);
	oc_machine_free(folded);
}

#endif
