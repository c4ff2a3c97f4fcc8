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
#include "export/machine_private.h"

#include <errno.h>

#include <onecollect/merge.h>
#include <onecollect/stack_counts.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/macros.h"
#include "export/origins.h"

/* A merge under way. Each array is indexed by ids of src and holds ids of dst; entry 0 is 0. */
struct merge {
	struct oc_machine *dst;
	const struct oc_machine *src;
	struct oc_merge_opts opts;
	struct oc_error *err;
	bool is_first;    /* dst has no facts yet */
	uint32_t origin;  /* of src, in dst->origins */
	int64_t shift_ns; /* added to times of src */
	uint32_t *
		marked; /* by attributes of src: those of dst that tell the host as well; 0 = not made yet */
	uint32_t kinds[OC_KINDS_MAX + 1];
	uint32_t *strings;
	uint32_t *processes;
	uint32_t *modules;
	uint32_t *mappings;
	uint32_t *threads;
	uint32_t *functions;
	uint32_t *locations;
	uint32_t *stacks;
	uint32_t *attrs;
	uint32_t first_span;    /* of src in dst, minus 1 */
	uint32_t first_node;    /* likewise */
	uint32_t old_processes; /* of dst, before the merge */
	bool *common; /* by process of src: it is one with a process that dst had; [0] = the kernel */
	bool *taken; /* by process of dst: it is one with a process of src */
};

/* ---- strings, kinds, facts ---- */

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

static const struct oc_kind *kind_named(const struct oc_machine *m, const char *name)
{
	for (uint32_t i = 0; i < m->nr_kinds; i++) {
		if (!strcmp(m->kinds[i].name, name))
			return &m->kinds[i];
	}
	return NULL;
}

/* Samples of one kind are added up, so they must weigh the same. */
static int check_kind(struct merge *g, const struct oc_kind *from, const struct oc_kind *to)
{
	if (from->unit == to->unit && from->period_ns == to->period_ns)
		return 0;
	if (from->unit != to->unit || !from->period_ns || !to->period_ns)
		return oc_error_set(
			g->err, -EINVAL,
			"samples of the kind %s are not of one unit or not taken in one "
			"way, so they cannot be added up",
			from->name);
	return oc_error_set(g->err, -EINVAL,
			    "samples of the kind %s were taken at %.6g Hz and at %.6g Hz, so they "
			    "cannot be added up",
			    from->name, 1e9 / (double)to->period_ns, 1e9 / (double)from->period_ns);
}

/* All or none, so that an error leaves dst as it was. */
static int merge_kinds(struct merge *g)
{
	uint32_t nr_new = 0;

	for (uint32_t i = 0; i < g->src->nr_kinds; i++) {
		const struct oc_kind *have = kind_named(g->dst, g->src->kinds[i].name);
		int rc = have ? check_kind(g, &g->src->kinds[i], have) : 0;

		if (rc)
			return rc;
		nr_new += !have;
	}
	if (g->dst->nr_kinds + nr_new > OC_KINDS_MAX)
		return oc_error_set(g->err, -ENOSPC, "they have more than %d kinds together",
				    OC_KINDS_MAX);
	for (uint32_t i = 0; i < g->src->nr_kinds; i++) {
		int64_t to = oc_machine_add_kind(g->dst, &g->src->kinds[i]);

		if (to < 0)
			return (int)to;
		g->kinds[i + 1] = (uint32_t)to;
	}
	return 0;
}

static uint64_t moved(const struct merge *g, uint64_t time_ns)
{
	return origin_time(g->shift_ns, time_ns);
}

static int find_origin(struct merge *g)
{
	const struct oc_recording_info *to = &g->dst->info;
	int64_t origin;

	g->is_first = !to->start_mono_ns && !to->end_mono_ns && !oc_machine_nr_samples(g->dst);
	origin = origin_of(g->dst, g->src, g->strings[g->src->info.hostname], g->is_first);
	if (origin < 0)
		return (int)origin;
	g->origin = (uint32_t)origin;
	g->shift_ns = g->dst->origins->items[origin].shift_ns;
	return 0;
}

/* The names of both hosts, or of all. Returns 0 or -ENOMEM. */
static int merge_hostname(struct merge *g, oc_string_id hostname)
{
	struct oc_recording_info *to = &g->dst->info;
	const char *have = oc_machine_string(g->dst, to->hostname, NULL);
	const char *name = oc_machine_string(g->dst, hostname, NULL);
	struct buffer all = BUFFER_INIT;
	int64_t id;

	if (!*have || !*name) {
		to->hostname = to->hostname ? to->hostname : hostname;
		return 0;
	}
	for (const char *at = have; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, name, strlen(name)) &&
		    (!at[strlen(name)] || at[strlen(name)] == ','))
			return 0;
	}
	buffer_printf(&all, "%s,%s", have, name);
	id = all.error ? all.error : oc_machine_intern(g->dst, all.data, all.len);
	buffer_done(&all);
	if (id < 0)
		return (int)id;
	to->hostname = (oc_string_id)id;
	return 0;
}

/* The three clocks of the start stay those of one instant, on dst's axis. */
static void begin_earlier(struct oc_recording_info *to, const struct oc_recording_info *from,
			  uint64_t start_mono_ns)
{
	uint64_t earlier_ns = to->start_mono_ns - start_mono_ns;

	to->start_boot_ns -= MIN(to->start_boot_ns, earlier_ns);
	to->start_mono_ns = start_mono_ns;
	to->start_wall_ns = from->start_wall_ns;
}

static int merge_info(struct merge *g)
{
	struct oc_recording_info *to = &g->dst->info;
	struct oc_recording_info from = g->src->info;
	uint64_t start = moved(g, from.start_mono_ns);

	from.hostname = g->strings[from.hostname];
	from.os = g->strings[from.os];
	from.command = g->strings[from.command];
	from.tool = g->strings[from.tool];
	if (g->is_first) {
		*to = from;
		return 0;
	}
	if (start && !to->start_mono_ns) {
		to->start_mono_ns = start;
		to->start_wall_ns = from.start_wall_ns;
		to->start_boot_ns = from.start_boot_ns;
	} else if (start && start < to->start_mono_ns) {
		begin_earlier(to, &from, start);
	}
	to->end_mono_ns = MAX(to->end_mono_ns, moved(g, from.end_mono_ns));
	to->nr_cpus = MAX(to->nr_cpus, from.nr_cpus);
	to->aggregated = to->aggregated || from.aggregated;
	to->page_size = to->page_size ? to->page_size : from.page_size;
	to->os = to->os ? to->os : from.os;
	to->command = to->command ? to->command : from.command;
	to->tool = to->tool ? to->tool : from.tool;
	return merge_hostname(g, from.hostname);
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

		process.start_ns = moved(g, process.start_ns);
		process.end_ns = moved(g, process.end_ns);
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

/* ---- modules, mappings, layouts ---- */

/* Modules that are one only within their host. */
static bool is_of_host(const struct oc_module *module)
{
	return !module->process && (module->type == OC_MODULE_KERNEL || !module->build_id_size);
}

static int merge_modules(struct merge *g)
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
	mapping.since_ns = moved(g, mapping.since_ns);
	mapping.until_ns = moved(g, mapping.until_ns);
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
		to->versions[i].time_ns = moved(g, from->versions[i].time_ns);
		to->versions[i].root = translated_root(g, from->versions[i].root);
	}
	to->nr_versions = from->nr_versions;
	to->first_root = translated_root(g, from->first_root);
	to->root = translated_root(g, from->root);
	to->changed_ns = moved(g, from->changed_ns);
	return 0;
}

static int merge_layouts(struct merge *g)
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

/* ---- code ---- */

static int merge_functions(struct merge *g)
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

static int merge_locations(struct merge *g)
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

static int merge_stacks(struct merge *g)
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
		span.start_ns = moved(g, span.start_ns);
		span.end_ns = moved(g, span.end_ns);
		span.parent += span.parent ? g->first_span : 0;
		to = oc_machine_add_span(g->dst, &span);
		if (to < 0)
			return (int)to;
	}
	return 0;
}

/* ---- samples and ledger ---- */

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
	sample.time_ns = moved(g, from->time_ns);
	sample.kind = g->kinds[from->kind];
	sample.process = g->processes[from->process];
	sample.thread = g->threads[from->thread];
	sample.stack = g->stacks[from->stack];
	sample.attrs = (oc_attrs_id)attrs;
	if (g->src->kinds[from->kind - 1].unit == OC_UNIT_SPAN)
		sample.value += g->first_span;
	return sample_store_add(g->dst, &sample);
}

static void merge_ledger_kind(struct oc_ledger_kind *to, const struct oc_ledger_kind *from)
{
	to->due += from->due;
	to->idle += from->idle;
	to->filtered += from->filtered;
	to->taken += from->taken;
	to->kept += from->kept;
	to->stacks += from->stacks;
	to->complete += from->complete;
	for (size_t i = 0; i < OC_LOSS_COUNT; i++)
		to->lost[i] += from->lost[i];
	for (size_t i = 0; i < OC_STACK_COUNT; i++)
		to->incomplete[i] += from->incomplete[i];
}

static void merge_ledger_self(struct oc_ledger_self *to, const struct oc_ledger_self *from)
{
	to->user_s += from->user_s;
	to->system_s += from->system_s;
	to->has_bpf_time |= from->has_bpf_time;
	to->bpf_ns += from->bpf_ns;
	to->bpf_runs += from->bpf_runs;
	to->kernel_to_user_bytes += from->kernel_to_user_bytes;
	/* Levels and waits are not sums: the worst of both is what was. */
	to->peak_rss_bytes = MAX(to->peak_rss_bytes, from->peak_rss_bytes);
	to->map_bytes = MAX(to->map_bytes, from->map_bytes);
	to->start_ms = MAX(to->start_ms, from->start_ms);
	to->stop_ms = MAX(to->stop_ms, from->stop_ms);
}

static void merge_ledger(struct merge *g)
{
	struct oc_ledger *to = &g->dst->ledger;
	const struct oc_ledger *from = &g->src->ledger;

	to->duration_ns += from->duration_ns;
	for (uint32_t id = 1; id <= g->src->nr_kinds; id++)
		merge_ledger_kind(&to->kinds[g->kinds[id] - 1], &from->kinds[id - 1]);
	/* dst counted what it spilled itself; what src spilled is of no interest here. */
	for (size_t i = 0; i < OC_NOTE_COUNT; i++)
		to->notes[i] += i == OC_NOTE_SPILLED_SAMPLES ? 0 : from->notes[i];
	merge_ledger_self(&to->self, &from->self);
	to->exit_code = MAX(to->exit_code, from->exit_code);
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
		allocate_maps, merge_kinds,   merge_strings, find_origin,     merge_processes,
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
