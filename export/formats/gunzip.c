/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded decompression of gzip.
 * Called by format readers through gunzip.h.
 * Must not know what is compressed.
 */
#include "export/formats/gunzip.h"

#include <errno.h>
#include <inttypes.h>
#include <zlib.h>

#include "base/macros.h"

/* zlib: the largest window, plus 16 for a gzip header. */
#define GZIP_WINDOW_BITS (15 + 16)
#define IN_BYTES         (64 * 1024)
#define OUT_BYTES        (256 * 1024)
/* Profiles shrink 3 to 30 times; deflate itself ends at 1032. */
#define RATIO_MAX  200
#define RATIO_FREE ((uint64_t)64 << 20)

bool gunzip_sniff(const void *head, size_t size)
{
	const uint8_t *p = head;

	/* RFC 1952: magic number, and deflate as the one method there is. */
	return size >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8;
}

size_t gunzip_head(const void *head, size_t size, void *out, size_t out_size)
{
	z_stream z = { .next_in = (uint8_t *)head,
		       .avail_in = (uInt)size,
		       .next_out = out,
		       .avail_out = (uInt)out_size };
	size_t len = 0;
	int rc;

	if (inflateInit2(&z, GZIP_WINDOW_BITS) != Z_OK)
		return 0;
	do {
		rc = inflate(&z, Z_SYNC_FLUSH);
		if (rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR)
			len = out_size - z.avail_out;
	} while (rc == Z_STREAM_END && z.avail_in && z.avail_out && inflateReset(&z) == Z_OK);
	inflateEnd(&z);
	return len;
}

struct gunzip {
	const struct oc_input *in;
	struct buffer *out;
	struct oc_error *err;
	z_stream z;
	uint64_t offset; /* of the input, behind `packed` */
	uint64_t max;
	bool ended; /* the last member is whole */
	uint8_t packed[IN_BYTES];
};

static int too_large(const struct oc_input *in, uint64_t max, struct oc_error *err)
{
	return oc_error_set(err, -EFBIG,
			    "'%s' holds more than %" PRIu64
			    " bytes, which is more than a profile can be",
			    oc_input_name(in), max);
}

/* Returns the bytes read, 0 at the end, or a negative errno value. */
static int64_t refill(struct gunzip *g)
{
	int64_t n = oc_input_read_at(g->in, g->offset, g->packed, sizeof(g->packed));

	if (n < 0)
		return oc_error_set(g->err, (int)n, "cannot read '%s': %s", oc_input_name(g->in),
				    strerror((int)-n));
	g->offset += (uint64_t)n;
	g->z.next_in = g->packed;
	g->z.avail_in = (uInt)n;
	return n;
}

static int inflate_some(struct gunzip *g)
{
	int rc;

	if (buffer_reserve(g->out, OUT_BYTES))
		return oc_error_set(g->err, -ENOMEM, "out of memory while reading '%s'",
				    oc_input_name(g->in));
	/* Another member may follow. */
	if (g->ended && inflateReset(&g->z) != Z_OK)
		return oc_error_set(g->err, -ENOMEM, "out of memory");
	g->z.next_out = (uint8_t *)g->out->data + g->out->len;
	g->z.avail_out = OUT_BYTES;
	rc = inflate(&g->z, Z_NO_FLUSH);
	g->out->len += OUT_BYTES - g->z.avail_out;
	g->ended = rc == Z_STREAM_END;
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return oc_error_set(g->err, -EBADMSG,
				    "'%s' is damaged at byte %" PRIu64 ": its gzip data is wrong",
				    oc_input_name(g->in), g->offset - g->z.avail_in);
	return g->out->len > g->max ? too_large(g->in, g->max, g->err) : 0;
}

static int inflate_all(struct gunzip *g, bool *ret_cut)
{
	int rc = 0;

	while (!rc) {
		int64_t n = g->z.avail_in ? 1 : refill(g);

		if (n < 0)
			return (int)n;
		if (!n)
			break;
		/* Output that filled its room may have more behind it without any input. */
		do {
			rc = inflate_some(g);
		} while (!rc && !g->z.avail_out && !g->ended);
	}
	*ret_cut = !g->ended;
	return rc;
}

static int read_plain(const struct oc_input *in, struct buffer *out, struct oc_error *err)
{
	uint64_t size = oc_input_size(in);
	int64_t n;

	if (size > GUNZIP_BYTES_MAX)
		return too_large(in, GUNZIP_BYTES_MAX, err);
	if (buffer_reserve(out, size))
		return oc_error_set(err, -ENOMEM, "out of memory while reading '%s'",
				    oc_input_name(in));
	n = oc_input_read_at(in, 0, out->data + out->len, size);
	if (n < 0)
		return oc_error_set(err, (int)n, "cannot read '%s': %s", oc_input_name(in),
				    strerror((int)-n));
	out->len += (size_t)n;
	return 0;
}

int gunzip_input(const struct oc_input *in, struct buffer *out, bool *ret_cut, struct oc_error *err)
{
	uint64_t size = oc_input_size(in);
	struct gunzip *g;
	uint8_t head[3];
	int64_t n = oc_input_read_at(in, 0, head, sizeof(head));
	int rc;

	*ret_cut = false;
	if (n < 0 || !gunzip_sniff(head, (size_t)n))
		return read_plain(in, out, err);
	g = calloc(1, sizeof(*g));
	if (!g || inflateInit2(&g->z, GZIP_WINDOW_BITS) != Z_OK) {
		free(g);
		return oc_error_set(err, -ENOMEM, "out of memory");
	}
	g->in = in;
	g->out = out;
	g->err = err;
	/* An input of 2^64 / 200 bytes is far beyond the other bound. */
	g->max = size > GUNZIP_BYTES_MAX ? GUNZIP_BYTES_MAX
					 : MIN(GUNZIP_BYTES_MAX, RATIO_FREE + RATIO_MAX * size);
	rc = inflate_all(g, ret_cut);
	inflateEnd(&g->z);
	free(g);
	return rc;
}
