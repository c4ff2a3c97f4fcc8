/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers 1, 2, 3, ... for those things of a machine that an output mentions, given when first mentioned.
 * Used by format writers whose tables must be dense; knows no format.
 */
#ifndef EXPORT_NUMBERING_H
#define EXPORT_NUMBERING_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

struct numbering {
	uint32_t *number; /* by id; 0 = not mentioned yet */
	uint32_t *ids;    /* ids in the order of their numbers */
	uint32_t nr;
};

/* Begins with no numbers; ids go from 1 to nr_ids. Returns 0 or -ENOMEM; numbering_done() is needed in both cases. */
static inline int numbering_init(struct numbering *n, uint32_t nr_ids)
{
	n->number = calloc((size_t)nr_ids + 1, sizeof(*n->number));
	n->ids = calloc((size_t)nr_ids + 1, sizeof(*n->ids));
	n->nr = 0;
	return n->number && n->ids ? 0 : -ENOMEM;
}

/* Frees the numbers. Accepts an all-zero one. */
static inline void numbering_done(struct numbering *n)
{
	free(n->number);
	free(n->ids);
}

/* The number of an id. */
static inline uint32_t number_of(struct numbering *n, uint32_t id)
{
	if (!n->number[id]) {
		n->ids[n->nr++] = id;
		n->number[id] = n->nr;
	}
	return n->number[id];
}

#endif
