/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash map between 32-bit numbers.
 * Called by whoever follows processes and threads.
 * Must not know what the numbers are.
 */
#include "base/u32_map.h"

#include <errno.h>

#include "base/macros.h"

#define FIRST_SLOTS 64

/* Fibonacci hashing: neighbouring pids, which are the rule, land far apart. */
static size_t home_of(const struct u32_map *map, uint32_t key)
{
	return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & map->mask;
}

/* The slot of the key, or the empty slot where it belongs. The map has at least one empty slot. */
static size_t slot_of(const struct u32_map *map, uint32_t key)
{
	size_t i = home_of(map, key);

	while (map->slots[i].key && map->slots[i].key != key)
		i = (i + 1) & map->mask;
	return i;
}

static int grow(struct u32_map *map)
{
	size_t nr = map->slots ? (map->mask + 1) * 2 : FIRST_SLOTS;
	struct u32_map larger = { .mask = nr - 1, .count = map->count };

	larger.slots = calloc(nr, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; map->slots && i <= map->mask; i++)
		if (map->slots[i].key)
			larger.slots[slot_of(&larger, map->slots[i].key)] = map->slots[i];
	free(map->slots);
	*map = larger;
	return 0;
}

void u32_map_done(struct u32_map *map)
{
	free(map->slots);
	*map = (struct u32_map){ 0 };
}

void u32_map_clear(struct u32_map *map)
{
	if (map->slots)
		memset(map->slots, 0, (map->mask + 1) * sizeof(*map->slots));
	map->count = 0;
}

int u32_map_set(struct u32_map *map, uint32_t key, uint32_t value)
{
	size_t i;

	if (map->slots) {
		i = slot_of(map, key);
		if (map->slots[i].key) {
			map->slots[i].value = value;
			return 0;
		}
	}
	if (!map->slots || (map->count + 1) * 10 > (map->mask + 1) * 7) {
		int r = grow(map);

		if (r)
			return r;
	}
	map->slots[slot_of(map, key)] = (struct u32_slot){ .key = key, .value = value };
	map->count++;
	return 0;
}

bool u32_map_get(const struct u32_map *map, uint32_t key, uint32_t *ret_value)
{
	size_t i;

	if (!map->slots || !key)
		return false;
	i = slot_of(map, key);
	if (!map->slots[i].key)
		return false;
	if (ret_value)
		*ret_value = map->slots[i].value;
	return true;
}

bool u32_map_remove(struct u32_map *map, uint32_t key, uint32_t *ret_value)
{
	size_t hole, i;

	if (!u32_map_get(map, key, ret_value))
		return false;
	hole = slot_of(map, key);
	/* Close the gap: a later entry moves into it unless its home lies cyclically in (hole, i]. */
	for (i = (hole + 1) & map->mask; map->slots[i].key; i = (i + 1) & map->mask) {
		size_t home = home_of(map, map->slots[i].key);

		if (((i - home) & map->mask) < ((i - hole) & map->mask))
			continue;
		map->slots[hole] = map->slots[i];
		hole = i;
	}
	map->slots[hole] = (struct u32_slot){ 0 };
	map->count--;
	return true;
}

void u32_map_remove_value(struct u32_map *map, uint32_t value)
{
	/*
	 * A removal moves later entries into the gap, so the same slot is looked at again. What wraps around to the
	 * end of the table comes from its beginning, which was looked at.
	 */
	for (size_t i = 0; map->slots && i <= map->mask; i++)
		while (map->slots[i].key && map->slots[i].value == value)
			u32_map_remove(map, map->slots[i].key, NULL);
}
