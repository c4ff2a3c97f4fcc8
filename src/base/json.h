/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing JSON into a buffer: commas, quoting and escaping in one place.
 * Strings are safe inside HTML too: < > & and U+2028/2029 are escaped.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

#define JSON_DEPTH_MAX 32

/* Embedded; set up by json_init(). A failure sticks in out->error. */
struct json {
	struct buffer *out;
	unsigned int depth;
	bool has_items[JSON_DEPTH_MAX];
	bool after_key;
};

/* Begins writing to *out, which stays the caller's. */
void json_init(struct json *j, struct buffer *out);
/* Opens and closes {} and []; nesting deeper than JSON_DEPTH_MAX is an assertion failure. */
void json_object_begin(struct json *j);
void json_object_end(struct json *j);
void json_array_begin(struct json *j);
void json_array_end(struct json *j);
/* Writes the key of the next value. */
void json_key(struct json *j, const char *key);
/* Values; each is an array item or follows a json_key(). */
void json_string(struct json *j, const char *text);
void json_string_len(struct json *j, const char *text, size_t len);
void json_u64(struct json *j, uint64_t value);
void json_i64(struct json *j, int64_t value);
/* value / 10^decimals, exact, without trailing zeros: 1500 with 3 decimals is 1.5. decimals: at most 18. */
void json_decimal(struct json *j, uint64_t value, unsigned int decimals);
void json_double(struct json *j, double value); /* not finite becomes null */
void json_bool(struct json *j, bool value);
void json_null(struct json *j);
/* A key with its value at once. */
void json_key_string(struct json *j, const char *key, const char *text);
void json_key_u64(struct json *j, const char *key, uint64_t value);
void json_key_empty_array(struct json *j, const char *key);

#endif
