/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nettrace V6: one file byte by byte, and what is in others, decoded again.
 */
#include <criterion/criterion.h>

#include <onecollect/format.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "export/formats/nettrace_stream.h"
#include "machine_parts.h"
#include "sample_machine.h"

/* ---- reading ------------------------------------------------------------------------------------------------ */

#define EVENTS_MAX   400000
#define METADATA_MAX 32
#define THREADS_MAX  256
#define STACKS_MAX   70000
#define LABELS_MAX   16

struct bytes {
	const uint8_t *at, *end;
};

struct text {
	const char *text;
	size_t len;
};

struct thread_row {
	uint64_t group, pid, tid;
	struct text name;
};

struct event {
	uint64_t time, thread_pid, thread_tid;
	uint32_t metadata, cpu, nr_frames;
	const uint8_t *frames, *labels;
	struct bytes payload;
};

static struct trace {
	uint8_t *data;
	size_t size;
	struct text names[METADATA_MAX]; /* of events by metadata id */
	uint64_t event_ids[METADATA_MAX];
	struct bytes head;
	uint64_t group, last_time;
	struct thread_row threads[THREADS_MAX];
	struct bytes stacks[STACKS_MAX];
	uint32_t nr_stacks, nr_labels;
	const uint8_t *labels[LABELS_MAX];
	struct event *events;
	size_t nr_events;
	uint32_t largest_block;
	uint64_t final_sequence;
	bool ended;
} trace;

static uint64_t le(struct bytes *b, size_t size)
{
	uint64_t value = 0;

	cr_assert_geq(b->end - b->at, (ptrdiff_t)size);
	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)*b->at++ << (8 * i);
	return value;
}

static uint64_t varuint(struct bytes *b)
{
	uint64_t value = 0;

	for (int shift = 0;; shift += 7) {
		uint8_t byte = (uint8_t)le(b, 1);

		cr_assert_lt(shift, 70);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
}

static struct bytes part(struct bytes *b, size_t size)
{
	struct bytes whole = { b->at, b->at + size };

	cr_assert_geq(b->end - b->at, (ptrdiff_t)size);
	b->at += size;
	return whole;
}

static struct text string_of(struct bytes *b, size_t len)
{
	return (struct text){ (const char *)part(b, len).at, len };
}

static struct text string(struct bytes *b)
{
	return string_of(b, varuint(b));
}

static struct text short_string(struct bytes *b)
{
	return string_of(b, le(b, 2));
}

static bool is(struct text text, const char *expected)
{
	return text.len == strlen(expected) && !memcmp(text.text, expected, text.len);
}

static void read_metadata(struct bytes b)
{
	cr_assert_eq(le(&b, 2), 0);
	while (b.at < b.end) {
		struct bytes row = part(&b, le(&b, 2));
		uint64_t id = varuint(&row);

		cr_assert(id && id < METADATA_MAX && !trace.names[id].text);
		string(&row);
		trace.event_ids[id] = varuint(&row);
		trace.names[id] = string(&row);
		for (uint64_t nr = le(&row, 2); nr; nr--)
			part(&row, le(&row, 2));
		part(&row, le(&row, 2));
		cr_assert_eq(row.at, row.end);
	}
}

static void read_threads(struct bytes b)
{
	while (b.at < b.end) {
		struct bytes row = part(&b, le(&b, 2));
		uint64_t index = varuint(&row);
		struct thread_row thread = { .group = trace.group };

		cr_assert_lt(index, THREADS_MAX);
		cr_assert_neq(trace.threads[index].group, trace.group, "declared once a group");
		while (row.at < row.end) {
			uint64_t kind = le(&row, 1);

			cr_assert(kind >= 1 && kind <= 4);
			if (kind == 1)
				thread.name = string(&row);
			else if (kind == 2)
				thread.pid = varuint(&row);
			else if (kind == 3)
				thread.tid = varuint(&row);
			else
				(void)(string(&row), string(&row));
		}
		trace.threads[index] = thread;
	}
}

static void read_stacks(struct bytes b)
{
	cr_assert_eq(le(&b, 4), 1);
	trace.nr_stacks = (uint32_t)le(&b, 4);
	cr_assert_lt(trace.nr_stacks, STACKS_MAX);
	for (uint32_t i = 1; i <= trace.nr_stacks; i++)
		trace.stacks[i] = part(&b, le(&b, 4));
	cr_assert_eq(b.at, b.end);
}

static void read_labels(struct bytes b)
{
	cr_assert_eq(le(&b, 4), 1);
	trace.nr_labels = (uint32_t)le(&b, 4);
	cr_assert_lt(trace.nr_labels, LABELS_MAX);
	for (uint32_t i = 1; i <= trace.nr_labels; i++) {
		uint64_t kind = 0;

		trace.labels[i] = b.at;
		while (!(kind & 0x80)) {
			kind = le(&b, 1);
			string(&b);
			if ((kind & 0x7f) == 5)
				string(&b);
			else
				varuint(&b);
		}
	}
	cr_assert_eq(b.at, b.end);
}

static void read_events(struct bytes b)
{
	uint64_t min, max, thread = 0, stack = 0, time = 0, labels = 0, size = 0, metadata = 0,
			   cpu = 0;

	cr_assert_eq(le(&b, 2), 20);
	cr_assert_eq(le(&b, 2), 1);
	min = le(&b, 8);
	max = le(&b, 8);
	cr_assert_eq(trace.threads[0].group, trace.group, "who captures is declared");
	while (b.at < b.end) {
		uint64_t flags = le(&b, 1);
		struct event *event = &trace.events[trace.nr_events++];

		cr_assert_lt(trace.nr_events, EVENTS_MAX);
		cr_assert(flags & 64, "marked as sorted");
		metadata = flags & 1 ? varuint(&b) : metadata;
		if (flags & 2) {
			cr_assert_eq(varuint(&b), 0);
			cr_assert_eq(varuint(&b), 0);
			cpu = varuint(&b);
		}
		thread = flags & 4 ? varuint(&b) : thread;
		stack = flags & 8 ? varuint(&b) : stack;
		time += varuint(&b);
		labels = flags & 16 ? varuint(&b) : labels;
		size = flags & 128 ? varuint(&b) : size;
		cr_assert(time >= min && time <= max && time >= trace.last_time);
		trace.last_time = time;
		cr_assert(metadata < METADATA_MAX && trace.names[metadata].text);
		cr_assert(thread < THREADS_MAX && trace.threads[thread].group == trace.group);
		cr_assert(stack <= trace.nr_stacks && labels <= trace.nr_labels);
		*event = (struct event){
			.time = time,
			.thread_pid = trace.threads[thread].pid,
			.thread_tid = trace.threads[thread].tid,
			.metadata = (uint32_t)metadata,
			.cpu = (uint32_t)cpu,
			.labels = labels ? trace.labels[labels] : NULL,
			.payload = part(&b, size),
		};
		if (stack) {
			event->frames = trace.stacks[stack].at;
			event->nr_frames =
				(uint32_t)(trace.stacks[stack].end - trace.stacks[stack].at) / 8;
		}
	}
}

static void read_sequence_point(struct bytes b)
{
	cr_assert_geq(le(&b, 8), trace.last_time);
	cr_assert_eq(le(&b, 4), 1);
	if (le(&b, 4)) {
		cr_assert_eq(varuint(&b), 0);
		trace.final_sequence = varuint(&b);
	}
	cr_assert_eq(b.at, b.end);
	trace.group++;
	trace.nr_stacks = trace.nr_labels = 0;
}

static void read_block(struct bytes *file)
{
	uint32_t word = (uint32_t)le(file, 4);
	struct bytes block = part(file, word & 0xffffff);

	cr_assert_not(trace.ended);
	trace.largest_block = MAX(trace.largest_block, word & 0xffffff);
	switch (word >> 24) {
	case NETTRACE_END:
		trace.ended = true;
		break;
	case NETTRACE_TRACE:
		trace.head = block;
		break;
	case NETTRACE_METADATA:
		read_metadata(block);
		break;
	case NETTRACE_SEQUENCE_POINT:
		read_sequence_point(block);
		break;
	case NETTRACE_STACKS:
		read_stacks(block);
		break;
	case NETTRACE_THREADS:
		read_threads(block);
		break;
	case NETTRACE_LABELS:
		read_labels(block);
		break;
	case NETTRACE_EVENTS:
		read_events(block);
		break;
	default:
		cr_assert_fail("block of kind %u", word >> 24);
	}
}

/* Writes the machine, frees it, and reads what was written into `trace`. */
static void write_and_read(struct oc_machine *m)
{
	struct oc_output *out;
	struct bytes file;
	const void *data;

	cr_assert_eq(oc_output_open_memory(&out), 0);
	cr_assert_eq(oc_format_by_name("nettrace")->write(m, out, NULL), 0);
	data = oc_output_memory(out, &trace.size);
	trace.data = malloc(trace.size);
	trace.events = calloc(EVENTS_MAX, sizeof(*trace.events));
	cr_assert(trace.data && trace.events);
	memcpy(trace.data, data, trace.size);
	oc_output_abort(out);
	oc_machine_free(m);
	file = (struct bytes){ trace.data, trace.data + trace.size };
	cr_assert_arr_eq(part(&file, 20).at, "Nettrace\0\0\0\0\6\0\0\0\0\0\0\0", 20);
	while (file.at < file.end)
		read_block(&file);
	cr_assert(trace.ended);
}

static void trace_done(void)
{
	free(trace.data);
	free(trace.events);
	memset(&trace, 0, sizeof(trace));
}

/* ---- asking ------------------------------------------------------------------------------------------------- */

static bool event_is(const struct event *event, const char *name)
{
	return is(trace.names[event->metadata], name);
}

static uint64_t frame(const struct event *event, uint32_t i)
{
	struct bytes b = { event->frames + 8 * (size_t)i, event->frames + 8 * (size_t)i + 8 };

	cr_assert_lt(i, event->nr_frames);
	return le(&b, 8);
}

static uint64_t first_value(const struct event *event)
{
	struct bytes b = event->payload;

	return varuint(&b);
}

struct mapping {
	uint64_t id, start, last, offset;
	struct text file;
};

/* The mapping that holds an address in a process at an event: the newest declared before it. */
static bool find_mapping(const struct event *event, uint64_t address, struct mapping *ret)
{
	for (const struct event *e = event; e >= trace.events; e--) {
		struct bytes b = e->payload;

		if (!event_is(e, "ProcessMapping") || e->thread_pid != event->thread_pid)
			continue;
		*ret = (struct mapping){ varuint(&b), varuint(&b), varuint(&b), varuint(&b),
					 short_string(&b) };
		varuint(&b);
		cr_assert_eq(b.at, b.end);
		if (address >= ret->start && address <= ret->last)
			return true;
	}
	return false;
}

static struct text symbol_at(const struct event *event, uint64_t address)
{
	struct mapping mapping;

	if (!find_mapping(event, address, &mapping))
		return (struct text){ "?", 1 };
	for (size_t i = 0; i < trace.nr_events; i++) {
		struct bytes b = trace.events[i].payload;
		uint64_t id, start, last;
		struct text name;

		if (!event_is(&trace.events[i], "ProcessSymbol"))
			continue;
		varuint(&b);
		id = varuint(&b);
		start = varuint(&b);
		last = varuint(&b);
		name = short_string(&b);
		cr_assert_eq(b.at, b.end);
		cr_assert_leq(start, last);
		if (id == mapping.id && address >= start && address <= last)
			return name;
	}
	return (struct text){ "", 0 };
}

/* Sum of the first values of a kind, of samples whose leaf bears the name (NULL = any, "[no stack]" = none). */
static uint64_t self_of(const char *kind, const char *name)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < trace.nr_events; i++) {
		const struct event *event = &trace.events[i];

		if (!event_is(event, kind))
			continue;
		if (!name || (event->nr_frames ? is(symbol_at(event, frame(event, 0)), name)
					       : !strcmp(name, "[no stack]")))
			sum += first_value(event);
	}
	return sum;
}

static size_t count(const char *name, uint64_t pid)
{
	size_t nr = 0;

	for (size_t i = 0; i < trace.nr_events; i++)
		nr += event_is(&trace.events[i], name) && trace.events[i].thread_pid == pid;
	return nr;
}

static const struct event *nth(const char *name, size_t n)
{
	for (size_t i = 0; i < trace.nr_events; i++) {
		if (event_is(&trace.events[i], name) && !n--)
			return &trace.events[i];
	}
	cr_assert_fail("no %s", name);
	return NULL;
}

/* ---- making ------------------------------------------------------------------------------------------------- */

static struct oc_machine *machine(void)
{
	struct oc_recording_info info = {
		.start_mono_ns = 1000,
		.start_wall_ns = 1704067200000000000, /* Monday, 1 January 2024 */
		.end_mono_ns = 9000,
		.nr_cpus = 1,
		.page_size = 4096,
	};
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind kind = { .name = "cpu", .period_ns = 1000000 };

	oc_machine_set_info(m, &info);
	must(oc_machine_add_kind(m, &kind));
	return m;
}

static oc_mapping_id map(struct oc_machine *m, oc_process_id process, const char *path,
			 uint64_t start, uint64_t since)
{
	struct oc_module module = { .path = intern(m, path) };
	struct oc_mapping mapping = { .process = process,
				      .module = must(oc_machine_add_module(m, &module)),
				      .start = start,
				      .end = start + 0x1000,
				      .since_ns = since };

	return must(oc_machine_add_mapping(m, &mapping));
}

static void sample(struct oc_machine *m, oc_process_id process, uint64_t address, uint64_t time)
{
	oc_callstack_id stack = must(oc_machine_intern_callstack(m, &address, 1, 0));
	struct oc_sample s = {
		.time_ns = time,
		.count = 1,
		.value = 1,
		.kind = 1,
		.process = process,
		.thread = must(
			oc_machine_add_thread(m, process, oc_machine_process(m, process)->pid)),
		.stack = must(oc_machine_resolve(m, process, stack)),
	};

	must(oc_machine_add_sample(m, &s));
}

static void name_location(struct oc_machine *m, oc_location_id id, const char *name)
{
	struct oc_function function = { .name = intern(m, name) };
	struct oc_line line = { .function = must(oc_machine_add_function(m, &function)) };

	must(oc_machine_set_lines(m, id, &line, 1));
}

/* ---- tests -------------------------------------------------------------------------------------------------- */

#define U16(x)     (x) & 0xff, (x) >> 8
#define U32(x)     U16((x)&0xffff), U16((x) >> 16)
#define U64(x)     U32(x), 0, 0, 0, 0
#define HEAD(n, k) U16(n), 0, k

Test(nettrace, byte_by_byte, .fini = trace_done)
{
	static const uint8_t tail[] = {
		/* the group's sequence point: time, flags, threads */
		HEAD(16, 4), U64(1000), U32(1), U32(0),
		/* one stack of one frame */
		HEAD(20, 5), U32(1), U32(1), U32(8), U64(0x4010),
		/* threads: the recorder, process 7 (index 1 thread + 1), thread 7 */
		HEAD(21, 6), U16(5), 0, 2, 0, 3, 0, U16(5), 2, 2, 7, 3, 0, U16(5), 1, 2, 7, 3, 7,
		/* events: header, first and last time */
		HEAD(102, 2), U16(20), U16(1), U64(1000), U64(9000),
		/* metadata 2, ExistingProcess; unknown processor; thread 2; time 1000; 7 bytes */
		1 | 2 | 4 | 64 | 128, 2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 2, 0xe8, 0x07, 7, 0,
		U16(2), 'a', 'p', U16(0),
		/* metadata 5, ProcessMapping, same time */
		1 | 64 | 128, 5, 0, 15, 1, 0x80, 0x80, 0x01, 0xff, 0x9f, 0x01, 0, U16(4), '/', 'a',
		'/', 'b', 0,
		/* metadata 1, cpu; processor 3; thread 1; stack 1; 1000 later; 1 byte: the value */
		1 | 2 | 4 | 8 | 64 | 128, 1, 0, 0, 3, 1, 1, 0xe8, 0x07, 1, 1,
		/* metadata 4, ProcessExit: 3000 later, no stack */
		1 | 2 | 4 | 8 | 64 | 128, 4, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 2, 0, 0xb8, 0x17,
		0,
		/* metadata 6, ProcessSymbol, at the end */
		1 | 64 | 128, 6, 0xa0, 0x1f, 13, 1, 1, 0x90, 0x80, 0x01, 0x90, 0x80, 0x01, U16(3),
		'f', '(', ')',
		/* the end */
		HEAD(16, 4), U64(9000), U32(1), U32(0), HEAD(0, 0)
	};
	struct oc_machine *m = machine();
	struct oc_process facts = { .comm = intern(m, "ap") };
	oc_process_id process = must(oc_machine_process_start(m, 7, 0, 500));
	struct oc_sample s = { .time_ns = 2000, .count = 1, .value = 1, .kind = 1, .cpu = 3 };
	uint64_t address = 0x4010;

	must(oc_machine_process_set(m, process, &facts));
	map(m, process, "/a/b", 0x4000, 500);
	s.process = process;
	s.thread = must(oc_machine_add_thread(m, process, 7));
	s.stack = must(oc_machine_resolve(m, process,
					  must(oc_machine_intern_callstack(m, &address, 1, 0))));
	must(oc_machine_add_sample(m, &s));
	name_location(m, 1, "f()");
	oc_machine_process_exit(m, 7, 5000);
	must(oc_machine_finish(m));
	write_and_read(m);
	cr_assert_gt(trace.size, sizeof(tail));
	for (size_t i = 0; i < sizeof(tail); i++)
		cr_assert_eq(trace.data[trace.size - sizeof(tail) + i], tail[i], "byte %zu", i);
}

Test(nettrace, head, .fini = trace_done)
{
	static const uint16_t date[] = { 2024, 1, 1, 1, 0, 0, 0, 0 };
	struct oc_machine *m = machine();
	bool has_page_size = false;

	must(oc_machine_finish(m));
	write_and_read(m);
	for (size_t i = 0; i < 8; i++)
		cr_assert_eq(le(&trace.head, 2), date[i], "part %zu of the date", i);
	cr_assert_eq(le(&trace.head, 8), 1000);
	cr_assert_eq(le(&trace.head, 8), 1000000000);
	cr_assert_eq(le(&trace.head, 4), 8);
	for (uint64_t nr = le(&trace.head, 4); nr; nr--) {
		struct text key = string(&trace.head), value = string(&trace.head);

		has_page_size |= is(key, "SystemPageSize") && is(value, "4096");
	}
	cr_assert_eq(trace.head.at, trace.head.end);
	cr_assert(has_page_size);
	cr_assert_eq(trace.nr_events, 0);
}

Test(nettrace, totals, .fini = trace_done)
{
	static const unsigned int flags[] = { 0, SAMPLE_TIMELINE,
					      SAMPLE_TIMELINE | SAMPLE_TWO_KINDS };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		write_and_read(sample_machine_new(flags[i]));
		cr_assert_eq(self_of("cpu", NULL), SAMPLE_TOTAL);
		cr_assert_eq(self_of("cpu", "hot_loop"), SAMPLE_HOT_LOOP);
		cr_assert_eq(self_of("cpu", "recurse"), SAMPLE_RECURSE);
		cr_assert_eq(self_of("cpu", "vfs_read"), SAMPLE_VFS_READ);
		cr_assert_eq(self_of("cpu", "JS:~handle /app/x.js:1"), SAMPLE_JIT);
		cr_assert_eq(self_of("cpu", "evil;na me</script>\\n\"&' "), SAMPLE_HOSTILE);
		cr_assert_eq(self_of("cpu", ""), SAMPLE_NO_SYMBOL, "mapped, without a symbol");
		cr_assert_eq(self_of("cpu", "?"), SAMPLE_UNKNOWN, "at no mapping");
		cr_assert_eq(self_of("cpu", "[no stack]"), SAMPLE_NO_STACK);
		if (flags[i] & SAMPLE_TWO_KINDS)
			cr_assert_eq(self_of("page_faults", "hot_loop"), SAMPLE_FAULTS * 4096);
		trace_done();
	}
}

Test(nettrace, inlined_and_recursion, .fini = trace_done)
{
	const struct event *event;
	struct mapping mapping;

	write_and_read(sample_machine_new(0));
	event = nth("cpu", 0);
	while (!event->nr_frames || !is(symbol_at(event, frame(event, 0)), "hot_loop"))
		event++;
	cr_assert_eq(event->nr_frames, 3);
	cr_assert(is(symbol_at(event, frame(event, 1)), "compute(int)"));
	cr_assert(is(symbol_at(event, frame(event, 2)), "main"));
	cr_assert(find_mapping(event, frame(event, 0), &mapping));
	cr_assert(is(mapping.file, "/usr/bin/server"), "inlined code is its module's");
}

Test(nettrace, losses, .fini = trace_done)
{
	size_t in_last_group;

	write_and_read(sample_machine_new(SAMPLE_TIMELINE));
	in_last_group = trace.nr_events;
	cr_assert_eq(trace.final_sequence, in_last_group + 3, "readers see 3 samples missing");
}

Test(nettrace, groups, .fini = trace_done)
{
	struct oc_machine *m = machine();
	oc_process_id process = must(oc_machine_process_start(m, 7, 0, 500));
	uint64_t sum = 0;

	map(m, process, "/bin/a", 0x1000, 500);
	for (uint32_t i = 0; i < 300000; i++) {
		sample(m, process, 0x1000 + i % 3001, 2000 + (i ^ 1) * 1000000ULL);
		sum++;
	}
	must(oc_machine_finish(m));
	write_and_read(m);
	cr_assert_geq(trace.group, 3, "in parts of about 1 MB");
	cr_assert_lt(trace.largest_block, 3 << 20);
	cr_assert_eq(self_of("cpu", NULL), sum);
	cr_assert_eq(count("ProcessMapping", 7), 1);
}

Test(nettrace, images_of_a_pid, .fini = trace_done)
{
	static const char *const expected[] = { "ExistingProcess", "cpu",           "ProcessExit",
						"ProcessCreate",   "cpu",           "cpu",
						"ProcessExit",     "ProcessCreate", "cpu" };
	static const uint64_t times[] = { 1000, 1500, 2000, 2000, 2000, 3000, 3001, 4000, 4000 };
	struct oc_machine *m = machine();
	oc_process_id first = must(oc_machine_process_start(m, 7, 0, 500)), second, third;

	sample(m, first, 0x10, 1500);
	second = must(oc_machine_process_exec(m, 7, 2000, intern(m, "b")));
	sample(m, second, 0x10, 2000);
	oc_machine_process_exit(m, 7, 3000);
	sample(m, second, 0x10, 3000);
	third = must(oc_machine_process_start(m, 7, 0, 4000));
	sample(m, third, 0x10, 4000);
	must(oc_machine_finish(m));
	write_and_read(m);
	cr_assert_eq(trace.nr_events, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		cr_assert(event_is(&trace.events[i], expected[i]), "event %zu", i);
		cr_assert_eq(trace.events[i].time, times[i], "event %zu", i);
		cr_assert_eq(trace.events[i].thread_pid, 7);
	}
}

/* Each sample is one of its own image, whatever clocks say: at the second's exec one of the first, and one after its end. */
Test(nettrace, samples_at_the_ends_of_images, .fini = trace_done)
{
	static const char *const expected[] = {
		"ExistingProcess", "cpu",           "ProcessExit", "ProcessCreate", "cpu", "cpu",
		"ProcessExit",     "ProcessCreate", "ProcessExit", "ProcessCreate", "cpu"
	};
	static const uint64_t times[] = { 1000, 1999, 2000, 2000, 2000, 3500,
					  3501, 3501, 3501, 3501, 4000 };
	struct oc_machine *m = machine();
	oc_process_id first = must(oc_machine_process_start(m, 7, 0, 500)), second, last;

	second = must(oc_machine_process_exec(m, 7, 2000, intern(m, "b")));
	sample(m, first, 0x10, 2000);
	sample(m, second, 0x20, 2000);
	sample(m, second, 0x20, 3500);
	must(oc_machine_process_exec(m, 7, 3000, intern(m, "c")));
	last = must(oc_machine_process_exec(m, 7, 3200, intern(m, "d")));
	sample(m, last, 0x30, 4000);
	must(oc_machine_finish(m));
	write_and_read(m);
	for (size_t i = 0; i < trace.nr_events; i++) {
		cr_assert(event_is(&trace.events[i], expected[i]), "event %zu", i);
		cr_expect_eq(trace.events[i].time, times[i], "event %zu: %llu", i,
			     (unsigned long long)trace.events[i].time);
	}
	cr_assert_eq(trace.nr_events, ARRAY_SIZE(expected));
}

/* start is 1000: what was over by then did not exist at the start. */
Test(nettrace, images_of_before, .fini = trace_done)
{
	struct oc_machine *m = machine();
	oc_process_id first = must(oc_machine_process_start(m, 7, 0, 100)), second;

	map(m, first, "/bin/a", 0x1000, 100);
	second = must(oc_machine_process_exec(m, 7, 500, intern(m, "b")));
	map(m, second, "/bin/b", 0x1000, 500);
	oc_machine_process_exit(m, 7, 800);
	must(oc_machine_process_start(m, 8, 0, 100));
	must(oc_machine_process_exec(m, 8, 500, intern(m, "c")));
	must(oc_machine_finish(m));
	write_and_read(m);
	cr_assert_eq(trace.nr_events, 1);
	cr_assert_eq(count("ExistingProcess", 8), 1);
}

/* PerfView's name for the first kind of waits; others keep their own. */
Test(nettrace, names_of_waits, .fini = trace_done)
{
	static const char *const names[] = { "off-cpu", "off_cpu", "lock" };
	struct oc_machine *m = machine();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct oc_kind kind = { .unit = OC_UNIT_NANOSECONDS };
		struct oc_sample s = { .time_ns = 2000 + i, .count = 1, .value = 10 + i };

		snprintf(kind.name, sizeof(kind.name), "%s", names[i]);
		s.kind = must(oc_machine_add_kind(m, &kind));
		must(oc_machine_add_sample(m, &s));
	}
	must(oc_machine_finish(m));
	write_and_read(m);
	cr_assert_eq(self_of("cswitch", NULL), 10);
	cr_assert_eq(self_of("off_cpu", NULL), 11);
	cr_assert_eq(self_of("lock", NULL), 12);
}

/* A library that two processes map at different addresses, and a child that inherits one of them. */
Test(nettrace, moved_library, .fini = trace_done)
{
	static const uint64_t addresses[] = { 0x7000010, 0x9000010, 0x9000010 };
	struct oc_machine *m = machine();
	oc_process_id a = must(oc_machine_process_start(m, 7, 0, 500));
	oc_process_id b = must(oc_machine_process_start(m, 8, 0, 500)), child;

	map(m, a, "/lib/x.so", 0x7000000, 500);
	map(m, b, "/lib/x.so", 0x9000000, 500);
	child = must(oc_machine_process_start(m, 9, b, 1500));
	sample(m, a, addresses[0], 2000);
	sample(m, b, addresses[1], 2001);
	sample(m, child, addresses[2], 2002);
	cr_assert_eq(oc_machine_nr_locations(m), 1, "one place in the library");
	name_location(m, 1, "f");
	must(oc_machine_finish(m));
	write_and_read(m);
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(frame(nth("cpu", i), 0), addresses[i]);
		cr_assert(is(symbol_at(nth("cpu", i), addresses[i]), "f"));
	}
	cr_assert_eq(count("ProcessMapping", 9), 1, "the child declares what it inherited");
	cr_assert_eq(count("ProcessSymbol", 9), 0, "the symbol is its parent's");
}

/* Code at one address is one library's first, then another's. */
Test(nettrace, replaced_mapping, .fini = trace_done)
{
	struct oc_machine *m = machine();
	oc_process_id process = must(oc_machine_process_start(m, 7, 0, 500));
	struct mapping mapping;

	map(m, process, "/lib/old.so", 0x7000000, 500);
	map(m, process, "/lib/unused.so", 0x8000000, 500);
	sample(m, process, 0x7000010, 2000);
	map(m, process, "/lib/new.so", 0x7000000, 3000);
	sample(m, process, 0x7000010, 4000);
	must(oc_machine_finish(m));
	write_and_read(m);
	cr_assert(find_mapping(nth("cpu", 0), 0x7000010, &mapping) &&
		  is(mapping.file, "/lib/old.so"));
	cr_assert(find_mapping(nth("cpu", 1), 0x7000010, &mapping) &&
		  is(mapping.file, "/lib/new.so"));
	cr_assert_eq(count("ProcessMapping", 7), 3, "what is not hit is there too");
}

/* Windows: the PDB file is called as the recording tells; where it does not, as such files mostly are. */
Test(nettrace, names_of_symbol_files, .fini = trace_done)
{
	static const char *const files[] = { "ntkrnlmp.pdb", "ntdll.pdb" };
	static const char *const images[] = { "C:\\Windows\\ntoskrnl.exe",
					      "C:\\Windows\\ntdll.dll" };
	struct oc_machine *m = machine();
	oc_process_id process = must(oc_machine_process_start(m, 7, 0, 500));

	for (uint32_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct oc_module module = { .path = intern(m, images[i]), .build_id_size = 20 };
		struct oc_mapping mapping = { .process = process, .since_ns = 500 };

		module.symbol_file = i ? 0 : intern(m, files[i]);
		memset(module.build_id, 0xa0, 19);
		module.build_id[19] = (uint8_t)(i + 1);
		mapping.module = must(oc_machine_add_module(m, &module));
		mapping.start = 0x10000 * (i + 1ULL);
		mapping.end = mapping.start + 0x1000;
		must(oc_machine_add_mapping(m, &mapping));
	}
	sample(m, process, 0x10010, 2000);
	must(oc_machine_finish(m));
	write_and_read(m);
	cr_assert_eq(count("ProcessMappingMetadata", 7), 2);
	for (uint32_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct bytes b = nth("ProcessMappingMetadata", i)->payload;
		struct text json;
		char want[160];

		varuint(&b);
		json = short_string(&b);
		snprintf(want, sizeof(want),
			 "{\"type\":\"PE\",\"name\":\"%s\",\"signature\":"
			 "\"a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0\",\"age\":%u}",
			 files[i], 0x20a0a000U + (i + 1));
		cr_expect(is(json, want), "%.*s", (int)json.len, json.text);
	}
}

Test(nettrace, long_names, .fini = trace_done)
{
	static char name[65536 + 1];
	struct oc_machine *m = machine();
	oc_process_id process = must(oc_machine_process_start(m, 7, 0, 500));
	struct oc_process facts = { 0 };
	struct bytes payload;
	struct text text;

	/* Of three bytes each, so that a cut may fall into a character. */
	for (size_t i = 0; i + 3 <= 65535; i += 3)
		memcpy(name + i, "\u20ac", 3);
	name[65535] = 'x';
	facts.comm = facts.container = intern(m, name);
	must(oc_machine_process_set(m, process, &facts));
	map(m, process, name, 0x1000, 500);
	sample(m, process, 0x1010, 2000);
	must(oc_machine_thread_set_name(m, 1, facts.comm));
	name_location(m, 1, name);
	must(oc_machine_finish(m));
	write_and_read(m);
	payload = nth("ProcessSymbol", 0)->payload;
	for (int i = 0; i < 4; i++)
		varuint(&payload);
	text = short_string(&payload);
	cr_assert(text.len > 60000 && text.len <= NETTRACE_TEXT_MAX);
	cr_assert_not_null(memmem(text.text, text.len, "\u20ac... (65536 bytes in all)", 27));
	for (size_t i = 0; i < trace.nr_events; i++)
		cr_assert_leq(trace.events[i].payload.end - trace.events[i].payload.at, UINT16_MAX);
}

static int64_t zigzag(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

Test(nettrace, labels, .fini = trace_done)
{
	struct oc_machine *m = machine();
	const struct oc_attr attrs[] = {
		{ intern(m, "url"), OC_ATTR_STRING, intern(m, "/x") },
		{ intern(m, "version"), OC_ATTR_NUMBER, 3 },
		{ intern(m, "huge"), OC_ATTR_NUMBER, UINT64_MAX },
	};
	struct oc_sample s = { .time_ns = 2000, .count = 1, .value = 1, .kind = 1 };
	struct bytes b = { 0 };

	s.attrs = must(oc_machine_intern_attrs(m, attrs, 3, 0));
	must(oc_machine_add_sample(m, &s));
	s.attrs = 0;
	must(oc_machine_add_sample(m, &s));
	must(oc_machine_finish(m));
	write_and_read(m);
	b.at = nth("cpu", 0)->labels;
	cr_assert_not_null(b.at);
	b.end = trace.data + trace.size;
	cr_assert_eq(le(&b, 1), 5);
	cr_assert(is(string(&b), "url") && is(string(&b), "/x"));
	cr_assert_eq(le(&b, 1), 6);
	cr_assert(is(string(&b), "version"));
	cr_assert_eq(zigzag(varuint(&b)), 3);
	cr_assert_eq(le(&b, 1), 5 | 0x80);
	cr_assert(is(string(&b), "huge") && is(string(&b), "18446744073709551615"));
	cr_assert_null(nth("cpu", 1)->labels);
}

static bool head_tells(const char *key, const char *value)
{
	struct bytes head = trace.head;
	bool told = false;

	part(&head, 36);
	for (uint64_t nr = le(&head, 4); nr; nr--) {
		struct text have = string(&head), of = string(&head);

		told |= is(have, key) && is(of, value);
	}
	return told;
}

/* TraceEvent keeps 8 bits of a CPU's number; the file has all of it, and tells it once more where that matters. */
Test(nettrace, cpus_above_255, .fini = trace_done)
{
	static const uint32_t cpus[] = { 255, 256, 300, UINT32_MAX };
	struct oc_machine *m = machine();
	const struct oc_attr attr = { intern(m, "version"), OC_ATTR_NUMBER, 3 };
	struct oc_sample s = { .time_ns = 2000, .count = 2, .value = 2, .kind = 1 };
	struct bytes b = { 0 };

	for (size_t i = 0; i < 4; i++) {
		s.cpu = cpus[i];
		must(oc_machine_add_sample(m, &s));
	}
	s.cpu = 300;
	s.attrs = must(oc_machine_intern_attrs(m, &attr, 1, 0));
	must(oc_machine_add_sample(m, &s));
	must(oc_machine_finish(m));
	write_and_read(m);
	for (uint32_t i = 0; i < 4; i++)
		cr_assert_eq(nth("cpu", i)->cpu, cpus[i]);
	cr_assert_null(nth("cpu", 0)->labels);
	cr_assert_null(nth("cpu", 3)->labels);
	cr_assert_neq(nth("cpu", 1)->labels, nth("cpu", 2)->labels);
	b.at = nth("cpu", 2)->labels;
	b.end = trace.data + trace.size;
	cr_assert_eq(le(&b, 1), 6 | 0x80);
	cr_assert(is(string(&b), "onecollect.cpu"));
	cr_assert_eq(zigzag(varuint(&b)), 300);
	b.at = nth("cpu", 4)->labels;
	cr_assert_eq(le(&b, 1), 6);
	cr_assert(is(string(&b), "onecollect.cpu"));
	cr_assert_eq(zigzag(varuint(&b)), 300);
	cr_assert_eq(le(&b, 1), 6 | 0x80);
	cr_assert(is(string(&b), "version"));
	cr_assert(head_tells("onecollect.samples_on_cpus_above_255", "6"));
}

Test(nettrace, spans, .fini = trace_done)
{
	struct oc_machine *m = machine();
	struct oc_kind kind = { .name = "requests", .unit = OC_UNIT_SPAN };
	struct oc_span span = { .name = intern(m, "GET"), .start_ns = 2000, .end_ns = 2750 };
	struct oc_sample s = { .time_ns = 2750, .count = 1 };
	struct bytes payload;

	s.kind = must(oc_machine_add_kind(m, &kind));
	s.value = must(oc_machine_add_span(m, &span));
	must(oc_machine_add_sample(m, &s));
	must(oc_machine_finish(m));
	write_and_read(m);
	payload = nth("requests", 0)->payload;
	cr_assert_eq(varuint(&payload), 750);
	cr_assert_eq(varuint(&payload), 1);
	cr_assert(is(short_string(&payload), "GET"));
	cr_assert_eq(payload.at, payload.end);
}

/* A location with so many inlined functions that a stack of it has more frames than readers take. */
Test(nettrace, deep_inlining, .fini = trace_done)
{
	enum { NR_LINES = 300, NR_FRAMES = 100 };
	struct oc_machine *m = machine();
	oc_process_id process = must(oc_machine_process_start(m, 7, 0, 500));
	struct oc_line lines[NR_LINES];
	uint64_t frames[NR_FRAMES];
	struct oc_sample s = { .time_ns = 2000, .count = 1, .kind = 1, .process = process };

	map(m, process, "/bin/a", 0x1000, 500);
	for (int i = 0; i < NR_FRAMES; i++)
		frames[i] = 0x1011 - !i;
	s.stack = must(oc_machine_resolve(
		m, process, must(oc_machine_intern_callstack(m, frames, NR_FRAMES, 0))));
	for (int i = 0; i < NR_LINES; i++) {
		char name[24];
		struct oc_function function = { 0 };

		snprintf(name, sizeof(name), "inlined%d", i);
		function.name = intern(m, name);
		lines[i].function = must(oc_machine_add_function(m, &function));
	}
	must(oc_machine_set_lines(m, 1, lines, NR_LINES));
	must(oc_machine_add_sample(m, &s));
	must(oc_machine_finish(m));
	write_and_read(m);
	cr_assert_eq(nth("cpu", 0)->nr_frames, NETTRACE_FRAMES_MAX);
	cr_assert(head_tells("onecollect.inlined_frames_left_out", "21810"), "100 * 300 - 8190");
}

Test(nettrace, errors_of_the_output)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE);
	struct oc_error err = { 0 };
	struct oc_output *out;

	cr_assert_eq(oc_output_open_memory(&out), 0);
	oc_output_cancel_all();
	cr_assert_lt(oc_format_by_name("nettrace")->write(m, out, &err), 0);
	oc_output_abort(out);
	oc_machine_free(m);
}
