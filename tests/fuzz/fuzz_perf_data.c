/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a perf.data file. What can be read must add up, and must give the same samples once more when it is
 * written as perf.data and read again.
 */
#include "fuzz.h"

#include <stdlib.h>

#include <onecollect/format.h>
#include <onecollect/reader.h>

#include "base/macros.h"
#include "export/formats/readers_private.h"

#define MEMORY_BUDGET (16ULL << 20)

/* Reads a file into a finished machine; NULL = it cannot be read. */
static struct oc_machine *read_machine(const void *data, size_t size)
{
	struct oc_machine_opts opts = { .size = sizeof(opts),
					.memory_budget_bytes = MEMORY_BUDGET };
	struct oc_machine *m = oc_machine_new(&opts);
	struct oc_error err = { 0 };
	struct oc_input *in;
	int rc;

	if (!m || oc_input_open_memory(data, size, &in))
		abort();
	rc = oc_reader_perf_data.read(in, m, &err);
	oc_input_close(in);
	/* An error always says why. */
	if (rc && (err.code != rc || !*err.message))
		abort();
	if (!rc && !oc_machine_finish(m))
		return m;
	oc_machine_free(m);
	return NULL;
}

static struct oc_output *write_machine(const struct oc_machine *m)
{
	struct oc_output *out;

	if (oc_output_open_memory(&out))
		abort();
	if (oc_format_by_name("perf-data")->write(m, out, NULL)) {
		oc_output_abort(out);
		return NULL;
	}
	return out;
}

/* What we have written we can read, and it is as many samples. */
static void check_again(const struct oc_machine *m)
{
	struct oc_output *out = write_machine(m);
	struct oc_machine *again;
	const void *data;
	size_t size;

	if (!out)
		return;
	data = oc_output_memory(out, &size);
	again = read_machine(data, size);
	if (!again || oc_machine_nr_samples(again) != oc_machine_nr_samples(m) ||
	    oc_machine_ledger_const(again)->notes[OC_NOTE_PARTIAL_INPUT] ||
	    oc_machine_ledger_const(again)->notes[OC_NOTE_TRACE_DAMAGES])
		abort();
	oc_machine_free(again);
	oc_output_abort(out);
}

static int use_sample(void *arg, const struct oc_sample *sample)
{
	const struct oc_machine *m = arg;
	uint32_t nr;
	const oc_location_id *locations = oc_machine_stack(m, sample->stack, &nr);

	if (!oc_machine_process(m, sample->process) || !oc_machine_kind(m, sample->kind))
		abort();
	fuzz_use(locations, nr * sizeof(*locations));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oc_machine *m = read_machine(data, size);

	if (!m)
		return 0;
	if (!oc_ledger_balanced(oc_machine_ledger_const(m)))
		abort();
	oc_machine_each_sample(m, use_sample, m);
	check_again(m);
	oc_machine_free(m);
	return 0;
}
