/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions of one module of a PDB file, with those that were inlined into them.
 * Used by pdb_symbols.c, module by module.
 */
#ifndef SYMBOLIZE_PDB_MODULE_H
#define SYMBOLIZE_PDB_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/u64_map.h"
#include "symbolize/pdb_file.h"
#include "symbolize/pdb_symbols.h"
#include "symbolize/pdb_types.h"

/* What all modules of a file share while places of it are named. */
struct pdb_naming {
	const struct pdb_file *pdb;
	pdb_place_fn fn;
	void *arg;
	struct oc_error *err;
	struct pdb_types types;
	struct arena texts;     /* names of inlined functions */
	struct u64_map inlined; /* number + 1 -> its name, in `texts` */
	uint64_t steps;         /* work left; a file made to waste time uses it up */
};

/* A place to be named. */
struct pdb_place {
	uint32_t address;
	uint32_t index; /* of the caller */
	uint32_t module;
	uint32_t contribution; /* where the stretch of code begins that the module gave */
	bool is_settled;       /* named, or known to be in no function */
};

/* Takes work off the budget. Returns 0, or -E2BIG when it is used up. */
int pdb_naming_spend(struct pdb_naming *n, uint64_t steps);

/*
 * Names places[nr], ascending, all of one module, and settles all of them if the module tells its functions.
 * Returns 0, what n->fn returned, -EBADMSG (damaged), -E2BIG (made to waste time), -ENOMEM, or an error of pread(2).
 */
int pdb_module_name(struct pdb_naming *n, struct pdb_place *places, size_t nr);

#endif
