/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a PE file: headers, identity, exports, bounds of functions, and names for places all over its sections.
 */
#include "fuzz.h"

#include "base/macros.h"
#include "symbolize/pe_symbols.h"
#include "symbolize/undecorate.h"

#define NR_ADDRESSES 64

static int use_name(void *arg, size_t index, const char *name)
{
	struct buffer *out = arg;

	fuzz_use(name, strlen(name));
	if (undecorate(name, index & 1, out))
		fuzz_use(out->data, out->len);
	return 0;
}

static void name_places(const struct pe_file *pe)
{
	uint64_t addresses[NR_ADDRESSES];
	struct buffer out = BUFFER_INIT;
	struct oc_error err;

	for (uint32_t i = 0; i < pe->nr_sections; i++) {
		const struct pe_section *s = &pe->sections[i];

		for (uint64_t k = 0; k < NR_ADDRESSES; k++)
			addresses[k] = s->address + s->size * k / NR_ADDRESSES;
		if (pe_symbols_name(pe, addresses, NR_ADDRESSES, use_name, &out, &err))
			break;
	}
	buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct byte_source source = { .fd = -1, .memory = data, .size = size };
	struct pe_symbol_file file;
	struct oc_error err;
	struct pe_file pe;

	if (pe_open(&pe, &source, &err))
		return 0;
	if (pe_symbol_file(&pe, &file, &err) == 1)
		fuzz_use(file.path, strlen(file.path));
	name_places(&pe);
	pe_close(&pe);
	return 0;
}
