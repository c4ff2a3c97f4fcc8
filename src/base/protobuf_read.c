/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fields of protobuf messages, each checked to lie inside its message.
 * Called by format readers.
 * Must not know any message.
 */
#include "base/protobuf_read.h"

#include <errno.h>

#include "base/macros.h"

bool proto_take_varint(struct proto_rest *rest, uint64_t *ret_value)
{
	const uint8_t *p = rest->at;
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && p < rest->end; shift += 7) {
		uint8_t byte = *p++;

		/* The tenth byte has room for one bit. */
		if (shift == 63 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		rest->at = p;
		*ret_value = value;
		return true;
	}
	return false;
}

static bool take_fixed(struct proto_rest *rest, unsigned int size, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (proto_left(rest) < size)
		return false;
	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)rest->at[i] << (8 * i);
	rest->at += size;
	*ret_value = value;
	return true;
}

static bool take_part(struct proto_rest *rest, struct proto_rest *ret_part)
{
	uint64_t size;

	if (!proto_take_varint(rest, &size) || size > proto_left(rest))
		return false;
	*ret_part = (struct proto_rest){ rest->at, rest->at + size };
	rest->at += size;
	return true;
}

int proto_take(struct proto_rest *rest, struct proto_item *ret_item)
{
	struct proto_item item = { 0 };
	uint64_t key;
	bool ok = false;

	if (rest->at == rest->end)
		return 0;
	if (!proto_take_varint(rest, &key) || key >> 3 == 0 || key >> 3 >= 1U << 29)
		return -EBADMSG;
	item.field = (uint32_t)(key >> 3);
	item.wire = (enum proto_wire)(key & 7);
	if (item.wire == PROTO_VARINT)
		ok = proto_take_varint(rest, &item.value);
	else if (item.wire == PROTO_BYTES)
		ok = take_part(rest, &item.part);
	else if (item.wire == PROTO_FIXED64)
		ok = take_fixed(rest, 8, &item.value);
	else if (item.wire == PROTO_FIXED32)
		ok = take_fixed(rest, 4, &item.value);
	if (!ok)
		return -EBADMSG;
	*ret_item = item;
	return 1;
}
