/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads from files and memory at any place.
 * Called through base/byte_source.h.
 * Must not know what is read.
 */
#include "base/byte_source.h"

#include <errno.h>

#include "base/macros.h"
#include "base/os.h"

int byte_source_read(const struct byte_source *s, uint64_t offset, void *buf, size_t size)
{
	size_t done = 0;

	if (offset > s->size || size > s->size - offset)
		return -EBADMSG;
	if (s->fd < 0) {
		if (size)
			memcpy(buf, s->memory + offset, size);
		return 0;
	}
	while (done < size) {
		int64_t n = os_read_at(s->fd, (char *)buf + done, size - done, offset + done);

		if (n <= 0)
			return n ? (int)n : -EBADMSG; /* truncated since it was opened */
		done += (size_t)n;
	}
	return 0;
}
