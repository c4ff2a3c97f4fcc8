/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names, source files and lines of many places of one image, from its PDB file.
 * Used by the symbolizer. Only those parts of the file are read that the places lie in.
 */
#ifndef SYMBOLIZE_PDB_SYMBOLS_H
#define SYMBOLIZE_PDB_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbolize/pdb_file.h"

/* One function at a place. Texts are valid for the call that hands it out. */
struct pdb_frame {
	const char *name;
	const char *file;    /* path of its source; "" = unknown */
	uint32_t line;       /* that the place is of; 0 = unknown */
	uint32_t start_line; /* where the function begins; 0 = unknown */
	bool is_decorated;   /* the name is the linker's, not the programmer's */
};

/* Functions that were inlined into each other more deeply are left out, the innermost first. */
#define PDB_FRAMES_MAX 128

/* frames[nr], innermost inlined function first, are what is at the place number `index`. Nonzero stops. */
typedef int (*pdb_place_fn)(void *arg, size_t index, const struct pdb_frame *frames, uint32_t nr);

/*
 * Calls fn for each of addresses[nr] (from the image's base on, in any order, at most UINT32_MAX - 1 of them) that
 * is known; the order of the calls is not that of the addresses.
 * pdb: loaded.
 * Returns 0, what fn returned, -EBADMSG (damaged, *err tells where; what could be found is handed out),
 * -E2BIG (made to waste time), -ENOMEM, or an error of pread(2).
 */
int pdb_symbols_name(const struct pdb_file *pdb, const uint64_t *addresses, size_t nr,
		     pdb_place_fn fn, void *arg, struct oc_error *err);

#endif
