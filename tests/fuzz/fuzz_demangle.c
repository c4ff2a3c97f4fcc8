/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a mangled name: as they are, and as the body of a C++ and of a Rust name.
 */
#include "fuzz.h"

#include "symbolize/demangle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const prefixes[] = { "", "_Z", "_ZN", "_R" };
	struct buffer name = BUFFER_INIT, out = BUFFER_INIT;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		buffer_clear(&name);
		buffer_puts(&name, prefixes[i]);
		buffer_append(&name, data, size);
		buffer_putc(&name, '\0');
		if (demangle(name.data, &out))
			fuzz_use(out.data, out.len);
	}
	buffer_done(&name);
	buffer_done(&out);
	return 0;
}
