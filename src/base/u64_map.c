/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash map from 64-bit key to 64-bit value.
 * Called through base/u64_map.h.
 * Must not know what keys and values mean.
 */
#include "base/u64_map.h"

#include <errno.h>

#include "base/macros.h"

#define FIRST_SLOTS 64

void u64_map_done(struct u64_map *map)
{
	free(map->slots);
	*map = (struct u64_map){ 0 };
}

static struct u64_slot *free_slot(struct u64_slot *slots, size_t mask, uint64_t key)
{
	size_t i = hash_u64(key) & mask;

	while (slots[i].key)
		i = (i + 1) & mask;
	return &slots[i];
}

static int grow(struct u64_map *map)
{
	size_t nr_slots = map->slots ? (map->mask + 1) * 2 : FIRST_SLOTS;
	struct u64_slot *slots = calloc(nr_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; map->slots && i <= map->mask; i++) {
		if (map->slots[i].key)
			*free_slot(slots, nr_slots - 1, map->slots[i].key) = map->slots[i];
	}
	free(map->slots);
	map->slots = slots;
	map->mask = nr_slots - 1;
	return 0;
}

int u64_map_set(struct u64_map *map, uint64_t key, uint64_t value)
{
	uint64_t *found;

	if (!key)
		return -EINVAL;
	found = u64_map_find(map, key);
	if (found) {
		*found = value;
		return 0;
	}
	if (!map->slots || (map->count + 1) * 10 > (map->mask + 1) * 7) {
		if (grow(map))
			return -ENOMEM;
	}
	*free_slot(map->slots, map->mask, key) = (struct u64_slot){ .key = key, .value = value };
	map->count++;
	return 0;
}

size_t u64_map_bytes(const struct u64_map *map)
{
	return map->slots ? (map->mask + 1) * sizeof(*map->slots) : 0;
}
