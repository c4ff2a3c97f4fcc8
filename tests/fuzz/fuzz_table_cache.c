/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a file of the unwind table cache. Its checksum is set right, as who writes such a file could do too; what
 * is accepted has to be as sound as what the compiler makes.
 */
#include "fuzz_unwind.h"

#include "base/id_table.h"
#include "unwind/table_cache.h"

/* Where the checksum stands, and what it covers: all behind it. */
#define CHECKSUM_AT 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t id[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct unwind_table *table = NULL;
	struct buffer file = BUFFER_INIT;

	buffer_append(&file, data, size);
	if (size > CHECKSUM_AT + 8) {
		uint64_t sum = hash_bytes(file.data + CHECKSUM_AT + 8, size - CHECKSUM_AT - 8);

		memcpy(file.data + CHECKSUM_AT, &sum, sizeof(sum));
	}
	if (file.len && !table_cache_decode(file.data, file.len, id, sizeof(id), &table)) {
		struct buffer again = BUFFER_INIT;

		fuzz_check_table(table);
		table_cache_encode(table, id, sizeof(id), &again);
		if (again.len != file.len || memcmp(again.data, file.data, file.len))
			abort();
		buffer_done(&again);
	}
	unwind_table_free(table);
	buffer_done(&file);
	return 0;
}
