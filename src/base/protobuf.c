/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing protobuf messages.
 * Called through base/protobuf.h.
 * Must not know any message.
 */
#include "base/protobuf.h"

#include "base/le.h"

void proto_fixed64(struct buffer *b, uint32_t field, uint64_t value)
{
	uint8_t bytes[PROTO_VARINT_MAX + 8];
	size_t len = proto_put_varint(bytes, (uint64_t)field << 3 | 1);

	le64_put(bytes + len, value);
	buffer_append(b, bytes, len + 8);
}

void proto_bytes(struct buffer *b, uint32_t field, const void *data, size_t size)
{
	uint8_t head[PROTO_HEAD_MAX];

	buffer_append(b, head, proto_put_head(head, field, size));
	buffer_append(b, data, size);
}

size_t proto_begin(struct buffer *b, uint32_t field)
{
	uint8_t head[PROTO_HEAD_MAX];

	buffer_append(b, head, proto_put_head(head, field, 0));
	return b->len;
}

/* One byte was left for the size, which is enough for most messages; others are moved up. */
void proto_end(struct buffer *b, size_t mark)
{
	uint8_t size[PROTO_VARINT_MAX];
	size_t content, len;

	if (b->error)
		return;
	content = b->len - mark;
	len = proto_put_varint(size, content);
	if (len > 1) {
		if (buffer_reserve(b, len - 1))
			return;
		memmove(b->data + mark + len - 1, b->data + mark, content);
		b->len += len - 1;
		b->data[b->len] = '\0';
	}
	memcpy(b->data + mark - 1, size, len);
}
