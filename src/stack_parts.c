/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeping the parts of stacks, and putting stacks together.
 * Called by src/machine_sink.c.
 * Must not know processes.
 */
#include "stack_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/macros.h"

/* One part (user or kernel) of a stack, as the collector defined it. */
struct stack_part {
	uint64_t id;
	const uint64_t *addresses;
	uint32_t nr;
};

/* What a sample's stack is made of; no padding, for it is hashed. */
struct join_key {
	uint64_t kernel;
	uint64_t user;
	uint64_t ip;
	uint64_t ip_in_kernel;
};

/* Parts that were met together, and what the machine calls the whole. */
struct joined_stack {
	struct join_key key;
	oc_callstack_id callstack;
	bool is_cut;
};

/* A stack that is put together. */
struct joining {
	uint64_t addresses[OC_STACK_FRAMES_MAX];
	uint32_t nr;
	bool is_cut;
};

static bool is_part(const void *owner, uint32_t id, const void *wanted)
{
	return ((const struct stack_parts *)owner)->parts[id - 1].id == *(const uint64_t *)wanted;
}

static const struct stack_part *find_part(const struct stack_parts *s, uint64_t id)
{
	uint32_t i = id_table_find(&s->part_index, id, is_part, s, &id);

	return i ? &s->parts[i - 1] : NULL;
}

int stack_parts_define(struct stack_parts *parts, uint64_t id, const uint64_t *addresses,
		       uint32_t nr)
{
	size_t nr_parts = parts->part_index.count;
	uint64_t *copy;

	if (!id || find_part(parts, id))
		return 0;
	copy = arena_alloc(&parts->addresses, nr * sizeof(*copy));
	if (!copy ||
	    array_reserve(&parts->parts, &parts->parts_cap, nr_parts + 1, sizeof(*parts->parts)))
		return -ENOMEM;
	memcpy(copy, addresses, nr * sizeof(*copy));
	parts->parts[nr_parts] = (struct stack_part){ .id = id, .addresses = copy, .nr = nr };
	return id_table_add(&parts->part_index, id, (uint32_t)nr_parts + 1);
}

static bool is_joined(const void *owner, uint32_t id, const void *wanted)
{
	return !memcmp(&((const struct stack_parts *)owner)->joined[id - 1].key, wanted,
		       sizeof(struct join_key));
}

static void append(struct joining *to, uint64_t address)
{
	if (to->nr < ARRAY_SIZE(to->addresses))
		to->addresses[to->nr++] = address;
	else
		to->is_cut = true;
}

/* Appends the part called `id`. False = unknown part. */
static bool append_part(const struct stack_parts *s, uint64_t id, struct joining *to)
{
	const struct stack_part *part = id ? find_part(s, id) : NULL;

	for (uint32_t i = 0; part && i < part->nr; i++)
		append(to, part->addresses[i]);
	return !id || part;
}

static int64_t intern_joined(const struct stack_parts *s, struct oc_machine *m,
			     const struct join_key *key, bool *ret_is_cut)
{
	struct joining to;
	uint32_t nr_kernel;

	to.nr = 0;
	to.is_cut = false;
	if (key->ip && key->ip_in_kernel)
		append(&to, key->ip);
	if (!append_part(s, key->kernel, &to))
		return -ENOENT;
	nr_kernel = to.nr;
	if (key->ip && !key->ip_in_kernel)
		append(&to, key->ip);
	if (!append_part(s, key->user, &to))
		return -ENOENT;
	*ret_is_cut = to.is_cut;
	return oc_machine_intern_callstack(m, to.addresses, to.nr, nr_kernel);
}

int64_t stack_parts_join(struct stack_parts *parts, struct oc_machine *m,
			 const struct collector_sample *in, bool *ret_is_cut)
{
	const struct join_key key = {
		.kernel = in->kernel_stack,
		.user = in->user_stack,
		.ip = in->ip,
		.ip_in_kernel = in->ip_in_kernel,
	};
	uint64_t hash = hash_bytes(&key, sizeof(key));
	uint32_t id = id_table_find(&parts->joined_index, hash, is_joined, parts, &key);
	size_t nr_joined = parts->joined_index.count;
	struct joined_stack joined = { .key = key };
	int64_t callstack;

	if (id) {
		*ret_is_cut = parts->joined[id - 1].is_cut;
		return parts->joined[id - 1].callstack;
	}
	callstack = intern_joined(parts, m, &key, &joined.is_cut);
	if (callstack < 0)
		return callstack;
	if (array_reserve(&parts->joined, &parts->joined_cap, nr_joined + 1,
			  sizeof(*parts->joined)))
		return -ENOMEM;
	joined.callstack = (oc_callstack_id)callstack;
	parts->joined[nr_joined] = joined;
	if (id_table_add(&parts->joined_index, hash, (uint32_t)nr_joined + 1))
		return -ENOMEM;
	*ret_is_cut = joined.is_cut;
	return callstack;
}

void stack_parts_done(struct stack_parts *parts)
{
	arena_done(&parts->addresses);
	id_table_done(&parts->part_index);
	id_table_done(&parts->joined_index);
	free(parts->parts);
	free(parts->joined);
}
