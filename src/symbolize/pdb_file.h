/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PDB file: its identity, the sections of its image, the object files ("modules") that the image was linked from, and
 * which module each stretch of code came from. What is inside a module: pdb_module.h.
 * Used by pdb_symbols.c and by whoever looks for the right file. Nobody vouches for the file.
 */
#ifndef SYMBOLIZE_PDB_FILE_H
#define SYMBOLIZE_PDB_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include <onecollect/error.h>

#include "base/pdb_id.h"
#include "symbolize/msf_file.h"
#include "symbolize/pe_file.h"

/* An object file, by where its part of the PDB file is. */
struct pdb_module_place {
	uint32_t stream; /* MSF_NO_STREAM = nothing is known of it */
	uint32_t symbols_size;
	uint32_t lines_offset;
	uint32_t lines_size;
};

/* An open file. All zero = closed. */
struct pdb_file {
	struct msf_file msf;
	uint8_t id[PDB_ID_SIZE];
	uint32_t machine;
	uint32_t symbols; /* stream of the global symbols */
	uint32_t contributions_offset;
	uint32_t contributions_size;
	struct pdb_module_place *modules; /* [nr_modules], owned */
	uint32_t nr_modules;
	struct pe_section *sections; /* [nr_sections], owned: those that symbols count from */
	uint32_t nr_sections;
	struct buffer
		moved; /* OMAP: from the image's addresses to those that symbols count from; may be empty */
	struct buffer strings; /* names of source files */
};

/*
 * Reads no more than what the identity needs.
 * source: copied; its descriptor or memory has to stay until pdb_close().
 * Returns 0, -ENOEXEC (not a PDB file), -EBADMSG (damaged, *err tells where), -ENOMEM, or an error of pread(2).
 * After an error there is nothing to close.
 */
int pdb_open(struct pdb_file *pdb, const struct byte_source *source, struct oc_error *err);
/* Reads the lists of modules and sections. To be called once before what follows. Errors as above. */
int pdb_load(struct pdb_file *pdb, struct oc_error *err);
/* Accepts all zero. */
void pdb_close(struct pdb_file *pdb);

/* A section by its number, counted from 1; NULL = there is none. */
const struct pe_section *pdb_section(const struct pdb_file *pdb, uint32_t number);

/*
 * Where a section's offset is; both as symbols have them, sections counted from 1.
 * Returns false when there is no such place.
 */
bool pdb_address(const struct pdb_file *pdb, uint32_t section, uint32_t offset,
		 uint32_t *ret_address);

/*
 * Turns an address of the image into the one that symbols count from, another one where a tool rearranged the image
 * after it was linked. Returns false when that tool made the place.
 */
bool pdb_original_address(const struct pdb_file *pdb, uint32_t address, uint32_t *ret_original);

/* A stretch of code and the module that it came from. */
struct pdb_contribution {
	uint32_t address;
	uint32_t size;
	uint32_t module; /* below nr_modules */
};
typedef int (*pdb_contribution_fn)(void *arg, const struct pdb_contribution *contribution);

/* Calls fn for each; fn's nonzero result stops and is returned. Returns 0, fn's result, or an error as above. */
int pdb_each_contribution(const struct pdb_file *pdb, pdb_contribution_fn fn, void *arg,
			  struct oc_error *err);

/* The name at an offset of the table of source files, NUL-terminated; "" when there is none. */
const char *pdb_string(const struct pdb_file *pdb, uint32_t offset);

#endif
