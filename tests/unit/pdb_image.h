/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes small PDB files for tests, stream by stream, so that a test can say what is in them and break it.
 * Used by the tests of symbolize/. The image has one section of code, 0x1000 bytes at 0x1000, and one of data at 0x2000.
 */
#ifndef TESTS_PDB_IMAGE_H
#define TESTS_PDB_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define PDB_IMAGE_CODE 0x1000u

/* A function of the module; offsets count from the start of the code. */
struct pdb_image_function {
	const char *name;
	uint32_t offset;
	uint32_t size;
	uint32_t line;       /* of all of it; 0 = no lines */
	bool is_thunk;       /* a piece of code that the linker made; no lines */
	uint32_t piece;      /* where 0x10 bytes of it lie that were moved away; 0 = none */
	const char *inlined; /* name of a function that its second half is of; NULL = none */
};

struct pdb_image_public {
	const char *name;
	uint32_t offset;
	uint32_t flags;
	uint16_t section;
};

struct pdb_image {
	uint32_t block_size; /* 0 = 512 */
	uint32_t padding;    /* bytes of a stream that nobody reads, to make the directory long */
	uint32_t age;
	const struct pdb_image_function
		*functions; /* [nr_functions]; none = the file is stripped */
	size_t nr_functions;
	const struct pdb_image_public *publics; /* [nr_publics] */
	size_t nr_publics;
	/* Pairs of addresses [nr_moved]: from the first one on, code was at the second one before it was rearranged. */
	const uint32_t (*moved)[2];
	size_t nr_moved;
};

/* The GUID of every file: 00, 01, ... 0f as stored. */
void pdb_image_make(const struct pdb_image *image, struct buffer *out);

/* The same as a new file below /tmp; *ret_path (at least 32 bytes) is its name. */
void pdb_image_write(const struct pdb_image *image, char *ret_path);

#endif
