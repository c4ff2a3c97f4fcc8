/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of the numbers 0 .. nr - 1 are in use, handed out in runs of neighbours: the allocator of arrays that cannot move.
 * Used by src/unwind/store.c; knows nothing of what the numbers stand for.
 */
#ifndef BASE_RUN_MAP_H
#define BASE_RUN_MAP_H

#include <stddef.h>
#include <stdint.h>

/* Embedded; set up by run_map_init(). */
struct run_map {
	uint64_t *words; /* one bit for each number, 1 = in use */
	uint32_t nr;
	uint32_t chunk; /* runs do not cross multiples of this */
	uint32_t used;
	uint32_t next; /* where the search begins: behind the last run that was found */
};

#define RUN_MAP_NONE UINT32_MAX

/*
 * All numbers free.
 * nr: 1 .. 1 << 31. chunk: a run lies within one chunk of so many numbers; 0 = anywhere.
 * Returns 0 or -ENOMEM.
 */
int run_map_init(struct run_map *map, uint32_t nr, uint32_t chunk);
/* Accepts an all-zero one. */
void run_map_done(struct run_map *map);
/* Takes a run of `nr` (at least 1) free neighbours. Returns the first, or RUN_MAP_NONE = there is no such run. */
uint32_t run_map_take(struct run_map *map, uint32_t nr);
/* Gives back first .. first + nr - 1, which must be in use. */
void run_map_give(struct run_map *map, uint32_t first, uint32_t nr);
/* Memory held, in bytes, for budgets. */
size_t run_map_bytes(const struct run_map *map);

#endif
