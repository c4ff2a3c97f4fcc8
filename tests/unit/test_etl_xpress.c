/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * windows-etw/etl_xpress.h: the examples of [MS-XCA] 3, and inputs made for single rules.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "etl_writer.h"
#include "windows-etw/etl_xpress.h"

#define EXPECT(decode, in, want)                                             \
	do {                                                                 \
		uint8_t out_[sizeof(want) + 8] = { 0 };                      \
		cr_assert_eq(decode(in, sizeof(in), out_, sizeof(want) - 1), \
			     (ssize_t)sizeof(want) - 1);                     \
		cr_assert_eq(memcmp(out_, want, sizeof(want) - 1), 0);       \
	} while (0)

static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

static void fill_abc(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		text[i] = "abc"[i % 3];
}

Test(xpress, plain_examples_of_the_specification)
{
	static const uint8_t in[] = "\x3f\x00\x00\x00"
				    "abcdefghijklmnopqrstuvwxyz";
	static const uint8_t abc[] = { 0xff, 0xff, 0xff, 0x1f, 0x61, 0x62, 0x63,
				       0x17, 0x00, 0x0f, 0xff, 0x26, 0x01 };
	char want[301] = "";
	uint8_t out[310];

	cr_assert_eq(xpress_lz77(in, sizeof(in) - 1, out, 26), 26);
	cr_assert_eq(memcmp(out, letters, 26), 0);
	fill_abc(want, 300);
	EXPECT(xpress_lz77, abc, want);
	cr_assert_eq(xpress_lz77(abc, sizeof(abc), out, sizeof(out)), 300, "the input ends there");
	cr_assert_eq(xpress_lz77(abc, sizeof(abc), out, 10), 10, "a prefix");
}

/* Code lengths of [MS-XCA] 3.1: 4 bits for w to z and the end, 5 for the other letters. */
Test(xpress, huffman_example_of_the_specification)
{
	static const uint8_t codes[] = {
		0xd8, 0x52, 0x3e, 0xd7, 0x94, 0x11, 0x5b, 0xe9, 0x19, 0x5f,
		0xf9, 0xd6, 0x7c, 0xdf, 0x8d, 0x04, 0x00, 0x00, 0x00, 0x00
	};
	uint8_t in[256 + sizeof(codes)] = { 0 }, out[64];

	in[0x30] = 0x50;
	memset(in + 0x31, 0x55, 10);
	in[0x3b] = 0x45;
	in[0x3c] = 0x44;
	in[0x3d] = 0x04;
	in[0x80] = 0x04;
	memcpy(in + 256, codes, sizeof(codes));
	cr_assert_eq(xpress_huffman(in, sizeof(in), out, 26), 26);
	cr_assert_eq(memcmp(out, letters, 26), 0);
}

Test(xpress, long_lengths)
{
	/* One literal, then a match of distance 1 with the length in a word, and in a double word. */
	static const uint8_t word[] = { 0, 0, 0, 0x40, 'x', 7, 0, 0x0f, 0xff, 0x2c, 0x01, 0, 0, 0 };
	static const uint8_t dword[] = {
		0, 0, 0, 0x40, 'x', 7, 0, 0x0f, 0xff, 0, 0, 0x2c, 1, 0, 0
	};
	static const uint8_t small[] = { 0, 0, 0, 0x40, 'x', 7, 0, 0x0f, 0xff, 21, 0 };
	uint8_t out[400];

	cr_assert_eq(xpress_lz77(word, 11, out, sizeof(out)), 1 + 300 + 3);
	cr_assert_eq(xpress_lz77(dword, sizeof(dword), out, sizeof(out)), 1 + 300 + 3);
	cr_assert_eq(out[303], 'x');
	cr_assert_eq(xpress_lz77(small, sizeof(small), out, sizeof(out)), -EBADMSG);
}

Test(xpress, damage_is_an_error)
{
	static const uint8_t before_start[] = { 0, 0, 0, 0x40, 'x', 8, 0 };
	static const uint8_t at_once[] = { 0, 0, 0, 0x80, 0, 0 };
	static const uint8_t cut[] = { 0, 0, 0, 0x40, 'x', 7, 0, 0x0f, 0xff, 0x2c };
	uint8_t table[256 + 8] = { 0 }, out[64];

	cr_assert_eq(xpress_lz77(before_start, sizeof(before_start), out, 64), -EBADMSG);
	cr_assert_eq(xpress_lz77(at_once, sizeof(at_once), out, 64), -EBADMSG);
	for (size_t size = 6; size <= sizeof(cut); size++)
		cr_assert_eq(xpress_lz77(cut, size, out, 64), -EBADMSG, "%zu", size);
	cr_assert_eq(xpress_lz77(cut, 3, out, 64), -EBADMSG);
	cr_assert_eq(xpress_lz77(cut, 0, out, 64), 0);
	cr_assert_eq(xpress_huffman(table, sizeof(table), out, 64), -EBADMSG, "no codes");
	memset(table, 0x11, 256);
	cr_assert_eq(xpress_huffman(table, sizeof(table), out, 64), -EBADMSG, "too many codes");
	memset(table, 0x99, 256);
	cr_assert_eq(xpress_huffman(table, 200, out, 64), -EBADMSG, "cut table");
	/* The first code is a match: of symbol 256, one byte back. */
	table[257] = 0x80;
	cr_assert_eq(xpress_huffman(table, sizeof(table), out, 64), -EBADMSG, "before the start");
}

Test(xpress, stored_data_of_many_chunks)
{
	static uint8_t data[150001], out[150001];
	struct buffer plain = BUFFER_INIT, huffman = BUFFER_INIT;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * i >> 3);
	xpress_store(&plain, data, sizeof(data));
	cr_assert_eq(xpress_lz77((uint8_t *)plain.data, plain.len, out, sizeof(out)), sizeof(out));
	cr_assert_eq(memcmp(data, out, sizeof(out)), 0);
	memset(out, 0, sizeof(out));
	huffman_store(&huffman, data, sizeof(data));
	cr_assert_eq(xpress_huffman((uint8_t *)huffman.data, huffman.len, out, sizeof(out)),
		     sizeof(out));
	cr_assert_eq(memcmp(data, out, sizeof(out)), 0);
	buffer_done(&plain);
	buffer_done(&huffman);
}
