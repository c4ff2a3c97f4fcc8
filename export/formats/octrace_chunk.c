/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing the chunks of an .octrace file: columns are gathered, packed and written with their checksum.
 * Called by octrace.c.
 * Must not know machines; it sees tables of numbers.
 */
#include "export/formats/octrace_private.h"

#include <errno.h>
#include <zstd.h>

#include "base/array.h"

/*
 * A chunk is written when it is this large: more would lose more in a crash and take more memory in readers, less would
 * pack worse.
 */
#define CHUNK_BYTES (1u << 20)
/* Level 3 takes twice the time for the samples of tests/bench/octrace.c, and makes them no smaller. */
#define ZSTD_LEVEL 1

static int set_error(struct octrace_chunks *c, int error)
{
	if (!c->error)
		c->error = error;
	return c->error;
}

int octrace_chunks_init(struct octrace_chunks *c, struct oc_output *out)
{
	uint8_t header[OCTRACE_FILE_HEADER];

	*c = (struct octrace_chunks){ .out = out };
	c->zstd = ZSTD_createCCtx();
	if (!c->zstd ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)))
		return set_error(c, -ENOMEM);
	memcpy(header, OCTRACE_MAGIC, 8);
	octrace_put(header + 8, OCTRACE_MAJOR, 2);
	octrace_put(header + 10, OCTRACE_MINOR, 2);
	octrace_put(header + 12, OCTRACE_FILE_HEADER, 4);
	octrace_put(header + 16, octrace_header_checksum(header), 8);
	return set_error(c, oc_output_write(out, header, sizeof(header)));
}

void octrace_chunks_done(struct octrace_chunks *c)
{
	ZSTD_freeCCtx(c->zstd);
	for (unsigned int i = 0; i < OCTRACE_COLUMNS_MAX; i++)
		free(c->columns[i].data);
	free(c->raw);
	free(c->stored);
	free(c->index);
	*c = (struct octrace_chunks){ 0 };
}

static void restart(struct octrace_chunks *c, uint32_t first)
{
	c->first = first;
	c->rows = c->elements = 0;
	c->bytes = 0;
	for (unsigned int i = 0; i < OCTRACE_COLUMNS_MAX; i++)
		c->columns[i].len = 0;
}

void octrace_chunk_begin(struct octrace_chunks *c, enum octrace_type type, uint32_t first)
{
	c->type = type;
	c->nr_columns = octrace_widths(octrace_schema(type), c->widths, &c->row_columns);
	restart(c, first);
}

bool octrace_column_reserve(struct octrace_chunks *c, unsigned int column, size_t size)
{
	struct octrace_column *to = &c->columns[column];

	/* So large a row can never be written; what is gathered stays bounded even so. */
	if (size > OCTRACE_RAW_MAX || to->len > OCTRACE_RAW_MAX)
		return !set_error(c, -EFBIG);
	return !array_reserve(&to->data, &to->cap, to->len + size + 8, 1) || !set_error(c, -ENOMEM);
}

void octrace_column_put_bytes(struct octrace_chunks *c, unsigned int column, const void *data,
			      size_t size)
{
	struct octrace_column *to = &c->columns[column];

	if (!size || !octrace_column_reserve(c, column, size))
		return;
	memcpy(to->data + to->len, data, size);
	to->len += size;
	c->bytes += size;
}

static int note_chunk(struct octrace_chunks *c)
{
	if (c->nr_chunks < OCTRACE_INDEX_MAX) {
		if (array_reserve(&c->index, &c->index_cap, c->nr_chunks + 1, sizeof(*c->index)))
			return set_error(c, -ENOMEM);
		c->index[c->nr_chunks] = (struct octrace_index_entry){
			.type = c->type,
			.rows = c->rows,
			.offset = oc_output_bytes(c->out),
		};
	}
	c->nr_chunks++;
	return 0;
}

/* Packs c->raw[size]; what does not shrink is stored as it is. Returns where the content to be stored is. */
static const uint8_t *pack(struct octrace_chunks *c, size_t size, size_t *ret_stored)
{
	size_t packed;

	*ret_stored = size;
	if (array_reserve(&c->stored, &c->stored_cap, size, 1)) {
		set_error(c, -ENOMEM);
		return c->raw;
	}
	/* Room for less than the original: failing for lack of it means that packing does not pay. */
	packed = size ? ZSTD_compress2(c->zstd, c->stored, size - 1, c->raw, size) : 0;
	if (!size || ZSTD_isError(packed))
		return c->raw;
	*ret_stored = packed;
	return c->stored;
}

static int write_chunk(struct octrace_chunks *c)
{
	uint8_t header[OCTRACE_CHUNK_HEADER];
	size_t size = c->bytes, at = 0, stored_size;
	const uint8_t *content;

	if (!c->error && size > OCTRACE_RAW_MAX)
		set_error(c, -EFBIG);
	if (!c->error && array_reserve(&c->raw, &c->raw_cap, size, 1))
		set_error(c, -ENOMEM);
	if (c->error || note_chunk(c))
		return c->error;
	for (unsigned int i = 0; i < c->nr_columns; i++) {
		if (c->columns[i].len)
			memcpy(c->raw + at, c->columns[i].data, c->columns[i].len);
		at += c->columns[i].len;
	}
	content = pack(c, size, &stored_size);
	memcpy(header, OCTRACE_CHUNK_MAGIC, 4);
	octrace_put(header + 4, c->type, 4);
	octrace_put(header + 8, c->rows, 4);
	octrace_put(header + 12, c->elements, 4);
	octrace_put(header + 16, c->first, 4);
	octrace_put(header + 20, size, 4);
	octrace_put(header + 24, stored_size, 4);
	octrace_put(header + 28, content == c->stored ? OCTRACE_ZSTD : OCTRACE_STORED, 4);
	octrace_put(header + 32, octrace_checksum(header, content, stored_size), 8);
	if (!c->error)
		set_error(c, oc_output_write(c->out, header, sizeof(header)));
	if (!c->error)
		set_error(c, oc_output_write(c->out, content, stored_size));
	return c->error;
}

void octrace_row_end(struct octrace_chunks *c)
{
	uint32_t next;

	c->rows++;
	if (c->bytes < CHUNK_BYTES)
		return;
	next = c->first ? c->first + c->rows : 0;
	write_chunk(c);
	restart(c, next);
}

int octrace_chunk_end(struct octrace_chunks *c)
{
	if (c->rows && !c->error)
		write_chunk(c);
	restart(c, 0);
	return c->error;
}

int octrace_chunks_finish(struct octrace_chunks *c, const uint64_t (*totals)[3], uint32_t nr_kinds)
{
	uint64_t offset = oc_output_bytes(c->out);
	uint8_t trailer[OCTRACE_TRAILER];

	octrace_chunk_begin(c, OCTRACE_END, 0);
	if (c->nr_chunks <= OCTRACE_INDEX_MAX) {
		c->rows = (uint32_t)c->nr_chunks;
		for (size_t i = 0; i < c->nr_chunks; i++) {
			octrace_column_put(c, 0, c->index[i].type);
			octrace_column_put(c, 1, c->index[i].rows);
			octrace_column_put(c, 2, c->index[i].offset);
		}
	}
	c->elements = nr_kinds;
	for (uint32_t i = 0; i < nr_kinds; i++) {
		for (unsigned int column = 0; column < 3; column++)
			octrace_column_put(c, 3 + column, totals[i][column]);
	}
	octrace_put(trailer, offset, 8);
	memcpy(trailer + 8, OCTRACE_TRAILER_MAGIC, 8);
	if (!write_chunk(c))
		set_error(c, oc_output_write(c->out, trailer, sizeof(trailer)));
	return c->error;
}
