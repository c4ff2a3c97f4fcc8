/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the export machine, shared by the files of export/ that implement onecollect/machine.h.
 * Ids are indexes + 1 into stable arrays: what is handed out never moves. No file here knows an operating system.
 */
#ifndef EXPORT_MACHINE_PRIVATE_H
#define EXPORT_MACHINE_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include <onecollect/machine.h>

#include "base/arena.h"
#include "base/id_table.h"
#include "base/stable_array.h"
#include "base/u64_map.h"
#include "export/layout.h"

/* ---- strings and interned arrays ---- */

struct string_entry {
	const char *text;
	size_t len;
};

struct callstack_entry {
	const uint64_t *addresses;
	uint32_t nr;
	uint32_t nr_kernel;
};

struct stack_entry {
	const oc_location_id *locations;
	uint32_t nr;
};

struct location_entry {
	struct oc_location pub;
	oc_string_id name; /* shown while no function is known; set by oc_machine_finish() */
};

struct attrs_entry {
	const struct oc_attr *attrs;
	uint32_t nr;
	oc_attrs_id parent;
	uint32_t first_link; /* id in links, 0 = none */
};

struct attrs_link {
	oc_attrs_id target;
	uint32_t next; /* id in links, 0 = last */
};

/* ---- modules ---- */

/* Modules by one kind of identity. A key may have several modules; entries are never removed, only outlived. */
struct module_index {
	struct id_table table; /* ids count the entries of `modules` */
	oc_module_id *modules;
	size_t cap;
};

/* ---- processes ---- */

struct process_entry {
	struct oc_process pub;
	struct layout layout;
};

/* The images of one pid by start time; two fit without an allocation, which is what most pids need. */
struct pid_images {
	uint32_t nr;
	uint32_t cap; /* of `many`, 0 = `few` is used */
	union {
		oc_process_id few[2];
		oc_process_id *many;
	};
};

/* ---- samples ---- */

#define CHUNK_SAMPLES 16384

/* Samples as columns; a full chunk is also the unit that goes to the temporary file. */
struct sample_chunk {
	uint64_t time_ns[CHUNK_SAMPLES];
	uint64_t count[CHUNK_SAMPLES];
	uint64_t value[CHUNK_SAMPLES];
	uint32_t process[CHUNK_SAMPLES];
	uint32_t thread[CHUNK_SAMPLES];
	uint32_t stack[CHUNK_SAMPLES];
	uint32_t attrs[CHUNK_SAMPLES];
	uint32_t cpu[CHUNK_SAMPLES];
	uint8_t kind[CHUNK_SAMPLES];
};
_Static_assert(OC_KINDS_MAX <= UINT8_MAX, "a kind id must fit its column");

/* What makes two aggregated samples the same one; compared and hashed as bytes. */
struct aggregate_key {
	oc_kind_id kind;
	oc_process_id process;
	oc_thread_id thread;
	oc_stack_id stack;
	oc_attrs_id attrs;
	uint32_t cpu;
};

struct aggregated_sample {
	struct aggregate_key key;
	uint64_t count;
	uint64_t value;
};

/* So many samples of one store followed each other; keeps the order of adding over both stores. */
struct sample_run {
	uint64_t nr;
	bool aggregated;
};

struct sample_store {
	struct sample_chunk **chunks; /* [nr_chunks - nr_spilled], those still in memory */
	size_t cap_chunks;
	size_t nr_chunks;    /* only the last may be not full */
	size_t nr_spilled;   /* chunks at the front that are in the file, in order */
	uint32_t last_count; /* samples in the last chunk */
	struct stable_array aggregated;
	struct id_table aggregated_index;
	struct sample_run *runs;
	size_t nr_runs;
	size_t cap_runs;
	uint64_t nr_samples;
	bool without_process; /* some sample has none */
	bool without_thread;
};

struct spill {
	char *dir; /* "" = as os_open_temporary() chooses */
	int fd;    /* -1 = no file yet */
	int error; /* first failure; nothing is written after it */
};

/* ---- hooks ---- */
struct hook {
	union {
		oc_sample_hook sample;
		oc_parsed_hook parsed;
		oc_export_hook export;
	};
	void *arg;
};

struct hook_list {
	struct hook *hooks;
	size_t nr;
	size_t cap;
};

struct oc_machine {
	struct oc_ledger ledger;
	struct oc_stack_counts *stack_counts; /* [process id - 1] */
	size_t stack_counts_cap;
	struct oc_recording_info info;
	uint64_t memory_budget_bytes;
	uint64_t seed; /* of hashes of what others choose; different in each run */

	struct arena content; /* texts, address arrays, location arrays, attributes */

	struct stable_array strings; /* struct string_entry */
	struct id_table string_index;

	struct oc_kind kinds[OC_KINDS_MAX];
	uint32_t nr_kinds;

	struct stable_array modules; /* struct oc_module */
	struct module_index modules_by_build_id;
	struct module_index modules_by_inode;
	struct module_index modules_by_path;

	struct stable_array mappings; /* struct oc_mapping */
	struct stable_array nodes;    /* struct layout_node */
	uint32_t free_nodes;          /* list of node ids through `left` */
	uint32_t last_edit;
	struct layout kernel_layout;
	size_t layout_bytes; /* versions and unknown pages of all layouts */

	struct stable_array processes; /* struct process_entry */
	struct stable_array pids;      /* struct pid_images */
	struct u64_map pid_index;      /* pid + 1 -> id in pids */
	size_t pid_bytes;
	struct stable_array threads; /* struct oc_thread */
	struct u64_map thread_index; /* process << 32 | tid -> thread */

	struct stable_array attrs; /* struct attrs_entry */
	struct id_table attrs_index;
	struct stable_array links; /* struct attrs_link */
	struct stable_array spans; /* struct oc_span */

	struct stable_array callstacks; /* struct callstack_entry */
	struct id_table callstack_index;
	struct stable_array locations; /* struct location_entry */
	struct id_table location_index;
	struct stable_array stacks; /* struct stack_entry */
	struct id_table stack_index;
	struct u64_map resolved; /* process << 32 | callstack -> generation << 32 | stack */

	struct stable_array functions; /* struct oc_function */
	struct id_table function_index;
	struct stable_array lines; /* struct oc_line */

	struct sample_store samples;
	struct spill spill;
	struct selection *selection; /* NULL = everything */

	struct hook_list sample_hooks;
	struct hook_list parsed_hooks;
	struct hook_list export_hooks;
	bool in_sample_hook;
};

/* True for 0 and for the id of a string. */
static inline bool string_exists(const struct oc_machine *m, oc_string_id id)
{
	return id <= m->strings.count;
}

static inline struct process_entry *machine_process(const struct oc_machine *m, oc_process_id id)
{
	return stable_array_by_id(&m->processes, id);
}

/* The layout of a process, of the kernel for 0; NULL for an unknown id. */
static inline struct layout *machine_layout(struct oc_machine *m, oc_process_id id)
{
	struct process_entry *process;

	if (!id)
		return &m->kernel_layout;
	process = machine_process(m, id);
	return process ? &process->layout : NULL;
}

/* mappings.c */

/* Appends a record as it is, without any layout knowing of it. Returns its id or -ENOMEM. */
int64_t mapping_append(struct oc_machine *m, const struct oc_mapping *mapping);

/* The mapping of the newest layout that has process, range, module and offset of *wanted, or 0. */
oc_mapping_id mapping_find_identical(struct oc_machine *m, const struct oc_mapping *wanted);

/* processes.c */

/* Appends a process as it is and files it under its pid by start time. Returns its id or -ENOMEM. */
int64_t process_append(struct oc_machine *m, const struct oc_process *process, uint32_t root);
/* The images of a pid by start time, *ret_nr of them; NULL when there are none. */
const oc_process_id *process_images(const struct oc_machine *m, uint32_t pid, uint32_t *ret_nr);
void process_free_all(struct oc_machine *m);

/* modules.c */

/* Facts that a known module lacks (build-id, device and inode) are taken from *from. Returns 0 or -ENOMEM. */
int module_learn(struct oc_machine *m, oc_module_id id, const struct oc_module *from);

/* callstacks.c */

/* Finds or adds a place in code. Returns its id or -ENOMEM. */
int64_t location_intern(struct oc_machine *m, const struct oc_location *location);
/* Finds or adds a stack, locations[nr]. Returns its id, 0 for nr == 0, or -ENOMEM. */
int64_t stack_intern(struct oc_machine *m, const oc_location_id *locations, uint32_t nr);

/* samples.c */

/* Stores a sample that is known to be valid; hooks and ledger are not asked. Returns 0 or a negative errno value. */
int sample_store_add(struct oc_machine *m, const struct oc_sample *sample);
/* True for a sample that adds up with those that are equal in all but count and value. */
bool sample_is_aggregated(const struct oc_machine *m, const struct oc_sample *sample);
/* The aggregated sample that was added as number `index`, from 0; there must be one. */
void sample_aggregated_at(const struct oc_machine *m, uint32_t index, struct oc_sample *ret_sample);
/* As oc_machine_each_sample(), without the first nr_skipped. */
int samples_each_from(const struct oc_machine *m, uint64_t nr_skipped,
		      int (*fn)(void *arg, const struct oc_sample *sample), void *arg);
void sample_store_done(struct oc_machine *m);
size_t sample_store_bytes(const struct oc_machine *m);

/* hooks.c */

/* Runs the sample hooks on *sample. */
enum oc_verdict hooks_run_sample(struct oc_machine *m, struct oc_sample *sample);

/* spill.c */

/* Writes a full chunk as number `index` of the temporary file. Returns 0, or a negative errno value that stays. */
int spill_write(struct spill *spill, size_t index, const struct sample_chunk *chunk);
/* Reads chunk number `index` back. Safe for several threads. Returns 0 or a negative errno value. */
int spill_read(const struct spill *spill, size_t index, struct sample_chunk *ret_chunk);
/* Sets where the file will be made. dir: NULL = as os_open_temporary() chooses. Returns 0 or -ENOMEM. */
int spill_init(struct spill *spill, const char *dir);
void spill_done(struct spill *spill);

#endif
