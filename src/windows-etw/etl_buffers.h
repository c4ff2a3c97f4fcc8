/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buffers of an .etl file: where they are, when they begin, and their data, uncompressed.
 * Used by etl_reader.c only.
 */
#ifndef ETL_BUFFERS_H
#define ETL_BUFFERS_H

#include "windows-etw/etl_reader.h"

#define ETL_BUFFER_HEADER_SIZE 0x48

struct etl_buffer {
	uint64_t offset;     /* in the file */
	uint64_t first_time; /* of its first event, raw */
	uint32_t file_size;  /* bytes in the file behind its header */
	uint32_t data_size;  /* the same, uncompressed, up to the end of the last event */
	uint16_t cpu;
	bool compressed;
	bool kept; /* see etl_reader_again() */
};

struct etl_buffers {
	const struct oc_input *in;
	struct etl_log log;
	uint32_t compression;    /* of compressed buffers: 3 = plain, 4 = Huffman */
	struct etl_buffer *list; /* [nr] in order of first_time, then of the file */
	size_t nr;
	size_t cap;
	struct oc_error
		damage; /* why the file could not be followed to its end; code 0 = it could */
	uint64_t damaged_bytes; /* of the file, behind that */
	uint8_t *packed;        /* compressed bytes of the buffer being loaded */
	size_t packed_cap;
};

/* Finds all buffers and reads the log header. Returns as etl_reader_open() does. */
int etl_buffers_index(struct etl_buffers *b, const struct oc_input *in, struct oc_error *err);
void etl_buffers_done(struct etl_buffers *b);

static inline struct etl_buffer *etl_buffer_at(const struct etl_buffers *b, size_t i)
{
	return &b->list[i];
}

/*
 * Reads the data behind a buffer's header into data[data_size].
 * Returns 0, -EBADMSG (does not expand to data_size), -ENODATA (the file ends), -EIO or -ENOMEM.
 */
int etl_buffer_load(struct etl_buffers *b, const struct etl_buffer *buffer, uint8_t *data);

#endif
