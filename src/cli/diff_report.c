/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Laying out what changed between two recordings.
 * Called by cmd_diff.c.
 * Must not judge changes itself: the comparison has.
 */
#include "cli/diff_report.h"

#include <errno.h>
#include <math.h>

#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"

/* "100.00%  100.00%  +100.00 ±99.99 *  " */
#define NUMBERS_WIDTH      38u
#define FUNCTION_WIDTH_MIN 20u

/* Which of a function's two changes a table is of. */
enum part { SELF, TOTAL };

static const struct oc_diff_change *change_of(const struct oc_diff_function *f, enum part part)
{
	return part == SELF ? &f->self : &f->total;
}

/* ---- tables ---- */

static int compare(const struct oc_diff_function *x, const struct oc_diff_function *y,
		   enum part part)
{
	const struct oc_diff_change *a = change_of(x, part), *b = change_of(y, part);

	if (a->significant != b->significant)
		return a->significant ? -1 : 1;
	if (fabs(a->change) != fabs(b->change))
		return fabs(a->change) > fabs(b->change) ? -1 : 1;
	/* Functions are sorted already; their order in the array settles ties. */
	return x < y ? -1 : x > y;
}

static int compare_self(const void *a, const void *b)
{
	return compare(*(const struct oc_diff_function *const *)a,
		       *(const struct oc_diff_function *const *)b, SELF);
}

static int compare_total(const void *a, const void *b)
{
	return compare(*(const struct oc_diff_function *const *)a,
		       *(const struct oc_diff_function *const *)b, TOTAL);
}

static void put_row(struct buffer *out, const struct oc_diff_function *f, enum part part,
		    const struct stream *s)
{
	const struct oc_diff_change *c = change_of(f, part);
	enum style style = !c->significant ? STYLE_NONE : c->change > 0 ? STYLE_BAD : STYLE_GOOD;
	unsigned int width = s->width > NUMBERS_WIDTH + FUNCTION_WIDTH_MIN
				     ? s->width - NUMBERS_WIDTH
				     : FUNCTION_WIDTH_MIN;

	buffer_printf(out, "%s%6.2f%%  %6.2f%%  %+7.2f ", style_begin(s, style), 100 * c->share[0],
		      100 * c->share[1], 100 * c->change);
	if (isnan(c->margin))
		buffer_puts(out, "      ");
	else
		buffer_printf(out, "±%5.2f", 100 * c->margin);
	buffer_printf(out, "%s %c  ", style_end(s, style), c->significant ? '*' : ' ');
	text_fit(out, f->name, s->width ? width : 0, false);
	if (f->is_kernel)
		buffer_puts(out, s->width ? "" : " [kernel]");
	buffer_putc(out, '\n');
}

static int put_table(struct buffer *out, const struct oc_diff *d, enum part part,
		     const struct stream *s, uint64_t rows)
{
	uint32_t nr, nr_changed = 0;
	const struct oc_diff_function *functions = oc_diff_functions(d, &nr);
	const struct oc_diff_function **sorted = calloc((size_t)nr + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr; i++) {
		if (change_of(&functions[i], part)->change != 0)
			sorted[nr_changed++] = &functions[i];
	}
	qsort(sorted, nr_changed, sizeof(*sorted), part == SELF ? compare_self : compare_total);
	buffer_printf(out, "%s%s%s\n", style_begin(s, STYLE_BOLD),
		      part == SELF ? "Changes of self" : "Changes of total",
		      style_end(s, STYLE_BOLD));
	buffer_printf(out, "%s%7s  %7s  %15s    function%s\n", style_begin(s, STYLE_DIM), "before",
		      "after", "points", style_end(s, STYLE_DIM));
	for (uint64_t i = 0; i < MIN(rows, (uint64_t)nr_changed); i++)
		put_row(out, sorted[i], part, s);
	free(sorted);
	return 0;
}

static uint32_t count_changed(const struct oc_diff *d)
{
	uint32_t nr, nr_changed = 0;
	const struct oc_diff_function *functions = oc_diff_functions(d, &nr);

	for (uint32_t i = 0; i < nr; i++)
		nr_changed += functions[i].self.significant || functions[i].total.significant;
	return nr_changed;
}

static void put_verdict(struct buffer *out, const struct oc_diff *d, const struct stream *s)
{
	const struct oc_diff_info *info = oc_diff_info(d);
	uint32_t nr = count_changed(d);

	buffer_puts(out, style_begin(s, STYLE_BOLD));
	if (info->method[0] == OC_DIFF_NONE || info->method[1] == OC_DIFF_NONE)
		buffer_puts(out, "Changes cannot be told from chance: amounts without times");
	else if (info->method[0] != OC_DIFF_SLICES || info->method[1] != OC_DIFF_SLICES)
		buffer_puts(
			out,
			"Not judged: counts without times do not tell chance from change; those of "
			"record-trace --timeline and of perf record have times");
	else if (!nr)
		buffer_puts(out, "No significant change at 95 %");
	else
		buffer_printf(out, "%u function%s changed significantly at 95 %% (*)", nr,
			      nr == 1 ? "" : "s");
	buffer_printf(out, "%s\n", style_end(s, STYLE_BOLD));
}

int diff_report_text(struct buffer *out, const struct oc_diff *d, const struct stream *s,
		     uint64_t rows)
{
	int rc;

	rows = rows ? rows : DIFF_REPORT_ROWS;
	put_verdict(out, d, s);
	rc = put_table(out, d, SELF, s, rows);
	if (!rc)
		rc = put_table(out, d, TOTAL, s, rows);
	return rc ? rc : out->error;
}

/* ---- method ---- */

static const char *method_name(enum oc_diff_method method)
{
	static const char *const names[] = {
		[OC_DIFF_SLICES] = "slices",
		[OC_DIFF_THREADS] = "threads",
		[OC_DIFF_ASSUMED] = "assumed",
		[OC_DIFF_NONE] = "none",
	};

	return names[method];
}

static void put_method(struct buffer *out, const struct oc_diff_info *info, unsigned int side)
{
	switch (info->method[side]) {
	case OC_DIFF_SLICES:
		buffer_puts(out, "slices of time");
		break;
	case OC_DIFF_THREADS:
		buffer_puts(out, "threads of one name");
		break;
	case OC_DIFF_ASSUMED:
		buffer_printf(out,
			      "an assumed dispersion of %g (record with --timeline to have it "
			      "measured)",
			      OC_DIFF_ASSUMED_DISPERSION);
		return;
	case OC_DIFF_NONE:
		buffer_puts(out, "nothing");
		return;
	}
	if (!isnan(info->dispersion[side]))
		buffer_printf(out, " (dispersion %.1f)", info->dispersion[side]);
}

void diff_report_method(struct buffer *out, const struct oc_diff *d)
{
	const struct oc_diff_info *info = oc_diff_info(d);

	buffer_puts(out, "intervals rest on ");
	put_method(out, info, 0);
	if (info->method[0] != info->method[1] ||
	    (info->method[0] != OC_DIFF_ASSUMED && info->method[0] != OC_DIFF_NONE)) {
		buffer_puts(out, " before, ");
		put_method(out, info, 1);
		buffer_puts(out, " after");
	}
	buffer_printf(out, "; %u shares were judged", info->nr_tested);
}

/* ---- JSON ---- */

static void json_change(struct json *j, const char *key, const struct oc_diff_change *c)
{
	json_key(j, key);
	json_object_begin(j);
	json_key(j, "count");
	json_array_begin(j);
	json_u64(j, c->count[0]);
	json_u64(j, c->count[1]);
	json_array_end(j);
	json_key(j, "share");
	json_array_begin(j);
	json_double(j, c->share[0]);
	json_double(j, c->share[1]);
	json_array_end(j);
	json_key(j, "change");
	json_double(j, c->change);
	json_key(j, "margin");
	json_double(j, c->margin);
	json_key(j, "p");
	json_double(j, c->p);
	json_key(j, "significant");
	json_bool(j, c->significant);
	json_object_end(j);
}

static void json_side(struct json *j, const struct oc_diff_info *info, const char *file,
		      unsigned int side)
{
	json_object_begin(j);
	json_key(j, "file");
	json_string(j, file);
	json_key(j, "kind");
	json_string(j, info->kind[side]->name);
	json_key(j, "total");
	json_u64(j, info->count[side]);
	json_key(j, "method");
	json_string(j, method_name(info->method[side]));
	json_key(j, "dispersion");
	json_double(j, info->dispersion[side]);
	json_object_end(j);
}

static void json_functions(struct json *j, const struct oc_diff *d, uint64_t rows)
{
	uint32_t nr;
	const struct oc_diff_function *functions = oc_diff_functions(d, &nr);

	json_array_begin(j);
	for (uint64_t i = 0; i < (rows ? MIN(rows, (uint64_t)nr) : nr); i++) {
		json_object_begin(j);
		json_key(j, "name");
		json_string(j, functions[i].name);
		json_key(j, "module");
		json_string(j, functions[i].module);
		json_key(j, "kernel");
		json_bool(j, functions[i].is_kernel);
		json_change(j, "self", &functions[i].self);
		json_change(j, "total", &functions[i].total);
		json_object_end(j);
	}
	json_array_end(j);
}

int diff_report_json(struct buffer *out, const struct oc_diff *d, const char *const *files,
		     uint64_t rows)
{
	const struct oc_diff_info *info = oc_diff_info(d);
	struct json j;

	json_init(&j, out);
	json_object_begin(&j);
	json_key(&j, "recordings");
	json_array_begin(&j);
	for (unsigned int side = 0; side < 2; side++)
		json_side(&j, info, files[side], side);
	json_array_end(&j);
	json_key(&j, "confidence");
	json_double(&j, 0.95);
	json_key(&j, "tested");
	json_u64(&j, info->nr_tested);
	json_key(&j, "significant");
	json_u64(&j, info->nr_significant);
	json_key(&j, "functions");
	json_functions(&j, d, rows);
	json_object_end(&j);
	buffer_putc(out, '\n');
	return out->error;
}
