/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads from files and memory at any place.
 * Called through base/byte_source.h.
 * Must not know what is read.
 */
#include "base/byte_source.h"

#include <errno.h>

#include "base/file_io.h"
#include "base/macros.h"

int byte_source_read(const struct byte_source *s, uint64_t offset, void *buf, size_t size)
{
	int64_t n;

	if (offset > s->size || size > s->size - offset)
		return -EBADMSG;
	if (s->fd < 0) {
		if (size)
			memcpy(buf, s->memory + offset, size);
		return 0;
	}
	n = file_read_at(s->fd, buf, size, offset);
	if (n < 0)
		return (int)n;
	return (size_t)n < size ? -EBADMSG : 0; /* truncated since it was opened */
}
