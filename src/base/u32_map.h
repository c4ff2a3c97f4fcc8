/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash map from a 32-bit number other than 0 (a pid, a tid) to a 32-bit number, with removal.
 * Used where things come and go; what is interned for ever uses base/id_table.h.
 */
#ifndef BASE_U32_MAP_H
#define BASE_U32_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct u32_slot {
	uint32_t key; /* 0 = empty slot */
	uint32_t value;
};

/* Embedded; start with all zero. Open addressing, linear probing, doubles at 70 %, never shrinks. */
struct u32_map {
	struct u32_slot *slots;
	size_t mask; /* slots - 1; 0 while there are none */
	size_t count;
};

/* Frees the map. Accepts an all-zero one. */
void u32_map_done(struct u32_map *map);
/* Drops the content, keeps the memory. */
void u32_map_clear(struct u32_map *map);
/* Sets or replaces the value of a key other than 0. Returns 0 or -ENOMEM (map unchanged; never when replacing). */
int u32_map_set(struct u32_map *map, uint32_t key, uint32_t value);
/* Finds a key. Returns false when it is not there; *ret_value (may be NULL) is untouched then. */
bool u32_map_get(const struct u32_map *map, uint32_t key, uint32_t *ret_value);
/* Removes a key. Returns false when it was not there; *ret_value (may be NULL) as above. */
bool u32_map_remove(struct u32_map *map, uint32_t key, uint32_t *ret_value);
/* Removes all keys that have this value; looks at every slot. */
void u32_map_remove_value(struct u32_map *map, uint32_t value);

#endif
