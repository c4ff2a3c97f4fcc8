/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Merging functions, locations and stacks.
 * Called by export/merge.c.
 * Must not know where either machine came from.
 */
#include "export/merge_private.h"

int merge_functions(struct merge *g)
{
	for (uint32_t id = 1; id <= g->src->functions.count; id++) {
		struct oc_function function = *oc_machine_function(g->src, id);
		int64_t to;

		function.name = g->strings[function.name];
		function.system_name = g->strings[function.system_name];
		function.file = g->strings[function.file];
		function.module = g->modules[function.module];
		to = oc_machine_add_function(g->dst, &function);
		if (to < 0)
			return (int)to;
		g->functions[id] = (uint32_t)to;
	}
	return 0;
}

static int merge_lines(struct merge *g, oc_location_id from, oc_location_id to)
{
	struct oc_line lines[OC_STACK_FRAMES_MAX];
	uint32_t nr;
	const struct oc_line *known = oc_machine_location_lines(g->src, from, &nr);

	if (!nr || oc_machine_location(g->dst, to)->nr_lines)
		return 0;
	for (uint32_t i = 0; i < nr; i++) {
		lines[i].function = g->functions[known[i].function];
		lines[i].line = known[i].line;
	}
	return oc_machine_set_lines(g->dst, to, lines, nr);
}

int merge_locations(struct merge *g)
{
	int rc = 0;

	for (uint32_t id = 1; id <= g->src->locations.count && !rc; id++) {
		const struct location_entry *from = stable_array_at(&g->src->locations, id - 1);
		struct oc_location location = {
			.module = g->modules[from->pub.module],
			.mapping = g->mappings[from->pub.mapping],
			.offset = from->pub.offset,
			.address = from->pub.address,
		};
		int64_t to = location_intern(g->dst, &location);
		struct location_entry *entry;

		if (to < 0)
			return (int)to;
		g->locations[id] = (uint32_t)to;
		entry = stable_array_by_id(&g->dst->locations, (uint32_t)to);
		entry->name = entry->name ? entry->name : g->strings[from->name];
		rc = merge_lines(g, id, (uint32_t)to);
	}
	return rc;
}

int merge_stacks(struct merge *g)
{
	oc_location_id locations[OC_STACK_FRAMES_MAX];

	for (uint32_t id = 1; id <= g->src->stacks.count; id++) {
		uint32_t nr;
		const oc_location_id *from = oc_machine_stack(g->src, id, &nr);
		int64_t to;

		for (uint32_t i = 0; i < nr; i++)
			locations[i] = g->locations[from[i]];
		to = stack_intern(g->dst, locations, nr);
		if (to < 0)
			return (int)to;
		g->stacks[id] = (uint32_t)to;
	}
	return 0;
}
