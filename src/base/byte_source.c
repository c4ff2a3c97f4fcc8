/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads from files and memory at any place.
 * Called through base/byte_source.h.
 * Must not know what is read.
 */
#include "base/byte_source.h"

#include <errno.h>
#include <unistd.h>

#include "base/macros.h"

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
		ssize_t n = pread(s->fd, (char *)buf + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EBADMSG; /* truncated since it was opened */
		done += (size_t)n;
	}
	return 0;
}
