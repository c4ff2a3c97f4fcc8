/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chunked memory that never moves.
 * Called through base/arena.h.
 * Must not know what is stored.
 */
#include "base/arena.h"

#include <stdint.h>

#include "base/macros.h"

#define ARENA_CHUNK_BYTES (64 * 1024)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used;
	size_t size;
	_Alignas(8) char data[];
};

void arena_done(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
	a->bytes = 0;
}

static struct arena_chunk *chunk_new(struct arena *a, size_t need)
{
	size_t size = MAX(need, (size_t)ARENA_CHUNK_BYTES - sizeof(struct arena_chunk));
	struct arena_chunk *chunk;

	if (size > SIZE_MAX - sizeof(*chunk))
		return NULL;
	chunk = malloc(sizeof(*chunk) + size);
	if (!chunk)
		return NULL;
	chunk->used = 0;
	chunk->size = size;
	a->bytes += sizeof(*chunk) + size;
	/* An oversized item gets a chunk of its own behind the newest, so the newest keeps its room. */
	if (a->chunks && need > ARENA_CHUNK_BYTES / 4) {
		chunk->next = a->chunks->next;
		a->chunks->next = chunk;
	} else {
		chunk->next = a->chunks;
		a->chunks = chunk;
	}
	return chunk;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_chunk *chunk = a->chunks;
	void *p;

	if (size > SIZE_MAX - 8)
		return NULL;
	size = (size + 7) & ~(size_t)7;
	if (!chunk || chunk->size - chunk->used < size) {
		chunk = chunk_new(a, size);
		if (!chunk)
			return NULL;
	}
	p = chunk->data + chunk->used;
	chunk->used += size;
	return p;
}

char *arena_copy(struct arena *a, const void *data, size_t size)
{
	char *copy;

	if (size == SIZE_MAX)
		return NULL;
	copy = arena_alloc(a, size + 1);
	if (!copy)
		return NULL;
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}
