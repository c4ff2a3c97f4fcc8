/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hash table from content to 32-bit id.
 * Called through base/id_table.h.
 * Must not know what the ids name.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/id_table.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/u64_map.h"

#define FIRST_SLOTS 64

uint64_t hash_bytes(const void *data, size_t size)
{
	return XXH3_64bits(data, size);
}

/* Both halves of the 128-bit product. */
static uint64_t fold_product(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Constant between the keys of two places: 2^64 / golden ratio, so that they are far apart. */
#define KEY_STEP 0x9e3779b97f4a7c15ULL
/* Any other odd number: lengths must not look like keys. */
#define LENGTH_FACTOR 0xd6e8feb86659fd93ULL

/* One pair of words, shifted by the keys of their places. */
static uint64_t mix_pair(const uint64_t *words, uint64_t key)
{
	return fold_product(words[0] + key, words[1] + key + KEY_STEP);
}

/*
 * The sum of the products of pairs (the NH construction of UMAC, RFC 4418). No pair waits for another, so the
 * processor multiplies several at a time; two sums and four pairs per round let it.
 */
uint64_t hash_words(const uint64_t *words, size_t nr, uint64_t seed)
{
	uint64_t a = nr * LENGTH_FACTOR, b = 0, key = seed;
	size_t i;

	for (i = 0; i + 8 <= nr; i += 8, key += 8 * KEY_STEP) {
		a += mix_pair(words + i, key);
		b += mix_pair(words + i + 2, key + 2 * KEY_STEP);
		a += mix_pair(words + i + 4, key + 4 * KEY_STEP);
		b += mix_pair(words + i + 6, key + 6 * KEY_STEP);
	}
	for (; i + 2 <= nr; i += 2, key += 2 * KEY_STEP)
		a += mix_pair(words + i, key);
	if (i < nr)
		a += fold_product(words[i] + key, key + KEY_STEP);
	return hash_u64(a + b);
}

void id_table_done(struct id_table *t)
{
	free(t->slots);
	free(t->hashes);
	*t = (struct id_table){ 0 };
}

static void place(struct id_slot *slots, size_t mask, uint64_t hash, uint32_t id)
{
	size_t i = hash & mask;

	while (slots[i].id)
		i = (i + 1) & mask;
	slots[i] = (struct id_slot){ .tag = (uint32_t)(hash >> 32), .id = id };
}

static int grow(struct id_table *t)
{
	size_t nr_slots = t->slots ? (t->mask + 1) * 2 : FIRST_SLOTS;
	struct id_slot *slots = calloc(nr_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->count; i++)
		place(slots, nr_slots - 1, t->hashes[i], (uint32_t)(i + 1));
	free(t->slots);
	t->slots = slots;
	t->mask = nr_slots - 1;
	return 0;
}

int id_table_add(struct id_table *t, uint64_t hash, uint32_t id)
{
	if (id != t->count + 1)
		return -EINVAL;
	if (array_reserve(&t->hashes, &t->hashes_cap, t->count + 1, sizeof(*t->hashes)))
		return -ENOMEM;
	if (!t->slots || (t->count + 1) * 10 > (t->mask + 1) * 7) {
		if (grow(t))
			return -ENOMEM;
	}
	t->hashes[t->count++] = hash;
	place(t->slots, t->mask, hash, id);
	return 0;
}

size_t id_table_bytes(const struct id_table *t)
{
	return (t->slots ? (t->mask + 1) * sizeof(*t->slots) : 0) +
	       t->hashes_cap * sizeof(*t->hashes);
}
