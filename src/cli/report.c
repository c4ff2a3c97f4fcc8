/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Laying out the hottest functions as two tables.
 * Called by answer.c and cmd_report.c.
 * Must not count samples itself: the graph does.
 */
#include "cli/report.h"

#include <errno.h>
#include <inttypes.h>

#include <onecollect/graph.h>

#include "base/human.h"
#include "base/macros.h"
#include "base/text.h"

#define REPORT_ROWS 12
/* "100.0%" and a count of eight digits, twice, with blanks. */
#define WEIGHT_WIDTH       8u
#define NUMBERS_WIDTH      34u
#define FUNCTION_WIDTH_MIN 20u
#define MODULE_WIDTH       18u
/* Where the module column begins at most when nothing limits the width; longer names push it aside. */
#define FUNCTION_WIDTH_ALIGNED 60u

struct layout {
	const struct oc_machine *machine;
	const struct oc_graph *graph;
	const struct stream *stream;
	const struct report_limits *limits;
	uint64_t total;
	unsigned int function_width;
	bool with_module;
};

/* ---- shared with other reports ---- */

bool report_leaves_out(const struct report_limits *limits, double otherwise, uint64_t part,
		       uint64_t whole)
{
	double least = limits->min_percent < 0 ? otherwise : limits->min_percent;

	return report_percent(part, whole) < least;
}

void report_json_begin(struct json *j, struct buffer *out, const struct oc_kind *kind,
		       uint64_t total)
{
	json_init(j, out);
	json_object_begin(j);
	json_key(j, "version");
	json_u64(j, 1);
	json_key(j, "kind");
	json_string(j, kind ? kind->name : "");
	json_key(j, "unit");
	json_string(j, oc_weight_unit_name(kind ? oc_kind_weight_unit(kind) : OC_UNIT_COUNT));
	json_key(j, "total");
	json_u64(j, total);
}

int report_json_end(struct json *j, const struct oc_machine *m)
{
	char *ledger __cleanup(cleanup_free) = NULL;
	int rc = oc_ledger_json(oc_machine_ledger_const(m), &ledger);

	if (rc)
		return rc;
	json_key(j, "ledger");
	/* It is JSON already. */
	buffer_puts(j->out, ledger);
	json_object_end(j);
	buffer_putc(j->out, '\n');
	return j->out->error;
}

void report_weight(struct buffer *out, enum oc_unit unit, uint64_t weight, unsigned int width)
{
	struct buffer text = BUFFER_INIT;

	if (unit == OC_UNIT_COUNT || unit == OC_UNIT_CYCLES)
		buffer_printf(&text, "%" PRIu64, weight);
	else
		human_weight(&text, unit, weight);
	if (text.error)
		out->error = text.error;
	else
		buffer_printf(out, "%*s", (int)width, text.data);
	buffer_done(&text);
}

static void head_line(struct buffer *out, const struct stream *s, enum style style,
		      const char *text)
{
	buffer_puts(out, style_begin(s, style));
	text_fit(out, text, s->width, false);
	buffer_printf(out, "%s\n", style_end(s, style));
}

void report_head(struct buffer *out, const struct stream *s, const char *title, const char *columns)
{
	head_line(out, s, STYLE_BOLD, title);
	head_line(out, s, STYLE_DIM, columns);
}

void report_last_cell(struct buffer *out, const struct stream *s, const char *text,
		      unsigned int room)
{
	text_fit(out, text, s->width ? room : 0, false);
	buffer_putc(out, '\n');
}

/* ---- the hottest functions ---- */

/* Fills a column; what does not fit is cut on a terminal and kept anywhere else. */
static void cell(struct buffer *out, const struct layout *l, const char *text, unsigned int width,
		 bool pad)
{
	if (l->stream->width || text_columns(text) <= width)
		text_fit(out, text, width, pad);
	else
		buffer_puts(out, text);
}

/* Which kind the tables are of, where there are others. */
static void put_kind(struct buffer *out, const struct layout *l)
{
	const struct oc_ledger *ledger = oc_machine_ledger_const(l->machine);
	uint32_t nr = 0;

	for (uint32_t i = 0; i < ledger->nr_kinds; i++)
		nr += ledger->kinds[i].kept > 0;
	if (nr > 1)
		buffer_printf(out, ", of %s; --kind shows others", oc_graph_kind(l->graph)->name);
}

static void header(struct buffer *out, const struct layout *l, const char *title)
{
	buffer_printf(out, "%s%s", style_begin(l->stream, STYLE_BOLD), title);
	put_kind(out, l);
	buffer_printf(out, "%s\n", style_end(l->stream, STYLE_BOLD));
	buffer_printf(out, "%s%15s  %15s  ", style_begin(l->stream, STYLE_DIM), "self", "total");
	cell(out, l, "function", l->function_width, l->with_module);
	buffer_printf(out, "%s%s\n", l->with_module ? "  module" : "",
		      style_end(l->stream, STYLE_DIM));
}

/* What the column of modules says of a function. */
static const char *module_of(const struct layout *l, const struct oc_graph_function *f)
{
	return f->nr_modules > 1 ? "several modules"
				 : text_base_name(oc_machine_string(l->machine, f->module, NULL));
}

static void row(struct buffer *out, const struct layout *l, const struct oc_graph_function *f)
{
	const char *module = l->with_module ? module_of(l, f) : "";

	buffer_printf(out, "%5.1f%% ", report_percent(f->self, l->total));
	report_weight(out, oc_graph_unit(l->graph), f->self, WEIGHT_WIDTH);
	buffer_printf(out, "  %5.1f%% ", report_percent(f->total, l->total));
	report_weight(out, oc_graph_unit(l->graph), f->total, WEIGHT_WIDTH);
	buffer_puts(out, "  ");
	cell(out, l, oc_graph_name(l->graph, f->name, NULL), l->function_width, *module);
	if (*module) {
		buffer_puts(out, "  ");
		cell(out, l, module, MODULE_WIDTH, false);
	}
	buffer_putc(out, '\n');
}

/* The columns get what their widest text needs, within what the terminal has; a narrow one shows no modules. */
static void lay_out(struct layout *l, const struct oc_graph_function *const *rows, size_t nr)
{
	unsigned int width = l->stream->width;
	unsigned int taken = NUMBERS_WIDTH;
	unsigned int room = FUNCTION_WIDTH_ALIGNED;

	l->with_module = !width || width >= NUMBERS_WIDTH + FUNCTION_WIDTH_MIN + 2 + MODULE_WIDTH;
	if (l->with_module)
		taken += 2 + MODULE_WIDTH;
	if (width)
		room = width > taken + FUNCTION_WIDTH_MIN ? width - taken : FUNCTION_WIDTH_MIN;
	l->function_width = FUNCTION_WIDTH_MIN;
	for (size_t i = 0; i < nr; i++) {
		unsigned int columns = text_columns(oc_graph_name(l->graph, rows[i]->name, NULL));

		l->function_width = MAX(l->function_width, MIN(columns, room));
	}
}

static int compare_totals(const void *a, const void *b)
{
	const struct oc_graph_function *x = *(const struct oc_graph_function *const *)a;
	const struct oc_graph_function *y = *(const struct oc_graph_function *const *)b;

	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	/* Functions are sorted already; their order in the array settles ties. */
	return x < y ? -1 : x > y;
}

static void table(struct buffer *out, struct layout *l, const char *title,
		  const struct oc_graph_function *const *rows, size_t nr)
{
	lay_out(l, rows, nr);
	header(out, l, title);
	for (size_t i = 0; i < nr; i++)
		row(out, l, rows[i]);
}

/* How many of rows[nr], of which the limits may leave out the last ones, are shown. */
static size_t nr_shown(const struct layout *l, const struct oc_graph_function *const *rows,
		       size_t nr, bool by_self)
{
	size_t shown = MIN(nr, l->limits->rows ? l->limits->rows : REPORT_ROWS);

	while (shown && report_leaves_out(l->limits, 0,
					  by_self ? rows[shown - 1]->self : rows[shown - 1]->total,
					  l->total))
		shown--;
	return shown;
}

static int tables(struct buffer *out, struct layout *l)
{
	uint32_t nr = 0;
	const struct oc_graph_function *functions = oc_graph_functions(l->graph, &nr);
	const struct oc_graph_function **rows = calloc(nr ? nr : 1, sizeof(*rows));
	size_t nr_self = 0;

	if (!rows)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr; i++) {
		rows[i] = &functions[i];
		nr_self += functions[i].self > 0;
	}
	table(out, l, "Hottest functions by self", rows, nr_shown(l, rows, nr_self, true));
	qsort(rows, nr, sizeof(*rows), compare_totals);
	buffer_putc(out, '\n');
	table(out, l, "Hottest functions by total (with what they call)", rows,
	      nr_shown(l, rows, nr, false));
	free(rows);
	return out->error;
}

int report_text(struct buffer *out, const struct oc_machine *m, const struct stream *s,
		const struct report_limits *limits)
{
	struct layout l = { .machine = m, .stream = s, .limits = limits };
	struct oc_graph *g = NULL;
	uint32_t nr_nodes = 0;
	int rc = oc_graph_new(m, NULL, &g);

	/* A recording that kept no sample may have no kind either. */
	if (rc)
		return rc == -EINVAL ? 0 : rc;
	l.graph = g;
	l.total = oc_graph_nodes(g, &nr_nodes)[0].total;
	if (l.total)
		rc = tables(out, &l);
	oc_graph_free(g);
	return rc;
}

static void json_functions(struct json *j, const struct oc_machine *m, const struct oc_graph *g,
			   const struct report_limits *limits)
{
	uint32_t nr = 0, nr_nodes, nr_written = 0;
	const struct oc_graph_function *functions = g ? oc_graph_functions(g, &nr) : NULL;
	uint64_t total = g ? oc_graph_nodes(g, &nr_nodes)[0].total : 0;

	json_key(j, "functions");
	json_array_begin(j);
	for (uint32_t i = 0; i < nr && (!limits->rows || nr_written < limits->rows); i++) {
		if (report_leaves_out(limits, 0, functions[i].total, total))
			continue;
		nr_written++;
		json_object_begin(j);
		json_key(j, "name");
		json_string(j, oc_graph_name(g, functions[i].name, NULL));
		json_key(j, "module");
		json_string(j, oc_machine_string(m, functions[i].module, NULL));
		json_key(j, "modules");
		json_u64(j, functions[i].nr_modules);
		json_key(j, "self");
		json_u64(j, functions[i].self);
		json_key(j, "total");
		json_u64(j, functions[i].total);
		json_object_end(j);
	}
	json_array_end(j);
}

int report_json(struct buffer *out, const struct oc_machine *m, const struct report_limits *limits)
{
	struct oc_graph *g = NULL;
	struct json j;
	uint32_t nr;
	int rc = oc_graph_new(m, NULL, &g);

	/* A recording that kept no sample may have no kind either. */
	if (rc && rc != -EINVAL)
		return rc;
	report_json_begin(&j, out, g ? oc_graph_kind(g) : NULL,
			  g ? oc_graph_nodes(g, &nr)[0].total : 0);
	json_functions(&j, m, g, limits);
	rc = report_json_end(&j, m);
	oc_graph_free(g);
	return rc;
}
