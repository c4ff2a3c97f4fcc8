/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parquet: its two encodings, read back here from their specifications, and what a failing output does to the writer.
 * The content of files is seen by tests/readers.
 */
#include <criterion/criterion.h>
#include <onecollect/format.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "export/formats/parquet_encode.h"
#include "reading.h"
#include "sample_machine.h"

#define NR 5000

/* ---- runs --------------------------------------------------------------------------------------------------- */

static uint64_t varuint(const uint8_t **at)
{
	uint64_t value = 0;

	for (unsigned int shift = 0;; shift += 7) {
		value |= (uint64_t)(**at & 0x7f) << shift;
		if (!(*(*at)++ & 0x80))
			return value;
	}
}

/* Number `i` of those packed behind `at`. */
static uint32_t packed_at(const uint8_t *at, unsigned int width, size_t i)
{
	uint32_t value = 0;

	for (unsigned int bit = 0; bit < width; bit++) {
		size_t place = i * width + bit;

		value |= (uint32_t)(at[place / 8] >> place % 8 & 1) << bit;
	}
	return value;
}

/* Compares encoded runs with values[nr]. */
static void check_runs(const struct buffer *b, unsigned int width, const uint32_t *values,
		       size_t nr)
{
	const uint8_t *at = (const uint8_t *)b->data, *end = at + b->len;
	size_t i = 0;

	while (at < end) {
		uint64_t head = varuint(&at);
		size_t len = (size_t)(head >> 1) * (head & 1 ? 8 : 1);

		cr_assert_gt(len, 0);
		cr_assert(i < nr, "a run behind the end");
		if (head & 1) {
			cr_assert(i + len < nr + 8, "only the last group is short");
			for (size_t k = 0; k < len && i + k < nr; k++)
				cr_assert_eq(packed_at(at, width, k), values[i + k],
					     "number %zu of %zu", i + k, nr);
			at += len / 8 * width;
		} else {
			uint32_t value = 0;

			for (unsigned int byte = 0; byte < (width + 7) / 8; byte++)
				value |= (uint32_t)*at++ << 8 * byte;
			for (size_t k = 0; k < len; k++)
				cr_assert_eq(value, values[i + k], "number %zu of %zu", i + k, nr);
			cr_assert_leq(i + len, nr);
		}
		i += len;
	}
	cr_assert_eq(at, end);
	cr_assert_geq(i, nr);
}

/* nr numbers below 2^width; one in `change` differs from the one before. */
static void fill(uint32_t *values, size_t nr, unsigned int width, unsigned int change)
{
	uint32_t mask = width == 32 ? UINT32_MAX : (1U << width) - 1;

	for (size_t i = 0; i < nr; i++)
		values[i] = i && rand() % change
				    ? values[i - 1]
				    : ((uint32_t)rand() << 16 ^ (uint32_t)rand()) & mask;
}

Test(parquet, runs)
{
	static const size_t lengths[] = { 0, 1, 7, 8, 9, 15, 16, 17, NR };
	static const unsigned int changes[] = { 1, 3, 9, 40 };
	uint32_t values[NR];

	srand(1);
	for (unsigned int width = 1; width <= 32; width++) {
		for (size_t i = 0; i < ARRAY_SIZE(lengths) * ARRAY_SIZE(changes); i++) {
			size_t nr = lengths[i % ARRAY_SIZE(lengths)];
			struct parquet_small small = { values, nr, 4, width };
			struct buffer b = BUFFER_INIT;

			fill(values, nr, width, changes[i / ARRAY_SIZE(lengths)]);
			parquet_put_runs(&b, &small);
			cr_assert_eq(b.error, 0);
			check_runs(&b, width, values, nr);
			buffer_done(&b);
		}
	}
}

Test(parquet, runs_of_bytes)
{
	static const uint8_t bytes[] = {
		0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0
	};
	const struct parquet_small small = { bytes, sizeof(bytes), 1, 1 };
	struct buffer b = BUFFER_INIT;

	parquet_put_runs(&b, &small);
	/* One group of eight, a run of nine ones, and a group whose last five are nobody's. */
	cr_assert_eq(b.len, 6);
	cr_assert_arr_eq(b.data, "\x03\xfe\x12\x01\x03\x02", 6);
	buffer_done(&b);
}

Test(parquet, width)
{
	static const uint32_t nrs[] = { 0, 1, 2, 3, 4, 5, 256, 257, UINT32_MAX };
	static const unsigned int widths[] = { 1, 1, 1, 2, 2, 3, 8, 9, 32 };

	for (size_t i = 0; i < ARRAY_SIZE(nrs); i++)
		cr_assert_eq(parquet_width(nrs[i]), widths[i], "%u", nrs[i]);
}

/* ---- thrift ------------------------------------------------------------------------------------------------- */

Test(parquet, thrift)
{
	static const char expected[] =
		"\x15\x01" /* 1: i32 -1 */
		"\x18\x03"
		"abc"                          /* 2: binary */
		"\x2c\x11\x12\x56\xfe\x01\x00" /* 4: {1: true, 2: false, 7: i64 127} */
		"\x19\xfc\x10";                /* 5: list of 16 structs, without them */
	struct buffer b = BUFFER_INIT;
	struct thrift t;

	thrift_begin(&t, &b);
	thrift_i32(&t, 1, -1);
	thrift_text(&t, 2, "abc");
	thrift_struct(&t, 4);
	thrift_bool(&t, 1, true);
	thrift_bool(&t, 2, false);
	thrift_i64(&t, 7, 127);
	thrift_end(&t);
	thrift_list(&t, 5, THRIFT_STRUCT, 16);
	cr_assert_eq(b.len, sizeof(expected) - 1);
	cr_assert_arr_eq(b.data, expected, sizeof(expected) - 1);
	thrift_end(&t);
	cr_assert_eq(b.data[b.len - 1], 0);
	buffer_done(&b);
}

/* ---- files -------------------------------------------------------------------------------------------------- */

Test(parquet, ends)
{
	static const unsigned int flags[] = { SAMPLE_EMPTY, 0, SAMPLE_TIMELINE };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct oc_machine *m = sample_machine_new(flags[i]);
		size_t size;
		char *data = reading_write(m, "parquet", &size);

		cr_assert_gt(size, 12);
		cr_assert_arr_eq(data, "PAR1", 4);
		cr_assert_arr_eq(data + size - 4, "PAR1", 4);
		free(data);
		oc_machine_free(m);
	}
}

Test(parquet, errors_of_the_output)
{
	struct oc_machine *m = sample_machine_new(SAMPLE_TIMELINE);
	struct oc_output *out;

	cr_assert_eq(oc_output_open_memory(&out), 0);
	oc_output_cancel_all();
	cr_assert_lt(oc_format_by_name("parquet")->write(m, out, NULL), 0);
	oc_output_abort(out);
	oc_machine_free(m);
}
