/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets of unwind/ share: a file around a section, and a check of what comes out.
 */
#ifndef TESTS_FUZZ_UNWIND_H
#define TESTS_FUZZ_UNWIND_H

#include "fuzz.h"

#include <elf.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "unwind/table.h"

#define FUZZ_CODE_SIZE       0x800000 /* executable from address 0 on, so that most addresses count */
#define FUZZ_SECTION_ADDRESS 0x400000

/* Aborts unless all that unwind/table.h promises of the layout holds. */
static inline void fuzz_check_table(const struct unwind_table *t)
{
	if (!t->nr_rules || t->rules[0].cfa != UNWIND_CFA_GAP || t->page_rows[0] ||
	    t->page_rows[t->nr_pages] != t->nr_rows)
		abort();
	for (uint32_t page = 0; page < t->nr_pages; page++) {
		uint32_t from = t->page_rows[page], to = t->page_rows[page + 1];

		if (from > to || to - from > UNWIND_CHUNK_WORDS - UNWIND_BLOCK_HEADER_WORDS)
			abort();
		for (uint32_t i = from; i < to; i++) {
			if (UNWIND_ROW_RULE(t->rows[i]) >= t->nr_rules)
				abort();
			if (i == from
				    ? UNWIND_ROW_LOW(t->rows[i]) != 0
				    : UNWIND_ROW_LOW(t->rows[i]) <= UNWIND_ROW_LOW(t->rows[i - 1]))
				abort();
		}
	}
	fuzz_use(t->rules, t->nr_rules * sizeof(*t->rules));
	fuzz_use(t->segments, t->nr_segments * sizeof(*t->segments));
}

/* Compiles data[size] as the section `name` of an otherwise good file for `machine`. */
static inline void fuzz_section(const char *name, uint16_t machine, const uint8_t *data,
				size_t size)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segment;
		Elf64_Shdr sections[3];
		char names[32];
	} file = {
		.header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			    .e_type = ET_DYN,
			    .e_machine = machine,
			    .e_phoff = sizeof(Elf64_Ehdr),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 1,
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = 3,
			    .e_shstrndx = 1,
			    .e_shoff = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) },
		.segment = { .p_type = PT_LOAD, .p_flags = PF_X, .p_filesz = FUZZ_CODE_SIZE },
		.sections = { { 0 },
			      { .sh_type = SHT_STRTAB, .sh_size = sizeof(file.names) },
			      { .sh_name = 1,
				.sh_type = SHT_PROGBITS,
				.sh_addr = FUZZ_SECTION_ADDRESS,
				.sh_offset = sizeof(file),
				.sh_size = size } },
	};
	struct buffer image = BUFFER_INIT;
	struct unwind_table *table = NULL;
	size_t length = strlen(name);

	file.sections[1].sh_offset = offsetof(__typeof__(file), names);
	memcpy(file.names + 1, name, MIN(length, sizeof(file.names) - 2));
	buffer_append(&image, &file, sizeof(file));
	buffer_append(&image, data, size);
	if (!unwind_table_compile_image(image.data, image.len, &table, NULL))
		fuzz_check_table(table);
	unwind_table_free(table);
	buffer_done(&image);
}

#endif
