/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes small ELF files for tests, field by field, so that a test can say what is in them and break it.
 * Used by the tests of symbolize/.
 */
#ifndef TESTS_ELF_IMAGE_H
#define TESTS_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct elf_image_symbol {
	const char *name;
	uint64_t value;
	uint64_t size;
	uint8_t type;
	uint8_t binding;
	bool undefined;
	bool data; /* in a section that is not executable */
};

/* What the file shall hold; zero or NULL leaves a part out. */
struct elf_image {
	bool is_32;
	uint64_t address;     /* of the code in memory */
	uint64_t code_offset; /* of the code in the file; at least 0x400 */
	uint64_t code_size;
	uint8_t build_id_size;
	uint8_t build_id[64];
	bool dynamic;                           /* the symbols are dynamic ones */
	const struct elf_image_symbol *symbols; /* [nr_symbols] */
	size_t nr_symbols;
	const char *debuglink;
};

/* Section numbers in the file. */
enum {
	IMAGE_NULL,
	IMAGE_TEXT,
	IMAGE_DATA,
	IMAGE_NOTE,
	IMAGE_SYMBOLS,
	IMAGE_STRINGS,
	IMAGE_LINK,
	IMAGE_NAMES,
	IMAGE_SECTIONS
};

/* Appends the file to *out, which must be empty. */
void elf_image_make(const struct elf_image *image, struct buffer *out);

/* Writes the file to a new file below /tmp; *ret_path (at least 32 bytes) is its name. Returns its size. */
size_t elf_image_write(const struct elf_image *image, char *ret_path);

#endif
