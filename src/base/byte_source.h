/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a file or of memory, read at any place and never beyond their end.
 * Used by readers of executables and symbol files, which nobody vouches for; knows no format.
 */
#ifndef BASE_BYTE_SOURCE_H
#define BASE_BYTE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

/* A file is read with pread(2) and never mapped: one that shrinks gives an error and not a SIGBUS. */
struct byte_source {
	int fd;                /* -1 = memory; borrowed */
	const uint8_t *memory; /* [size]; borrowed */
	uint64_t size;
};

/* Reads exactly size bytes at offset. Returns 0, -EBADMSG (beyond the end) or an error of pread(2). */
int byte_source_read(const struct byte_source *s, uint64_t offset, void *buf, size_t size);

#endif
