/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Merging what was mapped where, and when: modules, mappings and the layouts of processes.
 * Called by export/merge.c.
 * Must not know where either machine came from.
 */
#include "export/merge_private.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"

/* Modules that are one only within their host. */
static bool is_of_host(const struct oc_module *module)
{
	return !module->process && (module->type == OC_MODULE_KERNEL || !module->build_id_size);
}

int merge_modules(struct merge *g)
{
	oc_process_id owner = g->origin ? g->dst->origins->items[g->origin].owner : 0;

	for (uint32_t id = 1; id <= g->src->modules.count; id++) {
		struct oc_module module = *oc_machine_module(g->src, id);
		int64_t to;

		module.path = g->strings[module.path];
		module.symbol_file = g->strings[module.symbol_file];
		module.process = is_of_host(&module) ? owner : g->processes[module.process];
		to = oc_machine_add_module(g->dst, &module);
		if (to < 0)
			return (int)to;
		g->modules[id] = (uint32_t)to;
	}
	return 0;
}

static struct oc_mapping translated_mapping(const struct merge *g, oc_mapping_id id)
{
	struct oc_mapping mapping = *oc_machine_mapping(g->src, id);

	mapping.process = g->processes[mapping.process];
	mapping.module = g->modules[mapping.module];
	mapping.since_ns = merge_time(g, mapping.since_ns);
	mapping.until_ns = merge_time(g, mapping.until_ns);
	return mapping;
}

/* Beginning or end of a mapping of a common process, to be done again in dst. */
struct mapping_event {
	uint64_t time_ns;
	oc_mapping_id id; /* in src */
	bool is_add;
};

/* By time; what ends makes room for what begins at the same time; otherwise in the order of recording. */
static int compare_events(const void *a, const void *b)
{
	const struct mapping_event *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	if (x->is_add != y->is_add)
		return x->is_add ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int replay_add(struct merge *g, oc_mapping_id id)
{
	struct oc_mapping mapping = translated_mapping(g, id);
	const struct layout *layout = machine_layout(g->dst, mapping.process);
	int64_t to;

	/* dst knows what came later: the past is not changed, but the record is needed by locations. */
	if (mapping.since_ns < layout->changed_ns) {
		to = mapping_find_identical(g->dst, &mapping);
		if (!to)
			to = mapping_append(g->dst, &mapping);
	} else {
		to = oc_machine_add_mapping(g->dst, &mapping);
	}
	if (to < 0)
		return (int)to;
	g->mappings[id] = (uint32_t)to;
	return 0;
}

static int replay_remove(struct merge *g, oc_mapping_id id)
{
	struct oc_mapping mapping = translated_mapping(g, id);
	const struct layout *layout = machine_layout(g->dst, mapping.process);

	if (mapping.until_ns < layout->changed_ns || !g->mappings[id] ||
	    layout_find(g->dst, layout->root, mapping.start) != g->mappings[id])
		return 0;
	return oc_machine_remove_mapping(g->dst, mapping.process, mapping.start, mapping.end,
					 mapping.until_ns);
}

static int replay_events(struct merge *g, struct mapping_event *events, size_t nr)
{
	int rc = 0;

	qsort(events, nr, sizeof(*events), compare_events);
	for (size_t i = 0; i < nr && !rc; i++)
		rc = events[i].is_add ? replay_add(g, events[i].id)
				      : replay_remove(g, events[i].id);
	return rc;
}

static int merge_mappings(struct merge *g)
{
	struct mapping_event *events __cleanup(cleanup_free) = NULL;
	size_t nr = 0, cap = 0;

	for (uint32_t id = 1; id <= g->src->mappings.count; id++) {
		const struct oc_mapping *from = oc_machine_mapping(g->src, id);

		if (!g->common[from->process]) {
			struct oc_mapping mapping = translated_mapping(g, id);
			int64_t to = mapping_append(g->dst, &mapping);

			if (to < 0)
				return (int)to;
			g->mappings[id] = (uint32_t)to;
			continue;
		}
		if (array_reserve(&events, &cap, nr + 2, sizeof(*events)))
			return -ENOMEM;
		events[nr++] = (struct mapping_event){ from->since_ns, id, true };
		if (from->until_ns != UINT64_MAX)
			events[nr++] = (struct mapping_event){ from->until_ns, id, false };
	}
	return nr ? replay_events(g, events, nr) : 0;
}

/* Copies the nodes of src behind those of dst, so that a root of src becomes one of dst by adding first_node. */
static int merge_nodes(struct merge *g)
{
	uint32_t nr = g->src->nodes.count;

	g->first_node = g->dst->nodes.count;
	if (stable_array_reserve(&g->dst->nodes, nr))
		return -ENOMEM;
	for (uint32_t i = 0; i < nr; i++) {
		const struct layout_node *from = stable_array_at(&g->src->nodes, i);
		struct layout_node *to = stable_array_add(&g->dst->nodes);

		*to = *from;
		to->edit = 0;
		to->mapping = g->mappings[from->mapping];
		to->left += from->left ? g->first_node : 0;
		to->right += from->right ? g->first_node : 0;
	}
	return 0;
}

static uint32_t translated_root(const struct merge *g, uint32_t root)
{
	return root ? root + g->first_node : 0;
}

static int merge_layout(struct merge *g, const struct layout *from, struct layout *to)
{
	if (array_reserve(&to->versions, &to->cap_versions, from->nr_versions,
			  sizeof(*to->versions)))
		return -ENOMEM;
	g->dst->layout_bytes += to->cap_versions * sizeof(*to->versions);
	for (size_t i = 0; i < from->nr_versions; i++) {
		to->versions[i].time_ns = merge_time(g, from->versions[i].time_ns);
		to->versions[i].root = translated_root(g, from->versions[i].root);
	}
	to->nr_versions = from->nr_versions;
	to->first_root = translated_root(g, from->first_root);
	to->root = translated_root(g, from->root);
	to->changed_ns = merge_time(g, from->changed_ns);
	return 0;
}

int merge_layouts(struct merge *g)
{
	int rc = merge_mappings(g);

	if (!rc)
		rc = merge_nodes(g);
	for (uint32_t id = 1; id <= g->src->processes.count && !rc; id++) {
		if (!g->common[id])
			rc = merge_layout(g, &machine_process(g->src, id)->layout,
					  &machine_process(g->dst, g->processes[id])->layout);
	}
	return rc;
}
