/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the code of an inlined function is, from the packed notes ("binary annotations") of a PDB file.
 * Used by pdb_module.c; knows no files.
 */
#ifndef SYMBOLIZE_PDB_INLINE_H
#define SYMBOLIZE_PDB_INLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PDB_INLINE_OWN_FILE UINT32_MAX

/* A stretch of code, counted from the start of the function that it was put into. */
struct pdb_inline_row {
	uint32_t start;
	uint32_t end;
	uint32_t file; /* PDB_INLINE_OWN_FILE = where the inlined function begins */
	int64_t line;  /* behind the line where the inlined function begins */
};

struct pdb_inline {
	const uint8_t *at;
	const uint8_t *end;
	struct pdb_inline_row
		row; /* while is_open: what is not yet handed out; its end is 0 until it is told */
	bool is_open;
	bool elsewhere; /* what is told is of another piece of the function */
	uint32_t offset;
	uint32_t file;
	int64_t line;
};

/* Begins with data[size], which has to stay. */
void pdb_inline_init(struct pdb_inline *in, const uint8_t *data, size_t size);
/* Gives the next stretch; false = there are no more, or the rest is damaged. */
bool pdb_inline_next(struct pdb_inline *in, struct pdb_inline_row *ret_row);

#endif
