/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The samples of a machine with those that differ only in time or cpu added up, sorted by stack.
 * What call trees and every output without times start from; knows no output format.
 */
#ifndef EXPORT_SAMPLE_GROUPS_H
#define EXPORT_SAMPLE_GROUPS_H

#include <onecollect/machine.h>

/* What keeps samples of one stack apart; parts not asked for are 0 in every group. */
enum { GROUP_BY_PROCESS = 1, GROUP_BY_THREAD = 2, GROUP_BY_ATTRS = 4 };

struct sample_key {
	oc_stack_id stack; /* 0 = samples without a stack */
	oc_process_id process;
	oc_thread_id thread;
	oc_attrs_id attrs;
};

struct sample_sum {
	uint64_t count;
	uint64_t value;
};

struct sample_group {
	struct sample_key key;
	struct sample_sum sums[]; /* [nr_kinds of the groups] */
};

/* The one frame that outputs show for samples of stack 0, so that totals and the sums of functions agree. */
#define NO_STACK_NAME "[no stack]"

/* Sorted by stack; groups of one stack are in the order in which they first occurred. */
struct sample_groups {
	size_t nr;
	uint32_t nr_kinds;  /* kinds summed: all of the machine, or one */
	size_t group_bytes; /* a group with its sums */
	char *groups;       /* [nr * group_bytes] */
};

/*
 * Adds up the samples of a finished machine.
 *
 * ret_groups: set on success, freed with sample_groups_done().
 * by: GROUP_BY_* flags.
 * kind: only samples of this kind; 0 = all kinds, each with its own sums.
 * The value of a kind with OC_UNIT_SPAN is the duration of the span.
 * Returns 0, -ENOMEM, or a negative errno value of reading spilled samples.
 */
int sample_groups_init(struct sample_groups *ret_groups, const struct oc_machine *m,
		       unsigned int by, oc_kind_id kind);

/* Frees the groups. Accepts all-zero ones. */
void sample_groups_done(struct sample_groups *groups);

/* Group i, below groups->nr. */
static inline const struct sample_group *sample_groups_at(const struct sample_groups *groups,
							  size_t i)
{
	return (const struct sample_group *)(groups->groups + i * groups->group_bytes);
}

#endif
