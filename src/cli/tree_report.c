/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Laying out call trees.
 * Called by cmd_report.c.
 * Must not count samples itself: the graph does.
 *
 * A row is indented only where its parent has several children to show; a chain of single calls stays in one column,
 * so that deep stacks fit a terminal.
 */
#include "cli/tree_report.h"

#include <errno.h>

#include <onecollect/graph.h>

#include "base/array.h"
#include "base/human.h"
#include "base/macros.h"

/* Smaller parts are noise to a reader, and most rows of a large tree. */
#define MIN_PERCENT 0.5
/* "100.0%  100.0%  ", and "100.0%  " where there is no self. */
#define NUMBERS_WIDTH 16u
#define TOTAL_WIDTH   8u
#define NAME_WIDTH    24u
#define NAMES_SHOWN   5u

/* What is still to be shown below one node: children[next..end). */
struct level {
	uint32_t next;
	uint32_t end;
	size_t prefix; /* of its rows: so many bytes of tree.prefix */
	bool branches; /* its rows are marked */
};

struct tree {
	const struct oc_graph *graph;
	const struct oc_graph_node *nodes;
	const struct report_limits *limits;
	const struct stream *stream;
	uint32_t *children; /* node indexes, those of one parent together, heaviest first */
	uint32_t *first;    /* by node: index of its first child in `children` */
	uint32_t *nr;       /* by node: so many of its children are shown */
	uint64_t whole;     /* what percentages are of */
	bool with_self;
	bool left_out;
	struct level *levels;
	size_t nr_levels, cap_levels;
	struct buffer prefix;
	uint64_t nr_rows;
};

/* ---- order ---- */

struct ranked {
	uint32_t parent;
	uint32_t node;
	uint64_t total;
	uint32_t rank; /* by name */
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static void rank_all(const struct tree *t, struct ranked *ranked, uint32_t nr_nodes)
{
	uint32_t nr = 0;

	for (uint32_t parent = 0; parent < nr_nodes; parent++) {
		for (uint32_t n = t->nodes[parent].first_child; n; n = t->nodes[n].next_sibling) {
			ranked[nr] = (struct ranked){ parent, n, t->nodes[n].total, nr };
			nr++;
		}
	}
	qsort(ranked, nr, sizeof(*ranked), compare_ranked);
}

/* Sorts the children of all nodes, and decides which are shown. */
static int order_children(struct tree *t, uint32_t nr_nodes)
{
	struct ranked *ranked = calloc(nr_nodes, sizeof(*ranked));

	t->children = calloc(nr_nodes, sizeof(*t->children));
	t->first = calloc(nr_nodes, sizeof(*t->first));
	t->nr = calloc(nr_nodes, sizeof(*t->nr));
	if (!ranked || !t->children || !t->first || !t->nr) {
		free(ranked);
		return -ENOMEM;
	}
	rank_all(t, ranked, nr_nodes);
	/* Every node but the root is the child of one. */
	for (uint32_t i = nr_nodes - 1; i-- > 0;) {
		t->children[i] = ranked[i].node;
		t->first[ranked[i].parent] = i;
		if (!ranked[i].total ||
		    report_leaves_out(t->limits, MIN_PERCENT, ranked[i].total, t->whole))
			t->left_out = true;
		else
			t->nr[ranked[i].parent]++;
	}
	free(ranked);
	return 0;
}

/* ---- walking ---- */

static int enter(struct tree *t, uint32_t node)
{
	struct level *level;

	if (!t->nr[node])
		return 0;
	if (array_reserve(&t->levels, &t->cap_levels, t->nr_levels + 1, sizeof(*t->levels)))
		return -ENOMEM;
	level = &t->levels[t->nr_levels++];
	*level = (struct level){
		.next = t->first[node],
		.end = t->first[node] + t->nr[node],
		.prefix = t->prefix.len,
		.branches = t->nr[node] > 1,
	};
	return 0;
}

/*
 * The next node in the order of rows, 0 = no more. Sets t->prefix to what stands in front of the rows below it, and
 * *ret_mark to what stands between its own level's prefix and its name.
 */
static uint32_t next_node(struct tree *t, size_t *ret_prefix, const char **ret_mark)
{
	struct level *level;

	while (t->nr_levels && t->levels[t->nr_levels - 1].next == t->levels[t->nr_levels - 1].end)
		t->nr_levels--;
	if (!t->nr_levels)
		return 0;
	level = &t->levels[t->nr_levels - 1];
	level->next++;
	*ret_prefix = level->prefix;
	*ret_mark = level->branches ? "+ " : "";
	t->prefix.len = level->prefix;
	if (level->branches)
		buffer_puts(&t->prefix, level->next < level->end ? "| " : "  ");
	return t->children[level->next - 1];
}

/* ---- text ---- */

static const char *kind_mark(enum oc_frame_kind kind)
{
	static const char *const marks[] = {
		[OC_FRAME_KERNEL] = " [kernel]",
		[OC_FRAME_INLINE] = " [inlined]",
		[OC_FRAME_JIT] = " [jit]",
	};

	return (size_t)kind < ARRAY_SIZE(marks) && marks[kind] ? marks[kind] : "";
}

/* What stands in front of a name, its left part cut off where a terminal has no room: ">" says so. */
static unsigned int put_prefix(struct buffer *out, const struct tree *t, size_t len,
			       const char *mark, unsigned int room)
{
	size_t mark_len = strlen(mark);
	size_t most = MAX(room, NAME_WIDTH + 4) - NAME_WIDTH;

	if (t->stream->width && len + mark_len > most) {
		size_t cut = len + mark_len - most;

		buffer_putc(out, '>');
		if (cut + 1 < len)
			buffer_append(out, t->prefix.data + cut + 1, len - cut - 1);
		len = most - mark_len;
	} else if (len) {
		buffer_append(out, t->prefix.data, len);
	}
	buffer_puts(out, mark);
	return (unsigned int)(len + mark_len);
}

static void put_row(struct buffer *out, const struct tree *t, uint32_t index, size_t prefix,
		    const char *mark)
{
	const struct oc_graph_node *node = &t->nodes[index];
	unsigned int taken = t->with_self ? NUMBERS_WIDTH : TOTAL_WIDTH;
	unsigned int room = t->stream->width > taken ? t->stream->width - taken : 0;
	struct buffer name = BUFFER_INIT;
	unsigned int indent;

	buffer_printf(out, "%5.1f%%  ", report_percent(node->total, t->whole));
	if (t->with_self)
		buffer_printf(out, "%5.1f%%  ", report_percent(node->self, t->whole));
	indent = put_prefix(out, t, prefix, mark, room);
	buffer_printf(&name, "%s%s", oc_graph_name(t->graph, node->name, NULL),
		      kind_mark(node->frame_kind));
	if (name.error)
		out->error = name.error;
	else
		report_last_cell(out, t->stream, name.data, room > indent ? room - indent : 1);
	buffer_done(&name);
}

static int put_rows(struct buffer *out, struct tree *t)
{
	const char *mark;
	size_t prefix;
	uint32_t node;
	int rc = enter(t, 0);

	while (!rc && (node = next_node(t, &prefix, &mark))) {
		if (t->limits->rows && t->nr_rows++ == t->limits->rows) {
			buffer_puts(out, "more rows are left out; raise --limit to see them\n");
			return 0;
		}
		put_row(out, t, node, prefix, mark);
		rc = t->prefix.error ? t->prefix.error : enter(t, node);
	}
	if (!rc && t->left_out && t->limits->min_percent < 0)
		buffer_printf(out,
			      "calls with less than %.1f%% of the samples are left out; "
			      "--min-percent 0 shows them\n",
			      MIN_PERCENT);
	return rc;
}

static int put_text(struct buffer *out, struct tree *t, const struct options *o, const char *of)
{
	static const char *const titles[] = {
		[VIEW_TREE] = "Call tree",
		[VIEW_CALLERS] = "Callers of ",
		[VIEW_CALLEES] = "What is called by ",
	};
	struct buffer title = BUFFER_INIT;
	int rc;

	buffer_printf(&title, "%s%s: ", titles[o->view], of ? of : "");
	human_count(&title, t->nodes[0].total);
	if (t->nodes[0].total != t->whole) {
		buffer_puts(&title, " of ");
		human_count(&title, t->whole);
	}
	buffer_printf(&title, " samples of %s", oc_graph_kind(t->graph)->name);
	rc = title.error;
	if (!rc) {
		report_head(out, t->stream, title.data,
			    t->with_self ? " total    self  function" : " total  function");
		rc = put_rows(out, t);
	}
	buffer_done(&title);
	return rc ? rc : out->error;
}

/* ---- JSON ---- */

/* Nodes in the order of rows; `parent` counts them from 0, and is left out at the top. */
static int json_nodes(struct json *j, struct tree *t, uint32_t nr_nodes)
{
	uint32_t *numbers = calloc(nr_nodes, sizeof(*numbers));
	const char *mark;
	size_t prefix;
	uint32_t node;
	int rc = numbers ? enter(t, 0) : -ENOMEM;

	while (!rc && (node = next_node(t, &prefix, &mark))) {
		const struct oc_graph_node *n = &t->nodes[node];

		if (t->limits->rows && t->nr_rows == t->limits->rows)
			break;
		numbers[node] = (uint32_t)t->nr_rows++;
		json_object_begin(j);
		json_key(j, "name");
		json_string(j, oc_graph_name(t->graph, n->name, NULL));
		if (n->parent) {
			json_key(j, "parent");
			json_u64(j, numbers[n->parent]);
		}
		json_key(j, "total");
		json_u64(j, n->total);
		if (t->with_self) {
			json_key(j, "self");
			json_u64(j, n->self);
		}
		json_object_end(j);
		rc = enter(t, node);
	}
	free(numbers);
	return rc;
}

static int put_json(struct buffer *out, struct tree *t, const struct oc_machine *m,
		    uint32_t nr_nodes, const char *of)
{
	struct json j;
	int rc;

	report_json_begin(&j, out, oc_graph_kind(t->graph), t->whole);
	if (of) {
		json_key(&j, "of");
		json_string(&j, of);
	}
	json_key(&j, "nodes");
	json_array_begin(&j);
	rc = json_nodes(&j, t, nr_nodes);
	json_array_end(&j);
	return rc ? rc : report_json_end(&j, m);
}

/* ---- which function ---- */

/* Names that a text is a part of, heaviest first. */
struct candidates {
	const char *names[NAMES_SHOWN];
	size_t nr;
	bool more;
};

/* One name may be there in several kinds of frames. */
static void add_candidate(struct candidates *c, const char *name)
{
	for (size_t i = 0; i < c->nr; i++) {
		if (!strcmp(c->names[i], name))
			return;
	}
	if (c->nr < NAMES_SHOWN)
		c->names[c->nr++] = name;
	else
		c->more = true;
}

static int refuse_candidates(const struct candidates *c, const char *wanted, struct oc_error *err)
{
	struct buffer text = BUFFER_INIT;

	if (!c->nr)
		return oc_error_set(err, -EINVAL,
				    "--of: no function of these samples has '%.64s' in its name",
				    wanted);
	for (size_t i = 0; i < c->nr; i++)
		buffer_printf(&text, "%s'%.60s'", i ? ", " : "", c->names[i]);
	buffer_puts(&text, c->more ? " and others" : "");
	oc_error_set(err, -EINVAL,
		     "--of: '%.64s' is a part of several names, %s; write one in full", wanted,
		     text.error ? "" : text.data);
	buffer_done(&text);
	return -EINVAL;
}

/* The function that is meant: of this name, or the only one with it in its name. */
static int find_function(const struct oc_graph *g, const char *wanted, const char **ret_name,
			 struct oc_error *err)
{
	uint32_t nr;
	const struct oc_graph_function *functions = oc_graph_functions(g, &nr);
	struct candidates c = { 0 };

	for (uint32_t i = 0; i < nr; i++) {
		const char *name = oc_graph_name(g, functions[i].name, NULL);

		if (!strcmp(name, wanted)) {
			*ret_name = name;
			return 0;
		}
		if (strstr(name, wanted))
			add_candidate(&c, name);
	}
	if (c.nr != 1 || c.more)
		return refuse_candidates(&c, wanted, err);
	*ret_name = c.names[0];
	return 0;
}

/* ---- all ---- */

static int show(struct buffer *out, struct tree *t, const struct oc_machine *m,
		const struct options *o, const char *of)
{
	uint32_t nr_nodes;
	int rc;

	t->nodes = oc_graph_nodes(t->graph, &nr_nodes);
	t->with_self = o->view != VIEW_CALLERS;
	rc = order_children(t, nr_nodes);
	if (!rc)
		rc = o->json ? put_json(out, t, m, nr_nodes, of) : put_text(out, t, o, of);
	free(t->children);
	free(t->first);
	free(t->nr);
	free(t->levels);
	buffer_done(&t->prefix);
	return rc;
}

/* The tree of one function; `all` has every function, and what percentages are of. */
static int show_of(struct buffer *out, struct tree *t, const struct oc_machine *m,
		   const struct options *o, const struct oc_graph *all, struct oc_error *err)
{
	struct oc_graph_opts opts = { .size = sizeof(opts), .reverse = o->view == VIEW_CALLERS };
	struct oc_graph *g = NULL;
	int rc = find_function(all, o->view_of, &opts.of, err);

	if (!rc)
		rc = oc_graph_new(m, &opts, &g);
	if (rc)
		return rc;
	t->graph = g;
	rc = show(out, t, m, o, opts.of);
	oc_graph_free(g);
	return rc;
}

int tree_report(struct buffer *out, const struct oc_machine *m, const struct options *o,
		const struct stream *s, struct oc_error *err)
{
	const struct report_limits limits = {
		.rows = o->row_limit,
		.min_percent = o->json && o->min_percent < 0 ? 0 : o->min_percent,
	};
	struct tree t = { .limits = &limits, .stream = s };
	struct oc_graph *all = NULL;
	uint32_t nr;
	int rc = oc_graph_new(m, NULL, &all);

	if (rc == -EINVAL)
		return oc_error_set(err, rc, "the recording has no samples of any kind");
	if (rc)
		return rc;
	t.graph = all;
	t.whole = oc_graph_nodes(all, &nr)[0].total;
	if (o->view == VIEW_TREE)
		rc = show(out, &t, m, o, NULL);
	else
		rc = show_of(out, &t, m, o, all, err);
	oc_graph_free(all);
	return rc;
}
