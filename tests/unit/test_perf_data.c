/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing perf.data: what is written is read back as it was, in samples, stacks and processes.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include <onecollect/format.h>
#include <onecollect/reader.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "export/amount.h"
#include "machine_parts.h"
#include "sample_machine.h"

/* Lines that are sorted before they are compared. */
struct lines {
	struct buffer text;
	size_t starts[1024];
	size_t nr;
	const struct oc_machine *m;
};

static struct buffer write_machine(const struct oc_machine *m)
{
	struct buffer copy = BUFFER_INIT;
	struct oc_error err = { 0 };
	struct oc_output *out;
	const void *data;
	size_t size;

	cr_assert_eq(oc_output_open_memory(&out), 0);
	cr_assert_eq(oc_format_by_name("perf-data")->write(m, out, &err), 0, "%s", err.message);
	data = oc_output_memory(out, &size);
	buffer_append(&copy, data, size);
	oc_output_abort(out);
	return copy;
}

static struct oc_machine *read_back(const struct buffer *file)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_error err = { 0 };
	struct oc_input *in;
	int rc;

	cr_assert_eq(oc_input_open_memory(file->data, file->len, &in), 0);
	rc = oc_reader_for(in, &err)->read(in, m, &err);
	cr_assert_eq(rc, 0, "%s", err.message);
	oc_input_close(in);
	cr_assert_eq(oc_machine_finish(m), 0);
	return m;
}

static struct oc_machine *there_and_back(const struct oc_machine *m)
{
	struct buffer file = write_machine(m);
	struct oc_machine *back = read_back(&file);

	buffer_done(&file);
	return back;
}

static const char *text(const struct oc_machine *m, oc_string_id id)
{
	return oc_machine_string(m, id, NULL);
}

/* A frame without names, which the format does not carry. */
static void put_frame(struct lines *lines, oc_location_id id)
{
	const struct oc_location *location = oc_machine_location(lines->m, id);
	const struct oc_module *module = oc_machine_module(lines->m, location->module);

	if (module->type == OC_MODULE_KERNEL)
		buffer_printf(&lines->text, " kernel %llx", (unsigned long long)location->address);
	else
		buffer_printf(&lines->text, " %s+%llx %u", text(lines->m, module->path),
			      (unsigned long long)location->offset, module->build_id_size);
}

static int add_line(void *arg, const struct oc_sample *sample)
{
	struct lines *lines = arg;
	const struct oc_process *process = oc_machine_process(lines->m, sample->process);
	const struct oc_thread *thread = oc_machine_thread(lines->m, sample->thread);
	const struct oc_kind *kind = oc_machine_kind(lines->m, sample->kind);
	uint64_t amount = amount_of(kind, sample->count, sample_value(lines->m, sample));
	uint32_t nr;
	const oc_location_id *locations = oc_machine_stack(lines->m, sample->stack, &nr);

	cr_assert_lt(lines->nr, ARRAY_SIZE(lines->starts));
	lines->starts[lines->nr++] = lines->text.len;
	buffer_printf(&lines->text, "%s %llu %llu %u %s %s %u %s %d", kind->name,
		      (unsigned long long)(kind->period_ns ? sample->count : 1),
		      (unsigned long long)amount, process->pid, text(lines->m, process->comm),
		      text(lines->m, process->exe), thread->tid,
		      text(lines->m, thread->name ? thread->name : process->comm),
		      (int)sample->cpu);
	if (sample->time_ns)
		buffer_printf(&lines->text, " %llu", (unsigned long long)sample->time_ns);
	for (uint32_t i = 0; i < nr; i++)
		put_frame(lines, locations[i]);
	buffer_putc(&lines->text, 0);
	return 0;
}

static const struct buffer *sorted_text;

static int compare_lines(const void *a, const void *b)
{
	return strcmp(sorted_text->data + *(const size_t *)a,
		      sorted_text->data + *(const size_t *)b);
}

static void lines_init(struct lines *lines, const struct oc_machine *m)
{
	*lines = (struct lines){ .m = m };
	cr_assert_eq(oc_machine_each_sample(m, add_line, lines), 0);
	sorted_text = &lines->text;
	qsort(lines->starts, lines->nr, sizeof(*lines->starts), compare_lines);
}

static void assert_equal_samples(const struct oc_machine *a, const struct oc_machine *b)
{
	static struct lines x, y;

	lines_init(&x, a);
	lines_init(&y, b);
	cr_assert_eq(x.nr, y.nr);
	for (size_t i = 0; i < x.nr; i++)
		cr_assert_str_eq(x.text.data + x.starts[i], y.text.data + y.starts[i]);
	buffer_done(&x.text);
	buffer_done(&y.text);
}

Test(perf_data, there_and_back)
{
	struct oc_machine *m =
		sample_machine_new(SAMPLE_TIMELINE | SAMPLE_TWO_KINDS | SAMPLE_WAITS);
	struct oc_machine *back = there_and_back(m);
	const struct oc_recording_info *a = oc_machine_info(m), *b = oc_machine_info(back);

	assert_equal_samples(m, back);
	cr_assert_eq(a->start_mono_ns, b->start_mono_ns);
	cr_assert_eq(a->end_mono_ns, b->end_mono_ns);
	cr_assert_eq(a->start_wall_ns, b->start_wall_ns);
	cr_assert_eq(a->nr_cpus, b->nr_cpus);
	cr_assert_str_eq(text(m, a->hostname), text(back, b->hostname));
	cr_assert_str_eq(text(m, a->os), text(back, b->os));
	cr_assert_str_eq(text(m, a->command), text(back, b->command));
	for (uint32_t i = 0; i < 3; i++)
		cr_assert_eq(oc_ledger_lost(&oc_machine_ledger(back)->kinds[i]), 3);
	oc_machine_free(m);
	oc_machine_free(back);
}

static int add_up(void *arg, const struct oc_sample *sample)
{
	*(uint64_t *)arg += sample->count;
	return 0;
}

Test(perf_data, counts_stay_counts)
{
	struct oc_machine *m = sample_machine_new(0), *back = there_and_back(m);
	uint64_t count = 0;

	cr_assert_eq(oc_machine_nr_samples(back), oc_machine_nr_samples(m));
	cr_assert_eq(oc_machine_each_sample(back, add_up, &count), 0);
	cr_assert_eq(count, SAMPLE_TOTAL);
	cr_assert_eq(oc_machine_kind(back, 1)->period_ns, SAMPLE_PERIOD_NS);
	oc_machine_free(m);
	oc_machine_free(back);
}

Test(perf_data, waits_stay_times)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_WAITS | SAMPLE_EMPTY);
	struct oc_machine *back = there_and_back(m);

	cr_assert_eq(oc_machine_nr_kinds(back), 2);
	cr_assert_str_eq(oc_machine_kind(back, 2)->name, "off_cpu");
	cr_assert_eq(oc_machine_kind(back, 2)->unit, OC_UNIT_NANOSECONDS);
	assert_equal_samples(m, back);
	oc_machine_free(m);
	oc_machine_free(back);
}

Test(perf_data, without_samples)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_EMPTY), *back = there_and_back(m);

	cr_assert_eq(oc_machine_nr_samples(back), 0);
	cr_assert_eq(oc_machine_nr_processes(back), oc_machine_nr_processes(m));
	oc_machine_free(m);
	oc_machine_free(back);
}

Test(perf_data, nothing_at_all)
{
	struct oc_machine *m = oc_machine_new(NULL), *back;

	cr_assert_eq(oc_machine_finish(m), 0);
	back = there_and_back(m);
	cr_assert_eq(oc_machine_nr_samples(back), 0);
	cr_assert_eq(oc_machine_ledger(back)->notes[OC_NOTE_PARTIAL_INPUT], 0);
	oc_machine_free(m);
	oc_machine_free(back);
}

static void map(struct oc_machine *m, oc_process_id process, uint64_t start, const char *path,
		uint64_t since_ns)
{
	struct oc_module module = { .path = intern(m, path),
				    .inode = (uint64_t)path[5],
				    .device = 5 };
	struct oc_mapping mapping = { .process = process,
				      .module = must(oc_machine_add_module(m, &module)),
				      .start = start,
				      .end = start + 0x1000,
				      .since_ns = since_ns,
				      .until_ns = UINT64_MAX };

	must(oc_machine_add_mapping(m, &mapping));
	if (!oc_machine_process(m, process)->exe)
		oc_machine_process_set(m, process, &(struct oc_process){ .exe = module.path });
}

static void sample_at(struct oc_machine *m, oc_process_id process, uint64_t address,
		      uint64_t time_ns)
{
	const struct oc_kind kind = { .name = "cpu", .unit = OC_UNIT_COUNT, .period_ns = 1000 };
	struct oc_sample sample = {
		.time_ns = time_ns,
		.count = 1,
		.value = 1,
		.kind = must(oc_machine_add_kind(m, &kind)),
		.process = process,
		.thread = must(
			oc_machine_add_thread(m, process, oc_machine_process(m, process)->pid)),
		.cpu = 3,
	};

	sample.stack = must(oc_machine_resolve(
		m, process, must(oc_machine_intern_callstack(m, &address, 1, 0))));
	cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
}

/* The lives of a pid, and what each had mapped: fork, exec, a mapping in the place of another, the pid used again. */
Test(perf_data, lives_of_processes)
{
	struct oc_machine *m = oc_machine_new(NULL), *back;
	oc_process_id shell = must(oc_machine_process_start(m, 10, 0, 1000)), child, tool, other;

	map(m, shell, 0x1000, "/bin/shell", 1000);
	child = must(oc_machine_process_start(m, 11, shell, 2000));
	sample_at(m, child, 0x1010, 2500);
	tool = must(oc_machine_process_exec(m, 11, 3000, intern(m, "tool")));
	map(m, tool, 0x1000, "/bin/tool", 3100);
	sample_at(m, tool, 0x1020, 3500);
	map(m, tool, 0x1000, "/lib/late.so", 3600);
	sample_at(m, tool, 0x1030, 3700);
	oc_machine_process_exit(m, 11, 4000);
	other = must(oc_machine_process_start(m, 11, 0, 5000));
	map(m, other, 0x1000, "/bin/other", 5000);
	sample_at(m, other, 0x1040, 5500);
	sample_at(m, shell, 0x1050, 6000);
	cr_assert_eq(oc_machine_finish(m), 0);
	back = there_and_back(m);
	assert_equal_samples(m, back);
	cr_assert_eq(oc_machine_nr_processes(back), oc_machine_nr_processes(m));
	for (oc_process_id id = 1; id <= oc_machine_nr_processes(m); id++) {
		const struct oc_process *a = oc_machine_process(m, id);
		const struct oc_process *b = oc_machine_process(back, id);

		cr_assert_eq(a->pid, b->pid, "%u", id);
		cr_assert_eq(a->generation, b->generation, "%u", id);
		cr_assert_eq(a->parent, b->parent, "%u", id);
		cr_assert_eq(a->start_ns, b->start_ns, "%u", id);
		cr_assert_eq(a->end_ns, b->end_ns, "%u", id);
		cr_assert_str_eq(text(m, a->comm), text(back, b->comm), "%u", id);
	}
	oc_machine_free(m);
	oc_machine_free(back);
}

Test(perf_data, many_samples_in_rounds)
{
	struct oc_machine *m = oc_machine_new(NULL), *back;
	oc_process_id shell = must(oc_machine_process_start(m, 10, 0, 1000));
	uint64_t count = 0;

	map(m, shell, 0x1000, "/bin/shell", 1000);
	for (uint64_t i = 0; i < 40000; i++)
		sample_at(m, shell, 0x1000 + i % 100, 100000 - i);
	cr_assert_eq(oc_machine_finish(m), 0);
	back = there_and_back(m);
	cr_assert_eq(oc_machine_each_sample(back, add_up, &count), 0);
	cr_assert_eq(count, 40000);
	cr_assert_eq(oc_machine_ledger(back)->notes[OC_NOTE_PARTIAL_INPUT], 0);
	oc_machine_free(m);
	oc_machine_free(back);
}
