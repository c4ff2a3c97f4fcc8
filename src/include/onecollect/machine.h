/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The export machine: everything a recording is, interned, in memory; filled by a collector, read by format writers.
 *
 * Everything is named by a 32-bit id that starts at 1; 0 means none. Texts and arrays that are handed out stay valid
 * until oc_machine_free(): interned content never moves.
 * Thread rule for the whole header: one thread fills a machine; when filling is over any number may read it.
 *
 * Life of a sample: the collector interns the callstack (addresses as the OS gave them), the machine at once finds
 * for each address the mapping that is valid in that process at that moment and so turns it into a *location*
 * (module + offset, shared by all processes); a location gets its function names later, from the symbolize pass.
 */
#ifndef ONECOLLECT_MACHINE_H
#define ONECOLLECT_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/error.h>
#include <onecollect/ledger.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oc_machine;

typedef uint32_t oc_string_id;
typedef uint32_t oc_callstack_id; /* addresses of one process, as recorded */
typedef uint32_t oc_stack_id;     /* locations, ready for output */
typedef uint32_t
	oc_process_id; /* one program image of one process: (pid, start time, exec generation) */
typedef uint32_t oc_thread_id;
typedef uint32_t oc_module_id;
typedef uint32_t oc_mapping_id;
typedef uint32_t oc_location_id;
typedef uint32_t oc_function_id;
typedef uint32_t oc_kind_id;
typedef uint32_t oc_attrs_id;
typedef uint32_t oc_span_id;

/* ---- life -------------------------------------------------------------------------------------------------- */

struct oc_machine_opts {
	size_t size; /* sizeof(struct oc_machine_opts) of the caller */
	uint64_t
		memory_budget_bytes; /* timeline samples beyond it go to a temporary file; 0 = no limit */
	const char *spill_dir; /* directory of that file; NULL = $TMPDIR or /var/tmp. Copied. */
};

/* Makes an empty machine; opts may be NULL for defaults. Returns NULL = no memory. */
OC_API struct oc_machine *oc_machine_new(const struct oc_machine_opts *opts);
/* Frees the machine and all that it handed out. Accepts NULL. */
OC_API void oc_machine_free(struct oc_machine *m);
/* Bytes of memory held by the machine, spilled samples not counted. */
OC_API size_t oc_machine_memory(const struct oc_machine *m);
/*
 * The machine's ledger, to be filled in by whoever knows a number and read by writers. Never NULL.
 * The machine itself counts: kept and lost[OC_LOSS_HOOK, OC_LOSS_MEMORY] of each kind, notes[SPILLED_SAMPLES].
 */
OC_API struct oc_ledger *oc_machine_ledger(struct oc_machine *m);
OC_API const struct oc_ledger *oc_machine_ledger_const(const struct oc_machine *m);

/* ---- recording-wide facts ---------------------------------------------------------------------------------- */

/* Facts about the recording. Strings are ids in the machine; 0 = unknown. */
struct oc_recording_info {
	uint64_t start_mono_ns; /* CLOCK_MONOTONIC of the first enabled event */
	uint64_t start_wall_ns; /* CLOCK_REALTIME of the same instant */
	uint64_t start_boot_ns; /* CLOCK_BOOTTIME of the same instant */
	uint64_t end_mono_ns;
	uint32_t nr_cpus; /* CPUs recorded */
	uint32_t page_size;
	bool aggregated;       /* samples carry counts and no times */
	oc_string_id hostname; /* of a merge: all of them, with commas between */
	oc_string_id os;       /* e.g. "Linux 6.1.0-47-amd64 x86_64" */
	oc_string_id command;  /* the command line that asked for the recording */
	oc_string_id tool;     /* name and version of the recorder */
	uint64_t kernel_text;  /* address of the kernel's _text; 0 = unknown; not kept in files */
};
OC_API void oc_machine_set_info(struct oc_machine *m, const struct oc_recording_info *info);
OC_API const struct oc_recording_info *oc_machine_info(const struct oc_machine *m);

/* ---- strings ----------------------------------------------------------------------------------------------- */

/*
 * Interns text[len]; text that is not clean UTF-8 is cleaned first (control characters become \xNN, bad bytes
 * U+FFFD), so every string in the machine is safe for writers that escape their own syntax only.
 * Returns the id (the empty string has id 0), or a negative errno value: -ENOMEM.
 */
OC_API int64_t oc_machine_intern(struct oc_machine *m, const char *text, size_t len);
/* The text of a string id, NUL-terminated; "" for 0 or an unknown id. *ret_len (may be NULL) is its length. */
OC_API const char *oc_machine_string(const struct oc_machine *m, oc_string_id id, size_t *ret_len);

/* ---- kinds ------------------------------------------------------------------------------------------------- */

enum oc_unit { OC_UNIT_COUNT, OC_UNIT_NANOSECONDS, OC_UNIT_BYTES, OC_UNIT_CYCLES, OC_UNIT_SPAN };

/* A kind of sample: what one sample stands for and what its value means. */
struct oc_kind {
	char name[32];      /* "cpu"; unique in the machine */
	enum oc_unit unit;  /* of oc_sample.value */
	uint64_t period_ns; /* for kinds sampled by time: one sample stands for this long; else 0 */
};
/* Adds a kind or finds it by name (then unit and period stay as they were). Returns its id, or -ENOSPC (more than
 * OC_KINDS_MAX) or -EINVAL (empty or too long name). The kind's ledger row is ledger->kinds[id - 1]. */
OC_API int64_t oc_machine_add_kind(struct oc_machine *m, const struct oc_kind *kind);
/* The kind, or NULL for an id that is not one. */
OC_API const struct oc_kind *oc_machine_kind(const struct oc_machine *m, oc_kind_id id);
OC_API uint32_t oc_machine_nr_kinds(const struct oc_machine *m);

/* ---- modules and mappings ---------------------------------------------------------------------------------- */

enum oc_module_type {
	OC_MODULE_FILE, /* an ELF or PE file; offsets are file offsets, of PE counted from the image's base */
	OC_MODULE_KERNEL, /* the kernel and its modules; offsets are addresses */
	OC_MODULE_VDSO,   /* offsets count from the start of the vDSO image */
	OC_MODULE_ANON, /* anonymous executable memory of one process (JIT); offsets are addresses */
	OC_MODULE_UNKNOWN, /* no mapping known at this address; offsets are addresses; one per process */
};

#define OC_BUILD_ID_MAX 20

/* What is mapped. Two modules with equal identity are one. */
struct oc_module {
	enum oc_module_type type;
	oc_string_id path; /* as the process sees it; "[kernel]", "[vdso]", "[anon]", "[unknown]" */
	uint8_t build_id[OC_BUILD_ID_MAX];
	uint8_t build_id_size; /* 0 = none known */
	bool deleted;          /* the file was already deleted when mapped */
	uint64_t device;       /* dev_t of the file, 0 = unknown */
	uint64_t inode;        /* 0 = unknown */
	oc_process_id process; /* owner, for ANON and UNKNOWN; else 0, but see onecollect/merge.h */
	oc_string_id symbol_file; /* name of the PDB file of a Windows image; 0 = unknown */
};

/*
 * A range of one process's memory. The mapping that was valid when a sample was taken is used for it; a new mapping
 * replaces whatever it overlaps from then on.
 */
struct oc_mapping {
	oc_process_id process; /* 0 = the kernel's, valid in every process */
	oc_module_id module;
	uint64_t start;       /* first address */
	uint64_t end;         /* first address behind it */
	uint64_t file_offset; /* of `start` in the module */
	uint64_t since_ns;    /* valid from this time ... */
	uint64_t until_ns;    /* ... up to this time; UINT64_MAX = still valid */
};

/*
 * Adds a module or finds the one with equal identity: type, process, build-id when both have one, else device and
 * inode when known, else path. A known one learns what it lacked. Returns its id, -EINVAL (bad field) or -ENOMEM.
 */
OC_API int64_t oc_machine_add_module(struct oc_machine *m, const struct oc_module *module);
OC_API const struct oc_module *oc_machine_module(const struct oc_machine *m, oc_module_id id);
OC_API uint32_t oc_machine_nr_modules(const struct oc_machine *m);
/* Sets a build-id that became known later. -EINVAL when size is 0 or above OC_BUILD_ID_MAX. */
OC_API int oc_machine_set_build_id(struct oc_machine *m, oc_module_id id, const uint8_t *build_id,
				   uint8_t size);

/*
 * Adds a mapping from mapping->since_ns on; parts of older mappings of that process under it end at that time.
 * A time before the process's last change counts as that. A mapping identical to one still valid is that one.
 * Returns its id, -EINVAL (start >= end, unknown process or module) or -ENOMEM.
 */
OC_API int64_t oc_machine_add_mapping(struct oc_machine *m, const struct oc_mapping *mapping);
/* Ends whatever is mapped in [start, end) of a process at time_ns. Returns 0, -EINVAL or -ENOMEM. */
OC_API int oc_machine_remove_mapping(struct oc_machine *m, oc_process_id process, uint64_t start,
				     uint64_t end, uint64_t time_ns);
OC_API const struct oc_mapping *oc_machine_mapping(const struct oc_machine *m, oc_mapping_id id);
OC_API uint32_t oc_machine_nr_mappings(const struct oc_machine *m);
/* The first mapping of a process, as they are now, that ends above `address`; for going through all. 0 = none. */
OC_API oc_mapping_id oc_machine_next_mapping(const struct oc_machine *m, oc_process_id process,
					     uint64_t address);
/*
 * The mapping of a process (or, inherited at its fork, of its parent; or the kernel's) that holds `address` at
 * time_ns. Returns its id, 0 = none.
 */
OC_API oc_mapping_id oc_machine_find_mapping(const struct oc_machine *m, oc_process_id process,
					     uint64_t address, uint64_t time_ns);

/* ---- processes and threads --------------------------------------------------------------------------------- */

/* One program image of one process. An exec, and a reused pid, make a new one. */
struct oc_process {
	uint32_t pid;
	uint32_t
		ns_pid; /* in the process's own PID namespace; equal to pid outside namespaces; 0 = unknown */
	uint32_t generation;  /* 0 = as started (or found), +1 with each exec */
	oc_process_id parent; /* whose mappings a fork inherited, or an exec replaced; 0 = none */
	oc_string_id comm;
	oc_string_id exe;       /* path of the executable; 0 = unknown */
	oc_string_id container; /* container id from the cgroup path; 0 = none */
	oc_string_id cgroup;    /* cgroup path; 0 = unknown */
	uint64_t start_ns;      /* this image's first moment */
	uint64_t end_ns;        /* UINT64_MAX while it lives */
};

/*
 * A process appears. With a parent its mappings at start_ns, comm, exe, container and cgroup are inherited. An older
 * process of the same pid that has not ended ends now.
 * Returns the new process's id, -EINVAL (unknown parent) or -ENOMEM.
 */
OC_API int64_t oc_machine_process_start(struct oc_machine *m, uint32_t pid, oc_process_id parent,
					uint64_t start_ns);
/*
 * A process replaces its program: the present image ends, a new one without mappings begins. comm is the new name.
 * Threads other than the leader end. A pid not seen before is started. Returns the new id, -EINVAL or -ENOMEM.
 */
OC_API int64_t oc_machine_process_exec(struct oc_machine *m, uint32_t pid, uint64_t time_ns,
				       oc_string_id comm);
/* The current image of pid ends. Unknown pids are ignored. */
OC_API void oc_machine_process_exit(struct oc_machine *m, uint32_t pid, uint64_t time_ns);
/* The image that pid is at present, 0 = none alive. */
OC_API oc_process_id oc_machine_process_now(const struct oc_machine *m, uint32_t pid);
/* The image that pid was at time_ns, 0 = none. */
OC_API oc_process_id oc_machine_process_at(const struct oc_machine *m, uint32_t pid,
					   uint64_t time_ns);
/* Sets the facts that are not 0 in *facts: ns_pid, comm, exe, container, cgroup. -EINVAL for an unknown id. */
OC_API int oc_machine_process_set(struct oc_machine *m, oc_process_id id,
				  const struct oc_process *facts);
OC_API const struct oc_process *oc_machine_process(const struct oc_machine *m, oc_process_id id);
OC_API uint32_t oc_machine_nr_processes(const struct oc_machine *m);

struct oc_thread {
	oc_process_id process;
	uint32_t tid;
	uint32_t ns_tid; /* 0 = unknown */
	oc_string_id name;
};
/* Adds a thread of a process or finds it by tid. Returns its id, -EINVAL or -ENOMEM. */
OC_API int64_t oc_machine_add_thread(struct oc_machine *m, oc_process_id process, uint32_t tid);
/* Names a thread; the leader's name (tid == pid) becomes the process's comm as well. */
OC_API int oc_machine_thread_set_name(struct oc_machine *m, oc_thread_id id, oc_string_id name);
/* Sets the id that a thread has in its own PID namespace. Returns 0 or -EINVAL. */
OC_API int oc_machine_thread_set_ns_tid(struct oc_machine *m, oc_thread_id id, uint32_t ns_tid);
OC_API const struct oc_thread *oc_machine_thread(const struct oc_machine *m, oc_thread_id id);
OC_API uint32_t oc_machine_nr_threads(const struct oc_machine *m);

/* ---- attributes and spans ---------------------------------------------------------------------------------- */

enum oc_attr_type { OC_ATTR_STRING, OC_ATTR_NUMBER };
struct oc_attr {
	oc_string_id key;
	enum oc_attr_type type;
	uint64_t value; /* an oc_string_id or a number */
};
/*
 * Interns a list of key/value pairs, attrs[nr] in the given order, with an optional parent list that is walked after
 * it. Returns the id (0 for an empty list without parent), -EINVAL (unknown parent) or -ENOMEM.
 */
OC_API int64_t oc_machine_intern_attrs(struct oc_machine *m, const struct oc_attr *attrs, size_t nr,
				       oc_attrs_id parent);
/* Associates one more list with an existing one (chains of requests, say); cycles are allowed and walked once. */
OC_API int oc_machine_link_attrs(struct oc_machine *m, oc_attrs_id id, oc_attrs_id associated);
/* Calls fn for each attribute of the list and of those it is chained to, each list once; stops when fn returns
 * nonzero and returns that value, else 0, or -ENOMEM. */
OC_API int oc_machine_walk_attrs(const struct oc_machine *m, oc_attrs_id id,
				 int (*fn)(void *arg, const struct oc_attr *attr), void *arg);

/* A named stretch of time with children; a sample of a kind with OC_UNIT_SPAN has an oc_span_id as value. */
struct oc_span {
	oc_string_id name;
	uint64_t start_ns;
	uint64_t end_ns;
	oc_span_id parent; /* 0 = top */
};
/* Returns the new span's id, -EINVAL (end before start, unknown parent) or -ENOMEM. */
OC_API int64_t oc_machine_add_span(struct oc_machine *m, const struct oc_span *span);
OC_API const struct oc_span *oc_machine_span(const struct oc_machine *m, oc_span_id id);
OC_API uint32_t oc_machine_nr_spans(const struct oc_machine *m);

/* ---- callstacks, locations, stacks ------------------------------------------------------------------------- */

#define OC_STACK_FRAMES_MAX 1024

/*
 * Interns a callstack: addresses[nr], leaf first, the nr_kernel kernel frames before the user frames; as the OS gave
 * them, so return addresses (all but the first of either part) are not adjusted.
 * Returns the id, 0 for nr == 0, -EINVAL (nr > OC_STACK_FRAMES_MAX, nr_kernel > nr) or -ENOMEM.
 */
OC_API int64_t oc_machine_intern_callstack(struct oc_machine *m, const uint64_t *addresses,
					   uint32_t nr, uint32_t nr_kernel);
/* The addresses of a callstack; *ret_nr of them, *ret_nr_kernel in front are the kernel's. NULL for id 0. */
OC_API const uint64_t *oc_machine_callstack(const struct oc_machine *m, oc_callstack_id id,
					    uint32_t *ret_nr, uint32_t *ret_nr_kernel);

/* A place in code. `mapping` and `address` tell where it was first met; other processes may map it elsewhere. */
struct oc_location {
	oc_module_id module;
	oc_mapping_id mapping; /* 0 for OC_MODULE_UNKNOWN */
	uint64_t
		offset; /* in the module, see enum oc_module_type; a return address is already lowered by one */
	uint64_t address;    /* the same place as address in `mapping` */
	uint32_t first_line; /* index of its lines, see oc_machine_location_lines() */
	uint32_t nr_lines;   /* 0 = not symbolized */
};
OC_API const struct oc_location *oc_machine_location(const struct oc_machine *m, oc_location_id id);
OC_API uint32_t oc_machine_nr_locations(const struct oc_machine *m);

/* The locations of a stack, leaf first, *ret_nr of them; kernel frames (module type KERNEL) come first. NULL for 0. */
OC_API const oc_location_id *oc_machine_stack(const struct oc_machine *m, oc_stack_id id,
					      uint32_t *ret_nr);
OC_API uint32_t oc_machine_nr_stacks(const struct oc_machine *m);

/* ---- functions --------------------------------------------------------------------------------------------- */

struct oc_function {
	oc_string_id name;        /* demangled, for people */
	oc_string_id system_name; /* as in the symbol table */
	oc_string_id file;        /* source file; 0 = unknown */
	uint32_t start_line;      /* 0 = unknown */
	oc_module_id module;
};
struct oc_line {
	oc_function_id function;
	uint32_t line; /* 0 = unknown */
};
/* Adds a function or finds an equal one. Returns its id, -EINVAL (unknown ids) or -ENOMEM. */
OC_API int64_t oc_machine_add_function(struct oc_machine *m, const struct oc_function *function);
OC_API const struct oc_function *oc_machine_function(const struct oc_machine *m, oc_function_id id);
OC_API uint32_t oc_machine_nr_functions(const struct oc_machine *m);
/*
 * Says what code is at a location: lines[nr], innermost inlined function first, the function that contains it all
 * last. Replaces what was said before. Returns 0, -EINVAL (unknown ids, nr == 0 or > OC_STACK_FRAMES_MAX) or -ENOMEM.
 */
OC_API int oc_machine_set_lines(struct oc_machine *m, oc_location_id location,
				const struct oc_line *lines, uint32_t nr);
/* The lines of a location, *ret_nr of them; NULL and 0 when it is not symbolized. */
OC_API const struct oc_line *oc_machine_location_lines(const struct oc_machine *m,
						       oc_location_id id, uint32_t *ret_nr);
/*
 * The name to show for line `line` (0 = innermost) of a location: the function's name, or "module+0xoffset" with the
 * module's base name when it is not symbolized, or "0xaddress". Interned, so it costs nothing to ask again.
 * Returns the string id or -ENOMEM. Works on a machine that is otherwise const: the name was interned by
 * oc_machine_finish().
 */
OC_API oc_string_id oc_machine_location_name(const struct oc_machine *m, oc_location_id id,
					     uint32_t line);

/* ---- samples ----------------------------------------------------------------------------------------------- */

struct oc_sample {
	uint64_t time_ns; /* CLOCK_MONOTONIC; 0 = aggregated over the recording */
	uint64_t count;   /* events that this sample stands for, at least 1 */
	uint64_t value;   /* in the kind's unit, summed over `count` events */
	oc_kind_id kind;
	oc_process_id process;
	oc_thread_id thread;
	oc_stack_id stack;
	oc_attrs_id attrs;
	uint32_t cpu; /* UINT32_MAX = unknown (aggregated) */
};

/*
 * Resolves a callstack in a process as its mappings are now (the newest known) and interns the result.
 * Cheap when the same pair was resolved before and the process's layout did not change.
 * Returns the stack's id (0 for callstack 0), -EINVAL or -ENOMEM.
 */
OC_API int64_t oc_machine_resolve(struct oc_machine *m, oc_process_id process,
				  oc_callstack_id callstack);

/*
 * Stores a sample. With time_ns == 0, samples equal in everything but count and value become one (not spans).
 * The kind's ledger row counts `count` as kept, or as lost by hook or memory.
 * Returns 1 when kept, 0 when a hook dropped it, -EINVAL (unknown ids, no count), -ENOMEM (counted as lost), or the
 * error of the temporary file (-ENOSPC, -EIO; counted as lost by memory).
 */
OC_API int oc_machine_add_sample(struct oc_machine *m, const struct oc_sample *sample);
OC_API uint64_t oc_machine_nr_samples(const struct oc_machine *m);
/*
 * Calls fn for each sample in the order they were added, spilled ones included, but those that oc_machine_select() left
 * out; stops when fn returns nonzero and returns that, else 0, or the error of reading the temporary file.
 */
OC_API int oc_machine_each_sample(const struct oc_machine *m,
				  int (*fn)(void *arg, const struct oc_sample *sample), void *arg);

/*
 * Declares filling over: names every location that has no function, sorts nothing, frees what only filling needs.
 * To be called once, after the symbolize pass, before writers run. Returns 0 or -ENOMEM.
 */
OC_API int oc_machine_finish(struct oc_machine *m);

/* ---- hooks ------------------------------------------------------------------------------------------------- */

enum oc_verdict { OC_KEEP, OC_DROP };

/*
 * Hooks run in the order they were added. Each gets its own `arg`.
 * sample: before a sample is stored; may change *sample or drop it. What it takes away of `count`, of the kind, or
 * by ids that are not valid is lost by hook. Samples that it adds pass no hook.
 * parsed: once, when all data has arrived, before symbols (oc_machine_run_parsed_hooks()).
 * export: once per output, before its writer runs (oc_machine_run_export_hooks()); nonzero stops that output.
 * Each oc_machine_on_*() returns 0 or -ENOMEM.
 */
typedef enum oc_verdict (*oc_sample_hook)(void *arg, struct oc_machine *m,
					  struct oc_sample *sample);
typedef int (*oc_parsed_hook)(void *arg, struct oc_machine *m);
typedef int (*oc_export_hook)(void *arg, const struct oc_machine *m, const char *format_name);
OC_API int oc_machine_on_sample(struct oc_machine *m, oc_sample_hook hook, void *arg);
OC_API int oc_machine_on_parsed(struct oc_machine *m, oc_parsed_hook hook, void *arg);
OC_API int oc_machine_on_export(struct oc_machine *m, oc_export_hook hook, void *arg);
OC_API int oc_machine_run_parsed_hooks(struct oc_machine *m);
OC_API int oc_machine_run_export_hooks(const struct oc_machine *m, const char *format_name);

/* ---- split and merge --------------------------------------------------------------------------------------- */

enum oc_split { OC_SPLIT_PROCESS, OC_SPLIT_COMM, OC_SPLIT_CONTAINER, OC_SPLIT_THREAD };

/*
 * Numbers the groups of samples by process (pid and start; its images by exec are one), comm, container or thread.
 * ret_group_of: set to an array indexed by oc_process_id (for THREAD by oc_thread_id), [nr ids + 1] entries, giving
 * the group 0..nr_groups-1 of each ([0]: UINT32_MAX if no sample has id 0); ret_names: the groups' names, [nr_groups].
 * Both freed by the caller with free(3). Returns the number of groups or -ENOMEM.
 */
OC_API int64_t oc_machine_split(const struct oc_machine *m, enum oc_split by,
				uint32_t **ret_group_of, oc_string_id **ret_names);

/*
 * Adds everything of src to dst: ids are interned anew; hooks are not run. src is not changed. How hosts and clocks
 * are dealt with stands in onecollect/merge.h, and what is returned: this is oc_machine_merge_with() without options.
 */
OC_API int oc_machine_merge(struct oc_machine *dst, const struct oc_machine *src);

#ifdef __cplusplus
}
#endif

#endif
