/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <string.h> for Windows, with the function of glibc's that it lacks.
 * Found by the Windows build alone, through its include path.
 */
#ifndef BASE_WIN32_STRING_H
#define BASE_WIN32_STRING_H

#include_next <string.h>

/* memmem(3), in memmem_win32.c. */
extern void *memmem(const void *data, size_t size, const void *part, size_t part_size);

#endif
