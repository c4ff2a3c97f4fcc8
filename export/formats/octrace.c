/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library's own format: a lossless image of a machine and its ledger, written at once or while it is filled.
 * Called through the format table and through onecollect/octrace.h; described in docs/octrace.md.
 * Must not know how chunks are packed (octrace_chunk.c).
 */
#include <onecollect/octrace.h>

#include <errno.h>

#include <onecollect/stack_counts.h>

#include "base/array.h"
#include "export/formats/formats_private.h"
#include "export/formats/octrace_private.h"
#include "export/machine_private.h"

/* What was written of an aggregated sample: the next sync writes what was added since. */
struct written_part {
	uint64_t count;
	uint64_t value;
};

struct oc_octrace {
	struct octrace_chunks chunks;
	uint32_t done[OCTRACE_NR_TYPES]; /* rows of each table that are in the file */
	uint64_t samples_done;           /* of the machine, in the order of adding */
	struct written_part *parts;      /* [nr_parts], of the first aggregated samples */
	size_t nr_parts;
	size_t cap_parts;
	bool keep_parts;            /* another sync may follow */
	const struct oc_machine *m; /* while samples are written */
	uint64_t last_time_ns;
	uint64_t totals[OC_KINDS_MAX][3]; /* rows, counts, values */
};

/* ---- rows ---- */

typedef void (*put_row)(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id);

static void put_values(struct octrace_chunks *c, const uint64_t *values, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		octrace_column_put(c, i, values[i]);
}

#define PUT(c, ...)                                                        \
	do {                                                               \
		const uint64_t values_[] = { __VA_ARGS__ };                \
		put_values(c, values_, (unsigned int)ARRAY_SIZE(values_)); \
	} while (0)

static void put_string(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	size_t len;
	const char *text = oc_machine_string(m, id, &len);

	octrace_column_put(c, 0, len);
	octrace_column_put_bytes(c, 1, text, len);
	c->elements += (uint32_t)len;
	octrace_row_end(c);
}

static void put_kind(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	const struct oc_kind *kind = oc_machine_kind(m, id);
	size_t len = strlen(kind->name);

	PUT(c, kind->unit, kind->period_ns, len);
	octrace_column_put_bytes(c, 3, kind->name, len);
	c->elements += (uint32_t)len;
	octrace_row_end(c);
}

static void put_process(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	const struct oc_process *p = oc_machine_process(m, id);

	PUT(c, p->pid, p->ns_pid, p->generation, p->parent, p->comm, p->exe, p->container,
	    p->cgroup, p->start_ns, p->end_ns);
	octrace_row_end(c);
}

static void put_thread(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	const struct oc_thread *t = oc_machine_thread(m, id);

	PUT(c, t->process, t->tid, t->ns_tid, t->name);
	octrace_row_end(c);
}

static void put_module(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	const struct oc_module *module = oc_machine_module(m, id);

	PUT(c, module->type, module->deleted, module->path, module->process, module->device,
	    module->inode, module->build_id_size);
	octrace_column_put_bytes(c, 7, module->build_id, module->build_id_size);
	c->elements += module->build_id_size;
	octrace_row_end(c);
}

static void put_symbol_file(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	const struct oc_module *module = oc_machine_module(m, id);

	if (!module->symbol_file)
		return;
	PUT(c, id, module->symbol_file);
	octrace_row_end(c);
}

static void put_mapping(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	const struct oc_mapping *mapping = oc_machine_mapping(m, id);

	PUT(c, mapping->process, mapping->module, mapping->start, mapping->end,
	    mapping->file_offset, mapping->since_ns, mapping->until_ns);
	octrace_row_end(c);
}

static void put_function(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	const struct oc_function *f = oc_machine_function(m, id);

	PUT(c, f->name, f->system_name, f->file, f->start_line, f->module);
	octrace_row_end(c);
}

static void put_location(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	const struct oc_location *location = oc_machine_location(m, id);

	PUT(c, location->module, location->mapping, location->offset, location->address);
	octrace_row_end(c);
}

static void put_lines(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	uint32_t nr;
	const struct oc_line *lines = oc_machine_location_lines(m, id, &nr);

	if (!nr)
		return;
	PUT(c, id, nr);
	for (uint32_t i = 0; i < nr; i++) {
		octrace_column_put(c, 2, lines[i].function);
		octrace_column_put(c, 3, lines[i].line);
	}
	c->elements += nr;
	octrace_row_end(c);
}

static void put_stack(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	uint32_t nr;
	const oc_location_id *locations = oc_machine_stack(m, id, &nr);

	octrace_column_put(c, 0, nr);
	for (uint32_t i = 0; i < nr; i++)
		octrace_column_put(c, 1, locations[i]);
	c->elements += nr;
	octrace_row_end(c);
}

static void put_attrs(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	const struct attrs_entry *entry = stable_array_at(&m->attrs, id - 1);

	PUT(c, entry->parent, entry->nr);
	for (uint32_t i = 0; i < entry->nr; i++) {
		octrace_column_put(c, 2, entry->attrs[i].key);
		octrace_column_put(c, 3, entry->attrs[i].type);
		octrace_column_put(c, 4, entry->attrs[i].value);
	}
	c->elements += entry->nr;
	octrace_row_end(c);
}

static void put_links(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	const struct attrs_entry *entry = stable_array_at(&m->attrs, id - 1);

	for (uint32_t link_id = entry->first_link; link_id;) {
		const struct attrs_link *link = stable_array_at(&m->links, link_id - 1);

		PUT(c, id, link->target);
		octrace_row_end(c);
		link_id = link->next;
	}
}

static void put_span(struct octrace_chunks *c, const struct oc_machine *m, uint32_t id)
{
	const struct oc_span *span = oc_machine_span(m, id);

	PUT(c, span->name, span->start_ns, span->end_ns, span->parent);
	octrace_row_end(c);
}

/* ---- tables ---- */

static uint32_t nr_strings(const struct oc_machine *m)
{
	return m->strings.count;
}

static uint32_t nr_attrs(const struct oc_machine *m)
{
	return m->attrs.count;
}

/* In the order in which rows refer to each other. Rows that come last are complete only in a finished machine. */
static const struct table {
	enum octrace_type type;
	uint32_t (*count)(const struct oc_machine *m);
	put_row put;
	bool comes_last;
} tables[] = {
	{ OCTRACE_STRING, nr_strings, put_string, false },
	{ OCTRACE_KIND, oc_machine_nr_kinds, put_kind, false },
	{ OCTRACE_PROCESS, oc_machine_nr_processes, put_process, false },
	{ OCTRACE_THREAD, oc_machine_nr_threads, put_thread, false },
	{ OCTRACE_MODULE, oc_machine_nr_modules, put_module, false },
	{ OCTRACE_SYMBOL_FILE, oc_machine_nr_modules, put_symbol_file, true },
	{ OCTRACE_MAPPING, oc_machine_nr_mappings, put_mapping, false },
	{ OCTRACE_FUNCTION, oc_machine_nr_functions, put_function, true },
	{ OCTRACE_LOCATION, oc_machine_nr_locations, put_location, false },
	{ OCTRACE_LINES, oc_machine_nr_locations, put_lines, true },
	{ OCTRACE_STACK, oc_machine_nr_stacks, put_stack, false },
	{ OCTRACE_ATTRS, nr_attrs, put_attrs, false },
	{ OCTRACE_LINK, nr_attrs, put_links, true },
	{ OCTRACE_SPAN, oc_machine_nr_spans, put_span, false },
};

/* Writes the new rows of a table; at the end also those again that may have changed since they were written. */
static void write_table(struct oc_octrace *w, const struct oc_machine *m, const struct table *t,
			bool is_end)
{
	const struct octrace_schema *schema = octrace_schema(t->type);
	uint32_t count = t->count(m), first = w->done[t->type] + 1;

	if (t->comes_last && !is_end)
		return;
	if (is_end && schema->may_change)
		first = 1;
	octrace_chunk_begin(&w->chunks, t->type, schema->has_ids ? first : 0);
	for (uint32_t id = first; id && id <= count && !w->chunks.error; id++)
		t->put(&w->chunks, m, id);
	octrace_chunk_end(&w->chunks);
	w->done[t->type] = count;
}

static void write_info(struct oc_octrace *w, const struct oc_machine *m)
{
	const struct oc_recording_info *info = oc_machine_info(m);

	octrace_chunk_begin(&w->chunks, OCTRACE_INFO, 0);
	PUT(&w->chunks, info->start_mono_ns, info->start_wall_ns, info->start_boot_ns,
	    info->end_mono_ns, info->nr_cpus, info->page_size, info->aggregated, info->hostname,
	    info->os, info->command, info->tool);
	octrace_row_end(&w->chunks);
	octrace_chunk_end(&w->chunks);
}

static int put_number(void *arg, const struct octrace_ledger_number *number)
{
	struct octrace_chunks *c = arg;
	uint64_t value = 0;

	switch (number->type) {
	case 'u':
		value = *number->at.u64;
		break;
	case 'd':
		memcpy(&value, number->at.f64, sizeof(value));
		break;
	case 'i':
		value = (uint32_t)*number->at.i32;
		break;
	case 'b':
		value = *number->at.flag;
		break;
	case 'e':
		value = (uint64_t)*number->at.end;
		break;
	}
	if (!value)
		return 0;
	PUT(c, number->item, number->kind, value);
	octrace_row_end(c);
	return 0;
}

static void write_ledger(struct oc_octrace *w, const struct oc_machine *m)
{
	/* The walk hands out places to be filled as well, so it wants a ledger that may be changed; this one is not. */
	struct oc_ledger ledger = m->ledger;

	octrace_chunk_begin(&w->chunks, OCTRACE_LEDGER, 0);
	octrace_each_number(&ledger, put_number, &w->chunks);
	octrace_chunk_end(&w->chunks);
}

static void put_stack_count(struct octrace_chunks *c, oc_process_id process, uint32_t reason,
			    uint64_t count)
{
	if (!count)
		return;
	PUT(c, process, reason, count);
	octrace_row_end(c);
}

static void write_stack_counts(struct oc_octrace *w, const struct oc_machine *m)
{
	octrace_chunk_begin(&w->chunks, OCTRACE_STACK_COUNTS, 0);
	for (oc_process_id id = 1; id <= m->processes.count; id++) {
		const struct oc_stack_counts *counts = oc_machine_stack_counts(m, id);

		if (!counts)
			continue;
		put_stack_count(&w->chunks, id, OCTRACE_COMPLETE, counts->complete);
		for (uint32_t i = 0; i < OC_STACK_COUNT; i++)
			put_stack_count(&w->chunks, id, i, counts->incomplete[i]);
	}
	octrace_chunk_end(&w->chunks);
}

/* ---- samples ---- */

static void put_sample(struct oc_octrace *w, const struct oc_sample *s)
{
	struct octrace_chunks *c = &w->chunks;
	uint64_t *totals = w->totals[s->kind - 1];

	if (!c->rows)
		w->last_time_ns = 0;
	PUT(c, s->time_ns - w->last_time_ns, s->count, s->value, s->kind, s->process, s->thread,
	    s->stack, s->attrs, s->cpu);
	w->last_time_ns = s->time_ns;
	totals[0]++;
	totals[1] += s->count;
	totals[2] += s->value;
	octrace_row_end(c);
}

/* A sample that was not there at the last sync. */
static int put_new_sample(void *arg, const struct oc_sample *sample)
{
	struct oc_octrace *w = arg;

	if (w->keep_parts && sample_is_aggregated(w->m, sample)) {
		if (array_reserve(&w->parts, &w->cap_parts, w->nr_parts + 1, sizeof(*w->parts)))
			return -ENOMEM;
		w->parts[w->nr_parts++] = (struct written_part){ sample->count, sample->value };
	}
	put_sample(w, sample);
	return w->chunks.error;
}

/* What was added to samples that are in the file already, as rows of their own: rows of one sample add up. */
static int put_additions(struct oc_octrace *w)
{
	for (size_t i = 0; i < w->nr_parts && !w->chunks.error; i++) {
		struct written_part *part = &w->parts[i];
		struct oc_sample sample;

		sample_aggregated_at(w->m, (uint32_t)i, &sample);
		if (sample.count == part->count)
			continue;
		sample.count -= part->count;
		sample.value -= part->value;
		part->count += sample.count;
		part->value += sample.value;
		put_sample(w, &sample);
	}
	return w->chunks.error;
}

static int write_samples(struct oc_octrace *w, const struct oc_machine *m, bool is_end)
{
	int rc;

	w->m = m;
	w->keep_parts = !is_end;
	octrace_chunk_begin(&w->chunks, OCTRACE_SAMPLE, 0);
	rc = put_additions(w);
	if (!rc)
		rc = samples_each_from(m, w->samples_done, put_new_sample, w);
	w->samples_done = oc_machine_nr_samples(m);
	if (!rc)
		rc = octrace_chunk_end(&w->chunks);
	w->chunks.error = w->chunks.error ? w->chunks.error : rc;
	return rc;
}

/* ---- layouts ---- */

/* Layout nodes under new numbers: children before parents, in the order of being met. */
struct layout_image {
	struct octrace_chunks *chunks;
	const struct oc_machine *m;
	uint32_t *numbers; /* by node id, 0 = not met */
	uint32_t nr;
};

/* Recursion: the height of a tree, at most 46 (layout.c). Returns the node's number. */
static uint32_t put_node(struct layout_image *image, uint32_t id)
{
	const struct layout_node *node;
	uint32_t left, right;

	if (!id)
		return 0;
	if (image->numbers[id])
		return image->numbers[id];
	node = stable_array_at(&image->m->nodes, id - 1);
	left = put_node(image, node->left);
	right = put_node(image, node->right);
	PUT(image->chunks, node->mapping, left, right);
	octrace_row_end(image->chunks);
	image->numbers[id] = ++image->nr;
	return image->nr;
}

typedef void (*version_fn)(struct layout_image *image, oc_process_id process, uint64_t time_ns,
			   uint32_t root);

static void put_nodes_of_version(struct layout_image *image, oc_process_id process,
				 uint64_t time_ns, uint32_t root)
{
	(void)process;
	(void)time_ns;
	put_node(image, root);
}

static void put_version(struct layout_image *image, oc_process_id process, uint64_t time_ns,
			uint32_t root)
{
	PUT(image->chunks, process, time_ns, image->numbers[root]);
	octrace_row_end(image->chunks);
}

static void each_version(struct layout_image *image, version_fn fn)
{
	for (oc_process_id id = 0; id <= image->m->processes.count; id++) {
		const struct layout *layout =
			id ? &machine_process(image->m, id)->layout : &image->m->kernel_layout;

		if (!layout->first_root && !layout->nr_versions)
			continue;
		fn(image, id, id ? oc_machine_process(image->m, id)->start_ns : 0,
		   layout->first_root);
		for (size_t i = 0; i < layout->nr_versions; i++)
			fn(image, id, layout->versions[i].time_ns, layout->versions[i].root);
	}
}

static void write_layouts(struct oc_octrace *w, const struct oc_machine *m)
{
	struct layout_image image = { .chunks = &w->chunks, .m = m };

	image.numbers = calloc((size_t)m->nodes.count + 1, sizeof(*image.numbers));
	if (!image.numbers) {
		w->chunks.error = w->chunks.error ? w->chunks.error : -ENOMEM;
		return;
	}
	octrace_chunk_begin(&w->chunks, OCTRACE_LAYOUT_NODE, 1);
	each_version(&image, put_nodes_of_version);
	octrace_chunk_end(&w->chunks);
	octrace_chunk_begin(&w->chunks, OCTRACE_LAYOUT_VERSION, 0);
	each_version(&image, put_version);
	octrace_chunk_end(&w->chunks);
	free(image.numbers);
}

/* ---- a file ---- */

int oc_octrace_new(struct oc_output *out, struct oc_octrace **ret_writer)
{
	struct oc_octrace *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	rc = octrace_chunks_init(&w->chunks, out);
	if (rc) {
		oc_octrace_free(w);
		return rc;
	}
	*ret_writer = w;
	return 0;
}

static int write_all(struct oc_octrace *w, const struct oc_machine *m, bool is_end)
{
	size_t nr_chunks = w->chunks.nr_chunks;

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		write_table(w, m, &tables[i], is_end);
	if (is_end) {
		write_layouts(w, m);
		write_stack_counts(w, m);
	}
	write_samples(w, m, is_end);
	/* Facts and ledger do not change but with what they tell of. */
	if (is_end || w->chunks.nr_chunks > nr_chunks) {
		write_info(w, m);
		write_ledger(w, m);
	}
	return w->chunks.error;
}

int oc_octrace_sync(struct oc_octrace *w, const struct oc_machine *m)
{
	int rc = write_all(w, m, false);

	if (!rc)
		rc = oc_output_flush(w->chunks.out);
	w->chunks.error = rc;
	return rc;
}

int oc_octrace_finish(struct oc_octrace *w, const struct oc_machine *m)
{
	int rc = write_all(w, m, true);

	return rc ? rc : octrace_chunks_finish(&w->chunks, w->totals, m->nr_kinds);
}

void oc_octrace_free(struct oc_octrace *w)
{
	if (!w)
		return;
	octrace_chunks_done(&w->chunks);
	free(w->parts);
	free(w);
}

static int write_octrace(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct oc_octrace *w;
	int rc = oc_octrace_new(out, &w);

	if (rc)
		return rc;
	rc = oc_octrace_finish(w, m);
	oc_octrace_free(w);
	if (rc == -EFBIG)
		return oc_error_set(err, rc,
				    "a text or list of the recording is larger than the 64 MiB "
				    "that a chunk of .octrace can hold");
	return rc;
}

const struct oc_format oc_format_octrace = {
	.name = "octrace",
	.description = "all of a recording, to be converted to any format later",
	.extensions = (const char *const[]){ ".octrace", ".data", NULL },
	.write = write_octrace,
};
