/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One gzip member, streamed.
 * Called by format writers through gzip.h.
 * Must not know what is compressed.
 */
#include "export/formats/gzip.h"

#include <errno.h>

#include "base/macros.h"

/* zlib: the largest window, plus 16 to ask for a gzip header instead of its own, negative for no header at all. */
#define GZIP_WINDOW_BITS (15 + 16)
#define GZIP_OS_UNIX     3 /* RFC 1952, 2.3.1; said on every system, so that all write the same bytes */
#define RAW_WINDOW_BITS  (-15)
#define MEMORY_LEVEL     8

static void init(struct gzip *z, struct oc_output *out, int level, int window_bits)
{
	memset(&z->stream, 0, sizeof(z->stream));
	z->out = out;
	z->error = 0;
	z->nr_pending = 0;
	z->open = deflateInit2(&z->stream, level, Z_DEFLATED, window_bits, MEMORY_LEVEL,
			       Z_DEFAULT_STRATEGY) == Z_OK;
	if (!z->open)
		z->error = -ENOMEM;
}

void gzip_init(struct gzip *z, struct oc_output *out, int level)
{
	init(z, out, level, GZIP_WINDOW_BITS);
	z->header = (gz_header){ .os = GZIP_OS_UNIX };
	if (z->open)
		deflateSetHeader(&z->stream, &z->header);
}

void gzip_init_raw(struct gzip *z, struct oc_output *out, int level)
{
	init(z, out, level, RAW_WINDOW_BITS);
}

static void compress_data(struct gzip *z, const uint8_t *data, size_t size, int flush)
{
	if (z->error)
		return;
	z->stream.next_in = (uint8_t *)data; /* zlib only reads it */
	z->stream.avail_in = (uInt)size;
	do {
		size_t len;

		z->stream.next_out = z->packed;
		z->stream.avail_out = sizeof(z->packed);
		deflate(&z->stream, flush);
		len = sizeof(z->packed) - z->stream.avail_out;
		if (len)
			z->error = oc_output_write(z->out, z->packed, len);
	} while (!z->error && !z->stream.avail_out);
}

static void flush_pending(struct gzip *z)
{
	compress_data(z, z->pending, z->nr_pending, Z_NO_FLUSH);
	z->nr_pending = 0;
}

void gzip_write(struct gzip *z, const void *data, size_t size)
{
	const uint8_t *from = data;

	while (size) {
		size_t part = MIN(size, sizeof(z->pending) - z->nr_pending);

		memcpy(z->pending + z->nr_pending, from, part);
		z->nr_pending += part;
		from += part;
		size -= part;
		if (z->nr_pending == sizeof(z->pending))
			flush_pending(z);
	}
}

int gzip_finish(struct gzip *z)
{
	if (z->open) {
		compress_data(z, z->pending, z->nr_pending, Z_FINISH);
		deflateEnd(&z->stream);
		z->open = false;
	}
	return z->error;
}
