/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The symbolizer's state, and what the parts of a symbolize pass share: each names the code of one kind of module.
 * Used by src/symbolize/symbolizer.c and naming*.c alone.
 */
#ifndef SYMBOLIZE_SYMBOLIZER_PRIVATE_H
#define SYMBOLIZE_SYMBOLIZER_PRIVATE_H

#include <onecollect/symbolize.h>

#include "base/buffer.h"
#include "base/elf_file.h"
#include "symbolize/debug_file.h"
#include "symbolize/jit_processes.h"
#include "symbolize/module_files.h"
#include "symbolize/symbol_match.h"
#include "symbolize/windows_symbols.h"

struct oc_symbolizer {
	struct module_files files;
	struct jit_processes jits;
	struct windows_symbols windows;
	struct oc_symbol_servers *servers; /* NULL = nobody is asked */
	char *debug_dir;
	char **folders; /* [nr_folders] of the symbol path that are there, for ELF files */
	size_t nr_folders;
	oc_kernel_symbol_fn kernel_symbol; /* NULL = nobody to ask */
	void *kernel_arg;
};

/* A location to be named. `group` is the module, or for JIT code the process. */
struct naming_place {
	uint32_t group;
	oc_location_id location;
	uint64_t offset;
};

/* What would help to name more of a module. */
#define NAMING_LACKS_SYMBOLS 1u
#define NAMING_LACKS_PROGRAM 2u
#define NAMING_HAS_NEWS      4u /* a server had some of it */

/* The list of the running kernel's symbols, read once it is needed. */
struct naming_kernel_list {
	struct buffer text;
	bool is_matched;
	int rc;              /* of matching */
	uint64_t *addresses; /* [match.nr] of all places in the kernel and its modules, ascending */
	struct symbol_match match;
};

/* State of one pass. */
struct naming_run {
	struct oc_symbolizer *s;
	struct oc_machine *m;
	struct naming_place *places; /* [nr] by module and offset */
	size_t nr;
	struct naming_place *jit; /* [nr_jit] by process and address */
	size_t nr_jit;
	uint64_t *offsets; /* [nr] scratch: the offsets of one group */
	bool late;         /* the recording is over, and may be of another machine */
	uint8_t *
		lacks; /* [modules + 1] NAMING_LACKS_*: what servers may have; NULL = nobody is asked */
	bool is_of_here; /* of late passes: it was of this host */
	bool kernel_is_asked; /* of late passes: whether the kernel was compared with the one that runs */
	bool kernel_is_here;
	struct naming_kernel_list kernel;
	struct buffer raw;    /* a name as stored */
	struct buffer pretty; /* and for people */
};

/*
 * Names places of one group, sorted by offset. Each returns 0, or -ENOMEM; what cannot be read is noted in the ledger.
 */
typedef int (*naming_fn)(struct naming_run *run, const struct naming_place *places, size_t nr);
int naming_vdso(struct naming_run *run, const struct naming_place *places, size_t nr);
int naming_kernel(struct naming_run *run, const struct naming_place *places, size_t nr);
/* By the perf map of a process, which is the group; the offset is the address in it. */
int naming_jit(struct naming_run *run, const struct naming_place *places, size_t nr);
/* Returns 1 when the file was an ELF file, 0 when it was not or is not to be had, or -ENOMEM. */
int naming_file(struct naming_run *run, const struct naming_place *places, size_t nr);
/* Downloads what may name the places that have no name yet, and names them. Returns 0 or -ENOMEM. */
int naming_by_servers(struct naming_run *run);
/* Calls `name` for each stretch of places of one group. Returns 0, or what `name` did not return 0 with. */
int naming_each_group(struct naming_run *run, const struct naming_place *places, size_t nr,
		      naming_fn name);

/*
 * Makes the function called run->raw, which is cut; of a kernel module if kmod_len is not 0.
 * Returns its id or -ENOMEM.
 */
int64_t naming_add_function(struct naming_run *run, oc_module_id module, const char *kmod,
			    size_t kmod_len);
/* function: its id, or the error of having made it. Returns 0, or that error. */
int naming_set_function(struct naming_run *run, oc_location_id location, int64_t function);
/* The offsets of places[nr], in run->offsets. */
const uint64_t *naming_offsets(struct naming_run *run, const struct naming_place *places,
			       size_t nr);

/* Opens the vDSO of this process; all processes of the same class have the same. Returns 0 or a negative errno. */
int naming_open_vdso(struct elf_file *elf);
/* True when the module is the same vDSO as ours, whose build-id it gets if it has none. */
bool naming_is_our_vdso(struct oc_machine *m, oc_module_id id, struct elf_file *elf);
/* Whether the kernel of the recording is the one that runs, asked once. */
bool naming_kernel_is_here(struct naming_run *run);
void naming_kernel_done(struct naming_run *run);
/* The process that a location was seen in, 0 = unknown. */
oc_process_id naming_process_of(const struct oc_machine *m, const struct oc_location *location);

/* Where the debug file of a program is looked for, of which `path` is borrowed. NULL = it is not looked for. */
struct debug_search symbolizer_search(const struct oc_symbolizer *s, const char *path);
/* The same of a module, with what servers gave. */
struct debug_search naming_search(const struct naming_run *run, oc_module_id module);

/* Whether servers can be asked for the file of a module: an ELF file that its build-id tells from all others. */
bool naming_is_served(const struct oc_machine *m, const struct oc_module *module);
/*
 * Opens a program that is not under its path from the folders that were named, or from that of what servers gave.
 * Returns 1, 0 = it is in none, or -ENOMEM.
 */
int naming_open_elsewhere(const struct naming_run *run, const struct naming_place *place,
			  const struct debug_search *search, struct elf_file *ret_elf, int *ret_fd);

#endif
