/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any text as a name that Microsoft's compilers decorated.
 */
#include "fuzz.h"

#include "base/macros.h"
#include "symbolize/undecorate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer out = BUFFER_INIT;
	char *name = malloc(size + 1);

	if (!name)
		return 0;
	memcpy(name, data, size);
	name[size] = '\0';
	for (int is_x86 = 0; is_x86 < 2; is_x86++) {
		if (undecorate(name, is_x86, &out))
			fuzz_use(out.data, out.len);
	}
	buffer_done(&out);
	free(name);
	return 0;
}
