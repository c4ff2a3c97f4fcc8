/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading protobuf messages that are not trusted, field after field, without a copy.
 * Used by format readers; knows no message. Source: https://protobuf.dev/programming-guides/encoding
 */
#ifndef BASE_PROTOBUF_READ_H
#define BASE_PROTOBUF_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left of a message, borrowed. */
struct proto_rest {
	const uint8_t *at;
	const uint8_t *end;
};

enum proto_wire { PROTO_VARINT = 0, PROTO_FIXED64 = 1, PROTO_BYTES = 2, PROTO_FIXED32 = 5 };

struct proto_item {
	uint32_t field;
	enum proto_wire wire;
	uint64_t value;         /* of numbers, fixed ones too */
	struct proto_rest part; /* of PROTO_BYTES: a text, a message or packed numbers */
};

/* Takes a number off a message. Returns false, with nothing taken, when it is cut or longer than 64 bits. */
bool proto_take_varint(struct proto_rest *rest, uint64_t *ret_value);

/* Takes the next field off a message. Returns 1, 0 at its end, or -EBADMSG when what follows is no field. */
int proto_take(struct proto_rest *rest, struct proto_item *ret_item);

/* Bytes that are left. */
static inline size_t proto_left(const struct proto_rest *rest)
{
	return (size_t)(rest->end - rest->at);
}

#endif
