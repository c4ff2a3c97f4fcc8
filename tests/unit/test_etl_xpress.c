/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * windows-etw/etl_xpress.h: the examples of [MS-XCA] 3, and inputs made for single rules.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
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

/* Plain data made at random, with what it expands to. */
struct made {
	uint8_t in[4096];
	uint8_t out[65536];
	size_t in_size;
	size_t out_size;
	size_t flags;  /* where the present flags are */
	size_t nibble; /* where half a byte is free, 0 = nowhere */
};

static void put(struct made *made, uint32_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		made->in[made->in_size++] = (uint8_t)(value >> 8 * i);
}

static void make_literal(struct made *made, uint8_t byte)
{
	put(made, byte, 1);
	made->out[made->out_size++] = byte;
}

/* Writes a length, of which 3 is the least, as [MS-XCA] 2.3.4 has it. */
static void make_match(struct made *made, uint32_t distance, uint32_t len)
{
	uint32_t rest = len - 3;

	put(made, (distance - 1) << 3 | (rest < 7 ? rest : 7), 2);
	if (rest >= 7) {
		uint32_t half = rest - 7 < 15 ? rest - 7 : 15;

		if (made->nibble) {
			made->in[made->nibble] |= (uint8_t)(half << 4);
			made->nibble = 0;
		} else {
			made->nibble = made->in_size;
			put(made, half, 1);
		}
	}
	if (rest >= 22) {
		put(made, rest - 22 < 255 ? rest - 22 : 255, 1);
		if (rest - 22 >= 255)
			put(made, rest, 2);
	}
	for (; len; len--, made->out_size++)
		made->out[made->out_size] = made->out[made->out_size - distance];
}

static void make(struct made *made, uint32_t seed)
{
	uint32_t flags = 0, nr = 0;

	*made = (struct made){ 0 };
	while (made->in_size < sizeof(made->in) - 16 && made->out_size < sizeof(made->out)) {
		uint32_t random, far, len;

		if (nr++ % 32 == 0) {
			made->flags = made->in_size;
			put(made, 0, 4);
			flags = 0;
		}
		seed = seed * 1103515245 + 12345;
		random = seed >> 8;
		if (!made->out_size || random % 8 < 3) {
			make_literal(made, (uint8_t)(random >> 4));
			continue;
		}
		flags |= 0x80000000u >> (nr - 1) % 32;
		le32_put(made->in + made->flags, flags);
		far = 1 + (random >> 3) % (random & 0x400000 ? 20 : 8192);
		len = random >> 16 & 7 ? 3 + (random >> 9) % 60 : 3 + (random >> 7) % 500;
		if (made->out_size + len > sizeof(made->out))
			break;
		make_match(made, far < made->out_size ? far : (uint32_t)made->out_size, len);
	}
	/* Flags that no item follows mean nothing. */
	le32_put(made->in + made->flags, flags);
}

Test(xpress, plain_data_of_every_kind)
{
	static struct made made;
	static uint8_t out[sizeof(made.out)];

	for (uint32_t seed = 1; seed <= 200; seed++) {
		make(&made, seed);
		memset(out, 0, sizeof(out));
		cr_assert_eq(xpress_lz77(made.in, made.in_size, out, sizeof(out)),
			     (ssize_t)made.out_size, "seed %u", seed);
		cr_assert_eq(memcmp(out, made.out, made.out_size), 0, "seed %u", seed);
	}
}

/* Of each beginning of the data the bytes that it gives are right, and for each size of the output none beyond is written. */
Test(xpress, plain_data_cut_anywhere)
{
	static struct made made;

	make(&made, 7);
	for (size_t size = 0; size <= made.in_size; size += size < 200 ? 1 : 37) {
		uint8_t *in = malloc(size + 1), *out = malloc(made.out_size);
		ssize_t nr;

		cr_assert(in && out);
		memcpy(in, made.in, size);
		nr = xpress_lz77(in, size, out, made.out_size);
		cr_assert(nr == -EBADMSG || (nr >= 0 && !memcmp(out, made.out, (size_t)nr)));
		free(in);
		free(out);
	}
	for (size_t size = 0; size <= made.out_size; size += size < 200 ? 1 : 371) {
		uint8_t *out = malloc(size + 64);

		cr_assert_not_null(out);
		memset(out + size, 0xa5, 64);
		cr_assert_eq(xpress_lz77(made.in, made.in_size, out, size), (ssize_t)size);
		cr_assert_eq(memcmp(out, made.out, size), 0);
		for (size_t i = 0; i < 64; i++)
			cr_assert_eq(out[size + i], 0xa5, "%zu", size);
		free(out);
	}
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
