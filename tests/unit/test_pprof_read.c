/* SPDX-License-Identifier: BSD-2-Clause */
/* pprof profiles read: our own again, those of Go's runtime, and messages made to be wrong. */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "base/protobuf.h"
#include "reading.h"
#include "sample_machine.h"

/* A profile being made: texts get their index when they are first used. */
struct maker {
	struct buffer b;
	const char *texts[64];
	uint32_t nr_texts;
};

static uint64_t text(struct maker *k, const char *text)
{
	for (uint32_t i = 0; i < k->nr_texts; i++) {
		if (!strcmp(k->texts[i], text))
			return i + 1;
	}
	k->texts[k->nr_texts] = text;
	return ++k->nr_texts;
}

static void put_type(struct maker *k, uint32_t field, const char *type, const char *unit)
{
	uint64_t t = text(k, type), u = text(k, unit);
	size_t mark = proto_begin(&k->b, field);

	proto_u64(&k->b, 1, t);
	proto_u64(&k->b, 2, u);
	proto_end(&k->b, mark);
}

static void put_function(struct maker *k, uint64_t id, const char *name)
{
	uint64_t t = text(k, name);
	size_t mark = proto_begin(&k->b, 5);

	proto_u64(&k->b, 1, id);
	proto_u64(&k->b, 2, t);
	proto_end(&k->b, mark);
}

static void put_mapping(struct maker *k, uint64_t id, uint64_t start, uint64_t limit,
			const char *file, const char *build_id)
{
	uint64_t f = text(k, file), b = text(k, build_id);
	size_t mark = proto_begin(&k->b, 3);

	proto_u64(&k->b, 1, id);
	proto_u64(&k->b, 2, start);
	proto_u64(&k->b, 3, limit);
	proto_u64(&k->b, 4, 0x1000);
	proto_u64(&k->b, 5, f);
	proto_u64(&k->b, 6, b);
	proto_end(&k->b, mark);
}

/* A location with the functions `first` and, when it is not 0, `second`, which `first` is inlined into. */
static void put_location(struct maker *k, uint64_t id, uint64_t mapping, uint64_t address,
			 uint64_t first, uint64_t second)
{
	size_t mark = proto_begin(&k->b, 4), line;

	proto_u64(&k->b, 1, id);
	proto_u64_unless_0(&k->b, 2, mapping);
	proto_u64_unless_0(&k->b, 3, address);
	for (int i = 0; i < 2; i++) {
		if (!(i ? second : first))
			continue;
		line = proto_begin(&k->b, 4);
		proto_u64(&k->b, 1, i ? second : first);
		proto_u64(&k->b, 2, 7);
		proto_end(&k->b, line);
	}
	proto_end(&k->b, mark);
}

static void put_label(struct maker *k, const char *key, const char *str, uint64_t num,
		      const char *unit)
{
	uint64_t i = text(k, key), s = str ? text(k, str) : 0, u = unit ? text(k, unit) : 0;
	size_t mark = proto_begin(&k->b, 3);

	proto_u64(&k->b, 1, i);
	proto_u64_unless_0(&k->b, 2, s);
	proto_u64_unless_0(&k->b, 3, num);
	proto_u64_unless_0(&k->b, 4, u);
	proto_end(&k->b, mark);
}

/* A sample, unpacked lists; closed with proto_end(). */
static size_t put_sample(struct maker *k, uint64_t leaf, uint64_t root, int64_t a, int64_t b)
{
	size_t mark = proto_begin(&k->b, 2);

	if (leaf)
		proto_u64(&k->b, 1, leaf);
	if (root)
		proto_u64(&k->b, 1, root);
	proto_u64(&k->b, 2, (uint64_t)a);
	proto_u64(&k->b, 2, (uint64_t)b);
	return mark;
}

static void put_texts(struct maker *k)
{
	proto_bytes(&k->b, 6, "", 0);
	for (uint32_t i = 0; i < k->nr_texts; i++)
		proto_bytes(&k->b, 6, k->texts[i], strlen(k->texts[i]));
}

/* Two columns, two functions, a mapping, two locations. */
static void begin(struct maker *k, const char *count, const char *value, const char *unit)
{
	put_type(k, 1, count, "count");
	put_type(k, 1, value, unit);
	put_function(k, 11, "work");
	put_function(k, 12, "main");
	put_function(k, 13, "inner");
	put_mapping(k, 21, 0x400000, 0x500000, "/bin/app", "0123456789abcdef");
	put_location(k, 31, 21, 0x400010, 13, 11);
	put_location(k, 32, 21, 0x400020, 12, 0);
}

static struct oc_machine *read_made(struct maker *k, struct oc_error *err)
{
	struct oc_machine *m;

	put_texts(k);
	cr_assert_eq(k->b.error, 0);
	m = reading_read("pprof", k->b.data, k->b.len, err);
	buffer_done(&k->b);
	return m;
}

static struct oc_machine *must_read(struct maker *k)
{
	struct oc_error err;
	struct oc_machine *m = read_made(k, &err);

	cr_assert_not_null(m, "%s", err.message);
	return m;
}

static void must_refuse(struct maker *k, int code, const char *words)
{
	struct oc_error err;

	cr_assert_null(read_made(k, &err));
	cr_assert_eq(err.code, code, "%s", err.message);
	cr_assert_not_null(strstr(err.message, words), "%s", err.message);
}

static void expect_folded(const struct oc_machine *m, const char *expected)
{
	char *text = reading_write(m, "folded", NULL);

	cr_assert_str_eq(text, expected);
	free(text);
}

static int take_first(void *arg, const struct oc_sample *sample)
{
	*(struct oc_sample *)arg = *sample;
	return 1;
}

static struct oc_sample first_sample(const struct oc_machine *m)
{
	struct oc_sample sample = { 0 };

	oc_machine_each_sample(m, take_first, &sample);
	return sample;
}

/* ---- what profiles hold ---- */

Test(pprof_read, code_and_counts)
{
	struct maker k = { 0 };
	const struct oc_location *location;
	const struct oc_module *module;
	struct oc_machine *m;
	uint32_t nr;

	begin(&k, "samples", "cpu", "nanoseconds");
	put_type(&k, 11, "cpu", "nanoseconds");
	proto_u64(&k.b, 12, 1000);
	proto_end(&k.b, put_sample(&k, 31, 32, 3, 3000));
	proto_u64(&k.b, 9, 1700000000000000000);
	proto_u64(&k.b, 10, 5000000000);
	proto_u64(&k.b, 7, text(&k, "runtime"));
	m = must_read(&k);
	expect_folded(m, "[unknown];main;work;inner_[i] 3\n");
	cr_assert_eq(oc_machine_nr_kinds(m), 1);
	cr_assert_str_eq(oc_machine_kind(m, 1)->name, "cpu");
	cr_assert_eq(oc_machine_kind(m, 1)->unit, OC_UNIT_COUNT);
	cr_assert_eq(oc_machine_kind(m, 1)->period_ns, 1000);
	location = oc_machine_location(m, oc_machine_stack(m, 1, &nr)[0]);
	module = oc_machine_module(m, location->module);
	cr_assert_eq(location->offset, 0x1010);
	cr_assert_eq(location->address, 0x400010);
	cr_assert_eq(module->build_id_size, 8);
	cr_assert_eq(module->build_id[7], 0xef);
	cr_assert_eq(oc_machine_location_lines(m, 1, &nr)[0].line, 7);
	cr_assert_eq(oc_machine_info(m)->start_wall_ns, 1700000000000000000);
	cr_assert_eq(oc_machine_ledger_const(m)->duration_ns, 5000000000);
	cr_assert_eq(oc_machine_ledger_const(m)->notes[OC_NOTE_FRAME_FILTERS_IGNORED], 1);
	oc_machine_free(m);
}

Test(pprof_read, columns_become_kinds)
{
	struct maker k = { 0 };
	struct oc_machine *m;

	put_type(&k, 1, "inuse_objects", "count");
	begin(&k, "off_cpu_events", "off_cpu", "microseconds");
	proto_u64(&k.b, 14, text(&k, "off_cpu"));
	proto_end(&k.b, ({
		size_t mark = put_sample(&k, 31, 32, 9, 2);
		proto_u64(&k.b, 2, 500);
		mark;
	}));
	m = must_read(&k);
	cr_assert_eq(oc_machine_nr_kinds(m), 2);
	/* The default type is the first kind. */
	cr_assert_str_eq(oc_machine_kind(m, 1)->name, "off_cpu");
	cr_assert_eq(oc_machine_kind(m, 1)->unit, OC_UNIT_NANOSECONDS);
	cr_assert_str_eq(oc_machine_kind(m, 2)->name, "inuse_objects");
	cr_assert_eq(oc_machine_ledger_const(m)->kinds[0].kept, 2);
	cr_assert_eq(oc_machine_ledger_const(m)->kinds[1].kept, 9);
	oc_machine_free(m);
}

Test(pprof_read, columns_without_a_count_weigh_what_they_measure)
{
	struct maker k = { 0 };
	struct oc_machine *m;
	struct oc_sample sample;

	begin(&k, "alloc_objects", "alloc_space", "bytes");
	proto_end(&k.b, put_sample(&k, 31, 32, 2, 4096));
	m = must_read(&k);
	/* Without a default the last column is shown first. */
	cr_assert_str_eq(oc_machine_kind(m, 1)->name, "alloc_space");
	sample = first_sample(m);
	cr_assert_eq(oc_machine_ledger_const(m)->kinds[0].kept, 4096);
	cr_assert_eq(oc_machine_ledger_const(m)->kinds[1].kept, 2);
	cr_assert_eq(sample.cpu, UINT32_MAX);
	oc_machine_free(m);
}

struct attr_texts {
	const struct oc_machine *m;
	struct buffer b;
};

static int put_attr(void *arg, const struct oc_attr *attr)
{
	struct attr_texts *t = arg;

	buffer_printf(&t->b, "%s=", oc_machine_string(t->m, attr->key, NULL));
	if (attr->type == OC_ATTR_STRING)
		buffer_printf(&t->b, "%s ",
			      oc_machine_string(t->m, (oc_string_id)attr->value, NULL));
	else
		buffer_printf(&t->b, "%d ", (int)attr->value);
	return 0;
}

Test(pprof_read, labels_are_processes_threads_and_attributes)
{
	struct maker k = { 0 };
	struct attr_texts attrs = { 0 };
	const struct oc_process *process;
	const struct oc_thread *thread;
	struct oc_sample sample;
	struct oc_machine *m;
	size_t mark;

	begin(&k, "samples", "cpu", "nanoseconds");
	mark = put_sample(&k, 31, 32, 3, 3000);
	put_label(&k, "pid", NULL, 77, NULL);
	put_label(&k, "comm", "app", 0, NULL);
	put_label(&k, "tid", "0", 0, NULL);
	put_label(&k, "thread_name", "worker", 0, NULL);
	put_label(&k, "request", "abc", 0, NULL);
	put_label(&k, "size", NULL, 5, "kilobytes");
	put_label(&k, "bytes", NULL, 6, "bytes");
	put_label(&k, "low", NULL, (uint64_t)-2, NULL);
	proto_end(&k.b, mark);
	m = must_read(&k);
	sample = first_sample(m);
	process = oc_machine_process(m, sample.process);
	thread = oc_machine_thread(m, sample.thread);
	cr_assert_eq(process->pid, 77);
	cr_assert_str_eq(oc_machine_string(m, process->comm, NULL), "app");
	cr_assert_eq(thread->tid, 0);
	cr_assert_str_eq(oc_machine_string(m, thread->name, NULL), "worker");
	attrs.m = m;
	oc_machine_walk_attrs(m, sample.attrs, put_attr, &attrs);
	cr_assert_str_eq(attrs.b.data, "request=abc size (kilobytes)=5 bytes=6 low=-2 ");
	buffer_done(&attrs.b);
	oc_machine_free(m);
}

Test(pprof_read, code_without_addresses_and_addresses_with_several_names)
{
	struct maker k = { 0 };
	struct oc_machine *m;

	begin(&k, "samples", "cpu", "nanoseconds");
	put_location(&k, 33, 0, 0, 11, 0);
	put_location(&k, 34, 0, 0, 12, 0);
	put_location(&k, 35, 21, 0x400010, 12, 0); /* where `inner` lies already */
	put_location(&k, 36, 0, 0, 0, 0);
	proto_end(&k.b, put_sample(&k, 33, 34, 1, 1));
	proto_end(&k.b, put_sample(&k, 31, 32, 2, 2));
	proto_end(&k.b, put_sample(&k, 35, 32, 4, 4));
	proto_end(&k.b, put_sample(&k, 36, 32, 8, 8));
	m = must_read(&k);
	expect_folded(m, "[unknown];main;[unknown] 8\n[unknown];main;main 4\n"
			 "[unknown];main;work 1\n[unknown];main;work;inner_[i] 2\n");
	oc_machine_free(m);
}

Test(pprof_read, amounts_without_a_count_are_kept)
{
	struct maker k = { 0 };
	struct oc_machine *m;
	struct oc_sample sample;

	begin(&k, "contentions", "delay", "nanoseconds");
	proto_end(&k.b, put_sample(&k, 31, 32, 0, 17));
	proto_end(&k.b, put_sample(&k, 32, 0, 0, 0));
	m = must_read(&k);
	sample = first_sample(m);
	cr_assert(sample.count == 1 && sample.value == 17);
	cr_assert_eq(oc_machine_nr_samples(m), 1);
	oc_machine_free(m);
}

/* ---- what is no profile ---- */

Test(pprof_read, refuses_references_to_nothing)
{
	struct maker no_function = { 0 }, no_mapping = { 0 }, no_location = { 0 }, no_text = { 0 };

	begin(&no_function, "samples", "cpu", "nanoseconds");
	put_location(&no_function, 40, 21, 1, 99, 0);
	must_refuse(&no_function, -EBADMSG, "function");
	begin(&no_mapping, "samples", "cpu", "nanoseconds");
	put_location(&no_mapping, 40, 99, 1, 11, 0);
	must_refuse(&no_mapping, -EBADMSG, "mapping");
	begin(&no_location, "samples", "cpu", "nanoseconds");
	proto_end(&no_location.b, put_sample(&no_location, 99, 0, 1, 1));
	must_refuse(&no_location, -EBADMSG, "sample 0");
	begin(&no_text, "samples", "cpu", "nanoseconds");
	proto_u64(&no_text.b, 13, 5000);
	must_refuse(&no_text, -EBADMSG, "texts");
}

Test(pprof_read, refuses_ids_that_are_0_or_twice_there)
{
	struct maker zero = { 0 }, twice = { 0 };

	begin(&zero, "samples", "cpu", "nanoseconds");
	put_function(&zero, 0, "work");
	must_refuse(&zero, -EBADMSG, "at byte");
	begin(&twice, "samples", "cpu", "nanoseconds");
	put_location(&twice, 31, 21, 1, 11, 0);
	must_refuse(&twice, -EBADMSG, "at byte");
}

Test(pprof_read, refuses_values_that_cannot_be)
{
	struct maker few = { 0 }, negative = { 0 }, large = { 0 };
	size_t mark;

	begin(&few, "samples", "cpu", "nanoseconds");
	mark = proto_begin(&few.b, 2);
	proto_u64(&few.b, 2, 1);
	proto_end(&few.b, mark);
	must_refuse(&few, -EBADMSG, "sample 0");
	begin(&negative, "samples", "cpu", "nanoseconds");
	proto_end(&negative.b, put_sample(&negative, 31, 0, -1, 1));
	must_refuse(&negative, -EOPNOTSUPP, "negative");
	begin(&large, "samples", "cpu", "nanoseconds");
	proto_end(&large.b, put_sample(&large, 31, 0, 1, INT64_MAX));
	proto_end(&large.b, put_sample(&large, 32, 0, 1, INT64_MAX));
	must_refuse(&large, -EFBIG, "add up");
}

Test(pprof_read, refuses_profiles_without_types_or_with_too_many)
{
	struct maker none = { 0 }, many = { 0 }, endless = { 0 };
	char names[17][8];

	put_function(&none, 1, "work");
	must_refuse(&none, -EBADMSG, "no sample types");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(names[i], sizeof(names[i]), "t%zu", i);
		put_type(&many, 1, names[i], "count");
	}
	must_refuse(&many, -EFBIG, "17 types");
	for (int i = 0; i < 65; i++)
		put_type(&endless, 1, "t", "count");
	must_refuse(&endless, -EFBIG, "table");
}

Test(pprof_read, refuses_two_profiles_in_one)
{
	struct maker k = { 0 };

	begin(&k, "samples", "cpu", "nanoseconds");
	proto_u64(&k.b, 9, 5);
	proto_u64(&k.b, 9, 6);
	must_refuse(&k, -EBADMSG, "at byte");
}

/* ---- compression ---- */

static size_t compress_gzip(const void *data, size_t size, uint8_t *to, size_t to_size)
{
	z_stream z = { .next_in = (uint8_t *)data,
		       .avail_in = (uInt)size,
		       .next_out = to,
		       .avail_out = (uInt)to_size };

	cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return to_size - z.avail_out;
}

Test(pprof_read, refuses_a_bomb)
{
	size_t size = (size_t)100 << 20;
	uint8_t *zeros = calloc(1, size), *packed = malloc(size / 100);
	struct oc_error err;
	size_t packed_size;

	cr_assert(zeros && packed);
	packed_size = compress_gzip(zeros, size, packed, size / 100);
	cr_assert_null(reading_read("pprof", packed, packed_size, &err));
	cr_assert_eq(err.code, -EFBIG, "%s", err.message);
	free(zeros);
	free(packed);
}

Test(pprof_read, refuses_damaged_and_cut_compression)
{
	struct oc_machine *m = sample_machine_new(0);
	size_t size;
	char *file = reading_write(m, "pprof", &size);
	struct oc_error err;

	cr_assert_null(reading_read("pprof", file, size - 9, &err));
	cr_assert_eq(err.code, -EBADMSG);
	cr_assert_not_null(strstr(err.message, "ends early"), "%s", err.message);
	memset(file + size / 2, 0x55, 40);
	cr_assert_null(reading_read("pprof", file, size, &err));
	cr_assert_eq(err.code, -EBADMSG);
	free(file);
	oc_machine_free(m);
}

/* ---- our own files ---- */

static void expect_round_trip(unsigned int flags, const char *format)
{
	struct oc_machine *m = sample_machine_new(flags), *again;
	struct oc_error err;
	size_t size;
	char *file = reading_write(m, "pprof", &size), *before, *after;

	cr_assert(reading_sniff("pprof", file, size));
	again = reading_read("pprof", file, size, &err);
	cr_assert_not_null(again, "%s", err.message);
	before = reading_write(m, format, NULL);
	after = reading_write(again, format, NULL);
	cr_assert_str_eq(after, before);
	for (uint32_t i = 0; i < oc_machine_nr_kinds(m); i++)
		cr_assert_eq(oc_machine_ledger_const(again)->kinds[i].kept,
			     oc_machine_ledger_const(m)->kinds[i].kept);
	free(file);
	free(before);
	free(after);
	oc_machine_free(m);
	oc_machine_free(again);
}

Test(pprof_read, our_own_files_come_back)
{
	expect_round_trip(0, "folded");
	expect_round_trip(SAMPLE_TWO_KINDS, "folded");
	expect_round_trip(SAMPLE_TWO_KINDS | SAMPLE_WAITS, "folded");
	expect_round_trip(SAMPLE_TIMELINE, "folded");
}

Test(pprof_read, facts_of_our_own_recordings_come_back)
{
	struct oc_machine *m = sample_machine_new(0), *again;
	const struct oc_recording_info *before = oc_machine_info(m), *after;
	struct oc_error err;
	size_t size;
	char *file = reading_write(m, "pprof", &size);

	again = reading_read("pprof", file, size, &err);
	after = oc_machine_info(again);
	cr_assert_str_eq(oc_machine_string(again, after->tool, NULL),
			 oc_machine_string(m, before->tool, NULL));
	cr_assert_str_eq(oc_machine_string(again, after->hostname, NULL),
			 oc_machine_string(m, before->hostname, NULL));
	cr_assert_eq(after->start_wall_ns, before->start_wall_ns);
	free(file);
	oc_machine_free(m);
	oc_machine_free(again);
}

/* ---- the ledger ---- */

static void set_losses(struct oc_machine *m)
{
	struct oc_ledger *ledger = oc_machine_ledger(m);
	struct oc_ledger_kind *kind = &ledger->kinds[0];

	kind->due = 1000;
	kind->idle = 20;
	kind->lost[OC_LOSS_RING_FULL] = 3;
	kind->lost[OC_LOSS_THROTTLED] = 4;
	kind->taken = kind->kept + 7;
	memset(kind->incomplete, 0, sizeof(kind->incomplete));
	kind->incomplete[OC_STACK_NO_TABLE] = 2;
	kind->complete = 5;
	kind->stacks = 7;
	ledger->notes[OC_NOTE_STACKS_COPIED] = 11;
}

Test(pprof_read, our_own_ledger_comes_back)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TWO_KINDS), *again;
	const struct oc_ledger_kind *kind;
	struct oc_error err = { 0 };
	size_t size;
	char *file;

	set_losses(m);
	file = reading_write(m, "pprof", &size);
	again = reading_read("pprof", file, size, &err);
	cr_assert_not_null(again, "%s", err.message);
	kind = &oc_machine_ledger_const(again)->kinds[0];
	cr_assert_eq(kind->due, 1000);
	cr_assert_eq(kind->idle, 20);
	cr_assert_eq(kind->lost[OC_LOSS_RING_FULL], 3);
	cr_assert_eq(kind->lost[OC_LOSS_THROTTLED], 4);
	cr_assert_eq(kind->taken, kind->kept + 7);
	cr_assert_eq(kind->complete, 5);
	cr_assert_eq(kind->incomplete[OC_STACK_NO_TABLE], 2);
	cr_assert_eq(oc_machine_ledger_const(again)->notes[OC_NOTE_STACKS_COPIED], 11);
	cr_assert(oc_ledger_balanced(oc_machine_ledger_const(again)));
	free(file);
	oc_machine_free(m);
	oc_machine_free(again);
}

/* ---- sniffing ---- */

Test(pprof_read, sniffs_its_own_only)
{
	static const char *const others[] = { "perfetto", "otlp", "firefox-gz", "speedscope",
					      "octrace",  "svg",  "folded" };
	struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE);
	struct maker k = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		size_t size;
		char *file = reading_write(m, others[i], &size);

		cr_assert_not(reading_sniff("pprof", file, size), "%s", others[i]);
		free(file);
	}
	oc_machine_free(m);
	begin(&k, "samples", "cpu", "nanoseconds");
	cr_assert(reading_sniff("pprof", k.b.data, k.b.len));
	buffer_done(&k.b);
	cr_assert_not(reading_sniff("pprof", "", 0));
	cr_assert_not(reading_sniff("pprof", "\x1f\x8b\x08", 3));
	cr_assert_not(reading_sniff("pprof", "some text\n", 10));
}

/* Of a deep stack only the beginning is seen. */
Test(pprof_read, sniffs_a_first_row_that_is_cut)
{
	static const char type[] = "\x0a\x04\x08\x01\x10\x02";
	char text[64];

	for (int field = 0; field < 16; field++) {
		/* Sample types, samples, mappings, locations, functions, texts; period type. */
		bool is_row = (field >= 1 && field <= 6) || field == 11;

		memcpy(text, type, 6);
		text[6] = (char)(field << 3 | 2);
		memset(text + 7, 0x7f, sizeof(text) - 7);
		cr_assert_eq(reading_sniff("pprof", text, 16), is_row, "%d", field);
	}
	cr_assert_not(reading_sniff("pprof", type, 6), "a type alone");
}
