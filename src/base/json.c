/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing JSON (RFC 8259).
 * Called through base/json.h.
 * Must not know what the document means.
 */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

#include "base/text.h"

void json_init(struct json *j, struct buffer *out)
{
	*j = (struct json){ .out = out };
}

static void before_value(struct json *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->depth && j->has_items[j->depth - 1])
		buffer_putc(j->out, ',');
	if (j->depth)
		j->has_items[j->depth - 1] = true;
}

static void begin(struct json *j, char c)
{
	before_value(j);
	assert(j->depth < JSON_DEPTH_MAX);
	j->has_items[j->depth++] = false;
	buffer_putc(j->out, c);
}

static void end(struct json *j, char c)
{
	assert(j->depth > 0);
	j->depth--;
	buffer_putc(j->out, c);
}

void json_object_begin(struct json *j)
{
	begin(j, '{');
}

void json_object_end(struct json *j)
{
	end(j, '}');
}

void json_array_begin(struct json *j)
{
	begin(j, '[');
}

void json_array_end(struct json *j)
{
	end(j, ']');
}

void json_key(struct json *j, const char *key)
{
	json_string(j, key);
	buffer_putc(j->out, ':');
	j->after_key = true;
}

static void escape(struct buffer *out, const char *s, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		bool separator = c == 0xe2 && i + 2 < len && (unsigned char)s[i + 1] == 0x80 &&
				 ((unsigned char)s[i + 2] | 1) == 0xa9;

		if (c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' &&
		    c != 0x7f && !separator)
			continue;
		buffer_append(out, s + from, i - from);
		if (separator) {
			buffer_printf(out, "\\u20%02x", 0x28 + ((unsigned char)s[i + 2] & 1));
			i += 2;
		} else if (c == '"' || c == '\\') {
			buffer_putc(out, '\\');
			buffer_putc(out, (char)c);
		} else {
			buffer_printf(out, "\\u%04x", c);
		}
		from = i + 1;
	}
	buffer_append(out, s + from, len - from);
}

void json_string_len(struct json *j, const char *text, size_t len)
{
	struct buffer clean = BUFFER_INIT;

	before_value(j);
	/* JSON must be UTF-8; text that is not was not cleaned on its way in, so it is cleaned here. */
	if (!text_is_clean(text, len)) {
		text_clean(&clean, text, len);
		if (clean.error)
			j->out->error = clean.error;
		text = clean.data ? clean.data : "";
		len = clean.len;
	}
	buffer_putc(j->out, '"');
	escape(j->out, text, len);
	buffer_putc(j->out, '"');
	buffer_done(&clean);
}

void json_string(struct json *j, const char *text)
{
	json_string_len(j, text, strlen(text));
}

void json_u64(struct json *j, uint64_t value)
{
	before_value(j);
	buffer_put_u64(j->out, value);
}

void json_i64(struct json *j, int64_t value)
{
	before_value(j);
	buffer_printf(j->out, "%" PRId64, value);
}

void json_decimal(struct json *j, uint64_t value, unsigned int decimals)
{
	uint64_t unit = 1, rest;

	for (unsigned int i = 0; i < decimals; i++)
		unit *= 10;
	json_u64(j, value / unit);
	rest = value % unit;
	if (rest)
		buffer_putc(j->out, '.');
	while (rest) {
		unit /= 10;
		buffer_putc(j->out, (char)('0' + rest / unit));
		rest %= unit;
	}
}

void json_double(struct json *j, double value)
{
	before_value(j);
	if (isfinite(value))
		buffer_printf(j->out, "%.9g", value);
	else
		buffer_puts(j->out, "null");
}

void json_bool(struct json *j, bool value)
{
	before_value(j);
	buffer_puts(j->out, value ? "true" : "false");
}

void json_null(struct json *j)
{
	before_value(j);
	buffer_puts(j->out, "null");
}

void json_key_string(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_string(j, text);
}

void json_key_u64(struct json *j, const char *key, uint64_t value)
{
	json_key(j, key);
	json_u64(j, value);
}

void json_key_empty_array(struct json *j, const char *key)
{
	json_key(j, key);
	json_array_begin(j);
	json_array_end(j);
}
