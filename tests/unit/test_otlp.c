/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OTLP profiles: layout and sizes of the messages. Their content is seen by tests/interop and tests/readers.
 */
#include "flame_machine.h"
#include "proto_reader.h"
#include "sample_machine.h"

enum { RESOURCE_PROFILES = 1, DICTIONARY = 2 };

static struct proto_part otlp(struct oc_machine *m)
{
	size_t len;
	char *data = flame_machine_write(m, oc_format_by_path("x.otlp"), &len);

	return (struct proto_part){ (const uint8_t *)data, len };
}

/* Samples of a profile by their times. */
static size_t count_times(struct proto_part profile)
{
	struct proto_field sample;
	size_t nr = 0;

	while (proto_next(&profile, &sample)) {
		if (sample.number == 2)
			nr += proto_find(sample.part, 5).part.size / 8;
	}
	return nr;
}

Test(otlp, one_dictionary_with_an_empty_first_entry_in_each_table)
{
	static const unsigned int flags[] = { 0, SAMPLE_TIMELINE | SAMPLE_TWO_KINDS, SAMPLE_EMPTY };

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		struct proto_part data = otlp(sample_machine_new(flags[i]));
		struct proto_field dictionary = proto_find(data, DICTIONARY), first;

		cr_assert_eq(proto_count(data, DICTIONARY), 1);
		for (uint32_t table = 1; table <= 7; table++) {
			first = proto_find(dictionary.part, table);
			cr_assert_eq(first.number, table);
			cr_assert_eq(first.part.size, 0);
		}
		cr_assert_eq(proto_count(data, RESOURCE_PROFILES) == 0, flags[i] == SAMPLE_EMPTY);
		free((void *)data.data);
	}
}

Test(otlp, long_threads_are_several_profiles)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind cpu = { .name = "cpu", .period_ns = 1000 };
	struct oc_sample sample = { .count = 1, .value = 1, .cpu = UINT32_MAX };
	struct proto_part data, rest;
	struct proto_field field;
	size_t nr_profiles = 0, nr = 0;

	sample.kind = (oc_kind_id)oc_machine_add_kind(m, &cpu);
	for (sample.time_ns = 1; sample.time_ns <= 150000; sample.time_ns++)
		cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	cr_assert_eq(oc_machine_finish(m), 0);
	data = rest = otlp(m);
	while (proto_next(&rest, &field)) {
		if (field.number != RESOURCE_PROFILES)
			continue;
		cr_assert_lt(field.part.size, 4 << 20);
		nr += count_times(proto_find(proto_find(field.part, 2).part, 2).part);
		nr_profiles++;
	}
	cr_assert_eq(nr, 150000);
	cr_assert_eq(nr_profiles, 3);
	free((void *)data.data);
}

Test(otlp, measured_amounts_are_values)
{
	struct proto_part data = otlp(sample_machine_new(SAMPLE_WAITS | SAMPLE_EMPTY));
	struct proto_field resource = proto_find(data, RESOURCE_PROFILES);
	struct proto_field profile = proto_find(proto_find(resource.part, 2).part, 2);
	struct proto_field values = proto_find(proto_find(profile.part, 2).part, 4);

	cr_assert_eq(proto_read_varint(&values.part), SAMPLE_WAIT_NS);
	cr_assert_eq(proto_find(profile.part, 6).number, 0, "no period");
	free((void *)data.data);
}
