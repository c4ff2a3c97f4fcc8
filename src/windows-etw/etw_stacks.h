/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks of a trace: each distinct part (kernel's or user's) once, and the keys that stand for them.
 * Used by etw_facts.c, which collects, and etw_trace.c, which looks up.
 */
#ifndef ETW_STACKS_H
#define ETW_STACKS_H

#include "base/arena.h"
#include "base/id_table.h"
#include "windows-etw/etw_decode.h"

/* A part of a stack. */
struct etw_part {
	const uint64_t *addresses; /* [nr], leaf first */
	uint32_t nr;
	bool kernel;
	bool told; /* for the reader's use: the sink knows it */
};

/* Ids of parts, 0 = none. */
struct etw_stack_ids {
	uint32_t kernel;
	uint32_t user;
};

struct etw_key_definition;

/* Embedded; start with all zero. */
struct etw_stacks {
	struct arena arena;
	struct id_table index;
	struct etw_part *parts; /* by id - 1 */
	size_t parts_cap;
	struct etw_key_definition *keys; /* [nr_keys]; sorted once etw_stacks_sort() ran */
	size_t nr_keys;
	size_t keys_cap;
};

void etw_stacks_done(struct etw_stacks *stacks);
/*
 * Takes in the frames of a stack: those of the kernel, which come first, and the rest, as two parts.
 * Returns 0 with *ret_ids, or -ENOMEM.
 */
int etw_stacks_add(struct etw_stacks *stacks, const struct etw_addresses *frames,
		   struct etw_stack_ids *ret_ids);
/* Takes in the definition of a key, logged at `time` (raw). Returns 0 or -ENOMEM. */
int etw_stacks_add_key(struct etw_stacks *stacks, uint64_t time, const struct etw_stack_key *key);
/* To be called when all keys are there, before the first etw_stacks_find(). */
void etw_stacks_sort(struct etw_stacks *stacks);
/*
 * What a key stands for in a reference logged at `time` (not: in one to an event at that time): its earliest definition
 * at that time or later, for a key is defined when it is given up, and may be given up and taken anew between an event
 * and the reference to its stack.
 * Returns false when there is none.
 */
bool etw_stacks_find(const struct etw_stacks *stacks, uint64_t key, uint64_t time,
		     struct etw_stack_ids *ret_ids);

static inline struct etw_part *etw_stacks_part(const struct etw_stacks *stacks, uint32_t id)
{
	return &stacks->parts[id - 1];
}

#endif
