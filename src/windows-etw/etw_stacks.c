/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interned stack parts, and keys by time.
 * Called by etw_facts.c and etw_trace.c.
 * Must not know which event a stack belongs to.
 */
#include "windows-etw/etw_stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/macros.h"

/* Windows logs at most 192 frames, a cached stack some more; longer ones are damage. */
#define FRAMES_MAX 1024

/* The hash is not for tables that others fill with chosen keys to slow us down: their trace is what would be slow. */
#define HASH_SEED 0

struct etw_key_definition {
	uint64_t key;
	uint64_t time;
	struct etw_stack_ids ids;
};

void etw_stacks_done(struct etw_stacks *stacks)
{
	arena_done(&stacks->arena);
	id_table_done(&stacks->index);
	free(stacks->parts);
	free(stacks->keys);
	*stacks = (struct etw_stacks){ 0 };
}

static bool part_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct etw_part *have = etw_stacks_part(owner, id), *want = wanted;

	return have->nr == want->nr && have->kernel == want->kernel &&
	       !memcmp(have->addresses, want->addresses, want->nr * sizeof(*want->addresses));
}

/* Returns the part's id, 0 for an empty one, or -ENOMEM. */
static int64_t intern(struct etw_stacks *stacks, const uint64_t *addresses, uint32_t nr,
		      bool kernel)
{
	const struct etw_part want = { .addresses = addresses, .nr = nr, .kernel = kernel };
	size_t nr_parts = stacks->index.count;
	uint64_t hash, *copy;
	uint32_t id;

	if (!nr)
		return 0;
	hash = hash_words(addresses, nr, HASH_SEED) ^ kernel;
	id = id_table_find(&stacks->index, hash, part_equal, stacks, &want);
	if (id)
		return id;
	if (array_reserve(&stacks->parts, &stacks->parts_cap, nr_parts + 1, sizeof(*stacks->parts)))
		return -ENOMEM;
	copy = arena_alloc(&stacks->arena, nr * sizeof(*copy));
	if (!copy || id_table_add(&stacks->index, hash, (uint32_t)nr_parts + 1))
		return -ENOMEM;
	memcpy(copy, addresses, nr * sizeof(*copy));
	stacks->parts[nr_parts] =
		(struct etw_part){ .addresses = copy, .nr = nr, .kernel = kernel };
	return (int64_t)nr_parts + 1;
}

int etw_stacks_add(struct etw_stacks *stacks, const struct etw_addresses *frames,
		   struct etw_stack_ids *ret_ids)
{
	uint64_t addresses[FRAMES_MAX];
	uint32_t nr = MIN(frames->nr, (uint32_t)FRAMES_MAX), nr_kernel = 0;
	int64_t kernel, user;

	for (uint32_t i = 0; i < nr; i++) {
		addresses[i] = etw_address(frames, i);
		/* What the walker read wrongly between two frames of the kernel is not the user's. */
		if (etw_is_kernel(addresses[i], frames->pointer_size))
			nr_kernel = i + 1;
	}
	kernel = intern(stacks, addresses, nr_kernel, true);
	user = intern(stacks, addresses + nr_kernel, nr - nr_kernel, false);
	if (kernel < 0 || user < 0)
		return -ENOMEM;
	*ret_ids = (struct etw_stack_ids){ .kernel = (uint32_t)kernel, .user = (uint32_t)user };
	return 0;
}

int etw_stacks_add_key(struct etw_stacks *stacks, uint64_t time, const struct etw_stack_key *key)
{
	struct etw_key_definition *definition;

	if (array_reserve(&stacks->keys, &stacks->keys_cap, stacks->nr_keys + 1,
			  sizeof(*stacks->keys)))
		return -ENOMEM;
	definition = &stacks->keys[stacks->nr_keys];
	*definition = (struct etw_key_definition){ .key = key->key, .time = time };
	if (etw_stacks_add(stacks, &key->frames, &definition->ids))
		return -ENOMEM;
	stacks->nr_keys++;
	return 0;
}

static int by_key_and_time(const void *a, const void *b)
{
	const struct etw_key_definition *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->time < y->time ? -1 : x->time > y->time;
}

void etw_stacks_sort(struct etw_stacks *stacks)
{
	if (stacks->nr_keys)
		qsort(stacks->keys, stacks->nr_keys, sizeof(*stacks->keys), by_key_and_time);
}

bool etw_stacks_find(const struct etw_stacks *stacks, uint64_t key, uint64_t time,
		     struct etw_stack_ids *ret_ids)
{
	const struct etw_key_definition wanted = { .key = key, .time = time };
	size_t from = 0, to = stacks->nr_keys;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (by_key_and_time(&stacks->keys[middle], &wanted) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	if (from == stacks->nr_keys || stacks->keys[from].key != key)
		return false;
	*ret_ids = stacks->keys[from].ids;
	return true;
}
