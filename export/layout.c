/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address space layouts: trees of mappings whose nodes are shared between processes and moments.
 * Called by mappings.c, processes.c and callstacks.c.
 * Must not know what a module is; it sees ranges of addresses and ids of mappings.
 *
 * The trees are AVL trees. Any range is replaced by split and join; most changes are simpler, and have operations of
 * their own: insert for where nothing is mapped yet, and remove for exactly one mapping. The roots that they are given are
 * of no use afterwards: nodes that the present edit made (own ones) are changed in their place, of nodes that any other root
 * may reach a copy is.
 */
#include "export/layout.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"
#include "export/machine_private.h"

/* Of an AVL tree of 2^32 nodes. */
#define HEIGHT_MAX 46

/*
 * Nodes that one layout_replace() can take at most. A replacement is two splits (each joins once per level, the joins of
 * one split walk 3 * HEIGHT_MAX levels in sum), up to three joins and two removals of the last node; each level walked
 * makes at most three nodes. An insertion walks all levels once, the removal of one mapping at most twice.
 */
#define NODES_PER_REPLACE (HEIGHT_MAX * 3 * (2 * 3 + 3 + 2))

/* Pages that are remembered one by one, before every new mapping of the process counts as a change. */
#define UNKNOWN_PAGES_MAX 1024
#define UNKNOWN_PAGE_BITS 12

static struct layout_node *node_at(const struct oc_machine *m, uint32_t id)
{
	uint32_t i = id - 1;

	/* As STABLE_ARRAY_AT() does, but with a constant: nothing is looked up more often. */
	return (struct layout_node *)(void *)m->nodes.chunks[i >> LAYOUT_NODE_SHIFT] +
	       (i & ((1u << LAYOUT_NODE_SHIFT) - 1));
}

static struct oc_mapping *mapping_at(const struct oc_machine *m, oc_mapping_id id)
{
	return STABLE_ARRAY_AT(&m->mappings, struct oc_mapping, id - 1);
}

/* ---- trees ---- */

/* What an operation on trees needs to know. */
struct edit {
	struct oc_machine *m;
	uint32_t id;
};

static uint32_t height(const struct edit *e, uint32_t root)
{
	return root ? node_at(e->m, root)->height : 0;
}

/* Memory for a node. Cannot fail: layout_replace() reserved the nodes. */
static uint32_t take_node(const struct edit *e)
{
	uint32_t id = e->m->free_nodes;

	if (!id) {
		stable_array_add(&e->m->nodes);
		return e->m->nodes.count;
	}
	e->m->free_nodes = node_at(e->m, id)->left;
	return id;
}

static uint32_t copy_node(const struct edit *e, const struct layout_node *node)
{
	uint32_t id = take_node(e);
	struct layout_node *copy = node_at(e->m, id);

	*copy = *node;
	copy->edit = e->id;
	return id;
}

/* The node itself if the present edit made it, else a copy that does not concern anybody else. */
static inline uint32_t own(const struct edit *e, uint32_t id)
{
	const struct layout_node *node = node_at(e->m, id);

	return node->edit == e->id ? id : copy_node(e, node);
}

/* A node is needed no more in the tree of this edit. */
static void release(const struct edit *e, uint32_t id)
{
	struct layout_node *node = node_at(e->m, id);

	if (node->edit != e->id)
		return;
	node->edit = 0;
	node->left = e->m->free_nodes;
	e->m->free_nodes = id;
}

/* A tree of one mapping. */
static uint32_t make_leaf(const struct edit *e, oc_mapping_id mapping)
{
	uint32_t id = take_node(e);

	*node_at(e->m, id) = (struct layout_node){
		.start = mapping_at(e->m, mapping)->start,
		.mapping = mapping,
		.edit = e->id,
		.height = 1,
	};
	return id;
}

/* Puts subtrees below an own node. Of their heights, by which its own is known, one is at most one more than the other. */
static void put_below(const struct edit *e, uint32_t id, uint32_t left, uint32_t right)
{
	struct layout_node *node = node_at(e->m, id);

	node->left = left;
	node->right = right;
	node->height = MAX(height(e, left), height(e, right)) + 1;
}

/* Puts subtrees below an own node, the left one being two higher than the right one. Returns what is on top then. */
static uint32_t lift_left(const struct edit *e, uint32_t id, uint32_t left, uint32_t right)
{
	uint32_t top_id = own(e, left), inner_id;
	struct layout_node *top = node_at(e->m, top_id), *inner;

	if (height(e, top->left) >= height(e, top->right)) {
		put_below(e, id, top->right, right);
		put_below(e, top_id, top->left, id);
		return top_id;
	}
	inner_id = own(e, top->right);
	inner = node_at(e->m, inner_id);
	put_below(e, id, inner->right, right);
	put_below(e, top_id, top->left, inner->left);
	put_below(e, inner_id, top_id, id);
	return inner_id;
}

/* The same the other way round. */
static uint32_t lift_right(const struct edit *e, uint32_t id, uint32_t left, uint32_t right)
{
	uint32_t top_id = own(e, right), inner_id;
	struct layout_node *top = node_at(e->m, top_id), *inner;

	if (height(e, top->right) >= height(e, top->left)) {
		put_below(e, id, left, top->left);
		put_below(e, top_id, id, top->right);
		return top_id;
	}
	inner_id = own(e, top->left);
	inner = node_at(e->m, inner_id);
	put_below(e, id, left, inner->left);
	put_below(e, top_id, inner->right, top->right);
	put_below(e, inner_id, id, top_id);
	return inner_id;
}

/* Puts subtrees below an own node whose heights differ by up to two. Returns the node that is on top then. */
static uint32_t balance(const struct edit *e, uint32_t id, uint32_t left, uint32_t right)
{
	uint32_t left_height = height(e, left), right_height = height(e, right);
	struct layout_node *node = node_at(e->m, id);

	if (left_height > right_height + 1)
		return lift_left(e, id, left, right);
	if (right_height > left_height + 1)
		return lift_right(e, id, left, right);
	node->left = left;
	node->right = right;
	node->height = MAX(left_height, right_height) + 1;
	return id;
}

/* One tree of two and an own node that lies between them. Depth of recursion: the difference of their heights. */
static uint32_t join(const struct edit *e, uint32_t left, uint32_t middle, uint32_t right)
{
	const struct layout_node *top;

	if (height(e, left) > height(e, right) + 1) {
		left = own(e, left);
		top = node_at(e->m, left);
		return balance(e, left, top->left, join(e, top->right, middle, right));
	}
	if (height(e, right) > height(e, left) + 1) {
		right = own(e, right);
		top = node_at(e->m, right);
		return balance(e, right, join(e, left, middle, top->left), top->right);
	}
	put_below(e, middle, left, right);
	return middle;
}

/* Takes the last node, which is own then, off a tree that is not empty. Returns the rest. Recursion: its height. */
static uint32_t take_last(const struct edit *e, uint32_t root, uint32_t *ret_last)
{
	const struct layout_node *top;

	root = own(e, root);
	top = node_at(e->m, root);
	if (!top->right) {
		*ret_last = root;
		return top->left;
	}
	return balance(e, root, top->left, take_last(e, top->right, ret_last));
}

/* One tree of two, all of `left` lying before `right`. */
static uint32_t concatenate(const struct edit *e, uint32_t left, uint32_t right)
{
	uint32_t last;

	if (!left)
		return right;
	left = take_last(e, left, &last);
	return join(e, left, last, right);
}

/* Splits a tree into the mappings that start below address and the others. Recursion: its height. */
static void split(const struct edit *e, uint32_t root, uint64_t address, uint32_t *ret_below,
		  uint32_t *ret_others)
{
	const struct layout_node *top;
	uint32_t part, rest;

	if (!root) {
		*ret_below = *ret_others = 0;
		return;
	}
	root = own(e, root);
	top = node_at(e->m, root);
	if (top->start < address) {
		rest = top->left;
		split(e, top->right, address, &part, ret_others);
		*ret_below = join(e, rest, root, part);
	} else {
		rest = top->right;
		split(e, top->left, address, ret_below, &part);
		*ret_others = join(e, part, root, rest);
	}
}

/* The nodes from a root down to a place. */
struct path {
	uint32_t nodes[HEIGHT_MAX];
	uint32_t nr;
};

/* Goes down to the node of the mapping that starts at `start`, or to where it would be. Returns the node or 0. */
static uint32_t descend(const struct edit *e, uint32_t root, uint64_t start, struct path *path)
{
	path->nr = 0;
	while (root) {
		const struct layout_node *node = node_at(e->m, root);

		if (node->start == start)
			break;
		path->nodes[path->nr++] = root;
		root = start < node->start ? node->left : node->right;
	}
	return root;
}

/* Puts a subtree, whose height changed by up to one, back at the end of the path that was taken to `start`. */
static uint32_t climb(const struct edit *e, struct path *path, uint64_t start, uint32_t changed)
{
	while (path->nr) {
		uint32_t before = path->nodes[--path->nr], id = own(e, before);
		const struct layout_node *node = node_at(e->m, id);
		uint32_t height_before = node->height;

		changed = start < node->start ? balance(e, id, changed, node->right)
					      : balance(e, id, node->left, changed);
		/* Changed in its place, and as high as it was: nothing changes from here on up. */
		if (changed == before && height(e, before) == height_before)
			return path->nr ? path->nodes[0] : before;
	}
	return changed;
}

/* Adds a mapping that overlaps none of the tree. */
static uint32_t insert(const struct edit *e, uint32_t root, oc_mapping_id mapping, uint64_t start)
{
	struct path path;

	descend(e, root, start, &path);
	return climb(e, &path, start, make_leaf(e, mapping));
}

/* Removes the mapping that starts at `start`; there must be one. */
static uint32_t remove_one(const struct edit *e, uint32_t root, uint64_t start)
{
	struct path path;
	uint32_t id = descend(e, root, start, &path), last;
	uint32_t left = node_at(e->m, id)->left, right = node_at(e->m, id)->right;

	release(e, id);
	if (!left)
		return climb(e, &path, start, right);
	left = take_last(e, left, &last);
	return climb(e, &path, start, balance(e, last, left, right));
}

/* The last mapping that starts at or below address, or 0. */
static oc_mapping_id find_at_or_below(const struct oc_machine *m, uint32_t root, uint64_t address)
{
	oc_mapping_id found = 0;

	while (root) {
		const struct layout_node *node = node_at(m, root);
		bool is_below = node->start <= address;

		/* Which way it goes cannot be predicted, so the compiler is asked not to branch. */
		found = is_below ? node->mapping : found;
		root = is_below ? node->right : node->left;
	}
	return found;
}

oc_mapping_id layout_find(const struct oc_machine *m, uint32_t root, uint64_t address)
{
	oc_mapping_id found = find_at_or_below(m, root, address);

	return found && address < mapping_at(m, found)->end ? found : 0;
}

oc_mapping_id layout_next(const struct oc_machine *m, uint32_t root, uint64_t address)
{
	oc_mapping_id next = layout_find(m, root, address);

	if (next)
		return next;
	while (root) {
		const struct layout_node *node = node_at(m, root);

		if (node->start > address)
			next = node->mapping;
		root = node->start > address ? node->left : node->right;
	}
	return next;
}

/* ---- versions ---- */

uint32_t layout_root_at(const struct layout *layout, uint64_t time_ns)
{
	size_t low = 0, high = layout->nr_versions;

	if (time_ns >= layout->changed_ns)
		return layout->root;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (layout->versions[middle].time_ns <= time_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? layout->versions[low - 1].root : layout->first_root;
}

void layout_init(struct layout *layout, uint32_t root, uint64_t start_ns)
{
	*layout = (struct layout){ .first_root = root, .root = root, .changed_ns = start_ns };
}

void layout_done(struct layout *layout)
{
	free(layout->versions);
	if (layout->unknown)
		free(layout->unknown->pages);
	free(layout->unknown);
}

/* Reserves what publish_root() needs for a change at time_ns. */
static int reserve_version(struct oc_machine *m, struct layout *layout, uint64_t time_ns)
{
	size_t before = layout->cap_versions;

	if (time_ns == layout->changed_ns)
		return 0;
	if (array_reserve(&layout->versions, &layout->cap_versions, layout->nr_versions + 1,
			  sizeof(*layout->versions)))
		return -ENOMEM;
	m->layout_bytes += (layout->cap_versions - before) * sizeof(*layout->versions);
	return 0;
}

/* Changes of one instant are one version: nobody can ask for what was between them. */
static void publish_root(struct layout *layout, uint32_t root, uint64_t time_ns)
{
	if (time_ns != layout->changed_ns)
		layout->versions[layout->nr_versions++] =
			(struct layout_version){ .time_ns = time_ns, .root = root };
	else if (layout->nr_versions)
		layout->versions[layout->nr_versions - 1].root = root;
	else
		layout->first_root = root;
	layout->root = root;
	layout->changed_ns = time_ns;
}

/* ---- addresses that resolved to nothing ---- */

/* Index of the first noted page that is not below `page`. */
static size_t lower_bound(const struct unknown_pages *unknown, uint64_t page)
{
	size_t low = 0, high = unknown->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (unknown->pages[middle] < page)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool covers_unknown(const struct layout *layout, uint64_t start, uint64_t end)
{
	const struct unknown_pages *unknown = layout->unknown;
	size_t at;

	if (!unknown || unknown->all)
		return unknown;
	at = lower_bound(unknown, start >> UNKNOWN_PAGE_BITS);
	return at < unknown->nr && unknown->pages[at] <= (end - 1) >> UNKNOWN_PAGE_BITS;
}

int layout_note_unknown(struct oc_machine *m, struct layout *layout, uint64_t address)
{
	uint64_t page = address >> UNKNOWN_PAGE_BITS;
	struct unknown_pages *unknown = layout->unknown;
	size_t at, before;

	if (!unknown) {
		unknown = layout->unknown = calloc(1, sizeof(*unknown));
		if (!unknown)
			return -ENOMEM;
		m->layout_bytes += sizeof(*unknown);
	}
	at = lower_bound(unknown, page);
	if (unknown->all || (at < unknown->nr && unknown->pages[at] == page))
		return 0;
	if (unknown->nr == UNKNOWN_PAGES_MAX) {
		unknown->all = true;
		return 0;
	}
	before = unknown->cap;
	if (array_reserve(&unknown->pages, &unknown->cap, unknown->nr + 1, sizeof(*unknown->pages)))
		return -ENOMEM;
	m->layout_bytes += (unknown->cap - before) * sizeof(*unknown->pages);
	memmove(&unknown->pages[at + 1], &unknown->pages[at],
		(unknown->nr - at) * sizeof(*unknown->pages));
	unknown->pages[at] = page;
	unknown->nr++;
	return 0;
}

void layout_forget_unknown(struct oc_machine *m, struct layout *layout)
{
	struct unknown_pages *unknown = take_ptr(&layout->unknown);

	if (!unknown)
		return;
	m->layout_bytes -= unknown->cap * sizeof(*unknown->pages) + sizeof(*unknown);
	free(unknown->pages);
	free(unknown);
}

/* ---- replacing ---- */

/* One replacement under way. */
struct replacement {
	struct edit edit;
	oc_process_id process;
	uint64_t start;
	uint64_t end;
	uint64_t time_ns;
	oc_mapping_id before; /* what is left of a replaced mapping in front of the range */
	oc_mapping_id after;  /* and behind it */
	bool replaced;        /* something was mapped in the range */
};

/* The part [start, end) of a mapping lives on as a mapping of its own. Cannot fail: the record is reserved. */
static oc_mapping_id keep_part(const struct replacement *r, const struct oc_mapping *whole,
			       uint64_t start, uint64_t end)
{
	struct oc_mapping *part = stable_array_add(&r->edit.m->mappings);

	*part = (struct oc_mapping){
		.process = r->process,
		.module = whole->module,
		.start = start,
		.end = end,
		.file_offset = whole->file_offset + (start - whole->start),
		.since_ns = r->time_ns,
		.until_ns = UINT64_MAX,
	};
	return r->edit.m->mappings.count;
}

/* The record of the mapping that is added. Cannot fail: it is reserved. */
static oc_mapping_id append_now(struct oc_machine *m, const struct oc_mapping *mapping,
				uint64_t time_ns)
{
	struct oc_mapping *added = stable_array_add(&m->mappings);

	*added = *mapping;
	added->since_ns = time_ns;
	added->until_ns = UINT64_MAX;
	return m->mappings.count;
}

static void end_mapping(struct replacement *r, oc_mapping_id id)
{
	struct oc_mapping *mapping = mapping_at(r->edit.m, id);

	r->replaced = true;
	if (mapping->start < r->start)
		r->before = keep_part(r, mapping, mapping->start, r->start);
	if (mapping->end > r->end)
		r->after = keep_part(r, mapping, r->end, mapping->end);
	/* What was inherited stays valid in the process that it came from. */
	if (mapping->process == r->process)
		mapping->until_ns = r->time_ns;
}

/* Ends all mappings of a tree. Recursion: its height. */
static void end_all(struct replacement *r, uint32_t root)
{
	struct layout_node top;

	if (!root)
		return;
	top = *node_at(r->edit.m, root);
	release(&r->edit, root);
	end_all(r, top.left);
	end_mapping(r, top.mapping);
	end_all(r, top.right);
}

static uint32_t replace_in_tree(struct replacement *r, uint32_t root, oc_mapping_id id)
{
	const struct edit *e = &r->edit;
	uint32_t below, inside, above, rest;
	oc_mapping_id last;
	uint32_t node;

	split(e, root, r->start, &below, &rest);
	split(e, rest, r->end, &inside, &above);
	end_all(r, inside);
	last = find_at_or_below(e->m, below, r->start);
	if (last && mapping_at(e->m, last)->end > r->start) {
		below = take_last(e, below, &node);
		release(e, node);
		end_mapping(r, last);
	}
	if (r->before)
		below = join(e, below, make_leaf(e, r->before), 0);
	if (r->after)
		above = join(e, 0, make_leaf(e, r->after), above);
	return id ? join(e, below, make_leaf(e, id), above) : concatenate(e, below, above);
}

/* The last mapping in [start, end), or 0: the last one that starts below end may reach over start. */
static oc_mapping_id find_last(const struct oc_machine *m, uint32_t root, uint64_t start,
			       uint64_t end)
{
	oc_mapping_id last = find_at_or_below(m, root, end - 1);

	return last && mapping_at(m, last)->end > start ? last : 0;
}

/* The root with what is in the range ended, last being the last mapping there, and the mapping id (0 = none) in it. */
static uint32_t change_tree(struct replacement *r, uint32_t root, oc_mapping_id last,
			    oc_mapping_id id)
{
	const struct oc_mapping *mapping = last ? mapping_at(r->edit.m, last) : NULL;

	if (!mapping)
		return insert(&r->edit, root, id, r->start);
	if (id || mapping->start != r->start || mapping->end != r->end)
		return replace_in_tree(r, root, id);
	end_mapping(r, last);
	return remove_one(&r->edit, root, r->start);
}

int64_t layout_replace(struct oc_machine *m, const struct oc_mapping *range)
{
	struct layout *layout = machine_layout(m, range->process);
	struct replacement r = {
		.edit = { .m = m },
		.process = range->process,
		.start = range->start,
		.end = range->end,
		.time_ns = MAX(range->since_ns, layout->changed_ns),
	};
	oc_mapping_id last = find_last(m, layout->root, range->start, range->end), id = 0;

	if (!range->module && !last)
		return 0;
	if (range->module && last)
		id = mapping_find_identical(m, range);
	if (id)
		return id;
	/* All memory is had before the first node is touched, so a failure leaves everything as it was. */
	if (m->last_edit == UINT32_MAX || stable_array_reserve(&m->nodes, NODES_PER_REPLACE) ||
	    stable_array_reserve(&m->mappings, 3) || reserve_version(m, layout, r.time_ns))
		return -ENOMEM;
	/* A new moment, or somebody else got to know the root: its nodes must stay as they are. */
	if (!layout->edit || r.time_ns != layout->changed_ns)
		layout->edit = ++m->last_edit;
	r.edit.id = layout->edit;
	if (range->module)
		id = append_now(m, range, r.time_ns);
	publish_root(layout, change_tree(&r, layout->root, last, id), r.time_ns);
	if (r.replaced || (id && covers_unknown(layout, r.start, r.end))) {
		layout->generation++;
		layout_forget_unknown(m, layout);
	}
	return id;
}

uint32_t layout_share(struct layout *layout, uint64_t time_ns)
{
	layout->edit = 0;
	return layout_root_at(layout, time_ns);
}

/* ---- stored layouts ---- */

/* The outermost node of a tree that is not empty, on the left or on the right. */
static const struct layout_node *outermost(const struct oc_machine *m, uint32_t root, bool right)
{
	for (;;) {
		const struct layout_node *node = node_at(m, root);
		uint32_t next = right ? node->right : node->left;

		if (!next)
			return node;
		root = next;
	}
}

int64_t layout_load_node(struct oc_machine *m, oc_mapping_id mapping, uint32_t left, uint32_t right)
{
	const struct edit e = { .m = m };
	const struct oc_mapping *content = mapping_at(m, mapping);
	uint32_t low = MIN(height(&e, left), height(&e, right));
	uint32_t high = MAX(height(&e, left), height(&e, right));
	struct layout_node *node;

	if (high - low > 1 ||
	    (left && mapping_at(m, outermost(m, left, true)->mapping)->end > content->start) ||
	    (right && outermost(m, right, false)->start < content->end))
		return -EINVAL;
	node = stable_array_add(&m->nodes);
	if (!node)
		return -ENOMEM;
	*node = (struct layout_node){
		.start = content->start,
		.mapping = mapping,
		.left = left,
		.right = right,
		.height = high + 1,
	};
	return m->nodes.count;
}

int layout_load_version(struct oc_machine *m, struct layout *layout, uint32_t root,
			uint64_t time_ns)
{
	int rc;

	if (time_ns <= layout->changed_ns)
		return -EINVAL;
	rc = reserve_version(m, layout, time_ns);
	if (!rc)
		publish_root(layout, root, time_ns);
	return rc;
}
