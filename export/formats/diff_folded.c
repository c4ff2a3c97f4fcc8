/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The call tree of two recordings as folded stacks with two counts: "comm;outermost;...;leaf A B".
 * Called by library users and the command line; difffolded.pl writes the same, flamegraph.pl and inferno read it.
 * Must not know how trees are compared.
 */
#include <onecollect/diff.h>

#include <errno.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/macros.h"
#include "export/formats/folded_label.h"

struct diff_folded {
	const struct oc_diff_node *nodes;
	struct oc_output *out;
	struct buffer line;
	size_t *lengths; /* of the line, by depth */
	size_t lengths_cap;
};

/* Appends the label of a node to the line of its parent. */
static int put_label(struct diff_folded *f, uint32_t node)
{
	const struct oc_diff_node *n = &f->nodes[node];
	const char *name = n->name;
	size_t len = strlen(name);
	unsigned char c;

	if (array_reserve(&f->lengths, &f->lengths_cap, (size_t)n->depth + 1, sizeof(*f->lengths)))
		return -ENOMEM;
	f->line.len = n->depth > 1 ? f->lengths[n->depth - 1] : 0;
	if (f->line.len)
		buffer_putc(&f->line, ';');
	folded_label_trim(&name, &len);
	for (size_t i = 0; (c = folded_label_byte(name, len, n->frame_kind, i)); i++)
		buffer_putc(&f->line, (char)c);
	f->lengths[n->depth] = f->line.len;
	return f->line.error;
}

static int write_node(struct diff_folded *f, uint32_t node)
{
	const struct oc_diff_node *n = &f->nodes[node];
	int rc = put_label(f, node);

	if (rc || (!n->self[0] && !n->self[1]))
		return rc;
	buffer_printf(&f->line, " %" PRIu64 " %" PRIu64 "\n", n->self[0], n->self[1]);
	return f->line.error ? f->line.error : oc_output_write(f->out, f->line.data, f->line.len);
}

static uint32_t next_node(const struct oc_diff_node *nodes, uint32_t i)
{
	if (nodes[i].first_child)
		return nodes[i].first_child;
	while (i && !nodes[i].next_sibling)
		i = nodes[i].parent;
	return nodes[i].next_sibling;
}

int oc_diff_write_folded(const struct oc_diff *d, struct oc_output *out)
{
	struct diff_folded f = { .out = out };
	uint32_t nr;
	int rc = 0;

	f.nodes = oc_diff_nodes(d, &nr);
	for (uint32_t i = next_node(f.nodes, 0); i && !rc; i = next_node(f.nodes, i))
		rc = write_node(&f, i);
	buffer_done(&f.line);
	free(f.lengths);
	return rc;
}
