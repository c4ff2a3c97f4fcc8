/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thrift's compact protocol, and runs of small numbers.
 * Called by the Parquet writer.
 * Must not know files.
 */
#include "export/formats/parquet_encode.h"

#include <assert.h>
#include <string.h>

#include "base/le.h"
#include "base/macros.h"
#include "base/protobuf.h"

#define GROUP 8 /* numbers that are packed together, and the least run */

/* ---- thrift ------------------------------------------------------------------------------------------------- */

void thrift_begin(struct thrift *t, struct buffer *b)
{
	*t = (struct thrift){ .b = b };
}

void thrift_end(struct thrift *t)
{
	buffer_putc(t->b, 0);
	if (t->depth)
		t->depth--;
}

static void put_head(struct thrift *t, uint8_t field, enum thrift_type type)
{
	uint8_t step = (uint8_t)(field - t->last[t->depth]);

	assert(field > t->last[t->depth] && step < 16);
	buffer_putc(t->b, (char)(step << 4 | type));
	t->last[t->depth] = field;
}

/* Signed numbers have their sign in the lowest bit. */
static uint64_t zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

void thrift_element(struct thrift *t)
{
	assert(t->depth + 1 < THRIFT_DEPTH_MAX);
	t->last[++t->depth] = 0;
}

void thrift_struct(struct thrift *t, uint8_t field)
{
	put_head(t, field, THRIFT_STRUCT);
	thrift_element(t);
}

void thrift_i32(struct thrift *t, uint8_t field, int32_t value)
{
	put_head(t, field, THRIFT_I32);
	proto_varint(t->b, zigzag(value));
}

void thrift_i64(struct thrift *t, uint8_t field, int64_t value)
{
	put_head(t, field, THRIFT_I64);
	proto_varint(t->b, zigzag(value));
}

void thrift_byte(struct thrift *t, uint8_t field, int8_t value)
{
	put_head(t, field, THRIFT_BYTE);
	buffer_putc(t->b, (char)value);
}

void thrift_bool(struct thrift *t, uint8_t field, bool value)
{
	put_head(t, field, value ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_bytes(struct thrift *t, uint8_t field, const void *data, size_t size)
{
	put_head(t, field, THRIFT_BINARY);
	proto_varint(t->b, size);
	buffer_append(t->b, data, size);
}

void thrift_text(struct thrift *t, uint8_t field, const char *text)
{
	thrift_bytes(t, field, text, strlen(text));
}

void thrift_list(struct thrift *t, uint8_t field, enum thrift_type type, uint32_t nr)
{
	put_head(t, field, THRIFT_LIST);
	buffer_putc(t->b, (char)(MIN(nr, 15U) << 4 | type));
	if (nr >= 15)
		proto_varint(t->b, nr);
}

void thrift_i32_element(struct thrift *t, int32_t value)
{
	proto_varint(t->b, zigzag(value));
}

void thrift_text_element(struct thrift *t, const char *text)
{
	proto_varint(t->b, strlen(text));
	buffer_puts(t->b, text);
}

/* ---- numbers ------------------------------------------------------------------------------------------------ */

void parquet_put_le(struct buffer *b, uint64_t value, size_t size)
{
	assert(size <= sizeof(value));
	if (buffer_reserve(b, sizeof(value)))
		return;
	/* All eight bytes at once; those behind `size` are overwritten by what follows. */
	le64_put(b->data + b->len, value);
	b->len += size;
	b->data[b->len] = '\0';
}

unsigned int parquet_width(uint32_t nr)
{
	unsigned int width = 1;

	while (width < 32 && (nr ? nr - 1 : 0) >> width)
		width++;
	return width;
}

static uint32_t value_at(const struct parquet_small *values, size_t i)
{
	return values->size == 1 ? ((const uint8_t *)values->data)[i]
				 : ((const uint32_t *)values->data)[i];
}

/* How many numbers from `from` on are equal, at most max. */
static size_t run_length(const struct parquet_small *values, size_t from, size_t max)
{
	size_t end = from + MIN(max, values->nr - from);
	uint32_t value = value_at(values, from);
	size_t i = from + 1;

	/* Bytes are levels, which have long runs: eight at a time. */
	if (values->size == 1) {
		const uint8_t *bytes = values->data;
		const uint64_t eight = value * 0x0101010101010101;

		while (end - i >= sizeof(eight) && !memcmp(bytes + i, &eight, sizeof(eight)))
			i += sizeof(eight);
	}
	while (i < end && value_at(values, i) == value)
		i++;
	return i - from;
}

/* Numbers put one behind the other, lowest bit first, into memory that is large enough. */
struct bits {
	char *to;
	uint64_t pending;
	unsigned int nr;
};

static inline void put_bits(struct bits *bits, uint32_t value, unsigned int width)
{
	bits->pending |= (uint64_t)value << bits->nr;
	bits->nr += width;
	if (bits->nr < 32)
		return;
	le32_put(bits->to, (uint32_t)bits->pending);
	bits->to += 4;
	bits->pending >>= 32;
	bits->nr -= 32;
}

static void put_packed(struct buffer *b, const struct parquet_small *values, size_t from, size_t to)
{
	size_t groups = (to - from + GROUP - 1) / GROUP;
	unsigned int width = values->width;
	struct bits bits = { 0 };

	proto_varint(b, groups << 1 | 1);
	if (buffer_reserve(b, groups * width))
		return;
	bits.to = b->data + b->len;
	for (size_t i = from; i < to; i++)
		put_bits(&bits, value_at(values, i), width);
	for (size_t i = to; i < from + groups * GROUP; i++)
		put_bits(&bits, 0, width);
	/* Eight numbers end at a byte. */
	for (; bits.nr; bits.nr -= 8, bits.pending >>= 8)
		*bits.to++ = (char)bits.pending;
	b->len += groups * width;
	b->data[b->len] = '\0';
}

void parquet_put_runs(struct buffer *b, const struct parquet_small *values)
{
	size_t i = 0, from, run;

	while (i < values->nr && !b->error) {
		run = run_length(values, i, SIZE_MAX);
		if (run >= GROUP) {
			proto_varint(b, (uint64_t)run << 1);
			parquet_put_le(b, value_at(values, i), (values->width + 7) / 8);
			i += run;
			continue;
		}
		/* Only the last group of all may be short; what is behind the numbers in it is nobody's. */
		from = i;
		do {
			i += GROUP;
		} while (i < values->nr && run_length(values, i, GROUP) < GROUP);
		put_packed(b, values, from, MIN(i, values->nr));
	}
}
