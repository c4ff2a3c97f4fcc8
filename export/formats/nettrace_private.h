/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the nettrace writer share: the state of one output being written.
 * Used by nettrace*.c only.
 */
#ifndef FORMATS_NETTRACE_PRIVATE_H
#define FORMATS_NETTRACE_PRIVATE_H

#include "base/buffer.h"
#include "base/id_table.h"
#include "base/u64_map.h"
#include "export/formats/nettrace_changes.h"
#include "export/formats/nettrace_addresses.h"
#include "export/formats/nettrace_stream.h"

/* Ids of the events of Universal.System. */
enum system_event {
	EXISTING_PROCESS,
	PROCESS_CREATE,
	PROCESS_EXIT,
	PROCESS_MAPPING,
	PROCESS_SYMBOL,
	PROCESS_MAPPING_METADATA,
	SYSTEM_EVENTS
};

/* A symbol that samples hit: a run of locations, or an inlined function, at a mapping of the trace. */
struct nettrace_symbol {
	oc_process_id process; /* in which it was first hit */
	uint32_t mapping;      /* trace-wide id */
	uint32_t run;          /* 0 = inlined */
	uint32_t inlined;
};

/* What a mapping's metadata event tells of. */
struct nettrace_metadata {
	oc_module_id module;
	uint64_t file_offset;
};

struct nettrace {
	const struct oc_machine *m;
	const struct oc_recording_info *info;
	struct nettrace_stream stream;
	int error;           /* no memory, found outside the stream */
	uint64_t start, end; /* of the trace, in ticks, which are nanoseconds of CLOCK_MONOTONIC */
	uint64_t now;        /* time of the events being written */

	struct sampled *sampled; /* by process id */
	struct change *changes;
	size_t nr_changes, next_change;

	struct addresses addresses;
	uint64_t *frames; /* [NETTRACE_FRAMES_MAX], of the stack at hand */
	uint32_t nr_frames;
	uint64_t inlined_left_out; /* frames */
	uint64_t on_high_cpus;     /* samples, of CPUs whose numbers readers do not keep */

	struct u64_map stacks;   /* process << 32 | stack -> group << 32 | id in the group */
	struct u64_map labels;   /* high CPU << 32 | attributes -> likewise */
	uint32_t *thread_groups; /* by index of thread: the group it was declared in */
	struct u64_map declared; /* process << 32 | mapping of the trace */
	uint64_t last_declared;  /* the newest key asked for */
	struct nettrace_metadata *metadata;
	size_t metadata_cap;
	struct id_table metadata_ids;
	uint8_t **hit; /* by mapping of the trace: a bit for each of its symbols, NULL = none hit */
	struct nettrace_symbol *symbols;
	size_t nr_symbols, symbols_cap;

	struct buffer payload, row, json; /* being put together */
};

/* Mappings of the trace are the machine's, then one of inlined functions for each module. */
static inline uint32_t nettrace_inlined_mapping(const struct nettrace *n, oc_module_id module)
{
	return oc_machine_nr_mappings(n->m) + module;
}

/* ---- nettrace_head.c ---- */

/* Writes the block about the trace as a whole, and the block that describes all events. */
void nettrace_write_head(struct nettrace *n);
/* Id of the metadata of a system event; those of kinds of samples are the ids of the kinds. */
uint32_t nettrace_system_metadata(const struct nettrace *n, enum system_event event);
/* True when each sample of a kind stands for a stretch of time, so that its count is what matters. */
bool nettrace_is_tick(const struct oc_kind *kind);

/* ---- nettrace_system.c ---- */

/* Writes what happened to processes up to a time, which becomes `now`. */
void nettrace_advance(struct nettrace *n, uint64_t time);
/* Makes sure that a thread is declared in the group. Returns its index; that of the process for thread 0. */
uint32_t nettrace_declare_thread(struct nettrace *n, oc_process_id process, oc_thread_id thread);
/* Makes sure that a process has declared a mapping; the group may end. */
void nettrace_declare_mapping(struct nettrace *n, oc_process_id process, oc_mapping_id id);
/* Likewise the mapping of a module's inlined functions. */
void nettrace_declare_inlined(struct nettrace *n, oc_process_id process, oc_module_id module);
/* Writes the system event whose payload is in n->payload, and empties that; the group may end. */
void nettrace_write_system_event(struct nettrace *n, enum system_event event,
				 oc_process_id process);

/* ---- helpers ---- */

static inline void nettrace_fail(struct nettrace *n, int error)
{
	n->error = n->error ? n->error : error;
}

/* A string of the machine, as nettrace_put_string() and nettrace_put_short_string(). */
void nettrace_put_id(struct buffer *b, const struct oc_machine *m, oc_string_id id);
void nettrace_put_short_id(struct buffer *b, const struct oc_machine *m, oc_string_id id,
			   size_t max);

#endif
