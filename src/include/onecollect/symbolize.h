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
struct oc_symbol_servers;

struct oc_symbolizer_opts {
	size_t size;             /* sizeof(struct oc_symbolizer_opts) of the caller */
	uint64_t max_file_bytes; /* larger files are refused (counted); 0 = 4 GiB */
	uint32_t max_files;      /* files kept open at most; 0 = half of RLIMIT_NOFILE */
	const char *debug_dir;   /* where separate debug files are; NULL = /usr/lib/debug */
	/*
	 * [nr_symbol_paths], copied: where debug files and programs are, folders separated by semicolons.
	 * Of ELF files a folder has .build-id/xx/yyyy.debug, NAME.debug, or what the program's debuglink names, and for
	 * programs that are not under their path .build-id/xx/yyyy or NAME; they are taken when the build-id is the same.
	 * Of Windows it holds PDB files and images, or is a symbol server's cache (NAME.pdb/KEY/NAME.pdb, in one or two
	 * tiers). Those are told by their content and found by GUID and age, whatever their names; damaged ones are
	 * refused (counted).
	 */
	const char *const *symbol_paths;
	uint32_t nr_symbol_paths;
	/*
	 * Told, once each, why a folder (by oc_symbolizer_new()) or a file from there is not used; text is borrowed for the
	 * call. NULL = nobody wants to know.
	 */
	void (*tell)(void *arg, const char *text);
	void *tell_arg;
	/* Asked for what is missing when names are looked up, and only then; must outlive the symbolizer. NULL = nobody. */
	struct oc_symbol_servers *servers;
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
 * The separate debug file of a module, if it has call frame information (.debug_frame): found in opts->symbol_paths, or by
 * build-id or debuglink below our own root or that of pid, and taken only when its build-id is the module's.
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
 * modules, vDSO, perf maps; C++ and Rust names demangled. Each file is parsed once. Where opts->servers has a better one
 * than is here, it is fetched and parsed for what has no name yet. To be called before oc_machine_finish().
 * Returns 0 or -ENOMEM; what cannot be read is counted in the ledger's notes and stays module+0xoffset.
 */
OC_API int oc_symbolizer_run(struct oc_symbolizer *s, struct oc_machine *m);

/*
 * Names what a recording that was read from a file left unnamed, as far as that can be done on any machine at any time:
 * code in files, which are looked for under their path in our own root, then in opts->symbol_paths, and taken only when
 * their build-id is the same, or for those without one, on the host of the recording, device and inode; of Windows
 * programs, libraries and drivers in opts->symbol_paths, with inlined functions and lines; of both also what opts->servers
 * have; of a kernel of Linux that still runs here, as its build-id and oc_recording_info.kernel_text prove. Generated code
 * is left as it is. As oc_symbolizer_run() otherwise.
 */
OC_API int oc_symbolizer_run_late(struct oc_symbolizer *s, struct oc_machine *m);

/* ---- symbol servers ---------------------------------------------------------------------------------------- */

struct oc_symbol_servers_opts {
	size_t size; /* sizeof(struct oc_symbol_servers_opts) of the caller */
	/*
	 * [nr_urls], at most 16, copied: "https://HOST/PATH" or "http://...", without a password. They are sent names of PDB
	 * files with GUID and age, and build-ids of ELF files, of code that was sampled and has no name here; nothing else.
	 */
	const char *const *urls;
	uint32_t nr_urls;   /* 0 = nobody is asked, but the folder is looked into */
	const char *folder; /* keeps what was downloaded; made when missing */
	uint64_t max_ns;    /* for all downloads together, at most an hour; 0 = two minutes */
	uint64_t max_bytes; /* of all downloads together; 0 = 4 GiB */
	/* Told why a file or a server is not used, 20 times at most; text is borrowed for the call. May be NULL. */
	void (*tell)(void *arg, const char *text);
	/* Told before servers are asked for nr_files files. May be NULL. */
	void (*begin)(void *arg, uint32_t nr_files);
	void *arg; /* for both */
};

/*
 * Prepares to download symbol files: opens the folder and loads libcurl, if there is a server. Nothing is sent yet.
 *
 * A file is asked for once, of one server after the other, and gets into the folder only when it has the build-id, or
 * GUID and age, that was asked for. What became of each is counted in the ledger's notes. Names that are not plain are not
 * sent. Certificates are checked; redirects lead to http and https only.
 *
 * ret_servers: to be freed with oc_symbol_servers_free(), after the symbolizers that use it. One thread at a time.
 * Returns 0, or with *err: -EINVAL (no address of a server, too many, too long a time), -EOPNOTSUPP (libcurl is missing or
 * too old; Windows), -EPERM (the folder belongs to another user, or others may write to it), what open(2) and mkdir(2) say
 * of the folder, or -ENOMEM.
 */
OC_API int oc_symbol_servers_new(const struct oc_symbol_servers_opts *opts,
				 struct oc_symbol_servers **ret_servers, struct oc_error *err);
/* Accepts NULL. */
OC_API void oc_symbol_servers_free(struct oc_symbol_servers *s);
/* Ends downloads within 0.2 s and lets none begin; names are then those that can be had. Async-signal-safe, any thread. */
OC_API void oc_symbol_servers_cancel(struct oc_symbol_servers *s);

#ifdef __cplusplus
}
#endif

#endif
