/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is only ever added to and freed all at once, in chunks that never move.
 * Used by the interning tables: an address handed out stays valid until arena_done().
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

/* Embedded; start with all zero. `bytes` is the memory held, for budgets. */
struct arena {
	struct arena_chunk *chunks; /* newest first; only the newest has room */
	size_t bytes;
};

/* Frees every chunk. Accepts an all-zero arena. */
void arena_done(struct arena *a);

/*
 * Gives size bytes, aligned to 8, not initialised. Larger than a chunk is allowed.
 * Returns the memory (owned by the arena, valid until arena_done()), or NULL = no memory.
 */
void *arena_alloc(struct arena *a, size_t size);

/* Copies size bytes into the arena and adds a NUL behind them. Returns the copy or NULL = no memory. */
char *arena_copy(struct arena *a, const void *data, size_t size);

#endif
