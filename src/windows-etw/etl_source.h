/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the bytes of a trace come from: a file, or memory.
 * Used by etl_reader.c; knows no format. Portable C only.
 */
#ifndef ETL_SOURCE_H
#define ETL_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <onecollect/error.h>

/* Embedded; set up by one of the two functions below. */
struct etl_source {
	FILE *file; /* NULL = memory */
	const uint8_t *memory;
	uint64_t size;
};

/*
 * Opens a file for reading. path: UTF-8, for messages too.
 * Returns 0, or -ENOENT, -EACCES, -EISDIR, -EINVAL (not a regular file) or another error of the system with *err.
 */
int etl_source_open(struct etl_source *source, const char *path, struct oc_error *err);
/* Makes a source of data[size], borrowed. */
void etl_source_memory(struct etl_source *source, const uint8_t *data, size_t size);
/* Closes. Accepts an all-zero source. */
void etl_source_close(struct etl_source *source);

/* Reads size bytes at offset. Returns 0, -ENODATA (the source ends before) or -EIO. */
int etl_source_read(const struct etl_source *source, uint64_t offset, void *data, size_t size);

#endif
