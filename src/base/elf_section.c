/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads and unpacks sections.
 * Called through base/elf_section.h.
 * Must not know what sections hold.
 */
#include "base/elf_section.h"

#include <elf.h>
#include <errno.h>
#include <zlib.h>
#include <zstd.h>

#include "base/macros.h"

/* Of <elf.h> since glibc 2.37. */
#define COMPRESS_ZSTD 2

static int read_bytes(const struct elf_file *f, uint64_t offset, uint64_t size, struct buffer *out)
{
	int rc;

	if (buffer_reserve(out, (size_t)size))
		return -ENOMEM;
	rc = elf_file_read(f, offset, out->data + out->len, (size_t)size);
	if (rc)
		return rc;
	out->len += (size_t)size;
	out->data[out->len] = '\0';
	return 0;
}

/* Unpacks packed[packed_size] to exactly `size` bytes at `to`. */
static int unpack(uint32_t method, const char *packed, size_t packed_size, char *to, size_t size)
{
	uLongf got = size;
	int rc;

	switch (method) {
	case ELFCOMPRESS_ZLIB:
		rc = uncompress((Bytef *)to, &got, (const Bytef *)packed, packed_size);
		if (rc == Z_MEM_ERROR)
			return -ENOMEM;
		return rc == Z_OK && got == size ? 0 : -EBADMSG;
	case COMPRESS_ZSTD:
		return ZSTD_decompress(to, size, packed, packed_size) == size ? 0 : -EBADMSG;
	default:
		return -EOPNOTSUPP;
	}
}

static int read_compressed(const struct elf_file *f, const struct elf_section *section, size_t max,
			   struct buffer *out)
{
	struct buffer packed __cleanup(buffer_done) = BUFFER_INIT;
	size_t header = f->is_64 ? sizeof(Elf64_Chdr) : sizeof(Elf32_Chdr);
	uint64_t size;
	uint32_t method;
	int rc;

	if (section->size < header)
		return -EBADMSG;
	rc = read_bytes(f, section->offset, section->size, &packed);
	if (rc)
		return rc;
	if (f->is_64) {
		Elf64_Chdr h;

		memcpy(&h, packed.data, sizeof(h));
		method = h.ch_type, size = h.ch_size;
	} else {
		Elf32_Chdr h;

		memcpy(&h, packed.data, sizeof(h));
		method = h.ch_type, size = h.ch_size;
	}
	if (size > max)
		return -EFBIG;
	if (buffer_reserve(out, (size_t)size))
		return -ENOMEM;
	rc = unpack(method, packed.data + header, packed.len - header, out->data + out->len,
		    (size_t)size);
	if (rc)
		return rc;
	out->len += (size_t)size;
	out->data[out->len] = '\0';
	return 0;
}

int elf_section_read(const struct elf_file *f, const struct elf_section *section, size_t max,
		     struct buffer *out)
{
	if (section->type == SHT_NOBITS)
		return 0;
	if (section->size > max)
		return -EFBIG;
	/* Before memory is taken: a section cannot be larger than its file. */
	if (section->offset > f->source.size || section->size > f->source.size - section->offset)
		return -EBADMSG;
	if (section->flags & SHF_COMPRESSED)
		return read_compressed(f, section, max, out);
	return read_bytes(f, section->offset, section->size, out);
}
