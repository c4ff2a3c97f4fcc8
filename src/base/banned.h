/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns C library functions without bounds or thread safety into compile errors.
 * Included through base/macros.h; the system headers that declare them come first so that only uses fail.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Library headers that call these themselves (xxhash with XXH_INLINE_ALL) are included before project headers. */
/* Fortified glibc headers make macros of these two for clang. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets atoi atol localtime gmtime

#endif
