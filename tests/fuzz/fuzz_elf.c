/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as an ELF file: headers, build-id, debuglink, mini-debuginfo, and names for places all over it.
 */
#include "fuzz.h"

#include "base/macros.h"
#include "symbolize/file_symbols.h"

#define NR_OFFSETS 64

static void name_places(struct elf_file *elf, size_t size)
{
	const struct debug_search search = { .debug_dir = "" };
	uint64_t offsets[NR_OFFSETS];
	struct buffer name = BUFFER_INIT;
	struct file_symbols fs;

	for (size_t i = 0; i < NR_OFFSETS; i++)
		offsets[i] = size * i / NR_OFFSETS;
	if (!file_symbols_open(&fs, elf, &search, offsets, NR_OFFSETS)) {
		for (size_t i = 0; i < NR_OFFSETS; i++) {
			const struct symbol *symbol = file_symbols_get(&fs, i);

			if (symbol && !file_symbols_name(&fs, symbol, &name))
				fuzz_use(name.data, name.len);
		}
	}
	file_symbols_close(&fs);
	buffer_done(&name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer link = BUFFER_INIT;
	uint8_t id[ELF_BUILD_ID_MAX];
	struct elf_file elf;
	int rc;

	if (elf_file_open_memory(&elf, data, size))
		return 0;
	rc = elf_file_build_id(&elf, id);
	if (rc > 0)
		fuzz_use(id, (size_t)rc);
	if (elf_file_debuglink(&elf, &link) == 1)
		fuzz_use(link.data, link.len);
	name_places(&elf, size);
	buffer_done(&link);
	elf_file_close(&elf);
	return 0;
}
