/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The temporary file that takes samples when memory is to be saved; it has no name, so nothing is ever left behind.
 * Called by samples.c only.
 * Must not know what a sample means; it moves whole chunks.
 */
#include "export/machine_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/macros.h"

int spill_init(struct spill *spill, const char *dir)
{
	*spill = (struct spill){ .fd = -1 };
	if (!dir || !*dir)
		dir = secure_getenv("TMPDIR");
	if (!dir || !*dir)
		dir = "/var/tmp";
	spill->dir = strdup(dir);
	return spill->dir ? 0 : -ENOMEM;
}

void spill_done(struct spill *spill)
{
	if (spill->fd >= 0)
		close(spill->fd);
	free(spill->dir);
	*spill = (struct spill){ .fd = -1 };
}

/* A file with a name for a moment, for file systems without O_TMPFILE. */
static int open_unlinked(const char *dir)
{
	struct buffer path = BUFFER_INIT;
	int fd;

	buffer_printf(&path, "%s/onecollect-XXXXXX", dir);
	if (path.error)
		return path.error;
	fd = mkostemp(path.data, O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	else
		unlink(path.data);
	buffer_done(&path);
	return fd;
}

static int open_file(struct spill *spill)
{
	int fd = open(spill->dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

	/* Kernels and file systems that do not know O_TMPFILE see an attempt to write to a directory. */
	if (fd < 0 &&
	    (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL))
		fd = open_unlinked(spill->dir);
	else if (fd < 0)
		fd = -errno;
	if (fd < 0)
		return fd;
	spill->fd = fd;
	return 0;
}

static int write_at(int fd, const char *data, size_t size, off_t offset)
{
	while (size) {
		ssize_t n = pwrite(fd, data, size, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		size -= (size_t)n;
		offset += n;
	}
	return 0;
}

int spill_write(struct spill *spill, size_t index, const struct sample_chunk *chunk)
{
	off_t offset;

	if (!spill->error && spill->fd < 0)
		spill->error = open_file(spill);
	if (spill->error)
		return spill->error;
	if (__builtin_mul_overflow(index, sizeof(*chunk), &offset))
		spill->error = -EFBIG;
	else
		spill->error = write_at(spill->fd, (const char *)chunk, sizeof(*chunk), offset);
	return spill->error;
}

int spill_read(const struct spill *spill, size_t index, struct sample_chunk *ret_chunk)
{
	char *data = (char *)ret_chunk;
	size_t size = sizeof(*ret_chunk);
	off_t offset = (off_t)(index * sizeof(*ret_chunk));

	while (size) {
		ssize_t n = pread(spill->fd, data, size, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		size -= (size_t)n;
		offset += n;
	}
	return 0;
}
