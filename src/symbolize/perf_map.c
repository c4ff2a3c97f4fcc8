/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads perf maps.
 * Called by the symbolizer.
 * Must not know locations or functions.
 */
#include "symbolize/perf_map.h"

#include <errno.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/macros.h"
#include "symbolize/target_file.h"

/* Longer names are cut: the rest of such a line is no name for people. */
#define NAME_MAX_BYTES 4096

int perf_map_read(int root_fd, uint32_t pid, uint32_t uid, struct buffer *out)
{
	struct target_file file;
	char path[40];
	int rc;

	snprintf(path, sizeof(path), "/tmp/perf-%u.map", pid);
	rc = target_open_at(root_fd, path, PERF_MAP_BYTES_MAX, &file);
	if (rc)
		return rc;
	if (file.st.st_uid != uid && file.st.st_uid != 0)
		rc = -EPERM;
	else
		rc = buffer_read_fd(out, file.fd, PERF_MAP_BYTES_MAX);
	close(file.fd);
	return rc;
}

/* Reads a hexadecimal number of at most 64 bits, 0x allowed, and the blanks behind it. NULL = none. */
static const char *parse_hex(const char *s, const char *end, uint64_t *ret_value)
{
	uint64_t value = 0;
	const char *digits;

	if (end - s > 2 && s[0] == '0' && (s[1] | 0x20) == 'x')
		s += 2;
	for (digits = s; s < end; s++) {
		int digit = hex_digit(*s);

		if (digit < 0)
			break;
		if (value >> 60)
			return NULL;
		value = value << 4 | (uint64_t)digit;
	}
	if (s == digits || s == end || *s != ' ')
		return NULL;
	while (s < end && *s == ' ')
		s++;
	*ret_value = value;
	return s;
}

int perf_map_match(const char *text, size_t len, struct symbol_match *match, uint64_t *ret_skipped)
{
	const char *end = text + len;
	uint64_t skipped = 0;
	int rc = 0;

	for (const char *line = text, *next; line < end && !rc; line = next) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *line_end = newline ? newline : end;
		struct symbol symbol = { .rank = SYMBOL_GLOBAL };
		const char *s;

		next = newline ? newline + 1 : end;
		s = parse_hex(line, line_end, &symbol.start);
		if (s)
			s = parse_hex(s, line_end, &symbol.size);
		/* A last line without its newline is still being written: its name may not be whole. */
		if (!s || s == line_end || *s == '\r' || !newline ||
		    symbol.size > UINT64_MAX - symbol.start) {
			skipped++;
			continue;
		}
		symbol.name = (uint64_t)(s - text);
		rc = symbol_match_add(match, &symbol);
	}
	*ret_skipped = skipped;
	return rc;
}

size_t perf_map_name(const struct buffer *text, uint64_t name, const char **ret_name)
{
	const char *start = text->data + name;
	const char *end = memchr(start, '\n', text->len - (size_t)name);
	size_t len = (size_t)((end ? end : text->data + text->len) - start);

	while (len && (start[len - 1] == '\r' || start[len - 1] == ' '))
		len--;
	*ret_name = start;
	return MIN(len, (size_t)NAME_MAX_BYTES);
}
