/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Perfetto traces: the rules that readers break on without a word. What the trace processor makes of a file is seen by
 * tests/readers.
 */
#include "flame_machine.h"
#include "proto_reader.h"
#include "sample_machine.h"

enum {
	PACKET = 1,
	TIMESTAMP = 8,
	SEQUENCE = 10,
	EVENT = 11,
	INTERNED = 12,
	FLAGS = 13,
	SAMPLE = 66
};

/* Names of one sequence that were defined: function names, frames, callstacks, mappings. */
struct sequence {
	bool begun;
	bool functions[256], frames[256], callstacks[256], mappings[256];
};

static void define(bool *seen, struct proto_part entry)
{
	struct proto_field iid = proto_find(entry, 1);

	cr_assert(iid.number && iid.value > 0 && iid.value < 256);
	cr_assert_not(seen[iid.value], "defined once");
	seen[iid.value] = true;
}

static void check_interned(struct sequence *sequence, struct proto_part interned)
{
	struct proto_field field, part;

	while (proto_next(&interned, &field)) {
		switch (field.number) {
		case 5:
			define(sequence->functions, field.part);
			break;
		case 19:
			define(sequence->mappings, field.part);
			break;
		case 6:
			define(sequence->frames, field.part);
			cr_assert(sequence->functions[proto_find(field.part, 2).value]);
			cr_assert(sequence->mappings[proto_find(field.part, 3).value]);
			break;
		case 7:
			define(sequence->callstacks, field.part);
			cr_assert_gt(proto_count(field.part, 2), 0);
			while (proto_next(&field.part, &part))
				cr_assert(part.number == 1 || sequence->frames[part.value]);
			break;
		default:
			break;
		}
	}
}

/* Number of samples with a callstack. */
static size_t check_trace(struct proto_part trace)
{
	static struct sequence sequences[8];
	struct proto_field packet;
	size_t nr = 0;

	memset(sequences, 0, sizeof(sequences));
	while (proto_next(&trace, &packet)) {
		struct proto_field sample = proto_find(packet.part, SAMPLE);
		struct proto_field interned = proto_find(packet.part, INTERNED);
		struct proto_field flags = proto_find(packet.part, FLAGS);
		uint64_t number = proto_find(packet.part, SEQUENCE).value;

		cr_assert_eq(packet.number, PACKET);
		cr_assert(number > 0 && number < 8);
		if (!sequences[number].begun)
			cr_assert_eq(flags.value, 1, "a sequence begins with its state cleared");
		sequences[number].begun = true;
		if (interned.number)
			check_interned(&sequences[number], interned.part);
		if (!sample.number)
			continue;
		cr_assert_eq(flags.value, 2, "who uses names says so");
		cr_assert_geq(proto_find(packet.part, TIMESTAMP).value, 6000000000);
		if (proto_find(sample.part, 17).number)
			continue;
		cr_assert(sequences[number].callstacks[proto_find(sample.part, 4).value]);
		nr++;
	}
	return nr;
}

static struct proto_part perfetto(struct oc_machine *m)
{
	size_t len;
	char *data = flame_machine_write(m, oc_format_by_path("x.pftrace"), &len);

	return (struct proto_part){ (const uint8_t *)data, len };
}

static void check_samples(unsigned int flags, size_t expected)
{
	struct proto_part trace = perfetto(sample_machine_new(flags));

	cr_assert_eq(check_trace(trace), expected);
	free((void *)trace.data);
}

Test(perfetto, each_sequence_defines_what_it_names)
{
	check_samples(0, SAMPLE_TOTAL);
	check_samples(SAMPLE_TIMELINE, SAMPLE_TOTAL);
	check_samples(SAMPLE_TIMELINE | SAMPLE_TWO_KINDS, SAMPLE_TOTAL + SAMPLE_FAULTS);
	check_samples(SAMPLE_EMPTY, 0);
}

Test(perfetto, a_measured_time_is_a_slice_that_ends_with_it)
{
	struct proto_part trace = perfetto(sample_machine_new(SAMPLE_WAITS)), rest = trace;
	struct proto_field packet;
	uint64_t times[2];
	size_t nr = 0;

	while (proto_next(&rest, &packet)) {
		struct proto_field event = proto_find(packet.part, EVENT);

		if (!event.number)
			continue;
		cr_assert_lt(nr, 2);
		cr_assert_eq(proto_find(event.part, 9).value, nr + 1);
		times[nr++] = proto_find(packet.part, TIMESTAMP).value;
	}
	cr_assert_eq(nr, 2);
	cr_assert_eq(times[1] - times[0], SAMPLE_WAIT_NS);
	cr_assert_eq(times[1], SAMPLE_WAIT_END_NS + 1000000000, "in the clock of packets");
	free((void *)trace.data);
}
