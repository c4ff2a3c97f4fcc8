/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/utf16.h and base/le.h.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/le.h"
#include "base/macros.h"
#include "base/utf16.h"

static void expect(const void *data, size_t size, const char *want)
{
	struct buffer b = BUFFER_INIT;

	utf16_to_utf8(&b, data, size);
	cr_assert_eq(b.len, strlen(want));
	cr_assert(!b.len || !strcmp(b.data, want), "%s", b.data);
	buffer_done(&b);
}

Test(utf16, every_length_of_utf8)
{
	static const uint8_t bytes[] = { 'A', 0, 0xe9, 0, 0xac, 0x20, 0x3d, 0xd8, 0x00, 0xde };

	expect(bytes, sizeof(bytes), "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	expect(bytes, 0, "");
	expect(bytes, 1, "");
	expect(bytes, 3, "A");
}

/* A character of each length at every place between others. */
Test(utf16, other_characters_among_ascii)
{
	static const struct {
		uint8_t units[4];
		size_t size;
		const char *text;
	} chars[] = {
		{ { 0x7f, 0 }, 2, "\x7f" },
		{ { 0x80, 0 }, 2, "\xc2\x80" },
		{ { 'a', 1 }, 2, "\xc5\xa1" },
		{ { 0xac, 0x20 }, 2, "\xe2\x82\xac" },
		{ { 0x3d, 0xd8, 0x00, 0xde }, 4, "\xf0\x9f\x98\x80" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(chars); i++) {
		for (size_t before = 0; before < 10; before++) {
			uint8_t bytes[64];
			char want[64];
			size_t size = 0;

			for (size_t at = 0; at < 12; at++) {
				bytes[size++] = (uint8_t)('a' + at);
				bytes[size++] = 0;
				if (at != before)
					continue;
				memcpy(bytes + size, chars[i].units, chars[i].size);
				size += chars[i].size;
			}
			snprintf(want, sizeof(want), "%.*s%s%s", (int)before + 1, "abcdefghijkl",
				 chars[i].text, &"abcdefghijkl"[before + 1]);
			expect(bytes, size, want);
		}
	}
}

Test(utf16, half_pairs_are_replaced)
{
	static const uint8_t low[] = { 0x00, 0xde, 'a', 0 }, high[] = { 0x3d, 0xd8, 'a', 0 };
	static const uint8_t two[] = { 0x3d, 0xd8, 0x3d, 0xd8, 0x00, 0xde };

	expect(low, sizeof(low),
	       "\xef\xbf\xbd"
	       "a");
	expect(high, sizeof(high),
	       "\xef\xbf\xbd"
	       "a");
	expect(high, 2, "\xef\xbf\xbd");
	expect(two, sizeof(two), "\xef\xbf\xbd\xf0\x9f\x98\x80");
}

Test(utf16, from_utf8)
{
	static const char *const wrong[] = {
		"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xff"
	};
	uint16_t out[8];

	cr_assert_eq(utf8_to_utf16("a\xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80", out, 8), 5);
	cr_assert_eq(out[0], 'a');
	cr_assert_eq(out[1], 0xe4);
	cr_assert_eq(out[2], 0x65e5);
	cr_assert_eq(out[3], 0xd83d);
	cr_assert_eq(out[4], 0xde00);
	cr_assert_eq(out[5], 0);
	cr_assert_eq(utf8_to_utf16("", out, 1), 0);
	cr_assert_eq(utf8_to_utf16("abcdefgh", out, 8), -ENAMETOOLONG);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert_eq(utf8_to_utf16(wrong[i], out, 8), -EILSEQ, "%zu", i);
}

Test(utf16, length_up_to_nul)
{
	static const uint8_t bytes[] = { 'a', 0, 0, 1, 0, 0, 'b', 0 };

	cr_assert_eq(utf16_len(bytes, sizeof(bytes)), 4);
	cr_assert_eq(utf16_len(bytes, 4), 4);
	cr_assert_eq(utf16_len(bytes, 3), 2);
	cr_assert_eq(utf16_len(bytes, 0), 0);
}

/* A NUL at every place, among units that look like parts of one, and zeros behind it. */
Test(utf16, ends_at_its_first_nul)
{
	for (size_t nul = 0; nul <= 40; nul++) {
		uint8_t bytes[80] = { 0 };
		char want[256] = "", *to = want;

		for (size_t i = 0; i < ARRAY_SIZE(bytes) / 2 && i != nul; i++) {
			static const char *const texts[] = { "\x01", "\xc4\x80", "\x7f",
							     "\xe8\x80\x80" };
			static const uint16_t units[] = { 0x01, 0x100, 0x7f, 0x8000 };
			size_t kind = i < 24 ? 2 * (i & 1) : (i * 7 + nul) & 3;

			bytes[2 * i] = (uint8_t)units[kind];
			bytes[2 * i + 1] = (uint8_t)(units[kind] >> 8);
			to = stpcpy(to, texts[kind]);
		}
		if (nul < 39)
			bytes[2 * nul + 2] = 'x';
		cr_assert_eq(utf16_len(bytes, sizeof(bytes)), 2 * nul, "%zu", nul);
		expect(bytes, sizeof(bytes), want);
	}
}

Test(le, numbers_at_any_place)
{
	static const uint8_t bytes[] = { 0, 0xf1, 2, 3, 0xf4, 5, 6, 7, 0xf8 };

	cr_assert_eq(le16(bytes + 1), 0x02f1);
	cr_assert_eq(le32(bytes + 1), 0xf40302f1);
	cr_assert_eq(le64(bytes + 1), 0xf8070605f40302f1);
}

Test(le, and_back)
{
	uint8_t bytes[12] = { 0 };

	le64_put(bytes + 1, 0xf8070605f40302f1);
	cr_assert_eq(le64(bytes + 1), 0xf8070605f40302f1);
	cr_assert_eq(bytes[0] | bytes[9], 0);
	le32_put(bytes + 3, 0x81020384);
	cr_assert_eq(le64(bytes + 1), 0xf8078102038402f1);
	le16_put(bytes + 9, 0x8102);
	cr_assert_eq(le32(bytes + 8), 0x8102f8);
}
