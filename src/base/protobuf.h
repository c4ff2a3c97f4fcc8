/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing protobuf messages into a buffer, field after field, nested ones included.
 * Used by format writers; knows no message. Source: the protobuf encoding, https://protobuf.dev/programming-guides/encoding
 */
#ifndef BASE_PROTOBUF_H
#define BASE_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

#define PROTO_VARINT_MAX 10 /* bytes of a 64-bit number */
#define PROTO_HEAD_MAX   (5 + PROTO_VARINT_MAX)

/* Writes a number to to[PROTO_VARINT_MAX]. Returns its bytes. */
static inline size_t proto_put_varint(uint8_t *to, uint64_t value)
{
	size_t len = 0;

	for (; value >= 0x80; value >>= 7)
		to[len++] = (uint8_t)(value | 0x80);
	to[len++] = (uint8_t)value;
	return len;
}

/* Writes what stands before `size` bytes of a text or message to to[PROTO_HEAD_MAX]. Returns its bytes. */
static inline size_t proto_put_head(uint8_t *to, uint32_t field, size_t size)
{
	size_t len = proto_put_varint(to, (uint64_t)field << 3 | 2);

	return len + proto_put_varint(to + len, size);
}

/* A number without a field, as in packed lists. */
static inline void proto_varint(struct buffer *b, uint64_t value)
{
	uint8_t bytes[PROTO_VARINT_MAX];

	buffer_append(b, bytes, proto_put_varint(bytes, value));
}

/* A field of type uint32, uint64, int32, int64, bool or enum; negative numbers as their two's complement. */
static inline void proto_u64(struct buffer *b, uint32_t field, uint64_t value)
{
	uint8_t bytes[2 * PROTO_VARINT_MAX];
	size_t len = proto_put_varint(bytes, (uint64_t)field << 3);

	buffer_append(b, bytes, len + proto_put_varint(bytes + len, value));
}

/* The same, left out when 0, which proto3 takes for absent anyway. */
static inline void proto_u64_unless_0(struct buffer *b, uint32_t field, uint64_t value)
{
	if (value)
		proto_u64(b, field, value);
}

/* A field of type fixed64. */
void proto_fixed64(struct buffer *b, uint32_t field, uint64_t value);
/* A field of type string or bytes, or a message that is ready. */
void proto_bytes(struct buffer *b, uint32_t field, const void *data, size_t size);

/* Opens a message in a field; its fields are appended next. Returns the mark to close it with. */
size_t proto_begin(struct buffer *b, uint32_t field);
/* Closes the message opened last. */
void proto_end(struct buffer *b, size_t mark);

#endif
