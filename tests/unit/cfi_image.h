/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes small ELF files with call frame information, field by field, so that a test can say what is in them and break
 * it. Used by the tests of unwind/ and by those that want unwind tables of known content.
 */
#ifndef TESTS_CFI_IMAGE_H
#define TESTS_CFI_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* A section of call frame information being written. */
struct cfi_bytes {
	struct buffer bytes;
	bool is_debug;   /* .debug_frame */
	bool is_64;      /* 64-bit DWARF */
	uint8_t version; /* of CIEs; 0 = 1 in .eh_frame, 4 in .debug_frame */
	uint8_t ra_reg;  /* of CIEs; 0 = 16, of x86-64 */
	uint64_t address;
};

/*
 * Appends a CIE: code alignment 1, data alignment -8, instructions program[size].
 * augmentation: "zR" has FDE addresses of 4 bytes relative to themselves; "" has absolute ones.
 * Returns its offset, for cfi_add_fde().
 */
size_t cfi_add_cie(struct cfi_bytes *c, const char *augmentation, const void *program, size_t size);
/* Appends an FDE for length bytes at start; relative: as "zR" says. */
void cfi_add_fde(struct cfi_bytes *c, size_t cie, uint64_t start, uint64_t length,
		 const void *program, size_t size);

#define CFI_IMAGE_EH_ADDRESS 0x900000

/* What the file shall hold; zero or NULL leaves a part out. */
struct cfi_image {
	uint16_t machine;     /* 0 = EM_X86_64 */
	uint64_t address;     /* of the code in memory */
	uint64_t code_offset; /* of the code in the file; at least 0x1000 */
	uint64_t code_size;
	const void *code;                 /* [code_size]; NULL = no-operations */
	const struct cfi_bytes *eh_frame; /* at CFI_IMAGE_EH_ADDRESS */
	const struct cfi_bytes *debug_frame;
	uint32_t compression; /* of debug_frame: 1 = zlib, 2 = zstd */
	bool no_sections; /* stripped of section headers; .eh_frame is found by its program header */
};

/* Appends the file to *out, which must be empty. */
void cfi_image_make(const struct cfi_image *image, struct buffer *out);

#endif
