/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The code that the kernel maps into each process (vDSO), as this process has it: an ELF image in memory.
 * All 64-bit processes of a kernel have the same. Used by whoever names or unwinds its functions; Linux only.
 */
#ifndef BASE_VDSO_H
#define BASE_VDSO_H

#include <stddef.h>

/* Returns the image, which stays, with its size in bytes; NULL = there is none, or not one of 64 bits. */
const void *vdso_image(size_t *ret_size);

#endif
