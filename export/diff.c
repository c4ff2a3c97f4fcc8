/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Comparing two recordings: which kinds, which functions, in which order.
 * Called by the command line and by library users.
 * Must not know how a comparison is shown.
 */
#include <onecollect/diff.h>

#include <errno.h>
#include <math.h>

#include <onecollect/filter.h>

#include "base/macros.h"
#include "export/diff_private.h"

/* ---- kinds ---- */

static const struct oc_kind *kind_by_name(const struct oc_machine *m, const char *name,
					  oc_kind_id *ret_id)
{
	for (oc_kind_id id = 1; id <= oc_machine_nr_kinds(m); id++) {
		const struct oc_kind *kind = oc_machine_kind(m, id);

		if (strcmp(kind->name, name))
			continue;
		*ret_id = id;
		return kind;
	}
	return NULL;
}

/* Formats that do not say what they count call it samples; it can be compared with anything. */
static bool is_unnamed(const struct oc_kind *kind)
{
	return !strcmp(kind->name, "samples") || !strcmp(kind->name, "weight_thousandths");
}

static int choose_named(struct oc_diff *d, const char *name, struct oc_error *err)
{
	for (unsigned int i = 0; i < NR_SIDES; i++) {
		d->info.kind[i] = kind_by_name(d->sides[i].m, name, &d->sides[i].kind);
		if (!d->info.kind[i])
			return oc_error_set(err, -EINVAL,
					    "the %s recording has no samples of kind '%s'",
					    i ? "second" : "first", name);
	}
	return 0;
}

static int choose_kinds(struct oc_diff *d, const char *name, struct oc_error *err)
{
	struct diff_side *a = &d->sides[0], *b = &d->sides[1];

	if (name)
		return choose_named(d, name, err);
	for (unsigned int i = 0; i < NR_SIDES; i++) {
		if (!oc_machine_nr_kinds(d->sides[i].m))
			return oc_error_set(err, -EINVAL, "the %s recording has no samples",
					    i ? "second" : "first");
	}
	a->kind = oc_machine_shown_kind(a->m);
	b->kind = oc_machine_shown_kind(b->m);
	d->info.kind[0] = oc_machine_kind(a->m, a->kind);
	d->info.kind[1] = kind_by_name(b->m, d->info.kind[0]->name, &b->kind);
	if (d->info.kind[1])
		return 0;
	d->info.kind[1] = oc_machine_kind(b->m, b->kind);
	if (is_unnamed(d->info.kind[0]) || is_unnamed(d->info.kind[1]))
		return 0;
	return oc_error_set(err, -EINVAL,
			    "the first recording counts '%s', the second '%s'; only recordings of "
			    "the same kind can be compared",
			    d->info.kind[0]->name, d->info.kind[1]->name);
}

/* ---- functions ---- */

static void fill_change(const struct oc_diff *d, const struct diff_sums *sums,
			struct oc_diff_change *c)
{
	for (unsigned int i = 0; i < NR_SIDES; i++) {
		c->count[i] = sums[i].count;
		c->share[i] = (double)sums[i].count / (double)d->info.count[i];
	}
	c->change = c->share[1] - c->share[0];
}

static double larger_share(const struct oc_diff_change *c)
{
	return MAX(c->share[0], c->share[1]);
}

static int compare_functions(const void *a, const void *b)
{
	const struct oc_diff_function *x = a, *y = b;
	bool x_is = x->self.significant || x->total.significant;
	bool y_is = y->self.significant || y->total.significant;
	/* Among those that changed, and among those that did not, the largest change is first. */
	const double keys[][2] = {
		{ fabs(x->self.change), fabs(y->self.change) },
		{ fabs(x->total.change), fabs(y->total.change) },
		{ larger_share(&x->total), larger_share(&y->total) },
	};
	int order;

	if (x_is != y_is)
		return x_is ? -1 : 1;
	if (x->self.significant != y->self.significant)
		return x->self.significant ? -1 : 1;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i][0] != keys[i][1])
			return keys[i][0] > keys[i][1] ? -1 : 1;
	}
	order = strcmp(x->name, y->name);
	return order ? order : (int)x->is_kernel - (int)y->is_kernel;
}

static int list_functions(struct oc_diff *d)
{
	size_t nr = diff_nr_symbols(d);
	const struct diff_symbol **symbols = calloc(nr + 1, sizeof(*symbols));
	int rc;

	d->functions = calloc(nr + 1, sizeof(*d->functions));
	if (!symbols || !d->functions) {
		free(symbols);
		return -ENOMEM;
	}
	for (size_t i = 0; i < nr; i++) {
		const struct diff_symbol *s = &d->symbols[i];
		struct oc_diff_function *f = &d->functions[d->nr_functions];

		if (s->class == DIFF_GROUP)
			continue;
		*f = (struct oc_diff_function){ .name = s->name,
						.module = s->module ? s->module : "",
						.is_kernel = s->class == DIFF_KERNEL };
		fill_change(d, s->self, &f->self);
		fill_change(d, s->total, &f->total);
		symbols[d->nr_functions++] = s;
	}
	rc = diff_judge(d, symbols);
	free(symbols);
	if (!rc)
		qsort(d->functions, d->nr_functions, sizeof(*d->functions), compare_functions);
	return rc;
}

/* ---- life ---- */

static int side_init(struct diff_side *s, const struct oc_machine *m)
{
	s->m = m;
	s->first_frame = calloc((size_t)oc_machine_nr_locations(m) + 1, sizeof(*s->first_frame));
	s->process_symbols =
		calloc((size_t)oc_machine_nr_processes(m) + 1, sizeof(*s->process_symbols));
	return s->first_frame && s->process_symbols ? 0 : -ENOMEM;
}

/* Both sides are known before anything is counted, so that all symbols have their numbers. */
static int build(struct oc_diff *d, const struct oc_machine *a, const struct oc_machine *b,
		 const char *kind, struct oc_error *err)
{
	int rc = side_init(&d->sides[0], a);

	rc = rc ? rc : side_init(&d->sides[1], b);
	if (rc)
		return oc_error_set(err, rc, "out of memory");
	rc = choose_kinds(d, kind, err);
	if (rc)
		return rc;
	rc = diff_build_tree(d);
	for (unsigned int i = 0; !rc && i < NR_SIDES; i++) {
		rc = diff_count_side(d, i);
		if (!rc && !d->info.count[i])
			return oc_error_set(err, -EINVAL,
					    "the %s recording has no samples of kind '%s'",
					    i ? "second" : "first", d->info.kind[i]->name);
	}
	rc = rc ? rc : list_functions(d);
	return rc ? oc_error_set(err, rc, "cannot compare the recordings: %s", strerror(-rc)) : 0;
}

int oc_diff_new(const struct oc_machine *a, const struct oc_machine *b,
		const struct oc_diff_opts *opts, struct oc_diff **ret_diff, struct oc_error *err)
{
	struct oc_diff_opts own = { 0 };
	struct oc_diff *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return oc_error_set(err, -ENOMEM, "out of memory");
	if (opts)
		memcpy(&own, opts, MIN(opts->size, sizeof(own)));
	rc = build(d, a, b, own.kind, err);
	if (rc)
		oc_diff_free(d);
	else
		*ret_diff = d;
	return rc;
}

void oc_diff_free(struct oc_diff *d)
{
	if (!d)
		return;
	for (unsigned int i = 0; i < NR_SIDES; i++) {
		free(d->sides[i].first_frame);
		free(d->sides[i].frames);
		free(d->sides[i].process_symbols);
	}
	text_table_done(&d->texts);
	free(d->symbols);
	id_table_done(&d->symbol_ids);
	free(d->path);
	buffer_done(&d->name);
	free(d->nodes);
	free(d->node_keys);
	id_table_done(&d->node_ids);
	free(d->functions);
	free(d);
}

const struct oc_diff_function *oc_diff_functions(const struct oc_diff *d, uint32_t *ret_nr)
{
	*ret_nr = d->nr_functions;
	return d->functions;
}

const struct oc_diff_node *oc_diff_nodes(const struct oc_diff *d, uint32_t *ret_nr)
{
	*ret_nr = d->nr_nodes;
	return d->nodes;
}

const struct oc_diff_info *oc_diff_info(const struct oc_diff *d)
{
	return &d->info;
}
