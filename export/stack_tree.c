/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of stacks.
 * Called by format writers.
 * Must not know any format.
 */
#include "export/stack_tree.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"

int stack_tree_init(struct stack_tree *t, const struct oc_machine *m, bool by_place)
{
	*t = (struct stack_tree){ .m = m };
	t->of_stack = calloc((size_t)oc_machine_nr_stacks(m) + 1, sizeof(*t->of_stack));
	if (!t->of_stack)
		return -ENOMEM;
	return by_place ? frame_places_init(&t->places, m) : 0;
}

void stack_tree_done(struct stack_tree *t)
{
	free(t->places.first);
	free(t->nodes);
	free(t->of_stack);
	free(t->frames.frames);
	u64_map_done(&t->index);
	*t = (struct stack_tree){ 0 };
}

int64_t stack_tree_child(struct stack_tree *t, uint32_t parent, uint32_t item)
{
	uint64_t key = (uint64_t)parent << 32 | item;
	const uint64_t *found = u64_map_find(&t->index, key);

	if (found)
		return (int64_t)*found;
	if (t->nr == UINT32_MAX ||
	    array_reserve(&t->nodes, &t->cap, t->nr + 1, sizeof(*t->nodes)) ||
	    u64_map_set(&t->index, key, t->nr + 1))
		return -ENOMEM;
	t->nodes[t->nr++] = (struct stack_node){ .parent = parent, .item = item };
	return (int64_t)t->nr;
}

int64_t stack_tree_add(struct stack_tree *t, uint32_t below, oc_stack_id stack)
{
	int64_t node = below;

	if (!below && t->of_stack[stack])
		return t->of_stack[stack];
	if (frame_list_fill(&t->frames, t->m, stack))
		return -ENOMEM;
	for (size_t i = 0; i < t->frames.nr && node >= 0; i++) {
		const struct frame *frame = &t->frames.frames[i];

		node = stack_tree_child(t, (uint32_t)node,
					t->places.first ? place_of(&t->places, frame)
							: code_of(t->m, frame));
	}
	if (!below && node > 0)
		t->of_stack[stack] = (uint32_t)node;
	return node;
}
