/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Growing plain C arrays: one function that makes room, overflow-checked.
 * Used by every module that keeps a list; knows nothing of the element type.
 */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <stddef.h>

/*
 * Makes sure that *items has room for at least `need` elements; grows by half, at least to 16.
 *
 * items: address of the array pointer (`T **` passed as void *); NULL content = no array yet. Owned by the caller.
 * cap: elements allocated at present; updated.
 * need: elements wanted in total.
 * elem_size: sizeof(T).
 * Returns 0, or -ENOMEM (array unchanged), also when need * elem_size overflows.
 */
int array_reserve(void *items, size_t *cap, size_t need, size_t elem_size);

#endif
