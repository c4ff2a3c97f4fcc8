/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listing what happened to processes, for readers that follow them record by record.
 * Called by the perf.data writer.
 * Must not know the format.
 */
#include "export/formats/perf_data_changes.h"

#include <errno.h>

#include "base/macros.h"

static int in_order(const void *a, const void *b)
{
	const struct perf_data_change *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	if (x->type != y->type)
		return (int)x->type - (int)y->type;
	if (x->is_program != y->is_program)
		return x->is_program ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

oc_process_id perf_data_replaced(const struct oc_machine *m, oc_process_id id)
{
	const struct oc_process *process = oc_machine_process(m, id);
	const struct oc_process *before = oc_machine_process(m, process->parent);

	return before && process->generation && before->pid == process->pid ? process->parent : 0;
}

/* Whether another image of the process took the place of each; by process id. */
static bool *find_replaced(const struct oc_machine *m)
{
	uint32_t nr = oc_machine_nr_processes(m);
	bool *replaced = calloc((size_t)nr + 1, sizeof(*replaced));

	for (oc_process_id id = 1; replaced && id <= nr; id++)
		replaced[perf_data_replaced(m, id)] = true;
	return replaced;
}

static uint64_t begin_of(const struct oc_machine *m, oc_process_id id,
			 const struct perf_data_sampled *sampled)
{
	uint64_t start_ns = oc_machine_process(m, id)->start_ns;

	return sampled[id].first_ns <= sampled[id].last_ns ? MIN(start_ns, sampled[id].first_ns)
							   : start_ns;
}

/* A process has begun when it maps something; the kernel is always there. */
static uint64_t time_of_mapping(const struct oc_machine *m, const struct oc_mapping *mapping,
				const struct perf_data_sampled *sampled)
{
	return mapping->process ? MAX(mapping->since_ns, begin_of(m, mapping->process, sampled))
				: 0;
}

static struct perf_data_change change_of_mapping(const struct oc_machine *m, oc_mapping_id id,
						 const struct perf_data_sampled *sampled)
{
	const struct oc_mapping *mapping = oc_machine_mapping(m, id);
	const struct oc_process *process = oc_machine_process(m, mapping->process);

	return (struct perf_data_change){
		.time_ns = time_of_mapping(m, mapping, sampled),
		.type = PERF_DATA_MAP,
		.is_program = process && process->exe &&
			      process->exe == oc_machine_module(m, mapping->module)->path,
		.id = id,
	};
}

static size_t add_process(const struct oc_machine *m, oc_process_id id, bool is_replaced,
			  const struct perf_data_sampled *sampled, struct perf_data_change *to)
{
	const struct oc_process *process = oc_machine_process(m, id);
	uint64_t end_ns = process->end_ns;

	if (sampled[id].first_ns <= sampled[id].last_ns)
		end_ns = MAX(end_ns, sampled[id].last_ns);
	to[0] = (struct perf_data_change){ begin_of(m, id, sampled), PERF_DATA_BEGIN, false, id };
	if (end_ns == UINT64_MAX || is_replaced)
		return 1;
	to[1] = (struct perf_data_change){ end_ns, PERF_DATA_END, false, id };
	return 2;
}

int perf_data_changes(const struct oc_machine *m, const struct perf_data_sampled *sampled,
		      struct perf_data_change **ret_changes, size_t *ret_nr)
{
	size_t max = 2 * (size_t)oc_machine_nr_processes(m) + oc_machine_nr_mappings(m), nr = 0;
	struct perf_data_change *changes = calloc(max + 1, sizeof(*changes));
	bool *replaced = find_replaced(m);

	if (!changes || !replaced) {
		free(changes);
		free(replaced);
		return -ENOMEM;
	}
	for (oc_process_id id = 1; id <= oc_machine_nr_processes(m); id++)
		nr += add_process(m, id, replaced[id], sampled, changes + nr);
	for (oc_mapping_id id = 1; id <= oc_machine_nr_mappings(m); id++)
		changes[nr++] = change_of_mapping(m, id, sampled);
	qsort(changes, nr, sizeof(*changes), in_order);
	free(replaced);
	*ret_changes = changes;
	*ret_nr = nr;
	return 0;
}
