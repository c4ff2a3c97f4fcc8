/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as folded stacks. */
#include "fuzz_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int rc;
	struct oc_machine *m = fuzz_read_balanced("folded", data, size, &rc);

	if (!m)
		return 0;
	fuzz_round_trips(m);
	oc_machine_free(m);
	return 0;
}
