/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small language helpers used everywhere.
 * Included by every module; knows nothing of the project.
 */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#include <stddef.h>
#include <stdint.h>

#include "base/banned.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* One of the arguments is evaluated twice, so neither may have an effect. */
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Exchanges two variables of one type. */
#define SWAP(a, b)                         \
	do {                               \
		__typeof__(a) swap_ = (a); \
		(a) = (b);                 \
		(b) = swap_;               \
	} while (0)

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Runs fn(&variable) when the variable goes out of scope; for locals with exactly one owner. */
#define __cleanup(fn)            __attribute__((cleanup(fn)))
#define __printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

/* Hands a pointer over and leaves NULL behind, so that a hand-over of ownership is visible. */
#define take_ptr(pp)                          \
	({                                    \
		__typeof__(*(pp)) p_ = *(pp); \
		*(pp) = NULL;                 \
		p_;                           \
	})

/* free(*p) for __cleanup; accepts a pointer to any object pointer. */
void cleanup_free(void *p);
/* close(*fd) for __cleanup, when *fd >= 0; keeps errno. */
void cleanup_close(int *fd);

#endif
