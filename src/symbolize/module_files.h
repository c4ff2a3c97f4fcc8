/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files behind the modules of a machine, kept open from the moment they were mapped until names are looked up.
 * Used by the symbolizer. Proves that a file is the one that was mapped; knows nothing of symbols.
 */
#ifndef SYMBOLIZE_MODULE_FILES_H
#define SYMBOLIZE_MODULE_FILES_H

#include <onecollect/machine.h>

#include "symbolize/target_file.h"

struct module_file;

/* All zero but for the limits = no files yet. */
struct module_files {
	uint64_t max_file_bytes;
	uint32_t max_open;
	uint32_t nr_open;
	struct module_file *files; /* [nr], indexed by module id */
	size_t nr;
	size_t cap;
};

/* Closes all files and frees. */
void module_files_done(struct module_files *files);

/*
 * Opens the file of a module as process `pid` has it, unless it is open already. The proof that it is the one mapped
 * is the build-id when the module has one, else the inode; the build-id is set in the machine when it was not known.
 * Returns 0, also when there is no such file (then counted in the ledger), or -ENOMEM.
 */
int module_files_keep(struct module_files *files, struct oc_machine *m, oc_module_id module,
		      uint32_t pid);

/* A module's file for reading. */
struct module_file_ref {
	int fd;
	bool owned; /* it was not kept: the caller closes it */
	uint64_t size;
	uint32_t pid; /* a process that mapped it; 0 = unknown */
};

/*
 * Gives the file of a module; one that is not kept is looked for once more, as process `pid` has it if none is known
 * that mapped it (0 = none).
 * Returns 1 with *ret_ref set, 0 = there is none, or -ENOMEM.
 */
int module_files_get(struct module_files *files, struct oc_machine *m, oc_module_id module,
		     uint32_t pid, struct module_file_ref *ret_ref);

/* Counts in the ledger that the file turned out to be damaged. */
void module_files_refuse(struct module_files *files, struct oc_machine *m, oc_module_id module);

#endif
