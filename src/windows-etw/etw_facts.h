/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first pass over a trace: what has to be known before its first sample can be told.
 * Used by etw_trace.c. A trace says at its end what was there from its beginning, and what its stacks' keys stand for.
 */
#ifndef ETW_FACTS_H
#define ETW_FACTS_H

#include "base/u32_map.h"
#include "windows-etw/etl_reader.h"
#include "windows-etw/etw_paths.h"
#include "windows-etw/etw_stacks.h"

/* Processes, threads, images or methods that were there before their first events, which lay in a row. */
struct etw_initial {
	uint32_t pid;
	enum etw_type type;
	size_t first; /* index of the copies of these events */
	size_t nr;
};

struct etw_pdb {
	uint64_t time; /* raw, from which on it is meant */
	uint32_t age;
	uint32_t next; /* index of the one of the same place that follows it; 0 = none */
	uint8_t guid[16];
	const char *name; /* without folders */
};

/* Where images were, one after the other. */
struct etw_pdb_place {
	uint64_t base;
	uint32_t pid;
	uint32_t now; /* index of the PDB that was asked for last; at first the first one */
	uint32_t last;
};

/* Which PDB the image at (pid, base) has. Embedded; start with all zero. */
struct etw_pdbs {
	struct id_table index;
	struct etw_pdb_place *places; /* by id - 1 */
	size_t places_cap;
	struct etw_pdb *list; /* [nr] */
	size_t nr;
	size_t cap;
	struct arena names;
};

/* Start with all zero. */
struct etw_facts {
	uint64_t first_time; /* raw, of the first event */
	uint64_t last_time;
	uint64_t nr_events;
	uint64_t unreadable;     /* events whose payload does not fit its layout */
	uint32_t interval_ticks; /* between samples, of 100 ns; 0 = not said */
	bool interval_known;     /* as it was when sampling began */
	bool has_switches;       /* context switches */
	struct etw_paths paths;
	struct etw_stacks stacks;
	struct etw_pdbs pdbs;
	struct u32_map started;      /* pid + 1 of processes that began within the trace */
	struct etw_initial *initial; /* [nr_initial] by pid, type and first */
	size_t nr_initial;
	size_t initial_cap;
	const struct etl_event **copies; /* [nr_copies] in the order of the trace */
	size_t nr_copies;
	size_t copies_cap;
	struct arena arena; /* of the copies */
};

/*
 * Reads the whole trace and has the reader keep the buffers in which something happened, see etl_reader_again(). Returns
 * 0, or an error of etl_reader_next(). Call etw_facts_done() in either case.
 */
int etw_facts_collect(struct etw_facts *facts, struct etl_reader *r);
void etw_facts_done(struct etw_facts *facts);

/*
 * The PDB of the image that was loaded at `time` (raw), or before the trace (0). The first one is also for times before
 * it. To be called in order of time. NULL = not known.
 */
const struct etw_pdb *etw_pdbs_find(struct etw_pdbs *pdbs, uint32_t pid, uint64_t base,
				    uint64_t time);
/* Says it for images loaded from `time` (raw) on, in order of time. Returns 0 or -ENOMEM. */
int etw_pdbs_add(struct etw_pdbs *pdbs, uint64_t time, const struct etw_image_pdb *pdb);

/* Copies an event with its payload, into the arena or, with NULL, into memory of its own for free(3). NULL = no memory. */
struct etl_event *etw_copy_event(struct arena *arena, const struct etl_event *event);

#endif
