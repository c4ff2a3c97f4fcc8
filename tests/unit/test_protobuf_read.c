/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields of messages that nobody vouches for. */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/buffer.h"
#include "base/protobuf.h"
#include "base/protobuf_read.h"

static struct proto_rest rest_of(const struct buffer *b)
{
	const uint8_t *data = (const uint8_t *)b->data;

	return (struct proto_rest){ data, data + b->len };
}

static int take(const void *data, size_t size)
{
	const uint8_t *p = data;
	struct proto_rest rest = { p, p + size };
	struct proto_item item;

	return proto_take(&rest, &item);
}

Test(protobuf_read, reads_what_is_written)
{
	struct buffer b = BUFFER_INIT;
	struct proto_rest rest;
	struct proto_item item;

	proto_u64(&b, 1, UINT64_MAX);
	proto_bytes(&b, 500, "text", 4);
	proto_fixed64(&b, 3, 0x1122334455667788);
	buffer_append(&b, "\x25\x04\x03\x02\x01", 5);
	rest = rest_of(&b);
	cr_assert_eq(proto_take(&rest, &item), 1);
	cr_assert(item.field == 1 && item.wire == PROTO_VARINT && item.value == UINT64_MAX);
	cr_assert_eq(proto_take(&rest, &item), 1);
	cr_assert(item.field == 500 && item.wire == PROTO_BYTES && proto_left(&item.part) == 4);
	cr_assert_arr_eq(item.part.at, "text", 4);
	cr_assert_eq(proto_take(&rest, &item), 1);
	cr_assert(item.wire == PROTO_FIXED64 && item.value == 0x1122334455667788);
	cr_assert_eq(proto_take(&rest, &item), 1);
	cr_assert(item.field == 4 && item.wire == PROTO_FIXED32 && item.value == 0x01020304);
	cr_assert_eq(proto_take(&rest, &item), 0);
	buffer_done(&b);
}

Test(protobuf_read, refuses_what_is_no_field)
{
	cr_assert_eq(take("\x08", 1), -EBADMSG, "no value");
	cr_assert_eq(take("\x08\x80", 2), -EBADMSG, "half a value");
	cr_assert_eq(take("\x00\x01", 2), -EBADMSG, "field 0");
	cr_assert_eq(take("\x0b\x0c", 2), -EBADMSG, "a group");
	cr_assert_eq(take("\x0a\x02x", 3), -EBADMSG, "a text beyond the end");
	cr_assert_eq(take("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", 12), -EBADMSG);
	cr_assert_eq(take("\x09\x01\x02\x03", 4), -EBADMSG, "half a fixed number");
	cr_assert_eq(take("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11), -EBADMSG, "65 bits");
	cr_assert_eq(take("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11), 1);
}
