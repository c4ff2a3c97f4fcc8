/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/text.h: cleaning text from outside, and strict numbers.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"

static void expect_clean(const char *in, size_t len, const char *want)
{
	struct buffer out = BUFFER_INIT;

	text_clean(&out, in, len);
	cr_assert_str_eq(out.data ? out.data : "", want);
	cr_assert(text_is_clean(out.data ? out.data : "", out.len));
	buffer_done(&out);
}

Test(text, clean_keeps_valid_utf8)
{
	expect_clean("main", 4, "main");
	expect_clean("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\xa5", 15,
		     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\xa5");
}

/* Every byte at every place of a text that is long enough to be looked at in pieces. */
Test(text, clean_is_told_at_every_place)
{
	for (size_t at = 0; at < 20; at++) {
		for (int c = 0; c < 256; c++) {
			char text[] = "abcdefghijklmnopqrst";

			text[at] = (char)c;
			cr_assert_eq(text_is_clean(text, 20), c >= 0x20 && c < 0x7f, "%zu %d", at,
				     c);
		}
	}
	cr_assert(text_is_clean("0123456\xc3\xbc"
				"89012345\xe2\x82\xac",
				20));
}

Test(text, clean_escapes_controls)
{
	expect_clean("a\nb\tc\x1b[0m\x7f", 10, "a\\nb\\tc\\x1b[0m\\x7f");
	expect_clean("\xc2\x85", 2, "\\x85");
	expect_clean("x\0y", 3, "x\\x00y");
}

Test(text, clean_replaces_bad_bytes)
{
	expect_clean("\xff", 1, "\xef\xbf\xbd");
	expect_clean("\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd");
	expect_clean("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	expect_clean("\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	expect_clean("ok\xe2\x82", 4, "ok\xef\xbf\xbd\xef\xbf\xbd");
}

Test(text, numbers)
{
	uint64_t v = 7;

	cr_assert_eq(text_parse_u64("0", 10, UINT64_MAX, &v), 0);
	cr_assert_eq(v, 0);
	cr_assert_eq(text_parse_u64("18446744073709551615", 10, UINT64_MAX, &v), 0);
	cr_assert_eq(v, UINT64_MAX);
	cr_assert_eq(text_parse_u64("18446744073709551616", 10, UINT64_MAX, &v), -ERANGE);
	cr_assert_eq(text_parse_u64("0xfF", 16, UINT64_MAX, &v), 0);
	cr_assert_eq(v, 255);
	cr_assert_eq(text_parse_u64("", 10, 9, &v), -EINVAL);
	cr_assert_eq(text_parse_u64("-1", 10, 9, &v), -EINVAL);
	cr_assert_eq(text_parse_u64("1 ", 10, 9, &v), -EINVAL);
	cr_assert_eq(text_parse_u64("10", 10, 9, &v), -ERANGE);
	cr_assert_eq(text_parse_u64("1a", 10, 9, &v), -EINVAL);
	cr_assert_eq(v, 255, "a failure leaves the result alone");
}

Test(text, durations)
{
	uint64_t ns;

	cr_assert_eq(text_parse_duration("30s", &ns), 0);
	cr_assert_eq(ns, 30000000000ULL);
	cr_assert_eq(text_parse_duration("5", &ns), 0);
	cr_assert_eq(ns, 5000000000ULL);
	cr_assert_eq(text_parse_duration("500ms", &ns), 0);
	cr_assert_eq(ns, 500000000ULL);
	cr_assert_eq(text_parse_duration("2m", &ns), 0);
	cr_assert_eq(ns, 120000000000ULL);
	cr_assert_eq(text_parse_duration("1.5s", &ns), 0);
	cr_assert_eq(ns, 1500000000ULL);
	cr_assert_eq(text_parse_duration("0", &ns), -ERANGE);
	cr_assert_eq(text_parse_duration("-1s", &ns), -EINVAL);
	cr_assert_eq(text_parse_duration("s", &ns), -EINVAL);
	cr_assert_eq(text_parse_duration("1d", &ns), -EINVAL);
	cr_assert_eq(text_parse_duration("99999999h", &ns), -ERANGE);
}

Test(text, decimals)
{
	double value = 0;

	cr_assert_eq(text_parse_decimal("0.5", 100, &value), 0);
	cr_assert(value > 0.4999 && value < 0.5001);
	cr_assert_eq(text_parse_decimal("100", 100, &value), 0);
	cr_assert(value > 99.9999 && value < 100.0001);
	cr_assert_eq(text_parse_decimal("100.5", 100, &value), -ERANGE);
	cr_assert_eq(text_parse_decimal("", 100, &value), -EINVAL);
	cr_assert_eq(text_parse_decimal(".", 100, &value), -EINVAL);
	cr_assert_eq(text_parse_decimal("-1", 100, &value), -EINVAL);
	cr_assert_eq(text_parse_decimal("1e1", 100, &value), -EINVAL);
	cr_assert_eq(text_parse_decimal("1%", 100, &value), -EINVAL);
}

Test(text, wall_times)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "2023-11-14T22:13:20Z", 1700000000000000000 },
		{ "2023-11-14 22:13:20.123456789Z", 1700000000123456789 },
		{ "2023-11-14T23:13:20.5+01:00", 1700000000500000000 },
		{ "2023-11-14T16:13:20-0600", 1700000000000000000 },
		{ "2024-02-29T00:00Z", 1709164800000000000 },
		{ "1970-01-01T00:00:01Z", 1000000000 },
		{ "2500-12-31T23:59:59.9999999999Z", 16756761599999999999ULL },
		{ "2023-11-15T00:13:20", 1700000000000000000 }, /* local, see below */
	};
	static const char *const bad[] = {
		"",
		"2023",
		"2023-11-14",
		"2023-11-14T",
		"2023-11-14T22",
		"2023-11-14T22:60Z",
		"2023-11-14T24:00Z",
		"2023-02-29T00:00Z",
		"2023-04-31T12:00",
		"2023-13-01T00:00Z",
		"1969-12-31T23:59Z",
		"1970-01-01T00:00+01:00",
		"2023-11-14T22:13:20.Z",
		"2023-11-14T22:13:20z",
		"2023-11-14T22:13:20Zx",
		"2023-11-14T22:13:20+1",
		"2023-11-14T22:13:20+01:60",
		" 2023-11-14T22:13:20Z",
		"2023-1-14T22:13:20Z",
	};
	uint64_t ns;

	/* Two hours east of Greenwich; POSIX writes it this way. */
	setenv("TZ", "TEST-2", 1);
	tzset();
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_expect_eq(text_parse_wall_time(good[i].text, &ns), 0, "%s", good[i].text);
		cr_expect_eq(ns, good[i].ns, "%s: %llu", good[i].text, (unsigned long long)ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(text_parse_wall_time(bad[i], &ns), -EINVAL, "%s", bad[i]);
}

Test(text, sizes)
{
	uint64_t bytes;

	cr_assert_eq(text_parse_size("64K", &bytes), 0);
	cr_assert_eq(bytes, 65536);
	cr_assert_eq(text_parse_size("16MiB", &bytes), 0);
	cr_assert_eq(bytes, 16 << 20);
	cr_assert_eq(text_parse_size("2gb", &bytes), -EINVAL);
	cr_assert_eq(text_parse_size("2g", &bytes), 0);
	cr_assert_eq(bytes, 2ULL << 30);
	cr_assert_eq(text_parse_size("123", &bytes), 0);
	cr_assert_eq(bytes, 123);
	cr_assert_eq(text_parse_size("K", &bytes), -EINVAL);
	cr_assert_eq(text_parse_size("1X", &bytes), -EINVAL);
	cr_assert_eq(text_parse_size("99999999999T", &bytes), -ERANGE);
}

Test(text, put_xml)
{
	static const char text[] = "a<b>&\"\xef\xbf\xbe'\xef\xbf\xbf\xef\xbf\xbd\xe2\x82\xac<";
	struct buffer b = BUFFER_INIT;

	text_put_xml(&b, text, strlen(text));
	cr_assert_str_eq(
		b.data,
		"a&lt;b&gt;&amp;&quot;\xef\xbf\xbd'\xef\xbf\xbd\xef\xbf\xbd\xe2\x82\xac&lt;");
	buffer_clear(&b);
	text_put_xml(&b, "\xef\xbf", 2);
	cr_assert_eq(b.len, 2, "nothing is read behind the end");
	buffer_done(&b);
}

Test(text, whole_characters)
{
	cr_assert_eq(text_whole_characters("abc", 3, 3), 3);
	cr_assert_eq(text_whole_characters("abc", 3, 2), 2);
	cr_assert_eq(text_whole_characters("a\xe2\x82\xac", 4, 3), 1);
	cr_assert_eq(text_whole_characters("\xe2\x82\xac", 3, 2), 0);
}

Test(text, base_names)
{
	cr_assert_str_eq(text_base_name("/usr/lib/libc.so.6"), "libc.so.6");
	cr_assert_str_eq(text_base_name("[kernel]"), "[kernel]");
	cr_assert_str_eq(text_base_name("C:\\Windows\\ntdll.dll"), "ntdll.dll");
	cr_assert_str_eq(text_base_name("\\Device\\Vol2\\a.exe"), "a.exe");
	cr_assert_str_eq(text_base_name("/tmp/od\\d"), "od\\d", "a name may hold a backslash here");
	cr_assert_str_eq(text_base_name("/tmp/"), "/tmp/");
	cr_assert_str_eq(text_base_name(""), "");
}

static void file_name_is(const char *text, size_t max, const char *want)
{
	struct buffer out = BUFFER_INIT;

	text_put_file_name(&out, text, max);
	cr_assert_str_eq(out.data, want);
	buffer_done(&out);
}

Test(text, file_names)
{
	file_name_is("nginx", 100, "nginx");
	file_name_is("", 100, "unknown");
	file_name_is("../../etc/passwd", 100, "_._.._etc_passwd");
	file_name_is("..", 100, "_.");
	file_name_is("-rf", 100, "_rf");
	file_name_is("a/b\\c:d*e?f\"g<h>i|j[k]", 100, "a_b_c_d_e_f_g_h_i_j_k_");
	file_name_is("\n\x1b[2J", 100, "___2J");
	file_name_is("a\xe2\x82\xac", 3, "a");
	file_name_is("abcdef", 3, "abc");
}
