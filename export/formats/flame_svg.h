/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drawing a tree as a flame graph in SVG.
 * Used by the writers of flame graphs of one recording and of two.
 */
#ifndef EXPORT_FORMATS_FLAME_SVG_H
#define EXPORT_FORMATS_FLAME_SVG_H

#include <onecollect/graph.h>
#include <onecollect/output.h>

#include "base/buffer.h"

/* A tree, and what stands at its nodes. `name` of the nodes is not looked at. */
struct flame_view {
	const struct oc_graph_node *nodes; /* [nr_nodes], as oc_graph_nodes() has them */
	uint32_t nr_nodes;
	const void *arg;
	/* The name of a node, clean UTF-8. */
	const char *(*name)(const void *arg, uint32_t node, size_t *ret_len);
	/* XML text: heading, the line below it, and what a node weighs, without parentheses. */
	void (*put_title)(struct buffer *b, const void *arg);
	void (*put_subtitle)(struct buffer *b, const void *arg);
	void (*put_weight)(struct buffer *b, const void *arg, uint32_t node);
	/* Attributes of the node's rectangle. */
	void (*put_colour)(struct buffer *b, const void *arg, uint32_t node);
};

/* Returns 0, -ENOMEM or an error of `out`. */
int flame_svg_write(const struct flame_view *view, struct oc_output *out);

#endif
