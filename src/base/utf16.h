/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UTF-16 texts of Windows made into UTF-8, and back.
 * Used by readers of Windows formats and by callers of Windows; knows no format.
 */
#ifndef BASE_UTF16_H
#define BASE_UTF16_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/*
 * Bytes up to the first UTF-16 NUL in data[size]. Returns their number (even), or size rounded down to even when there
 * is no NUL.
 */
size_t utf16_len(const uint8_t *data, size_t size);

/*
 * Appends data[size], UTF-16 little-endian, to `out` as UTF-8, up to its first NUL if it has one; half a surrogate pair
 * becomes U+FFFD, an odd last byte is left out. Control characters stay: text is cleaned where it is interned. A failure
 * sticks in out->error.
 */
void utf16_to_utf8(struct buffer *out, const uint8_t *data, size_t size);

/*
 * Makes `text`, UTF-8, out[cap] in UTF-16 of this machine's byte order, with a NUL.
 * Returns how many units stand before the NUL, -EILSEQ (not UTF-8) or -ENAMETOOLONG (more than fits).
 */
int utf8_to_utf16(const char *text, uint16_t *out, size_t cap);

#endif
