/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Parquet file: its schema, columns that are filled row by row, and groups of rows that are written when full.
 * Used by the Parquet writer; knows no samples.
 * Source: parquet.thrift and README.md of apache/parquet-format 2.9.
 */
#ifndef FORMATS_PARQUET_FILE_H
#define FORMATS_PARQUET_FILE_H

#include <onecollect/output.h>
#include <stdbool.h>
#include <stdint.h>
#include <zstd.h>

#include "base/buffer.h"
#include "base/u32_map.h"
#include "export/formats/parquet_encode.h"

#define PARQUET_PATH_MAX   4
#define PARQUET_LEAVES_MAX 32

enum parquet_type {
	PARQUET_GROUP,
	PARQUET_LIST, /* a group with one repeated group in it */
	PARQUET_UINT32,
	PARQUET_UINT64,
	PARQUET_INT64,
	PARQUET_TIMESTAMP, /* nanoseconds since 1970, UTC */
	PARQUET_STRING,
};

enum parquet_repetition { PARQUET_REQUIRED, PARQUET_OPTIONAL, PARQUET_REPEATED };

/* A node of the schema; nodes stand in the order of a walk that visits parents first. */
struct parquet_node {
	const char *name;
	enum parquet_type type;
	enum parquet_repetition repetition;
	uint32_t nr_children;
};

/* A column, and its values in the present group of rows. */
struct parquet_leaf {
	const struct parquet_node *node;
	const char *path[PARQUET_PATH_MAX];
	uint32_t path_len;
	uint8_t max_definition,
		max_repetition; /* 0 or 1: what is optional is not in lists, nor the other way round */
	struct buffer definitions, repetitions; /* a byte each; empty where the maximum is 0 */
	struct buffer plain; /* numbers, or the strings of the dictionary, as they are written */
	uint32_t *indices;   /* of strings in the dictionary, one for each string */
	size_t nr_indices, indices_cap;
	struct u32_map known; /* index + 1 by key */
	uint32_t nr_known;
	uint64_t nr_levels; /* values and absent values */
	int64_t min, max;   /* of numbers; min > max = none */
};

/* Embedded, large. The first error sticks in `error`. */
struct parquet_file {
	struct oc_output *out;
	int error;
	const struct parquet_node *nodes;
	uint32_t nr_nodes;
	struct parquet_leaf leaves[PARQUET_LEAVES_MAX]; /* in the order of the schema */
	uint32_t nr_leaves;
	uint64_t offset; /* in the file */
	uint64_t nr_rows, rows_in_group;
	size_t bytes_in_group;
	ZSTD_CCtx *zstd;
	struct buffer raw, packed; /* a page */
	struct buffer groups;      /* descriptions of the groups written so far */
	struct buffer columns;     /* the same of columns of the group being written */
	uint32_t nr_groups;
};

/* Begins a file with the schema nodes[nr]. On failure `error` is set; parquet_file_done() is due in any case. */
void parquet_file_init(struct parquet_file *f, struct oc_output *out,
		       const struct parquet_node *nodes, uint32_t nr);
void parquet_file_done(struct parquet_file *f);

/* Values of the row being made, one for each leaf. An absent value is null. */
void parquet_put_absent(struct parquet_file *f, uint32_t leaf);
void parquet_put_number(struct parquet_file *f, uint32_t leaf, uint64_t value);
void parquet_put_string(struct parquet_file *f, uint32_t leaf, uint32_t key, const char *text,
			size_t len);
/* A string, and a list of strings: indices that parquet_intern() gave in this group of rows. */
void parquet_put_index(struct parquet_file *f, uint32_t leaf, uint32_t index);
void parquet_put_list(struct parquet_file *f, uint32_t leaf, const uint32_t *indices, size_t nr);
/*
 * text[len] is kept once in a group of rows under `key`, any number below UINT32_MAX that names this text in this leaf.
 * Returns its index, which is good until parquet_end_row() has written the group; 0 also after an error.
 */
uint32_t parquet_intern(struct parquet_file *f, uint32_t leaf, uint32_t key, const char *text,
			size_t len);
/* Ends the row. Writes the group when it is full. Returns 0 or the first error. */
int parquet_end_row(struct parquet_file *f);

/*
 * Writes what is left and the end of the file. keys, values: texts about the whole, nr of them.
 * Returns 0 or the first error: -EFBIG for a page of 2 GiB, -ENOMEM, one of the output.
 */
int parquet_file_finish(struct parquet_file *f, const char *const *keys, const char *const *values,
			uint32_t nr);

#endif
