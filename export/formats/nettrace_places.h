/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where code is in each process, for formats that name code by its address: locations are shared by processes, so
 * their addresses have to be found again.
 * Used by the nettrace writer; knows the machine, not the format.
 */
#ifndef FORMATS_NETTRACE_PLACES_H
#define FORMATS_NETTRACE_PLACES_H

#include <onecollect/machine.h>
#include <stdint.h>

#include "base/array.h"
#include "base/u64_map.h"

/*
 * Inlined functions have no address of their own. They get one each, here: above all user addresses and below all
 * kernel addresses of x86-64 (57 bits) and arm64 (52 bits), and a positive number where that is signed.
 */
#define PLACES_INLINED_BASE 0x4000000000000000ULL
#define PLACES_INLINED_STEP 16

/* Neighbouring locations of one function, in its module: offsets first..last. Runs do not overlap. */
struct places_run {
	uint64_t first, last;
	oc_string_id name;
};

/* A function that is inlined, or whose code is at no mapping, in a module. */
struct places_inlined {
	oc_module_id module;
	oc_function_id function;
};

/* What is known of a location. */
struct places_location {
	uint32_t run;           /* index + 1; 0 = no function, or no mapping */
	uint32_t first_inlined; /* index into inlined_of; as many as places_nr_inlined() says */
};

struct place {
	oc_mapping_id mapping; /* 0 = at no mapping */
	uint64_t address;
};

/* Embedded; start with all zero. */
struct places {
	const struct oc_machine *m;
	struct places_location *locations; /* by location id */
	struct places_run *runs;
	size_t nr_runs, runs_cap;
	struct places_inlined *inlined; /* [nr_inlined], sorted by module */
	size_t nr_inlined, inlined_cap;
	uint32_t *
		inlined_of; /* indexes into inlined, innermost first, one location after the other */
	size_t nr_inlined_of, inlined_of_cap;
	oc_mapping_id *by_owner; /* all mappings, sorted by process, module, newest first */
	struct place *moved;     /* places that had to be looked for */
	size_t nr_moved, moved_cap;
	struct u64_map moved_ids; /* process << 32 | location -> index + 1 */
};

/* Fills in *p for a finished machine. Returns 0 or -ENOMEM; to be followed by places_done() in both cases. */
int places_init(struct places *p, const struct oc_machine *m);
void places_done(struct places *p);

/*
 * Finds where a location is in a process at a time. Where the process has its module at no place, as after a merge
 * of recordings that disagree, that is the place where it was first met.
 * Returns 0 or -ENOMEM.
 */
int places_find(struct places *p, oc_process_id process, oc_location_id location, uint64_t time_ns,
		struct place *ret_place);
/* How many of a location's lines, from the innermost on, stand for themselves with an address of their own. */
uint32_t places_nr_inlined(const struct oc_location *location);
/* Index into p->inlined of line `line` of a location, below places_nr_inlined(). */
uint32_t places_inlined_at(const struct places *p, oc_location_id location, uint32_t line);
/* The inlined functions of a module: *ret_nr of them from the returned index into p->inlined on. */
uint32_t places_inlined_of_module(const struct places *p, oc_module_id module, uint32_t *ret_nr);
/* The address of an inlined function. */
static inline uint64_t places_inlined_address(uint32_t index)
{
	return PLACES_INLINED_BASE + (uint64_t)index * PLACES_INLINED_STEP;
}
/* A run at a mapping: the addresses of its first and its last byte, both in the mapping. */
void places_run_at(const struct places *p, uint32_t run, oc_mapping_id mapping, uint64_t *ret_first,
		   uint64_t *ret_last);

#endif
