/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export/: samples, their ledger, the temporary file, functions and names, hooks, splitting.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <onecollect/machine.h>

#include "machine_parts.h"

static oc_process_id start(struct oc_machine *m, uint32_t pid, const char *comm)
{
	int64_t id = oc_machine_process_start(m, pid, 0, 1);

	cr_assert_gt(id, 0);
	cr_assert_eq(oc_machine_process_set(m, (oc_process_id)id,
					    &(struct oc_process){ .comm = intern(m, comm) }),
		     0);
	return (oc_process_id)id;
}

/* A machine with kind 1, process 1, thread 1 and stacks 1 to 3. */
static struct oc_machine *machine_with_stacks(const struct oc_machine_opts *opts)
{
	struct oc_machine *m = oc_machine_new(opts);
	oc_process_id p;

	cr_assert_not_null(m);
	add_kind(m, "cpu", OC_UNIT_COUNT);
	p = start(m, 10, "work");
	cr_assert_eq(oc_machine_add_thread(m, p, 10), 1);
	for (uint64_t i = 1; i <= 3; i++) {
		uint64_t address = i << 12;

		cr_assert_eq(oc_machine_intern_callstack(m, &address, 1, 0), (int64_t)i);
		cr_assert_eq(oc_machine_resolve(m, p, (oc_callstack_id)i), (int64_t)i);
	}
	return m;
}

static struct oc_sample sample_at(uint64_t time_ns, oc_stack_id stack)
{
	return (struct oc_sample){
		.time_ns = time_ns,
		.count = 1,
		.value = 10,
		.kind = 1,
		.process = 1,
		.thread = 1,
		.stack = stack,
		.cpu = UINT32_MAX,
	};
}

struct list {
	struct oc_sample samples[32];
	size_t nr;
};

static int collect(void *arg, const struct oc_sample *sample)
{
	struct list *list = arg;

	cr_assert_lt(list->nr, 32);
	list->samples[list->nr++] = *sample;
	return 0;
}

static struct list all_samples(const struct oc_machine *m)
{
	struct list list = { 0 };

	cr_assert_eq(oc_machine_each_sample(m, collect, &list), 0);
	cr_assert_eq(list.nr, oc_machine_nr_samples(m));
	return list;
}

/* ---- samples ---- */

Test(samples, aggregated_ones_become_one)
{
	struct oc_machine *m = machine_with_stacks(NULL);
	struct oc_sample s = sample_at(0, 1);
	struct list list;

	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	s.count = 4;
	s.value = 7;
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	s.stack = 2;
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	s.cpu = 3;
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	s.thread = 0;
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	list = all_samples(m);
	cr_assert_eq(list.nr, 4);
	cr_assert_eq(list.samples[0].count, 5);
	cr_assert_eq(list.samples[0].value, 17);
	cr_assert_eq(list.samples[0].time_ns, 0);
	cr_assert_eq(list.samples[1].stack, 2);
	cr_assert_eq(list.samples[2].cpu, 3);
	cr_assert_eq(list.samples[3].thread, 0);
	cr_assert_eq(oc_machine_ledger(m)->kinds[0].kept, 17);
	oc_machine_free(m);
}

Test(samples, order_of_adding_is_kept)
{
	struct oc_machine *m = machine_with_stacks(NULL);
	const uint64_t times[] = { 0, 5, 4, 0, 9, 0 };
	const oc_stack_id stacks[] = { 1, 1, 2, 2, 3, 1 };
	struct list list;

	for (size_t i = 0; i < 6; i++) {
		struct oc_sample s = sample_at(times[i], stacks[i]);

		cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	}
	list = all_samples(m);
	cr_assert_eq(list.nr, 5);
	cr_assert_eq(list.samples[0].count, 2, "the last one went into the first");
	for (size_t i = 0; i < 5; i++) {
		cr_assert_eq(list.samples[i].time_ns, times[i]);
		cr_assert_eq(list.samples[i].stack, stacks[i]);
		cr_assert_eq(list.samples[i].kind, 1);
		cr_assert_eq(list.samples[i].process, 1);
		cr_assert_eq(list.samples[i].cpu, UINT32_MAX);
	}
	oc_machine_free(m);
}

Test(samples, unknown_ids_are_refused)
{
	struct oc_machine *m = machine_with_stacks(NULL);
	struct oc_sample good = sample_at(1, 1), bad;

#define EXPECT_BAD(field, wrong)                                       \
	do {                                                           \
		bad = good;                                            \
		bad.field = wrong;                                     \
		cr_assert_eq(oc_machine_add_sample(m, &bad), -EINVAL); \
	} while (0)
	EXPECT_BAD(kind, 0);
	EXPECT_BAD(kind, 2);
	EXPECT_BAD(kind, UINT32_MAX);
	EXPECT_BAD(process, 2);
	EXPECT_BAD(thread, 2);
	EXPECT_BAD(stack, 4);
	EXPECT_BAD(attrs, 1);
	EXPECT_BAD(count, 0);
#undef EXPECT_BAD
	cr_assert_eq(oc_machine_nr_samples(m), 0);
	cr_assert_eq(oc_machine_ledger(m)->kinds[0].kept, 0);
	good.process = good.thread = good.stack = 0;
	cr_assert_eq(oc_machine_add_sample(m, &good), 1, "0 says that it is not known");
	oc_machine_free(m);
}

Test(samples, spans_are_never_added_up)
{
	struct oc_machine *m = machine_with_stacks(NULL);
	oc_kind_id kind = add_kind(m, "request", OC_UNIT_SPAN);
	struct oc_span span = { .start_ns = 1, .end_ns = 2 };
	struct oc_sample s = sample_at(0, 1);

	s.kind = kind;
	s.value = 1;
	cr_assert_eq(oc_machine_add_sample(m, &s), -EINVAL, "no such span");
	oc_machine_add_span(m, &span);
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	cr_assert_eq(all_samples(m).nr, 2);
	cr_assert_eq(all_samples(m).samples[1].value, 1);
	oc_machine_free(m);
}

static int stop_at_second(void *arg, const struct oc_sample *sample)
{
	(void)sample;
	return ++*(int *)arg == 2 ? 33 : 0;
}

Test(samples, reading_can_be_stopped)
{
	struct oc_machine *m = machine_with_stacks(NULL);
	int nr = 0;

	cr_assert_eq(oc_machine_each_sample(m, stop_at_second, &nr), 0);
	for (uint64_t t = 1; t <= 5; t++) {
		struct oc_sample s = sample_at(t, 1);

		oc_machine_add_sample(m, &s);
	}
	cr_assert_eq(oc_machine_each_sample(m, stop_at_second, &nr), 33);
	cr_assert_eq(nr, 2);
	oc_machine_free(m);
}

Test(samples, many_aggregated)
{
	struct oc_machine *m = machine_with_stacks(NULL);
	struct oc_sample s = sample_at(0, 1);

	for (int round = 0; round < 3; round++) {
		for (uint32_t cpu = 0; cpu < 50000; cpu++) {
			s.cpu = cpu;
			cr_assert_eq(oc_machine_add_sample(m, &s), 1);
		}
	}
	cr_assert_eq(oc_machine_nr_samples(m), 50000);
	cr_assert_eq(oc_machine_ledger(m)->kinds[0].kept, 150000);
	oc_machine_free(m);
}

/* ---- the temporary file ---- */

#define MANY 2000000ul

static int expect_in_order(void *arg, const struct oc_sample *sample)
{
	uint64_t *next = arg;

	++*next;
	if (sample->time_ns != *next || sample->stack != *next % 3 + 1 ||
	    sample->value != *next * 3 || sample->count != *next % 5 + 1 ||
	    sample->cpu != *next % 7 || sample->kind != 1 || sample->process != 1 ||
	    sample->thread != 1 || sample->attrs != 0)
		return -1;
	return 0;
}

static struct oc_sample numbered_sample(uint64_t i)
{
	struct oc_sample s = sample_at(i, (oc_stack_id)(i % 3 + 1));

	s.value = i * 3;
	s.count = i % 5 + 1;
	s.cpu = i % 7;
	return s;
}

Test(spill, millions_of_samples_in_little_memory)
{
	struct oc_machine_opts opts = { .size = sizeof(opts),
					.memory_budget_bytes = 4 << 20,
					.spill_dir = "/tmp" };
	struct oc_machine *m = machine_with_stacks(&opts);
	uint64_t next = 0;

	for (uint64_t i = 1; i <= MANY; i++) {
		struct oc_sample s = numbered_sample(i);

		cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	}
	cr_assert_leq(oc_machine_memory(m), 4 << 20);
	cr_assert_gt(oc_machine_ledger(m)->notes[OC_NOTE_SPILLED_SAMPLES], MANY / 2);
	cr_assert_eq(oc_machine_nr_samples(m), MANY);
	cr_assert_eq(oc_machine_each_sample(m, expect_in_order, &next), 0);
	cr_assert_eq(next, MANY);
	next = 0;
	cr_assert_eq(oc_machine_each_sample(m, expect_in_order, &next), 0, "as often as one likes");
	cr_assert_eq(next, MANY);
	oc_machine_free(m);
}

Test(spill, aggregated_samples_stay)
{
	struct oc_machine_opts opts = { .size = sizeof(opts),
					.memory_budget_bytes = 1,
					.spill_dir = "/tmp" };
	struct oc_machine *m = machine_with_stacks(&opts);
	int nr = 0;
	struct oc_sample s;

	for (uint64_t i = 1; i <= 100000; i++) {
		s = numbered_sample(i);
		cr_assert_eq(oc_machine_add_sample(m, &s), 1);
		s = sample_at(0, 1);
		cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	}
	for (uint64_t i = 0; i < 3; i++) {
		s = sample_at(0, 2);
		cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	}
	cr_assert_gt(oc_machine_ledger(m)->notes[OC_NOTE_SPILLED_SAMPLES], 0);
	cr_assert_eq(oc_machine_nr_samples(m), 100002);
	cr_assert_eq(oc_machine_each_sample(m, stop_at_second, &nr), 33);
	cr_assert_eq(nr, 2);
	oc_machine_free(m);
}

Test(spill, without_budget_there_is_no_file)
{
	struct oc_machine_opts opts = { .size = sizeof(opts), .spill_dir = "/nonexistent" };
	struct oc_machine *m = machine_with_stacks(&opts);

	for (uint64_t i = 1; i <= 100000; i++) {
		struct oc_sample s = numbered_sample(i);

		cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	}
	cr_assert_eq(oc_machine_ledger(m)->notes[OC_NOTE_SPILLED_SAMPLES], 0);
	oc_machine_free(m);
}

static void expect_loss(struct oc_machine *m, int error)
{
	const struct oc_ledger_kind *row = &oc_machine_ledger(m)->kinds[0];
	uint64_t counts = 0, kept = 0, next = 0;
	int rc = 0;

	for (uint64_t i = 1; i <= 100000; i++) {
		struct oc_sample s = numbered_sample(i);

		rc = oc_machine_add_sample(m, &s);
		counts += s.count;
		kept += rc == 1;
		if (rc != 1)
			cr_assert_eq(rc, error, "%d", rc);
	}
	cr_assert_eq(rc, error);
	cr_assert_eq(row->kept + row->lost[OC_LOSS_MEMORY], counts, "to the unit");
	cr_assert_gt(row->kept, 0);
	cr_assert_gt(row->lost[OC_LOSS_MEMORY], 0);
	cr_assert_eq(oc_machine_nr_samples(m), kept);
	cr_assert_eq(oc_machine_each_sample(m, expect_in_order, &next), 0,
		     "what was kept can be read");
	cr_assert_eq(next, kept);
}

Test(spill, no_directory)
{
	struct oc_machine_opts opts = { .size = sizeof(opts),
					.memory_budget_bytes = 1,
					.spill_dir = "/nonexistent" };
	struct oc_machine *m = machine_with_stacks(&opts);
	struct oc_sample aggregated = sample_at(0, 1);

	expect_loss(m, -ENOENT);
	cr_assert_eq(oc_machine_add_sample(m, &aggregated), 1, "aggregated samples need no file");
	oc_machine_free(m);
}

Test(spill, full_disk)
{
	struct oc_machine_opts opts = { .size = sizeof(opts),
					.memory_budget_bytes = 1,
					.spill_dir = "/tmp" };
	/* Room for two chunks and a half: the third write is cut short first, refused then. */
	struct rlimit limit = { .rlim_cur = 1800000, .rlim_max = RLIM_INFINITY };
	struct oc_machine *m = machine_with_stacks(&opts);

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	expect_loss(m, -EFBIG);
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	oc_machine_free(m);
}

static uint32_t entries_of(const char *path)
{
	DIR *dir = opendir(path);
	uint32_t nr = 0;

	cr_assert_not_null(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

Test(spill, the_file_has_no_name)
{
	char dir[] = "/tmp/oc-spill-XXXXXX";
	struct oc_machine_opts opts = { .size = sizeof(opts), .memory_budget_bytes = 1 };
	struct oc_machine *m;

	cr_assert_not_null(mkdtemp(dir));
	setenv("TMPDIR", dir, 1);
	m = machine_with_stacks(&opts);
	for (uint64_t i = 1; i <= 40000; i++) {
		struct oc_sample s = numbered_sample(i);

		cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	}
	cr_assert_gt(oc_machine_ledger(m)->notes[OC_NOTE_SPILLED_SAMPLES], 0);
	cr_assert_eq(entries_of(dir), 2, ". and .. only");
	oc_machine_free(m);
	cr_assert_eq(rmdir(dir), 0);
}

/* ---- functions and names ---- */

Test(names, lines_of_locations)
{
	struct oc_machine *m = machine_with_stacks(NULL);
	struct oc_function function = { .name = intern(m, "inner"),
					.file = intern(m, "a.c"),
					.start_line = 3 };
	struct oc_line lines[OC_STACK_FRAMES_MAX + 1] = { { 0 } };
	const struct oc_line *known;
	uint32_t nr;

	cr_assert_eq(oc_machine_add_function(m, &function), 1);
	cr_assert_eq(oc_machine_add_function(m, &function), 1);
	function.name = intern(m, "outer");
	cr_assert_eq(oc_machine_add_function(m, &function), 2);
	function.name = 999;
	cr_assert_eq(oc_machine_add_function(m, &function), -EINVAL);
	lines[0] = (struct oc_line){ 1, 17 };
	lines[1] = (struct oc_line){ 2, 30 };
	cr_assert_eq(oc_machine_set_lines(m, 1, lines, 0), -EINVAL);
	cr_assert_eq(oc_machine_set_lines(m, 9, lines, 2), -EINVAL);
	cr_assert_eq(oc_machine_set_lines(m, 1, lines, 3), -EINVAL, "the third names no function");
	cr_assert_eq(oc_machine_set_lines(m, 1, lines, OC_STACK_FRAMES_MAX + 1), -EINVAL);
	cr_assert_null(oc_machine_location_lines(m, 1, &nr));
	cr_assert_eq(oc_machine_set_lines(m, 1, lines, 2), 0);
	cr_assert_eq(oc_machine_set_lines(m, 2, lines + 1, 1), 0);
	known = oc_machine_location_lines(m, 1, &nr);
	cr_assert_eq(nr, 2);
	cr_assert_eq(known[0].line, 17);
	cr_assert_eq(known[1].function, 2);
	cr_assert_str_eq(oc_machine_string(m, oc_machine_location_name(m, 1, 0), NULL), "inner");
	cr_assert_str_eq(oc_machine_string(m, oc_machine_location_name(m, 1, 1), NULL), "outer");
	cr_assert_eq(oc_machine_location_name(m, 1, 2), 0);
	cr_assert_eq(oc_machine_location_name(m, 77, 0), 0);
	cr_assert_eq(oc_machine_set_lines(m, 1, lines + 1, 1), 0, "said anew");
	cr_assert_str_eq(oc_machine_string(m, oc_machine_location_name(m, 1, 0), NULL), "outer");
	cr_assert_eq(oc_machine_set_lines(m, 2, lines, 2), 0);
	known = oc_machine_location_lines(m, 1, &nr);
	cr_assert_eq(nr, 1);
	cr_assert_eq(known[0].line, 30, "the lines of others are not touched");
	oc_machine_free(m);
}

Test(names, the_longest_lines)
{
	struct oc_machine *m = machine_with_stacks(NULL);
	struct oc_function function = { .name = intern(m, "deep") };
	struct oc_line lines[OC_STACK_FRAMES_MAX];
	const struct oc_line *known;
	uint32_t nr;

	oc_machine_add_function(m, &function);
	for (uint32_t i = 0; i < OC_STACK_FRAMES_MAX; i++)
		lines[i] = (struct oc_line){ 1, i };
	for (uint32_t round = 0; round < 3; round++) {
		cr_assert_eq(oc_machine_set_lines(m, round + 1, lines, OC_STACK_FRAMES_MAX - round),
			     0);
		known = oc_machine_location_lines(m, round + 1, &nr);
		cr_assert_eq(nr, OC_STACK_FRAMES_MAX - round);
		cr_assert_eq(memcmp(known, lines, nr * sizeof(*known)), 0);
	}
	oc_machine_free(m);
}

static oc_location_id locate(struct oc_machine *m, enum oc_module_type type, const char *path,
			     uint64_t address)
{
	struct oc_module module = { .type = type, .path = intern(m, path) };
	struct oc_mapping mapping = { .process = 1,
				      .start = address & ~0xfffull,
				      .file_offset = 0x3000 };
	uint32_t nr;

	mapping.module = (oc_module_id)oc_machine_add_module(m, &module);
	mapping.end = mapping.start + 0x1000;
	cr_assert_gt(oc_machine_add_mapping(m, &mapping), 0);
	return oc_machine_stack(
		m,
		(oc_stack_id)oc_machine_resolve(
			m, 1, (oc_callstack_id)oc_machine_intern_callstack(m, &address, 1, 0)),
		&nr)[0];
}

Test(names, unnamed_locations_say_where_they_are)
{
	struct oc_machine *m = machine_with_stacks(NULL);
	oc_location_id file = locate(m, OC_MODULE_FILE, "/usr/lib/libx.so.1", 0x70001234);
	oc_location_id jit = locate(m, OC_MODULE_ANON, "[anon]", 0x80001234);
	oc_location_id slash = locate(m, OC_MODULE_FILE, "/odd/", 0x90000000);
	oc_location_id nameless = locate(m, OC_MODULE_FILE, "", 0xa0000000);
	oc_location_id named = locate(m, OC_MODULE_FILE, "/bin/x", 0xb0000000);
	oc_location_id half = locate(m, OC_MODULE_FILE, "/bin/x", 0xc0000001);
	struct oc_function function = { .system_name = intern(m, "_Zx") };
	struct oc_line line = { .function = (oc_function_id)oc_machine_add_function(m, &function) };

	cr_assert_eq(oc_machine_set_lines(m, named, &line, 1), 0);
	function.system_name = 0;
	line.function = (oc_function_id)oc_machine_add_function(m, &function);
	cr_assert_eq(oc_machine_set_lines(m, half, &line, 1), 0);
	cr_assert_eq(oc_machine_location_name(m, file, 0), 0, "not finished yet");
	cr_assert_eq(oc_machine_finish(m), 0);
	cr_assert_str_eq(oc_machine_string(m, oc_machine_location_name(m, file, 0), NULL),
			 "libx.so.1+0x3234");
	cr_assert_str_eq(oc_machine_string(m, oc_machine_location_name(m, jit, 0), NULL),
			 "[anon]+0x80001234");
	cr_assert_str_eq(oc_machine_string(m, oc_machine_location_name(m, slash, 0), NULL),
			 "/odd/+0x3000");
	cr_assert_str_eq(oc_machine_string(m, oc_machine_location_name(m, nameless, 0), NULL),
			 "0x3000");
	cr_assert_str_eq(oc_machine_string(m, oc_machine_location_name(m, named, 0), NULL), "_Zx");
	cr_assert_str_eq(oc_machine_string(m, oc_machine_location_name(m, half, 0), NULL),
			 "x+0x3001");
	cr_assert_str_eq(oc_machine_string(m, oc_machine_location_name(m, 1, 0), NULL), "0x1000");
	cr_assert_eq(oc_machine_resolve(m, 1, 1), 1, "resolving still works");
	oc_machine_free(m);
}

/* ---- hooks ---- */

static enum oc_verdict drop_stack_2(void *arg, struct oc_machine *m, struct oc_sample *sample)
{
	(void)m;
	++*(int *)arg;
	return sample->stack == 2 ? OC_DROP : OC_KEEP;
}

static enum oc_verdict rewrite(void *arg, struct oc_machine *m, struct oc_sample *sample)
{
	(void)m;
	*sample = *(struct oc_sample *)arg;
	return OC_KEEP;
}

Test(hooks, samples_are_kept_or_dropped)
{
	struct oc_machine *m = machine_with_stacks(NULL);
	const struct oc_ledger_kind *row = &oc_machine_ledger(m)->kinds[0];
	struct oc_sample s = sample_at(1, 2), other = sample_at(9, 3);
	int calls = 0;

	cr_assert_eq(oc_machine_on_sample(m, drop_stack_2, &calls), 0);
	cr_assert_eq(oc_machine_on_sample(m, rewrite, &other), 0);
	s.count = 5;
	cr_assert_eq(oc_machine_add_sample(m, &s), 0);
	cr_assert_eq(calls, 1);
	cr_assert_eq(row->lost[OC_LOSS_HOOK], 5);
	cr_assert_eq(row->kept, 0);
	s.stack = 1;
	s.count = 1;
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	cr_assert_eq(all_samples(m).samples[0].stack, 3, "the second hook rewrote it");
	cr_assert_eq(s.stack, 1, "but not the caller's");
	cr_assert_eq(row->kept, 1);
	oc_machine_free(m);
}

Test(hooks, what_a_hook_takes_away_is_counted)
{
	struct oc_machine *m = machine_with_stacks(NULL);
	const struct oc_ledger_kind *rows = oc_machine_ledger(m)->kinds;
	struct oc_sample s = sample_at(1, 2), changed = s;

	add_kind(m, "other", OC_UNIT_COUNT);
	s.count = 10;
	oc_machine_on_sample(m, rewrite, &changed);
	changed.stack = 99;
	cr_assert_eq(oc_machine_add_sample(m, &s), -EINVAL);
	cr_assert_eq(rows[0].lost[OC_LOSS_HOOK], 10, "made invalid");
	changed.stack = 1;
	changed.count = 4;
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	cr_assert_eq(rows[0].lost[OC_LOSS_HOOK], 16, "made lighter");
	cr_assert_eq(rows[0].kept, 4);
	changed.kind = 2;
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	cr_assert_eq(rows[0].lost[OC_LOSS_HOOK], 26, "made another kind");
	cr_assert_eq(rows[0].kept, 4);
	cr_assert_eq(rows[1].kept, 4);
	oc_machine_free(m);
}

static enum oc_verdict add_another(void *arg, struct oc_machine *m, struct oc_sample *sample)
{
	struct oc_sample second = *sample;

	(void)arg;
	second.time_ns++;
	cr_assert_eq(oc_machine_add_sample(m, &second), 1);
	return OC_KEEP;
}

Test(hooks, a_hook_may_add_samples)
{
	struct oc_machine *m = machine_with_stacks(NULL);
	struct oc_sample s = sample_at(1, 2);

	oc_machine_on_sample(m, add_another, NULL);
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	cr_assert_eq(oc_machine_nr_samples(m), 2);
	oc_machine_free(m);
}

static int parsed(void *arg, struct oc_machine *m)
{
	(void)m;
	return *(int *)arg;
}

static int exported(void *arg, const struct oc_machine *m, const char *format_name)
{
	(void)m;
	return !strcmp(format_name, arg) ? -EPERM : 0;
}

Test(hooks, parsed_and_export)
{
	struct oc_machine *m = oc_machine_new(NULL);
	int first = 0, second = -7, third = -8;

	cr_assert_eq(oc_machine_run_parsed_hooks(m), 0);
	cr_assert_eq(oc_machine_run_export_hooks(m, "pprof"), 0);
	cr_assert_eq(oc_machine_on_parsed(m, parsed, &first), 0);
	cr_assert_eq(oc_machine_run_parsed_hooks(m), 0);
	cr_assert_eq(oc_machine_on_parsed(m, parsed, &second), 0);
	cr_assert_eq(oc_machine_on_parsed(m, parsed, &third), 0);
	cr_assert_eq(oc_machine_run_parsed_hooks(m), -7);
	cr_assert_eq(oc_machine_on_export(m, exported, "pprof"), 0);
	cr_assert_eq(oc_machine_run_export_hooks(m, "folded"), 0);
	cr_assert_eq(oc_machine_run_export_hooks(m, "pprof"), -EPERM);
	oc_machine_free(m);
}

/* ---- splitting ---- */

static void expect_split(const struct oc_machine *m, enum oc_split by, uint32_t nr_ids,
			 const char *want)
{
	uint32_t *group_of;
	oc_string_id *names;
	int64_t nr = oc_machine_split(m, by, &group_of, &names);
	char text[512];
	size_t len = 0;

	cr_assert_geq(nr, 0);
	for (uint32_t id = 0; id <= nr_ids; id++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%d ", (int)group_of[id]);
	for (int64_t i = 0; i < nr; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s|",
					oc_machine_string(m, names[i], NULL));
	cr_assert_str_eq(text, want);
	free(group_of);
	free(names);
}

Test(split, groups)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_process facts = { .container = intern(m, "c1") };
	struct oc_sample s = { .count = 1, .kind = 1 };
	oc_process_id sh, cc, other;
	oc_thread_id worker;

	expect_split(m, OC_SPLIT_PROCESS, 0, "-1 ");
	expect_split(m, OC_SPLIT_THREAD, 0, "-1 ");
	sh = start(m, 1, "sh");
	other = start(m, 2, "sh");
	cc = (oc_process_id)oc_machine_process_exec(m, 1, 5, intern(m, "cc"));
	cr_assert_eq(sh + 1, other);
	cr_assert_eq(oc_machine_process_set(m, cc, &facts), 0);
	oc_machine_add_thread(m, sh, 1);
	worker = (oc_thread_id)oc_machine_add_thread(m, cc, 9);
	oc_machine_thread_set_name(m, worker, intern(m, "worker"));
	expect_split(m, OC_SPLIT_PROCESS, 3, "-1 0 1 0 cc|sh|");
	expect_split(m, OC_SPLIT_COMM, 3, "-1 0 0 1 sh|cc|");
	expect_split(m, OC_SPLIT_CONTAINER, 3, "-1 0 0 1 |c1|");
	expect_split(m, OC_SPLIT_THREAD, 2, "-1 0 1 sh|worker|");
	add_kind(m, "cpu", OC_UNIT_COUNT);
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	expect_split(m, OC_SPLIT_PROCESS, 3, "2 0 1 0 cc|sh||");
	expect_split(m, OC_SPLIT_CONTAINER, 3, "0 0 0 1 |c1|");
	expect_split(m, OC_SPLIT_THREAD, 2, "2 0 1 sh|worker||");
	oc_machine_free(m);
}
