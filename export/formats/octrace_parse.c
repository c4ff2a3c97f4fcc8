/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the chunks of an .octrace file: checked, unpacked, divided into columns.
 * Called by octrace_read.c. The file is hostile: every size is bounded before memory is taken for it.
 * Must not know what a table means.
 */
#include "export/formats/octrace_private.h"

#include <errno.h>
#include <inttypes.h>
#include <zstd.h>

#include "base/array.h"

/* A recording packs up to a hundred times; what packs better than this, and is large, is made to exhaust memory. */
#define RATIO_MAX        1000u
#define RATIO_FREE_BYTES (1ULL << 30)

bool octrace_sniff(const void *head, size_t size)
{
	return size >= 8 && !memcmp(head, OCTRACE_MAGIC, 8);
}

/* Fills buffer[size] from the parser's offset on. Returns how many bytes there are, or a negative errno value. */
static int64_t read_some(struct octrace_parser *p, void *buffer, size_t size)
{
	int64_t n = oc_input_read_at(p->in, p->offset, buffer, size);

	if (n < 0)
		oc_error_set(p->err, (int)n, "cannot read '%s' at byte %" PRIu64 ": %s",
			     oc_input_name(p->in), p->offset, strerror((int)-n));
	return n;
}

static int damaged(struct octrace_parser *p, uint64_t offset, const char *what)
{
	return oc_error_set(p->err, -EBADMSG, "'%s' is damaged at byte %" PRIu64 ": %s",
			    oc_input_name(p->in), offset, what);
}

int octrace_parser_init(struct octrace_parser *p, const struct oc_input *in, struct oc_error *err)
{
	uint8_t header[OCTRACE_FILE_HEADER];
	int64_t n;

	*p = (struct octrace_parser){ .in = in, .err = err };
	p->zstd = ZSTD_createDCtx();
	if (!p->zstd)
		return oc_error_set(err, -ENOMEM, "out of memory");
	n = read_some(p, header, sizeof(header));
	if (n < 0)
		return (int)n;
	if (!octrace_sniff(header, (size_t)n))
		return damaged(p, 0, "this is not the beginning of an .octrace file");
	if (n < OCTRACE_FILE_HEADER)
		return damaged(p, (uint64_t)n, "the file ends within its header");
	if (octrace_get(header + 8, 2) != OCTRACE_MAJOR)
		return oc_error_set(err, -EOPNOTSUPP,
				    "'%s' is of version %" PRIu64
				    " of .octrace, this program reads version %d; use a newer one",
				    oc_input_name(in), octrace_get(header + 8, 2), OCTRACE_MAJOR);
	if (octrace_get(header + 16, 8) != octrace_header_checksum(header) ||
	    octrace_get(header + 12, 4) != OCTRACE_FILE_HEADER)
		return damaged(p, 0, "the checksum of the file header is wrong");
	p->offset = OCTRACE_FILE_HEADER;
	return 0;
}

void octrace_parser_done(struct octrace_parser *p)
{
	ZSTD_freeDCtx(p->zstd);
	free(p->stored);
	free(p->raw);
}

static struct octrace_chunk_header decode_header(const uint8_t *bytes)
{
	return (struct octrace_chunk_header){
		.type = (uint32_t)octrace_get(bytes + 4, 4),
		.rows = (uint32_t)octrace_get(bytes + 8, 4),
		.elements = (uint32_t)octrace_get(bytes + 12, 4),
		.first = (uint32_t)octrace_get(bytes + 16, 4),
		.raw_size = (uint32_t)octrace_get(bytes + 20, 4),
		.stored_size = (uint32_t)octrace_get(bytes + 24, 4),
		.encoding = (uint32_t)octrace_get(bytes + 28, 4),
		.checksum = octrace_get(bytes + 32, 8),
	};
}

static bool is_all_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* Reads header and stored content. Returns 1; 0 = the file ends here; or a negative errno value. */
static int read_stored(struct octrace_parser *p, struct octrace_chunk_header *ret_header)
{
	uint8_t bytes[OCTRACE_CHUNK_HEADER];
	uint64_t start = p->offset;
	int64_t n = read_some(p, bytes, sizeof(bytes));
	struct octrace_chunk_header h;

	if (n < 0)
		return (int)n;
	if (n < OCTRACE_CHUNK_HEADER || is_all_zero(bytes, sizeof(bytes)))
		return 0;
	if (memcmp(bytes, OCTRACE_CHUNK_MAGIC, 4))
		return damaged(p, start, "no chunk begins here");
	h = decode_header(bytes);
	if (h.raw_size > OCTRACE_RAW_MAX || h.stored_size > h.raw_size ||
	    h.encoding > OCTRACE_ZSTD ||
	    (h.encoding == OCTRACE_STORED && h.stored_size != h.raw_size))
		return damaged(p, start, "the sizes of this chunk cannot be");
	if (array_reserve(&p->stored, &p->stored_cap, (size_t)h.stored_size + 1, 1))
		return oc_error_set(p->err, -ENOMEM, "out of memory");
	p->offset += sizeof(bytes);
	n = read_some(p, p->stored, h.stored_size);
	if (n < 0)
		return (int)n;
	if (n < h.stored_size)
		return 0;
	p->offset += h.stored_size;
	if (octrace_checksum(bytes, p->stored, h.stored_size) != h.checksum)
		return damaged(p, start, "the checksum of this chunk is wrong");
	p->nr_chunks++;
	*ret_header = h;
	return 1;
}

/* The content of a chunk, unpacked, header->raw_size bytes of it; NULL with *err filled in. */
static const uint8_t *unpack(struct octrace_parser *p, const struct octrace_chunk_header *h,
			     uint64_t start)
{
	size_t n;

	p->raw_bytes += h->raw_size;
	if (p->raw_bytes > RATIO_FREE_BYTES && p->raw_bytes / RATIO_MAX > p->offset) {
		oc_error_set(p->err, -EFBIG,
			     "'%s' would unpack to more than %u times its size (at byte %" PRIu64
			     "); no recording does",
			     oc_input_name(p->in), RATIO_MAX, start);
		return NULL;
	}
	if (h->encoding == OCTRACE_STORED)
		return p->stored;
	if (array_reserve(&p->raw, &p->raw_cap, (size_t)h->raw_size + 1, 1)) {
		oc_error_set(p->err, -ENOMEM, "out of memory");
		return NULL;
	}
	n = ZSTD_decompressDCtx(p->zstd, p->raw, h->raw_size, p->stored, h->stored_size);
	if (ZSTD_isError(n) || n != h->raw_size) {
		damaged(p, start, "the content of this chunk cannot be unpacked");
		return NULL;
	}
	return p->raw;
}

/* Divides content into columns. False = their sizes do not sum up to that of the content. */
static bool divide(struct octrace_chunk *c, const struct octrace_schema *schema,
		   const uint8_t *content)
{
	unsigned int nr = octrace_widths(schema, c->widths, &c->row_columns);
	uint64_t at = 0;

	for (unsigned int i = 0; i < nr; i++) {
		uint64_t values = i < c->row_columns ? c->header.rows : c->header.elements;

		/* At most 11 columns of 2^32 values of 8 bytes: no overflow. Out of bounds is found before any use. */
		if (at > c->header.raw_size)
			return false;
		c->columns[i] = content + at;
		at += values * c->widths[i];
	}
	return at == c->header.raw_size && (*schema->elements || !c->header.elements);
}

int octrace_next_chunk(struct octrace_parser *p, struct octrace_chunk *ret_chunk)
{
	for (;;) {
		struct octrace_chunk c = { .offset = p->offset };
		const struct octrace_schema *schema;
		const uint8_t *content;
		int rc = read_stored(p, &c.header);

		if (rc <= 0)
			return rc;
		schema = octrace_schema(c.header.type);
		if (!schema && (c.header.type & OCTRACE_OPTIONAL))
			continue;
		if (!schema)
			return oc_error_set(p->err, -EOPNOTSUPP,
					    "'%s' holds a chunk of the unknown type %" PRIu32
					    " at byte %" PRIu64 "; use a newer version",
					    oc_input_name(p->in), c.header.type, c.offset);
		content = unpack(p, &c.header, c.offset);
		if (!content)
			return p->err ? p->err->code : -EBADMSG;
		if (!divide(&c, schema, content))
			return damaged(p, c.offset, "the columns of this chunk have wrong sizes");
		*ret_chunk = c;
		return 1;
	}
}

int octrace_check_trailer(struct octrace_parser *p, uint64_t offset)
{
	/* One byte more than there may be. */
	uint8_t trailer[OCTRACE_TRAILER + 1];
	int64_t n = read_some(p, trailer, sizeof(trailer));

	if (n < 0)
		return (int)n;
	if (n < OCTRACE_TRAILER)
		return 0;
	if (n > OCTRACE_TRAILER)
		return damaged(p, p->offset + OCTRACE_TRAILER, "something follows the end");
	if (octrace_get(trailer, 8) != offset || memcmp(trailer + 8, OCTRACE_TRAILER_MAGIC, 8))
		return damaged(p, p->offset, "the end of the file is wrong");
	return 1;
}
