/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How complete the stacks of each process are.
 * Called by the sink, by readers of recordings and by reports.
 * Must not judge stacks.
 */
#include <onecollect/stack_counts.h>

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "export/machine_private.h"
#include "export/selection.h"

static bool is_empty(const struct oc_stack_counts *counts)
{
	uint64_t sum = counts->complete;

	for (uint32_t i = 0; i < OC_STACK_COUNT; i++)
		sum |= counts->incomplete[i];
	return !sum;
}

int oc_machine_count_stacks(struct oc_machine *m, oc_process_id process,
			    enum oc_stack_reason reason, uint64_t count)
{
	size_t before = m->stack_counts_cap;
	struct oc_stack_counts *counts;

	if (!oc_machine_process(m, process) || reason > OC_STACK_COUNT)
		return -EINVAL;
	if (array_reserve(&m->stack_counts, &m->stack_counts_cap, process,
			  sizeof(*m->stack_counts)))
		return -ENOMEM;
	if (m->stack_counts_cap > before)
		memset(m->stack_counts + before, 0,
		       (m->stack_counts_cap - before) * sizeof(*m->stack_counts));
	counts = &m->stack_counts[process - 1];
	if (reason == OC_STACK_COUNT)
		counts->complete += count;
	else
		counts->incomplete[reason] += count;
	return 0;
}

const struct oc_stack_counts *oc_machine_stack_counts(const struct oc_machine *m,
						      oc_process_id process)
{
	const struct oc_stack_counts *counts;

	if (!process || process > m->stack_counts_cap)
		return NULL;
	if (m->selection && !selection_knows_stacks(m->selection, process))
		return NULL;
	counts = &m->stack_counts[process - 1];
	return is_empty(counts) ? NULL : counts;
}
