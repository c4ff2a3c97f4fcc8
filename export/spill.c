/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The temporary file that takes samples when memory is to be saved; it has no name, so nothing is ever left behind.
 * Called by samples.c only.
 * Must not know what a sample means; it moves whole chunks.
 */
#include "export/machine_private.h"

#include <errno.h>
#include <unistd.h>

#include "base/file_io.h"
#include "base/macros.h"
#include "base/os.h"

int spill_init(struct spill *spill, const char *dir)
{
	*spill = (struct spill){ .fd = -1 };
	spill->dir = strdup(dir ? dir : "");
	return spill->dir ? 0 : -ENOMEM;
}

void spill_done(struct spill *spill)
{
	if (spill->fd >= 0)
		close(spill->fd);
	free(spill->dir);
	*spill = (struct spill){ .fd = -1 };
}

static int open_file(struct spill *spill)
{
	int fd = os_open_temporary(spill->dir);

	if (fd < 0)
		return fd;
	spill->fd = fd;
	return 0;
}

int spill_write(struct spill *spill, size_t index, const struct sample_chunk *chunk)
{
	int64_t offset;

	if (!spill->error && spill->fd < 0)
		spill->error = open_file(spill);
	if (spill->error)
		return spill->error;
	if (__builtin_mul_overflow(index, sizeof(*chunk), &offset))
		spill->error = -EFBIG;
	else
		spill->error = file_write_at(spill->fd, chunk, sizeof(*chunk), (uint64_t)offset);
	return spill->error;
}

int spill_read(const struct spill *spill, size_t index, struct sample_chunk *ret_chunk)
{
	int64_t n = file_read_at(spill->fd, ret_chunk, sizeof(*ret_chunk),
				 (uint64_t)index * sizeof(*ret_chunk));

	if (n < 0)
		return (int)n;
	return (size_t)n < sizeof(*ret_chunk) ? -EIO : 0;
}
