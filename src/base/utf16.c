/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UTF-16 little-endian to UTF-8 and back (RFC 2781, RFC 3629).
 * Called by readers of Windows formats and by callers of Windows.
 * Must not know where the text comes from.
 */
#include "base/utf16.h"

#include <errno.h>

#include "base/le.h"

#define REPLACEMENT 0xfffd

/* Four units at a time. */
#define ONES      0x0001000100010001
#define TOP_BITS  0x8000800080008000
#define NOT_ASCII 0xff80ff80ff80ff80 /* units below 0x80 have none of these bits */

/* The top bits of units that are zero: of the first such one for certain, of those behind it perhaps of others too. */
static uint64_t find_zero(const uint8_t *data)
{
	uint64_t four = le64(data);

	return (four - ONES) & ~four & TOP_BITS;
}

size_t utf16_len(const uint8_t *data, size_t size)
{
	size_t len = 0;

	for (; size - len >= 8; len += 8) {
		uint64_t found = find_zero(data + len);

		if (found)
			return len + (size_t)__builtin_ctzll(found) / 16 * 2;
	}
	while (size - len >= 2 && (data[len] || data[len + 1]))
		len += 2;
	return len;
}

/* Writes a character as UTF-8. Returns its size, at most 4. */
static size_t put_char(char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Writes units as long as there are four of 1..0x7f to take together, which most text is made of. Returns the end. */
static char *put_ascii(char *to, const uint8_t *data, size_t size, size_t *pos)
{
	for (; size - *pos >= 8; *pos += 8, to += 4) {
		uint64_t four = le64(data + *pos);

		/* Of these units only zero has such a bit when 1 is taken from it. */
		if ((four | (four - ONES)) & NOT_ASCII)
			break;
		four |= four >> 8;
		le32_put(to, (uint32_t)(four & 0xffff) | (uint32_t)(four >> 32) << 16);
	}
	return to;
}

void utf16_to_utf8(struct buffer *out, const uint8_t *data, size_t size)
{
	char *to;

	if (size < 2)
		return;
	/* A unit becomes at most three bytes; two that belong together become four. */
	if (out->error || buffer_reserve(out, size / 2 * 3))
		return;
	to = out->data + out->len;
	for (size_t pos = 0; size - pos >= 2;) {
		uint32_t c;

		to = put_ascii(to, data, size, &pos);
		if (size - pos < 2)
			break;
		c = le16(data + pos);
		pos += 2;
		if (!c)
			break;
		if (c >= 0xd800 && c < 0xe000) {
			uint32_t low = c < 0xdc00 && size - pos >= 2 ? le16(data + pos) : 0;

			if (low >= 0xdc00 && low < 0xe000) {
				pos += 2;
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			} else {
				c = REPLACEMENT;
			}
		}
		to += put_char(to, c);
	}
	*to = '\0';
	out->len = (size_t)(to - out->data);
}

/* Reads the character at *text and moves behind it. Returns it, or UINT32_MAX when that is not UTF-8. */
static uint32_t take_char(const char **text)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const uint8_t *at = (const uint8_t *)*text;
	unsigned int more = at[0] < 0x80 ? 0 : at[0] < 0xe0 ? 1 : at[0] < 0xf0 ? 2 : 3;
	uint32_t c = more ? at[0] & (0x3f >> more) : at[0];

	if (at[0] >= 0xf8 || (at[0] >= 0x80 && at[0] < 0xc0))
		return UINT32_MAX;
	for (unsigned int i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return UINT32_MAX;
		c = c << 6 | (at[i] & 0x3f);
	}
	*text += more + 1;
	return c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? UINT32_MAX : c;
}

int utf8_to_utf16(const char *text, uint16_t *out, size_t cap)
{
	size_t nr = 0;

	while (*text) {
		uint32_t c = take_char(&text);

		if (c == UINT32_MAX)
			return -EILSEQ;
		if (nr + 2 >= cap)
			return -ENAMETOOLONG;
		if (c >= 0x10000) {
			out[nr++] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		out[nr++] = (uint16_t)c;
	}
	out[nr] = 0;
	return (int)nr;
}
