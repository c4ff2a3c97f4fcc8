/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text from outside: made into clean UTF-8, or parsed strictly into numbers.
 * Used at the edges (interning, options, procfs); knows no format.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/*
 * True when text[len] is valid UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF) without control
 * characters (C0, DEL, C1). Such text needs no cleaning.
 */
bool text_is_clean(const char *text, size_t len);

/*
 * Appends text[len] to `out` as clean UTF-8: a control character becomes \xNN (as four ASCII characters; \n and \t
 * become those two characters), each byte that is not valid UTF-8 becomes U+FFFD. A failure sticks in out->error.
 */
void text_clean(struct buffer *out, const char *text, size_t len);

/* Is it a path as Windows writes them, with a backslash and not from "/" on? */
bool text_is_windows_path(const char *path);
/*
 * The last part of a file's name: behind the last slash, or in a Windows path (one that holds a backslash and does not
 * begin with a slash) behind the last backslash. Returns `path` itself when there is none, or nothing behind it.
 */
const char *text_base_name(const char *path);

/*
 * Appends text[len], clean UTF-8, escaped for XML text and attributes; what is no XML character becomes U+FFFD.
 * A failure sticks in out->error.
 */
void text_put_xml(struct buffer *out, const char *text, size_t len);

/*
 * Appends clean UTF-8 as a part of a file's name, safe on every system: separators, characters with a meaning to Windows
 * or a shell's globs, and a dot, dash or blank in front become '_'; at most max bytes; "unknown" for no text.
 */
void text_put_file_name(struct buffer *out, const char *text, size_t max);

/* The longest prefix of text[len], valid UTF-8, of at most `max` bytes that does not end inside a character. */
size_t text_whole_characters(const char *text, size_t len, size_t max);

/*
 * Parses all of `text` as an unsigned number. base: 10 or 16 (with or without 0x); no sign, no blanks.
 * Returns 0 with *ret_value set, -EINVAL when it is not a number, -ERANGE when it exceeds max.
 */
int text_parse_u64(const char *text, int base, uint64_t max, uint64_t *ret_value);

/*
 * Parses the first item of a list such as "0-3,6": "N", or "N-M" with N <= M.
 * *text: set behind the item and its comma; to NULL when it was the last one.
 * Returns 0, -EINVAL, or -ERANGE (beyond max); *text is unchanged then.
 */
int text_parse_range(const char **text, uint64_t max, uint64_t *ret_first, uint64_t *ret_last);

/*
 * Parses a duration such as "30", "30s", "500ms", "2m", "1h", "1.5s"; a bare number is seconds.
 * Returns 0 with *ret_ns set (1 ns up to 10 years), -EINVAL for anything else, -ERANGE outside that range.
 */
int text_parse_duration(const char *text, uint64_t *ret_ns);

/*
 * Parses all of `text` as a decimal number such as "12" or "0.5"; no sign, no blanks, no exponent.
 * Returns 0 with *ret_value set, -EINVAL when it is not a number, -ERANGE when it exceeds max.
 */
int text_parse_decimal(const char *text, double max, double *ret_value);

/*
 * Parses a date and time such as "2026-01-31T10:00:00", with a blank for the T, without the seconds or with a fraction
 * of them ("10:00:00.25"), in local time or with "Z", "+01:00" or "-0800" behind it. Years 1970 to 2500.
 * Returns 0 with *ret_ns set, since 1970 in UTC, or -EINVAL.
 */
int text_parse_wall_time(const char *text, uint64_t *ret_ns);

/*
 * Parses a size such as "65536", "64K", "16M", "2G" (powers of 1024; a trailing "B" or "iB" is allowed).
 * Returns 0 with *ret_bytes set, -EINVAL or -ERANGE.
 */
int text_parse_size(const char *text, uint64_t *ret_bytes);

#endif
