/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of stacks, as collectors define them once, and what the machine calls the whole of a user part, a kernel part
 * and the place that was hit.
 * Used by src/machine_sink.c.
 */
#ifndef STACK_PARTS_H
#define STACK_PARTS_H

#include <onecollect/machine.h>

#include "base/arena.h"
#include "base/id_table.h"
#include "collector.h"

/* Embedded; start with all zero. */
struct stack_parts {
	struct arena addresses;
	struct id_table part_index;
	struct stack_part *parts;
	size_t parts_cap;
	struct id_table joined_index;
	struct joined_stack *joined;
	size_t joined_cap;
};

/* Remembers a part; one that is known already, or called 0, is left alone. addresses[nr]: copied. Returns 0 or -ENOMEM. */
int stack_parts_define(struct stack_parts *parts, uint64_t id, const uint64_t *addresses,
		       uint32_t nr);
/*
 * The machine's callstack for a sample.
 * ret_is_cut: it was too deep for the machine, and lacks the frames of its root.
 * Returns its id, 0 for none, -ENOENT for an unknown part, or -ENOMEM; *ret_is_cut is set with an id only.
 */
int64_t stack_parts_join(struct stack_parts *parts, struct oc_machine *m,
			 const struct collector_sample *in, bool *ret_is_cut);
void stack_parts_done(struct stack_parts *parts);

#endif
