/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bitmap, searched for runs of zeros a word at a time.
 * Used by src/unwind/store.c; knows nothing of what the numbers stand for.
 */
#include "base/run_map.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/macros.h"

#define WORD_BITS 64

static uint32_t nr_words(uint32_t nr)
{
	return nr / WORD_BITS + 1;
}

int run_map_init(struct run_map *map, uint32_t nr, uint32_t chunk)
{
	uint64_t *words = calloc(nr_words(nr), sizeof(*words));

	if (!words)
		return -ENOMEM;
	*map = (struct run_map){ .words = words, .nr = nr, .chunk = chunk ? chunk : nr };
	return 0;
}

void run_map_done(struct run_map *map)
{
	free(map->words);
	*map = (struct run_map){ 0 };
}

/* The first number from `from` on, below `end`, that is (not) in use; `end` = there is none. */
static uint32_t find(const struct run_map *map, uint32_t from, uint32_t end, bool in_use)
{
	while (from < end) {
		uint64_t word = map->words[from / WORD_BITS];

		word = (in_use ? word : ~word) >> (from % WORD_BITS);
		if (word)
			return MIN(from + (uint32_t)__builtin_ctzll(word), end);
		from = (from / WORD_BITS + 1) * WORD_BITS;
	}
	return end;
}

static void mark(struct run_map *map, uint32_t first, uint32_t nr, bool in_use)
{
	for (uint32_t i = first; i < first + nr; i++) {
		uint64_t bit = 1ULL << (i % WORD_BITS);
		bool was = map->words[i / WORD_BITS] & bit;

		assert(was != in_use);
		map->words[i / WORD_BITS] ^= bit;
	}
	map->used += in_use ? nr : -nr;
}

/* A free run that begins in from .. end - 1. */
static uint32_t search(const struct run_map *map, uint32_t nr, uint32_t from, uint32_t end)
{
	while (from < end) {
		uint32_t first = find(map, from, end, false), limit, stop;

		if (first == end)
			break;
		limit = MIN(map->nr, (first / map->chunk + 1) * map->chunk);
		stop = find(map, first, MIN(limit, first + nr), true);
		if (stop == first + nr)
			return first;
		from = stop;
	}
	return RUN_MAP_NONE;
}

uint32_t run_map_take(struct run_map *map, uint32_t nr)
{
	uint32_t first = RUN_MAP_NONE;

	if (nr && nr <= map->chunk && nr <= map->nr - map->used) {
		first = search(map, nr, map->next, map->nr);
		if (first == RUN_MAP_NONE)
			first = search(map, nr, 0, map->next);
	}
	if (first == RUN_MAP_NONE)
		return RUN_MAP_NONE;
	mark(map, first, nr, true);
	map->next = first + nr;
	return first;
}

void run_map_give(struct run_map *map, uint32_t first, uint32_t nr)
{
	assert(first < map->nr && nr <= map->nr - first);
	mark(map, first, nr, false);
}

size_t run_map_bytes(const struct run_map *map)
{
	return map->words ? nr_words(map->nr) * sizeof(*map->words) : 0;
}
