/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export/merge.c: two machines made one hold what one machine fed with both holds.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <onecollect/machine.h>
#include <onecollect/merge.h>

#include "base/buffer.h"
#include "machine_parts.h"

#define SECOND 1000000000ULL

static oc_module_id add_module(struct oc_machine *m, enum oc_module_type type, const char *path,
			       oc_process_id process)
{
	struct oc_module module = { .type = type, .path = intern(m, path), .process = process };
	int64_t id = oc_machine_add_module(m, &module);

	cr_assert_gt(id, 0);
	return (oc_module_id)id;
}

static void map(struct oc_machine *m, oc_process_id process, oc_module_id module, uint64_t start,
		uint64_t time_ns)
{
	const struct oc_mapping mapping = {
		.process = process,
		.module = module,
		.start = start,
		.end = start + 0x1000,
		.since_ns = time_ns,
	};

	cr_assert_gt(oc_machine_add_mapping(m, &mapping), 0);
}

static oc_stack_id stack_of(struct oc_machine *m, oc_process_id process, const uint64_t *addresses,
			    uint32_t nr, uint32_t nr_kernel)
{
	int64_t id = oc_machine_intern_callstack(m, addresses, nr, nr_kernel);

	cr_assert_gt(id, 0);
	id = oc_machine_resolve(m, process, (oc_callstack_id)id);
	cr_assert_gt(id, 0);
	return (oc_stack_id)id;
}

static oc_attrs_id attrs_of(struct oc_machine *m, const char *key, const char *value,
			    uint64_t number, oc_attrs_id parent)
{
	const struct oc_attr attrs[] = {
		{ .key = intern(m, key), .type = OC_ATTR_STRING, .value = intern(m, value) },
		{ .key = intern(m, "n"), .type = OC_ATTR_NUMBER, .value = number },
	};
	int64_t id = oc_machine_intern_attrs(m, attrs, 2, parent);

	cr_assert_gt(id, 0);
	return (oc_attrs_id)id;
}

static void name_all(struct oc_machine *m)
{
	for (oc_location_id id = 1; id <= oc_machine_nr_locations(m); id++) {
		const struct oc_location *location = oc_machine_location(m, id);
		struct oc_function function = { .module = location->module };
		struct oc_line line = { .line = (uint32_t)location->offset & 0xff };
		char name[32];

		if (location->offset % 3 == 0)
			continue;
		snprintf(name, sizeof(name), "f_%llx", (unsigned long long)location->offset);
		function.name = intern(m, name);
		line.function = (oc_function_id)oc_machine_add_function(m, &function);
		cr_assert_eq(oc_machine_set_lines(m, id, &line, 1), 0);
	}
	cr_assert_eq(oc_machine_finish(m), 0);
}

/* What both recordings have seen, in the same way: the kernel and one long-lived process. */
static oc_process_id feed_common(struct oc_machine *m)
{
	int64_t p = oc_machine_process_start(m, 1, 0, 1);

	cr_assert_gt(p, 0);
	oc_machine_process_set(m, (oc_process_id)p,
			       &(struct oc_process){ .comm = intern(m, "init") });
	map(m, 0, add_module(m, OC_MODULE_KERNEL, "[kernel]", 0), 0xffff0000, 0);
	map(m, (oc_process_id)p, add_module(m, OC_MODULE_FILE, "/sbin/init", 0), 0x1000, 1);
	return (oc_process_id)p;
}

/* One recording; its number shifts pids, times, names and kinds, so that some things are shared and some are not. */
static void feed(struct oc_machine *m, uint32_t number, oc_process_id common)
{
	uint64_t t0 = 1000 * (uint64_t)number;
	oc_process_id parent = (oc_process_id)oc_machine_process_start(m, 100 + number, common, t0);
	oc_process_id child, image;
	const uint64_t user[] = { 0x2010, 0x1020, 0x5555 },
		       mixed[] = { 0xffff0100, 0xffff0200, 0x1020 };
	struct oc_span span = { .name = intern(m, "span"), .start_ns = t0, .end_ns = t0 + 9 };
	struct oc_sample s = { .count = 2, .value = 5, .cpu = number };
	oc_attrs_id attrs;

	map(m, parent, add_module(m, OC_MODULE_FILE, number == 1 ? "/bin/one" : "/bin/two", 0),
	    0x2000, t0 + 1);
	map(m, parent, add_module(m, OC_MODULE_ANON, "[anon]", parent), 0x9000, t0 + 2);
	child = (oc_process_id)oc_machine_process_start(m, 200, parent, t0 + 3);
	map(m, parent, add_module(m, OC_MODULE_FILE, "/lib/shared.so", 0), 0x2800, t0 + 4);
	map(m, common, add_module(m, OC_MODULE_FILE, "/lib/shared.so", 0), 0x7000, t0 + 4);
	cr_assert_eq(oc_machine_remove_mapping(m, common, 0x7000, 0x7800, t0 + 5), 0);
	image = (oc_process_id)oc_machine_process_exec(m, 200, t0 + 6, intern(m, "execd"));
	oc_machine_process_exit(m, 200, t0 + 7);
	/* Recording 2 alone could not know of what recording 1 left behind. */
	cr_assert_eq(oc_machine_remove_mapping(m, common, 0x7800, 0x9000, t0 + 8), 0);
	oc_machine_thread_set_name(m, (oc_thread_id)oc_machine_add_thread(m, common, 1),
				   intern(m, "init"));
	s.thread = (oc_thread_id)oc_machine_add_thread(m, parent, 300 + number);
	oc_machine_thread_set_name(m, s.thread, intern(m, number == 1 ? "t-one" : "t-two"));

	s.kind = add_kind(m, "cpu", OC_UNIT_COUNT);
	s.process = common;
	s.thread = (oc_thread_id)oc_machine_add_thread(m, common, 1);
	s.cpu = UINT32_MAX;
	s.stack = stack_of(m, common, mixed, 3, 2);
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	s.process = child;
	s.stack = stack_of(m, child, user, 3, 0);
	s.time_ns = t0 + 5;
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	s.process = image;
	s.stack = stack_of(m, image, user, 3, 0);
	attrs = attrs_of(m, "color", number == 1 ? "red" : "blue", number,
			 attrs_of(m, "all", "same", 0, 0));
	oc_machine_link_attrs(m, attrs_of(m, "all", "same", 0, 0), attrs);
	s.attrs = attrs;
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	s.kind = add_kind(m, number == 1 ? "bytes" : "wait", OC_UNIT_BYTES);
	s.process = parent;
	s.stack = stack_of(m, parent, user, 2, 0);
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	s.kind = add_kind(m, "spans", OC_UNIT_SPAN);
	span.parent = (oc_span_id)oc_machine_add_span(m, &span);
	s.value = (uint64_t)oc_machine_add_span(m, &span);
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	oc_machine_ledger(m)->kinds[0].taken += 10 * number;
	oc_machine_ledger(m)->kinds[0].lost[OC_LOSS_RING_FULL] += number;
	oc_machine_ledger(m)->kinds[0].incomplete[OC_STACK_BROKEN] += number;
	oc_machine_ledger(m)->notes[OC_NOTE_CPU_REOPENED] += number;
	oc_machine_ledger(m)->duration_ns += 7;
}

/* ---- the whole content as text, without ids ---- */

struct dump {
	struct buffer text;
	const struct oc_machine *m;
};

static const char *text_of(const struct dump *d, oc_string_id id)
{
	return oc_machine_string(d->m, id, NULL);
}

static int dump_attr(void *arg, const struct oc_attr *attr)
{
	struct dump *d = arg;

	if (attr->type == OC_ATTR_STRING)
		buffer_printf(&d->text, " %s=%s", text_of(d, attr->key),
			      text_of(d, (oc_string_id)attr->value));
	else
		buffer_printf(&d->text, " %s=%llu", text_of(d, attr->key),
			      (unsigned long long)attr->value);
	return 0;
}

static int dump_sample(void *arg, const struct oc_sample *s)
{
	struct dump *d = arg;
	const struct oc_machine *m = d->m;
	const struct oc_process *process = oc_machine_process(m, s->process);
	const struct oc_thread *thread = oc_machine_thread(m, s->thread);
	const struct oc_span *span = oc_machine_span(m, (oc_span_id)s->value);
	uint32_t nr;
	const oc_location_id *ids = oc_machine_stack(m, s->stack, &nr);

	buffer_printf(&d->text, "%s %llu %llu pid %u.%u %s tid %u %s cpu %u:",
		      oc_machine_kind(m, s->kind)->name, (unsigned long long)s->time_ns,
		      (unsigned long long)s->count, process->pid, process->generation,
		      text_of(d, process->comm), thread->tid, text_of(d, thread->name), s->cpu);
	if (oc_machine_kind(m, s->kind)->unit == OC_UNIT_SPAN)
		buffer_printf(&d->text, " span %s %llu-%llu of %llu", text_of(d, span->name),
			      (unsigned long long)span->start_ns, (unsigned long long)span->end_ns,
			      (unsigned long long)oc_machine_span(m, span->parent)->start_ns);
	else
		buffer_printf(&d->text, " value %llu", (unsigned long long)s->value);
	for (uint32_t i = 0; i < nr; i++) {
		const struct oc_location *location = oc_machine_location(m, ids[i]);
		const struct oc_mapping *mapping = oc_machine_mapping(m, location->mapping);

		buffer_printf(&d->text, " %s+%llx(%s)@%llx",
			      text_of(d, oc_machine_module(m, location->module)->path),
			      (unsigned long long)location->offset,
			      text_of(d, oc_machine_location_name(m, ids[i], 0)),
			      (unsigned long long)(mapping ? mapping->start : 0));
	}
	oc_machine_walk_attrs(m, s->attrs, dump_attr, d);
	buffer_putc(&d->text, '\n');
	return 0;
}

static void dump_history(struct dump *d, oc_process_id id)
{
	for (uint64_t t = 0; t < 3000; t++) {
		for (uint64_t address = 0; address < 0xa000; address += 0x800) {
			const struct oc_mapping *mapping = oc_machine_mapping(
				d->m, oc_machine_find_mapping(d->m, id, address, t));

			if (mapping && (t % 1000 < 10 || t % 1000 > 997))
				buffer_printf(
					&d->text, "%llu:%llx=%s+%llx ", (unsigned long long)t,
					(unsigned long long)address,
					text_of(d, oc_machine_module(d->m, mapping->module)->path),
					(unsigned long long)(mapping->file_offset + address -
							     mapping->start));
		}
	}
	buffer_putc(&d->text, '\n');
}

static void dump_processes(struct dump *d)
{
	for (oc_process_id id = 1; id <= oc_machine_nr_processes(d->m); id++) {
		const struct oc_process *p = oc_machine_process(d->m, id), *parent;

		parent = oc_machine_process(d->m, p->parent);
		buffer_printf(&d->text, "pid %u.%u %s %llu-%llu of %u at %u: ", p->pid,
			      p->generation, text_of(d, p->comm), (unsigned long long)p->start_ns,
			      (unsigned long long)p->end_ns, parent ? parent->pid : 0,
			      oc_machine_process_at(d->m, p->pid, p->start_ns) == id);
		dump_history(d, id);
	}
}

static void dump_ledger(struct dump *d)
{
	const struct oc_ledger *ledger = oc_machine_ledger_const(d->m);

	for (uint32_t i = 0; i < ledger->nr_kinds; i++)
		buffer_printf(&d->text, "%s %s kept %llu taken %llu lost %llu broken %llu\n",
			      ledger->kinds[i].name, ledger->kinds[i].unit,
			      (unsigned long long)ledger->kinds[i].kept,
			      (unsigned long long)ledger->kinds[i].taken,
			      (unsigned long long)ledger->kinds[i].lost[OC_LOSS_RING_FULL],
			      (unsigned long long)ledger->kinds[i].incomplete[OC_STACK_BROKEN]);
	buffer_printf(&d->text, "reopened %llu, %llu ns\n",
		      (unsigned long long)ledger->notes[OC_NOTE_CPU_REOPENED],
		      (unsigned long long)ledger->duration_ns);
	buffer_printf(
		&d->text,
		"%u modules %u mappings %u threads %u locations %u functions %u stacks %u spans\n",
		oc_machine_nr_modules(d->m), oc_machine_nr_mappings(d->m),
		oc_machine_nr_threads(d->m), oc_machine_nr_locations(d->m),
		oc_machine_nr_functions(d->m), oc_machine_nr_stacks(d->m),
		oc_machine_nr_spans(d->m));
}

static struct buffer dump(const struct oc_machine *m)
{
	struct dump d = { .m = m };

	cr_assert_eq(oc_machine_each_sample(m, dump_sample, &d), 0);
	dump_processes(&d);
	dump_ledger(&d);
	cr_assert_eq(d.text.error, 0);
	return d.text;
}

/* ---- tests ---- */

static void expect_equal(const struct oc_machine *a, const struct oc_machine *b)
{
	struct buffer text_a = dump(a), text_b = dump(b);

	cr_assert_str_eq(text_a.data, text_b.data, "\n%s\n--- differs from ---\n%s", text_a.data,
			 text_b.data);
	buffer_done(&text_a);
	buffer_done(&text_b);
}

Test(merge, equals_one_machine_fed_both)
{
	struct oc_machine *a = oc_machine_new(NULL), *b = oc_machine_new(NULL),
			  *both = oc_machine_new(NULL);
	oc_process_id common = feed_common(both);

	feed(both, 1, common);
	feed(both, 2, common);
	feed(a, 1, feed_common(a));
	feed(b, 2, feed_common(b));
	name_all(both);
	name_all(a);
	name_all(b);
	cr_assert_eq(oc_machine_merge(a, b), 0);
	expect_equal(a, both);
	oc_machine_free(a);
	oc_machine_free(b);
	oc_machine_free(both);
}

Test(merge, into_an_empty_machine_is_a_copy)
{
	struct oc_machine *a = oc_machine_new(NULL), *copy = oc_machine_new(NULL);
	struct oc_recording_info info = { .start_mono_ns = 3, .nr_cpus = 4, .aggregated = true };

	feed(a, 1, feed_common(a));
	info.hostname = intern(a, "host");
	oc_machine_set_info(a, &info);
	name_all(a);
	cr_assert_eq(oc_machine_merge(copy, a), 0);
	expect_equal(copy, a);
	cr_assert_eq(oc_machine_info(copy)->nr_cpus, 4);
	cr_assert(oc_machine_info(copy)->aggregated);
	cr_assert_str_eq(oc_machine_string(copy, oc_machine_info(copy)->hostname, NULL), "host");
	oc_machine_free(a);
	oc_machine_free(copy);
}

Test(merge, an_empty_machine_adds_nothing)
{
	struct oc_machine *a = oc_machine_new(NULL), *empty = oc_machine_new(NULL),
			  *same = oc_machine_new(NULL);

	feed(a, 1, feed_common(a));
	feed(same, 1, feed_common(same));
	cr_assert_eq(oc_machine_merge(a, empty), 0);
	expect_equal(a, same);
	oc_machine_free(a);
	oc_machine_free(empty);
	oc_machine_free(same);
}

Test(merge, a_merged_machine_can_be_filled_on)
{
	struct oc_machine *a = oc_machine_new(NULL), *both = oc_machine_new(NULL);

	feed(both, 1, feed_common(both));
	feed(a, 1, feed_common(a));
	feed(both, 2, 1);
	{
		struct oc_machine *copy = oc_machine_new(NULL);

		cr_assert_eq(oc_machine_merge(copy, a), 0);
		oc_machine_free(a);
		a = copy;
	}
	feed(a, 2, 1);
	name_all(a);
	name_all(both);
	expect_equal(a, both);
	oc_machine_free(a);
	oc_machine_free(both);
}

/* A recording of one host: booted at boot_s, began at start_s, both by the wall clock. */
static struct oc_machine *of_host(const char *hostname, uint64_t boot_s, uint64_t start_s)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_recording_info info = {
		.start_mono_ns = (start_s - boot_s) * SECOND,
		.start_boot_ns = (start_s - boot_s) * SECOND,
		.start_wall_ns = start_s * SECOND,
		.end_mono_ns = (start_s - boot_s + 10) * SECOND,
		.hostname = intern(m, hostname),
	};

	oc_machine_set_info(m, &info);
	return m;
}

/* One process with a file and kernel frames, sampled `count` times at offset_s seconds. */
static void feed_host(struct oc_machine *m, uint64_t count, uint64_t offset_s)
{
	oc_process_id p = feed_common(m);
	const uint64_t addresses[] = { 0xffff0100, 0x1020 };
	struct oc_sample s = { .kind = add_kind(m, "cpu", OC_UNIT_COUNT), .process = p, .cpu = 0 };

	s.count = s.value = count;
	s.time_ns = oc_machine_info(m)->start_mono_ns + offset_s * SECOND;
	s.thread = (oc_thread_id)oc_machine_add_thread(m, p, 1);
	s.stack = stack_of(m, p, addresses, 2, 1);
	cr_assert_eq(oc_machine_add_sample(m, &s), 1);
	oc_machine_ledger(m)->kinds[0].taken = count;
	cr_assert_eq(oc_machine_finish(m), 0);
}

static void merge_marked(struct oc_machine *dst, struct oc_machine *src)
{
	const struct oc_merge_opts opts = { .size = sizeof(opts), .mark_host = true };
	struct oc_error err = { 0 };

	cr_assert_eq(oc_machine_merge_with(dst, src, &opts, &err), 0, "%s", err.message);
	oc_machine_free(src);
}

/* What samples say, each in a line of "wall time in s, process id, count, attributes". */
static int dump_wall(void *arg, const struct oc_sample *s)
{
	struct dump *d = arg;
	const struct oc_recording_info *info = oc_machine_info(d->m);

	buffer_printf(
		&d->text, "%llu %u %llu",
		(unsigned long long)((s->time_ns - info->start_mono_ns + info->start_wall_ns) /
				     SECOND),
		s->process, (unsigned long long)s->count);
	oc_machine_walk_attrs(d->m, s->attrs, dump_attr, d);
	buffer_putc(&d->text, '\n');
	return 0;
}

static void expect_samples(const struct oc_machine *m, const char *wanted)
{
	struct dump d = { .m = m };

	cr_assert_eq(oc_machine_each_sample(m, dump_wall, &d), 0);
	cr_assert_str_eq(d.text.data, wanted);
	buffer_done(&d.text);
}

Test(merge, hosts_are_told_apart_and_brought_to_one_clock)
{
	struct oc_machine *all = oc_machine_new(NULL), *m;

	m = of_host("web", 1000, 5000);
	feed_host(m, 1, 2);
	merge_marked(all, m);
	m = of_host("db", 3000, 4990);
	feed_host(m, 10, 3);
	merge_marked(all, m);
	m = of_host("web", 1001, 6000); /* its clock was set back by a second meanwhile */
	feed_host(m, 100, 0);
	merge_marked(all, m);
	m = of_host("db", 3000, 6000);
	feed_host(m, 1000, 0);
	merge_marked(all, m);
	m = of_host("web", 7000, 8000); /* booted anew */
	feed_host(m, 10000, 1);
	merge_marked(all, m);

	expect_samples(all, "5002 1 1 host=web\n4993 2 10 host=db\n5999 1 100 host=web\n"
			    "6000 2 1000 host=db\n8001 3 10000 host=web\n");
	cr_assert_eq(oc_machine_nr_processes(all), 3);
	/* A kernel and a file without a build-id for each. */
	cr_assert_eq(oc_machine_nr_modules(all), 6);
	cr_assert_eq(oc_machine_nr_locations(all), 6);
	cr_assert_eq(oc_machine_info(all)->start_wall_ns, 4990 * SECOND);
	cr_assert_eq(oc_machine_info(all)->start_mono_ns, 3990 * SECOND);
	cr_assert_str_eq(oc_machine_string(all, oc_machine_info(all)->hostname, NULL), "web,db");
	cr_assert_eq(oc_machine_ledger(all)->kinds[0].kept, 11111);
	cr_assert_eq(oc_machine_ledger(all)->kinds[0].taken, 11111);
	oc_machine_free(all);
}

Test(merge, what_was_merged_already_keeps_its_hosts)
{
	struct oc_machine *two = oc_machine_new(NULL), *again = oc_machine_new(NULL), *m;

	m = of_host("web", 1000, 5000);
	feed_host(m, 1, 0);
	merge_marked(two, m);
	m = of_host("db", 2000, 5000);
	feed_host(m, 2, 0);
	merge_marked(two, m);
	merge_marked(again, two);
	m = of_host("web", 1000, 5000);
	feed_host(m, 4, 0);
	merge_marked(again, m);
	expect_samples(again, "5000 1 1 host=web\n5000 2 2 host=db\n5000 3 4 host=web\n");
	cr_assert_eq(oc_machine_nr_modules(again), 6);
	oc_machine_free(again);
}

Test(merge, same_boot)
{
	struct oc_machine *a = of_host("web", 1000, 5000), *b = of_host("web", 1004, 6000),
			  *c = of_host("web", 1006, 6000), *d = of_host("db", 1000, 5000);

	cr_assert(oc_machine_same_boot(a, b));
	cr_assert(!oc_machine_same_boot(a, c));
	cr_assert(!oc_machine_same_boot(a, d));
	oc_machine_free(a);
	oc_machine_free(b);
	oc_machine_free(c);
	oc_machine_free(d);
}

Test(merge, hostile_clocks_do_no_harm)
{
	struct oc_machine *a = of_host("a", 1000, 5000), *b = of_host("b", 2000, 5000);
	struct oc_recording_info info = *oc_machine_info(b);

	feed_host(a, 1, 0);
	feed_host(b, 1, 0);
	info.start_mono_ns = UINT64_MAX - 1;
	info.start_wall_ns = 1;
	oc_machine_set_info(b, &info);
	cr_assert_eq(oc_machine_merge(a, b), 0);
	cr_assert_eq(oc_machine_nr_samples(a), 2);
	oc_machine_free(a);
	oc_machine_free(b);
}

Test(merge, samples_that_weigh_differently_are_refused)
{
	struct oc_machine *a = oc_machine_new(NULL), *b = oc_machine_new(NULL);
	struct oc_kind kind = { .name = "cpu", .unit = OC_UNIT_COUNT, .period_ns = 1000000 };
	struct oc_error err = { 0 };

	cr_assert_eq(oc_machine_add_kind(a, &kind), 1);
	kind.period_ns = 10000000;
	cr_assert_eq(oc_machine_add_kind(b, &kind), 1);
	feed_common(b);
	cr_assert_eq(oc_machine_merge_with(a, b, NULL, &err), -EINVAL);
	cr_assert(strstr(err.message, "at 1000 Hz and at 100 Hz"), "%s", err.message);
	cr_assert_eq(oc_machine_nr_processes(a), 0, "nothing was added");
	oc_machine_free(a);
	oc_machine_free(b);
}

Test(merge, counts_and_times_together_count_as_counts)
{
	struct oc_machine *a = of_host("a", 1000, 5000), *b = of_host("a", 1000, 6000);
	struct oc_recording_info info = *oc_machine_info(a);

	feed_host(b, 1, 0);
	info.aggregated = true;
	oc_machine_set_info(a, &info);
	cr_assert_eq(oc_machine_merge(a, b), 0);
	cr_assert(oc_machine_info(a)->aggregated);
	oc_machine_free(a);
	oc_machine_free(b);
}

Test(merge, an_older_recording_does_not_change_the_present)
{
	struct oc_machine *a = oc_machine_new(NULL), *b = oc_machine_new(NULL);
	oc_process_id p = feed_common(a), q = feed_common(b);
	oc_module_id newer = add_module(a, OC_MODULE_FILE, "/new", 0);
	const struct oc_mapping *mapping;

	map(a, p, newer, 0x3000, 500);
	map(b, q, add_module(b, OC_MODULE_FILE, "/old", 0), 0x3000, 100);
	cr_assert_eq(oc_machine_merge(a, b), 0);
	cr_assert_eq(oc_machine_nr_processes(a), 1);
	mapping = oc_machine_mapping(a, oc_machine_find_mapping(a, p, 0x3000, 1000));
	cr_assert_eq(mapping->module, newer);
	oc_machine_free(a);
	oc_machine_free(b);
}

Test(merge, errors)
{
	struct oc_machine *a = oc_machine_new(NULL), *b = oc_machine_new(NULL);
	char name[32];

	cr_assert_eq(oc_machine_merge(a, a), -EINVAL);
	for (int i = 0; i < OC_KINDS_MAX; i++) {
		snprintf(name, sizeof(name), "kind%d", i);
		add_kind(a, name, OC_UNIT_COUNT);
	}
	add_kind(b, "kind3", OC_UNIT_COUNT);
	cr_assert_eq(oc_machine_merge(a, b), 0);
	feed_common(b);
	add_kind(b, "new", OC_UNIT_COUNT);
	cr_assert_eq(oc_machine_merge(a, b), -ENOSPC);
	cr_assert_eq(oc_machine_nr_processes(a), 0, "nothing was added");
	oc_machine_free(a);
	oc_machine_free(b);
}

/* Samples that b spilled are read back; samples that go over a's budget are spilled by a. */
Test(merge, spilled_samples)
{
	struct oc_machine_opts opts = { .size = sizeof(opts),
					.memory_budget_bytes = 1,
					.spill_dir = "/tmp" };
	struct oc_machine *a = oc_machine_new(&opts), *b = oc_machine_new(&opts);
	struct oc_sample s = { .count = 1 };

	s.process = feed_common(b);
	s.kind = add_kind(b, "cpu", OC_UNIT_COUNT);
	for (s.time_ns = 1; s.time_ns <= 100000; s.time_ns++)
		cr_assert_eq(oc_machine_add_sample(b, &s), 1);
	cr_assert_eq(oc_machine_merge(a, b), 0);
	cr_assert_eq(oc_machine_nr_samples(a), 100000);
	cr_assert_eq(oc_machine_ledger(a)->kinds[0].kept, 100000);
	cr_assert_gt(oc_machine_ledger(a)->notes[OC_NOTE_SPILLED_SAMPLES], 0);
	cr_assert_leq(oc_machine_ledger(a)->notes[OC_NOTE_SPILLED_SAMPLES], 100000);
	oc_machine_free(a);
	oc_machine_free(b);
}
