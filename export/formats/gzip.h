/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing an output compressed as one gzip member, piece by piece.
 * Used by format writers; knows no format.
 */
#ifndef FORMATS_GZIP_H
#define FORMATS_GZIP_H

#include <onecollect/output.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#define GZIP_CHUNK_BYTES (64 * 1024)

/* Embedded, large. The first error sticks in `error` and makes everything after it do nothing. */
struct gzip {
	z_stream stream;
	gz_header header;
	bool open;
	struct oc_output *out;
	int error;
	size_t nr_pending;
	uint8_t pending[GZIP_CHUNK_BYTES]; /* small pieces, handed to zlib together */
	uint8_t packed[GZIP_CHUNK_BYTES];
};

/* Begins a member. level: 1 (fast) to 9 (small). A failure (-ENOMEM) is in z->error. */
void gzip_init(struct gzip *z, struct oc_output *out, int level);
/* As gzip_init(), for compressed data alone without the head and tail of gzip, as it lies in other containers. */
void gzip_init_raw(struct gzip *z, struct oc_output *out, int level);
/* Adds data[size]. */
void gzip_write(struct gzip *z, const void *data, size_t size);
/* Ends the member and frees what it needed, also after an error. Returns 0 or the first error. */
int gzip_finish(struct gzip *z);

#endif
