/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash table from content to 32-bit id: the one lookup structure behind everything that is interned.
 * The table holds only {hash, id}; the owner keeps the content by id and compares it in a callback.
 * Open addressing, linear probing, doubles at 70 %. No removal: interned things live as long as their owner.
 */
#ifndef BASE_ID_TABLE_H
#define BASE_ID_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct id_slot {
	uint32_t tag; /* upper half of the hash */
	uint32_t id;  /* 0 = empty slot */
};

/* Embedded; start with all zero. */
struct id_table {
	struct id_slot *slots;
	uint64_t *hashes; /* full hash by id order of insertion, needed when the table grows */
	size_t mask;      /* slots - 1; 0 while there are none */
	size_t count;
	size_t hashes_cap;
};

/* True when the thing called `id` equals the thing looked for. */
typedef bool (*id_equal_fn)(const void *owner, uint32_t id, const void *wanted);

/* 64-bit hash of data[size] (XXH3, little endian result identical on every machine). */
uint64_t hash_bytes(const void *data, size_t size);

/*
 * 64-bit hash of words[nr], for the hot path: half the time of hash_bytes() at 32 words (XXH3 is slow above 240 bytes).
 * seed: any number that others cannot know; who does not know it cannot make words that collide.
 */
uint64_t hash_words(const uint64_t *words, size_t nr, uint64_t seed);

/* Frees the table. Accepts an all-zero one. */
void id_table_done(struct id_table *t);

/*
 * Finds the id stored for `hash` for which equal(owner, id, wanted) holds.
 * Returns the id, or 0 = not found.
 */
static inline uint32_t id_table_find(const struct id_table *t, uint64_t hash, id_equal_fn equal,
				     const void *owner, const void *wanted)
{
	uint32_t tag = (uint32_t)(hash >> 32);

	if (!t->slots)
		return 0;
	for (size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
		const struct id_slot *slot = &t->slots[i];

		if (!slot->id)
			return 0;
		if (slot->tag == tag && equal(owner, slot->id, wanted))
			return slot->id;
	}
}

/* Starts loading what id_table_find() will look at first: worth it when other work can be done meanwhile. */
static inline void id_table_prefetch(const struct id_table *t, uint64_t hash)
{
	if (t->slots)
		__builtin_prefetch(&t->slots[hash & t->mask]);
}

/* An id whose content may be the one looked for, not compared; 0 = certainly not there. For prefetching content. */
static inline uint32_t id_table_guess(const struct id_table *t, uint64_t hash)
{
	const struct id_slot *slot = t->slots ? &t->slots[hash & t->mask] : NULL;

	return slot && slot->tag == (uint32_t)(hash >> 32) ? slot->id : 0;
}

/*
 * Adds {hash, id}. The caller made sure with id_table_find() that it is new, and adds ids 1, 2, 3, ... in order.
 * Returns 0, -ENOMEM (table unchanged), or -EINVAL when the id is not the next one.
 */
int id_table_add(struct id_table *t, uint64_t hash, uint32_t id);

/* Memory held, in bytes, for budgets. */
size_t id_table_bytes(const struct id_table *t);

#endif
