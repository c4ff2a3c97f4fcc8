/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads MSF 7.00 containers.
 * Called by the readers of PDB files.
 * Must not know what is in a stream. Source of the layout: LLVM's "The MSF File Format".
 */
#include "symbolize/msf_file.h"

#include <errno.h>

#include "base/le.h"
#include "base/macros.h"

#define MAGIC_SIZE      32u
#define SUPERBLOCK_SIZE 56u
#define BLOCK_SIZE_MIN  512u
#define BLOCK_SIZE_MAX  65536u
#define STREAMS_MAX     65535u /* they are named by 16-bit numbers */
#define NIL_SIZE        0xffffffffu
/* Bytes of records read at once where nobody says otherwise. */
#define PIECE_SIZE (256u * 1024)

static const uint8_t magic[MAGIC_SIZE] = "Microsoft C/C++ MSF 7.00\r\n\x1a"
					 "DS\0\0";

struct superblock {
	uint32_t block_size;
	uint32_t nr_blocks;
	uint32_t directory_size;
};

static uint32_t blocks_of(const struct msf_file *msf, uint32_t size)
{
	return size / msf->block_size + (size % msf->block_size != 0);
}

static int read_superblock(struct msf_file *msf, uint32_t *ret_directory_size, struct oc_error *err)
{
	uint8_t raw[SUPERBLOCK_SIZE];
	int rc;

	if (msf->source.size < sizeof(raw))
		return oc_error_set(err, -ENOEXEC, "not a PDB file");
	rc = byte_source_read(&msf->source, 0, raw, sizeof(raw));
	if (rc)
		return oc_error_set(err, rc, "cannot be read: %s", strerror(-rc));
	if (memcmp(raw, magic, sizeof(magic)))
		return oc_error_set(err, -ENOEXEC, "not a PDB file of MSF version 7.00");
	msf->block_size = le32(raw + 32);
	msf->nr_blocks = le32(raw + 40);
	*ret_directory_size = le32(raw + 44);
	if (msf->block_size < BLOCK_SIZE_MIN || msf->block_size > BLOCK_SIZE_MAX ||
	    (msf->block_size & (msf->block_size - 1)))
		return oc_error_set(err, -EBADMSG, "a block size of %u at offset 0x20",
				    msf->block_size);
	/* The last block may be cut short by what wrote it, none may lack altogether. */
	if ((uint64_t)msf->nr_blocks * msf->block_size >= msf->source.size + msf->block_size)
		return oc_error_set(err, -EBADMSG,
				    "the file is cut: %u blocks of %u bytes at offset 0x28, but "
				    "%llu bytes",
				    msf->nr_blocks, msf->block_size,
				    (unsigned long long)msf->source.size);
	return 0;
}

/* Reads one block of a list, or the first `size` bytes of it. */
static int read_block(const struct msf_file *msf, uint32_t block, void *buf, uint32_t size,
		      uint64_t where, struct oc_error *err)
{
	int rc;

	if (block >= msf->nr_blocks)
		return oc_error_set(err, -EBADMSG, "block %u of %u is named at offset 0x%llx",
				    block, msf->nr_blocks, (unsigned long long)where);
	rc = byte_source_read(&msf->source, (uint64_t)block * msf->block_size, buf, size);
	if (rc)
		return oc_error_set(err, rc, "block %u at offset 0x%llx cannot be read: %s", block,
				    (unsigned long long)block * msf->block_size, strerror(-rc));
	return 0;
}

/*
 * Reads the directory: the superblock ends with the numbers of the blocks that hold the numbers of its blocks. Writers
 * of small files name one, of which the others are not followed by any.
 */
static int read_directory(struct msf_file *msf, uint32_t size, uint8_t *directory,
			  struct oc_error *err)
{
	uint32_t nr_blocks = blocks_of(msf, size), per_block = msf->block_size / 4;
	uint8_t *list __cleanup(cleanup_free) = malloc(msf->block_size);
	uint8_t number[4];
	int rc = 0;

	if (!list)
		return oc_error_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; !rc && i < nr_blocks; i++) {
		uint64_t where = SUPERBLOCK_SIZE - 4 + (uint64_t)i / per_block * 4;
		uint32_t piece = MIN(size - i * msf->block_size, msf->block_size);

		if (i % per_block == 0) {
			if (where + 4 > msf->block_size)
				return oc_error_set(err, -EBADMSG,
						    "a directory of %u bytes at offset 0x2c", size);
			rc = byte_source_read(&msf->source, where, number, sizeof(number));
			if (!rc)
				rc = read_block(msf, le32(number), list, msf->block_size, where,
						err);
		}
		if (!rc)
			rc = read_block(msf, le32(list + (size_t)(i % per_block) * 4),
					directory + (size_t)i * msf->block_size, piece, where, err);
	}
	return rc;
}

static int directory_cut(struct oc_error *err)
{
	return oc_error_set(err, -EBADMSG,
			    "the directory named at offset 0x34 is cut before its end");
}

/* Splits directory[size] into sizes and lists of blocks. */
static int split_directory(struct msf_file *msf, const uint8_t *raw, uint32_t size,
			   struct oc_error *err)
{
	uint32_t nr = size >= 4 ? le32(raw) : UINT32_MAX;
	uint64_t at;

	if (nr > STREAMS_MAX || size / 4 < nr + 1)
		return directory_cut(err);
	at = (uint64_t)nr + 1;
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t bytes = le32(raw + 4 + (size_t)i * 4);

		msf->sizes[i] = bytes == NIL_SIZE ? 0 : bytes;
		msf->firsts[i] = (uint32_t)at;
		at += blocks_of(msf, msf->sizes[i]);
		if (at > size / 4)
			return directory_cut(err);
		/* Blocks that are named again and again would make gigabytes of a small file. */
		if (msf->sizes[i] > msf->source.size)
			return oc_error_set(err, -EBADMSG,
					    "stream %u has %u bytes, more than the file", i,
					    msf->sizes[i]);
	}
	for (uint32_t i = 0; i < size / 4; i++)
		msf->directory[i] = le32(raw + (size_t)i * 4);
	msf->nr_streams = nr;
	return 0;
}

static int load_directory(struct msf_file *msf, uint32_t size, struct oc_error *err)
{
	uint8_t *raw __cleanup(cleanup_free) = NULL;
	int rc;

	if (size > msf->source.size)
		return oc_error_set(err, -EBADMSG, "a directory of %u bytes at offset 0x2c", size);
	raw = malloc((size_t)size + 4);
	msf->directory = malloc((size_t)size + 4);
	msf->sizes = malloc((size_t)size + 4);
	msf->firsts = malloc((size_t)size + 4);
	if (!raw || !msf->directory || !msf->sizes || !msf->firsts)
		return oc_error_set(err, -ENOMEM, "out of memory");
	rc = read_directory(msf, size, raw, err);
	return rc ? rc : split_directory(msf, raw, size, err);
}

int msf_open(struct msf_file *msf, const struct byte_source *source, struct oc_error *err)
{
	uint32_t directory_size = 0;
	int rc;

	*msf = (struct msf_file){ .source = *source };
	rc = read_superblock(msf, &directory_size, err);
	if (!rc)
		rc = load_directory(msf, directory_size, err);
	if (rc)
		msf_close(msf);
	return rc;
}

void msf_close(struct msf_file *msf)
{
	free(msf->sizes);
	free(msf->firsts);
	free(msf->directory);
	*msf = (struct msf_file){ 0 };
}

uint32_t msf_size(const struct msf_file *msf, uint32_t stream)
{
	return stream < msf->nr_streams ? msf->sizes[stream] : 0;
}

int msf_damaged(const struct msf_file *msf, uint32_t stream, uint32_t offset, const char *what,
		struct oc_error *err)
{
	uint64_t place = 0;

	if (offset < msf_size(msf, stream))
		place = (uint64_t)msf->directory[msf->firsts[stream] + offset / msf->block_size] *
				msf->block_size +
			offset % msf->block_size;
	return oc_error_set(err, -EBADMSG, "%s: stream %u at 0x%x, offset 0x%llx of the file", what,
			    stream, offset, (unsigned long long)place);
}

int msf_read(const struct msf_file *msf, uint32_t stream, uint32_t offset, void *buf, size_t size,
	     struct oc_error *err)
{
	uint32_t total = msf_size(msf, stream);
	const uint32_t *blocks;
	size_t done = 0;

	if (!size)
		return 0;
	if (offset > total || size > total - offset)
		return msf_damaged(msf, stream, offset, "what is read reaches beyond its stream",
				   err);
	blocks = msf->directory + msf->firsts[stream];
	while (done < size) {
		uint32_t i = (offset + (uint32_t)done) / msf->block_size;
		uint32_t inside = (offset + (uint32_t)done) % msf->block_size;
		size_t piece = MIN(size - done, (size_t)(msf->block_size - inside));
		uint64_t from = (uint64_t)blocks[i] * msf->block_size + inside;
		int rc;

		if (blocks[i] >= msf->nr_blocks)
			return oc_error_set(err, -EBADMSG, "stream %u names block %u of %u", stream,
					    blocks[i], msf->nr_blocks);
		/* Neighbours in the stream are mostly neighbours in the file. */
		for (uint32_t next = i + 1;
		     done + piece < size && blocks[next] == blocks[i] + (next - i) &&
		     blocks[next] < msf->nr_blocks;
		     next++)
			piece = MIN(size - done, piece + msf->block_size);
		rc = byte_source_read(&msf->source, from, (char *)buf + done, piece);
		if (rc)
			return oc_error_set(err, rc, "offset 0x%llx cannot be read: %s",
					    (unsigned long long)from, strerror(-rc));
		done += piece;
	}
	return 0;
}

int msf_load(const struct msf_file *msf, uint32_t stream, uint32_t offset, uint32_t size,
	     struct buffer *out, struct oc_error *err)
{
	int rc;

	buffer_clear(out);
	if (offset > msf_size(msf, stream) || size > msf_size(msf, stream) - offset)
		return msf_damaged(msf, stream, offset, "a part reaches beyond its stream", err);
	if (buffer_reserve(out, size))
		return oc_error_set(err, -ENOMEM, "out of memory");
	rc = msf_read(msf, stream, offset, out->data, size, err);
	if (rc)
		return rc;
	out->len = size;
	out->data[size] = '\0';
	return 0;
}

/* ---- records ----------------------------------------------------------------------------------------------- */

void msf_records_init(struct msf_records *it, const struct msf_file *msf, uint32_t stream,
		      uint32_t from, uint32_t to)
{
	*it = (struct msf_records){ .msf = msf,
				    .stream = stream,
				    .at = from,
				    .end = MIN(to, msf_size(msf, stream)),
				    .first = from,
				    .piece_size = PIECE_SIZE };
}

void msf_records_done(struct msf_records *it)
{
	buffer_done(&it->piece);
	*it = (struct msf_records){ 0 };
}

/* Makes sure that `size` bytes from it->at on are in it->piece. */
static int need(struct msf_records *it, uint32_t size, struct oc_error *err)
{
	if (size > it->end - it->at)
		return msf_damaged(it->msf, it->stream, it->at, "a record is cut", err);
	if (it->at - it->first + (uint64_t)size <= it->piece.len)
		return 0;
	it->first = it->at;
	return msf_load(it->msf, it->stream, it->at,
			MIN(it->end - it->at, MAX(it->piece_size, size)), &it->piece, err);
}

int msf_records_next(struct msf_records *it, struct msf_record *ret_record, struct oc_error *err)
{
	const uint8_t *p;
	uint32_t size;
	int rc;

	if (it->at >= it->end)
		return 0;
	rc = need(it, 4, err);
	if (rc)
		return rc;
	size = le16((const uint8_t *)it->piece.data + (it->at - it->first));
	if (size < 2)
		return msf_damaged(it->msf, it->stream, it->at, "a record of no size", err);
	rc = need(it, size + 2, err);
	if (rc)
		return rc;
	p = (const uint8_t *)it->piece.data + (it->at - it->first);
	*ret_record = (struct msf_record){
		.offset = it->at, .kind = le16(p + 2), .data = p + 4, .size = size - 2
	};
	it->at += size + 2;
	return 1;
}
