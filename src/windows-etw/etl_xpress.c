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
 * What of the flags is still to come, the next one in the highest bit, and behind the last one a bit that is set: so one
 * instruction counts literals, and END stands where the next flags begin.
 */
#define FLAGS_END (1ULL << 63)

static uint64_t lz77_flags(const uint8_t *in)
{
	return (uint64_t)le32(in) << 32 | FLAGS_END >> 32;
}

/* What is read and written at most between two looks at what is left; long matches look for themselves. */
#define FAST_INPUT  (32 + 16)
#define FAST_OUTPUT (32 + FAST_MATCH)
#define FAST_COPY   16
#define FAST_MATCH  (2 * FAST_COPY)

/* State of a run; flags as above; nibble: see lz77_length(). */
struct lz77 {
	struct stream s;
	uint64_t flags;
	size_t nibble;
};

/*
 * What lz77_length() gives, where there is input enough, but for lengths that take more than a byte: for these 255 or
 * more. How long matches are cannot be guessed, so nothing here branches on it.
 */
static inline size_t fast_length(const uint8_t *in, size_t *pos, size_t *nibble)
{
	size_t has_nibble = -(size_t)(*nibble != 0);
	size_t new_nibble = *pos & ~has_nibble;
	size_t len = in[(*nibble & has_nibble) | new_nibble] >> (has_nibble & 4) & 15;
	size_t is_long = -(size_t)(len == 15);

	*nibble = new_nibble;
	*pos += 1 + has_nibble;
	len += 7 + (in[*pos] & is_long);
	*pos += is_long & 1;
	return len;
}

/* Copies len bytes from at least FAST_COPY bytes back; FAST_MATCH, or up to FAST_COPY - 1 more than len, may be written. */
static inline void fast_copy(uint8_t *to, size_t distance, size_t len)
{
	const uint8_t *from = to - distance;

	memcpy(to, from, FAST_COPY);
	memcpy(to + FAST_COPY, from + FAST_COPY, FAST_COPY);
	for (size_t at = FAST_MATCH; at < len; at += FAST_COPY)
		memcpy(to + at, from + at, FAST_COPY);
}

/*
 * The most of the input: literals up to the next match are copied at once, for they are few, and whether there are any
 * cannot be guessed. Returns false when it is not valid.
 *
 * The bytes are written through pointers to bytes, which may point at anything: the loop keeps its state in locals, or
 * the compiler would read it again from memory behind each byte.
 */
static bool lz77_fast(struct lz77 *lz)
{
	const uint8_t *const in = lz->s.in;
	uint8_t *const out = lz->s.out;
	size_t pos = 0, at = 0, nibble = 0;
	uint64_t flags = lz->flags;

	while (lz->s.in_size - pos >= FAST_INPUT && lz->s.out_size - at >= FAST_OUTPUT) {
		unsigned int nr = (unsigned int)__builtin_clzll(flags);
		size_t len, distance, next, next_nibble = nibble;

		memcpy(out + at, in + pos, 16);
		if (nr > 16)
			memcpy(out + at + 16, in + pos + 16, 16);
		at += nr;
		pos += nr;
		flags <<= nr;
		if (flags == FLAGS_END) {
			flags = lz77_flags(in + pos);
			pos += 4;
			continue;
		}
		flags <<= 1;
		len = in[pos] & 7;
		distance = (size_t)(le16(in + pos) >> 3) + 1;
		next = pos + 2;
		if (len == 7)
			len = fast_length(in, &next, &next_nibble);
		if (len < 255 && distance >= FAST_COPY && distance <= at &&
		    len + MATCH_MIN + FAST_COPY <= lz->s.out_size - at) {
			fast_copy(out + at, distance, len + MATCH_MIN);
			at += len + MATCH_MIN;
			pos = next;
			nibble = next_nibble;
			continue;
		}
		lz->s.in_pos = pos;
		lz->s.out_pos = at;
		lz->nibble = nibble;
		if (!lz77_match(&lz->s, &lz->nibble))
			return false;
		pos = lz->s.in_pos;
		at = lz->s.out_pos;
		nibble = lz->nibble;
	}
	lz->s.in_pos = pos;
	lz->s.out_pos = at;
	lz->flags = flags;
	lz->nibble = nibble;
	return true;
}

ssize_t xpress_lz77(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size)
{
	struct lz77 lz = {
		.s = { .in = in, .in_size = in_size, .out = out, .out_size = out_size },
		.flags = FLAGS_END,
	};
	struct stream *s = &lz.s;

	/* What is empty may be nowhere. */
	if (!in_size || !out_size)
		return 0;
	if (!lz77_fast(&lz))
		return -EBADMSG;
	while (s->out_pos < out_size) {
		if (lz.flags == FLAGS_END) {
			if (!has_input(s, 4))
				break;
			lz.flags = lz77_flags(in + s->in_pos);
			s->in_pos += 4;
		}
		/* The flags behind the last item mean nothing. */
		if (s->in_pos == in_size)
			break;
		if (!(lz.flags & FLAGS_END))
			out[s->out_pos++] = in[s->in_pos++];
		else if (!lz77_match(s, &lz.nibble))
			return -EBADMSG;
		lz.flags <<= 1;
	}
	return s->out_pos < out_size && s->in_pos != in_size ? -EBADMSG : (ssize_t)s->out_pos;
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
