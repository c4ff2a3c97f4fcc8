/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a perf map.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "base/macros.h"
#include "symbolize/perf_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t addresses[] = { 0,
					      1,
					      0x1000,
					      0x1001,
					      0x10ff,
					      0x7f0000001000,
					      0x7f0000001020,
					      UINT64_MAX - 1,
					      UINT64_MAX };
	struct buffer text = BUFFER_INIT;
	struct symbol_match match;
	uint64_t skipped;
	const char *name;
	size_t len;

	buffer_append(&text, data, size);
	if (symbol_match_init(&match, addresses, ARRAY_SIZE(addresses), SYMBOL_LATEST, NULL, NULL))
		abort();
	if (text.len && !perf_map_match(text.data, text.len, &match, &skipped)) {
		for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
			const struct symbol *symbol = symbol_match_get(&match, i);

			if (!symbol)
				continue;
			if (addresses[i] < symbol->start ||
			    addresses[i] - symbol->start >= symbol->size)
				abort();
			len = perf_map_name(&text, symbol->name, &name);
			fuzz_use(name, len);
		}
	}
	symbol_match_done(&match);
	buffer_done(&text);
	return 0;
}
