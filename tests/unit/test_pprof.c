/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pprof profiles, decoded again with protobuf-c and held against the rules of the format.
 */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <onecollect/format.h>
#include <zlib.h>

#include "base/macros.h"
#include "machine_parts.h"
#include "profile.pb-c.h"
#include "sample_machine.h"

typedef Perftools__Profiles__Profile profile;

static profile *decode(const struct oc_machine *m)
{
	static uint8_t raw[1 << 20];
	z_stream z = { .next_out = raw, .avail_out = sizeof(raw) };
	struct oc_output *out;
	struct oc_error err = { 0 };
	const void *packed;
	profile *p;
	size_t size;

	cr_assert_eq(oc_output_open_memory(&out), 0);
	cr_assert_eq(oc_format_by_name("pprof")->write(m, out, &err), 0, "%s", err.message);
	packed = oc_output_memory(out, &size);
	z.next_in = (uint8_t *)packed;
	z.avail_in = (uInt)size;
	cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
	cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	cr_assert_eq(z.avail_in, 0, "one gzip member and nothing behind it");
	p = perftools__profiles__profile__unpack(NULL, z.total_out, raw);
	cr_assert_not_null(p);
	inflateEnd(&z);
	oc_output_abort(out);
	return p;
}

static void profile_free(profile *p)
{
	perftools__profiles__profile__free_unpacked(p, NULL);
}

static const char *text(const profile *p, int64_t index)
{
	cr_assert(index >= 0 && (size_t)index < p->n_string_table);
	return p->string_table[index];
}

/* What every reader relies on. */
static void check_rules(const profile *p)
{
	cr_assert_str_eq(text(p, 0), "");
	for (size_t i = 0; i < p->n_string_table; i++) {
		for (size_t k = 0; k < i; k++)
			cr_assert_str_neq(p->string_table[i], p->string_table[k]);
	}
	for (size_t i = 0; i < p->n_mapping; i++) {
		cr_assert_eq(p->mapping[i]->id, i + 1);
		cr_assert_lt(p->mapping[i]->memory_start, p->mapping[i]->memory_limit);
	}
	for (size_t i = 0; i < p->n_function; i++) {
		cr_assert_eq(p->function[i]->id, i + 1);
		text(p, p->function[i]->filename);
	}
	for (size_t i = 0; i < p->n_location; i++) {
		const Perftools__Profiles__Location *location = p->location[i];

		cr_assert_eq(location->id, i + 1);
		cr_assert_leq(location->mapping_id, p->n_mapping);
		for (size_t k = 0; k < location->n_line; k++)
			cr_assert(location->line[k]->function_id - 1 < p->n_function);
		if (location->mapping_id) {
			cr_assert_geq(location->address,
				      p->mapping[location->mapping_id - 1]->memory_start);
			cr_assert_lt(location->address,
				     p->mapping[location->mapping_id - 1]->memory_limit);
		}
	}
	for (size_t i = 0; i < p->n_sample; i++) {
		const Perftools__Profiles__Sample *sample = p->sample[i];

		cr_assert_eq(sample->n_value, p->n_sample_type);
		for (size_t k = 0; k < sample->n_location_id; k++)
			cr_assert(sample->location_id[k] - 1 < p->n_location);
		for (size_t k = 0; k < sample->n_label; k++) {
			const Perftools__Profiles__Label *label = sample->label[k];

			cr_assert(strlen(text(p, label->key)));
			cr_assert((label->str != 0) != (label->num != 0),
				  "a label is a text or a number");
			for (size_t n = 0; n < k; n++)
				cr_assert_neq(sample->label[n]->key, label->key);
		}
	}
}

static int64_t sum(const profile *p, size_t value)
{
	int64_t total = 0;

	for (size_t i = 0; i < p->n_sample; i++)
		total += p->sample[i]->value[value];
	return total;
}

static const Perftools__Profiles__Function *leaf(const profile *p,
						 const Perftools__Profiles__Sample *sample)
{
	const Perftools__Profiles__Location *location;

	cr_assert(sample->n_location_id);
	location = p->location[sample->location_id[0] - 1];
	return location->n_line ? p->function[location->line[0]->function_id - 1] : NULL;
}

/* Counts of the samples with that innermost function. */
static int64_t self_of(const profile *p, const char *name)
{
	int64_t total = 0;

	for (size_t i = 0; i < p->n_sample; i++) {
		const Perftools__Profiles__Function *function = leaf(p, p->sample[i]);

		if (function && !strcmp(text(p, function->name), name))
			total += p->sample[i]->value[0];
	}
	return total;
}

static const Perftools__Profiles__Label *label(const profile *p,
					       const Perftools__Profiles__Sample *sample,
					       const char *key)
{
	for (size_t i = 0; i < sample->n_label; i++) {
		if (!strcmp(text(p, sample->label[i]->key), key))
			return sample->label[i];
	}
	return NULL;
}

/* Counts of the samples whose label reads `value`. */
static int64_t labelled(const profile *p, const char *key, const char *value)
{
	int64_t total = 0;

	for (size_t i = 0; i < p->n_sample; i++) {
		const Perftools__Profiles__Label *l = label(p, p->sample[i], key);
		char number[24];

		if (!l)
			continue;
		snprintf(number, sizeof(number), "%" PRId64, l->num);
		if (!strcmp(l->str ? text(p, l->str) : number, value))
			total += p->sample[i]->value[0];
	}
	return total;
}

static const Perftools__Profiles__Mapping *mapping(const profile *p, const char *file)
{
	for (size_t i = 0; i < p->n_mapping; i++) {
		if (!strcmp(text(p, p->mapping[i]->filename), file))
			return p->mapping[i];
	}
	cr_assert_fail("no mapping %s", file);
	return NULL;
}

static bool has_comment(const profile *p, const char *part)
{
	for (size_t i = 0; i < p->n_comment; i++) {
		if (strstr(text(p, p->comment[i]), part))
			return true;
	}
	return false;
}

Test(pprof, head)
{
	struct oc_machine *m = sample_machine_new(0);
	profile *p = decode(m);

	check_rules(p);
	cr_assert_eq(p->n_sample_type, 2);
	cr_assert_str_eq(text(p, p->sample_type[0]->type), "samples");
	cr_assert_str_eq(text(p, p->sample_type[0]->unit), "count");
	cr_assert_str_eq(text(p, p->sample_type[1]->type), "cpu");
	cr_assert_str_eq(text(p, p->sample_type[1]->unit), "nanoseconds");
	cr_assert_str_eq(text(p, p->period_type->type), "cpu");
	cr_assert_str_eq(text(p, p->period_type->unit), "nanoseconds");
	cr_assert_eq(p->period, SAMPLE_PERIOD_NS);
	cr_assert_str_eq(text(p, p->default_sample_type), "cpu");
	cr_assert_eq(p->time_nanos, 1700000000123456789);
	cr_assert_eq(p->duration_nanos, 2500000000);
	cr_assert(has_comment(p, "host: host.example"));
	cr_assert(has_comment(p, "os: Linux 6.1.0-test x86_64"));
	cr_assert(has_comment(p, "command: record-trace --cpu -o x.pb.gz"));
	cr_assert(has_comment(p, "recorded by: onecollect test"));
	cr_assert(has_comment(p, "return addresses less one"));
	cr_assert(has_comment(p, "101 samples kept of 104 taken"));
	cr_assert(has_comment(p, "ring_full"));
	profile_free(p);
	oc_machine_free(m);
}

Test(pprof, samples)
{
	struct oc_machine *m = sample_machine_new(0);
	profile *p = decode(m);

	cr_assert_eq(sum(p, 0), SAMPLE_TOTAL);
	cr_assert_eq(sum(p, 1), SAMPLE_TOTAL * SAMPLE_PERIOD_NS);
	cr_assert_eq(p->n_sample, 9);
	cr_assert_eq(self_of(p, "hot_loop"), SAMPLE_HOT_LOOP);
	cr_assert_eq(self_of(p, "recurse"), SAMPLE_RECURSE);
	cr_assert_eq(self_of(p, "vfs_read"), SAMPLE_VFS_READ);
	cr_assert_eq(self_of(p, "JS:~handle /app/x.js:1"), SAMPLE_JIT);
	cr_assert_eq(self_of(p, "evil;na me</script>\\n\"&' "), SAMPLE_HOSTILE);
	cr_assert_eq(self_of(p, "compute(int)"), 0);
	cr_assert_eq(self_of(p, "[no stack]"), SAMPLE_NO_STACK,
		     "pprof drops samples without locations");
	cr_assert_eq(labelled(p, "pid", "100"), SAMPLE_SERVER_MAIN);
	cr_assert_eq(labelled(p, "tid", "101"), 30);
	cr_assert_eq(labelled(p, "thread_name", "work;er\\n1"), 30);
	cr_assert_eq(labelled(p, "comm", "server"), SAMPLE_SERVER_MAIN);
	cr_assert_eq(labelled(p, "comm", "no;de </script>"), SAMPLE_TOTAL - SAMPLE_SERVER_MAIN);
	cr_assert_eq(labelled(p, "container_id", "c0ffee"), SAMPLE_TOTAL - SAMPLE_SERVER_MAIN);
	cr_assert_eq(labelled(p, "tid", "0"), SAMPLE_HOSTILE,
		     "tid 0 is a text, a number 0 would be absent");
	profile_free(p);
	oc_machine_free(m);
}

Test(pprof, stacks_are_leaf_first_and_callers_lowered)
{
	struct oc_machine *m = sample_machine_new(0);
	profile *p = decode(m);

	for (size_t i = 0; i < p->n_sample; i++) {
		const Perftools__Profiles__Function *function = leaf(p, p->sample[i]);
		const Perftools__Profiles__Location *caller, *called;

		if (!function || strcmp(text(p, function->name), "hot_loop"))
			continue;
		cr_assert_eq(p->sample[i]->n_location_id, 2);
		called = p->location[p->sample[i]->location_id[0] - 1];
		caller = p->location[p->sample[i]->location_id[1] - 1];
		cr_assert_eq(called->address, 0x400190);
		cr_assert_eq(called->n_line, 2);
		cr_assert_eq(called->line[0]->line, 5);
		cr_assert_str_eq(text(p, p->function[called->line[1]->function_id - 1]->name),
				 "compute(int)");
		cr_assert_eq(caller->address, 0x400010);
		cr_assert_str_eq(text(p, p->function[caller->line[0]->function_id - 1]->name),
				 "main");
	}
	profile_free(p);
	oc_machine_free(m);
}

Test(pprof, mappings)
{
	struct oc_machine *m = sample_machine_new(0);
	profile *p = decode(m);
	const Perftools__Profiles__Mapping *server = mapping(p, "/usr/bin/server");
	const Perftools__Profiles__Mapping *libc = mapping(p, "/usr/lib/libc.so.6");
	const Perftools__Profiles__Mapping *kernel = mapping(p, "[kernel.kallsyms]");
	size_t unmapped = 0;

	cr_assert_eq(p->n_mapping, 5);
	cr_assert_eq(p->mapping[0], server, "the executable of the busiest process comes first");
	cr_assert_str_eq(text(p, server->build_id), "ab01");
	cr_assert_eq(server->memory_start, 0x400000);
	cr_assert_eq(server->memory_limit, 0x410000);
	cr_assert_eq(server->file_offset, 0x1000);
	cr_assert(server->has_functions && server->has_filenames && server->has_line_numbers);
	cr_assert(server->has_inline_frames);
	cr_assert_not(libc->has_functions, "one address of it has no symbol");
	cr_assert_not(libc->has_filenames || libc->has_line_numbers || libc->has_inline_frames);
	cr_assert_str_eq(text(p, libc->build_id), "");
	cr_assert(kernel->has_functions);
	cr_assert_not(kernel->has_filenames);
	cr_assert_eq(strlen(text(p, mapping(p, "/usr/bin/node")->build_id)), 40);
	cr_assert(mapping(p, "[anon]")->has_functions);
	for (size_t i = 0; i < p->n_location; i++)
		unmapped += !p->location[i]->mapping_id;
	cr_assert_eq(unmapped, 2, "the address outside every mapping, and no stack at all");
	profile_free(p);
	oc_machine_free(m);
}

Test(pprof, functions)
{
	struct oc_machine *m = sample_machine_new(0);
	profile *p = decode(m);
	size_t seen = 0;

	for (size_t i = 0; i < p->n_function; i++) {
		const Perftools__Profiles__Function *function = p->function[i];

		if (!strcmp(text(p, function->name), "compute(int)")) {
			cr_assert_str_eq(text(p, function->system_name), "_Z7computei");
			cr_assert_str_eq(text(p, function->filename), "server.c");
			cr_assert_eq(function->start_line, 19);
			seen++;
		}
		if (!strncmp(text(p, function->name), "JS:", 3)) {
			cr_assert_eq(function->system_name, function->name);
			seen++;
		}
	}
	cr_assert_eq(seen, 2);
	profile_free(p);
	oc_machine_free(m);
}

Test(pprof, a_timeline_is_added_up)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE);
	profile *p = decode(m);

	check_rules(p);
	cr_assert_eq(p->n_sample, 9);
	cr_assert_eq(sum(p, 0), SAMPLE_TOTAL);
	cr_assert_eq(sum(p, 1), SAMPLE_TOTAL * SAMPLE_PERIOD_NS);
	profile_free(p);
	oc_machine_free(m);
}

Test(pprof, several_kinds_are_more_types)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TWO_KINDS);
	profile *p = decode(m);

	check_rules(p);
	cr_assert_eq(p->n_sample_type, 4);
	cr_assert_str_eq(text(p, p->sample_type[2]->type), "page_faults_events");
	cr_assert_str_eq(text(p, p->sample_type[2]->unit), "count");
	cr_assert_str_eq(text(p, p->sample_type[3]->type), "page_faults");
	cr_assert_str_eq(text(p, p->sample_type[3]->unit), "bytes");
	cr_assert_eq(p->n_sample, 9, "a stack of both kinds is one sample");
	cr_assert_eq(sum(p, 0), SAMPLE_TOTAL);
	cr_assert_eq(sum(p, 2), SAMPLE_FAULTS);
	cr_assert_eq(sum(p, 3), SAMPLE_FAULTS * 4096);
	profile_free(p);
	oc_machine_free(m);
}

Test(pprof, samples_of_a_period_amount_to_time)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind kind = { .name = "cpu", .unit = OC_UNIT_COUNT, .period_ns = 1001001 };
	struct oc_sample sample = { .count = 7, .value = 7 };
	profile *p;

	sample.kind = (oc_kind_id)oc_machine_add_kind(m, &kind);
	sample.process = (oc_process_id)oc_machine_process_start(m, 1, 0, 1);
	sample.thread = (oc_thread_id)oc_machine_add_thread(m, sample.process, 1);
	cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	cr_assert_eq(oc_machine_finish(m), 0);
	p = decode(m);
	cr_assert_str_eq(text(p, p->sample_type[1]->unit), "nanoseconds");
	cr_assert_eq(sum(p, 0), 7);
	cr_assert_eq(sum(p, 1), 7 * 1001001);
	profile_free(p);
	oc_machine_free(m);
}

Test(pprof, nothing_recorded_is_a_valid_profile)
{
	struct oc_machine *empty = sample_machine_new(SAMPLE_EMPTY), *bare = oc_machine_new(NULL);
	profile *p = decode(empty);

	check_rules(p);
	cr_assert_eq(p->n_sample, 0);
	cr_assert_eq(p->n_sample_type, 2);
	profile_free(p);
	cr_assert_eq(oc_machine_finish(bare), 0);
	p = decode(bare);
	check_rules(p);
	cr_assert_eq(p->n_sample_type, 1);
	cr_assert_null(p->period_type);
	profile_free(p);
	oc_machine_free(empty);
	oc_machine_free(bare);
}

Test(pprof, attributes_and_spans)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind kind = { .name = "request", .unit = OC_UNIT_SPAN };
	int64_t process = oc_machine_process_start(m, 0, 0, 1);
	struct oc_span span = { .name = intern(m, "GET /"), .start_ns = 1000, .end_ns = 1250 };
	struct oc_attr attrs[] = {
		{ intern(m, "route"), OC_ATTR_STRING, intern(m, "/index") },
		{ intern(m, "route"), OC_ATTR_NUMBER, 4 },
		{ intern(m, "status"), OC_ATTR_NUMBER, 200 },
		{ intern(m, "retries"), OC_ATTR_NUMBER, 0 },
		{ intern(m, "huge"), OC_ATTR_NUMBER, UINT64_MAX },
	};
	struct oc_sample sample = {
		.time_ns = 5, .count = 1, .kind = 1, .process = (oc_process_id)process
	};
	profile *p;

	cr_assert_eq(oc_machine_add_kind(m, &kind), 1);
	sample.thread = (oc_thread_id)oc_machine_add_thread(m, sample.process, 0);
	sample.value = (uint64_t)oc_machine_add_span(m, &span);
	sample.attrs = (oc_attrs_id)oc_machine_intern_attrs(m, attrs, ARRAY_SIZE(attrs), 0);
	cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	cr_assert_eq(oc_machine_finish(m), 0);
	p = decode(m);
	check_rules(p);
	cr_assert_str_eq(text(p, p->sample_type[0]->type), "events");
	cr_assert_str_eq(text(p, p->sample_type[1]->unit), "nanoseconds");
	cr_assert_eq(sum(p, 1), 250, "a span weighs its duration");
	cr_assert_eq(labelled(p, "pid", "0"), 1);
	cr_assert_eq(labelled(p, "route", "/index"), 1, "the first value of a key stands");
	cr_assert_eq(labelled(p, "status", "200"), 1);
	cr_assert_eq(labelled(p, "retries", "0"), 1);
	cr_assert_eq(labelled(p, "huge", "9223372036854775807"), 1);
	profile_free(p);
	oc_machine_free(m);
}
