/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts the identity of Windows images together.
 * Called by the reader of Windows traces and by the symbolizer.
 * Must not know events or files.
 */
#include "base/image_id.h"

#include <string.h>
#include <zlib.h>

#include "base/macros.h"

uint32_t image_pages(uint32_t size)
{
	return size / IMAGE_PAGE_SIZE + (size % IMAGE_PAGE_SIZE != 0);
}

static void put_be32(uint8_t *out, uint32_t value)
{
	for (size_t i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The checksum of the name in small letters, of some of them at a time: a call for each costs ten times as much. */
uint32_t image_id_name(const char *path)
{
	uLong hash = crc32(0, NULL, 0);
	const char *slash = strrchr(path, '/');
	const char *backslash = strrchr(slash ? slash : path, '\\');
	Bytef small[64];
	uInt nr = 0;

	if (slash || backslash)
		path = (backslash ? backslash : slash) + 1;
	for (; *path; path++) {
		small[nr++] = (Bytef)(*path >= 'A' && *path <= 'Z' ? *path | 0x20 : *path);
		if (nr < sizeof(small))
			continue;
		hash = crc32(hash, small, nr);
		nr = 0;
	}
	return (uint32_t)crc32(hash, small, nr);
}

bool image_id_make(const struct image_version *version, uint32_t name,
		   uint8_t ret_id[IMAGE_ID_SIZE])
{
	if (!version->checksum && !version->time_stamp)
		return false;
	put_be32(ret_id, image_pages(version->size));
	put_be32(ret_id + 4, version->checksum);
	put_be32(ret_id + 8, version->checksum ? 0 : version->time_stamp);
	put_be32(ret_id + 12, name);
	return true;
}
