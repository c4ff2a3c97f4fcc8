/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks as a tree of shared beginnings: what formats store that name a stack by its last node.
 * Used by format writers; knows no format. Grows with the stacks of a machine, not with its samples.
 */
#ifndef EXPORT_STACK_TREE_H
#define EXPORT_STACK_TREE_H

#include "base/u64_map.h"
#include "export/frames.h"

struct stack_node {
	uint32_t parent; /* node number, always lower than the node's own; 0 = none */
	uint32_t item;
};

/* Nodes are numbered from 1 in the order in which they were added; node n is nodes[n - 1]. */
struct stack_tree {
	const struct oc_machine *m;
	struct frame_places places; /* `first` is NULL when items are code */
	struct stack_node *nodes;
	size_t nr, cap;
	struct u64_map index;
	uint32_t *of_stack; /* node by stack id, 0 = not added yet */
	struct frame_list frames;
};

/*
 * Begins a tree. by_place: items are places, else code (export/frames.h).
 * Returns 0 or -ENOMEM; stack_tree_done() in both cases.
 */
int stack_tree_init(struct stack_tree *t, const struct oc_machine *m, bool by_place);
/* Frees the tree. Accepts an all-zero one. */
void stack_tree_done(struct stack_tree *t);
/* The child of a node (0 = of the root) with an item, which is not 0; added when new. Returns its number or -ENOMEM. */
int64_t stack_tree_child(struct stack_tree *t, uint32_t parent, uint32_t item);
/* The last node of a stack below a node (0 = the root). Returns its number or -ENOMEM. */
int64_t stack_tree_add(struct stack_tree *t, uint32_t below, oc_stack_id stack);

#endif
