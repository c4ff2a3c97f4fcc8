/* SPDX-License-Identifier: BSD-2-Clause */
/* Two recordings compared: names, shares, intervals that hold, and what is written. */
#include <criterion/criterion.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include <onecollect/diff.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "reading.h"

static struct oc_diff *compare(const struct oc_machine *a, const struct oc_machine *b)
{
	struct oc_error err = { 0 };
	struct oc_diff *d = NULL;

	cr_assert_eq(oc_diff_new(a, b, NULL, &d, &err), 0, "%s", err.message);
	return d;
}

static const struct oc_diff_function *function(const struct oc_diff *d, const char *name)
{
	uint32_t nr;
	const struct oc_diff_function *functions = oc_diff_functions(d, &nr);

	for (uint32_t i = 0; i < nr; i++) {
		if (!strcmp(functions[i].name, name))
			return &functions[i];
	}
	cr_assert_fail("there is no '%s'", name);
	return NULL;
}

static const char *first_name(const struct oc_diff *d)
{
	uint32_t nr;

	return oc_diff_functions(d, &nr)[0].name;
}

/* ---- shares ---- */

Test(diff, shares_do_not_depend_on_how_much_was_sampled)
{
	struct oc_machine *a = reading_folded("app;main;work 300\napp;main 100\n");
	struct oc_machine *b = reading_folded("app;main;work 3000\napp;main 1000\n");
	struct oc_diff *d = compare(a, b);
	const struct oc_diff_function *work = function(d, "work"), *main = function(d, "main");

	cr_assert_eq(work->self.change, 0);
	cr_assert_float_eq(work->self.share[0], 0.75, 1e-12);
	cr_assert_eq(main->self.count[1], 1000);
	cr_assert_float_eq(main->total.share[1], 1, 1e-12);
	cr_assert_eq(main->total.margin, 0);
	cr_assert_eq(oc_diff_info(d)->nr_significant, 0);
	cr_assert_eq(oc_diff_info(d)->method[0], OC_DIFF_ASSUMED);
	oc_diff_free(d);
	oc_machine_free(a);
	oc_machine_free(b);
}

Test(diff, swapped_recordings_change_the_other_way)
{
	struct oc_machine *a = reading_folded("app;main;work 3000\napp;main;rest 7000\n");
	struct oc_machine *b = reading_folded("app;main;work 5000\napp;main;rest 7000\n");
	struct oc_diff *there = compare(a, b), *back = compare(b, a);
	const struct oc_diff_change *x = &function(there, "work")->self;
	const struct oc_diff_change *y = &function(back, "work")->self;

	cr_assert_float_eq(x->change, -y->change, 1e-12);
	cr_assert_float_eq(x->margin, y->margin, 1e-12);
	cr_assert_float_eq(x->p, y->p, 1e-12);
	/* A guess makes no verdict. */
	cr_assert(x->p < 0.05 && !x->significant && !y->significant);
	cr_assert_float_eq(x->change, 5.0 / 12 - 0.3, 1e-12);
	oc_diff_free(there);
	oc_diff_free(back);
	oc_machine_free(a);
	oc_machine_free(b);
}

/* An assumed dispersion of 4 doubles the interval of independent samples. */
Test(diff, interval_without_times)
{
	struct oc_machine *a = reading_folded("app;work 2000\napp;rest 8000\n");
	struct oc_machine *b = reading_folded("app;work 2500\napp;rest 7500\n");
	struct oc_diff *d = compare(a, b);
	double se = sqrt(4 * (0.2 * 0.8 / 10000 + 0.25 * 0.75 / 10000));

	cr_assert_float_eq(function(d, "work")->self.margin, 1.95996 * se, 1e-6);
	oc_diff_free(d);
	oc_machine_free(a);
	oc_machine_free(b);
}

Test(diff, names_of_different_builds_are_one)
{
	struct oc_machine *a = reading_folded("app;main;work.isra.0 30\n"
					      "app;main;libx.so+0x10 4\napp;main;libx.so+0x20 6\n");
	struct oc_machine *b = reading_folded("app;main;work.constprop.1.cold 30\n"
					      "app;main;libx.so+0x77 10\n");
	struct oc_diff *d = compare(a, b);
	uint32_t nr;

	cr_assert_eq(function(d, "work")->self.count[0], 30);
	cr_assert_eq(function(d, "work")->self.count[1], 30);
	cr_assert_eq(function(d, "libx.so")->self.count[0], 10);
	oc_diff_functions(d, &nr);
	cr_assert_eq(nr, 3);
	oc_diff_free(d);
	oc_machine_free(a);
	oc_machine_free(b);
}

Test(diff, kernel_and_user_functions_of_one_name_differ_but_inlined_ones_do_not)
{
	struct oc_machine *a = reading_folded("app;main;read_[k] 10\napp;main;in_[i] 5\n");
	struct oc_machine *b = reading_folded("app;main;read 10\napp;main;in 5\n");
	struct oc_diff *d = compare(a, b);
	uint32_t nr;

	cr_assert_eq(function(d, "in")->self.change, 0);
	oc_diff_functions(d, &nr);
	cr_assert_eq(nr, 4, "main, in, and two read");
	oc_diff_free(d);
	oc_machine_free(a);
	oc_machine_free(b);
}

Test(diff, recursion_counts_once)
{
	struct oc_machine *a = reading_folded("app;main;f;f;f 10\napp;main;g 10\n");
	struct oc_diff *d = compare(a, a);

	cr_assert_eq(function(d, "f")->total.count[0], 10);
	cr_assert_eq(function(d, "main")->total.count[0], 20);
	oc_diff_free(d);
	oc_machine_free(a);
}

/* ---- what cannot be compared ---- */

static void expect_refused(const struct oc_machine *a, const struct oc_machine *b, const char *kind,
			   const char *words)
{
	const struct oc_diff_opts opts = { .size = sizeof(opts), .kind = kind };
	struct oc_error err = { 0 };
	struct oc_diff *d = NULL;

	cr_assert_eq(oc_diff_new(a, b, &opts, &d, &err), -EINVAL);
	cr_assert_not_null(strstr(err.message, words), "%s", err.message);
	cr_assert_null(d);
}

static struct oc_machine *machine_of_kind(const char *name, enum oc_unit unit, uint64_t count)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind kind = { .unit = unit };
	struct oc_sample sample = { .kind = 1, .count = count, .value = 7 * count };

	snprintf(kind.name, sizeof(kind.name), "%s", name);
	cr_assert_eq(oc_machine_add_kind(m, &kind), 1);
	if (count)
		cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	cr_assert_eq(oc_machine_finish(m), 0);
	return m;
}

Test(diff, refuses_what_has_nothing_in_common)
{
	struct oc_machine *cpu = machine_of_kind("cpu", OC_UNIT_COUNT, 5);
	struct oc_machine *heap = machine_of_kind("heap", OC_UNIT_COUNT, 5);
	struct oc_machine *none = machine_of_kind("cpu", OC_UNIT_COUNT, 0);
	struct oc_machine *empty = oc_machine_new(NULL), *folded = reading_folded("a;b 3\n");

	expect_refused(cpu, heap, NULL, "first recording counts 'cpu', the second 'heap'");
	expect_refused(cpu, none, NULL, "second recording has no samples");
	expect_refused(empty, cpu, NULL, "first recording has no samples");
	expect_refused(cpu, cpu, "heap", "no samples of kind 'heap'");
	/* What does not say what it counts goes with anything. */
	oc_diff_free(compare(cpu, folded));
	oc_diff_free(compare(folded, heap));
	oc_machine_free(cpu);
	oc_machine_free(heap);
	oc_machine_free(none);
	oc_machine_free(empty);
	oc_machine_free(folded);
}

Test(diff, amounts_without_times_have_no_interval)
{
	struct oc_machine *a = machine_of_kind("heap", OC_UNIT_BYTES, 500);
	struct oc_diff *d = compare(a, a);

	cr_assert_eq(oc_diff_info(d)->method[0], OC_DIFF_NONE);
	cr_assert_eq(oc_diff_info(d)->count[0], 3500, "bytes, as call trees have them");
	cr_assert(isnan(function(d, "[no stack]")->self.margin));
	oc_diff_free(d);
	oc_machine_free(a);
}

/* ---- chance ---- */

#define NR_FUNCTIONS 10

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Functions 0..NR_FUNCTIONS-1, whose weights fall; function 1 has `more` times its weight. */
static uint32_t random_function(uint64_t *state, double more)
{
	double weights[NR_FUNCTIONS], sum = 0, at;

	for (int i = 0; i < NR_FUNCTIONS; i++) {
		weights[i] = 1.0 / (i + 2) * (i == 1 ? more : 1);
		sum += weights[i];
	}
	at = (double)(next_random(state) >> 11) / (double)(1ULL << 53) * sum;
	for (uint32_t i = 0; i < NR_FUNCTIONS; i++) {
		at -= weights[i];
		if (at < 0)
			return i;
	}
	return NR_FUNCTIONS - 1;
}

/* The stack of one function, by name. */
static oc_stack_id stack_of(struct oc_machine *m, oc_process_id process, uint32_t f)
{
	uint64_t address = 0x1000 + f * 16;
	int64_t stack = oc_machine_resolve(
		m, process, (oc_callstack_id)oc_machine_intern_callstack(m, &address, 1, 0));
	uint32_t nr;
	struct oc_function function = { 0 };
	struct oc_line line = { 0 };
	char name[16];

	snprintf(name, sizeof(name), "f%u", f);
	function.name = (oc_string_id)oc_machine_intern(m, name, strlen(name));
	line.function = (oc_function_id)oc_machine_add_function(m, &function);
	cr_assert_eq(oc_machine_set_lines(m, oc_machine_stack(m, (oc_stack_id)stack, &nr)[0], &line,
					  1),
		     0);
	return (oc_stack_id)stack;
}

struct load {
	uint64_t seed;
	uint32_t nr_samples;
	uint32_t run;   /* so many samples follow each other in one function */
	double more;    /* weight of function 1 */
	bool has_times; /* else counts by thread, 8 of one name */
};

/* A recording in which a function, once entered, is sampled several times: samples that depend on each other. */
static struct oc_machine *run_load(const struct load *l)
{
	struct oc_machine *m = oc_machine_new(NULL);
	const struct oc_kind kind = { .name = "cpu", .period_ns = 1000000 };
	int64_t process = oc_machine_process_start(m, 5, 0, 0);
	uint64_t state = l->seed * 7919 + 88172645463325252ULL;
	oc_thread_id threads[8];
	oc_stack_id stacks[NR_FUNCTIONS];
	uint32_t f = 0;

	oc_machine_add_kind(m, &kind);
	for (uint32_t i = 0; i < 8; i++)
		threads[i] =
			(oc_thread_id)oc_machine_add_thread(m, (oc_process_id)process, 100 + i);
	for (uint32_t i = 0; i < NR_FUNCTIONS; i++)
		stacks[i] = stack_of(m, (oc_process_id)process, i);
	for (uint32_t i = 0; i < l->nr_samples; i++) {
		struct oc_sample sample = {
			.kind = 1, .count = 1, .process = (oc_process_id)process, .cpu = UINT32_MAX
		};

		if (i % l->run == 0)
			f = random_function(&state, l->more);
		sample.stack = stacks[f];
		sample.thread = threads[i / l->run % 8];
		sample.time_ns = l->has_times ? 1000000000 + i * 1000000ULL : 0;
		cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	}
	cr_assert_eq(oc_machine_finish(m), 0);
	return m;
}

/* Pairs of recordings of one load in which any change is called significant. */
static int false_alarms(struct load l, int nr_pairs, double *ret_dispersion)
{
	int alarms = 0;

	*ret_dispersion = 0;
	for (int i = 0; i < nr_pairs; i++) {
		struct load other = l;
		struct oc_machine *a, *b;
		struct oc_diff *d;

		l.seed = 2 * (uint64_t)i + 1;
		other.seed = 2 * (uint64_t)i + 2;
		other.nr_samples = l.nr_samples * 3 / 2;
		a = run_load(&l);
		b = run_load(&other);
		d = compare(a, b);
		alarms += oc_diff_info(d)->nr_significant > 0;
		*ret_dispersion += oc_diff_info(d)->dispersion[0] / nr_pairs;
		oc_diff_free(d);
		oc_machine_free(a);
		oc_machine_free(b);
	}
	return alarms;
}

/*
 * The seeds are fixed, so this always gives the same number. 5 % of 200 pairs are 10; with 19 the chance of a sound test
 * to fail would be 1 in 200.
 */
#define NR_PAIRS   200
#define ALARMS_MAX 18

static void expect_sound(const struct load *l, double dispersion)
{
	double found;
	int alarms = false_alarms(*l, NR_PAIRS, &found);

	cr_assert_leq(alarms, ALARMS_MAX);
	cr_assert(found > 0.6 * dispersion && found < 1.6 * dispersion, "dispersion %.2f of %.2f",
		  found, dispersion);
}

Test(diff, equal_loads_with_times_show_no_change)
{
	expect_sound(&(struct load){ .nr_samples = 10000, .run = 1, .more = 1, .has_times = true },
		     1);
}

/* The variance is as many times larger as samples depend on each other. */
Test(diff, equal_loads_of_samples_in_runs_show_no_change)
{
	expect_sound(&(struct load){ .nr_samples = 10000, .run = 20, .more = 1, .has_times = true },
		     20);
}

Test(diff, equal_loads_without_times_show_no_change)
{
	expect_sound(&(struct load){ .nr_samples = 10000, .run = 10, .more = 1 }, 10);
}

Test(diff, a_naive_interval_would_not_hold)
{
	/* 40 samples that follow each other say no more than one. */
	struct load l = { .nr_samples = 10000, .run = 40, .more = 1, .has_times = true };
	struct oc_machine *a, *b;
	struct oc_diff *d;
	const struct oc_diff_change *c;
	double independent;

	l.seed = 1;
	a = run_load(&l);
	l.seed = 2;
	b = run_load(&l);
	d = compare(a, b);
	c = &function(d, "f1")->self;
	independent = 1.96 * sqrt(2 * c->share[0] * (1 - c->share[0]) / l.nr_samples);
	cr_assert_gt(c->margin, 3 * independent);
	oc_diff_free(d);
	oc_machine_free(a);
	oc_machine_free(b);
}

static void expect_named_first(struct load l)
{
	struct load slower = l;
	int nr_found = 0;

	slower.more = 1.1;
	for (int i = 0; i < 10; i++) {
		struct oc_machine *a, *b;
		struct oc_diff *d;

		l.seed = 1000 + (uint64_t)i;
		slower.seed = 2000 + (uint64_t)i;
		a = run_load(&l);
		b = run_load(&slower);
		d = compare(a, b);
		nr_found += !strcmp(first_name(d), "f1") &&
			    function(d, "f1")->self.significant == l.has_times;
		oc_diff_free(d);
		oc_machine_free(a);
		oc_machine_free(b);
	}
	cr_assert_eq(nr_found, 10);
}

Test(diff, a_function_that_became_slower_is_named_first)
{
	expect_named_first(
		(struct load){ .nr_samples = 60000, .run = 2, .more = 1, .has_times = true });
	expect_named_first((struct load){ .nr_samples = 200000, .run = 2, .more = 1 });
}

/* ---- outputs ---- */

static char *write_diff(const struct oc_diff *d,
			int (*write)(const struct oc_diff *d, struct oc_output *out))
{
	struct oc_output *out;
	const void *data;
	size_t size;
	char *copy;

	cr_assert_eq(oc_output_open_memory(&out), 0);
	cr_assert_eq(write(d, out), 0);
	data = oc_output_memory(out, &size);
	copy = strndup(data ? data : "", size);
	oc_output_abort(out);
	return copy;
}

Test(diff, folded_stacks_have_two_counts)
{
	struct oc_machine *a = reading_folded("app;main;work_[k] 3\napp;main;in_[i] 1\nold;x 2\n");
	struct oc_machine *b = reading_folded("app;main;work_[k] 4\napp;main 5\nnew;x 6\n");
	struct oc_diff *d = compare(a, b);
	char *text = write_diff(d, oc_diff_write_folded);

	cr_assert_str_eq(text, "app;main 0 5\napp;main;in_[i] 1 0\napp;main;work_[k] 3 4\n"
			       "new;x 0 6\nold;x 2 0\n");
	free(text);
	oc_diff_free(d);
	oc_machine_free(a);
	oc_machine_free(b);
}

Test(diff, flame_graph_is_red_and_blue)
{
	struct oc_machine *a = reading_folded("app;main;gone 50\napp;main;</script> 50\n");
	struct oc_machine *b = reading_folded("app;main;come 50\napp;main;</script> 50\n");
	struct oc_diff *d = compare(a, b);
	char *text = write_diff(d, oc_diff_write_svg);

	cr_assert_not_null(strstr(text, "<title>come (0.00% before, 50.00% after, +50.00 points)"
					"</title><rect fill=\"rgb(240,60,60)\""));
	cr_assert_not_null(strstr(text, "<title>gone (50.00% before, 0.00% after, -50.00 points)"
					"</title><rect fill=\"rgb(60,60,240)\""));
	cr_assert_not_null(strstr(text, "<title>main (100.00% before, 100.00% after, +0.00 points)"
					"</title><rect fill=\"rgb(240,240,240)\""));
	cr_assert_null(strstr(text, "</script> ("));
	free(text);
	oc_diff_free(d);
	oc_machine_free(a);
	oc_machine_free(b);
}

Test(diff, tree_adds_up)
{
	struct oc_machine *a = reading_folded("p;a;b 1\np;a 2\nq;a;b 4\n");
	struct oc_machine *b = reading_folded("p;a;c 8\n");
	struct oc_diff *d = compare(a, b);
	uint32_t nr;
	const struct oc_diff_node *nodes = oc_diff_nodes(d, &nr);

	cr_assert_eq(nr, 1 + 2 + 2 + 3);
	cr_assert_eq(nodes[0].total[0], 7);
	cr_assert_eq(nodes[0].total[1], 8);
	cr_assert_str_eq(nodes[nodes[0].first_child].name, "p");
	cr_assert_str_eq(nodes[nodes[nodes[0].first_child].next_sibling].name, "q");
	oc_diff_free(d);
	oc_machine_free(a);
	oc_machine_free(b);
}
