/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export/: strings, kinds, processes, threads, modules, attributes, spans, hooks and splitting.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <onecollect/machine.h>

#include "machine_parts.h"

/* ---- life, strings, kinds ---- */

Test(machine, free_accepts_null_and_empty)
{
	struct oc_machine_opts opts = { .size = sizeof(opts),
					.memory_budget_bytes = 1,
					.spill_dir = "/tmp" };

	oc_machine_free(NULL);
	oc_machine_free(oc_machine_new(NULL));
	oc_machine_free(oc_machine_new(&opts));
}

Test(machine, options_of_an_older_caller)
{
	/* All of the struct but its size is rubbish: a caller that knows only `size` must get defaults. */
	struct oc_machine_opts opts;
	struct oc_machine *m;

	memset(&opts, 0xff, sizeof(opts));
	opts.size = sizeof(opts.size);
	m = oc_machine_new(&opts);
	cr_assert_not_null(m);
	oc_machine_free(m);
}

Test(machine, strings_are_interned)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_string_id a = intern(m, "alpha"), b = intern(m, "beta");
	size_t len;

	cr_assert_eq(intern(m, ""), 0);
	cr_assert_eq(oc_machine_intern(m, NULL, 0), 0);
	cr_assert_neq(a, b);
	cr_assert_eq(intern(m, "alpha"), a);
	cr_assert_eq(oc_machine_intern(m, "alphabet", 5), a);
	cr_assert_str_eq(oc_machine_string(m, b, &len), "beta");
	cr_assert_eq(len, 4);
	cr_assert_str_eq(oc_machine_string(m, 0, &len), "");
	cr_assert_eq(len, 0);
	cr_assert_str_eq(oc_machine_string(m, 99, NULL), "");
	oc_machine_free(m);
}

Test(machine, strings_do_not_move)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_string_id first = intern(m, "first");
	const char *text = oc_machine_string(m, first, NULL);
	char name[32];

	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "name-%d", i);
		cr_assert_eq(intern(m, name), first + 1 + (oc_string_id)i);
	}
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "name-%d", i);
		cr_assert_eq(intern(m, name), first + 1 + (oc_string_id)i);
	}
	cr_assert_eq(oc_machine_string(m, first, NULL), text);
	cr_assert_str_eq(text, "first");
	oc_machine_free(m);
}

Test(machine, hostile_strings_are_cleaned)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_string_id id = intern(m, "evil\x1b[31m\n");
	size_t len;

	cr_assert_str_eq(oc_machine_string(m, id, NULL), "evil\\x1b[31m\\n");
	cr_assert_eq(intern(m, "evil\x1b[31m\n"), id, "the same dirt is the same string");
	cr_assert_eq(intern(m, "evil\\x1b[31m\\n"), id, "and so is its clean form");
	id = (oc_string_id)oc_machine_intern(m, "a\0b", 3);
	cr_assert_str_eq(oc_machine_string(m, id, &len), "a\\x00b");
	cr_assert_eq(len, 6);
	id = intern(m, "\xff\xfe");
	cr_assert_str_eq(oc_machine_string(m, id, NULL), "\xef\xbf\xbd\xef\xbf\xbd");
	oc_machine_free(m);
}

Test(machine, kinds)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind bad = { .name = "" }, first = { .name = "cpu", .period_ns = 1000 };
	oc_kind_id cpu = must(oc_machine_add_kind(m, &first));
	char name[32];

	cr_assert_eq(oc_machine_add_kind(m, &bad), -EINVAL);
	memset(bad.name, 'x', sizeof(bad.name));
	cr_assert_eq(oc_machine_add_kind(m, &bad), -EINVAL, "no NUL, so too long");
	snprintf(bad.name, sizeof(bad.name), "a\nb");
	cr_assert_eq(oc_machine_add_kind(m, &bad), -EINVAL);
	cr_assert_eq(add_kind(m, "cpu", OC_UNIT_BYTES), cpu);
	cr_assert_eq(oc_machine_kind(m, cpu)->unit, OC_UNIT_COUNT,
		     "the first one says what a kind is");
	cr_assert_null(oc_machine_kind(m, 0));
	cr_assert_null(oc_machine_kind(m, 2));
	for (int i = 1; i < OC_KINDS_MAX; i++) {
		snprintf(name, sizeof(name), "kind%d", i);
		cr_assert_eq(add_kind(m, name, OC_UNIT_BYTES), (oc_kind_id)i + 1);
	}
	snprintf(bad.name, sizeof(bad.name), "one-more");
	cr_assert_eq(oc_machine_add_kind(m, &bad), -ENOSPC);
	cr_assert_eq(oc_machine_nr_kinds(m), OC_KINDS_MAX);
	cr_assert_eq(oc_machine_ledger(m)->nr_kinds, OC_KINDS_MAX);
	cr_assert_str_eq(oc_machine_ledger_const(m)->kinds[0].name, "cpu");
	cr_assert_str_eq(oc_machine_ledger_const(m)->kinds[0].unit, "count");
	cr_assert_str_eq(oc_machine_ledger_const(m)->kinds[1].unit, "bytes");
	cr_assert_eq(oc_machine_ledger_const(m)->kinds[0].period_ns, 1000);
	oc_machine_free(m);
}

Test(machine, info_is_kept)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_recording_info info = { .start_mono_ns = 5, .nr_cpus = 2, .aggregated = true };

	cr_assert_eq(oc_machine_info(m)->nr_cpus, 0);
	info.hostname = intern(m, "host");
	oc_machine_set_info(m, &info);
	cr_assert_eq(memcmp(oc_machine_info(m), &info, sizeof(info)), 0);
	oc_machine_free(m);
}

/* ---- processes and threads ---- */

Test(machine, pid_reuse_makes_a_new_process)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id a = start_process(m, 7, 0, 100), b, c;

	oc_machine_process_exit(m, 7, 200);
	cr_assert_eq(oc_machine_process_now(m, 7), 0);
	b = start_process(m, 7, 0, 300);
	cr_assert_neq(a, b);
	cr_assert_eq(oc_machine_process_now(m, 7), b);
	c = start_process(m, 7, 0, 400);
	cr_assert_eq(oc_machine_process(m, b)->end_ns, 400, "a pid has one process at a time");
	cr_assert_eq(oc_machine_process(m, c)->end_ns, UINT64_MAX);
	cr_assert_eq(oc_machine_process_at(m, 7, 99), 0);
	cr_assert_eq(oc_machine_process_at(m, 7, 100), a);
	cr_assert_eq(oc_machine_process_at(m, 7, 199), a);
	cr_assert_eq(oc_machine_process_at(m, 7, 200), 0);
	cr_assert_eq(oc_machine_process_at(m, 7, 299), 0);
	cr_assert_eq(oc_machine_process_at(m, 7, 300), b);
	cr_assert_eq(oc_machine_process_at(m, 7, 399), b);
	cr_assert_eq(oc_machine_process_at(m, 7, 400), c);
	cr_assert_eq(oc_machine_process_at(m, 7, UINT64_MAX), c);
	cr_assert_eq(oc_machine_process_at(m, 8, 300), 0);
	cr_assert_eq(oc_machine_nr_processes(m), 3);
	oc_machine_free(m);
}

Test(machine, many_images_of_one_pid)
{
	struct oc_machine *m = oc_machine_new(NULL);

	for (uint32_t i = 0; i < 5000; i++)
		cr_assert_eq(start_process(m, 1234, 0, 10 * (uint64_t)i), i + 1);
	for (uint32_t i = 0; i < 5000; i++) {
		cr_assert_eq(oc_machine_process_at(m, 1234, 10 * (uint64_t)i), i + 1);
		cr_assert_eq(oc_machine_process_at(m, 1234, 10 * (uint64_t)i + 9), i + 1);
	}
	oc_machine_free(m);
}

Test(machine, exec_makes_a_new_image)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_string_id shell = intern(m, "sh"), compiler = intern(m, "cc1");
	struct oc_process facts = { .comm = shell, .exe = intern(m, "/bin/sh"), .ns_pid = 3 };
	oc_process_id first = start_process(m, 50, 0, 10), second;
	const struct oc_process *image;

	facts.container = intern(m, "c0ffee");
	facts.cgroup = intern(m, "/kube/c0ffee");
	cr_assert_eq(oc_machine_process_set(m, first, &facts), 0);
	second = (oc_process_id)oc_machine_process_exec(m, 50, 20, compiler);
	image = oc_machine_process(m, second);
	cr_assert_neq(first, second);
	cr_assert_eq(image->generation, 1);
	cr_assert_eq(image->parent, first);
	cr_assert_eq(image->comm, compiler);
	cr_assert_eq(image->exe, 0, "the executable is another one, not known yet");
	cr_assert_eq(image->ns_pid, 3);
	cr_assert_eq(image->container, facts.container);
	cr_assert_eq(image->cgroup, facts.cgroup);
	cr_assert_eq(oc_machine_process(m, first)->end_ns, 20);
	cr_assert_eq(oc_machine_process_at(m, 50, 19), first);
	cr_assert_eq(oc_machine_process_at(m, 50, 20), second);
	cr_assert_gt(oc_machine_process_exec(m, 50, 30, 0), 0);
	image = oc_machine_process(m, oc_machine_process_now(m, 50));
	cr_assert_eq(image->generation, 2);
	cr_assert_eq(image->comm, compiler, "no name given: it keeps the one it had");
	cr_assert_eq(oc_machine_process_exec(m, 50, 30, 12345), -EINVAL);
	oc_machine_free(m);
}

Test(machine, exec_of_an_unknown_or_dead_pid_starts_it)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_string_id name = intern(m, "late");
	oc_process_id id = (oc_process_id)oc_machine_process_exec(m, 9, 5, name);

	cr_assert_eq(oc_machine_process(m, id)->generation, 0);
	cr_assert_eq(oc_machine_process(m, id)->parent, 0);
	oc_machine_process_exit(m, 9, 6);
	oc_machine_process_exit(m, 9, 9);
	cr_assert_eq(oc_machine_process(m, id)->end_ns, 6, "a process ends once");
	id = (oc_process_id)oc_machine_process_exec(m, 9, 7, name);
	cr_assert_eq(oc_machine_process(m, id)->generation, 0);
	oc_machine_process_exit(m, 4711, 8);
	oc_machine_free(m);
}

Test(machine, process_errors_and_late_clocks)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_process facts = { .comm = 77 };
	oc_process_id a, b;

	cr_assert_eq(oc_machine_process_start(m, 1, 1, 0), -EINVAL);
	a = start_process(m, 1, 0, 100);
	cr_assert_eq(oc_machine_process_set(m, a, &facts), -EINVAL);
	cr_assert_eq(oc_machine_process_set(m, 2, &(struct oc_process){ 0 }), -EINVAL);
	cr_assert_null(oc_machine_process(m, 0));
	cr_assert_null(oc_machine_process(m, 2));
	/* A clock that runs backwards must not put the newer image before the older one. */
	b = start_process(m, 1, 0, 50);
	cr_assert_eq(oc_machine_process_now(m, 1), b);
	cr_assert_eq(oc_machine_process_at(m, 1, 100), b);
	oc_machine_process_exit(m, 1, 0);
	cr_assert_eq(oc_machine_process(m, b)->end_ns, 100);
	cr_assert_eq(start_process(m, 0, 0, 0), 3, "pid 0 is a pid");
	cr_assert_eq(oc_machine_process_now(m, 0), 3);
	cr_assert_eq(start_process(m, UINT32_MAX, 0, 0), 4);
	cr_assert_eq(oc_machine_process_now(m, UINT32_MAX), 4);
	oc_machine_free(m);
}

Test(machine, fork_inherits_facts)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id parent = start_process(m, 1, 0, 0), child;
	struct oc_process facts = { .comm = intern(m, "make"),
				    .exe = intern(m, "/usr/bin/make"),
				    .ns_pid = 8 };

	oc_machine_process_set(m, parent, &facts);
	child = start_process(m, 2, parent, 5);
	cr_assert_eq(oc_machine_process(m, child)->comm, facts.comm);
	cr_assert_eq(oc_machine_process(m, child)->exe, facts.exe);
	cr_assert_eq(oc_machine_process(m, child)->ns_pid, 0, "a pid is not inherited");
	cr_assert_eq(oc_machine_process(m, child)->generation, 0);
	cr_assert_eq(oc_machine_process(m, child)->parent, parent);
	oc_machine_free(m);
}

Test(machine, threads)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 10, 0, 0), image;
	oc_thread_id leader = (oc_thread_id)oc_machine_add_thread(m, p, 10);
	oc_thread_id worker = (oc_thread_id)oc_machine_add_thread(m, p, 11);
	oc_string_id name = intern(m, "main"), other = intern(m, "worker");

	cr_assert_eq(oc_machine_add_thread(m, p, 11), worker);
	cr_assert_neq(leader, worker);
	cr_assert_eq(oc_machine_add_thread(m, 0, 11), -EINVAL);
	cr_assert_eq(oc_machine_add_thread(m, 2, 11), -EINVAL);
	cr_assert_eq(oc_machine_thread_set_name(m, worker, other), 0);
	cr_assert_eq(oc_machine_process(m, p)->comm, 0);
	cr_assert_eq(oc_machine_thread_set_name(m, leader, name), 0);
	cr_assert_eq(oc_machine_process(m, p)->comm, name, "the leader's name is the process's");
	cr_assert_eq(oc_machine_thread_set_name(m, 3, name), -EINVAL);
	cr_assert_eq(oc_machine_thread_set_name(m, worker, 99), -EINVAL);
	image = (oc_process_id)oc_machine_process_exec(m, 10, 5, name);
	cr_assert_eq(oc_machine_add_thread(m, image, 10), 3,
		     "threads of another image are other threads");
	cr_assert_eq(oc_machine_thread(m, worker)->name, other);
	cr_assert_eq(oc_machine_thread(m, worker)->process, p);
	cr_assert_null(oc_machine_thread(m, 0));
	cr_assert_eq(oc_machine_nr_threads(m), 3);
	oc_machine_free(m);
}

/* ---- modules ---- */

static int64_t add_file(struct oc_machine *m, const char *path, uint64_t inode,
			const char *build_id)
{
	struct oc_module module = { .type = OC_MODULE_FILE,
				    .path = intern(m, path),
				    .inode = inode };

	module.device = inode ? 8 : 0;
	module.build_id_size = (uint8_t)strlen(build_id);
	memcpy(module.build_id, build_id, module.build_id_size);
	return oc_machine_add_module(m, &module);
}

Test(machine, module_identity)
{
	struct oc_machine *m = oc_machine_new(NULL);
	int64_t a = add_file(m, "/lib/a.so", 1, "AAAA");

	cr_assert_eq(add_file(m, "/container/lib/a.so", 9, "AAAA"), a, "the build-id decides");
	cr_assert_neq(add_file(m, "/lib/a.so", 1, "BBBB"), a, "even when all else is equal");
	cr_assert_neq(add_file(m, "/lib/a.so", 1, "AAA"), a, "a shorter build-id is another one");
	cr_assert_eq(add_file(m, "/other", 1, ""), a, "device and inode decide without one");
	cr_assert_neq(add_file(m, "/lib/a.so", 2, ""), a);
	cr_assert_eq(add_file(m, "/lib/a.so", 0, ""), a,
		     "the path decides when nothing else is known");
	cr_assert_neq(add_file(m, "/lib/b.so", 0, ""), a);
	cr_assert_null(oc_machine_module(m, 0));
	cr_assert_eq(oc_machine_nr_modules(m), 5);
	oc_machine_free(m);
}

Test(machine, modules_learn_identity)
{
	struct oc_machine *m = oc_machine_new(NULL);
	int64_t by_path = add_file(m, "/lib/c.so", 0, "");
	int64_t by_inode = add_file(m, "/lib/d.so", 4, "");
	uint8_t id[OC_BUILD_ID_MAX + 1] = "late";

	cr_assert_eq(oc_machine_set_build_id(m, (oc_module_id)by_inode, id, 0), -EINVAL);
	cr_assert_eq(oc_machine_set_build_id(m, (oc_module_id)by_inode, id, sizeof(id)), -EINVAL);
	cr_assert_eq(oc_machine_set_build_id(m, 77, id, 4), -EINVAL);
	cr_assert_eq(oc_machine_set_build_id(m, (oc_module_id)by_inode, id, 4), 0);
	cr_assert_eq(add_file(m, "/elsewhere", 0, "late"), by_inode);
	cr_assert_eq(add_file(m, "/lib/c.so", 6, "cccc"), by_path, "its facts are taken over");
	cr_assert_eq(add_file(m, "/x", 6, ""), by_path);
	cr_assert_eq(add_file(m, "/y", 0, "cccc"), by_path);
	cr_assert_neq(add_file(m, "/lib/c.so", 6, "dddd"), by_path);
	oc_machine_free(m);
}

Test(machine, modules_of_types_and_processes)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_process_id p = start_process(m, 1, 0, 0), q = start_process(m, 2, 0, 0);
	struct oc_module module = { .type = OC_MODULE_ANON,
				    .path = intern(m, "[anon]"),
				    .process = p };
	int64_t of_p = oc_machine_add_module(m, &module), of_q;

	module.process = q;
	of_q = oc_machine_add_module(m, &module);
	cr_assert_neq(of_p, of_q);
	cr_assert_eq(oc_machine_add_module(m, &module), of_q);
	module.type = OC_MODULE_UNKNOWN;
	cr_assert_neq(oc_machine_add_module(m, &module), of_q);
	module.process = 3;
	cr_assert_eq(oc_machine_add_module(m, &module), -EINVAL);
	module.process = 0;
	module.path = 55;
	cr_assert_eq(oc_machine_add_module(m, &module), -EINVAL);
	module.path = 0;
	module.build_id_size = OC_BUILD_ID_MAX + 1;
	cr_assert_eq(oc_machine_add_module(m, &module), -EINVAL);
	module.build_id_size = 0;
	module.type = OC_MODULE_UNKNOWN + 1;
	cr_assert_eq(oc_machine_add_module(m, &module), -EINVAL);
	oc_machine_free(m);
}

Test(machine, many_modules_of_one_path)
{
	struct oc_machine *m = oc_machine_new(NULL);
	char build_id[16];

	for (int i = 0; i < 2000; i++) {
		snprintf(build_id, sizeof(build_id), "id%06d", i);
		cr_assert_eq(add_file(m, "/tmp/a.out", (uint64_t)i + 1, build_id), i + 1);
	}
	for (int i = 0; i < 2000; i++) {
		snprintf(build_id, sizeof(build_id), "id%06d", i);
		cr_assert_eq(add_file(m, "/tmp/a.out", 0, build_id), i + 1);
		cr_assert_eq(add_file(m, "/tmp/a.out", (uint64_t)i + 1, ""), i + 1);
	}
	oc_machine_free(m);
}

/* ---- attributes and spans ---- */

struct seen {
	uint64_t values[16];
	size_t nr;
	size_t stop_at;
};

static int see(void *arg, const struct oc_attr *attr)
{
	struct seen *seen = arg;

	seen->values[seen->nr++] = attr->value;
	return seen->nr == seen->stop_at ? 42 : 0;
}

static oc_attrs_id add_attrs(struct oc_machine *m, uint64_t value, oc_attrs_id parent)
{
	struct oc_attr attr = { .key = intern(m, "k"), .type = OC_ATTR_NUMBER, .value = value };
	int64_t id = oc_machine_intern_attrs(m, &attr, 1, parent);

	cr_assert_gt(id, 0);
	return (oc_attrs_id)id;
}

static void expect_walk(const struct oc_machine *m, oc_attrs_id id, size_t nr,
			const uint64_t *values)
{
	struct seen seen = { 0 };

	cr_assert_eq(oc_machine_walk_attrs(m, id, see, &seen), 0);
	cr_assert_eq(seen.nr, nr);
	for (size_t i = 0; i < nr; i++)
		cr_assert_eq(seen.values[i], values[i]);
}

Test(machine, attrs_are_interned)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_string_id key = intern(m, "key"), text = intern(m, "text");
	struct oc_attr attrs[] = {
		{ .key = key, .type = OC_ATTR_STRING, .value = text },
		{ .key = text, .type = OC_ATTR_NUMBER, .value = UINT64_MAX },
	};
	int64_t id = oc_machine_intern_attrs(m, attrs, 2, 0), child;

	cr_assert_eq(id, 1);
	cr_assert_eq(oc_machine_intern_attrs(m, attrs, 2, 0), id);
	cr_assert_neq(oc_machine_intern_attrs(m, attrs, 1, 0), id);
	child = oc_machine_intern_attrs(m, NULL, 0, (oc_attrs_id)id);
	cr_assert_gt(child, 0);
	cr_assert_neq(child, id);
	expect_walk(m, (oc_attrs_id)child, 2, (uint64_t[]){ text, UINT64_MAX });
	cr_assert_eq(oc_machine_intern_attrs(m, NULL, 0, 0), 0);
	cr_assert_eq(oc_machine_intern_attrs(m, attrs, 2, 99), -EINVAL);
	attrs[0].value = 99;
	cr_assert_eq(oc_machine_intern_attrs(m, attrs, 2, 0), -EINVAL, "no such string");
	attrs[0].value = text;
	attrs[0].key = 99;
	cr_assert_eq(oc_machine_intern_attrs(m, attrs, 2, 0), -EINVAL);
	oc_machine_free(m);
}

Test(machine, attrs_walk_chains_and_cycles)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_attrs_id a = add_attrs(m, 1, 0), b = add_attrs(m, 2, a), c = add_attrs(m, 3, b);
	struct seen seen = { .stop_at = 2 };

	expect_walk(m, 0, 0, NULL);
	expect_walk(m, 77, 0, NULL);
	expect_walk(m, c, 3, (uint64_t[]){ 3, 2, 1 });
	cr_assert_eq(oc_machine_link_attrs(m, a, c), 0, "a cycle");
	cr_assert_eq(oc_machine_link_attrs(m, a, a), 0, "and a loop");
	cr_assert_eq(oc_machine_link_attrs(m, a, c), 0, "again");
	expect_walk(m, a, 3, (uint64_t[]){ 1, 3, 2 });
	expect_walk(m, c, 3, (uint64_t[]){ 3, 2, 1 });
	cr_assert_eq(oc_machine_walk_attrs(m, c, see, &seen), 42);
	cr_assert_eq(seen.nr, 2);
	cr_assert_eq(oc_machine_link_attrs(m, 0, a), -EINVAL);
	cr_assert_eq(oc_machine_link_attrs(m, a, 0), -EINVAL);
	cr_assert_eq(oc_machine_link_attrs(m, a, 9), -EINVAL);
	oc_machine_free(m);
}

static int count_attr(void *arg, const struct oc_attr *attr)
{
	(void)attr;
	++*(uint32_t *)arg;
	return 0;
}

Test(machine, attrs_chain_of_many)
{
	struct oc_machine *m = oc_machine_new(NULL);
	oc_attrs_id last = 0;
	uint32_t nr = 0;

	for (uint32_t i = 0; i < 100000; i++)
		last = add_attrs(m, i, last);
	cr_assert_eq(oc_machine_walk_attrs(m, last, count_attr, &nr), 0);
	cr_assert_eq(nr, 100000);
	oc_machine_free(m);
}

Test(machine, spans)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_span span = { .name = intern(m, "request"), .start_ns = 10, .end_ns = 20 };
	int64_t top = oc_machine_add_span(m, &span);

	cr_assert_eq(top, 1);
	cr_assert_eq(oc_machine_add_span(m, &span), 2, "two stretches of time are two");
	span.parent = 1;
	cr_assert_eq(oc_machine_add_span(m, &span), 3);
	span.parent = 4;
	cr_assert_eq(oc_machine_add_span(m, &span), -EINVAL);
	span = (struct oc_span){ .start_ns = 2, .end_ns = 1 };
	cr_assert_eq(oc_machine_add_span(m, &span), -EINVAL);
	cr_assert_eq(oc_machine_span(m, 3)->parent, 1);
	cr_assert_null(oc_machine_span(m, 0));
	cr_assert_eq(oc_machine_nr_spans(m), 3);
	oc_machine_free(m);
}
