/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/machine_sink.h: what a collector says, seen in the machine. No kernel is involved.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "machine_sink.h"

#define LIBC 0x7f0000000000ULL
#define MAIN 0x400000ULL

struct fixture {
	struct oc_machine *machine;
	struct sink *sink;
	const struct sink_ops *ops;
};

static struct fixture fixture_of(const struct oc_machine_opts *opts)
{
	static const struct collector_kind kind = { .name = "cpu", .period_ns = 1001001 };
	struct fixture f = { .machine = oc_machine_new(opts) };

	f.sink = machine_sink_new(f.machine, NULL);
	cr_assert_not_null(f.sink);
	cr_assert_eq(machine_sink_set_kinds(f.sink, &kind, 1), 0);
	f.ops = f.sink->ops;
	return f;
}

static struct fixture fixture_new(void)
{
	return fixture_of(NULL);
}

static void fixture_done(struct fixture *f)
{
	cr_assert_eq(f->sink->error, 0);
	machine_sink_free(f->sink);
	oc_machine_free(f->machine);
}

static sink_process start(struct fixture *f, uint64_t time, uint32_t pid, uint32_t parent,
			  const char *comm)
{
	struct collector_process process = { .pid = pid, .parent_pid = parent, .comm = comm };

	return f->ops->process_start(f->sink, time, &process);
}

static void map(struct fixture *f, uint64_t time, uint32_t pid, uint64_t at, const char *path)
{
	struct collector_mapping mapping = {
		.start = at, .end = at + 0x10000, .file_offset = 0x1000, .path = path
	};

	f->ops->mapping_add(f->sink, time, pid, &mapping);
}

static struct collector_sample sample_of(struct fixture *f, sink_process process, uint32_t tid)
{
	return (struct collector_sample){
		.count = 1,
		.value = 1,
		.cpu = UINT32_MAX,
		.process = process,
		.thread = f->ops->thread(f->sink, process, tid, 0, "worker"),
		.has_user_part = true,
		.incomplete = OC_STACK_COUNT,
	};
}

static const struct oc_ledger_kind *row(const struct fixture *f)
{
	return &oc_machine_ledger(f->machine)->kinds[0];
}

static int first_sample(void *arg, const struct oc_sample *sample)
{
	*(struct oc_sample *)arg = *sample;
	return 1;
}

static const char *module_of_frame(const struct fixture *f, const struct oc_sample *sample,
				   uint32_t frame)
{
	uint32_t nr;
	const oc_location_id *stack = oc_machine_stack(f->machine, sample->stack, &nr);
	const struct oc_location *location;

	cr_assert_lt(frame, nr);
	location = oc_machine_location(f->machine, stack[frame]);
	return oc_machine_string(f->machine, oc_machine_module(f->machine, location->module)->path,
				 NULL);
}

Test(machine_sink, joins_kernel_and_user_parts)
{
	struct fixture f = fixture_new();
	sink_process process = start(&f, 1, 10, 0, "app");
	const uint64_t user[] = { MAIN + 0x10, LIBC + 0x20 }, kernel[] = { 0xffffffff81000010ULL };
	struct collector_sample sample;
	struct oc_sample stored = { 0 };

	map(&f, 1, 10, MAIN, "/usr/bin/app");
	map(&f, 1, 10, LIBC, "/usr/lib/libc.so.6");
	f.ops->stack_define(f.sink, 100, user, 2, false);
	f.ops->stack_define(f.sink, 200, kernel, 1, true);
	sample = sample_of(&f, process, 11);
	sample.user_stack = 100;
	sample.kernel_stack = 200;
	f.ops->sample(f.sink, &sample);
	cr_assert_eq(oc_machine_each_sample(f.machine, first_sample, &stored), 1);
	cr_assert_str_eq(module_of_frame(&f, &stored, 0), "[kernel]");
	cr_assert_str_eq(module_of_frame(&f, &stored, 1), "/usr/bin/app");
	cr_assert_str_eq(module_of_frame(&f, &stored, 2), "/usr/lib/libc.so.6");
	cr_assert_eq(row(&f)->kept, 1);
	fixture_done(&f);
}

static uint64_t offset_of_frame(const struct fixture *f, const struct oc_sample *sample,
				uint32_t frame)
{
	uint32_t nr;
	const oc_location_id *stack = oc_machine_stack(f->machine, sample->stack, &nr);

	cr_assert_lt(frame, nr);
	return oc_machine_location(f->machine, stack[frame])->offset;
}

Test(machine_sink, puts_the_place_of_the_sample_before_its_stack)
{
	struct fixture f = fixture_new();
	sink_process process = start(&f, 1, 10, 0, "app");
	const uint64_t user[] = { MAIN + 0x20, MAIN + 0x30 }, kernel[] = { 0xffffffff81000010ULL };
	struct collector_sample sample = sample_of(&f, process, 10);
	struct oc_sample stored = { 0 };
	uint32_t nr;

	map(&f, 1, 10, MAIN, "/usr/bin/app");
	f.ops->stack_define(f.sink, 100, user, 2, false);
	f.ops->stack_define(f.sink, 201, kernel, 1, true);
	sample.user_stack = 100;
	sample.ip = MAIN + 0x10;
	f.ops->sample(f.sink, &sample);
	oc_machine_each_sample(f.machine, first_sample, &stored);
	oc_machine_stack(f.machine, stored.stack, &nr);
	cr_assert_eq(nr, 3);
	cr_assert_eq(offset_of_frame(&f, &stored, 0), 0x1010, "where the sample hit, exactly");
	cr_assert_eq(offset_of_frame(&f, &stored, 1), 0x101f, "a return address, lowered");
	fixture_done(&f);

	f = fixture_new();
	process = start(&f, 1, 10, 0, "app");
	map(&f, 1, 10, MAIN, "/usr/bin/app");
	f.ops->stack_define(f.sink, 100, user, 2, false);
	f.ops->stack_define(f.sink, 201, kernel, 1, true);
	sample = sample_of(&f, process, 10);
	sample.user_stack = 100;
	sample.kernel_stack = 201;
	sample.ip = 0xffffffff81000000ULL;
	sample.ip_in_kernel = true;
	f.ops->sample(f.sink, &sample);
	oc_machine_each_sample(f.machine, first_sample, &stored);
	cr_assert_eq(offset_of_frame(&f, &stored, 0), 0xffffffff81000000ULL);
	cr_assert_eq(offset_of_frame(&f, &stored, 1), 0xffffffff8100000fULL);
	cr_assert_eq(offset_of_frame(&f, &stored, 2), 0x1020, "where user mode was left, exactly");
	cr_assert_eq(offset_of_frame(&f, &stored, 3), 0x102f);
	fixture_done(&f);
}

Test(machine_sink, an_unknown_stack_is_a_loss)
{
	struct fixture f = fixture_new();
	sink_process process = start(&f, 1, 10, 0, "app");
	struct collector_sample sample = sample_of(&f, process, 10);

	sample.user_stack = 555;
	sample.count = 3;
	f.ops->sample(f.sink, &sample);
	cr_assert_eq(row(&f)->lost[OC_LOSS_UNKNOWN_STACK], 3);
	cr_assert_eq(row(&f)->kept, 0);
	fixture_done(&f);
}

/* More frames than the machine takes are cut, and the stack counts as cut. */
Test(machine_sink, stacks_that_are_too_deep)
{
	static uint64_t kernel[OC_STACK_FRAMES_MAX], user[OC_STACK_FRAMES_MAX];
	struct fixture f = fixture_new();
	sink_process process = start(&f, 1, 10, 0, "app");
	struct collector_sample sample = sample_of(&f, process, 10);
	struct oc_sample stored = { 0 };
	uint32_t nr;

	for (uint32_t i = 0; i < OC_STACK_FRAMES_MAX; i++) {
		kernel[i] = 0xffffffff81000010ULL + i;
		user[i] = MAIN + 0x10 + i;
	}
	map(&f, 1, 10, MAIN, "/usr/bin/app");
	f.ops->stack_define(f.sink, 100, user, OC_STACK_FRAMES_MAX, false);
	f.ops->stack_define(f.sink, 200, kernel, OC_STACK_FRAMES_MAX, true);
	sample.has_user_part = true;
	sample.is_complete = true;
	sample.user_stack = 100;
	f.ops->sample(f.sink, &sample);
	cr_assert_eq(row(&f)->complete, 1, "it just fits");
	sample.ip = MAIN;
	f.ops->sample(f.sink, &sample);
	cr_assert_eq(row(&f)->complete, 1);
	cr_assert_eq(row(&f)->incomplete[OC_STACK_TRUNCATED], 1);
	sample.kernel_stack = 200;
	f.ops->sample(f.sink, &sample);
	f.ops->sample(f.sink, &sample);
	cr_assert_eq(row(&f)->complete, 1);
	cr_assert_eq(row(&f)->incomplete[OC_STACK_TRUNCATED], 3);
	oc_machine_each_sample(f.machine, first_sample, &stored);
	oc_machine_stack(f.machine, stored.stack, &nr);
	cr_assert_eq(nr, OC_STACK_FRAMES_MAX);
	fixture_done(&f);
}

Test(machine_sink, an_image_keeps_its_own_mappings)
{
	struct fixture f = fixture_new();
	sink_process before = start(&f, 1, 10, 0, "a"), after;
	const uint64_t user[] = { MAIN + 0x10 };
	struct collector_sample sample;
	struct oc_sample stored = { 0 };

	map(&f, 1, 10, MAIN, "/bin/a");
	after = f.ops->process_exec(f.sink, 5, 10, "b");
	map(&f, 6, 10, MAIN, "/bin/b");
	cr_assert_neq(before, after);
	f.ops->stack_define(f.sink, 100, user, 1, false);
	/* Counters are drained late: this one was counted before the exec. */
	sample = sample_of(&f, before, 10);
	sample.user_stack = 100;
	f.ops->sample(f.sink, &sample);
	cr_assert_eq(oc_machine_each_sample(f.machine, first_sample, &stored), 1);
	cr_assert_str_eq(module_of_frame(&f, &stored, 0), "/bin/a");
	cr_assert_str_eq(oc_machine_string(f.machine, oc_machine_process(f.machine, after)->comm,
					   NULL),
			 "b");
	fixture_done(&f);
}

Test(machine_sink, a_child_inherits)
{
	struct fixture f = fixture_new();
	struct collector_process parent = {
		.pid = 10, .comm = "sh", .cgroup = "/kube/x", .container = "abc"
	};
	const struct oc_process *child;
	const uint64_t user[] = { MAIN + 0x10 };
	struct collector_sample sample;
	struct oc_sample stored = { 0 };
	sink_process id;

	f.ops->process_start(f.sink, 1, &parent);
	map(&f, 1, 10, MAIN, "/bin/sh");
	id = start(&f, 2, 20, 10, NULL);
	child = oc_machine_process(f.machine, id);
	cr_assert_str_eq(oc_machine_string(f.machine, child->comm, NULL), "sh");
	cr_assert_str_eq(oc_machine_string(f.machine, child->container, NULL), "abc");
	f.ops->stack_define(f.sink, 1, user, 1, false);
	sample = sample_of(&f, id, 20);
	sample.user_stack = 1;
	f.ops->sample(f.sink, &sample);
	cr_assert_eq(oc_machine_each_sample(f.machine, first_sample, &stored), 1);
	cr_assert_str_eq(module_of_frame(&f, &stored, 0), "/bin/sh");
	fixture_done(&f);
}

Test(machine_sink, sorts_mappings_by_type)
{
	struct fixture f = fixture_new();
	static const struct {
		const char *path;
		enum oc_module_type type;
		bool deleted;
	} cases[] = {
		{ "/usr/bin/app", OC_MODULE_FILE, false },
		{ "/usr/bin/old (deleted)", OC_MODULE_FILE, true },
		{ "[vdso]", OC_MODULE_VDSO, false },
		{ "", OC_MODULE_ANON, false },
		{ "//anon", OC_MODULE_ANON, false },
		{ "[heap]", OC_MODULE_ANON, false },
		{ "/memfd:jit (deleted)", OC_MODULE_FILE, true },
		{ "/SYSV0001 (deleted)", OC_MODULE_ANON, false },
	};

	start(&f, 1, 10, 0, "app");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct oc_mapping *mapping;
		const struct oc_module *module;
		oc_mapping_id id;

		map(&f, 2 + i, 10, MAIN, cases[i].path);
		id = oc_machine_find_mapping(f.machine, oc_machine_process_now(f.machine, 10),
					     MAIN + 8, UINT64_MAX - 1);
		mapping = oc_machine_mapping(f.machine, id);
		cr_assert_not_null(mapping, "%s", cases[i].path);
		module = oc_machine_module(f.machine, mapping->module);
		cr_assert_eq(module->type, cases[i].type, "%s", cases[i].path);
		cr_assert_eq(module->deleted, cases[i].deleted, "%s", cases[i].path);
	}
	fixture_done(&f);
}

static void name_frame(struct fixture *f, const struct oc_sample *sample, uint32_t frame,
		       const char *name)
{
	uint32_t nr;
	const oc_location_id *stack = oc_machine_stack(f->machine, sample->stack, &nr);
	oc_string_id string = (oc_string_id)oc_machine_intern(f->machine, name, strlen(name));
	struct oc_function function = { .name = string, .system_name = string };
	struct oc_line line = { .function = (oc_function_id)oc_machine_add_function(f->machine,
										    &function) };

	cr_assert_eq(oc_machine_set_lines(f->machine, stack[frame], &line, 1), 0);
}

Test(machine_sink, judges_stacks_by_their_root)
{
	struct fixture f = fixture_new();
	sink_process process = start(&f, 1, 10, 0, "app");
	const uint64_t good[] = { MAIN + 0x10, MAIN + 0x20 }, bad[] = { MAIN + 0x30 },
		       lost[] = { 0x10 };
	const uint64_t *stacks[] = { good, bad, lost };
	struct collector_sample sample = sample_of(&f, process, 10);
	struct oc_sample stored = { 0 };

	map(&f, 1, 10, MAIN, "/bin/app");
	for (uint32_t i = 0; i < 3; i++) {
		f.ops->stack_define(f.sink, i + 1, stacks[i], i ? 1 : 2, false);
		sample.user_stack = i + 1;
		sample.count = 10 + i;
		f.ops->sample(f.sink, &sample);
	}
	sample.user_stack = 1;
	sample.count = 5;
	sample.incomplete = OC_STACK_TRUNCATED;
	f.ops->sample(f.sink, &sample);
	/* What a root's description says of a caller leads nowhere. */
	sample.count = 3;
	sample.incomplete = OC_STACK_BAD_ADDRESS;
	f.ops->sample(f.sink, &sample);
	sample.user_stack = 2;
	sample.count = 4;
	f.ops->sample(f.sink, &sample);
	sample.user_stack = 0;
	sample.has_user_part = false;
	f.ops->sample(f.sink, &sample);
	oc_machine_each_sample(f.machine, first_sample, &stored);
	name_frame(&f, &stored, 1, "__libc_start_main@@GLIBC_2.34");
	machine_sink_judge_stacks(f.sink);
	cr_assert_eq(row(&f)->stacks, 10 + 11 + 12 + 5 + 3 + 4);
	cr_assert_eq(row(&f)->complete, 10 + 3);
	cr_assert_eq(row(&f)->incomplete[OC_STACK_BAD_ADDRESS], 4);
	cr_assert_eq(row(&f)->incomplete[OC_STACK_BROKEN], 11);
	cr_assert_eq(row(&f)->incomplete[OC_STACK_NO_MAPPING], 12);
	cr_assert_eq(row(&f)->incomplete[OC_STACK_TRUNCATED], 5);
	fixture_done(&f);
}

Test(machine_sink, cuts_root_frames_where_nothing_is_mapped)
{
	struct fixture f = fixture_new();
	sink_process process = start(&f, 1, 10, 0, "app");
	const uint64_t junk[] = { MAIN + 0x10, MAIN + 0x20, 0x1234, 0x5678 },
		       lone[] = { 0x1234, 0x5678 };
	struct collector_sample sample = sample_of(&f, process, 10);
	struct oc_sample stored = { 0 };
	uint32_t nr;

	map(&f, 1, 10, MAIN, "/bin/app");
	f.ops->stack_define(f.sink, 1, junk, 4, false);
	f.ops->stack_define(f.sink, 2, lone, 2, false);
	sample.user_stack = 1;
	f.ops->sample(f.sink, &sample);
	oc_machine_each_sample(f.machine, first_sample, &stored);
	oc_machine_stack(f.machine, stored.stack, &nr);
	cr_assert_eq(nr, 2);
	sample.user_stack = 2;
	f.ops->sample(f.sink, &sample);
	cr_assert_eq(oc_machine_nr_samples(f.machine), 2, "where the sample hit is never cut");
	machine_sink_judge_stacks(f.sink);
	cr_assert_eq(row(&f)->incomplete[OC_STACK_NO_MAPPING], 2);
	fixture_done(&f);
}

Test(machine_sink, a_rescan_changes_nothing)
{
	struct fixture f = fixture_new();
	sink_process first = start(&f, 1, 10, 0, "app");
	uint32_t nr;

	map(&f, 1, 10, MAIN, "/bin/app");
	nr = oc_machine_nr_mappings(f.machine);
	cr_assert_eq(start(&f, 9, 10, 0, "app"), first);
	map(&f, 9, 10, MAIN, "/bin/app");
	cr_assert_eq(oc_machine_nr_mappings(f.machine), nr);
	cr_assert_eq(oc_machine_nr_processes(f.machine), 1);
	fixture_done(&f);
}

/* ---- Windows ------------------------------------------------------------------------------------------------- */

#define NTOS  0xfffff80000000000ULL
#define NTDLL 0x7ff800000000ULL
#define JIT   0x500000ULL

static void map_type(struct fixture *f, enum collector_mapping_type type, uint64_t at,
		     const char *path)
{
	const struct collector_mapping mapping = {
		.type = type, .start = at, .end = at + 0x10000, .path = path
	};

	f->ops->mapping_add(f->sink, 1, 10, &mapping);
}

static void code(struct fixture *f, uint32_t pid, uint64_t at, uint64_t size, const char *name)
{
	f->ops->code_add(f->sink, 1, pid,
			 &(struct collector_code){ .start = at, .size = size, .name = name });
}

/* Stores a sample with a kernel frame, some user frames, and ntdll at the root. Returns its stack. */
static const oc_location_id *sample_windows(struct fixture *f, const uint64_t *user, uint32_t nr)
{
	static const uint64_t kernel = NTOS + 0x20;
	struct collector_sample sample = sample_of(f, start(f, 1, 10, 0, "a.exe"), 11);
	struct oc_sample stored = { 0 };

	f->ops->stack_define(f->sink, 1, &kernel, 1, true);
	f->ops->stack_define(f->sink, 2, user, nr, false);
	sample.kernel_stack = 1;
	sample.user_stack = 2;
	f->ops->sample(f->sink, &sample);
	cr_assert_eq(oc_machine_each_sample(f->machine, first_sample, &stored), 1);
	cr_assert_eq(machine_sink_name_code(f->sink), 0);
	machine_sink_judge_stacks(f->sink);
	cr_assert_eq(oc_machine_finish(f->machine), 0);
	return oc_machine_stack(f->machine, stored.stack, &nr);
}

static const char *name_of(const struct fixture *f, oc_location_id id)
{
	return oc_machine_string(f->machine, oc_machine_location_name(f->machine, id, 0), NULL);
}

Test(machine_sink, files_of_windows_and_of_its_kernel)
{
	static const uint64_t user[] = { NTDLL + 0x30 };
	struct fixture f = fixture_new();
	const oc_location_id *stack;
	const struct oc_location *kernel, *leaf;

	map_type(&f, COLLECTOR_KERNEL, NTOS, "C:\\Windows\\ntoskrnl.exe");
	map_type(&f, COLLECTOR_FILE, NTDLL, "C:\\Windows\\NTDLL.DLL");
	stack = sample_windows(&f, user, 1);
	kernel = oc_machine_location(f.machine, stack[0]);
	leaf = oc_machine_location(f.machine, stack[1]);
	cr_assert_eq(oc_machine_module(f.machine, kernel->module)->type, OC_MODULE_KERNEL);
	cr_assert_eq(oc_machine_mapping(f.machine, kernel->mapping)->process, 0);
	cr_assert_eq(oc_machine_module(f.machine, leaf->module)->type, OC_MODULE_FILE);
	cr_assert_str_eq(name_of(&f, stack[0]), "ntoskrnl.exe+0x20");
	cr_assert_str_eq(name_of(&f, stack[1]), "NTDLL.DLL+0x30");
	cr_assert_eq(row(&f)->complete, 1, "threads begin there, with or without symbols");
	fixture_done(&f);
}

Test(machine_sink, code_that_its_runtime_names)
{
	static const uint64_t user[] = { JIT + 0x10,  JIT + 0x101,  JIT + 0x181,
					 JIT + 0x401, NTDLL + 0x81, NTDLL + 0x30 };
	struct fixture f = fixture_new();
	const oc_location_id *stack;

	map_type(&f, COLLECTOR_ANON, JIT, "");
	map_type(&f, COLLECTOR_FILE, NTDLL, "C:\\Windows\\ntdll.dll");
	code(&f, 10, JIT, 0x400, "outer");
	code(&f, 10, JIT + 0x100, 0x80, "second"); /* said later: it took a part of that memory */
	code(&f, 10, JIT + 0x100, 0x40, "third");
	code(&f, 10, NTDLL + 0x80, 0x10, "bound");
	code(&f, 12, JIT + 0x400, 0x10, "of another process");
	code(&f, 10, UINT64_MAX - 1, 2, "wraps");
	code(&f, 10, JIT + 0x400, 0, "empty");
	stack = sample_windows(&f, user, 6);
	cr_assert_str_eq(name_of(&f, stack[1]), "outer");
	cr_assert_str_eq(name_of(&f, stack[2]), "third");
	cr_assert_str_eq(name_of(&f, stack[3]), "outer", "behind what lies within");
	cr_assert_str_eq(name_of(&f, stack[4]), "[anon]+0x500400");
	cr_assert_str_eq(name_of(&f, stack[5]), "bound", "in a file too");
	cr_assert_str_eq(name_of(&f, stack[6]), "ntdll.dll+0x2f");
	fixture_done(&f);
}

/* A temporary file that cannot be made: what is in memory stays, and of the rest there is an account. */
Test(machine_sink, samples_without_room_do_not_end_a_recording)
{
	const struct oc_machine_opts opts = { .size = sizeof(opts),
					      .memory_budget_bytes = 1,
					      .spill_dir = "/nonexistent" };
	const uint64_t nr = 100000;

	for (int outlives = 0; outlives < 2; outlives++) {
		struct fixture f = fixture_of(&opts);
		sink_process process = start(&f, 1, 10, 0, "app");
		struct collector_sample sample = sample_of(&f, process, 11);

		if (outlives)
			machine_sink_outlive_losses(f.sink);
		for (sample.time_ns = 1; sample.time_ns <= nr; sample.time_ns++)
			f.ops->sample(f.sink, &sample);
		cr_assert_eq(f.sink->error, outlives ? 0 : -ENOENT);
		cr_assert_gt(row(&f)->kept, 0);
		cr_assert_gt(row(&f)->lost[OC_LOSS_MEMORY], 0);
		cr_assert_eq(row(&f)->kept + row(&f)->lost[OC_LOSS_MEMORY], nr);
		f.sink->error = 0;
		fixture_done(&f);
	}
}
