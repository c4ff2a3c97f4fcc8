/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Life of an export machine, facts about the recording, and kinds of samples.
 * Called by collectors' sinks and by readers through onecollect/machine.h.
 * Must not know where the data comes from or which formats read it.
 */
#include "export/machine_private.h"

#include <errno.h>

#include "base/macros.h"
#include "base/text.h"
#include "export/origins.h"
#include "export/selection.h"

static void init_arrays(struct oc_machine *m)
{
	stable_array_init(&m->strings, sizeof(struct string_entry), 10);
	stable_array_init(&m->modules, sizeof(struct oc_module), 7);
	stable_array_init(&m->mappings, sizeof(struct oc_mapping), 10);
	stable_array_init(&m->nodes, sizeof(struct layout_node), LAYOUT_NODE_SHIFT);
	stable_array_init(&m->processes, sizeof(struct process_entry), 8);
	stable_array_init(&m->pids, sizeof(struct pid_images), 10);
	stable_array_init(&m->threads, sizeof(struct oc_thread), 10);
	stable_array_init(&m->attrs, sizeof(struct attrs_entry), 8);
	stable_array_init(&m->links, sizeof(struct attrs_link), 8);
	stable_array_init(&m->spans, sizeof(struct oc_span), 8);
	stable_array_init(&m->callstacks, sizeof(struct callstack_entry), 12);
	stable_array_init(&m->locations, sizeof(struct location_entry), 11);
	stable_array_init(&m->stacks, sizeof(struct stack_entry), 12);
	stable_array_init(&m->functions, sizeof(struct oc_function), 10);
	/* A run of lines lies in one chunk, so a chunk must hold the longest run that is allowed. */
	stable_array_init(&m->lines, sizeof(struct oc_line), 12);
	_Static_assert(OC_STACK_FRAMES_MAX <= 1 << 12, "the longest run of lines must fit a chunk");
	stable_array_init(&m->samples.aggregated, sizeof(struct aggregated_sample), 10);
}

struct oc_machine *oc_machine_new(const struct oc_machine_opts *opts)
{
	struct oc_machine_opts defaults = { 0 };
	struct oc_machine *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	/* A caller built against a smaller struct gets defaults for what it does not know. */
	if (opts)
		memcpy(&defaults, opts, MIN(opts->size, sizeof(defaults)));
	init_arrays(m);
	layout_init(&m->kernel_layout, 0, 0);
	/* Addresses of memory are random in each run, which is random enough to keep collisions from being made. */
	m->seed = hash_u64((uintptr_t)m ^ hash_u64((uintptr_t)&defaults));
	m->memory_budget_bytes = defaults.memory_budget_bytes;
	if (spill_init(&m->spill, defaults.spill_dir)) {
		oc_machine_free(m);
		return NULL;
	}
	return m;
}

static void module_index_done(struct module_index *index)
{
	id_table_done(&index->table);
	free(index->modules);
}

void oc_machine_free(struct oc_machine *m)
{
	if (!m)
		return;
	process_free_all(m);
	layout_done(&m->kernel_layout);
	sample_store_done(m);
	selection_free(m->selection);
	origins_free(m->origins);
	spill_done(&m->spill);
	module_index_done(&m->modules_by_build_id);
	module_index_done(&m->modules_by_inode);
	module_index_done(&m->modules_by_path);
	id_table_done(&m->string_index);
	id_table_done(&m->attrs_index);
	id_table_done(&m->callstack_index);
	id_table_done(&m->location_index);
	id_table_done(&m->stack_index);
	id_table_done(&m->function_index);
	u64_map_done(&m->pid_index);
	u64_map_done(&m->thread_index);
	u64_map_done(&m->resolved);
	stable_array_done(&m->strings);
	stable_array_done(&m->modules);
	stable_array_done(&m->mappings);
	stable_array_done(&m->nodes);
	stable_array_done(&m->processes);
	stable_array_done(&m->pids);
	stable_array_done(&m->threads);
	stable_array_done(&m->attrs);
	stable_array_done(&m->links);
	stable_array_done(&m->spans);
	stable_array_done(&m->callstacks);
	stable_array_done(&m->locations);
	stable_array_done(&m->stacks);
	stable_array_done(&m->functions);
	stable_array_done(&m->lines);
	arena_done(&m->content);
	free(m->sample_hooks.hooks);
	free(m->parsed_hooks.hooks);
	free(m->export_hooks.hooks);
	oc_ledger_done(&m->ledger);
	free(m->stack_counts);
	free(m);
}

static size_t module_index_bytes(const struct module_index *index)
{
	return id_table_bytes(&index->table) + index->cap * sizeof(*index->modules);
}

size_t oc_machine_memory(const struct oc_machine *m)
{
	const struct stable_array *const arrays[] = {
		&m->strings,    &m->modules,   &m->mappings, &m->nodes,     &m->processes,
		&m->pids,       &m->threads,   &m->attrs,    &m->links,     &m->spans,
		&m->callstacks, &m->locations, &m->stacks,   &m->functions, &m->lines,
	};
	const struct id_table *const tables[] = {
		&m->string_index,   &m->attrs_index, &m->callstack_index,
		&m->location_index, &m->stack_index, &m->function_index,
	};
	size_t bytes = sizeof(*m) + m->content.bytes + m->layout_bytes + m->pid_bytes;

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++)
		bytes += stable_array_bytes(arrays[i]);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		bytes += id_table_bytes(tables[i]);
	bytes += module_index_bytes(&m->modules_by_build_id);
	bytes += module_index_bytes(&m->modules_by_inode);
	bytes += module_index_bytes(&m->modules_by_path);
	bytes += u64_map_bytes(&m->pid_index) + u64_map_bytes(&m->thread_index);
	bytes += u64_map_bytes(&m->resolved);
	return bytes + sample_store_bytes(m);
}

struct oc_ledger *oc_machine_ledger(struct oc_machine *m)
{
	return &m->ledger;
}

const struct oc_ledger *oc_machine_ledger_const(const struct oc_machine *m)
{
	return &m->ledger;
}

void oc_machine_set_info(struct oc_machine *m, const struct oc_recording_info *info)
{
	m->info = *info;
}

const struct oc_recording_info *oc_machine_info(const struct oc_machine *m)
{
	return &m->info;
}

int64_t oc_machine_add_kind(struct oc_machine *m, const struct oc_kind *kind)
{
	static const char *const units[] = {
		[OC_UNIT_COUNT] = "count", [OC_UNIT_NANOSECONDS] = "nanoseconds",
		[OC_UNIT_BYTES] = "bytes", [OC_UNIT_CYCLES] = "cycles",
		[OC_UNIT_SPAN] = "span",
	};
	size_t len = strnlen(kind->name, sizeof(kind->name));
	struct oc_ledger_kind *row;

	if (!len || len == sizeof(kind->name) || !text_is_clean(kind->name, len) ||
	    (unsigned int)kind->unit >= ARRAY_SIZE(units))
		return -EINVAL;
	for (uint32_t i = 0; i < m->nr_kinds; i++) {
		if (!strcmp(m->kinds[i].name, kind->name))
			return i + 1;
	}
	if (m->nr_kinds == OC_KINDS_MAX)
		return -ENOSPC;
	m->kinds[m->nr_kinds] = *kind;
	row = &m->ledger.kinds[m->nr_kinds];
	memcpy(row->name, kind->name, sizeof(row->name));
	snprintf(row->unit, sizeof(row->unit), "%s", units[kind->unit]);
	row->period_ns = kind->period_ns;
	m->ledger.nr_kinds = ++m->nr_kinds;
	return m->nr_kinds;
}

const struct oc_kind *oc_machine_kind(const struct oc_machine *m, oc_kind_id id)
{
	return id && id <= m->nr_kinds ? &m->kinds[id - 1] : NULL;
}

uint32_t oc_machine_nr_kinds(const struct oc_machine *m)
{
	return m->nr_kinds;
}
