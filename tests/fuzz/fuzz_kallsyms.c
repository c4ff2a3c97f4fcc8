/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as /proc/kallsyms.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "base/macros.h"
#include "symbolize/kernel_symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t addresses[] = { 0,
					      1,
					      0x1000,
					      0xffffffff81000000,
					      0xffffffff81000010,
					      0xffffffffa0000000,
					      0xffffffffa0001000,
					      UINT64_MAX };
	struct buffer text = BUFFER_INIT;
	struct symbol_match match;
	const char *name, *module;
	size_t len, module_len;

	buffer_append(&text, data, size);
	if (symbol_match_init(&match, addresses, ARRAY_SIZE(addresses), SYMBOL_BEST,
			      kernel_symbols_weight, &text))
		abort();
	if (text.len && !kernel_symbols_match(text.data, text.len, &match)) {
		symbol_match_finish(&match);
		for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
			const struct symbol *symbol = symbol_match_get(&match, i);

			if (!symbol)
				continue;
			if (addresses[i] < symbol->start)
				abort();
			len = kernel_symbols_name(&text, symbol->name, &name, &module, &module_len);
			fuzz_use(name, len);
			fuzz_use(module, module_len);
		}
	}
	symbol_match_done(&match);
	buffer_done(&text);
	return 0;
}
