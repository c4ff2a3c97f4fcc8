/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of functions that a PDB file knows by number only, because they were inlined: its streams of ids and types.
 * Used by pdb_symbols.c; nothing is read before the first number is asked for.
 */
#ifndef SYMBOLIZE_PDB_TYPES_H
#define SYMBOLIZE_PDB_TYPES_H

#include <stdint.h>

#include <onecollect/error.h>

#include "base/buffer.h"
#include "symbolize/msf_file.h"

/* One stream of records that are numbered in order, with the place of every so many of them. */
struct pdb_numbered {
	uint32_t stream;
	uint32_t first; /* number of the first record */
	uint32_t nr;
	uint32_t end;    /* of the records in the stream */
	uint32_t *marks; /* owned; NULL = the stream was not read yet */
};

struct pdb_types {
	const struct msf_file *msf;
	struct pdb_numbered ids;
	struct pdb_numbered types;
	struct buffer part;
};

void pdb_types_init(struct pdb_types *t, const struct msf_file *msf);
void pdb_types_done(struct pdb_types *t);

/*
 * Puts the name of an inlined function, with its class or name space in front, into *out (dropping what was there);
 * nothing when its number is unknown. Names are cut at 4 KiB.
 * Returns 0, -EBADMSG (damaged, with *err), -ENOMEM, or an error of pread(2).
 */
int pdb_types_function_name(struct pdb_types *t, uint32_t number, struct buffer *out,
			    struct oc_error *err);

#endif
