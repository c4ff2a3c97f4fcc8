/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Adding up samples by process, thread, module or kind, and laying out the sums.
 * Called by cmd_report.c.
 * Must not know names of functions: graphs do.
 */
#include "cli/breakdown_report.h"

#include <errno.h>
#include <inttypes.h>

#include <onecollect/filter.h>
#include <onecollect/graph.h>

#include "base/macros.h"

#define ROWS_DEFAULT 20u
#define COMM_WIDTH   16u
#define WEIGHT_WIDTH 10u

/* One process, thread, module or kind; id 0 = unknown, of modules: no stack. */
struct row {
	uint32_t id;
	uint64_t total;
	uint64_t self; /* of modules: it is the leaf's; of kinds: samples; else as total */
};

struct breakdown {
	const struct oc_machine *m;
	enum report_by by;
	oc_kind_id kind;  /* 0 = all */
	struct row *rows; /* by id while counting, then heaviest first */
	uint32_t nr;
	uint64_t *by_stack; /* by module: first counted by stack */
	uint64_t whole;
	enum oc_unit unit;
};

static bool has_two_numbers(const struct breakdown *b)
{
	return b->by == BY_MODULE || b->by == BY_KIND;
}

/* ---- counting ---- */

static uint32_t nr_ids(const struct breakdown *b)
{
	switch (b->by) {
	case BY_PROCESS:
		return oc_machine_nr_processes(b->m);
	case BY_THREAD:
		return oc_machine_nr_threads(b->m);
	case BY_MODULE:
		return oc_machine_nr_modules(b->m);
	default:
		return oc_machine_nr_kinds(b->m);
	}
}

static int count_sample(void *arg, const struct oc_sample *sample)
{
	struct breakdown *b = arg;
	uint64_t weight;

	if (b->kind && sample->kind != b->kind)
		return 0;
	weight = oc_sample_weight(b->m, sample);
	b->whole += weight;
	switch (b->by) {
	case BY_PROCESS:
		b->rows[sample->process].total += weight;
		break;
	case BY_THREAD:
		b->rows[sample->thread].total += weight;
		break;
	case BY_MODULE:
		b->by_stack[sample->stack] += weight;
		break;
	default:
		b->rows[sample->kind].self += sample->count;
		b->rows[sample->kind].total += weight;
	}
	return 0;
}

/* Each module that a stack goes through counts once. last[id]: the stack that counted last, plus 1. */
static void count_stack(struct breakdown *b, oc_stack_id stack, uint32_t *last)
{
	uint32_t nr;
	const oc_location_id *locations = oc_machine_stack(b->m, stack, &nr);
	uint64_t count = b->by_stack[stack];

	if (!nr) {
		b->rows[0].self += count;
		b->rows[0].total += count;
	}
	for (uint32_t i = 0; i < nr; i++) {
		oc_module_id module = oc_machine_location(b->m, locations[i])->module;

		b->rows[module].self += i ? 0 : count;
		if (last[module] != stack)
			b->rows[module].total += count;
		last[module] = stack;
	}
}

static int count_modules(struct breakdown *b)
{
	uint32_t *last = calloc((size_t)b->nr, sizeof(*last));

	if (!last)
		return -ENOMEM;
	for (oc_stack_id stack = 0; stack <= oc_machine_nr_stacks(b->m); stack++) {
		if (b->by_stack[stack])
			count_stack(b, stack, last);
	}
	free(last);
	return 0;
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->self != y->self)
		return x->self < y->self ? 1 : -1;
	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Counts, and leaves the rows that have anything, heaviest first. */
static int count_all(struct breakdown *b)
{
	uint32_t nr_rows = 0;
	int rc;

	b->nr = nr_ids(b) + 1;
	b->rows = calloc(b->nr, sizeof(*b->rows));
	b->by_stack = calloc((size_t)oc_machine_nr_stacks(b->m) + 1, sizeof(*b->by_stack));
	if (!b->rows || !b->by_stack)
		return -ENOMEM;
	rc = oc_machine_each_sample(b->m, count_sample, b);
	if (!rc && b->by == BY_MODULE)
		rc = count_modules(b);
	if (rc)
		return rc;
	for (uint32_t id = 0; id < b->nr; id++) {
		struct row row = b->rows[id];

		if (!row.total)
			continue;
		row.id = id;
		row.self = has_two_numbers(b) ? row.self : row.total;
		b->rows[nr_rows++] = row;
	}
	b->nr = nr_rows;
	qsort(b->rows, b->nr, sizeof(*b->rows), compare_rows);
	return 0;
}

/* ---- names ---- */

static const char *text_of(const struct breakdown *b, oc_string_id id, const char *otherwise)
{
	return id ? oc_machine_string(b->m, id, NULL) : otherwise;
}

static const char *comm_of(const struct breakdown *b, const struct oc_process *process)
{
	return text_of(b, process ? process->comm : 0, "[unknown]");
}

/* Until a thread names itself it bears its process's name. */
static const char *thread_name(const struct breakdown *b, const struct oc_thread *thread,
			       const struct oc_process *process)
{
	return thread && thread->name ? text_of(b, thread->name, "") : comm_of(b, process);
}

static const char *module_path(const struct breakdown *b, oc_module_id id)
{
	const struct oc_module *module = oc_machine_module(b->m, id);

	return module ? text_of(b, module->path, "[unknown]") : "[no stack]";
}

/* ---- text ---- */

static void put_number(struct buffer *out, const uint32_t *number)
{
	if (number)
		buffer_printf(out, "%8" PRIu32 "  ", *number);
	else
		buffer_printf(out, "%8s  ", "-");
}

static void put_process(struct buffer *out, const struct breakdown *b, const struct row *row)
{
	const struct oc_process *process = oc_machine_process(b->m, row->id);

	put_number(out, process ? &process->pid : NULL);
	buffer_puts(out, comm_of(b, process));
}

static void put_thread(struct buffer *out, const struct breakdown *b, const struct row *row)
{
	const struct oc_thread *thread = oc_machine_thread(b->m, row->id);
	const struct oc_process *process =
		thread ? oc_machine_process(b->m, thread->process) : NULL;

	put_number(out, thread ? &thread->tid : NULL);
	text_fit(out, thread_name(b, thread, process), COMM_WIDTH, true);
	buffer_puts(out, "  ");
	put_number(out, process ? &process->pid : NULL);
	buffer_puts(out, comm_of(b, process));
}

static void put_module(struct buffer *out, const struct breakdown *b, const struct row *row)
{
	buffer_printf(out, "%5.1f%% ", report_percent(row->total, b->whole));
	report_weight(out, b->unit, row->total, WEIGHT_WIDTH);
	buffer_printf(out, "  %s", module_path(b, row->id));
}

static void put_kind(struct buffer *out, const struct breakdown *b, const struct row *row)
{
	const struct oc_kind *kind = oc_machine_kind(b->m, row->id);

	report_weight(out, oc_kind_weight_unit(kind), row->total, WEIGHT_WIDTH);
	buffer_printf(out, "  %s", kind->name);
}

static const struct {
	const char *title;
	const char *columns;
	void (*put)(struct buffer *out, const struct breakdown *b, const struct row *row);
} tables[] = {
	[BY_PROCESS] = { "Samples by process", "             total       pid  command",
			 put_process },
	[BY_THREAD] = { "Samples by thread",
			"             total       tid  thread                 pid  command",
			put_thread },
	[BY_MODULE] = { "Samples by module", "              self              total  module",
			put_module },
	[BY_KIND] = { "Samples by kind", "   samples       total  kind", put_kind },
};

/* Weights of one kind are no share of those of others, so kinds show their samples. */
static void put_first(struct buffer *out, const struct breakdown *b, const struct row *row)
{
	if (b->by != BY_KIND)
		buffer_printf(out, "%5.1f%% ", report_percent(row->self, b->whole));
	report_weight(out, b->unit, row->self, WEIGHT_WIDTH);
	buffer_puts(out, "  ");
}

static int put_table(struct buffer *out, const struct breakdown *b, const struct stream *s,
		     uint32_t nr)
{
	struct buffer line = BUFFER_INIT;

	report_head(out, s, tables[b->by].title, tables[b->by].columns);
	for (uint32_t i = 0; i < nr; i++) {
		buffer_clear(&line);
		put_first(&line, b, &b->rows[i]);
		tables[b->by].put(&line, b, &b->rows[i]);
		if (line.error)
			break;
		report_last_cell(out, s, line.data, s->width);
	}
	if (nr < b->nr)
		buffer_printf(out, "%" PRIu32 " more rows are left out; --limit shows more\n",
			      b->nr - nr);
	out->error = out->error ? out->error : line.error;
	buffer_done(&line);
	return out->error;
}

/* ---- JSON ---- */

static void json_text(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_string(j, text);
}

static void json_number(struct json *j, const char *key, uint64_t number)
{
	json_key(j, key);
	json_u64(j, number);
}

static void json_process(struct json *j, const struct breakdown *b,
			 const struct oc_process *process)
{
	if (process)
		json_number(j, "pid", process->pid);
	json_text(j, "comm", comm_of(b, process));
}

static void json_thread(struct json *j, const struct breakdown *b, oc_thread_id id)
{
	const struct oc_thread *thread = oc_machine_thread(b->m, id);
	const struct oc_process *process =
		thread ? oc_machine_process(b->m, thread->process) : NULL;

	if (thread)
		json_number(j, "tid", thread->tid);
	json_text(j, "thread", thread_name(b, thread, process));
	json_process(j, b, process);
}

static void json_row(struct json *j, const struct breakdown *b, const struct row *row)
{
	json_object_begin(j);
	if (b->by == BY_PROCESS)
		json_process(j, b, oc_machine_process(b->m, row->id));
	else if (b->by == BY_THREAD)
		json_thread(j, b, row->id);
	else if (b->by == BY_MODULE)
		json_text(j, "module", module_path(b, row->id));
	else
		json_text(j, "kind", oc_machine_kind(b->m, row->id)->name);
	if (b->by == BY_KIND)
		json_text(j, "unit",
			  oc_weight_unit_name(oc_kind_weight_unit(oc_machine_kind(b->m, row->id))));
	if (has_two_numbers(b))
		json_number(j, b->by == BY_KIND ? "samples" : "self", row->self);
	json_number(j, "total", row->total);
	json_object_end(j);
}

static int put_json(struct buffer *out, const struct breakdown *b, uint32_t nr)
{
	static const char *const keys[] = {
		[BY_PROCESS] = "processes",
		[BY_THREAD] = "threads",
		[BY_MODULE] = "modules",
		[BY_KIND] = "kinds",
	};
	struct json j;

	report_json_begin(&j, out, oc_machine_kind(b->m, b->kind), b->whole);
	json_key(&j, keys[b->by]);
	json_array_begin(&j);
	for (uint32_t i = 0; i < nr; i++)
		json_row(&j, b, &b->rows[i]);
	json_array_end(&j);
	return report_json_end(&j, b->m);
}

/* ---- all ---- */

/* Takes out the rows that are too small; returns how many of the others are shown. */
static uint32_t apply_limits(struct breakdown *b, const struct options *o)
{
	const struct report_limits limits = { .rows = o->row_limit, .min_percent = o->min_percent };
	uint64_t most = limits.rows ? limits.rows : o->json ? b->nr : ROWS_DEFAULT;
	uint32_t nr = 0;

	for (uint32_t i = 0; i < b->nr; i++) {
		if (b->by == BY_KIND || !report_leaves_out(&limits, 0, b->rows[i].total, b->whole))
			b->rows[nr++] = b->rows[i];
	}
	b->nr = nr;
	return (uint32_t)MIN(most, (uint64_t)nr);
}

int breakdown_report(struct buffer *out, const struct oc_machine *m, const struct options *o,
		     const struct stream *s)
{
	struct breakdown b = { .m = m, .by = (enum report_by)o->view_by };
	uint32_t nr;
	int rc;

	b.kind = b.by == BY_KIND ? 0 : oc_machine_shown_kind(m);
	b.unit = b.kind ? oc_kind_weight_unit(oc_machine_kind(m, b.kind)) : OC_UNIT_COUNT;
	rc = count_all(&b);
	if (!rc) {
		nr = apply_limits(&b, o);
		rc = o->json ? put_json(out, &b, nr) : put_table(out, &b, s, nr);
	}
	free(b.rows);
	free(b.by_stack);
	return rc;
}
