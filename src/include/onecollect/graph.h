/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call trees and function totals made from the samples of a machine; what flame graphs and reports are drawn from.
 * All weights are of one kind, in oc_graph_unit(). Samples without a stack count for one frame, "[no stack]".
 */
#ifndef ONECOLLECT_GRAPH_H
#define ONECOLLECT_GRAPH_H

#include <onecollect/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

enum oc_frame_kind {
	OC_FRAME_ROOT,
	OC_FRAME_GROUP,
	OC_FRAME_USER,
	OC_FRAME_KERNEL,
	OC_FRAME_INLINE,
	OC_FRAME_JIT
};

/* A node of a call tree. Children of one parent have different (name, frame_kind) and are sorted by name (bytes). */
struct oc_graph_node {
	oc_string_id name; /* see oc_graph_name() */
	enum oc_frame_kind frame_kind;
	uint32_t parent;       /* node index; the root's is 0 */
	uint32_t first_child;  /* node index, 0 = none */
	uint32_t next_sibling; /* node index, 0 = none */
	uint32_t depth;        /* root 0 */
	uint64_t self;
	uint64_t total; /* self + children's totals */
};

/* What one function weighs. self: samples with it as leaf; total: samples with it anywhere, each counted once. */
struct oc_graph_function {
	oc_string_id name; /* see oc_graph_name() */
	oc_string_id
		module; /* path of the module of its first location met that has one; 0 = unknown */
	enum oc_frame_kind frame_kind;
	uint32_t
		nr_modules; /* paths of modules that have a function of this name: "_start" is in every program */
	uint64_t self;
	uint64_t total;
};

struct oc_graph_opts {
	size_t size;           /* sizeof(struct oc_graph_opts) of the caller */
	oc_kind_id kind;       /* 0 = oc_machine_shown_kind() */
	bool group_by_process; /* first level below the root: "comm" (of the process) */
	bool group_by_pid;     /* the group is "comm-pid" instead */
	bool group_by_thread;  /* one more level: "threadname-tid" */
	bool reverse;          /* leaf first: callers below each function; groups are left out */
	/*
	 * Only stacks with a function of this name, from its outermost frame to the leaf or, with reverse, to the root:
	 * what it calls, or what calls it, each sample counted once however deep it recurses. No groups. NULL = all.
	 */
	const char *of;
};

struct oc_graph;

/*
 * Builds the tree and the function table of a finished machine.
 * opts: NULL = {kind 0, group_by_process}. ret_graph: freed with oc_graph_free(), before the machine is.
 * Returns 0, -EINVAL (unknown kind), -ENOMEM, or a negative errno value of reading spilled samples.
 */
OC_API int oc_graph_new(const struct oc_machine *m, const struct oc_graph_opts *opts,
			struct oc_graph **ret_graph);
OC_API void oc_graph_free(struct oc_graph *g);
/* nodes[*ret_nr]; node 0 is the root (its total is the sum of all counts of the kind). */
OC_API const struct oc_graph_node *oc_graph_nodes(const struct oc_graph *g, uint32_t *ret_nr);
/* functions[*ret_nr], sorted by self, then total (both falling), then name. Functions are one by (name, frame_kind). */
OC_API const struct oc_graph_function *oc_graph_functions(const struct oc_graph *g,
							  uint32_t *ret_nr);
/*
 * Text of a node's or function's name, NUL-terminated; "" for the root. *ret_len (may be NULL) is its length.
 * Names of groups ("comm-pid") and "[no stack]" are made for the graph and unknown to oc_machine_string().
 */
OC_API const char *oc_graph_name(const struct oc_graph *g, oc_string_id name, size_t *ret_len);
/*
 * The unit of all weights: OC_UNIT_COUNT = samples, for kinds whose samples are alike (by time, or events); for other
 * kinds OC_UNIT_NANOSECONDS, OC_UNIT_BYTES or OC_UNIT_CYCLES.
 */
OC_API enum oc_unit oc_graph_unit(const struct oc_graph *g);
/* What a sample of m weighs in graphs of its kind, and the unit of that: oc_graph_unit(). */
OC_API uint64_t oc_sample_weight(const struct oc_machine *m, const struct oc_sample *sample);
OC_API enum oc_unit oc_kind_weight_unit(const struct oc_kind *kind);
/* The name of such a unit: "samples", "nanoseconds", "bytes" or "cycles"; static text. */
OC_API const char *oc_weight_unit_name(enum oc_unit unit);
/* The kind that the graph is of. */
OC_API const struct oc_kind *oc_graph_kind(const struct oc_graph *g);

#ifdef __cplusplus
}
#endif

#endif
