/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Splitting a recording into groups: by process, name of process, container or thread.
 * Called by writers that make one output, or one part of it, per group.
 * Must not know what is done with a group.
 */
#include "export/machine_private.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"

/* A numbering under way. */
struct grouping {
	struct u64_map numbers; /* key + 1 -> number */
	uint32_t *group_of;
	oc_string_id *names; /* [nr] */
	size_t nr;
	size_t cap;
};

/* Puts an id into the group of its key; the first of a key begins the group and names it. */
static int assign(struct grouping *g, uint32_t id, uint64_t key, oc_string_id name)
{
	const uint64_t *number = u64_map_find(&g->numbers, key + 1);

	if (number) {
		g->group_of[id] = (uint32_t)*number;
		return 0;
	}
	if (array_reserve(&g->names, &g->cap, g->nr + 1, sizeof(*g->names)) ||
	    u64_map_set(&g->numbers, key + 1, g->nr))
		return -ENOMEM;
	g->group_of[id] = (uint32_t)g->nr;
	g->names[g->nr++] = name;
	return 0;
}

static int group_by_thread(const struct oc_machine *m, struct grouping *g)
{
	int rc = 0;

	for (uint32_t id = 1; id <= m->threads.count && !rc; id++) {
		const struct oc_thread *thread = oc_machine_thread(m, id);
		oc_string_id comm = machine_process(m, thread->process)->pub.comm;

		rc = assign(g, id, id, thread->name ? thread->name : comm);
	}
	return rc;
}

/* The images that one process had through exec follow their first one, whose group has the name of the last. */
static int group_by_process(const struct oc_machine *m, struct grouping *g)
{
	for (uint32_t id = 1; id <= m->processes.count; id++) {
		const struct oc_process *process = oc_machine_process(m, id);

		if (process->generation && process->parent && process->parent < id) {
			g->group_of[id] = g->group_of[process->parent];
			g->names[g->group_of[id]] = process->comm;
		} else if (assign(g, id, id, process->comm)) {
			return -ENOMEM;
		}
	}
	return 0;
}

static int group_by_text(const struct oc_machine *m, struct grouping *g, enum oc_split by)
{
	int rc = 0;

	for (uint32_t id = 1; id <= m->processes.count && !rc; id++) {
		const struct oc_process *process = oc_machine_process(m, id);
		oc_string_id text = by == OC_SPLIT_COMM ? process->comm : process->container;

		rc = assign(g, id, text, text);
	}
	return rc;
}

static int group_all(const struct oc_machine *m, struct grouping *g, enum oc_split by)
{
	bool zero_is_used =
		by == OC_SPLIT_THREAD ? m->samples.without_thread : m->samples.without_process;
	int rc;

	switch (by) {
	case OC_SPLIT_THREAD:
		rc = group_by_thread(m, g);
		break;
	case OC_SPLIT_PROCESS:
		rc = group_by_process(m, g);
		break;
	default:
		rc = group_by_text(m, g, by);
	}
	/* Samples of nobody are a group without a name, if there are any. */
	g->group_of[0] = UINT32_MAX;
	if (!rc && zero_is_used)
		rc = assign(g, 0, 0, 0);
	return rc;
}

int64_t oc_machine_split(const struct oc_machine *m, enum oc_split by, uint32_t **ret_group_of,
			 oc_string_id **ret_names)
{
	size_t nr_ids = by == OC_SPLIT_THREAD ? m->threads.count : m->processes.count;
	struct grouping g = { .group_of = calloc(nr_ids + 1, sizeof(*g.group_of)) };
	int rc = -ENOMEM;

	/* The names are an array that can be freed even when there is no group. */
	if (g.group_of && !array_reserve(&g.names, &g.cap, 1, sizeof(*g.names)))
		rc = group_all(m, &g, by);
	u64_map_done(&g.numbers);
	if (rc) {
		free(g.group_of);
		free(g.names);
		return rc;
	}
	*ret_group_of = g.group_of;
	*ret_names = g.names;
	return (int64_t)g.nr;
}
