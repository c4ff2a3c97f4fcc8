/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One JSON object per sample and line, by time: for jq, DuckDB and scripts.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * Names are escaped once for each location, because samples repeat them.
 */
#include <errno.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/output.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/sample_order.h"

/* JSON strings of a location, joined by commas, in jsonl.texts: its functions, innermost first, and its module as often. */
struct fragment {
	size_t start;
	size_t names_len, modules_len; /* 0 = not there yet */
};

struct jsonl {
	const struct oc_machine *m;
	struct oc_output *out;
	struct buffer line; /* of samples that are not written yet */
	struct buffer texts;
	struct fragment *fragments; /* by location id */
	struct json json;
};

static void put_string(struct json *j, const struct oc_machine *m, oc_string_id id)
{
	size_t len;
	const char *text = oc_machine_string(m, id, &len);

	json_string_len(j, text, len);
}

static void add_string(struct jsonl *l, const char *key, oc_string_id id)
{
	if (!id)
		return;
	json_key(&l->json, key);
	put_string(&l->json, l->m, id);
}

static void add_number(struct jsonl *l, const char *key, uint64_t value)
{
	json_key(&l->json, key);
	json_u64(&l->json, value);
}

/* ---- stacks ------------------------------------------------------------------------------------------------- */

/* Appends a string as JSON, behind a comma unless it is the first. */
static void put_fragment(struct jsonl *l, oc_string_id id, bool is_first)
{
	struct json j;

	if (!is_first)
		buffer_putc(&l->texts, ',');
	json_init(&j, &l->texts);
	put_string(&j, l->m, id);
}

static const struct fragment *fragment_of(struct jsonl *l, oc_location_id id)
{
	const struct oc_location *location = oc_machine_location(l->m, id);
	const struct oc_module *module = oc_machine_module(l->m, location->module);
	struct fragment *f = &l->fragments[id];
	uint32_t nr = MAX(location->nr_lines, 1U);

	if (f->names_len)
		return f;
	f->start = l->texts.len;
	for (uint32_t i = 0; i < nr; i++)
		put_fragment(l, oc_machine_location_name(l->m, id, i), !i);
	f->names_len = l->texts.len - f->start;
	for (uint32_t i = 0; i < nr; i++)
		put_fragment(l, module ? module->path : 0, !i);
	f->modules_len = l->texts.len - f->start - f->names_len;
	return f;
}

/* Names of frames and of their modules, two arrays of one length, leaf first. */
static void add_stack(struct jsonl *l, oc_stack_id stack)
{
	uint32_t nr;
	const oc_location_id *locations = oc_machine_stack(l->m, stack, &nr);

	buffer_puts(&l->line, ",\"stack\":[");
	for (uint32_t i = 0; i < nr; i++) {
		const struct fragment *f = fragment_of(l, locations[i]);

		if (i)
			buffer_putc(&l->line, ',');
		if (!l->texts.error)
			buffer_append(&l->line, l->texts.data + f->start, f->names_len);
	}
	buffer_puts(&l->line, "],\"modules\":[");
	for (uint32_t i = 0; i < nr; i++) {
		const struct fragment *f = fragment_of(l, locations[i]);

		if (i)
			buffer_putc(&l->line, ',');
		if (!l->texts.error)
			buffer_append(&l->line, l->texts.data + f->start + f->names_len,
				      f->modules_len);
	}
	buffer_putc(&l->line, ']');
}

/* ---- samples ------------------------------------------------------------------------------------------------ */

/* A pair, because keys may repeat in a list of attributes and may not in an object. */
static int add_attribute(void *arg, const struct oc_attr *attr)
{
	struct jsonl *l = arg;

	json_array_begin(&l->json);
	put_string(&l->json, l->m, attr->key);
	if (attr->type == OC_ATTR_STRING)
		put_string(&l->json, l->m, (oc_string_id)attr->value);
	else
		json_u64(&l->json, attr->value);
	json_array_end(&l->json);
	return 0;
}

static void add_value(struct jsonl *l, const struct oc_sample *sample)
{
	const struct oc_kind *kind = oc_machine_kind(l->m, sample->kind);
	const struct oc_span *span;

	json_key(&l->json, "kind");
	json_string(&l->json, kind->name);
	add_number(l, "count", sample->count);
	add_number(l, "value", sample_value(l->m, sample));
	if (kind->unit != OC_UNIT_SPAN)
		return;
	span = oc_machine_span(l->m, (oc_span_id)sample->value);
	add_string(l, "span", span ? span->name : 0);
}

static void add_owner(struct jsonl *l, const struct oc_sample *sample)
{
	const struct oc_process *process = oc_machine_process(l->m, sample->process);
	const struct oc_thread *thread = oc_machine_thread(l->m, sample->thread);

	if (process) {
		add_number(l, "pid", process->pid);
		add_string(l, "comm", process->comm);
		add_string(l, "container", process->container);
	}
	if (thread) {
		add_number(l, "tid", thread->tid);
		add_string(l, "thread", thread->name);
	}
}

static int write_sample(void *arg, const struct oc_sample *sample)
{
	struct jsonl *l = arg;

	json_init(&l->json, &l->line);
	json_object_begin(&l->json);
	if (sample->time_ns)
		add_number(l, "time_ns", sample->time_ns);
	add_value(l, sample);
	add_owner(l, sample);
	if (sample->cpu != UINT32_MAX)
		add_number(l, "cpu", sample->cpu);
	if (sample->attrs) {
		json_key(&l->json, "attributes");
		json_array_begin(&l->json);
		if (oc_machine_walk_attrs(l->m, sample->attrs, add_attribute, l))
			return -ENOMEM;
		json_array_end(&l->json);
	}
	add_stack(l, sample->stack);
	json_object_end(&l->json);
	buffer_putc(&l->line, '\n');
	return l->texts.error ? l->texts.error
			      : output_pass_on(l->out, &l->line, OUTPUT_PIECE_BYTES);
}

static int write_jsonl(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct jsonl l = { .m = m, .out = out };
	const struct sample_order order = { .fn = write_sample, .arg = &l };
	int rc = -ENOMEM;

	(void)err; /* nothing fails but memory and the output */
	l.fragments = calloc((size_t)oc_machine_nr_locations(m) + 1, sizeof(*l.fragments));
	if (l.fragments)
		rc = samples_by_time(m, &order);
	if (!rc)
		rc = output_pass_on(out, &l.line, 0);
	buffer_done(&l.line);
	buffer_done(&l.texts);
	free(l.fragments);
	return rc;
}

const struct oc_format oc_format_jsonl = {
	.name = "jsonl",
	.description = "one JSON object per sample and line, for jq, DuckDB and scripts",
	.extensions = (const char *const[]){ ".jsonl", ".ndjson", NULL },
	.write = write_jsonl,
};
