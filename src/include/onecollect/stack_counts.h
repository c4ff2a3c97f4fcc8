/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How complete the user stacks of each process are: the ledger's numbers, by process.
 */
#ifndef ONECOLLECT_STACK_COUNTS_H
#define ONECOLLECT_STACK_COUNTS_H

#include <onecollect/ledger.h>
#include <onecollect/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of one program image, over all kinds. Their sum is the number of its samples that have a user part. */
struct oc_stack_counts {
	uint64_t complete;
	uint64_t incomplete[OC_STACK_COUNT];
};

/*
 * Adds `count` samples of a process to its numbers.
 * reason: why their stacks do not reach the root; OC_STACK_COUNT = they do.
 * Returns 0, -EINVAL (no such process or reason) or -ENOMEM. One thread uses a machine.
 */
OC_API int oc_machine_count_stacks(struct oc_machine *m, oc_process_id process,
				   enum oc_stack_reason reason, uint64_t count);
/* The numbers of a process, valid until the machine changes; NULL = no samples with a user part. */
OC_API const struct oc_stack_counts *oc_machine_stack_counts(const struct oc_machine *m,
							     oc_process_id process);

#ifdef __cplusplus
}
#endif

#endif
