/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a trace at an offset, from a file or from memory.
 * Called by etl_reader.c.
 * Must not know the format.
 */
#include "windows-etw/etl_source.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

int etl_source_open(struct etl_source *source, const char *path, struct oc_error *err)
{
	struct etl_source opened = { 0 };
	struct stat st;
	int rc = 0;

	opened.file = fopen(path, "rb");
	if (!opened.file)
		return oc_error_set(err, -errno, "%s: %s", path, strerror(errno));
	/* Reads are of whole buffers of the trace; a second copy would only cost. */
	setvbuf(opened.file, NULL, _IONBF, 0);
	if (fstat(fileno(opened.file), &st))
		rc = -errno;
	else if (S_ISDIR(st.st_mode))
		rc = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		rc = -EINVAL;
	if (rc) {
		etl_source_close(&opened);
		return oc_error_set(err, rc, "%s: %s", path,
				    rc == -EINVAL ? "not a regular file" : strerror(-rc));
	}
	opened.size = (uint64_t)st.st_size;
	*source = opened;
	return 0;
}

void etl_source_memory(struct etl_source *source, const uint8_t *data, size_t size)
{
	*source = (struct etl_source){ .memory = data, .size = size };
}

void etl_source_close(struct etl_source *source)
{
	if (source->file)
		fclose(source->file);
	*source = (struct etl_source){ 0 };
}

int etl_source_read(const struct etl_source *source, uint64_t offset, void *data, size_t size)
{
	if (offset > source->size || size > source->size - offset)
		return -ENODATA;
	if (!source->file) {
		if (size)
			memcpy(data, source->memory + offset, size);
		return 0;
	}
	if (fseeko(source->file, (off_t)offset, SEEK_SET))
		return -EIO;
	if (fread(data, 1, size, source->file) == size)
		return 0;
	/* The file may have become shorter since it was opened. */
	return ferror(source->file) ? -EIO : -ENODATA;
}
