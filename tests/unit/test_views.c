/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/cli/tree_report.c and breakdown_report.c: rows fit terminals, and deep trees are cut from the left.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/macros.h"
#include "cli/breakdown_report.h"
#include "cli/tree_report.h"
#include "machine_parts.h"
#include "sample_machine.h"

static const struct options tree = { .view = VIEW_TREE, .min_percent = 0 };

static void expect_fitting(const struct buffer *text, unsigned int width)
{
	char *copy = strdup(text->data), *rest = copy;
	unsigned int nr = 0;

	cr_assert_not_null(copy);
	for (char *line; (line = strsep(&rest, "\n")); nr++)
		cr_assert_leq(text_columns(line), width, "%u: %s", width, line);
	cr_assert_gt(nr, 3);
	free(copy);
}

Test(views, rows_fit_terminals)
{
	static const enum report_by all[] = { BY_PROCESS, BY_THREAD, BY_MODULE, BY_KIND };
	struct oc_machine *m = sample_machine_new(SAMPLE_TWO_KINDS);

	for (unsigned int width = 58; width <= 120; width++) {
		const struct stream terminal = { .terminal = true, .width = width };
		struct oc_error err = { 0 };
		struct buffer text = BUFFER_INIT;

		cr_assert_eq(tree_report(&text, m, &tree, &terminal, &err), 0, "%s", err.message);
		expect_fitting(&text, width);
		for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
			const struct options by = { .view_by = all[i], .min_percent = -1 };

			buffer_clear(&text);
			cr_assert_eq(breakdown_report(&text, m, &by, &terminal), 0);
			expect_fitting(&text, width);
		}
		buffer_done(&text);
	}
	oc_machine_free(m);
}

#define DEPTH 40

/* A tree that parts at each of DEPTH levels: stacks of 1 to DEPTH frames, and a second leaf on each. */
static struct oc_machine *branching_machine(void)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id process = must(oc_machine_process_start(m, 1, 0, 1));
	struct oc_kind kind = { .name = "cpu", .period_ns = 1 };
	struct oc_sample sample = { .count = 1, .kind = must(oc_machine_add_kind(m, &kind)) };
	uint64_t addresses[DEPTH];

	sample.process = process;
	for (uint32_t depth = 1; depth < DEPTH; depth++) {
		for (uint64_t leaf = 0; leaf < 2; leaf++) {
			for (uint32_t i = 0; i < depth; i++)
				addresses[depth - 1 - i] = 0x10000 * (i + 1) + 1;
			addresses[0] = 0x10000 * (uint64_t)depth + leaf * 0x100;
			sample.stack = must(oc_machine_resolve(
				m, process,
				must(oc_machine_intern_callstack(m, addresses, depth, 0))));
			cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
		}
	}
	cr_assert_eq(oc_machine_finish(m), 0);
	return m;
}

Test(views, deep_trees_lose_their_left_part_on_terminals_only)
{
	struct oc_machine *m = branching_machine();
	const struct stream terminal = { .terminal = true, .width = 80 }, file = { 0 };
	struct oc_error err = { 0 };
	struct buffer text = BUFFER_INIT;

	cr_assert_eq(tree_report(&text, m, &tree, &terminal, &err), 0, "%s", err.message);
	expect_fitting(&text, 80);
	cr_assert(strstr(text.data, ">"));
	buffer_clear(&text);
	cr_assert_eq(tree_report(&text, m, &tree, &file, &err), 0);
	cr_assert_null(strstr(text.data, ">"));
	buffer_done(&text);
	oc_machine_free(m);
}

Test(views, functions_are_found_by_a_part_of_their_names)
{
	static const struct {
		const char *of;
		const char *found; /* in the answer, or in the error */
		int rc;
	} cases[] = {
		{ "recurse", "recurse: 10 of 101", 0 },  { "vfs", "vfs_read: 7 of 101", 0 },
		{ "compute", "compute(int): 50 of", 0 }, { "re", "several names", -EINVAL },
		{ "nobody", "no function of", -EINVAL },
	};
	struct oc_machine *m = sample_machine_new(0);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct options o = { .view = VIEW_CALLERS, .view_of = cases[i].of };
		const struct stream file = { 0 };
		struct oc_error err = { 0 };
		struct buffer text = BUFFER_INIT;

		cr_assert_eq(tree_report(&text, m, &o, &file, &err), cases[i].rc);
		cr_assert(strstr(cases[i].rc ? err.message : text.data, cases[i].found), "%s: %s%s",
			  cases[i].of, err.message, text.data ? text.data : "");
		buffer_done(&text);
	}
	oc_machine_free(m);
}
