/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes as hexadecimal digits, as build-ids are written, and digits back into numbers.
 * Used wherever an id becomes a text, and by readers of texts; knows nothing of what the bytes are.
 */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Writes two small digits for each of bytes[nr], and a NUL: ret_text has room for 2 * nr + 1. */
static inline void hex_text(const uint8_t *bytes, size_t nr, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < nr; i++) {
		*ret_text++ = digits[bytes[i] >> 4];
		*ret_text++ = digits[bytes[i] & 15];
	}
	*ret_text = '\0';
}

/* What a digit stands for, capital or small; -1 = it is none. */
static inline int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
