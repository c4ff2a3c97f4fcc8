/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export/filter.c and selection.c: what each part of a filter selects, alone and together, and what the ledger says.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <onecollect/filter.h>
#include <onecollect/graph.h>
#include <onecollect/stack_counts.h>

#include "machine_parts.h"
#include "sample_machine.h"

#define START_NS 5000000000ULL
#define TEXTS(...)            \
	(const char *const[]) \
	{                     \
		__VA_ARGS__   \
	}

/* The filter {one part of one text}. */
#define ONE(part, text)                                                               \
	(struct oc_filter)                                                            \
	{                                                                             \
		.size = sizeof(struct oc_filter), .part = TEXTS(text), .nr_##part = 1 \
	}

static int add_count(void *arg, const struct oc_sample *sample)
{
	*(uint64_t *)arg += sample->count;
	return 0;
}

static uint64_t sum(const struct oc_machine *m)
{
	uint64_t total = 0;

	cr_assert_eq(oc_machine_each_sample(m, add_count, &total), 0);
	return total;
}

/* Selects, and checks that every way of counting agrees. Returns what is selected. */
static uint64_t select_some(struct oc_machine *m, const struct oc_filter *filter)
{
	struct oc_selected selected;
	struct oc_error err = { 0 };
	const struct oc_ledger *ledger = oc_machine_ledger_const(m);
	uint64_t kept = 0, filtered = 0;

	cr_assert_eq(oc_machine_select(m, filter, &selected, &err), 0, "%s", err.message);
	for (uint32_t i = 0; i < ledger->nr_kinds; i++) {
		kept += ledger->kinds[i].kept;
		filtered += ledger->kinds[i].filtered;
	}
	cr_assert(oc_ledger_balanced(ledger));
	cr_assert_eq(selected.selected, sum(m));
	cr_assert_eq(kept, selected.selected);
	cr_assert_eq(filtered, selected.left_out);
	cr_assert_eq(ledger->notes[OC_NOTE_NOT_SELECTED], selected.left_out);
	return selected.selected;
}

static uint64_t select_from(unsigned int flags, const struct oc_filter *filter)
{
	struct oc_machine *m = sample_machine_new(flags);
	uint64_t selected = select_some(m, filter);

	oc_machine_free(m);
	return selected;
}

static void expect_error(struct oc_machine *m, const struct oc_filter *filter, int code,
			 const char *part_of_message)
{
	struct oc_error err = { 0 };

	cr_assert_eq(oc_machine_select(m, filter, NULL, &err), code);
	cr_assert_eq(err.code, code);
	cr_assert(strstr(err.message, part_of_message), "%s", err.message);
}

#define OF_NODE (SAMPLE_TOTAL - SAMPLE_SERVER_MAIN)

Test(filter, each_part_selects_what_it_names)
{
	const struct {
		struct oc_filter filter;
		uint64_t selected;
	} cases[] = {
		{ ONE(processes, "server"), SAMPLE_SERVER_MAIN },
		{ ONE(processes, "ser*"), SAMPLE_SERVER_MAIN },
		{ ONE(processes, "100"), SAMPLE_SERVER_MAIN },
		{ ONE(processes, "10"), 0 },
		{ ONE(processes, "/usr/bin/node"), OF_NODE },
		{ ONE(processes, "node"), OF_NODE },
		{ ONE(processes, "*"), SAMPLE_TOTAL },
		{ ONE(threads, "101"), 20 + SAMPLE_RECURSE },
		{ ONE(threads, "work;er*"), 20 + SAMPLE_RECURSE },
		{ ONE(threads, "server"), SAMPLE_SERVER_MAIN - 20 - SAMPLE_RECURSE },
		{ ONE(kinds, "cpu"), SAMPLE_TOTAL },
		{ ONE(kinds, "off*"), 0 },
		{ ONE(modules, "libc.so.*"), SAMPLE_VFS_READ + SAMPLE_NO_SYMBOL },
		{ ONE(modules, "/usr/lib/*"), SAMPLE_VFS_READ + SAMPLE_NO_SYMBOL },
		{ ONE(modules, "[[]kernel]"), SAMPLE_VFS_READ },
		{ ONE(functions, "^hot_loop$"), SAMPLE_HOT_LOOP },
		{ ONE(functions, "^main$"), SAMPLE_SERVER_MAIN },
		{ ONE(functions, "^libc.so.6\\+0x"), SAMPLE_NO_SYMBOL },
		{ ONE(functions, "no stack"), SAMPLE_NO_STACK },
		{ ONE(functions, "(vfs_|recurse)"), SAMPLE_VFS_READ + SAMPLE_RECURSE },
		{ ONE(ignored, "^main$"), OF_NODE },
		{ ONE(ignored, "no stack"), SAMPLE_TOTAL - SAMPLE_NO_STACK },
		{ ONE(attrs, "host=a"), 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_eq(select_from(0, &cases[i].filter), cases[i].selected, "case %zu", i);
		cr_expect_eq(select_from(SAMPLE_TIMELINE, &cases[i].filter), cases[i].selected,
			     "case %zu, timeline", i);
	}
}

Test(filter, texts_of_one_part_add_up_and_parts_narrow)
{
	struct oc_filter filter = {
		.size = sizeof(filter),
		.functions = TEXTS("recurse", "hot_loop", "JS:"),
		.nr_functions = 3,
	};

	cr_assert_eq(select_from(0, &filter), SAMPLE_RECURSE + SAMPLE_HOT_LOOP + SAMPLE_JIT);
	filter.processes = TEXTS("server");
	filter.nr_processes = 1;
	cr_assert_eq(select_from(0, &filter), SAMPLE_RECURSE + SAMPLE_HOT_LOOP);
	filter.threads = TEXTS("101");
	filter.nr_threads = 1;
	filter.ignored = TEXTS("compute");
	filter.nr_ignored = 1;
	cr_assert_eq(select_from(0, &filter), SAMPLE_RECURSE);
}

Test(filter, a_new_selection_replaces_the_one_before)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE | SAMPLE_TWO_KINDS);
	const struct oc_ledger whole = *oc_machine_ledger_const(m);
	const struct oc_filter server = ONE(processes, "server"), node = ONE(processes, "node");
	const struct oc_filter broken = ONE(functions, "(");

	cr_assert_eq(select_some(m, &server), SAMPLE_SERVER_MAIN + SAMPLE_FAULTS);
	cr_assert_eq(select_some(m, &node), OF_NODE);
	expect_error(m, &broken, -EINVAL, "'('");
	cr_assert_eq(sum(m), OF_NODE, "a filter that fails changes nothing");
	cr_assert_eq(select_some(m, NULL), SAMPLE_TOTAL + SAMPLE_FAULTS);
	cr_assert_arr_eq(whole.kinds, oc_machine_ledger_const(m)->kinds, sizeof(whole.kinds));
	oc_machine_free(m);
}

/* ---- times and CPUs ---- */

static struct oc_filter between(enum oc_time_base base, uint64_t from, uint64_t until)
{
	return (struct oc_filter){
		.size = sizeof(struct oc_filter),
		.from = { .base = base, .ns = from },
		.until = { .base = until ? base : OC_TIME_UNBOUNDED, .ns = until },
	};
}

static int count_between(void *arg, const struct oc_sample *sample)
{
	uint64_t *range = arg;

	range[2] += sample->time_ns >= range[0] && sample->time_ns < range[1];
	return 0;
}

Test(filter, time_ranges_are_half_open_and_by_either_clock)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE);
	uint64_t range[3] = { START_NS + 2 * SAMPLE_PERIOD_NS, START_NS + 7 * SAMPLE_PERIOD_NS, 0 };
	uint64_t wall = oc_machine_info(m)->start_wall_ns;
	struct oc_filter filter;

	cr_assert_eq(oc_machine_each_sample(m, count_between, range), 0);
	cr_assert_gt(range[2], 10);
	filter = between(OC_TIME_OFFSET, 2 * SAMPLE_PERIOD_NS, 7 * SAMPLE_PERIOD_NS);
	cr_assert_eq(select_some(m, &filter), range[2]);
	filter = between(OC_TIME_WALL, wall + 2 * SAMPLE_PERIOD_NS, wall + 7 * SAMPLE_PERIOD_NS);
	cr_assert_eq(select_some(m, &filter), range[2]);
	filter = between(OC_TIME_OFFSET, 0, 0);
	cr_assert_eq(select_some(m, &filter), SAMPLE_TOTAL);
	filter = between(OC_TIME_OFFSET, UINT64_MAX, 0);
	cr_assert_eq(select_some(m, &filter), 0);
	filter = between(OC_TIME_OFFSET, 5, 5);
	expect_error(m, &filter, -EINVAL, "ends before");
	oc_machine_free(m);
}

Test(filter, without_times_or_cpus_there_is_nothing_to_choose_by)
{
	struct oc_machine *m = sample_machine_new(0);
	struct oc_machine *empty = sample_machine_new(SAMPLE_EMPTY);
	struct oc_filter cpu = { .size = sizeof(cpu), .cpus = (uint32_t[]){ 1 }, .nr_cpus = 1 };
	struct oc_filter time = between(OC_TIME_OFFSET, 1, 2);

	expect_error(m, &time, -ENODATA, "without times");
	expect_error(m, &cpu, -ENODATA, "without CPUs");
	cr_assert_eq(select_some(empty, &time), 0);
	cpu.cpus = (uint32_t[]){ UINT32_MAX };
	expect_error(m, &cpu, -EINVAL, "no CPU");
	oc_machine_free(m);
	oc_machine_free(empty);
}

Test(filter, wall_clock_needs_its_anchor)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE);
	struct oc_recording_info info = *oc_machine_info(m);
	struct oc_filter filter = between(OC_TIME_WALL, 1700000000123456789, 0);

	cr_assert_eq(select_some(m, &filter), SAMPLE_TOTAL);
	info.start_wall_ns = 0;
	oc_machine_set_info(m, &info);
	expect_error(m, &filter, -ENODATA, "date and time");
	oc_machine_free(m);
}

Test(filter, cpus)
{
	struct oc_filter one = { .size = sizeof(one), .cpus = (uint32_t[]){ 1 }, .nr_cpus = 1 };
	struct oc_filter both = { .size = sizeof(both),
				  .cpus = (uint32_t[]){ 1, 0 },
				  .nr_cpus = 2 };
	uint64_t selected = select_from(SAMPLE_TIMELINE, &one);

	cr_assert_gt(selected, 40);
	cr_assert_lt(selected, 51);
	cr_assert_eq(select_from(SAMPLE_TIMELINE, &both), SAMPLE_TOTAL);
}

/* ---- attributes ---- */

static void add_with_attrs(struct oc_machine *m, oc_attrs_id attrs, uint64_t count)
{
	struct oc_sample sample = { .count = count, .kind = 1, .attrs = attrs, .cpu = UINT32_MAX };

	cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
}

Test(filter, attributes_by_key_and_value)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind cpu = { .name = "cpu" };
	struct oc_attr host = { .key = intern(m, "host"), .value = intern(m, "web1") };
	struct oc_attr zone = { .key = intern(m, "zone"), .type = OC_ATTR_NUMBER, .value = 7 };
	oc_attrs_id plain, chained;
	struct oc_filter filter = ONE(attrs, "host=web*");

	cr_assert_eq(oc_machine_add_kind(m, &cpu), 1);
	plain = (oc_attrs_id)oc_machine_intern_attrs(m, &host, 1, 0);
	chained = (oc_attrs_id)oc_machine_intern_attrs(m, &zone, 1, plain);
	add_with_attrs(m, 0, 1);
	add_with_attrs(m, plain, 10);
	add_with_attrs(m, chained, 100);
	oc_machine_ledger(m)->kinds[0].taken = 111;
	cr_assert_eq(oc_machine_finish(m), 0);

	cr_assert_eq(select_some(m, &filter), 110);
	filter = ONE(attrs, "zone=7");
	cr_assert_eq(select_some(m, &filter), 100);
	filter.attrs = TEXTS("zone=7", "host=db", "host=web1");
	filter.nr_attrs = 3;
	cr_assert_eq(select_some(m, &filter), 100, "one value of each key is enough");
	filter.attrs = TEXTS("zone=7", "host=db");
	filter.nr_attrs = 2;
	cr_assert_eq(select_some(m, &filter), 0, "each key is needed");
	filter = ONE(attrs, "zo=7");
	cr_assert_eq(select_some(m, &filter), 0);
	filter = ONE(attrs, "zone");
	expect_error(m, &filter, -EINVAL, "KEY=VALUE");
	oc_machine_free(m);
}

/* ---- what is told ---- */

Test(filter, tells_which_part_matched_nothing)
{
	struct oc_machine *m = sample_machine_new(0);
	struct oc_filter filter = ONE(processes, "server");
	struct oc_selected selected;

	filter.functions = TEXTS("^nobody$");
	filter.nr_functions = 1;
	cr_assert_eq(oc_machine_select(m, &filter, &selected, NULL), 0);
	cr_assert(selected.asked[OC_FILTER_PROCESS] && selected.asked[OC_FILTER_FUNCTION]);
	cr_assert(!selected.asked[OC_FILTER_TIME]);
	cr_assert_eq(selected.passed[OC_FILTER_PROCESS], SAMPLE_SERVER_MAIN);
	cr_assert_eq(selected.passed[OC_FILTER_FUNCTION], 0);
	cr_assert_eq(selected.selected, 0);
	oc_machine_free(m);
}

Test(filter, graphs_show_a_kind_that_is_selected)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TWO_KINDS);
	struct oc_filter filter = ONE(kinds, "page_faults");
	struct oc_graph *g;
	uint32_t nr;

	cr_assert_eq(oc_machine_shown_kind(m), 1);
	cr_assert_eq(select_some(m, &filter), SAMPLE_FAULTS);
	cr_assert_eq(oc_machine_shown_kind(m), 2);
	cr_assert_eq(oc_graph_new(m, NULL, &g), 0);
	cr_assert_str_eq(oc_graph_kind(g)->name, "page_faults");
	cr_assert_eq(oc_graph_nodes(g, &nr)[0].total, SAMPLE_FAULTS * 4096);
	oc_graph_free(g);
	oc_machine_free(m);
}

Test(filter, stacks_are_known_by_process_only)
{
	struct oc_machine *m = sample_machine_new(0);
	struct oc_ledger_kind *row = &oc_machine_ledger(m)->kinds[0];
	struct oc_filter server = ONE(processes, "server"), function = ONE(functions, "main");

	cr_assert_eq(oc_machine_count_stacks(m, 1, OC_STACK_COUNT, 50), 0);
	cr_assert_eq(oc_machine_count_stacks(m, 1, OC_STACK_BROKEN, 7), 0);
	cr_assert_eq(oc_machine_count_stacks(m, 2, OC_STACK_COUNT, 20), 0);
	row->stacks = 77;
	row->complete = 70;
	row->incomplete[OC_STACK_BROKEN] = 7;
	select_some(m, &server);
	cr_assert_eq(row->stacks, 57);
	cr_assert_eq(row->incomplete[OC_STACK_BROKEN], 7);
	cr_assert(oc_machine_stack_counts(m, 1));
	cr_assert_null(oc_machine_stack_counts(m, 2));
	select_some(m, &function);
	cr_assert_eq(row->stacks, 0);
	cr_assert_null(oc_machine_stack_counts(m, 1));
	select_some(m, NULL);
	cr_assert_eq(row->stacks, 77);
	oc_machine_free(m);
}

/* ---- groups ---- */

Test(filter, groups_of_a_selection_add_up_to_it)
{
	static const enum oc_split ways[] = { OC_SPLIT_PROCESS, OC_SPLIT_COMM, OC_SPLIT_CONTAINER,
					      OC_SPLIT_THREAD };
	struct oc_filter filter = ONE(ignored, "recurse");

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE);
		uint64_t total = 0;
		oc_string_id *names;
		uint32_t *group_of;
		int64_t nr;

		select_some(m, &filter);
		nr = oc_machine_split(m, ways[i], &group_of, &names);
		cr_assert_geq(nr, 2);
		for (uint32_t group = 0; group < nr; group++) {
			int64_t selected = oc_machine_select_group(m, ways[i], group_of, group);

			cr_assert_eq(selected, (int64_t)sum(m));
			cr_assert(oc_ledger_balanced(oc_machine_ledger_const(m)));
			cr_assert_eq(oc_machine_ledger_const(m)->kinds[0].kept, sum(m));
			total += sum(m);
		}
		cr_assert_eq(total, SAMPLE_TOTAL - SAMPLE_RECURSE);
		cr_assert_eq(oc_machine_select_group(m, ways[i], NULL, 0), (int64_t)total);
		cr_assert_eq(select_some(m, NULL), SAMPLE_TOTAL);
		free(group_of);
		free(names);
		oc_machine_free(m);
	}
}

Test(filter, obeyed_by_samples_in_the_temporary_file)
{
	const struct oc_machine_opts opts = { .size = sizeof(opts), .memory_budget_bytes = 1 };
	struct oc_machine *m = oc_machine_new(&opts);
	struct oc_kind cpu = { .name = "cpu" };
	struct oc_filter filter = between(OC_TIME_OFFSET, 100, 50100);

	cr_assert_eq(oc_machine_add_kind(m, &cpu), 1);
	for (uint64_t i = 0; i < 60000; i++) {
		struct oc_sample sample = { .time_ns = START_NS + i, .count = 1, .kind = 1 };

		cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	}
	oc_machine_ledger(m)->kinds[0].taken = 60000;
	cr_assert_eq(oc_machine_finish(m), 0);
	cr_assert_gt(oc_machine_ledger(m)->notes[OC_NOTE_SPILLED_SAMPLES], 0);
	cr_assert_eq(select_some(m, &filter), 50000);
	oc_machine_free(m);
}
