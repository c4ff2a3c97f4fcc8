/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a perf.data file. What can be read must add up, and must give the same samples once more when it is
 * written as perf.data and read again.
 */
#include "fuzz_reader.h"

/* What we have written we can read, and it is as many samples. */
static void check_again(const struct oc_machine *m)
{
	struct oc_output *out = fuzz_write(m, "perf-data");
	struct oc_machine *again;
	const void *data;
	size_t size;
	int rc;

	if (!out)
		return;
	data = oc_output_memory(out, &size);
	again = fuzz_read("perf-data", data, size, &rc);
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
	int rc;
	struct oc_machine *m = fuzz_read_balanced("perf-data", data, size, &rc);

	if (!m)
		return 0;
	oc_machine_each_sample(m, use_sample, m);
	check_again(m);
	oc_machine_free(m);
	return 0;
}
