/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An array whose elements stay where they are.
 * Called through base/stable_array.h.
 * Must not know what the elements are.
 */
#include "base/stable_array.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"

void stable_array_init(struct stable_array *a, size_t elem_size, uint32_t shift)
{
	*a = (struct stable_array){ .elem_size = elem_size, .shift = shift };
}

void stable_array_done(struct stable_array *a)
{
	for (size_t i = 0; i < a->nr_chunks; i++)
		free(a->chunks[i]);
	free(a->chunks);
	stable_array_init(a, a->elem_size, a->shift);
}

int stable_array_grow(struct stable_array *a, uint32_t extra)
{
	size_t need;

	if (extra > UINT32_MAX - a->count)
		return -ENOMEM;
	need = ((size_t)a->count + extra + ((size_t)1 << a->shift) - 1) >> a->shift;
	if (array_reserve(&a->chunks, &a->cap_chunks, need, sizeof(*a->chunks)))
		return -ENOMEM;
	while (a->nr_chunks < need) {
		char *chunk = calloc((size_t)1 << a->shift, a->elem_size);

		if (!chunk)
			return -ENOMEM;
		a->chunks[a->nr_chunks++] = chunk;
	}
	return 0;
}

void *stable_array_add(struct stable_array *a)
{
	if (stable_array_reserve(a, 1))
		return NULL;
	return stable_array_at(a, a->count++);
}

void *stable_array_add_run(struct stable_array *a, uint32_t nr, uint32_t *ret_index)
{
	uint32_t per_chunk = 1u << a->shift;
	uint32_t room = per_chunk - (a->count & (per_chunk - 1));
	uint32_t skip = nr > room ? room : 0;

	if (stable_array_reserve(a, skip + nr))
		return NULL;
	a->count += skip;
	*ret_index = a->count;
	a->count += nr;
	return stable_array_at(a, *ret_index);
}

size_t stable_array_bytes(const struct stable_array *a)
{
	return a->nr_chunks * (a->elem_size << a->shift) + a->cap_chunks * sizeof(*a->chunks);
}
