/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unpacks .gnu_debugdata with liblzma.
 * Called by file_symbols.
 * Must not know what the unpacked file is used for.
 */
#include "symbolize/mini_debuginfo.h"

#include <errno.h>
#include <lzma.h>

#include "base/macros.h"

#define PACKED_MAX   (16u * 1024 * 1024)
#define UNPACKED_MAX (64u * 1024 * 1024)
/* Enough for the largest dictionary that xz -9 makes; the unpacked data is bounded apart from that. */
#define MEMORY_MAX (80ULL * 1024 * 1024)

/* Runs the decoder until the end, growing *out. */
static int decode(lzma_stream *stream, struct buffer *out)
{
	size_t start = out->len;
	lzma_ret rc;

	do {
		size_t room = MAX(out->len - start, (size_t)256 * 1024);

		if (out->len - start >= UNPACKED_MAX)
			return -EFBIG;
		if (buffer_reserve(out, room))
			return -ENOMEM;
		stream->next_out = (uint8_t *)out->data + out->len;
		stream->avail_out = room;
		rc = lzma_code(stream, LZMA_FINISH);
		out->len += room - stream->avail_out;
		out->data[out->len] = '\0';
	} while (rc == LZMA_OK);
	if (rc == LZMA_STREAM_END)
		return 1;
	return rc == LZMA_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

int mini_debuginfo_unpack(const struct elf_file *elf, struct buffer *out)
{
	const struct elf_section *section = elf_file_section_by_name(elf, ".gnu_debugdata");
	uint8_t *packed __cleanup(cleanup_free) = NULL;
	lzma_stream stream = LZMA_STREAM_INIT;
	int rc;

	if (!section || !section->size)
		return 0;
	if (section->size > PACKED_MAX)
		return -EFBIG;
	packed = malloc(section->size);
	if (!packed)
		return -ENOMEM;
	rc = elf_file_read(elf, section->offset, packed, section->size);
	if (rc)
		return rc;
	if (lzma_stream_decoder(&stream, MEMORY_MAX, 0) != LZMA_OK)
		return -ENOMEM;
	stream.next_in = packed;
	stream.avail_in = section->size;
	rc = decode(&stream, out);
	lzma_end(&stream);
	return rc;
}
