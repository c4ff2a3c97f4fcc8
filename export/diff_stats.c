/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a change is chance. The method, with what it assumes, is told in docs/diff.md.
 * Called by diff.c.
 * Must not know names.
 *
 * Samples of one moment or one thread are alike, so the variance of a share is larger than that of independent samples,
 * p(1 - p)/n, by a factor: its dispersion. Samples fall into clusters (slices of time, or threads), and the dispersion
 * is found from how the share differs between them.
 */
#include <errno.h>
#include <math.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/student.h"
#include "base/u64_map.h"
#include "export/amount.h"
#include "export/diff_private.h"

/*
 * A recording is cut into so many slices, and these are joined two by two while enough are left: what lasts longer than
 * a slice shows only in longer ones. The largest dispersion counts.
 */
#define NR_SLICES     64
#define NR_SLICES_MIN 16
/* With fewer samples a dispersion cannot be told; that of the other recording is taken. */
#define COUNT_MIN 8
/* Shares with fewer samples in both recordings are not judged, so that rare functions do not hide common ones. */
#define TESTED_MIN 20
/* Pearson's sum wants that many samples expected in each of its cells, and some cells. */
#define EXPECTED_MIN 5.0
#define FREEDOM_MIN  10.0
/* Student's distribution is the normal one there. */
#define FREEDOM_INFINITE 1e7
#define CONFIDENCE       0.05

/* What samples of one stack weigh in one cluster. */
struct cell {
	uint32_t group; /* of clusters; 0 for slices */
	uint32_t cluster;
	oc_stack_id stack;
	uint64_t count;
};

struct counter {
	struct oc_diff *d;
	unsigned int side;
	struct diff_side *s;
	uint64_t first_ns, last_ns;
	uint64_t count;
	bool has_times, has_threads;
	struct u64_map pairs; /* cluster << 32 | stack, + 1 -> count */
	struct cell *cells;
	size_t nr_cells;
};

/* ---- looking at samples ---- */

static uint64_t weight_in(const struct counter *c, const struct oc_sample *sample)
{
	return weight_of(c->d->info.kind[c->side], sample->count, sample_value(c->s->m, sample));
}

static int look_at_sample(void *arg, const struct oc_sample *sample)
{
	struct counter *c = arg;

	if (sample->kind != c->s->kind)
		return 0;
	c->count += weight_in(c, sample);
	c->has_times &= sample->time_ns != 0;
	c->has_threads |= sample->thread != 0;
	c->first_ns = MIN(c->first_ns, sample->time_ns);
	c->last_ns = MAX(c->last_ns, sample->time_ns);
	return 0;
}

static enum oc_diff_method method_of(const struct counter *c)
{
	const struct oc_kind *kind = oc_machine_kind(c->s->m, c->s->kind);

	if (c->has_times && c->last_ns > c->first_ns)
		return OC_DIFF_SLICES;
	/* Of amounts it is not known how many independent events made them (fractions: folded_read.c). */
	if (oc_kind_weight_unit(kind) != OC_UNIT_COUNT || !strcmp(kind->name, "weight_thousandths"))
		return OC_DIFF_NONE;
	return c->has_threads ? OC_DIFF_THREADS : OC_DIFF_ASSUMED;
}

static uint32_t slice_of(const struct counter *c, uint64_t time_ns)
{
	double place = (double)(time_ns - c->first_ns) / (double)(c->last_ns - c->first_ns);

	return MIN((uint32_t)(place * NR_SLICES), NR_SLICES - 1U);
}

static int add_pair(void *arg, const struct oc_sample *sample)
{
	struct counter *c = arg;
	uint32_t cluster = 0;
	uint64_t key, *count;

	if (sample->kind != c->s->kind)
		return 0;
	if (c->d->info.method[c->side] == OC_DIFF_SLICES)
		cluster = slice_of(c, sample->time_ns);
	else if (c->d->info.method[c->side] == OC_DIFF_THREADS)
		cluster = sample->thread;
	key = ((uint64_t)cluster << 32 | sample->stack) + 1;
	count = u64_map_find(&c->pairs, key);
	if (!count)
		return u64_map_set(&c->pairs, key, weight_in(c, sample));
	*count += weight_in(c, sample);
	return 0;
}

static int compare_cells(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->cluster != y->cluster)
		return x->cluster < y->cluster ? -1 : 1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

/* Threads of one name, in processes of one name, are taken for doing the same. */
static uint32_t group_of_thread(const struct oc_machine *m, oc_thread_id id, struct u64_map *groups)
{
	const struct oc_thread *thread = oc_machine_thread(m, id);
	const struct oc_process *process = thread ? oc_machine_process(m, thread->process) : NULL;
	uint64_t key, *known;

	if (!thread || !process)
		return 0;
	key = ((uint64_t)process->comm << 32 | (thread->name ? thread->name : process->comm)) + 1;
	known = u64_map_find(groups, key);
	if (known)
		return (uint32_t)*known;
	/* Without memory threads are in no group, and are not looked at. */
	return u64_map_set(groups, key, groups->count + 1) ? 0 : (uint32_t)groups->count;
}

static int list_cells(struct counter *c)
{
	struct u64_map groups = { 0 };
	bool by_thread = c->d->info.method[c->side] == OC_DIFF_THREADS;

	c->cells = calloc(c->pairs.count + 1, sizeof(*c->cells));
	if (!c->cells)
		return -ENOMEM;
	for (size_t i = 0; c->pairs.count && i <= c->pairs.mask; i++) {
		const struct u64_slot *slot = &c->pairs.slots[i];
		uint32_t cluster = (uint32_t)((slot->key - 1) >> 32);

		if (!slot->key)
			continue;
		c->cells[c->nr_cells++] = (struct cell){
			.group = by_thread ? group_of_thread(c->s->m, cluster, &groups) : 0,
			.cluster = cluster,
			.stack = (oc_stack_id)((slot->key - 1) & UINT32_MAX),
			.count = slot->value,
		};
	}
	u64_map_done(&groups);
	qsort(c->cells, c->nr_cells, sizeof(*c->cells), compare_cells);
	return 0;
}

/* ---- sums by symbol ---- */

/* Of one symbol; `now` is what the cluster at hand has. */
struct moments {
	uint64_t now, stamp;
	size_t last_cell;              /* that it was counted for, so that recursion counts once */
	double sum, square, with_size; /* of x, of x^2, of x times the cluster's samples */
};

struct moment_table {
	struct moments *self, *total; /* by symbol, index 0 unused */
	uint32_t *touched;            /* symbols of the cluster at hand, [nr_touched], some twice */
	size_t nr_touched, touched_cap;
	uint64_t stamp;
	double size_square; /* sum over clusters of their samples squared */
	uint32_t nr_clusters;
};

static int touch(struct moment_table *t, struct moments *of, uint32_t symbol, uint64_t count)
{
	if (of->stamp != t->stamp) {
		if (array_reserve(&t->touched, &t->touched_cap, t->nr_touched + 1,
				  sizeof(*t->touched)))
			return -ENOMEM;
		t->touched[t->nr_touched++] = symbol;
		of->stamp = t->stamp;
		of->now = 0;
	}
	of->now += count;
	return 0;
}

static void fold_moments(struct moments *of, double size)
{
	double x = (double)of->now;

	of->sum += x;
	of->square += x * x;
	of->with_size += x * size;
	of->now = 0;
}

static void end_cluster(struct moment_table *t, uint64_t size)
{
	if (!size)
		return;
	for (size_t i = 0; i < t->nr_touched; i++) {
		fold_moments(&t->self[t->touched[i]], (double)size);
		fold_moments(&t->total[t->touched[i]], (double)size);
	}
	t->nr_touched = 0;
	t->size_square += (double)size * (double)size;
	t->nr_clusters++;
	t->stamp++;
}

static int add_cell(struct counter *c, struct moment_table *t, size_t cell)
{
	struct oc_diff *d = c->d;
	uint64_t count = c->cells[cell].count;
	int rc = diff_read_stack(d, c->side, c->cells[cell].stack);

	if (!rc)
		rc = touch(t, &t->self[d->path[0]], d->path[0], count);
	for (size_t i = 0; !rc && i < d->nr_path; i++) {
		struct moments *of = &t->total[d->path[i]];

		if (of->last_cell == cell + 1)
			continue;
		of->last_cell = cell + 1;
		rc = touch(t, of, d->path[i], count);
	}
	return rc;
}

/* Sums over clusters of 1 << level slices, or over everything as one cluster. */
static int sum_clusters(struct counter *c, struct moment_table *t, unsigned int level)
{
	size_t nr = diff_nr_symbols(c->d) + 1;
	uint64_t size = 0;
	int rc = 0;

	free(t->self);
	free(t->total);
	t->self = calloc(nr, sizeof(*t->self));
	t->total = calloc(nr, sizeof(*t->total));
	if (!t->self || !t->total)
		return -ENOMEM;
	t->size_square = 0;
	t->nr_clusters = 0;
	t->stamp = 1;
	for (size_t i = 0; !rc && i < c->nr_cells; i++) {
		if (i && c->cells[i].cluster >> level != c->cells[i - 1].cluster >> level) {
			end_cluster(t, size);
			size = 0;
		}
		size += c->cells[i].count;
		rc = add_cell(c, t, i);
	}
	end_cluster(t, size);
	return rc;
}

/* ---- dispersion ---- */

/*
 * The variance of the ratio sum(x) / sum(n) over b clusters is b / (b - 1) * sum((x - p n)^2) / n^2; divided by that of
 * independent samples. Source: W. G. Cochran, Sampling Techniques, 3rd edition, 6.3 and 9A.2.
 */
static void learn_dispersion(struct diff_sums *sums, const struct moments *of,
			     const struct moment_table *t, double n)
{
	double p = of->sum / n, b = t->nr_clusters;
	double squares = of->square - 2 * p * of->with_size + p * p * t->size_square;
	double dispersion;

	if (of->sum < COUNT_MIN || p >= 1)
		return;
	dispersion = b / (b - 1) * MAX(squares, 0) / (n * p * (1 - p));
	if (!isnan(sums->dispersion) && dispersion <= sums->dispersion)
		return;
	sums->dispersion = dispersion;
	sums->freedom = b - 1;
}

static int learn_slices(struct counter *c, struct moment_table *t)
{
	for (unsigned int level = 0; NR_SLICES >> level >= NR_SLICES_MIN; level++) {
		int rc = sum_clusters(c, t, level);

		if (rc)
			return rc;
		/* What ran in few slices only cannot be compared over time. */
		if (t->nr_clusters < NR_SLICES_MIN / 2)
			continue;
		for (size_t i = 1; i <= diff_nr_symbols(c->d); i++) {
			struct diff_symbol *symbol = &c->d->symbols[i - 1];

			learn_dispersion(&symbol->self[c->side], &t->self[i], t, (double)c->count);
			learn_dispersion(&symbol->total[c->side], &t->total[i], t,
					 (double)c->count);
		}
	}
	return 0;
}

struct leaf_count {
	uint32_t symbol;
	uint64_t count;
};

static int compare_counts(const void *a, const void *b)
{
	const struct leaf_count *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->symbol < y->symbol ? -1 : x->symbol > y->symbol;
}

/* Pearson's sum over threads of one group and the functions that they run. */
struct pearson {
	uint64_t *of_group, *of_thread; /* by symbol, all 0 between uses */
	struct leaf_count *leaves;      /* of the group, the most frequent first */
	double sum, freedom;
};

static uint64_t sum_cells(const struct cell *cells, size_t nr)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < nr; i++)
		sum += cells[i].count;
	return sum;
}

/* Adds cells to by_leaf[] at the leaf of each. */
static int sum_leaves(struct counter *c, const struct cell *cells, size_t nr, uint64_t *by_leaf)
{
	for (size_t i = 0; i < nr; i++) {
		int rc = diff_read_stack(c->d, c->side, cells[i].stack);

		if (rc)
			return rc;
		by_leaf[c->d->path[0]] += cells[i].count;
	}
	return 0;
}

static int clear_leaves(struct counter *c, const struct cell *cells, size_t nr, uint64_t *by_leaf)
{
	for (size_t i = 0; i < nr; i++) {
		int rc = diff_read_stack(c->d, c->side, cells[i].stack);

		if (rc)
			return rc;
		by_leaf[c->d->path[0]] = 0;
	}
	return 0;
}

/* Adds one thread of nr_threads; share: its part of the group's samples. */
static int add_thread(struct counter *c, struct pearson *p, const struct cell *cells, size_t nr,
		      double share, double nr_threads)
{
	int rc = sum_leaves(c, cells, nr, p->of_thread);
	double nr_leaves = 0;

	for (size_t i = 0; !rc && p->leaves[i].count; i++) {
		double expected = (double)p->leaves[i].count * share;
		double difference = (double)p->of_thread[p->leaves[i].symbol] - expected;

		if (expected < EXPECTED_MIN)
			break;
		p->sum += difference * difference / expected;
		nr_leaves++;
	}
	if (nr_leaves > 1)
		p->freedom += (nr_leaves - 1) * (nr_threads - 1) / nr_threads;
	return rc ? rc : clear_leaves(c, cells, nr, p->of_thread);
}

/* The cells from `start` on that have its group, or with by_thread its group and cluster. */
static size_t run_length(const struct counter *c, size_t start, bool by_thread)
{
	size_t end = start + 1;

	while (end < c->nr_cells && c->cells[end].group == c->cells[start].group &&
	       (!by_thread || c->cells[end].cluster == c->cells[start].cluster))
		end++;
	return end - start;
}

static int add_thread_group(struct counter *c, struct pearson *p, size_t start, size_t nr)
{
	double size = (double)sum_cells(c->cells + start, nr), nr_threads = 0;
	int rc = sum_leaves(c, c->cells + start, nr, p->of_group);
	size_t nr_leaves = 0, run;

	for (size_t i = 0; !rc && i < nr; i++) {
		uint32_t leaf;

		rc = diff_read_stack(c->d, c->side, c->cells[start + i].stack);
		if (rc)
			break;
		leaf = c->d->path[0];
		/* Taken once: the count moves from the table to the list. */
		if (p->of_group[leaf])
			p->leaves[nr_leaves++] = (struct leaf_count){ leaf, p->of_group[leaf] };
		p->of_group[leaf] = 0;
	}
	if (rc)
		return rc;
	qsort(p->leaves, nr_leaves, sizeof(*p->leaves), compare_counts);
	p->leaves[nr_leaves].count = 0;
	for (size_t i = start; i < start + nr; i += run_length(c, i, true))
		nr_threads++;
	for (size_t i = start; !rc && nr_threads > 1 && i < start + nr; i += run) {
		run = run_length(c, i, true);
		rc = add_thread(c, p, c->cells + i, run,
				(double)sum_cells(c->cells + i, run) / size, nr_threads);
	}
	return rc;
}

/* One dispersion for all functions, since one function in a few threads says too little. */
static int learn_threads(struct counter *c)
{
	size_t nr = diff_nr_symbols(c->d) + 1;
	struct pearson p = { .of_group = calloc(nr, sizeof(*p.of_group)),
			     .of_thread = calloc(nr, sizeof(*p.of_thread)),
			     .leaves = calloc(nr + 1, sizeof(*p.leaves)) };
	int rc = p.of_group && p.of_thread && p.leaves ? 0 : -ENOMEM;

	for (size_t i = 0, run; !rc && i < c->nr_cells; i += run) {
		run = run_length(c, i, false);
		if (c->cells[i].group)
			rc = add_thread_group(c, &p, i, run);
	}
	if (!rc && p.freedom < FREEDOM_MIN)
		c->d->info.method[c->side] = OC_DIFF_ASSUMED;
	for (size_t i = 0; !rc && p.freedom >= FREEDOM_MIN && i + 1 < nr; i++) {
		struct diff_symbol *symbol = &c->d->symbols[i];

		symbol->self[c->side].dispersion = p.sum / p.freedom;
		symbol->self[c->side].freedom = p.freedom;
		symbol->total[c->side].dispersion = p.sum / p.freedom;
		symbol->total[c->side].freedom = p.freedom;
	}
	free(p.of_group);
	free(p.of_thread);
	free(p.leaves);
	return rc;
}

/* ---- a side ---- */

static int count_symbols(struct counter *c, struct moment_table *t)
{
	/* All slices, or all threads, as one cluster: every number of one is below 1 << 31. */
	int rc = sum_clusters(c, t, 31);

	for (size_t i = 1; !rc && i <= diff_nr_symbols(c->d); i++) {
		struct diff_symbol *symbol = &c->d->symbols[i - 1];

		symbol->self[c->side] = (struct diff_sums){ (uint64_t)t->self[i].sum, NAN, 0 };
		symbol->total[c->side] = (struct diff_sums){ (uint64_t)t->total[i].sum, NAN, 0 };
	}
	return rc;
}

int diff_count_side(struct oc_diff *d, unsigned int side)
{
	struct counter c = { .d = d,
			     .side = side,
			     .s = &d->sides[side],
			     .first_ns = UINT64_MAX,
			     .has_times = true };
	struct moment_table t = { 0 };
	int rc = oc_machine_each_sample(c.s->m, look_at_sample, &c);

	d->info.method[side] = method_of(&c);
	d->info.count[side] = c.count;
	rc = rc ? rc : oc_machine_each_sample(c.s->m, add_pair, &c);
	rc = rc ? rc : list_cells(&c);
	rc = rc ? rc : count_symbols(&c, &t);
	if (!rc && d->info.method[side] == OC_DIFF_SLICES)
		rc = learn_slices(&c, &t);
	if (!rc && d->info.method[side] == OC_DIFF_THREADS)
		rc = learn_threads(&c);
	u64_map_done(&c.pairs);
	free(c.cells);
	free(t.self);
	free(t.total);
	free(t.touched);
	return rc;
}

/* ---- judging ---- */

/* The dispersion to use for a side: its own, else the other's; never below that of independent samples. */
static double dispersion_of(const struct oc_diff *d, const struct diff_sums *sums,
			    unsigned int side, double *ret_freedom)
{
	const struct diff_sums *from = isnan(sums[side].dispersion) ? &sums[!side] : &sums[side];
	/* Threads share what happens to the machine, which makes them more alike than two recordings are. */
	double least = d->info.method[side] == OC_DIFF_SLICES ? 1 : OC_DIFF_ASSUMED_DISPERSION;

	*ret_freedom = FREEDOM_INFINITE;
	if (!(from->dispersion > least)) /* also when neither is known */
		return least;
	*ret_freedom = from->freedom;
	return from->dispersion;
}

/* Fills in margin and p, which is not corrected yet. Returns whether the change is one that is tested. */
static bool test(const struct oc_diff *d, const struct diff_sums *sums, struct oc_diff_change *c)
{
	double n[NR_SIDES] = { (double)d->info.count[0], (double)d->info.count[1] };
	double pooled = (double)(c->count[0] + c->count[1]) / (n[0] + n[1]);
	double variance = 0, spread = 0;

	c->margin = NAN;
	c->p = 1;
	if (d->info.method[0] == OC_DIFF_NONE || d->info.method[1] == OC_DIFF_NONE)
		return false;
	for (unsigned int side = 0; side < NR_SIDES; side++) {
		/* A share of few samples, or of all, would seem to have no variance. */
		bool is_few = c->count[side] < COUNT_MIN ||
			      c->count[side] + COUNT_MIN > d->info.count[side];
		double p = is_few ? pooled : c->share[side], freedom;
		double v = dispersion_of(d, sums, side, &freedom) * p * (1 - p) / n[side];

		variance += v;
		spread += v * v / freedom;
	}
	c->margin = 0;
	if (variance <= 0)
		return false;
	/* Welch and Satterthwaite's degrees of freedom for the sum of two variances. */
	c->margin = sqrt(variance) * student_quantile(CONFIDENCE, variance * variance / spread);
	c->p = student_two_sided(c->change / sqrt(variance), variance * variance / spread);
	if (c->count[0] + c->count[1] >= TESTED_MIN)
		return true;
	c->p = 1;
	return false;
}

static int compare_p(const void *a, const void *b)
{
	const struct oc_diff_change *x = *(struct oc_diff_change *const *)a;
	const struct oc_diff_change *y = *(struct oc_diff_change *const *)b;

	if (x->p != y->p)
		return x->p < y->p ? -1 : 1;
	return x < y ? -1 : x > y;
}

/*
 * Only times tell how much a share varies within a recording. What threads tell, or what is assumed, was too little for
 * one pair of equal recordings in two, so it makes intervals to look at, and no verdict.
 */
static bool is_judged(const struct oc_diff *d)
{
	return d->info.method[0] == OC_DIFF_SLICES && d->info.method[1] == OC_DIFF_SLICES;
}

/*
 * Holm's correction: with it, the probability that two recordings of the same show any change at all is below 5 %,
 * however the functions depend on each other.
 */
static void correct(struct oc_diff *d, struct oc_diff_change **tested, size_t nr)
{
	double largest = 0;

	qsort(tested, nr, sizeof(*tested), compare_p);
	for (size_t i = 0; i < nr; i++) {
		largest = MAX(largest, MIN(1, tested[i]->p * (double)(nr - i)));
		tested[i]->p = largest;
		tested[i]->significant = is_judged(d) && largest < CONFIDENCE;
		d->info.nr_significant += tested[i]->significant;
	}
	d->info.nr_tested = (uint32_t)nr;
}

static int compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int set_median_dispersion(struct oc_diff *d, unsigned int side)
{
	double *values = calloc(diff_nr_symbols(d) + 1, sizeof(*values));
	size_t nr = 0;

	if (!values)
		return -ENOMEM;
	for (size_t i = 0; i < diff_nr_symbols(d); i++) {
		const struct diff_sums *sums = &d->symbols[i].self[side];

		if (sums->count >= TESTED_MIN && !isnan(sums->dispersion))
			values[nr++] = sums->dispersion;
	}
	qsort(values, nr, sizeof(*values), compare_doubles);
	d->info.dispersion[side] = nr ? values[nr / 2] : NAN;
	if (d->info.method[side] == OC_DIFF_THREADS || d->info.method[side] == OC_DIFF_ASSUMED)
		d->info.dispersion[side] =
			fmax(d->info.dispersion[side], OC_DIFF_ASSUMED_DISPERSION);
	free(values);
	return 0;
}

int diff_judge(struct oc_diff *d, const struct diff_symbol *const *symbols)
{
	struct oc_diff_change **tested = calloc(2 * (size_t)d->nr_functions + 1, sizeof(*tested));
	size_t nr = 0;
	int rc = 0;

	if (!tested)
		return -ENOMEM;
	for (uint32_t i = 0; i < d->nr_functions; i++) {
		struct oc_diff_function *f = &d->functions[i];

		if (test(d, symbols[i]->self, &f->self))
			tested[nr++] = &f->self;
		if (test(d, symbols[i]->total, &f->total))
			tested[nr++] = &f->total;
	}
	correct(d, tested, nr);
	free(tested);
	for (unsigned int side = 0; !rc && side < NR_SIDES; side++)
		rc = set_median_dispersion(d, side);
	return rc;
}
