/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a PDB file: container, identity, modules, and functions, inlined ones and lines of places in its code.
 */
#include "fuzz.h"

#include "base/macros.h"
#include "symbolize/pdb_symbols.h"

#define NR_ADDRESSES 512
/* Where the first section of code is, by custom. */
#define CODE 0x1000u

static int use_place(void *arg, size_t index, const struct pdb_frame *frames, uint32_t nr)
{
	(void)arg;
	(void)index;
	for (uint32_t i = 0; i < nr; i++) {
		fuzz_use(frames[i].name, strlen(frames[i].name));
		fuzz_use(frames[i].file, strlen(frames[i].file));
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct byte_source source = { .fd = -1, .memory = data, .size = size };
	uint64_t addresses[NR_ADDRESSES];
	struct pdb_file pdb;
	struct oc_error err;

	if (pdb_open(&pdb, &source, &err))
		return 0;
	for (uint64_t i = 0; i < NR_ADDRESSES; i++)
		addresses[i] = CODE + i * 4;
	if (!pdb_load(&pdb, &err))
		pdb_symbols_name(&pdb, addresses, NR_ADDRESSES, use_place, NULL, &err);
	pdb_close(&pdb);
	return 0;
}
