/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * onecollect/graph.h: call trees and function totals.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <onecollect/graph.h>

#include "base/macros.h"
#include "sample_machine.h"

static struct oc_graph *graph_of(const struct oc_machine *m, struct oc_graph_opts opts)
{
	struct oc_graph *g;

	opts.size = sizeof(opts);
	cr_assert_eq(oc_graph_new(m, &opts, &g), 0);
	return g;
}

/* The links of every node agree with each other, and sums are sums. */
static void check_tree(const struct oc_graph *g)
{
	uint32_t nr, linked = 0;
	const struct oc_graph_node *nodes = oc_graph_nodes(g, &nr);

	cr_assert_geq(nr, 1);
	cr_assert_eq(nodes[0].frame_kind, OC_FRAME_ROOT);
	cr_assert_str_eq(oc_graph_name(g, nodes[0].name, NULL), "");
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t total = nodes[i].self;
		const struct oc_graph_node *before = NULL;

		for (uint32_t c = nodes[i].first_child; c; c = nodes[c].next_sibling) {
			const struct oc_graph_node *child = &nodes[c];

			cr_assert_eq(child->parent, i);
			cr_assert_eq(child->depth, nodes[i].depth + 1);
			if (before) {
				int order = strcmp(oc_graph_name(g, before->name, NULL),
						   oc_graph_name(g, child->name, NULL));

				cr_assert(order < 0 ||
					  (!order && before->frame_kind < child->frame_kind));
			}
			before = child;
			total += child->total;
			linked++;
		}
		cr_assert_eq(nodes[i].total, total);
	}
	cr_assert_eq(linked, nr - 1, "every node but the root is somebody's child");
}

/* The node below `parent` with that name, 0 = none. */
static uint32_t child(const struct oc_graph *g, uint32_t parent, const char *name)
{
	uint32_t nr;
	const struct oc_graph_node *nodes = oc_graph_nodes(g, &nr);

	for (uint32_t c = nodes[parent].first_child; c; c = nodes[c].next_sibling) {
		if (!strcmp(oc_graph_name(g, nodes[c].name, NULL), name))
			return c;
	}
	return 0;
}

/* Follows names from the root, asserts that the path is there, and returns the node. */
static const struct oc_graph_node *at(const struct oc_graph *g, const char *const *names)
{
	uint32_t nr, node = 0;
	const struct oc_graph_node *nodes = oc_graph_nodes(g, &nr);

	for (; *names; names++) {
		node = child(g, node, *names);
		cr_assert(node, "no node %s", *names);
	}
	return &nodes[node];
}

#define AT(g, ...) at(g, (const char *const[]){ __VA_ARGS__, NULL })

static const struct oc_graph_function *function(const struct oc_graph *g, const char *name)
{
	uint32_t nr;
	const struct oc_graph_function *functions = oc_graph_functions(g, &nr);

	for (uint32_t i = 0; i < nr; i++) {
		if (!strcmp(oc_graph_name(g, functions[i].name, NULL), name))
			return &functions[i];
	}
	cr_assert_fail("no function %s", name);
	return NULL;
}

Test(graph, tree_by_process)
{
	struct oc_machine *m = sample_machine_new(0);
	struct oc_graph *g;
	uint32_t nr;

	cr_assert_eq(oc_graph_new(m, NULL, &g), 0);
	check_tree(g);
	cr_assert_eq(oc_graph_nodes(g, &nr)->total, SAMPLE_TOTAL);
	cr_assert_eq(nr, 18);
	cr_assert_eq(AT(g, "server")->frame_kind, OC_FRAME_GROUP);
	cr_assert_eq(AT(g, "server", "main")->total, SAMPLE_SERVER_MAIN);
	cr_assert_eq(AT(g, "server", "main")->self, 0);
	cr_assert_eq(AT(g, "server", "main", "recurse", "recurse", "recurse")->self,
		     SAMPLE_RECURSE);
	cr_assert_eq(AT(g, "server", "main", "compute(int)")->frame_kind, OC_FRAME_USER);
	cr_assert_eq(AT(g, "server", "main", "compute(int)", "hot_loop")->frame_kind,
		     OC_FRAME_INLINE);
	cr_assert_eq(AT(g, "server", "main", "compute(int)", "hot_loop")->self, SAMPLE_HOT_LOOP);
	cr_assert_eq(AT(g, "server", "main", "read", "do_syscall_64", "vfs_read")->frame_kind,
		     OC_FRAME_KERNEL);
	cr_assert_eq(AT(g, "no;de </script>", "[no stack]")->self, SAMPLE_NO_STACK);
	cr_assert_eq(
		AT(g, "no;de </script>", "node::Start()", "JS:~handle /app/x.js:1")->frame_kind,
		OC_FRAME_JIT);
	cr_assert_str_eq(oc_graph_kind(g)->name, "cpu");
	oc_graph_free(g);
	oc_machine_free(m);
}

Test(graph, a_timeline_gives_the_same_tree)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE | SAMPLE_TWO_KINDS);
	struct oc_graph *g = graph_of(m, (struct oc_graph_opts){ .group_by_process = true });
	uint32_t nr;

	check_tree(g);
	cr_assert_eq(oc_graph_nodes(g, &nr)->total, SAMPLE_TOTAL);
	cr_assert_eq(nr, 18);
	cr_assert_eq(AT(g, "server", "main", "compute(int)", "hot_loop")->self, SAMPLE_HOT_LOOP);
	oc_graph_free(g);
	oc_machine_free(m);
}

Test(graph, functions_count_each_sample_once)
{
	struct oc_machine *m = sample_machine_new(0);
	struct oc_graph *g = graph_of(m, (struct oc_graph_opts){ 0 });
	uint32_t nr;
	uint64_t self = 0;
	const struct oc_graph_function *functions = oc_graph_functions(g, &nr);

	cr_assert_eq(nr, 13);
	for (uint32_t i = 0; i < nr; i++) {
		self += functions[i].self;
		cr_assert_leq(functions[i].self, functions[i].total);
		if (i) {
			cr_assert_geq(functions[i - 1].self, functions[i].self);
			if (functions[i - 1].self == functions[i].self)
				cr_assert_geq(functions[i - 1].total, functions[i].total);
		}
	}
	cr_assert_eq(self, SAMPLE_TOTAL);
	cr_assert_eq(function(g, "[no stack]")->self, SAMPLE_NO_STACK);
	cr_assert_eq(function(g, "recurse")->total, SAMPLE_RECURSE,
		     "three frames of one sample count once");
	cr_assert_eq(function(g, "recurse")->self, SAMPLE_RECURSE);
	cr_assert_eq(function(g, "main")->total, SAMPLE_SERVER_MAIN);
	cr_assert_eq(function(g, "main")->self, 0);
	cr_assert_eq(function(g, "hot_loop")->self, SAMPLE_HOT_LOOP);
	cr_assert_eq(function(g, "compute(int)")->self, 0);
	cr_assert_eq(function(g, "compute(int)")->total, SAMPLE_HOT_LOOP);
	cr_assert_eq(function(g, "libc.so.6+0x20123")->self, SAMPLE_NO_SYMBOL);
	cr_assert_eq(function(g, "0xdead0000")->self, SAMPLE_UNKNOWN);
	cr_assert_eq(function(g, "0xdead0000")->module, 0);
	cr_assert_str_eq(oc_machine_string(m, function(g, "vfs_read")->module, NULL), "[kernel]");
	cr_assert_str_eq(oc_machine_string(m, function(g, "read")->module, NULL),
			 "/usr/lib/libc.so.6");
	oc_graph_free(g);
	oc_machine_free(m);
}

Test(graph, groups)
{
	struct oc_machine *m = sample_machine_new(0);
	struct oc_graph *g = graph_of(m, (struct oc_graph_opts){ .group_by_pid = true,
								 .group_by_thread = true });
	size_t len;

	check_tree(g);
	cr_assert_eq(AT(g, "server-100")->total, SAMPLE_SERVER_MAIN);
	cr_assert_eq(AT(g, "server-100", "work;er\\n1-101")->total, 30);
	cr_assert_eq(AT(g, "server-100", "work;er\\n1-101")->frame_kind, OC_FRAME_GROUP);
	cr_assert_eq(AT(g, "no;de </script>-200", "no;de </script>-0", "node::Start()")->total,
		     SAMPLE_HOSTILE);
	cr_assert_str_eq(oc_graph_name(g, AT(g, "server-100")->name, &len), "server-100");
	cr_assert_eq(len, strlen("server-100"));
	oc_graph_free(g);

	g = graph_of(m, (struct oc_graph_opts){ .group_by_thread = true });
	check_tree(g);
	cr_assert_eq(AT(g, "work;er\\n1-101", "main")->total, 30);
	oc_graph_free(g);

	g = graph_of(m, (struct oc_graph_opts){ 0 });
	check_tree(g);
	cr_assert_eq(AT(g, "main")->total, SAMPLE_SERVER_MAIN);
	cr_assert_eq(AT(g, "node::Start()")->total,
		     SAMPLE_TOTAL - SAMPLE_SERVER_MAIN - SAMPLE_NO_STACK);
	oc_graph_free(g);
	oc_machine_free(m);
}

Test(graph, reverse_has_the_leaves_first)
{
	struct oc_machine *m = sample_machine_new(0);
	struct oc_graph *g =
		graph_of(m, (struct oc_graph_opts){ .reverse = true, .group_by_process = true });
	uint32_t nr;

	check_tree(g);
	cr_assert_eq(oc_graph_nodes(g, &nr)->total, SAMPLE_TOTAL);
	cr_assert_eq(AT(g, "hot_loop")->total, SAMPLE_HOT_LOOP);
	cr_assert_eq(AT(g, "hot_loop", "compute(int)", "main")->self, SAMPLE_HOT_LOOP);
	cr_assert_eq(AT(g, "vfs_read", "do_syscall_64", "read", "main")->total, SAMPLE_VFS_READ);
	cr_assert_eq(function(g, "hot_loop")->self, SAMPLE_HOT_LOOP,
		     "self is the leaf's in every tree");
	cr_assert_eq(child(g, 0, "main"), 0, "main was never a leaf");
	cr_assert_eq(child(g, 0, "server"), 0, "groups are left out");
	oc_graph_free(g);
	oc_machine_free(m);
}

Test(graph, kinds_are_apart)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TWO_KINDS);
	struct oc_graph *g = graph_of(m, (struct oc_graph_opts){ .kind = 2 });
	struct oc_graph_opts opts = { .size = sizeof(opts), .kind = 3 };
	uint32_t nr;

	check_tree(g);
	cr_assert_eq(oc_graph_nodes(g, &nr)->total, SAMPLE_FAULTS * 4096);
	cr_assert_eq(oc_graph_unit(g), OC_UNIT_BYTES);
	cr_assert_eq(nr, 4);
	cr_assert_str_eq(oc_graph_kind(g)->name, "page_faults");
	oc_graph_free(g);
	cr_assert_eq(oc_graph_new(m, &opts, &g), -EINVAL);
	oc_graph_free(NULL);
	oc_machine_free(m);
}

Test(graph, no_samples_is_a_lone_root)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_EMPTY);
	struct oc_graph *g = graph_of(m, (struct oc_graph_opts){ .group_by_process = true });
	uint32_t nr;

	check_tree(g);
	cr_assert_eq(oc_graph_nodes(g, &nr)->total, 0);
	cr_assert_eq(nr, 1);
	oc_graph_functions(g, &nr);
	cr_assert_eq(nr, 0);
	oc_graph_free(g);
	oc_machine_free(m);
}

Test(graph, the_deepest_stacks_share_their_roots)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind kind = { .name = "cpu", .unit = OC_UNIT_COUNT };
	int64_t process = oc_machine_process_start(m, 7, 0, 1);
	int64_t thread = oc_machine_add_thread(m, (oc_process_id)process, 7);
	uint64_t addresses[OC_STACK_FRAMES_MAX];
	struct oc_graph *g;
	uint32_t nr;

	cr_assert_eq(oc_machine_add_kind(m, &kind), 1);
	for (uint32_t s = 0; s < 20; s++) {
		struct oc_sample sample = { .count = s + 1,
					    .kind = 1,
					    .process = (oc_process_id)process,
					    .thread = (oc_thread_id)thread };
		int64_t id;

		/* The outer half is the same in all, the inner half is not. */
		for (uint32_t i = 0; i < OC_STACK_FRAMES_MAX; i++)
			addresses[i] = 0x10000 + i * 64ULL +
				       (i < OC_STACK_FRAMES_MAX / 2 ? s : 0) * 0x100000ULL;
		id = oc_machine_intern_callstack(m, addresses, OC_STACK_FRAMES_MAX, 0);
		sample.stack =
			(oc_stack_id)oc_machine_resolve(m, sample.process, (oc_callstack_id)id);
		cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	}
	cr_assert_eq(oc_machine_finish(m), 0);
	g = graph_of(m, (struct oc_graph_opts){ 0 });
	check_tree(g);
	cr_assert_eq(oc_graph_nodes(g, &nr)->total, 20 * 21 / 2);
	cr_assert_eq(nr, 1 + OC_STACK_FRAMES_MAX / 2 + 20 * OC_STACK_FRAMES_MAX / 2);
	oc_graph_free(g);
	oc_machine_free(m);
}

Test(graph, callees_and_callers_of_a_function)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE);
	struct oc_graph *g = graph_of(m, (struct oc_graph_opts){ .of = "recurse" });
	uint32_t nr;

	check_tree(g);
	cr_assert_eq(oc_graph_nodes(g, &nr)[0].total, SAMPLE_RECURSE);
	cr_assert_eq(AT(g, "recurse", "recurse", "recurse")->self, SAMPLE_RECURSE,
		     "from the outermost frame on");
	cr_assert_eq(function(g, "recurse")->total, SAMPLE_RECURSE);
	oc_graph_free(g);

	g = graph_of(m, (struct oc_graph_opts){ .of = "recurse", .reverse = true });
	check_tree(g);
	cr_assert_eq(oc_graph_nodes(g, &nr)[0].total, SAMPLE_RECURSE);
	cr_assert_eq(AT(g, "recurse", "main")->self, SAMPLE_RECURSE);
	cr_assert_eq(nr, 3, "not the calls of itself");
	oc_graph_free(g);

	g = graph_of(m, (struct oc_graph_opts){ .of = "main", .group_by_process = true });
	check_tree(g);
	cr_assert_eq(AT(g, "main")->total, SAMPLE_SERVER_MAIN, "no group above it");
	oc_graph_free(g);

	g = graph_of(m, (struct oc_graph_opts){ .of = "[no stack]" });
	cr_assert_eq(AT(g, "[no stack]")->self, SAMPLE_NO_STACK);
	oc_graph_free(g);

	g = graph_of(m, (struct oc_graph_opts){ .of = "rec" });
	cr_assert_eq(oc_graph_nodes(g, &nr)[0].total, 0);
	cr_assert_eq(nr, 1);
	oc_graph_free(g);
	oc_machine_free(m);
}

/* Adds `pid` samples in a program's only function, of the given name, in a process of its own. */
static void run_program(struct oc_machine *m, uint32_t pid, const char *path, const char *name)
{
	struct oc_module module = { .path = (oc_string_id)oc_machine_intern(m, path,
									    strlen(path)) };
	struct oc_function f = { .name = (oc_string_id)oc_machine_intern(m, name, strlen(name)),
				 .module = (oc_module_id)oc_machine_add_module(m, &module) };
	struct oc_line line = { .function = (oc_function_id)oc_machine_add_function(m, &f) };
	uint64_t address = pid * 0x1000ULL;
	struct oc_mapping mapping = { .module = f.module,
				      .start = address,
				      .end = address + 0x1000,
				      .file_offset = address,
				      .until_ns = UINT64_MAX };
	struct oc_sample sample = { .count = pid, .kind = 1 };
	oc_callstack_id stack = (oc_callstack_id)oc_machine_intern_callstack(m, &address, 1, 0);

	sample.process = mapping.process = (oc_process_id)oc_machine_process_start(m, pid, 0, 1);
	sample.thread = (oc_thread_id)oc_machine_add_thread(m, sample.process, pid);
	cr_assert_gt(oc_machine_add_mapping(m, &mapping), 0);
	sample.stack = (oc_stack_id)oc_machine_resolve(m, sample.process, stack);
	cr_assert_eq(oc_machine_set_lines(m, oc_machine_nr_locations(m), &line, 1), 0);
	cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
}

Test(graph, functions_of_one_name_in_several_modules)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind kind = { .name = "cpu", .unit = OC_UNIT_COUNT };
	struct oc_graph *g;

	cr_assert_eq(oc_machine_add_kind(m, &kind), 1);
	run_program(m, 7, "/bin/a", "_start");
	run_program(m, 8, "/bin/b", "_start");
	run_program(m, 9, "/bin/b", "only here");
	cr_assert_eq(oc_machine_finish(m), 0);
	g = graph_of(m, (struct oc_graph_opts){ 0 });
	cr_assert_eq(function(g, "_start")->total, 7 + 8);
	cr_assert_eq(function(g, "_start")->nr_modules, 2);
	cr_assert_str_eq(oc_machine_string(m, function(g, "_start")->module, NULL), "/bin/a");
	cr_assert_eq(function(g, "only here")->nr_modules, 1);
	oc_graph_free(g);
	oc_machine_free(m);
}
