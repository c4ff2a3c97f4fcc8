/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/human.h: numbers for people.
 */
#include <criterion/criterion.h>

#include "base/human.h"

static void count_is(uint64_t value, const char *want)
{
	struct buffer out = BUFFER_INIT;

	human_count(&out, value);
	cr_assert_str_eq(out.data, want);
	buffer_done(&out);
}

static void bytes_are(uint64_t value, const char *want)
{
	struct buffer out = BUFFER_INIT;

	human_bytes(&out, value);
	cr_assert_str_eq(out.data, want);
	buffer_done(&out);
}

static void duration_is(uint64_t value, const char *want)
{
	struct buffer out = BUFFER_INIT;

	human_duration(&out, value);
	cr_assert_str_eq(out.data, want);
	buffer_done(&out);
}

static void share_is(uint64_t part, uint64_t whole, const char *want)
{
	struct buffer out = BUFFER_INIT;

	human_share(&out, part, whole);
	cr_assert_str_eq(out.data, want);
	buffer_done(&out);
}

Test(human, counts)
{
	count_is(0, "0");
	count_is(999, "999");
	count_is(1000, "1,000");
	count_is(1234567, "1,234,567");
	count_is(UINT64_MAX, "18,446,744,073,709,551,615");
}

Test(human, bytes)
{
	bytes_are(0, "0 B");
	bytes_are(1023, "1023 B");
	bytes_are(1024, "1.0 KiB");
	bytes_are(1536, "1.5 KiB");
	bytes_are(1048575, "1.0 MiB");
	bytes_are(UINT64_MAX, "16.0 EiB");
}

Test(human, durations)
{
	duration_is(0, "0 ns");
	duration_is(999, "999 ns");
	duration_is(1500, "1.5 us");
	duration_is(999999, "1.0 ms");
	duration_is(30000000000, "30.0 s");
	duration_is(125000000000, "2m05s");
	duration_is(7320000000000, "2h02m");
}

Test(human, shares)
{
	share_is(0, 0, "0.00 %");
	share_is(1, 3, "33.33 %");
	share_is(1, 1000000, "<0.01 %");
	share_is(5, 5, "100.00 %");
}

static void weight_is(enum oc_unit unit, uint64_t weight, const char *want)
{
	struct buffer out = BUFFER_INIT;

	human_weight(&out, unit, weight);
	cr_assert_str_eq(out.data, want);
	buffer_done(&out);
}

Test(human, weights)
{
	weight_is(OC_UNIT_COUNT, 1, "1 sample");
	weight_is(OC_UNIT_COUNT, 1234, "1,234 samples");
	weight_is(OC_UNIT_NANOSECONDS, 3500000, "3.5 ms");
	weight_is(OC_UNIT_BYTES, 1536, "1.5 KiB");
	weight_is(OC_UNIT_CYCLES, 1234, "1,234 cycles");
}
