/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/protobuf.h: bytes as the encoding's own examples and limits have them.
 */
#include <criterion/criterion.h>

#include "base/protobuf.h"

static void check(struct buffer *b, const char *bytes, size_t len)
{
	cr_assert_eq(b->error, 0);
	cr_assert_eq(b->len, len, "%zu", b->len);
	cr_assert_eq(memcmp(b->data, bytes, len), 0);
	buffer_done(b);
}

Test(protobuf, fields)
{
	struct buffer b = BUFFER_INIT;

	proto_u64(&b, 1, 150);
	proto_bytes(&b, 2, "testing", 7);
	proto_fixed64(&b, 3, 0x0102030405060708);
	proto_u64(&b, 100, UINT64_MAX);
	proto_u64_unless_0(&b, 5, 0);
	check(&b,
	      "\x08\x96\x01\x12\x07testing\x19\x08\x07\x06\x05\x04\x03\x02\x01"
	      "\xa0\x06\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	      33);
}

Test(protobuf, messages_in_messages_of_any_size)
{
	static const size_t sizes[] = { 0, 1, 127, 128, 16383, 16384, 70000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct buffer inner = BUFFER_INIT, expected = BUFFER_INIT, b = BUFFER_INIT;
		char *text = calloc(1, sizes[i] + 1);
		size_t outer, mark;

		proto_bytes(&inner, 2, text, sizes[i]);
		proto_u64(&inner, 3, 1);
		proto_bytes(&expected, 1, inner.data, inner.len);
		outer = proto_begin(&b, 7);
		mark = proto_begin(&b, 1);
		proto_bytes(&b, 2, text, sizes[i]);
		proto_u64(&b, 3, 1);
		proto_end(&b, mark);
		proto_end(&b, outer);
		buffer_clear(&inner);
		proto_bytes(&inner, 7, expected.data, expected.len);
		check(&b, inner.data, inner.len);
		buffer_done(&inner);
		buffer_done(&expected);
		free(text);
	}
}
