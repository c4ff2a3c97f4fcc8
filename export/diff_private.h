/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a comparison of two recordings, shared by diff.c (what is compared), diff_tree.c (the common call tree)
 * and diff_stats.c (what is chance).
 */
#ifndef EXPORT_DIFF_PRIVATE_H
#define EXPORT_DIFF_PRIVATE_H

#include <onecollect/diff.h>

#include "base/buffer.h"
#include "export/text_table.h"

#define NR_SIDES 2

/* What makes equal names different things. */
enum diff_class { DIFF_USER, DIFF_KERNEL, DIFF_GROUP };

/* Sums of one symbol's samples over the clusters of a recording, see diff_stats.c. */
struct diff_sums {
	uint64_t count;
	double dispersion; /* NaN = not known */
	double freedom;    /* degrees of freedom of the dispersion */
};

/* A distinct (name, class) of either recording; numbered from 1. */
struct diff_symbol {
	const char *name;
	uint32_t name_id; /* in texts */
	enum diff_class class;
	enum oc_frame_kind frame_kind; /* of the first location met */
	const char *module;            /* likewise; NULL = not known so far */
	struct diff_sums self[NR_SIDES];
	struct diff_sums total[NR_SIDES];
};

struct diff_side {
	const struct oc_machine *m;
	oc_kind_id kind;
	uint32_t *first_frame; /* by location: index into frames + 1; 0 = not there yet */
	uint32_t *frames;      /* runs of symbols, innermost first, each ended by a 0 */
	size_t nr_frames, frames_cap;
	uint32_t *process_symbols; /* by process, 0 = not there yet */
};

struct diff_node_key {
	uint32_t parent;
	uint32_t symbol;
};

struct oc_diff {
	struct oc_diff_info info;
	struct diff_side sides[NR_SIDES];
	struct text_table texts;
	struct diff_symbol *symbols; /* number n at n - 1 */
	size_t symbols_cap;
	struct id_table symbol_ids;
	uint32_t *path; /* symbols of the stack at hand, leaf first */
	size_t nr_path, path_cap;
	struct buffer name; /* scratch */
	struct oc_diff_node *nodes;
	struct diff_node_key *node_keys; /* of node i at i - 1 */
	uint32_t nr_nodes;
	size_t nodes_cap, node_keys_cap;
	struct id_table node_ids;
	struct oc_diff_function *functions;
	uint32_t nr_functions;
};

static inline size_t diff_nr_symbols(const struct oc_diff *d)
{
	return d->symbol_ids.count;
}

/* diff_tree.c */

/* Fills d->path with the symbols of a stack of a side, leaf first; never empty. Returns 0 or -ENOMEM. */
int diff_read_stack(struct oc_diff *d, unsigned int side, oc_stack_id stack);
/* Adds the samples of both sides to the tree and sorts it. Returns 0, -ENOMEM or an error of reading samples. */
int diff_build_tree(struct oc_diff *d);

/* diff_stats.c */

/* Counts the samples of a side by symbol and finds their dispersion. Returns as diff_build_tree(). */
int diff_count_side(struct oc_diff *d, unsigned int side);
/* Judges the changes of functions[nr_functions], whose counts and shares are filled in. Returns 0 or -ENOMEM. */
int diff_judge(struct oc_diff *d, const struct diff_symbol *const *symbols);

#endif
