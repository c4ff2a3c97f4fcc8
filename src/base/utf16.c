/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UTF-16 little-endian to UTF-8 (RFC 2781, RFC 3629).
 * Called by readers of Windows formats.
 * Must not know where the text comes from.
 */
#include "base/utf16.h"

#include "base/le.h"

#define REPLACEMENT 0xfffd

size_t utf16_len(const uint8_t *data, size_t size)
{
	size_t len = 0;

	while (size - len >= 2 && (data[len] || data[len + 1]))
		len += 2;
	return len;
}

static void append(struct buffer *out, uint32_t c)
{
	char bytes[4];
	size_t nr = 0;

	if (c < 0x80) {
		bytes[nr++] = (char)c;
	} else if (c < 0x800) {
		bytes[nr++] = (char)(0xc0 | c >> 6);
		bytes[nr++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		bytes[nr++] = (char)(0xe0 | c >> 12);
		bytes[nr++] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[nr++] = (char)(0x80 | (c & 0x3f));
	} else {
		bytes[nr++] = (char)(0xf0 | c >> 18);
		bytes[nr++] = (char)(0x80 | (c >> 12 & 0x3f));
		bytes[nr++] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[nr++] = (char)(0x80 | (c & 0x3f));
	}
	buffer_append(out, bytes, nr);
}

void utf16_to_utf8(struct buffer *out, const uint8_t *data, size_t size)
{
	for (size_t pos = 0; size - pos >= 2;) {
		uint32_t c = le16(data + pos);

		pos += 2;
		if (c >= 0xd800 && c < 0xe000) {
			uint32_t low = c < 0xdc00 && size - pos >= 2 ? le16(data + pos) : 0;

			if (low >= 0xdc00 && low < 0xe000) {
				pos += 2;
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			} else {
				c = REPLACEMENT;
			}
		}
		append(out, c);
	}
}
