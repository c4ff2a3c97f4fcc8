/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Source lines of one module of a PDB file, for the addresses that are asked for; and where inlined functions begin.
 * Used by pdb_module.c.
 */
#ifndef SYMBOLIZE_PDB_LINES_H
#define SYMBOLIZE_PDB_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "symbolize/pdb_file.h"

/* Code from `address` on, up to the next row, is of this line. */
struct pdb_row {
	uint32_t address;
	uint32_t order; /* in the file; 0 = what was there before ends here */
	uint32_t file;  /* for pdb_lines_file() */
	uint32_t line;  /* 0 = none */
};

/* Where the source of an inlined function begins. */
struct pdb_inlinee {
	uint32_t number; /* in the stream of ids */
	uint32_t file;
	uint32_t line;
};

/* All zero = empty. */
struct pdb_lines {
	struct buffer raw;
	uint32_t files; /* the list of files: where in `raw` */
	uint32_t files_size;
	struct pdb_row *rows; /* [nr_rows] by address and order */
	size_t nr_rows;
	size_t rows_cap;
	struct pdb_inlinee *inlinees; /* [nr_inlinees] by number */
	size_t nr_inlinees;
	size_t inlinees_cap;
};

/*
 * Reads the lines of a module as far as they touch addresses[nr], ascending.
 * Returns 0, -EBADMSG (damaged, with *err), -ENOMEM, or an error of pread(2). pdb_lines_done() is due in any case.
 */
int pdb_lines_load(struct pdb_lines *lines, const struct pdb_file *pdb, uint32_t module,
		   const uint64_t *addresses, size_t nr, struct oc_error *err);
void pdb_lines_done(struct pdb_lines *lines);

/* The line at an address; NULL = none. */
const struct pdb_row *pdb_lines_at(const struct pdb_lines *lines, uint32_t address);
/*
 * The line that is told first at an address: where two are told for the same, the first is that of a function's head
 * and the second that of the code. NULL = none.
 */
const struct pdb_row *pdb_lines_first(const struct pdb_lines *lines, uint32_t address);
/* The inlined function of a number; NULL = not told. */
const struct pdb_inlinee *pdb_lines_inlinee(const struct pdb_lines *lines, uint32_t number);
/* The path of a source file, NUL-terminated; "" = not told. */
const char *pdb_lines_file(const struct pdb_lines *lines, const struct pdb_file *pdb,
			   uint32_t file);

#endif
