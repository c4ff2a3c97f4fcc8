/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a file to make an unwind table of: headers, sections, compressed sections, .eh_frame_hdr, trampolines;
 * and where mappings of it would be.
 */
#include "fuzz_unwind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unwind_table *table = NULL;
	uint64_t bias = 0;

	if (unwind_table_compile_image(data, size, &table, NULL))
		return 0;
	fuzz_check_table(table);
	for (uint64_t offset = 0; offset < 0x8000; offset += 0x1000) {
		if (!unwind_table_bias(table, 0x7f0000000000, offset, &bias))
			fuzz_use(&bias, sizeof(bias));
	}
	unwind_table_free(table);
	return 0;
}
