/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memmem(3), which the C library of Windows lacks.
 * Called as on Linux.
 */
#include <string.h>

void *memmem(const void *data, size_t size, const void *part, size_t part_size)
{
	const char *at = data, *end = at + size;

	if (!part_size)
		return (void *)at;
	for (; (size_t)(end - at) >= part_size; at++) {
		at = memchr(at, *(const char *)part, (size_t)(end - at) - part_size + 1);
		if (!at)
			return NULL;
		if (!memcmp(at, part, part_size))
			return (void *)at;
	}
	return NULL;
}
