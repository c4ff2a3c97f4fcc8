/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two encodings that Parquet files are made of besides plain numbers: Thrift's compact protocol, and runs.
 * Used by the Parquet writer; knows neither files nor samples.
 * Source: thrift-compact-protocol.md of apache/thrift; Encodings.md of apache/parquet-format.
 */
#ifndef FORMATS_PARQUET_ENCODE_H
#define FORMATS_PARQUET_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define THRIFT_DEPTH_MAX 8

enum thrift_type {
	THRIFT_TRUE = 1,
	THRIFT_FALSE = 2,
	THRIFT_BYTE = 3,
	THRIFT_I32 = 5,
	THRIFT_I64 = 6,
	THRIFT_BINARY = 8,
	THRIFT_LIST = 9,
	THRIFT_STRUCT = 12,
};

/* Embedded; set up by thrift_begin(). Errors stick in the buffer. Fields of a struct are put by rising number. */
struct thrift {
	struct buffer *b;
	uint8_t last[THRIFT_DEPTH_MAX]; /* number of the last field, by depth */
	unsigned int depth;
};

/* Begins the outermost struct, which thrift_end() ends as it does all others. */
void thrift_begin(struct thrift *t, struct buffer *b);
void thrift_end(struct thrift *t);
/* A struct as a field, and as an element of a list. */
void thrift_struct(struct thrift *t, uint8_t field);
void thrift_element(struct thrift *t);
void thrift_i32(struct thrift *t, uint8_t field, int32_t value);
void thrift_i64(struct thrift *t, uint8_t field, int64_t value);
void thrift_byte(struct thrift *t, uint8_t field, int8_t value);
void thrift_bool(struct thrift *t, uint8_t field, bool value);
void thrift_text(struct thrift *t, uint8_t field, const char *text);
void thrift_bytes(struct thrift *t, uint8_t field, const void *data, size_t size);
/* A list of nr elements, which follow: structs, or what the two functions below put. */
void thrift_list(struct thrift *t, uint8_t field, enum thrift_type type, uint32_t nr);
void thrift_i32_element(struct thrift *t, int32_t value);
void thrift_text_element(struct thrift *t, const char *text);

/* Appends a number, little-endian, in `size` bytes. */
void parquet_put_le(struct buffer *b, uint64_t value, size_t size);

/* Small numbers: [nr] of `size` bytes each, 1 or 4, all below 2^width; width 1 to 32. */
struct parquet_small {
	const void *data;
	size_t nr;
	unsigned int size, width;
};
/* Appends them as runs: eight or more equal ones as one, the rest packed bit by bit in groups of eight. */
void parquet_put_runs(struct buffer *b, const struct parquet_small *values);
/* Bits of numbers below nr; at least 1. */
unsigned int parquet_width(uint32_t nr);

#endif
