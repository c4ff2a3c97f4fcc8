/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where code is in each process, for formats that name code by its address: locations are shared by processes, so
 * their addresses have to be found again.
 * Used by the writers of nettrace and perf.data; knows the machine, not the format.
 */
#ifndef FORMATS_NETTRACE_ADDRESSES_H
#define FORMATS_NETTRACE_ADDRESSES_H

#include <onecollect/machine.h>
#include <stdint.h>

#include "base/array.h"
#include "base/u64_map.h"

/*
 * Inlined functions have no address of their own. They get one each, here: above all user addresses and below all
 * kernel addresses of x86-64 (57 bits) and arm64 (52 bits), and a positive number where that is signed.
 */
#define ADDRESSES_INLINED_BASE 0x4000000000000000ULL
#define ADDRESSES_INLINED_STEP 16

/* Neighbouring locations of one function, in its module: offsets first..last. Runs do not overlap. */
struct addresses_run {
	uint64_t first, last;
	oc_string_id name;
};

/* A function that is inlined, or whose code is at no mapping, in a module. */
struct addresses_inlined {
	oc_module_id module;
	oc_function_id function;
};

/* What is known of a location. */
struct addresses_location {
	const struct oc_location *location;
	uint32_t run;           /* index + 1; 0 = no function, or no mapping */
	uint32_t first_inlined; /* index into inlined_of */
	uint32_t nr_inlined; /* lines, from the innermost on, that have an address of their own */
};

struct place {
	oc_mapping_id mapping; /* 0 = at no mapping */
	uint64_t address;
};

/* Embedded; start with all zero. */
struct addresses {
	const struct oc_machine *m;
	struct addresses_location *locations; /* by location id */
	struct addresses_run *runs;
	size_t nr_runs, runs_cap;
	struct addresses_inlined *inlined; /* [nr_inlined], sorted by module */
	size_t nr_inlined, inlined_cap;
	uint32_t *
		inlined_of; /* indexes into inlined, innermost first, one location after the other */
	size_t nr_inlined_of, inlined_of_cap;
	uint32_t *first_run;     /* by module id: index of its first run; [nr modules + 1] */
	oc_mapping_id *by_owner; /* all mappings, sorted by process, module, newest first */
	struct u64_map
		moved; /* process << 32 | mapping -> mapping of the same module in the process */
};

/* Fills in *p for a finished machine. Returns 0 or -ENOMEM; to be followed by addresses_done() in both cases. */
int addresses_init(struct addresses *p, const struct oc_machine *m);
void addresses_done(struct addresses *p);

/*
 * Finds where a location is in a process at a time. Where the process has its module at no place, as after a merge
 * of recordings that disagree, that is the place where it was first met.
 * Returns 0 or -ENOMEM.
 */
int addresses_find(struct addresses *p, oc_process_id process, oc_location_id location,
		   uint64_t time_ns, struct place *ret_place);
/* Index into p->inlined of line `line` of a location, below its nr_inlined. */
static inline uint32_t addresses_inlined_at(const struct addresses *p, oc_location_id location,
					    uint32_t line)
{
	return p->inlined_of[p->locations[location].first_inlined + line];
}
/* The runs of a module: *ret_nr of them from the returned index on. */
uint32_t addresses_runs_of_module(const struct addresses *p, oc_module_id module, uint32_t *ret_nr);
/* The inlined functions of a module: *ret_nr of them from the returned index into p->inlined on. */
uint32_t addresses_inlined_of_module(const struct addresses *p, oc_module_id module,
				     uint32_t *ret_nr);
/* The address of an inlined function. */
static inline uint64_t addresses_inlined_address(uint32_t index)
{
	return ADDRESSES_INLINED_BASE + (uint64_t)index * ADDRESSES_INLINED_STEP;
}
/* A run at a mapping: the addresses of its first and its last byte, both in the mapping. */
void addresses_run_at(const struct addresses *p, uint32_t run, oc_mapping_id mapping,
		      uint64_t *ret_first, uint64_t *ret_last);

#endif
