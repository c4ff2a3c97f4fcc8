/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a .debug_frame section, of both machines.
 */
#include "fuzz_unwind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_section(".debug_frame", EM_X86_64, data, size);
	fuzz_section(".debug_frame", EM_AARCH64, data, size);
	return 0;
}
