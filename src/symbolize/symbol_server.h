/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbol files from servers: of Windows programs by the name of their PDB file, its GUID and age, of ELF files by
 * build-id, as debuginfod serves them. What comes is kept in a folder (symbol_cache.h), and found there by others.
 * Used by the symbolizer. What is public of it stands in onecollect/symbolize.h.
 */
#ifndef SYMBOLIZE_SYMBOL_SERVER_H
#define SYMBOLIZE_SYMBOL_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/ledger.h>
#include <onecollect/symbolize.h>

#include "base/buffer.h"

enum symbol_want_kind {
	SYMBOL_WANT_PDB,
	SYMBOL_WANT_DEBUG_INFO, /* an ELF file with symbols: the separate debug file, or all in one */
	SYMBOL_WANT_EXECUTABLE, /* the ELF file that was mapped */
};

/* A file that is wanted. */
struct symbol_want {
	enum symbol_want_kind kind;
	const char *name; /* of a PDB file, without folders, by whoever made the trace; else NULL */
	const uint8_t *id; /* [id_size] GUID and age (base/pdb_id.h), or build-id; borrowed */
	uint8_t id_size;
	bool is_there; /* result: the folder has it */
};

/*
 * Downloads those of wants[nr] that the folder lacks, each once per oc_symbol_servers and from the first server that has
 * it. A file gets into the folder only when it has the identity that was asked for.
 * ledger: counts what was downloaded, not found, refused, and not to be had.
 * Returns 0, also when nothing came, or -ENOMEM.
 */
int symbol_servers_fetch(struct oc_symbol_servers *s, struct symbol_want *wants, size_t nr,
			 struct oc_ledger *ledger);

/* Puts the absolute path of a file into *out (dropping what was there), for wants whose is_there says that it is there. */
void symbol_servers_put_path(const struct oc_symbol_servers *s, const struct symbol_want *want,
			     struct buffer *out);

/* The folder: absolute, borrowed. */
const char *symbol_servers_folder(const struct oc_symbol_servers *s);

#endif
