/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash map from a nonzero 64-bit key to a 64-bit value that may be replaced; for keys that are ids, not content.
 * Open addressing, linear probing, doubles at 70 %. No removal.
 */
#ifndef BASE_U64_MAP_H
#define BASE_U64_MAP_H

#include <stddef.h>
#include <stdint.h>

struct u64_slot {
	uint64_t key; /* 0 = empty slot */
	uint64_t value;
};

/* Embedded; start with all zero. */
struct u64_map {
	struct u64_slot *slots;
	size_t mask; /* slots - 1; 0 while there are none */
	size_t count;
};

/* Spreads the bits of a key over the word (the multipliers are those of splitmix64's finisher). */
static inline uint64_t hash_u64(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* Frees the map; it is empty then. Accepts an all-zero one. */
void u64_map_done(struct u64_map *map);

/* The value of a key, to be read or changed in place until the next u64_map_set(); NULL = not there. */
static inline uint64_t *u64_map_find(const struct u64_map *map, uint64_t key)
{
	if (!map->slots)
		return NULL;
	for (size_t i = hash_u64(key) & map->mask;; i = (i + 1) & map->mask) {
		if (map->slots[i].key == key)
			return &map->slots[i].value;
		if (!map->slots[i].key)
			return NULL;
	}
}

/* Sets the value of a key. Returns 0, -ENOMEM (map unchanged), or -EINVAL for key 0. */
int u64_map_set(struct u64_map *map, uint64_t key, uint64_t value);

/* Memory held, in bytes, for budgets. */
size_t u64_map_bytes(const struct u64_map *map);

#endif
