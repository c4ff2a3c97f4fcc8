/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files at any place, whole pieces at once.
 * Called by input.c, byte_source.c and export/spill.c.
 * Must not know what is in them.
 */
#include "base/file_io.h"

#include <errno.h>

#include "base/os.h"

int64_t file_read_at(int fd, void *data, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		int64_t n = os_read_at(fd, (char *)data + done, size - done, offset + done);

		if (n < 0)
			return n;
		if (!n)
			break;
		done += (size_t)n;
	}
	return (int64_t)done;
}

int file_write_at(int fd, const void *data, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		int64_t n = os_write_at(fd, (const char *)data + done, size - done, offset + done);

		if (n <= 0)
			return n ? (int)n : -EIO;
		done += (size_t)n;
	}
	return 0;
}
