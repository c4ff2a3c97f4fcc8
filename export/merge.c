/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Merging: everything of one machine is added to another under new ids.
 * Called by whoever joins recordings: of several windows of time, or of several machines.
 * Must not know where either machine came from.
 *
 * A process of both machines is one when host, boot, pid, start time and generation agree. The layouts of all other
 * processes are copied as they are, with all their history; what changed in a common process, or in the common kernel,
 * is done again in dst in the order of time.
 */
#include "export/merge_private.h"

#include <errno.h>

#include <onecollect/stack_counts.h>

#include "base/macros.h"

/* ---- strings ---- */

static int merge_strings(struct merge *g)
{
	for (uint32_t id = 1; id <= g->src->strings.count; id++) {
		size_t len;
		const char *text = oc_machine_string(g->src, id, &len);
		int64_t to = oc_machine_intern(g->dst, text, len);

		if (to < 0)
			return (int)to;
		g->strings[id] = (uint32_t)to;
	}
	return 0;
}

/* ---- processes and threads ---- */

/* The process that dst had already and that is this one, or 0. */
static oc_process_id find_common(const struct merge *g, const struct oc_process *process)
{
	uint32_t nr;
	const oc_process_id *ids = process_images(g->dst, process->pid, &nr);

	for (uint32_t i = 0; i < nr; i++) {
		const struct process_entry *have = machine_process(g->dst, ids[i]);

		if (ids[i] <= g->old_processes && !g->taken[ids[i]] && have->origin == g->origin &&
		    have->pub.start_ns == process->start_ns &&
		    have->pub.generation == process->generation)
			return ids[i];
	}
	return 0;
}

/* Adds what dst did not know about a common process. */
static void complete_process(struct oc_machine *dst, oc_process_id id,
			     const struct oc_process *from)
{
	struct oc_process *to = &machine_process(dst, id)->pub;

	to->ns_pid = to->ns_pid ? to->ns_pid : from->ns_pid;
	to->comm = to->comm ? to->comm : from->comm;
	to->exe = to->exe ? to->exe : from->exe;
	to->container = to->container ? to->container : from->container;
	to->cgroup = to->cgroup ? to->cgroup : from->cgroup;
	to->end_ns = MIN(to->end_ns, from->end_ns);
}

static int merge_processes(struct merge *g)
{
	struct origin *origin = &g->dst->origins->items[g->origin];

	/* The first kernel is dst's own; others are only told of, and nothing is looked up in them any more. */
	g->common[0] = !g->origin;
	for (uint32_t id = 1; id <= g->src->processes.count; id++) {
		struct oc_process process = *oc_machine_process(g->src, id);
		oc_process_id have;
		int64_t to;

		process.start_ns = merge_time(g, process.start_ns);
		process.end_ns = merge_time(g, process.end_ns);
		have = find_common(g, &process);
		to = have;
		process.parent = g->processes[process.parent];
		process.comm = g->strings[process.comm];
		process.exe = g->strings[process.exe];
		process.container = g->strings[process.container];
		process.cgroup = g->strings[process.cgroup];
		if (have) {
			g->common[id] = g->taken[have] = true;
			complete_process(g->dst, have, &process);
		} else {
			to = process_append(g->dst, &process, 0);
			if (to < 0)
				return (int)to;
			machine_process(g->dst, (oc_process_id)to)->origin = g->origin;
		}
		g->processes[id] = (uint32_t)to;
		origin->owner = origin->owner ? origin->owner : (oc_process_id)to;
	}
	return 0;
}

static int merge_stack_counts(struct merge *g)
{
	int rc = 0;

	for (uint32_t id = 1; id <= g->src->processes.count; id++) {
		const struct oc_stack_counts *counts = oc_machine_stack_counts(g->src, id);
		oc_process_id to = g->processes[id];

		if (!counts)
			continue;
		rc = oc_machine_count_stacks(g->dst, to, OC_STACK_COUNT, counts->complete);
		for (uint32_t i = 0; i < OC_STACK_COUNT && !rc; i++)
			rc = oc_machine_count_stacks(g->dst, to, i, counts->incomplete[i]);
		if (rc)
			return rc;
	}
	return 0;
}

static int merge_threads(struct merge *g)
{
	for (uint32_t id = 1; id <= g->src->threads.count; id++) {
		const struct oc_thread *from = oc_machine_thread(g->src, id);
		int64_t to = oc_machine_add_thread(g->dst, g->processes[from->process], from->tid);
		struct oc_thread *thread;

		if (to < 0)
			return (int)to;
		g->threads[id] = (uint32_t)to;
		thread = stable_array_by_id(&g->dst->threads, (uint32_t)to);
		thread->ns_tid = thread->ns_tid ? thread->ns_tid : from->ns_tid;
		thread->name = thread->name ? thread->name : g->strings[from->name];
	}
	return 0;
}

/* ---- attributes and spans ---- */

static int merge_attr_list(struct merge *g, oc_attrs_id id)
{
	const struct attrs_entry *from = stable_array_at(&g->src->attrs, id - 1);
	struct oc_attr *attrs __cleanup(cleanup_free) =
		calloc((size_t)from->nr + 1, sizeof(*attrs));
	int64_t to;

	if (!attrs)
		return -ENOMEM;
	for (uint32_t i = 0; i < from->nr; i++) {
		attrs[i] = from->attrs[i];
		attrs[i].key = g->strings[attrs[i].key];
		if (attrs[i].type == OC_ATTR_STRING)
			attrs[i].value = g->strings[attrs[i].value];
	}
	to = oc_machine_intern_attrs(g->dst, attrs, from->nr, g->attrs[from->parent]);
	if (to < 0)
		return (int)to;
	g->attrs[id] = (uint32_t)to;
	return 0;
}

static int merge_links(struct merge *g, oc_attrs_id id)
{
	const struct attrs_entry *from = stable_array_at(&g->src->attrs, id - 1);
	int rc = 0;

	for (uint32_t link_id = from->first_link; link_id && !rc;) {
		const struct attrs_link *link = stable_array_at(&g->src->links, link_id - 1);

		rc = oc_machine_link_attrs(g->dst, g->attrs[id], g->attrs[link->target]);
		link_id = link->next;
	}
	return rc;
}

static int merge_attrs(struct merge *g)
{
	int rc = 0;

	for (uint32_t id = 1; id <= g->src->attrs.count && !rc; id++)
		rc = merge_attr_list(g, id);
	/* A link may point forward, so links come after all lists. */
	for (uint32_t id = 1; id <= g->src->attrs.count && !rc; id++)
		rc = merge_links(g, id);
	return rc;
}

static int merge_spans(struct merge *g)
{
	g->first_span = g->dst->spans.count;
	for (uint32_t id = 1; id <= g->src->spans.count; id++) {
		struct oc_span span = *oc_machine_span(g->src, id);
		int64_t to;

		span.name = g->strings[span.name];
		span.start_ns = merge_time(g, span.start_ns);
		span.end_ns = merge_time(g, span.end_ns);
		span.parent += span.parent ? g->first_span : 0;
		to = oc_machine_add_span(g->dst, &span);
		if (to < 0)
			return (int)to;
	}
	return 0;
}

/* ---- samples ---- */

static int find_host(void *arg, const struct oc_attr *attr)
{
	const struct merge *g = arg;

	return !strcmp(oc_machine_string(g->src, attr->key, NULL), "host");
}

/* Attributes of src with the host of src besides them. Returns those of dst, or a negative errno value. */
static int64_t mark_host(struct merge *g, oc_attrs_id from)
{
	struct oc_attr host = { .value = g->dst->origins->items[g->origin].hostname };
	int64_t key, marked;
	int known;

	if (g->marked[from])
		return g->marked[from];
	known = from ? oc_machine_walk_attrs(g->src, from, find_host, g) : 0;
	if (known < 0)
		return known;
	key = oc_machine_intern(g->dst, "host", strlen("host"));
	if (key < 0)
		return key;
	host.key = (oc_string_id)key;
	marked = known ? g->attrs[from] : oc_machine_intern_attrs(g->dst, &host, 1, g->attrs[from]);
	if (marked > 0)
		g->marked[from] = (uint32_t)marked;
	return marked;
}

static int merge_sample(void *arg, const struct oc_sample *from)
{
	struct merge *g = arg;
	struct oc_sample sample = *from;
	int64_t attrs = g->attrs[from->attrs];

	if (g->opts.mark_host)
		attrs = mark_host(g, from->attrs);
	if (attrs < 0)
		return (int)attrs;
	sample.time_ns = merge_time(g, from->time_ns);
	sample.kind = g->kinds[from->kind];
	sample.process = g->processes[from->process];
	sample.thread = g->threads[from->thread];
	sample.stack = g->stacks[from->stack];
	sample.attrs = (oc_attrs_id)attrs;
	if (g->src->kinds[from->kind - 1].unit == OC_UNIT_SPAN)
		sample.value += g->first_span;
	return sample_store_add(g->dst, &sample);
}

/* ---- all ---- */

static int allocate_maps(struct merge *g)
{
	const struct {
		uint32_t **map;
		uint32_t nr;
	} maps[] = {
		{ &g->strings, g->src->strings.count },
		{ &g->processes, g->src->processes.count },
		{ &g->modules, g->src->modules.count },
		{ &g->mappings, g->src->mappings.count },
		{ &g->threads, g->src->threads.count },
		{ &g->functions, g->src->functions.count },
		{ &g->locations, g->src->locations.count },
		{ &g->stacks, g->src->stacks.count },
		{ &g->attrs, g->src->attrs.count },
		{ &g->marked, g->src->attrs.count },
	};

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		*maps[i].map = calloc((size_t)maps[i].nr + 1, sizeof(**maps[i].map));
		if (!*maps[i].map)
			return -ENOMEM;
	}
	g->old_processes = g->dst->processes.count;
	g->common = calloc((size_t)g->src->processes.count + 1, sizeof(*g->common));
	g->taken = calloc((size_t)g->old_processes + 1, sizeof(*g->taken));
	return g->common && g->taken ? 0 : -ENOMEM;
}

static void free_maps(struct merge *g)
{
	free(g->strings);
	free(g->processes);
	free(g->modules);
	free(g->mappings);
	free(g->threads);
	free(g->functions);
	free(g->locations);
	free(g->stacks);
	free(g->attrs);
	free(g->marked);
	free(g->common);
	free(g->taken);
}

static int merge_all(struct merge *g)
{
	/* Each step translates with the arrays that the steps before it filled. */
	static int (*const steps[])(struct merge * g) = {
		allocate_maps, merge_kinds,   merge_strings, merge_origin,    merge_processes,
		merge_threads, merge_modules, merge_layouts, merge_functions, merge_locations,
		merge_stacks,  merge_attrs,   merge_spans,   merge_info,
	};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && !rc; i++)
		rc = steps[i](g);
	/* Nobody knows which host several names mean. */
	if (!rc && (!g->dst->origins->items[g->origin].hostname ||
		    strchr(oc_machine_string(g->src, g->src->info.hostname, NULL), ',')))
		g->opts.mark_host = false;
	if (!rc)
		rc = oc_machine_each_sample(g->src, merge_sample, g);
	if (!rc)
		rc = merge_stack_counts(g);
	if (!rc)
		merge_ledger(g);
	return rc;
}

int oc_machine_merge_with(struct oc_machine *dst, const struct oc_machine *src,
			  const struct oc_merge_opts *opts, struct oc_error *err)
{
	struct oc_error own = { 0 };
	struct merge g = { .dst = dst, .src = src, .err = &own };
	int rc;

	if (dst == src || dst->selection)
		return oc_error_set(err, -EINVAL,
				    "a recording can be merged into another one only, of which "
				    "nothing is selected");
	if (opts)
		memcpy(&g.opts, opts, MIN(opts->size, sizeof(g.opts)));
	rc = merge_all(&g);
	free_maps(&g);
	if (rc)
		oc_error_set(err, rc, "%s", own.code ? own.message : strerror(-rc));
	return rc;
}

int oc_machine_merge(struct oc_machine *dst, const struct oc_machine *src)
{
	return oc_machine_merge_with(dst, src, NULL, NULL);
}
