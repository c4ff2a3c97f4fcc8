/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The samples of a machine with those that differ only in time or cpu added up, in lists by stack.
 * What call trees and every output without times start from; knows no output format.
 */
#ifndef EXPORT_SAMPLE_GROUPS_H
#define EXPORT_SAMPLE_GROUPS_H

#include <onecollect/machine.h>

#include "base/id_table.h"

/* What keeps samples of one stack apart; parts not asked for are 0 in every group. */
enum { GROUP_BY_PROCESS = 1, GROUP_BY_THREAD = 2, GROUP_BY_ATTRS = 4 };

struct sample_key {
	oc_stack_id stack;
	oc_process_id process;
	oc_thread_id thread;
	oc_attrs_id attrs;
};

/* Sums of one group and one kind. */
struct sample_sum {
	uint64_t count;
	uint64_t value;
};

/* Groups are numbered 1..nr. */
struct sample_groups {
	uint32_t nr;
	uint32_t nr_stacks;
	uint32_t nr_kinds;       /* kinds summed: all of the machine, or one */
	struct sample_key *keys; /* [nr], of group i at i - 1 */
	struct sample_sum *sums; /* [nr * nr_kinds], of group i from (i - 1) * nr_kinds on */
	uint32_t
		*first_of_stack; /* [nr_stacks + 1] first group of a stack, 0 = none; stack 0 is "no stack" */
	uint32_t *next;          /* [nr] next group of the same stack, 0 = none */
};

/*
 * Adds up the samples of a finished machine.
 *
 * by: GROUP_BY_* flags.
 * kind: only samples of this kind; 0 = all kinds, each with its own sums.
 * ret_groups: set on success, freed with sample_groups_done().
 * The value of a kind with OC_UNIT_SPAN is the duration of the span.
 * Returns 0, -ENOMEM, or a negative errno value of reading spilled samples.
 */
int sample_groups_init(struct sample_groups *ret_groups, const struct oc_machine *m, unsigned int by,
		       oc_kind_id kind);

/* Frees the groups. Accepts all-zero ones. */
void sample_groups_done(struct sample_groups *groups);

#endif
