/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which samples of a machine are selected: sets of ids, so that asking costs a few loads per sample.
 * Made by filter.c and selection.c, asked by samples.c; knows no pattern.
 */
#ifndef EXPORT_SELECTION_H
#define EXPORT_SELECTION_H

#include <onecollect/filter.h>

struct selection {
	unsigned int parts[OC_FILTER_PARTS]; /* [nr_parts] those that are asked for */
	unsigned int nr_parts;
	bool *sets
		[OC_FILTER_PARTS]; /* by id of what the part is about, [0] = none; of CPUs by number. Owned. */
	uint32_t nr_cpus;           /* entries of the set of CPUs */
	uint64_t from_ns, until_ns; /* on the clock of samples */
	const uint32_t *group_of;   /* NULL = no group; borrowed */
	bool group_by_thread;
	uint32_t group;
	/* What the ledger says of the whole machine. */
	struct oc_ledger_kind whole[OC_KINDS_MAX];
	uint64_t whole_not_selected;
	uint64_t nr_samples;      /* stored samples that are selected */
	bool kinds[OC_KINDS_MAX]; /* by kind - 1: has a selected sample */
	bool complete;            /* nothing is left out */
};

/* True when a sample passes one part by itself. */
bool selection_part_has(const struct selection *s, enum oc_filter_part part,
			const struct oc_sample *sample);
/* True when a sample is selected. */
bool selection_has(const struct selection *s, const struct oc_sample *sample);
/* True when it is known how complete the stacks of a process's selected samples are. */
bool selection_knows_stacks(const struct selection *s, oc_process_id process);

/*
 * Makes a selection that of the machine: counts what is selected, into *ret_selected (may be NULL) as well, and moves
 * the ledger's numbers. Takes `s` over and frees the one before, but not on failure. s: NULL = everything.
 * Returns 0 or a negative errno value of reading samples.
 */
int selection_install(struct oc_machine *m, struct selection *s, struct oc_selected *ret_selected);
/* Accepts NULL. */
void selection_free(struct selection *s);

#endif
