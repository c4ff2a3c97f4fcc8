/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A merge under way, and its steps.
 * Used by export/merge*.c only.
 */
#ifndef EXPORT_MERGE_PRIVATE_H
#define EXPORT_MERGE_PRIVATE_H

#include <onecollect/merge.h>

#include "export/machine_private.h"
#include "export/origins.h"

/* A merge under way. Each array is indexed by ids of src and holds ids of dst; entry 0 is 0. */
struct merge {
	struct oc_machine *dst;
	const struct oc_machine *src;
	struct oc_merge_opts opts;
	struct oc_error *err;
	bool is_first;    /* dst has no facts yet */
	uint32_t origin;  /* of src, in dst->origins */
	int64_t shift_ns; /* added to times of src */
	uint32_t *
		marked; /* by attributes of src: those of dst that tell the host as well; 0 = not made yet */
	uint32_t kinds[OC_KINDS_MAX + 1];
	uint32_t *strings;
	uint32_t *processes;
	uint32_t *modules;
	uint32_t *mappings;
	uint32_t *threads;
	uint32_t *functions;
	uint32_t *locations;
	uint32_t *stacks;
	uint32_t *attrs;
	uint32_t first_span;    /* of src in dst, minus 1 */
	uint32_t first_node;    /* likewise */
	uint32_t old_processes; /* of dst, before the merge */
	bool *common; /* by process of src: it is one with a process that dst had; [0] = the kernel */
	bool *taken; /* by process of dst: it is one with a process of src */
};

/* A time of src on the axis of dst. */
static inline uint64_t merge_time(const struct merge *g, uint64_t time_ns)
{
	return origin_time(g->shift_ns, time_ns);
}

/* Steps: each translates with the arrays that the steps before it filled, and returns 0 or a negative errno value. */

/* merge_facts.c. All kinds or none, so that an error, with g->err, leaves dst as it was. */
int merge_kinds(struct merge *g);
/* Which host and boot src is of, and how its times are moved. Needs strings. */
int merge_origin(struct merge *g);
/* Needs strings and the origin. */
int merge_info(struct merge *g);
/* Needs kinds; nothing fails. */
void merge_ledger(struct merge *g);

/* merge_layouts.c. Needs processes. */
int merge_modules(struct merge *g);
/* Needs modules. */
int merge_layouts(struct merge *g);

/* merge_code.c. All need modules and layouts, and each what stands before it. */
int merge_functions(struct merge *g);
int merge_locations(struct merge *g);
int merge_stacks(struct merge *g);

#endif
