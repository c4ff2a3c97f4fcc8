/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups of rows, column chunks, pages and the footer of a Parquet file.
 * Called by the Parquet writer.
 * Must not know samples.
 *
 * Of each column there is one group of rows in memory, in pages of their final encoding but for the levels; a group has
 * one data page of a column, and one dictionary page where it holds strings.
 */
#include "export/formats/parquet_file.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/le.h"
#include "base/macros.h"

/* What DuckDB writes itself; its threads share files by groups. */
#define ROWS_IN_GROUP (120 * 1024)
/* Of deep stacks and long names a group has fewer rows. */
#define BYTES_IN_GROUP (32 * 1024 * 1024)
#define ZSTD_LEVEL     1

/* Numbers of parquet.thrift. */
enum physical { PHYSICAL_INT32 = 1, PHYSICAL_INT64 = 2, PHYSICAL_BYTE_ARRAY = 6 };
enum converted {
	CONVERTED_NONE = -1,
	CONVERTED_UTF8 = 0,
	CONVERTED_LIST = 3,
	CONVERTED_UINT_32 = 13,
	CONVERTED_UINT_64 = 14
};
enum logical { LOGICAL_STRING = 1, LOGICAL_LIST = 3, LOGICAL_TIMESTAMP = 8, LOGICAL_INTEGER = 10 };
enum encoding { ENCODING_PLAIN = 0, ENCODING_RLE = 3, ENCODING_RLE_DICTIONARY = 8 };
enum page { PAGE_DATA = 0, PAGE_DICTIONARY = 2 };
#define CODEC_ZSTD 6

static const char magic[] = "PAR1";

static void set_error(struct parquet_file *f, int error)
{
	if (!f->error)
		f->error = error;
}

static void write_out(struct parquet_file *f, const void *data, size_t size)
{
	if (f->error)
		return;
	set_error(f, oc_output_write(f->out, data, size));
	f->offset += size;
}

/* ---- schema ------------------------------------------------------------------------------------------------- */

static bool is_leaf(const struct parquet_node *node)
{
	return node->type != PARQUET_GROUP && node->type != PARQUET_LIST;
}

/* Adds the leaves below nodes[at]; returns the node behind them. */
static uint32_t add_leaves(struct parquet_file *f, uint32_t at, struct parquet_leaf above)
{
	const struct parquet_node *node = &f->nodes[at];
	uint32_t next = at + 1;

	above.node = node;
	if (at) {
		assert(above.path_len < PARQUET_PATH_MAX);
		above.path[above.path_len++] = node->name;
		above.max_definition |= node->repetition != PARQUET_REQUIRED;
		above.max_repetition |= node->repetition == PARQUET_REPEATED;
	}
	if (is_leaf(node)) {
		assert(f->nr_leaves < PARQUET_LEAVES_MAX);
		f->leaves[f->nr_leaves++] = above;
	}
	for (uint32_t i = 0; i < node->nr_children; i++)
		next = add_leaves(f, next, above);
	return next;
}

static enum physical physical_of(const struct parquet_node *node)
{
	if (node->type == PARQUET_STRING)
		return PHYSICAL_BYTE_ARRAY;
	return node->type == PARQUET_UINT32 ? PHYSICAL_INT32 : PHYSICAL_INT64;
}

static enum converted converted_of(const struct parquet_node *node)
{
	switch (node->type) {
	case PARQUET_STRING:
		return CONVERTED_UTF8;
	case PARQUET_LIST:
		return CONVERTED_LIST;
	case PARQUET_UINT32:
		return CONVERTED_UINT_32;
	case PARQUET_UINT64:
		return CONVERTED_UINT_64;
	default:
		return CONVERTED_NONE;
	}
}

/* A struct without fields, as the value of a field. */
static void put_empty(struct thrift *t, uint8_t field)
{
	thrift_struct(t, field);
	thrift_end(t);
}

static void put_logical_type(struct thrift *t, const struct parquet_node *node)
{
	if (node->type == PARQUET_GROUP || node->type == PARQUET_INT64)
		return;
	thrift_struct(t, 10);
	if (node->type == PARQUET_STRING) {
		put_empty(t, LOGICAL_STRING);
	} else if (node->type == PARQUET_LIST) {
		put_empty(t, LOGICAL_LIST);
	} else if (node->type == PARQUET_TIMESTAMP) {
		thrift_struct(t, LOGICAL_TIMESTAMP);
		thrift_bool(t, 1, true); /* in UTC */
		thrift_struct(t, 2);
		put_empty(t, 3); /* nanoseconds */
		thrift_end(t);
		thrift_end(t);
	} else {
		thrift_struct(t, LOGICAL_INTEGER);
		thrift_byte(t, 1, node->type == PARQUET_UINT32 ? 32 : 64);
		thrift_bool(t, 2, false); /* without sign */
		thrift_end(t);
	}
	thrift_end(t);
}

static void put_schema(struct parquet_file *f, struct thrift *t)
{
	thrift_list(t, 2, THRIFT_STRUCT, f->nr_nodes);
	for (uint32_t i = 0; i < f->nr_nodes; i++) {
		const struct parquet_node *node = &f->nodes[i];

		thrift_element(t);
		if (is_leaf(node))
			thrift_i32(t, 1, physical_of(node));
		if (i)
			thrift_i32(t, 3, (int32_t)node->repetition);
		thrift_text(t, 4, node->name);
		if (!is_leaf(node))
			thrift_i32(t, 5, (int32_t)node->nr_children);
		if (converted_of(node) != CONVERTED_NONE)
			thrift_i32(t, 6, converted_of(node));
		put_logical_type(t, node);
		thrift_end(t);
	}
}

/* ---- values ------------------------------------------------------------------------------------------------- */

static void put_definition(struct parquet_file *f, struct parquet_leaf *leaf, bool is_there)
{
	if (leaf->max_definition)
		buffer_putc(&leaf->definitions, is_there);
	leaf->nr_levels++;
	f->bytes_in_group += leaf->max_definition;
}

void parquet_put_absent(struct parquet_file *f, uint32_t leaf)
{
	assert(f->leaves[leaf].max_definition && !f->leaves[leaf].max_repetition);
	put_definition(f, &f->leaves[leaf], false);
}

void parquet_put_number(struct parquet_file *f, uint32_t leaf, uint64_t value)
{
	struct parquet_leaf *l = &f->leaves[leaf];
	size_t size = physical_of(l->node) == PHYSICAL_INT32 ? 4 : 8;

	assert(l->node->type != PARQUET_STRING);
	put_definition(f, l, true);
	parquet_put_le(&l->plain, value, size);
	l->min = MIN(l->min, (int64_t)value);
	l->max = MAX(l->max, (int64_t)value);
	f->bytes_in_group += size;
}

uint32_t parquet_intern(struct parquet_file *f, uint32_t leaf, uint32_t key, const char *text,
			size_t len)
{
	struct parquet_leaf *l = &f->leaves[leaf];
	uint32_t index;

	assert(l->node->type == PARQUET_STRING);
	if (u32_map_get(&l->known, key + 1, &index))
		return index;
	if (u32_map_set(&l->known, key + 1, l->nr_known)) {
		set_error(f, -ENOMEM);
		return 0;
	}
	parquet_put_le(&l->plain, len, 4);
	buffer_append(&l->plain, text, len);
	f->bytes_in_group += 4 + len;
	return l->nr_known++;
}

static void put_indices(struct parquet_file *f, struct parquet_leaf *leaf, const uint32_t *indices,
			size_t nr)
{
	if (array_reserve(&leaf->indices, &leaf->indices_cap, leaf->nr_indices + nr,
			  sizeof(*indices))) {
		set_error(f, -ENOMEM);
		return;
	}
	memcpy(leaf->indices + leaf->nr_indices, indices, nr * sizeof(*indices));
	leaf->nr_indices += nr;
	f->bytes_in_group += nr * sizeof(*indices);
}

void parquet_put_index(struct parquet_file *f, uint32_t leaf, uint32_t index)
{
	assert(!f->leaves[leaf].max_repetition && index < MAX(f->leaves[leaf].nr_known, 1U));
	put_definition(f, &f->leaves[leaf], true);
	put_indices(f, &f->leaves[leaf], &index, 1);
}

void parquet_put_string(struct parquet_file *f, uint32_t leaf, uint32_t key, const char *text,
			size_t len)
{
	parquet_put_index(f, leaf, parquet_intern(f, leaf, key, text, len));
}

/* Appends nr times the same byte. */
static void put_many(struct buffer *b, char byte, size_t nr)
{
	if (buffer_reserve(b, nr))
		return;
	memset(b->data + b->len, byte, nr);
	b->len += nr;
	b->data[b->len] = '\0';
}

/* The first level of a row is 0, that of all others of its list 1. An empty list has one level and no value. */
void parquet_put_list(struct parquet_file *f, uint32_t leaf, const uint32_t *indices, size_t nr)
{
	struct parquet_leaf *l = &f->leaves[leaf];
	size_t nr_levels = MAX(nr, (size_t)1);

	assert(l->max_repetition);
	buffer_putc(&l->repetitions, 0);
	put_many(&l->repetitions, 1, nr_levels - 1);
	put_many(&l->definitions, nr > 0, nr_levels);
	l->nr_levels += nr_levels;
	f->bytes_in_group += 2 * nr_levels;
	if (nr)
		put_indices(f, l, indices, nr);
}

/* ---- pages -------------------------------------------------------------------------------------------------- */

/* What the footer says about the chunk of a column. */
struct chunk {
	uint64_t dictionary_at, data_at; /* dictionary_at: 0 = none */
	uint64_t raw_bytes, packed_bytes;
};

/* Sets f->packed to f->raw, compressed. */
static void pack(struct parquet_file *f)
{
	size_t bound = ZSTD_compressBound(f->raw.len), size;

	buffer_clear(&f->packed);
	if (f->raw.error || bound > INT32_MAX)
		set_error(f, f->raw.error ? f->raw.error : -EFBIG);
	else if (buffer_reserve(&f->packed, bound))
		set_error(f, -ENOMEM);
	if (f->error)
		return;
	size = ZSTD_compress2(f->zstd, f->packed.data, bound, f->raw.data, f->raw.len);
	if (ZSTD_isError(size))
		set_error(f, -ENOMEM);
	else
		f->packed.len = size;
}

/* Writes f->raw as a page. */
static void write_page(struct parquet_file *f, enum page type, uint64_t nr_values,
		       enum encoding encoding, struct chunk *chunk)
{
	struct buffer head = BUFFER_INIT;
	struct thrift t;

	pack(f);
	thrift_begin(&t, &head);
	thrift_i32(&t, 1, type);
	thrift_i32(&t, 2, (int32_t)f->raw.len);
	thrift_i32(&t, 3, (int32_t)f->packed.len);
	thrift_struct(&t, type == PAGE_DATA ? 5 : 7);
	thrift_i32(&t, 1, (int32_t)nr_values);
	thrift_i32(&t, 2, encoding);
	if (type == PAGE_DATA) {
		thrift_i32(&t, 3, ENCODING_RLE); /* of definition levels */
		thrift_i32(&t, 4, ENCODING_RLE); /* of repetition levels */
	}
	thrift_end(&t);
	thrift_end(&t);
	if (head.error)
		set_error(f, head.error);
	write_out(f, head.data, head.len);
	write_out(f, f->packed.data, f->packed.len);
	chunk->raw_bytes += head.len + f->raw.len;
	chunk->packed_bytes += head.len + f->packed.len;
	buffer_done(&head);
}

/* Appends levels behind their size. */
static void put_level_runs(struct buffer *raw, const struct buffer *levels)
{
	const struct parquet_small values = {
		.data = levels->data,
		.nr = levels->len,
		.size = 1,
		.width = 1,
	};
	size_t at = raw->len, size;

	if (levels->error)
		raw->error = levels->error;
	parquet_put_le(raw, 0, 4);
	parquet_put_runs(raw, &values);
	size = raw->len - at - 4;
	if (!raw->error)
		le32_put(raw->data + at, (uint32_t)size);
}

static void write_data_page(struct parquet_file *f, const struct parquet_leaf *leaf,
			    struct chunk *chunk)
{
	bool has_dictionary = leaf->nr_known;

	buffer_clear(&f->raw);
	if (leaf->max_repetition)
		put_level_runs(&f->raw, &leaf->repetitions);
	if (leaf->max_definition)
		put_level_runs(&f->raw, &leaf->definitions);
	if (has_dictionary) {
		const struct parquet_small values = {
			.data = leaf->indices,
			.nr = leaf->nr_indices,
			.size = sizeof(*leaf->indices),
			.width = parquet_width(leaf->nr_known),
		};

		buffer_putc(&f->raw, (char)values.width);
		parquet_put_runs(&f->raw, &values);
	} else {
		buffer_append(&f->raw, leaf->plain.data, leaf->plain.len);
	}
	chunk->data_at = f->offset;
	write_page(f, PAGE_DATA, leaf->nr_levels,
		   has_dictionary ? ENCODING_RLE_DICTIONARY : ENCODING_PLAIN, chunk);
}

static void write_dictionary_page(struct parquet_file *f, const struct parquet_leaf *leaf,
				  struct chunk *chunk)
{
	buffer_clear(&f->raw);
	buffer_append(&f->raw, leaf->plain.data, leaf->plain.len);
	chunk->dictionary_at = f->offset;
	write_page(f, PAGE_DICTIONARY, leaf->nr_known, ENCODING_PLAIN, chunk);
}

/* ---- groups of rows ----------------------------------------------------------------------------------------- */

/* So that readers can leave out groups that a condition excludes. Only for what is signed: times. */
static void put_statistics(struct thrift *t, const struct parquet_leaf *leaf)
{
	struct buffer number = BUFFER_INIT;

	if (leaf->min > leaf->max ||
	    (leaf->node->type != PARQUET_INT64 && leaf->node->type != PARQUET_TIMESTAMP))
		return;
	parquet_put_le(&number, (uint64_t)leaf->max, 8);
	parquet_put_le(&number, (uint64_t)leaf->min, 8);
	if (number.error) {
		t->b->error = number.error;
	} else {
		thrift_struct(t, 12);
		thrift_bytes(t, 5, number.data, 8);
		thrift_bytes(t, 6, number.data + 8, 8);
		thrift_end(t);
	}
	buffer_done(&number);
}

/* Describes a chunk, as an element of the list of the group's columns, in f->columns. */
static void put_chunk(struct parquet_file *f, const struct parquet_leaf *leaf,
		      const struct chunk *chunk)
{
	struct thrift t;

	thrift_begin(&t, &f->columns);
	thrift_i64(&t, 2, (int64_t)(chunk->dictionary_at ? chunk->dictionary_at : chunk->data_at));
	thrift_struct(&t, 3);
	thrift_i32(&t, 1, physical_of(leaf->node));
	thrift_list(&t, 2, THRIFT_I32, 3);
	thrift_i32_element(&t, ENCODING_PLAIN);
	thrift_i32_element(&t, ENCODING_RLE);
	thrift_i32_element(&t, ENCODING_RLE_DICTIONARY);
	thrift_list(&t, 3, THRIFT_BINARY, leaf->path_len);
	for (uint32_t i = 0; i < leaf->path_len; i++)
		thrift_text_element(&t, leaf->path[i]);
	thrift_i32(&t, 4, CODEC_ZSTD);
	thrift_i64(&t, 5, (int64_t)leaf->nr_levels);
	thrift_i64(&t, 6, (int64_t)chunk->raw_bytes);
	thrift_i64(&t, 7, (int64_t)chunk->packed_bytes);
	thrift_i64(&t, 9, (int64_t)chunk->data_at);
	if (chunk->dictionary_at)
		thrift_i64(&t, 11, (int64_t)chunk->dictionary_at);
	put_statistics(&t, leaf);
	thrift_end(&t);
	thrift_end(&t);
}

static void empty_leaf(struct parquet_leaf *leaf)
{
	buffer_clear(&leaf->definitions);
	buffer_clear(&leaf->repetitions);
	buffer_clear(&leaf->plain);
	u32_map_clear(&leaf->known);
	leaf->nr_indices = leaf->nr_levels = 0;
	leaf->nr_known = 0;
	leaf->min = INT64_MAX;
	leaf->max = INT64_MIN;
}

static void write_group(struct parquet_file *f)
{
	uint64_t raw_bytes = 0, packed_bytes = 0, begin = f->offset;
	struct thrift t;

	buffer_clear(&f->columns);
	for (uint32_t i = 0; i < f->nr_leaves; i++) {
		struct parquet_leaf *leaf = &f->leaves[i];
		struct chunk chunk = { 0 };

		if (leaf->plain.error)
			set_error(f, leaf->plain.error);
		if (leaf->nr_known)
			write_dictionary_page(f, leaf, &chunk);
		write_data_page(f, leaf, &chunk);
		put_chunk(f, leaf, &chunk);
		raw_bytes += chunk.raw_bytes;
		packed_bytes += chunk.packed_bytes;
		empty_leaf(leaf);
	}
	thrift_begin(&t, &f->groups);
	thrift_list(&t, 1, THRIFT_STRUCT, f->nr_leaves);
	buffer_append(&f->groups, f->columns.data, f->columns.len);
	thrift_i64(&t, 2, (int64_t)raw_bytes);
	thrift_i64(&t, 3, (int64_t)f->rows_in_group);
	thrift_i64(&t, 5, (int64_t)begin);
	thrift_i64(&t, 6, (int64_t)packed_bytes);
	thrift_end(&t);
	if (f->columns.error || f->groups.error)
		set_error(f, -ENOMEM);
	f->nr_groups++;
	f->rows_in_group = f->bytes_in_group = 0;
}

int parquet_end_row(struct parquet_file *f)
{
	f->nr_rows++;
	f->rows_in_group++;
	if (f->rows_in_group >= ROWS_IN_GROUP || f->bytes_in_group >= BYTES_IN_GROUP)
		write_group(f);
	return f->error;
}

/* ---- life --------------------------------------------------------------------------------------------------- */

void parquet_file_init(struct parquet_file *f, struct oc_output *out,
		       const struct parquet_node *nodes, uint32_t nr)
{
	*f = (struct parquet_file){ .out = out, .nodes = nodes, .nr_nodes = nr };
	add_leaves(f, 0, (struct parquet_leaf){ .min = INT64_MAX, .max = INT64_MIN });
	f->zstd = ZSTD_createCCtx();
	if (!f->zstd ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(f->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)))
		set_error(f, -ENOMEM);
	write_out(f, magic, 4);
}

void parquet_file_done(struct parquet_file *f)
{
	for (uint32_t i = 0; i < f->nr_leaves; i++) {
		struct parquet_leaf *leaf = &f->leaves[i];

		buffer_done(&leaf->definitions);
		buffer_done(&leaf->repetitions);
		buffer_done(&leaf->plain);
		u32_map_done(&leaf->known);
		free(leaf->indices);
	}
	buffer_done(&f->raw);
	buffer_done(&f->packed);
	buffer_done(&f->groups);
	buffer_done(&f->columns);
	ZSTD_freeCCtx(f->zstd);
}

int parquet_file_finish(struct parquet_file *f, const char *const *keys, const char *const *values,
			uint32_t nr)
{
	struct buffer footer = BUFFER_INIT;
	struct thrift t;
	size_t size;

	/* Arrow cannot read lists out of a file without groups. */
	if (f->rows_in_group || !f->nr_groups)
		write_group(f);
	thrift_begin(&t, &footer);
	thrift_i32(&t, 1, 2); /* version of the format */
	put_schema(f, &t);
	thrift_i64(&t, 3, (int64_t)f->nr_rows);
	thrift_list(&t, 4, THRIFT_STRUCT, f->nr_groups);
	buffer_append(&footer, f->groups.data, f->groups.len);
	thrift_list(&t, 5, THRIFT_STRUCT, nr);
	for (uint32_t i = 0; i < nr; i++) {
		thrift_element(&t);
		thrift_text(&t, 1, keys[i]);
		thrift_text(&t, 2, values[i]);
		thrift_end(&t);
	}
	thrift_text(&t, 6, "onecollect");
	thrift_list(&t, 7, THRIFT_STRUCT, f->nr_leaves);
	for (uint32_t i = 0; i < f->nr_leaves; i++) {
		thrift_element(&t); /* statistics are in the order of the column's type */
		put_empty(&t, 1);
		thrift_end(&t);
	}
	thrift_end(&t);
	size = footer.len;
	parquet_put_le(&footer, size, 4);
	buffer_append(&footer, magic, 4);
	if (footer.error || size > INT32_MAX)
		set_error(f, footer.error ? footer.error : -EFBIG);
	write_out(f, footer.data, footer.len);
	buffer_done(&footer);
	return f->error;
}
