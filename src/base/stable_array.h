/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An array that grows without moving its elements, in chunks of a power of two.
 * Used by the export machine for everything that it hands out by address; knows nothing of the element type.
 */
#ifndef BASE_STABLE_ARRAY_H
#define BASE_STABLE_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* Embedded; set up by stable_array_init(). `count` elements are in use; the memory of one never moves. */
struct stable_array {
	char **chunks;
	size_t nr_chunks;
	size_t cap_chunks;
	size_t elem_size;
	uint32_t count;
	uint32_t shift; /* 1 << shift elements per chunk */
};

/* Makes an empty array of elements of elem_size bytes, 1 << shift of them per chunk. Allocates nothing. */
void stable_array_init(struct stable_array *a, size_t elem_size, uint32_t shift);
/* Frees the elements. Accepts an all-zero array. */
void stable_array_done(struct stable_array *a);
/* For stable_array_reserve(), when there is not room enough. */
int stable_array_grow(struct stable_array *a, uint32_t extra);
/*
 * Makes room for `extra` more elements, so that as many stable_array_add() cannot fail.
 * Returns 0 or -ENOMEM, also when the array would have more than UINT32_MAX elements.
 */
static inline int stable_array_reserve(struct stable_array *a, uint32_t extra)
{
	size_t room = MIN(a->nr_chunks << a->shift, (size_t)UINT32_MAX);

	return (size_t)a->count + extra <= room ? 0 : stable_array_grow(a, extra);
}
/* Appends one element, all zero. Returns it, or NULL = no memory. */
void *stable_array_add(struct stable_array *a);
/*
 * Appends `nr` elements that lie next to each other, all zero; elements may be left out before them, all zero too.
 * nr: 1 up to the elements of one chunk.
 * Returns the first one with its index in *ret_index, or NULL = no memory.
 */
void *stable_array_add_run(struct stable_array *a, uint32_t nr, uint32_t *ret_index);
/* Memory held, in bytes, for budgets. */
size_t stable_array_bytes(const struct stable_array *a);

/* The element at index, which must be below count. */
static inline void *stable_array_at(const struct stable_array *a, uint32_t index)
{
	return a->chunks[index >> a->shift] + (index & ((1u << a->shift) - 1)) * a->elem_size;
}

/* Like stable_array_at(), faster where the type is known: the size of an element is a constant then. */
#define STABLE_ARRAY_AT(a, type, index) \
	((type *)(void *)(a)->chunks[(index) >> (a)->shift] + ((index) & ((1u << (a)->shift) - 1)))

/* The element that an id counted from 1 names, or NULL when there is none. */
static inline void *stable_array_by_id(const struct stable_array *a, uint32_t id)
{
	return id && id <= a->count ? stable_array_at(a, id - 1) : NULL;
}

#endif
