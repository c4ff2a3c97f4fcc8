/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings: which module lay where in which process, and when.
 * Called by collectors' sinks; read by writers.
 * Must not know how layouts are kept (layout.c).
 */
#include "export/machine_private.h"

#include <errno.h>

#include "base/macros.h"

int64_t mapping_append(struct oc_machine *m, const struct oc_mapping *mapping)
{
	struct oc_mapping *added = stable_array_add(&m->mappings);

	if (!added)
		return -ENOMEM;
	*added = *mapping;
	return m->mappings.count;
}

oc_mapping_id mapping_find_identical(struct oc_machine *m, const struct oc_mapping *wanted)
{
	uint32_t root = machine_layout(m, wanted->process)->root;
	oc_mapping_id id = layout_find(m, root, wanted->start);
	const struct oc_mapping *have = stable_array_by_id(&m->mappings, id);

	if (!have || have->start != wanted->start || have->end != wanted->end ||
	    have->module != wanted->module || have->file_offset != wanted->file_offset)
		return 0;
	return id;
}

int64_t oc_machine_add_mapping(struct oc_machine *m, const struct oc_mapping *mapping)
{
	if (mapping->start >= mapping->end || !machine_layout(m, mapping->process) ||
	    !oc_machine_module(m, mapping->module))
		return -EINVAL;
	return layout_replace(m, mapping);
}

int oc_machine_remove_mapping(struct oc_machine *m, oc_process_id process, uint64_t start,
			      uint64_t end, uint64_t time_ns)
{
	const struct oc_mapping range = {
		.process = process,
		.start = start,
		.end = end,
		.since_ns = time_ns,
	};

	if (start >= end || !machine_layout(m, process))
		return -EINVAL;
	return (int)layout_replace(m, &range);
}

const struct oc_mapping *oc_machine_mapping(const struct oc_machine *m, oc_mapping_id id)
{
	return stable_array_by_id(&m->mappings, id);
}

uint32_t oc_machine_nr_mappings(const struct oc_machine *m)
{
	return m->mappings.count;
}

oc_mapping_id oc_machine_next_mapping(const struct oc_machine *m, oc_process_id process,
				      uint64_t address)
{
	const struct process_entry *entry = machine_process(m, process);

	return entry ? layout_next(m, entry->layout.root, address) : 0;
}

oc_mapping_id oc_machine_find_mapping(const struct oc_machine *m, oc_process_id process,
				      uint64_t address, uint64_t time_ns)
{
	const struct process_entry *entry = machine_process(m, process);
	oc_mapping_id found = 0;

	if (entry && time_ns >= entry->pub.start_ns)
		found = layout_find(m, layout_root_at(&entry->layout, time_ns), address);
	if (!found)
		found = layout_find(m, layout_root_at(&m->kernel_layout, time_ns), address);
	return found;
}
