/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names the stubs of the procedure linkage table by the relocations that fill their targets.
 * Called by file_symbols.
 * Must not know places or functions.
 */
#include "symbolize/plt_symbols.h"

#include <elf.h>
#include <errno.h>

#include "base/macros.h"

#define STUB_BYTES 16u

/* Stubs of one section and what their relocations refer to. */
struct stubs {
	const struct elf_file *elf;
	const struct elf_section *code;
	const struct elf_section *relocations;
	const struct elf_section *symbols;
	uint64_t header; /* bytes in front of the first stub */
};

/* The offset of the name of the function that stub `number` calls; 0 = it has none. */
static uint32_t name_of_stub(const struct stubs *stubs, uint64_t number)
{
	Elf64_Rela relocation;
	Elf64_Sym symbol;
	uint64_t index;

	if (elf_file_read(stubs->elf, stubs->relocations->offset + number * sizeof(relocation),
			  &relocation, sizeof(relocation)))
		return 0;
	index = ELF64_R_SYM(relocation.r_info);
	if (!index || index >= stubs->symbols->size / sizeof(symbol) ||
	    elf_file_read(stubs->elf, stubs->symbols->offset + index * sizeof(symbol), &symbol,
			  sizeof(symbol)))
		return 0;
	return symbol.st_name;
}

static int match_section(const struct stubs *stubs, struct symbol_match *match, uint64_t tag)
{
	const struct elf_section *code = stubs->code;
	uint64_t nr = stubs->relocations->size / sizeof(Elf64_Rela);
	uint64_t last = UINT64_MAX;

	if (code->size < stubs->header || code->size - stubs->header != nr * STUB_BYTES)
		return 0;
	for (size_t i = 0; i < match->nr; i++) {
		uint64_t offset = match->addresses[i] - code->address;
		struct symbol symbol = { .size = STUB_BYTES, .rank = SYMBOL_LABEL };
		uint64_t number;
		uint32_t name;
		int rc;

		if (match->addresses[i] < code->address || offset < stubs->header ||
		    offset >= code->size)
			continue;
		number = (offset - stubs->header) / STUB_BYTES;
		name = number == last ? 0 : name_of_stub(stubs, number);
		last = number;
		if (!name)
			continue;
		symbol.start = code->address + stubs->header + number * STUB_BYTES;
		symbol.name = tag + name;
		rc = symbol_match_add(match, &symbol);
		if (rc)
			return rc;
	}
	return 0;
}

int plt_symbols_match(const struct elf_file *elf, struct symbol_match *match, uint64_t tag,
		      const struct elf_section **ret_names)
{
	struct stubs stubs = { .elf = elf, .header = elf->machine == EM_AARCH64 ? 32 : 16 };
	int rc;

	if (!elf->is_64 || (elf->machine != EM_X86_64 && elf->machine != EM_AARCH64))
		return 0;
	stubs.relocations = elf_file_section_by_name(elf, ".rela.plt");
	if (!stubs.relocations || stubs.relocations->link >= elf->nr_sections)
		return 0;
	stubs.symbols = &elf->sections[stubs.relocations->link];
	if (stubs.symbols->type != SHT_DYNSYM || stubs.symbols->link >= elf->nr_sections)
		return 0;
	*ret_names = &elf->sections[stubs.symbols->link];
	stubs.code = elf_file_section_by_name(elf, ".plt");
	rc = stubs.code ? match_section(&stubs, match, tag) : 0;
	if (rc)
		return rc;
	/* Calls go through a second table where indirect branches have to be marked (CET on x86). */
	stubs.code = elf_file_section_by_name(elf, ".plt.sec");
	stubs.header = 0;
	return stubs.code ? match_section(&stubs, match, tag) : 0;
}
