/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for addresses: keeps the files of mappings open while the recording runs and names all locations at its end.
 */
#ifndef ONECOLLECT_SYMBOLIZE_H
#define ONECOLLECT_SYMBOLIZE_H

#include <onecollect/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oc_symbolizer;

struct oc_symbolizer_opts {
	size_t size;             /* sizeof(struct oc_symbolizer_opts) of the caller */
	uint64_t max_file_bytes; /* larger files are refused (counted); 0 = 4 GiB */
	uint32_t max_files;      /* files kept open at most; 0 = half of RLIMIT_NOFILE */
	const char *debug_dir;   /* where separate debug files are; NULL = /usr/lib/debug */
	/*
	 * [nr_symbol_paths], copied: where PDB files and images of Windows programs are, folders separated by semicolons.
	 * A folder holds files, or is a symbol server's cache (NAME.pdb/KEY/NAME.pdb, in one or two tiers). Files are told
	 * by their content and found by GUID and age, whatever their names; images of modules that have no such build-id, by
	 * name, size and checksum or time stamp. Damaged ones are refused (counted), and so are folders that do not exist.
	 */
	const char *const *symbol_paths;
	uint32_t nr_symbol_paths;
	/* Told, once each, why a file from there is not used; text is borrowed for the call. NULL = nobody wants to know. */
	void (*tell)(void *arg, const char *text);
	void *tell_arg;
};

/* opts may be NULL. Raises the soft limit of open files (RLIMIT_NOFILE) to the hard one. Returns NULL = no memory. */
OC_API struct oc_symbolizer *oc_symbolizer_new(const struct oc_symbolizer_opts *opts);
/* Closes every file and frees. Accepts NULL. */
OC_API void oc_symbolizer_free(struct oc_symbolizer *s);

/*
 * A file was mapped: opens it at once, while its process lives, and keeps it for oc_symbolizer_run(). One descriptor
 * per module, so calling it again for a module that is kept costs nothing, and for one that is not it is tried again
 * in the process that mapped it now. Of anonymous memory only its process is noted, for its perf map.
 *
 * Opened inside the process's root (openat2 RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS), or when the process has gone from
 * our own root. Only a regular file is taken whose build-id matches the module's; if it has none, whose inode matches,
 * and in our own root the device too (stat(2) on overlayfs and btrfs tells another device than the mapping has).
 *
 * m: for the module's facts; a build-id found in the file is set there when the module has none.
 * Returns 0 also when the file cannot be had (it is counted in the ledger's notes), or -ENOMEM.
 */
OC_API int oc_symbolizer_keep(struct oc_symbolizer *s, struct oc_machine *m, oc_module_id module,
			      uint32_t pid);

/*
 * A process that runs JIT code exits: reads its perf map (/tmp/perf-PID.map in its root) now if it has one, before
 * it may be removed. Does nothing for processes for which no OC_MODULE_ANON module was kept. Up to 64 MiB of perf maps
 * are held; more are refused (counted). Returns 0 or -ENOMEM.
 */
OC_API int oc_symbolizer_process_exit(struct oc_symbolizer *s, struct oc_machine *m,
				      oc_process_id process);

/*
 * The file of a module for reading, as oc_symbolizer_keep() proved it, whether it is still kept or has to be opened again.
 * pid: a process that maps it, 0 = unknown. Returns a descriptor owned by the caller, -ENOENT (there is no such file), or
 * what dup(2) says.
 */
OC_API int oc_symbolizer_open(struct oc_symbolizer *s, struct oc_machine *m, oc_module_id module,
			      uint32_t pid);
/*
 * The separate debug file of a module, if it has call frame information (.debug_frame): found by build-id or debuglink
 * below our own root or that of pid, and taken only when its build-id is the module's.
 * Returns a descriptor owned by the caller, -ENOENT (there is none, or the module's file has no build-id), -ENOMEM, or what
 * oc_symbolizer_open() says.
 */
OC_API int oc_symbolizer_open_frames(struct oc_symbolizer *s, struct oc_machine *m,
				     oc_module_id module, uint32_t pid);

/* A function of the kernel. Nothing is NUL-terminated. */
struct oc_kernel_symbol {
	uint64_t start;
	uint64_t size;
	const char *name; /* [name_len], borrowed until the next question */
	size_t name_len;
	const char *module; /* [module_len] of the kernel, borrowed; length 0 = the kernel itself */
	size_t module_len;
};
/* Finds the function at an address of the running kernel. Returns 0, -ENOENT (none), or another negative errno value. */
typedef int (*oc_kernel_symbol_fn)(void *arg, uint64_t address,
				   struct oc_kernel_symbol *ret_symbol);
/*
 * Lets oc_symbolizer_run() ask fn for the kernel's names, which spares reading all of /proc/kallsyms; should fn fail or
 * know no name at all, that is read after all. fn NULL = it is read. arg: alive as long as the symbolizer is asked to run.
 */
OC_API void oc_symbolizer_ask_kernel(struct oc_symbolizer *s, oc_kernel_symbol_fn fn, void *arg);

/*
 * Names every location of the machine: ELF symbol tables (size-checked, never the nearest one), kallsyms and kernel
 * modules, vDSO, perf maps; C++ and Rust names demangled. Each file is parsed once. To be called before
 * oc_machine_finish(). On Windows: what oc_symbolizer_run_late() names there, and programs, libraries and drivers at their
 * own places, with the PDB files beside them.
 * Returns 0 or -ENOMEM; what cannot be read is counted in the ledger's notes and stays module+0xoffset.
 */
OC_API int oc_symbolizer_run(struct oc_symbolizer *s, struct oc_machine *m);

/*
 * Names what a recording that was read from a file left unnamed, as far as that can be done on any machine at any time:
 * code in files, which are looked for under their path in our own root and taken only when their build-id is the same,
 * or for those without one, on the host of the recording, device and inode; of Windows programs, libraries and drivers
 * in opts->symbol_paths, with inlined functions and lines; of a kernel of Linux that still runs here, as its build-id
 * and oc_recording_info.kernel_text prove. Generated code is left as it is. As oc_symbolizer_run() otherwise.
 */
OC_API int oc_symbolizer_run_late(struct oc_symbolizer *s, struct oc_machine *m);

#ifdef __cplusplus
}
#endif

#endif
