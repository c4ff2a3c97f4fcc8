/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fuzz targets of input formats do with bytes: read them, and when that works write the machine in formats that can
 * be read again, with the same totals. To be included by fuzz_*_read.c.
 */
#ifndef TESTS_FUZZ_READER_H
#define TESTS_FUZZ_READER_H

#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>

#include <onecollect/format.h>
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
	if (!*ret_rc && !oc_ledger_balanced(oc_machine_ledger_const(m)))
		abort();
	if (!*ret_rc && !oc_machine_finish(m))
		return m;
	oc_machine_free(m);
	return NULL;
}

/* What is written in a format and read again weighs the same. nr_kinds: so many of them the format has. */
static inline void fuzz_round_trip(const struct oc_machine *m, const char *format,
				   uint32_t nr_kinds)
{
	const struct oc_ledger *before = oc_machine_ledger_const(m), *after;
	struct oc_machine *again;
	struct oc_output *out;
	const void *data;
	size_t size;
	int rc;

	if (oc_output_open_memory(&out))
		abort();
	if (oc_format_by_name(format)->write(m, out, NULL))
		abort();
	data = oc_output_memory(out, &size);
	again = size ? fuzz_read(format, data, size, &rc) : NULL;
	/* Names may read as a second count, and sums may be beyond what a reader takes for a recording. */
	if (size && !again && rc != -EOPNOTSUPP && rc != -EFBIG)
		abort();
	for (uint32_t i = 0; again && i < MIN(nr_kinds, before->nr_kinds); i++) {
		after = oc_machine_ledger_const(again);
		if (after->kinds[i].kept != before->kinds[i].kept)
			abort();
	}
	oc_machine_free(again);
	oc_output_abort(out);
}

#endif
