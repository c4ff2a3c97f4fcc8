/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two recordings compared: how the share of each function changed, and whether that is more than chance.
 * docs/diff.md tells what is assumed.
 */
#ifndef ONECOLLECT_DIFF_H
#define ONECOLLECT_DIFF_H

#include <onecollect/graph.h>
#include <onecollect/output.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the spread of shares within a recording was taken from. */
enum oc_diff_method {
	OC_DIFF_SLICES, /* slices of time, from samples with times */
	OC_DIFF_THREADS, /* threads of one name, from counts without times; OC_DIFF_ASSUMED_DISPERSION at least */
	OC_DIFF_ASSUMED, /* nothing to take it from: OC_DIFF_ASSUMED_DISPERSION */
	OC_DIFF_NONE, /* what is added up are no samples (bytes, fractions): there are no intervals */
};

/* Variance of a share, in multiples of that of independent samples, where times do not tell it. */
#define OC_DIFF_ASSUMED_DISPERSION 4.0

/* How a share changed. Shares are 0..1. */
struct oc_diff_change {
	uint64_t count
		[2]; /* samples in A and in B; amounts of kinds that call trees weigh by those, see oc_graph_unit() */
	double share[2];
	double change; /* share[1] - share[0] */
	double margin; /* half the width of the 95 % confidence interval of `change`; NaN = no interval */
	double p; /* probability of such a change by chance, corrected for all that were tested; 1 = not tested */
	bool significant; /* p < 0.05, and both recordings have times: only they tell how much a share varies */
};

/* A function of either recording, by the name that it is compared by. */
struct oc_diff_function {
	const char *name;   /* NUL-terminated, clean UTF-8 */
	const char *module; /* path, of the recording that has most samples of it; "" = unknown */
	bool is_kernel;
	struct oc_diff_change self;
	struct oc_diff_change total;
};

/* A node of the common call tree. Children of a node are sorted by name (bytes), then kind. */
struct oc_diff_node {
	const char *name; /* "" for the root */
	enum oc_frame_kind frame_kind;
	uint32_t parent;       /* node index; the root's is 0 */
	uint32_t first_child;  /* node index, 0 = none */
	uint32_t next_sibling; /* node index, 0 = none */
	uint32_t depth;        /* root 0 */
	uint64_t self[2];
	uint64_t total[2];
};

/* About the comparison as a whole. */
struct oc_diff_info {
	const struct oc_kind *kind[2]; /* what was compared */
	uint64_t count[2];
	enum oc_diff_method method[2];
	double dispersion
		[2]; /* median over the tested functions; 1 = as independent samples; NaN for METHOD_NONE */
	uint32_t nr_tested; /* shares that have samples enough to be judged */
	uint32_t nr_significant;
};

struct oc_diff_opts {
	size_t size; /* sizeof(struct oc_diff_opts) of the caller */
	const char *
		kind; /* kind to compare, by name; NULL = the one shown of A, and that of B which it can be compared with */
};

struct oc_diff;

/*
 * Compares two finished machines, which must live until oc_diff_free().
 *
 * opts: NULL = defaults. ret_diff: freed with oc_diff_free(). err: filled in on failure; may be NULL.
 * Returns 0; -EINVAL (no such kind, kinds that measure different things, a recording without samples); -ENOMEM; or a
 * negative errno value of reading spilled samples. Thread rule: the machines are only read.
 */
OC_API int oc_diff_new(const struct oc_machine *a, const struct oc_machine *b,
		       const struct oc_diff_opts *opts, struct oc_diff **ret_diff,
		       struct oc_error *err);
/* Accepts NULL. */
OC_API void oc_diff_free(struct oc_diff *d);

/*
 * functions[*ret_nr]: those with a significant change first, ordered by how much their own (self) share changed, then
 * by their total share, then by name.
 */
OC_API const struct oc_diff_function *oc_diff_functions(const struct oc_diff *d, uint32_t *ret_nr);
/* nodes[*ret_nr]; node 0 is the root. */
OC_API const struct oc_diff_node *oc_diff_nodes(const struct oc_diff *d, uint32_t *ret_nr);
OC_API const struct oc_diff_info *oc_diff_info(const struct oc_diff *d);

/*
 * Writes the common call tree: as folded stacks with two counts, "comm;root;...;leaf A B", as difffolded.pl makes them;
 * or as a flame graph in SVG, wide as the mean of both shares, red where the share grew, blue where it shrank.
 * Returns 0 or a negative errno value of `out`, or -ENOMEM.
 */
OC_API int oc_diff_write_folded(const struct oc_diff *d, struct oc_output *out);
OC_API int oc_diff_write_svg(const struct oc_diff *d, struct oc_output *out);

#ifdef __cplusplus
}
#endif

#endif
