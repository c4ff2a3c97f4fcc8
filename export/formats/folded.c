/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folded stacks: "comm;outermost;...;leaf count", one line per distinct stack, of the first kind of sample.
 * Called through the format table; the text feeds flamegraph.pl, inferno, speedscope and others.
 * Must not know how stacks were recorded.
 *
 * Kernel, JIT and inlined frames end in _[k], _[j] and _[i], which those tools colour by. A ';' in a name would end
 * the frame, so it is written ':', and U+2028 is written U+2424. Lines are sorted frame by frame; stacks that read the same are one line.
 */
#include <onecollect/graph.h>

#include <errno.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/macros.h"
#include "export/formats/folded_label.h"
#include "export/formats/formats_private.h"

/* A node with what its label is made of. */
struct item {
	const char *name;
	size_t name_len;
	enum oc_frame_kind frame_kind;
	uint32_t node;
};

/* Siblings being written: items[start..end), done up to `next`; line_len: the line without them. */
struct level {
	size_t start, next, end;
	size_t line_len;
};

struct folded {
	const struct oc_graph *graph;
	const struct oc_graph_node *nodes;
	struct oc_output *out;
	struct buffer line;
	struct item *items;
	size_t nr_items, items_cap;
	struct level *levels;
	size_t nr_levels, levels_cap;
};

static unsigned char label_byte(const struct item *item, size_t i)
{
	return folded_label_byte(item->name, item->name_len, item->frame_kind, i);
}

static int compare_labels(const void *a, const void *b)
{
	for (size_t i = 0;; i++) {
		unsigned char x = label_byte(a, i), y = label_byte(b, i);

		if (x != y)
			return x < y ? -1 : 1;
		if (!x)
			return 0;
	}
}

static int add_item(struct folded *f, uint32_t node)
{
	struct item item = { .frame_kind = f->nodes[node].frame_kind, .node = node };

	item.name = oc_graph_name(f->graph, f->nodes[node].name, &item.name_len);
	folded_label_trim(&item.name, &item.name_len);
	if (array_reserve(&f->items, &f->items_cap, f->nr_items + 1, sizeof(*f->items)))
		return -ENOMEM;
	f->items[f->nr_items++] = item;
	return 0;
}

/* Goes on to the children of items[first..last), which bear the same label. */
static int descend(struct folded *f, size_t first, size_t last)
{
	size_t start = f->nr_items;

	for (size_t i = first; i < last; i++) {
		uint32_t child = f->nodes[f->items[i].node].first_child;

		for (; child; child = f->nodes[child].next_sibling) {
			if (add_item(f, child))
				return -ENOMEM;
		}
	}
	if (f->nr_items == start)
		return 0;
	qsort(f->items + start, f->nr_items - start, sizeof(*f->items), compare_labels);
	if (array_reserve(&f->levels, &f->levels_cap, f->nr_levels + 1, sizeof(*f->levels)))
		return -ENOMEM;
	f->levels[f->nr_levels++] = (struct level){
		.start = start,
		.next = start,
		.end = f->nr_items,
		.line_len = f->line.len,
	};
	return 0;
}

static int write_line(struct folded *f, uint64_t count)
{
	size_t len = f->line.len;
	int rc;

	buffer_printf(&f->line, " %" PRIu64 "\n", count);
	rc = f->line.error;
	if (!rc)
		rc = oc_output_write(f->out, f->line.data, f->line.len);
	f->line.len = len;
	return rc;
}

/* Writes the next label of a level and descends below it. */
static int write_siblings(struct folded *f, struct level *level)
{
	size_t first = level->next, last = first;
	unsigned char c;
	uint64_t self = 0;
	int rc = 0;

	while (last < level->end && !compare_labels(&f->items[first], &f->items[last]))
		self += f->nodes[f->items[last++].node].self;
	level->next = last;
	f->line.len = level->line_len;
	if (f->line.len)
		buffer_putc(&f->line, ';');
	for (size_t i = 0; (c = label_byte(&f->items[first], i)); i++)
		buffer_putc(&f->line, (char)c);
	if (self)
		rc = write_line(f, self);
	return rc ? rc : descend(f, first, last);
}

static int write_tree(struct folded *f)
{
	int rc = add_item(f, 0);

	if (!rc)
		rc = descend(f, 0, 1);
	while (!rc && f->nr_levels) {
		struct level *level = &f->levels[f->nr_levels - 1];

		if (level->next < level->end) {
			rc = write_siblings(f, level);
		} else {
			f->nr_items = level->start;
			f->nr_levels--;
		}
	}
	return rc;
}

static int write_folded(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct folded f = { .out = out };
	struct oc_graph *graph;
	uint32_t nr;
	int rc;

	if (!oc_machine_nr_kinds(m))
		return 0;
	rc = oc_graph_new(m, NULL, &graph);
	if (rc)
		return oc_error_set(err, rc, "cannot build the call tree: %s", strerror(-rc));
	f.graph = graph;
	f.nodes = oc_graph_nodes(graph, &nr);
	rc = write_tree(&f);
	buffer_done(&f.line);
	free(f.items);
	free(f.levels);
	oc_graph_free(graph);
	return rc;
}

const struct oc_format oc_format_folded = {
	.name = "folded",
	.description = "folded stacks, one line each, for flamegraph.pl, inferno and speedscope",
	.extensions = (const char *const[]){ ".folded", ".collapsed", ".txt", NULL },
	.write = write_folded,
};
