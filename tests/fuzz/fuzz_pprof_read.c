/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a pprof profile, plain or compressed. */
#include "fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int rc;
	struct oc_machine *m = fuzz_read("pprof", data, size, &rc);

	if (!m)
		return 0;
	fuzz_round_trip(m, "folded", 1);
	/* Kinds that are counted by their values get a column of counts more, which the first kind alone keeps. */
	fuzz_round_trip(m, "pprof", 1);
	fuzz_round_trip(m, "octrace", OC_KINDS_MAX);
	oc_machine_free(m);
	return 0;
}
