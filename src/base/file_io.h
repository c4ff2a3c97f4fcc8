/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and writing all that was asked for, where one call of the system may do a part.
 * Used by what reads files at places of its own choice.
 */
#ifndef BASE_FILE_IO_H
#define BASE_FILE_IO_H

#include <stddef.h>
#include <stdint.h>

/* Reads data[size] from `offset` on. Returns how many bytes there were, less than size only where the file ends, or a
 * negative errno value. */
int64_t file_read_at(int fd, void *data, size_t size, uint64_t offset);
/* Writes data[size] to `offset` on. Returns 0 or a negative errno value. */
int file_write_at(int fd, const void *data, size_t size, uint64_t offset);

#endif
