/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XPRESS decoding. Source: [MS-XCA], sections 2.2.4 (Huffman) and 2.4.4 (plain LZ77).
 * Called by etl_reader.c.
 * Must not know what the bytes mean. Input is hostile: every read and every copy is checked.
 */
#include "windows-etw/etl_xpress.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/le.h"
#include "base/macros.h"

#define MATCH_MIN  3
#define SHORT_COPY 16

/* Input and output of one run. */
struct stream {
	const uint8_t *in;
	size_t in_pos;
	size_t in_size;
	uint8_t *out;
	size_t out_pos;
	size_t out_size;
};

static bool has_input(const struct stream *s, size_t size)
{
	return s->in_size - s->in_pos >= size;
}

/* Copies len bytes from `distance` bytes back, as far as there is room. False = before the start of the output. */
static inline bool copy_match(struct stream *s, size_t distance, size_t len)
{
	uint8_t *to = s->out + s->out_pos;
	const uint8_t *from;

	if (distance > s->out_pos)
		return false;
	from = to - distance;
	/* Most matches are short: fixed sizes are fast, and what is written too much is overwritten later. */
	if (len <= SHORT_COPY && distance >= SHORT_COPY / 2 &&
	    s->out_size - s->out_pos >= SHORT_COPY) {
		memcpy(to, from, SHORT_COPY / 2);
		memcpy(to + SHORT_COPY / 2, from + SHORT_COPY / 2, SHORT_COPY / 2);
		s->out_pos += len;
		return true;
	}
	len = MIN(len, s->out_size - s->out_pos);
	s->out_pos += len;
	if (distance >= len) {
		memcpy(to, from, len);
		return true;
	}
	/* Overlapping on purpose: the bytes just written repeat. */
	while (len--)
		*to++ = *from++;
	return true;
}

/* The long form of a match length: a byte, or behind 255 a word, or behind 0 a double word. False = input ends. */
static bool long_length(struct stream *s, uint32_t base, uint32_t *ret_len)
{
	uint32_t len;

	if (!has_input(s, 1))
		return false;
	len = s->in[s->in_pos++];
	if (len < 255) {
		*ret_len = len + base;
		return true;
	}
	if (!has_input(s, 2))
		return false;
	len = le16(s->in + s->in_pos);
	s->in_pos += 2;
	if (!len) {
		if (!has_input(s, 4))
			return false;
		len = le32(s->in + s->in_pos);
		s->in_pos += 4;
	}
	*ret_len = len;
	/* The wide forms hold the whole length; one that would have fit the short form is not allowed. */
	return len >= base;
}

/* ---- plain LZ77 ---------------------------------------------------------------------------------------------- */

/*
 * The length of a match whose word has 7 in its three length bits: four bits more, two lengths sharing a byte.
 * nibble: place of the byte whose upper half is still free, 0 = none. False = input ends or is not valid.
 */
static bool lz77_length(struct stream *s, size_t *nibble, uint32_t *ret_len)
{
	uint32_t len;

	if (*nibble) {
		len = s->in[*nibble] >> 4;
		*nibble = 0;
	} else {
		if (!has_input(s, 1))
			return false;
		*nibble = s->in_pos;
		len = s->in[s->in_pos++] & 15;
	}
	*ret_len = len + 7;
	return len < 15 || long_length(s, 15 + 7, ret_len);
}

/* Reads a match and copies it. Returns false when the input ends within it or it is not valid. */
static inline bool lz77_match(struct stream *s, size_t *nibble)
{
	uint32_t word, len;

	if (!has_input(s, 2))
		return false;
	word = le16(s->in + s->in_pos);
	s->in_pos += 2;
	len = word & 7;
	if (len == 7) {
		/* Seldom: with a copy of the state, so that the caller's can stay in registers. */
		struct stream slow = *s;

		if (!lz77_length(&slow, nibble, &len))
			return false;
		s->in_pos = slow.in_pos;
	}
	return copy_match(s, (word >> 3) + 1, (size_t)len + MATCH_MIN);
}

/*
 * The bytes are written through pointers to bytes, which may point at anything: the loop keeps its state in locals, or
 * the compiler would read it again from memory behind each byte.
 */
ssize_t xpress_lz77(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size)
{
	struct stream s = { .in = in, .in_size = in_size, .out = out, .out_size = out_size };
	unsigned int left = 0; /* items that `flags` still describes */
	const uint8_t *ip = in, *in_end;
	uint8_t *op = out, *out_end;
	uint32_t flags = 0;
	size_t nibble = 0;

	/* What is empty may be nowhere. */
	if (!in_size || !out_size)
		return 0;
	in_end = in + in_size;
	out_end = out + out_size;
	while (op < out_end) {
		if (!left) {
			if (in_end - ip < 4)
				break;
			flags = le32(ip);
			ip += 4;
			left = 32;
		}
		/* The flags behind the last item mean nothing. */
		if (ip == in_end)
			break;
		if (!(flags & 0x80000000)) {
			unsigned int nr = 1;

			/* Where there is room, as many literals at once as the flags say. */
			if (in_end - ip >= 32 && out_end - op >= 32) {
				nr = flags ? MIN((unsigned int)__builtin_clz(flags), left) : left;
				memcpy(op, ip, 16);
				if (nr > 16)
					memcpy(op + 16, ip + 16, 16);
			} else {
				*op = *ip;
			}
			op += nr;
			ip += nr;
			left -= nr;
			flags = nr < 32 ? flags << nr : 0;
			continue;
		}
		s.in_pos = (size_t)(ip - in);
		s.out_pos = (size_t)(op - out);
		if (!lz77_match(&s, &nibble))
			return -EBADMSG;
		ip = in + s.in_pos;
		op = out + s.out_pos;
		flags <<= 1;
		left--;
	}
	return op < out_end && ip != in_end ? -EBADMSG : (ssize_t)(op - out);
}

/* ---- LZ77 with Huffman codes --------------------------------------------------------------------------------- */

#define SYMBOLS     512
#define TABLE_BYTES (SYMBOLS / 2)
#define CODE_BITS   15
#define CHUNK_BYTES 65536u

/* Which symbol a code of up to 15 bits, left-aligned, begins with. */
struct huffman_table {
	uint16_t symbols[1 << CODE_BITS];
	uint8_t lengths[SYMBOLS];
};

/* Bits of the input, most significant first, read in 16-bit words. */
struct bit_reader {
	uint32_t next;
	int extra; /* bits in `next` beyond the 16 that are always there */
};

/* Canonical codes: by length, then by symbol. They must fill the table, which makes every code valid. */
static bool make_table(struct huffman_table *table, const uint8_t *packed)
{
	uint32_t filled = 0;

	for (uint32_t i = 0; i < TABLE_BYTES; i++) {
		table->lengths[2 * i] = packed[i] & 15;
		table->lengths[2 * i + 1] = packed[i] >> 4;
	}
	for (uint32_t len = 1; len <= CODE_BITS; len++) {
		for (uint32_t symbol = 0; symbol < SYMBOLS; symbol++) {
			uint32_t end = filled + (1u << (CODE_BITS - len));

			if (table->lengths[symbol] != len)
				continue;
			if (end > ARRAY_SIZE(table->symbols))
				return false;
			while (filled < end)
				table->symbols[filled++] = (uint16_t)symbol;
		}
	}
	return filled == ARRAY_SIZE(table->symbols);
}

/* Behind the end of the input zeros are read: the last code may end within the last word. */
static uint32_t next_word(struct stream *s)
{
	uint32_t word = 0;

	if (has_input(s, 2))
		word = le16(s->in + s->in_pos);
	s->in_pos = MIN(s->in_pos + 2, s->in_size);
	return word;
}

static void start_bits(struct bit_reader *bits, struct stream *s)
{
	bits->next = next_word(s) << 16;
	bits->next |= next_word(s);
	bits->extra = 16;
}

/* Takes nr (0..15) bits. */
static uint32_t take_bits(struct bit_reader *bits, struct stream *s, unsigned int nr)
{
	uint32_t value = nr ? bits->next >> (32 - nr) : 0;

	bits->next <<= nr;
	bits->extra -= (int)nr;
	if (bits->extra < 0) {
		bits->next |= next_word(s) << -bits->extra;
		bits->extra += 16;
	}
	return value;
}

static bool huffman_match(struct stream *s, struct bit_reader *bits, uint32_t symbol)
{
	uint32_t len = symbol & 15, offset_bits = symbol >> 4 & 15;

	if (len == 15 && !long_length(s, 15, &len))
		return false;
	return copy_match(s, take_bits(bits, s, offset_bits) + (1u << offset_bits),
			  (size_t)len + MATCH_MIN);
}

/* One chunk: its table, then codes up to 64 KiB of output. Returns false when it is not valid. */
static bool huffman_chunk(struct stream *s, struct huffman_table *table)
{
	size_t end = MIN(s->out_size, s->out_pos + CHUNK_BYTES);
	struct bit_reader bits;

	if (!has_input(s, TABLE_BYTES) || !make_table(table, s->in + s->in_pos))
		return false;
	s->in_pos += TABLE_BYTES;
	start_bits(&bits, s);
	while (s->out_pos < end) {
		uint32_t symbol = table->symbols[bits.next >> (32 - CODE_BITS)];
		size_t before = s->in_pos;

		take_bits(&bits, s, table->lengths[symbol]);
		if (symbol >= 256) {
			/* Symbol 256 with nothing behind it is the end. */
			if (symbol == 256 && before == s->in_size)
				return true;
			if (!huffman_match(s, &bits, symbol - 256))
				return false;
		} else {
			s->out[s->out_pos++] = (uint8_t)symbol;
		}
	}
	return true;
}

ssize_t xpress_huffman(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size)
{
	struct stream s = { .in = in, .in_size = in_size, .out = out, .out_size = out_size };
	struct huffman_table table;

	while (s.out_pos < out_size && s.in_pos < in_size) {
		if (!huffman_chunk(&s, &table))
			return -EBADMSG;
	}
	return (ssize_t)s.out_pos;
}
