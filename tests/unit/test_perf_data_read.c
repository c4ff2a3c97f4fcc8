/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading perf.data: records in their order, events and kinds, stacks, losses, files that are cut or wrong.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <onecollect/reader.h>

#include "base/macros.h"
#include "export/formats/perf_data_order.h"
#include "perf_data_file.h"

#define PERIOD      1000000ULL
#define PROGRAM     0x400000ULL
#define OTHER       0x700000ULL
#define KERNEL      0xffffffff81000000ULL
#define USER_PART   (uint64_t) PERF_CONTEXT_USER
#define KERNEL_PART (uint64_t) PERF_CONTEXT_KERNEL

static struct oc_machine *try_read(const struct buffer *file, size_t size, struct oc_error *err)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_input *in;
	int rc;

	cr_assert_eq(oc_input_open_memory(file->data, size, &in), 0);
	rc = oc_reader_by_name("perf-data")->read(in, m, err);
	oc_input_close(in);
	cr_assert_eq(rc, err->code);
	if (!rc) {
		cr_assert_eq(oc_machine_finish(m), 0);
		cr_assert(oc_ledger_balanced(oc_machine_ledger(m)));
		return m;
	}
	oc_machine_free(m);
	return NULL;
}

static struct oc_machine *read_all(struct buffer file)
{
	struct oc_error err = { 0 };
	struct oc_machine *m = try_read(&file, file.len, &err);

	cr_assert(m, "%s", err.message);
	buffer_done(&file);
	return m;
}

static struct oc_machine *read_hand(struct hand_file *f)
{
	struct oc_machine *m = read_all(hand_file(f, 0, NULL, 0));

	hand_done(f);
	return m;
}

/* A sample of the clock in user code, as leaf and one caller. */
static void user_sample(struct hand_file *f, uint32_t pid, uint64_t time_ns, uint64_t leaf,
			uint64_t caller)
{
	const uint64_t ips[] = { USER_PART, leaf, caller };

	hand_sample(f, &(struct hand_sample){ .mode = PERF_RECORD_MISC_USER,
					      .pid = pid,
					      .tid = pid,
					      .time_ns = time_ns,
					      .period = PERIOD,
					      .nr_ips = ARRAY_SIZE(ips),
					      .ips = ips });
}

static int keep_sample(void *arg, const struct oc_sample *sample)
{
	struct oc_sample **at = arg;

	*(*at)++ = *sample;
	return 0;
}

/* The samples of a machine, at most `max`. Returns how many. */
static size_t samples_of(const struct oc_machine *m, struct oc_sample *samples, size_t max)
{
	struct oc_sample *at = samples;

	cr_assert_leq(oc_machine_nr_samples(m), max);
	cr_assert_eq(oc_machine_each_sample(m, keep_sample, &at), 0);
	return (size_t)(at - samples);
}

static const char *text(const struct oc_machine *m, oc_string_id id)
{
	return oc_machine_string(m, id, NULL);
}

/* The stack as text, leaf first: module+offset of each frame. */
static const char *stack_text(const struct oc_machine *m, oc_stack_id stack)
{
	static char line[1024];
	uint32_t nr;
	const oc_location_id *locations = oc_machine_stack(m, stack, &nr);
	size_t len = 0;

	line[0] = '\0';
	for (uint32_t i = 0; i < nr && len < sizeof(line); i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s", i ? " " : "",
					text(m, oc_machine_location_name(m, locations[i], 0)));
	return line;
}

Test(perf_data_read, order_of_time)
{
	struct hand_file f = { 0 };
	struct oc_sample samples[4];
	struct oc_machine *m;

	/* As two CPUs' buffers in one round: what was mapped stands behind the sample that hit it. */
	hand_clock(&f, PERIOD);
	user_sample(&f, 7, 3000, PROGRAM + 0x10, PROGRAM + 0x21);
	user_sample(&f, 7, 5000, OTHER + 0x10, PROGRAM + 0x21);
	hand_comm(&f, 7, 7, "program", true, 1000);
	hand_map(&f, 7, PROGRAM, "/bin/program", 2000);
	hand_map(&f, 7, OTHER, "/lib/other.so", 4000);
	hand_round(&f);
	hand_round(&f);
	m = read_hand(&f);
	cr_assert_eq(samples_of(m, samples, 4), 2);
	cr_assert_str_eq(stack_text(m, samples[0].stack), "program+0x1010 program+0x1020");
	cr_assert_str_eq(stack_text(m, samples[1].stack), "other.so+0x1010 program+0x1020");
	cr_assert_eq(samples[0].time_ns, 3000);
	cr_assert_eq(samples[0].cpu, 1);
	cr_assert_str_eq(text(m, oc_machine_process(m, samples[0].process)->exe), "/bin/program");
	cr_assert_str_eq(text(m, oc_machine_process(m, samples[0].process)->comm), "program");
	oc_machine_free(m);
}

Test(perf_data_read, processes_come_and_go)
{
	struct hand_file f = { 0 };
	struct oc_sample samples[8];
	const struct oc_process *child, *image;
	struct oc_machine *m;

	hand_clock(&f, PERIOD);
	hand_comm(&f, 7, 7, "shell", true, 1000);
	hand_map(&f, 7, PROGRAM, "/bin/shell", 1100);
	hand_task(&f, PERF_RECORD_FORK, (struct hand_task){ 7, 8, 7, 7 }, 1200);
	hand_task(&f, PERF_RECORD_FORK, (struct hand_task){ 9, 9, 7, 8 }, 1300);
	user_sample(&f, 9, 1400, PROGRAM, PROGRAM + 1);
	hand_comm(&f, 9, 9, "tool", true, 1500);
	user_sample(&f, 9, 1600, PROGRAM, PROGRAM + 1);
	hand_task(&f, PERF_RECORD_EXIT, (struct hand_task){ 7, 7, 1, 1 }, 1700);
	user_sample(&f, 7, 1800, PROGRAM, PROGRAM + 1);
	hand_task(&f, PERF_RECORD_EXIT, (struct hand_task){ 7, 8, 1, 1 }, 1900);
	user_sample(&f, 7, 2000, PROGRAM, PROGRAM + 1);
	m = read_hand(&f);
	cr_assert_eq(samples_of(m, samples, 8), 4);
	child = oc_machine_process(m, samples[0].process);
	image = oc_machine_process(m, samples[1].process);
	cr_assert_str_eq(text(m, child->comm), "shell");
	cr_assert_str_eq(text(m, image->comm), "tool");
	cr_assert_eq(image->generation, child->generation + 1);
	cr_assert_str_eq(stack_text(m, samples[0].stack), "shell+0x1000 shell+0x1000");
	/* Of the new image nothing was mapped; the caller is cut off as no address of anything. */
	cr_assert_str_eq(stack_text(m, samples[1].stack), "0x400000");
	/* The process lives on without its first thread, and is still known on its way out. */
	cr_assert_eq(samples[2].process, samples[3].process);
	cr_assert_eq(oc_machine_process(m, samples[2].process)->end_ns, 1900);
	oc_machine_free(m);
}

Test(perf_data_read, threads_have_their_starters_name)
{
	struct hand_file f = { 0 };
	struct oc_sample samples[2];
	const uint64_t ips[] = { USER_PART, PROGRAM };
	struct oc_machine *m;

	hand_clock(&f, PERIOD);
	hand_comm(&f, 7, 7, "program", true, 1000);
	hand_task(&f, PERF_RECORD_FORK, (struct hand_task){ 7, 8, 7, 7 }, 1100);
	hand_comm(&f, 7, 8, "worker", false, 1200);
	hand_task(&f, PERF_RECORD_FORK, (struct hand_task){ 7, 9, 7, 8 }, 1300);
	hand_sample(&f, &(struct hand_sample){ .mode = PERF_RECORD_MISC_USER,
					       .pid = 7,
					       .tid = 9,
					       .time_ns = 1400,
					       .period = PERIOD,
					       .nr_ips = 2,
					       .ips = ips });
	m = read_hand(&f);
	samples_of(m, samples, 2);
	cr_assert_str_eq(text(m, oc_machine_thread(m, samples[0].thread)->name), "worker");
	cr_assert_str_eq(text(m, oc_machine_process(m, samples[0].process)->comm), "program");
	oc_machine_free(m);
}

Test(perf_data_read, events_are_kinds)
{
	struct hand_file f = { 0 };
	struct oc_sample samples[4];
	struct perf_event_attr cycles = { .type = PERF_TYPE_HARDWARE,
					  .sample_freq = 99,
					  .freq = 1 };
	struct perf_event_attr dummy = { .type = PERF_TYPE_SOFTWARE,
					 .config = PERF_COUNT_SW_DUMMY };
	const uint64_t ips[] = { USER_PART, PROGRAM };
	struct hand_sample sample = {
		.mode = PERF_RECORD_MISC_USER, .pid = 7, .tid = 7, .nr_ips = 2, .ips = ips
	};
	const struct oc_kind *kind;
	struct oc_machine *m;

	hand_event(&f, dummy);
	hand_event(&f, cycles);
	hand_clock(&f, PERIOD);
	sample.event = 1;
	sample.time_ns = 1000;
	sample.period = 12345;
	hand_sample(&f, &sample);
	sample.event = 2;
	sample.time_ns = 2000;
	sample.period = 5 * PERIOD;
	hand_sample(&f, &sample);
	m = read_hand(&f);
	samples_of(m, samples, 4);
	cr_assert_eq(oc_machine_nr_kinds(m), 2, "an event that tracks processes is no kind");
	kind = oc_machine_kind(m, samples[0].kind);
	cr_assert_str_eq(kind->name, "cycles");
	cr_assert_eq(kind->unit, OC_UNIT_CYCLES);
	cr_assert_eq(samples[0].value, 12345);
	cr_assert_eq(samples[0].count, 1);
	kind = oc_machine_kind(m, samples[1].kind);
	cr_assert_str_eq(kind->name, "cpu-clock");
	cr_assert_eq(kind->period_ns, PERIOD);
	cr_assert_eq(samples[1].count, 5, "so many ticks of the clock");
	oc_machine_free(m);
}

Test(perf_data_read, markers_part_the_callchain)
{
	struct hand_file f = { 0 };
	struct oc_sample samples[4];
	const uint64_t ips[] = { KERNEL_PART,
				 KERNEL + 0x10,
				 KERNEL + 0x21,
				 USER_PART,
				 PROGRAM + 0x30,
				 PROGRAM + 0x41,
				 (uint64_t)PERF_CONTEXT_GUEST,
				 0x1234 };
	struct oc_machine *m;

	hand_clock(&f, PERIOD);
	hand_comm(&f, 7, 7, "program", true, 1000);
	hand_map(&f, 7, PROGRAM, "/bin/program", 1100);
	hand_sample(&f, &(struct hand_sample){ .mode = PERF_RECORD_MISC_KERNEL,
					       .pid = 7,
					       .tid = 7,
					       .time_ns = 1200,
					       .period = PERIOD,
					       .nr_ips = ARRAY_SIZE(ips),
					       .ips = ips });
	hand_sample(&f, &(struct hand_sample){ .mode = PERF_RECORD_MISC_KERNEL,
					       .pid = 7,
					       .tid = 7,
					       .time_ns = 1300,
					       .period = PERIOD });
	m = read_hand(&f);
	cr_assert_eq(samples_of(m, samples, 4), 2);
	cr_assert_str_eq(stack_text(m, samples[0].stack),
			 "[kernel]+0xffffffff81000010 [kernel]+0xffffffff81000020 program+0x1030 "
			 "program+0x1040");
	cr_assert_eq(samples[1].stack, 0);
	oc_machine_free(m);
}

/*
 * A sample with the frame pointer, the stack pointer and 64 bytes from there, of which the kernel says that it filled
 * `filled`: a frame record whose caller is PROGRAM + 0x20.
 */
static void copied_sample(struct hand_file *f, uint64_t time_ns, uint64_t filled)
{
	const uint64_t stack = 0x7ffc0000;

	hand_begin(f, PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER);
	hand_put(f, 100, 8);
	hand_put(f, PROGRAM + 0x10, 8);
	hand_put(f, 7, 4);
	hand_put(f, 7, 4);
	hand_put(f, time_ns, 8);
	hand_put(f, 1, 8); /* CPU */
	hand_put(f, PERIOD, 8);
	hand_put(f, 0, 8); /* no callchain */
	hand_put(f, PERF_SAMPLE_REGS_ABI_64, 8);
	hand_put(f, stack, 8);
	hand_put(f, stack, 8);
	hand_put(f, PROGRAM + 0x10, 8);
	hand_put(f, 64, 8);
	hand_put(f, 0, 8);
	hand_put(f, PROGRAM + 0x20, 8);
	for (int i = 2; i < 8; i++)
		hand_put(f, 0, 8);
	hand_put(f, filled, 8);
	hand_end_plain(f);
}

Test(perf_data_read, copies_count_as_far_as_they_are_filled)
{
	static const uint64_t filled[] = { 64, 16, 8, 0, UINT64_MAX };
	static const uint32_t frames[] = { 2, 2, 1, 1, 2 };
	struct hand_file f = { 0 };
	struct oc_sample samples[ARRAY_SIZE(filled)];
	struct oc_machine *m;
	uint32_t nr;

	hand_event(&f, (struct perf_event_attr){ .type = PERF_TYPE_SOFTWARE,
						 .config = PERF_COUNT_SW_CPU_CLOCK,
						 .sample_period = PERIOD,
						 .sample_type = HAND_SAMPLE_TYPE |
								PERF_SAMPLE_REGS_USER |
								PERF_SAMPLE_STACK_USER,
						 .sample_regs_user = 7 << 6, /* bp, sp, ip */
						 .sample_stack_user = 64 });
	hand_comm(&f, 7, 7, "program", true, 1000);
	hand_map(&f, 7, PROGRAM, "/no/such/program", 1100);
	for (size_t i = 0; i < ARRAY_SIZE(filled); i++)
		copied_sample(&f, 1200 + i, filled[i]);
	m = read_hand(&f);
	cr_assert_eq(samples_of(m, samples, ARRAY_SIZE(samples)), ARRAY_SIZE(samples));
	cr_assert_eq(oc_machine_ledger(m)->notes[OC_NOTE_TRACE_DAMAGES], 0);
	for (size_t i = 0; i < ARRAY_SIZE(filled); i++) {
		oc_machine_stack(m, samples[i].stack, &nr);
		cr_assert_eq(nr, frames[i], "%zu: %u frames", i, nr);
	}
	oc_machine_free(m);
}

Test(perf_data_read, deep_stacks_are_cut)
{
	struct hand_file f = { 0 };
	struct oc_sample samples[1];
	static uint64_t ips[3000];
	struct oc_machine *m;
	uint32_t nr;

	hand_clock(&f, PERIOD);
	hand_comm(&f, 7, 7, "program", true, 1000);
	hand_map(&f, 7, PROGRAM, "/bin/program", 1100);
	ips[0] = USER_PART;
	for (size_t i = 1; i < ARRAY_SIZE(ips); i++)
		ips[i] = PROGRAM + i;
	hand_sample(&f, &(struct hand_sample){ .mode = PERF_RECORD_MISC_USER,
					       .pid = 7,
					       .tid = 7,
					       .time_ns = 1200,
					       .period = PERIOD,
					       .nr_ips = ARRAY_SIZE(ips),
					       .ips = ips });
	m = read_hand(&f);
	samples_of(m, samples, 1);
	oc_machine_stack(m, samples[0].stack, &nr);
	cr_assert_eq(nr, OC_STACK_FRAMES_MAX);
	cr_assert_eq(oc_machine_ledger(m)->kinds[0].incomplete[OC_STACK_TRUNCATED], 1);
	oc_machine_free(m);
}

static void put_three(struct hand_file *f, uint32_t type, uint64_t a, uint64_t b, uint64_t c,
		      uint64_t time_ns)
{
	hand_begin(f, type, 0);
	hand_put(f, a, 8);
	if (type != PERF_RECORD_LOST_SAMPLES)
		hand_put(f, b, 8);
	if (type == PERF_RECORD_THROTTLE || type == PERF_RECORD_UNTHROTTLE)
		hand_put(f, c, 8);
	hand_end(f, time_ns);
}

Test(perf_data_read, losses_are_told)
{
	struct hand_file f = { 0 };
	const struct oc_ledger_kind *row;
	struct oc_machine *m;

	hand_clock(&f, PERIOD);
	user_sample(&f, 7, 1000, PROGRAM, PROGRAM);
	put_three(&f, PERF_RECORD_LOST, 100, 11, 0, 2000);
	put_three(&f, PERF_RECORD_LOST_SAMPLES, 5, 0, 0, 3000);
	put_three(&f, PERF_RECORD_THROTTLE, 4000, 100, 100, 4000);
	put_three(&f, PERF_RECORD_UNTHROTTLE, 4000 + 7 * PERIOD, 100, 100, 4000 + 7 * PERIOD);
	m = read_hand(&f);
	row = &oc_machine_ledger(m)->kinds[0];
	cr_assert_eq(row->kept, 1);
	cr_assert_eq(row->lost[OC_LOSS_KERNEL_BUFFER], 16);
	cr_assert_eq(row->lost[OC_LOSS_THROTTLED], 7);
	cr_assert_eq(row->taken, 1 + 16 + 7);
	oc_machine_free(m);
}

Test(perf_data_read, losses_told_twice_count_once)
{
	struct hand_file f = { 0 };
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.sample_period = PERIOD,
					.read_format = 1 << 4 };
	struct oc_machine *m;

	hand_event(&f, attr);
	put_three(&f, PERF_RECORD_LOST, 100, 11, 0, 2000);
	put_three(&f, PERF_RECORD_LOST_SAMPLES, 12, 0, 0, 3000);
	m = read_hand(&f);
	cr_assert_eq(oc_machine_ledger(m)->kinds[0].lost[OC_LOSS_KERNEL_BUFFER], 12);
	oc_machine_free(m);
}

Test(perf_data_read, build_ids_and_modules_of_the_kernel)
{
	struct hand_file f = { 0 };
	struct hand_file table = { 0 };
	const uint64_t ips[] = { KERNEL_PART, KERNEL + 0x100010, USER_PART, PROGRAM };
	const struct oc_module *module = NULL;
	struct oc_sample samples[1];
	struct oc_machine *m;

	hand_begin(&table, 0, 1 << 15);
	hand_put(&table, UINT32_MAX, 4);
	hand_put(&table, 0x0807060504030201, 8);
	hand_put(&table, 0, 12);
	hand_put(&table, 8, 4);
	hand_text(&table, "/bin/program");
	hand_end_plain(&table);
	hand_clock(&f, PERIOD);
	hand_begin(&f, PERF_RECORD_MMAP, PERF_RECORD_MISC_KERNEL);
	hand_put(&f, UINT32_MAX, 8);
	hand_put(&f, KERNEL + 0x100000, 8);
	hand_put(&f, 0x10000, 8);
	hand_put(&f, 0, 8);
	hand_text(&f, "/lib/modules/x.ko");
	hand_end(&f, 0);
	hand_map(&f, 7, PROGRAM, "/bin/program", 0);
	hand_sample(&f, &(struct hand_sample){ .mode = PERF_RECORD_MISC_KERNEL,
					       .pid = 7,
					       .tid = 7,
					       .time_ns = 1000,
					       .period = PERIOD,
					       .nr_ips = ARRAY_SIZE(ips),
					       .ips = ips });
	m = read_all(hand_file(&f, 2, table.records.data, table.records.len));
	samples_of(m, samples, 1);
	cr_assert_str_eq(stack_text(m, samples[0].stack), "x.ko+0x10 program+0x1000");
	for (oc_module_id id = 1; id <= oc_machine_nr_modules(m); id++) {
		if (oc_machine_module(m, id)->type == OC_MODULE_FILE)
			module = oc_machine_module(m, id);
	}
	cr_assert(module);
	cr_assert_eq(module->build_id_size, 8);
	cr_assert_eq(module->build_id[7], 8);
	oc_machine_free(m);
	hand_done(&f);
	hand_done(&table);
}

static void kernel_code(struct hand_file *f, uint64_t start, uint32_t size, const char *name,
			uint64_t time_ns)
{
	hand_begin(f, PERF_RECORD_KSYMBOL, 0);
	hand_put(f, start, 8);
	hand_put(f, size, 4);
	hand_put(f, PERF_RECORD_KSYMBOL_TYPE_BPF, 2);
	hand_put(f, 0, 2);
	hand_text(f, name);
	hand_end(f, time_ns);
}

static void kernel_sample(struct hand_file *f, uint64_t time_ns, uint64_t address)
{
	const uint64_t ips[] = { KERNEL_PART, address };

	hand_sample(f, &(struct hand_sample){ .mode = PERF_RECORD_MISC_KERNEL,
					      .pid = 7,
					      .tid = 7,
					      .time_ns = time_ns,
					      .period = PERIOD,
					      .nr_ips = ARRAY_SIZE(ips),
					      .ips = ips });
}

Test(perf_data_read, code_made_for_the_kernel_has_its_name_of_then)
{
	const uint64_t code = KERNEL + 0x40000000;
	struct hand_file f = { 0 };
	struct oc_sample samples[4];
	struct oc_machine *m;

	hand_clock(&f, PERIOD);
	hand_begin(&f, PERF_RECORD_MMAP, PERF_RECORD_MISC_KERNEL);
	hand_put(&f, UINT32_MAX, 8);
	hand_put(&f, KERNEL, 8);
	hand_put(&f, 0x1000000, 8);
	hand_put(&f, KERNEL + 0x40, 8);
	hand_text(&f, "[kernel.kallsyms]_text");
	hand_end(&f, 0);
	kernel_code(&f, code, 0x100, "bpf_prog_1_first", 0);
	kernel_sample(&f, 1000, code + 0x10);
	kernel_code(&f, code, 0x80, "bpf_prog_2_second", 2000);
	kernel_sample(&f, 3000, code + 0x10);
	kernel_sample(&f, 4000, code + 0x100);
	kernel_code(&f, UINT64_MAX - 1, 0x80, "beyond", 5000);
	kernel_code(&f, 0x1000, 0x80, "below", 5000);
	kernel_sample(&f, 6000, KERNEL + 0x10);
	m = read_hand(&f);
	cr_assert_eq(samples_of(m, samples, 4), 4);
	cr_assert_str_eq(stack_text(m, samples[0].stack), "bpf_prog_1_first [bpf]");
	cr_assert_str_eq(stack_text(m, samples[1].stack), "bpf_prog_2_second [bpf]");
	cr_assert_str_eq(stack_text(m, samples[2].stack), "[kernel]+0xffffffffc1000100");
	cr_assert_str_eq(stack_text(m, samples[3].stack), "[kernel]+0xffffffff81000010");
	cr_assert_eq(oc_machine_info(m)->kernel_text, KERNEL + 0x40);
	oc_machine_free(m);
}

Test(perf_data_read, pipes)
{
	struct hand_file f = { 0 };
	const struct oc_recording_info *info;
	struct oc_machine *m;

	hand_clock(&f, PERIOD);
	hand_begin(&f, 78, 0); /* EVENT_UPDATE of a name */
	hand_put(&f, 2, 8);
	hand_put(&f, 100, 8);
	hand_text(&f, "my ticks");
	hand_end_plain(&f);
	hand_begin(&f, 80, 0); /* FEATURE: host name */
	hand_put(&f, 3, 8);
	hand_put(&f, 16, 4);
	hand_text(&f, "host.example");
	hand_put(&f, 0, 4);
	hand_end_plain(&f);
	user_sample(&f, 7, 1000, PROGRAM, PROGRAM);
	m = read_all(hand_pipe(&f));
	info = oc_machine_info(m);
	cr_assert_str_eq(text(m, info->hostname), "host.example");
	cr_assert_str_eq(oc_machine_kind(m, 1)->name, "my ticks");
	cr_assert_eq(oc_machine_nr_samples(m), 1);
	cr_assert_eq(oc_machine_ledger(m)->notes[OC_NOTE_PARTIAL_INPUT], 0);
	oc_machine_free(m);
	hand_done(&f);
}

Test(perf_data_read, cut_files_give_what_is_there)
{
	struct hand_file f = { 0 };
	struct buffer file;
	size_t records;

	hand_clock(&f, PERIOD);
	for (uint64_t i = 0; i < 10; i++)
		user_sample(&f, 7, 1000 + i, PROGRAM, PROGRAM);
	file = hand_file(&f, 0, NULL, 0);
	records = file.len - f.records.len;
	for (size_t size = 0; size < file.len; size++) {
		struct oc_error err = { 0 };
		struct oc_machine *m = try_read(&file, size, &err);

		cr_assert_eq(!m, size < records, "%zu", size);
		if (!m) {
			cr_assert_eq(err.code, -EBADMSG);
			continue;
		}
		cr_assert_eq(oc_machine_nr_samples(m), (size - records) / (f.records.len / 10));
		cr_assert_eq(oc_machine_ledger(m)->notes[OC_NOTE_PARTIAL_INPUT], 1);
		oc_machine_free(m);
	}
	buffer_done(&file);
	hand_done(&f);
}

Test(perf_data_read, unfinished_files)
{
	struct hand_file f = { 0 };
	struct buffer file;
	struct oc_error err = { 0 };
	struct oc_machine *m;

	hand_clock(&f, PERIOD);
	user_sample(&f, 7, 1000, PROGRAM, PROGRAM);
	file = hand_file(&f, 0, NULL, 0);
	memset(file.data + 48, 0, 8); /* the size of the records is written last */
	m = try_read(&file, file.len, &err);
	cr_assert(m, "%s", err.message);
	cr_assert_eq(oc_machine_nr_samples(m), 1);
	cr_assert_eq(oc_machine_ledger(m)->notes[OC_NOTE_PARTIAL_INPUT], 1);
	oc_machine_free(m);
	buffer_done(&file);
	hand_done(&f);
}

Test(perf_data_read, what_cannot_be_read_is_refused)
{
	static const struct {
		const char *magic;
		int rc;
		const char *word;
	} cases[] = {
		{ "2ELIFREP", -EOPNOTSUPP, "big-endian" },
		{ "PERFFILE", -EOPNOTSUPP, "first version" },
		{ "PERFILE3", -EBADMSG, "no perf.data" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buffer file = BUFFER_INIT;
		struct oc_error err = { 0 };

		buffer_append(&file, cases[i].magic, 8);
		for (size_t k = 0; k < 200; k++)
			buffer_putc(&file, 0);
		cr_assert_null(try_read(&file, file.len, &err));
		cr_assert_eq(err.code, cases[i].rc);
		cr_assert(strstr(err.message, cases[i].word), "%s", err.message);
		buffer_done(&file);
	}
}

Test(perf_data_read, wrong_records_are_counted)
{
	struct hand_file f = { 0 };
	struct oc_machine *m;

	hand_clock(&f, PERIOD);
	user_sample(&f, 7, 1000, PROGRAM, PROGRAM);
	hand_begin(&f, PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER);
	hand_put(&f, 100, 8);
	hand_end_plain(&f);
	hand_begin(&f, PERF_RECORD_COMM, 0);
	hand_end_plain(&f);
	user_sample(&f, 7, 2000, PROGRAM, PROGRAM);
	m = read_hand(&f);
	cr_assert_eq(oc_machine_nr_samples(m), 2);
	cr_assert_eq(oc_machine_ledger(m)->notes[OC_NOTE_TRACE_DAMAGES], 2);
	oc_machine_free(m);
}

Test(perf_data_read, a_record_without_size_ends_it)
{
	struct hand_file f = { 0 };
	struct buffer file;
	struct oc_error err = { 0 };

	hand_clock(&f, PERIOD);
	hand_put(&f, 0, 8);
	file = hand_file(&f, 0, NULL, 0);
	cr_assert_null(try_read(&file, file.len, &err));
	cr_assert_eq(err.code, -EBADMSG);
	cr_assert(strstr(err.message, "at byte 256"), "%s", err.message);
	buffer_done(&file);
	hand_done(&f);
}

struct ordered {
	uint64_t times[64];
	size_t nr;
};

static int note_time(void *arg, const struct perf_data_record *record)
{
	struct ordered *ordered = arg;

	ordered->times[ordered->nr++] = record->offset;
	return 0;
}

static void add(struct perf_data_order *order, uint64_t time_ns)
{
	const uint8_t bytes[16] = { 1, 0, 0, 0, 0, 0, 16, 0 };
	const struct perf_data_record record = { bytes, 1, 0, sizeof(bytes), time_ns };

	cr_assert_eq(perf_data_order_add(order, &record, time_ns), 0);
}

Test(perf_data_read, rounds)
{
	struct ordered got = { .nr = 0 };
	struct perf_data_order order = { .fn = note_time, .arg = &got };
	static const uint64_t expected[] = { 10, 20, 30, 35, 40, 50 };

	add(&order, 20);
	add(&order, 40);
	add(&order, 10);
	cr_assert_eq(perf_data_order_round(&order), 0);
	cr_assert_eq(got.nr, 0, "what comes next may be older than the latest");
	add(&order, 30);
	add(&order, 50);
	add(&order, 35);
	cr_assert_eq(perf_data_order_round(&order), 0);
	cr_assert_eq(got.nr, 5);
	cr_assert_eq(perf_data_order_flush(&order), 0);
	cr_assert_eq(got.nr, 6);
	cr_assert(!memcmp(got.times, expected, sizeof(expected)));
	perf_data_order_done(&order);
}

Test(perf_data_read, waiting_is_bounded)
{
	struct ordered got = { .nr = 0 };
	struct perf_data_order order = { .fn = note_time, .arg = &got, .limit = 8 * 16 };

	for (uint64_t i = 0; i < 64; i++) {
		add(&order, i ^ 1);
		cr_assert_lt(order.bytes.len, 8 * 16);
	}
	cr_assert_eq(perf_data_order_flush(&order), 0);
	cr_assert_eq(got.nr, 64);
	for (size_t i = 0; i < 64; i++)
		cr_assert_eq(got.times[i], i);
	perf_data_order_done(&order);
}
