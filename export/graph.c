/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call trees and function totals, made from samples added up by stack.
 * Called by the flame graphs, the folded writer and the terminal report.
 * Must not know how a tree is drawn.
 *
 * A *symbol* is a distinct (name, frame kind): what nodes and functions are told apart by. Each location becomes a
 * list of symbols once, so that putting a stack into the tree costs one hash lookup per frame.
 */
#include <onecollect/graph.h>

#include <errno.h>

#include <onecollect/filter.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/id_table.h"
#include "base/macros.h"
#include "export/amount.h"
#include "export/frames.h"
#include "export/sample_groups.h"
#include "export/text_table.h"

/* Set in the ids of texts that the graph itself owns. */
#define OWN_TEXT 0x80000000U

struct oc_graph {
	const struct oc_machine *m;
	oc_kind_id kind;
	struct oc_graph_node *nodes;
	uint32_t nr_nodes;
	struct oc_graph_function *functions;
	uint32_t nr_functions;
	struct text_table texts; /* id OWN_TEXT | i is its text i */
};

struct symbol {
	oc_string_id name;
	enum oc_frame_kind frame_kind;
	oc_string_id module;
	uint32_t nr_modules;
	uint32_t last_stack; /* stack that counted last, so that recursion counts once */
	uint32_t last_node; /* newest node of this symbol; they are chained through builder.older */
	uint64_t self;
	uint64_t total;
};

struct node_key {
	uint32_t parent;
	uint32_t symbol;
};

/* A module that a symbol was met in. */
struct place {
	uint32_t symbol;
	oc_string_id module;
};

/* Everything that only building needs. Symbols are numbered from 1, nodes from 0 (the root). */
struct builder {
	struct oc_graph *g;
	struct oc_graph_opts opts;
	struct sample_groups groups;
	struct symbol *symbols;
	size_t symbols_cap;
	struct id_table symbol_ids;
	struct place *places;
	size_t places_cap;
	struct id_table place_ids;
	struct node_key *node_keys; /* of node i at i - 1 */
	uint32_t *older;            /* next older node of the same symbol, of node i at i - 1 */
	size_t nodes_cap, keys_cap, older_cap;
	struct id_table node_ids;
	uint32_t *first_frame; /* per location: index into frames + 1; 0 = not there yet */
	uint32_t *frames;      /* runs of symbols, innermost first, each ended by a 0 */
	size_t nr_frames, frames_cap;
	uint32_t *path; /* symbols of the stack at hand, in the order of the tree */
	size_t nr_path, path_cap;
	uint32_t *process_symbols; /* group symbol per process and per thread; 0 = not there yet */
	uint32_t *thread_symbols;
};

/* ---- names and symbols -------------------------------------------------------------------------------------- */

const char *oc_graph_name(const struct oc_graph *g, oc_string_id name, size_t *ret_len)
{
	const struct text *own;

	if (!(name & OWN_TEXT))
		return oc_machine_string(g->m, name, ret_len);
	own = &g->texts.texts[(name & ~OWN_TEXT) - 1];
	if (ret_len)
		*ret_len = own->len;
	return own->text;
}

static int64_t own_text(struct oc_graph *g, const char *text, size_t len)
{
	int64_t id = text_table_copy(&g->texts, text, len);

	if (id >= OWN_TEXT)
		return -ENOMEM;
	return id < 0 ? id : OWN_TEXT | id;
}

static bool symbol_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct symbol *have = &((const struct symbol *)owner)[id - 1], *want = wanted;

	return have->name == want->name && have->frame_kind == want->frame_kind;
}

static int64_t add_symbol(struct builder *b, oc_string_id name, enum oc_frame_kind kind)
{
	struct symbol wanted = {
		.name = name,
		.frame_kind = kind,
		.last_stack = UINT32_MAX,
	};
	uint32_t key[2] = { name, kind };
	uint64_t hash = hash_bytes(key, sizeof(key));
	uint32_t id = id_table_find(&b->symbol_ids, hash, symbol_equal, b->symbols, &wanted);
	size_t nr = b->symbol_ids.count;

	if (id)
		return id;
	if (array_reserve(&b->symbols, &b->symbols_cap, nr + 1, sizeof(*b->symbols)) ||
	    id_table_add(&b->symbol_ids, hash, (uint32_t)nr + 1))
		return -ENOMEM;
	b->symbols[nr] = wanted;
	return (int64_t)nr + 1;
}

static bool place_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct place *have = &((const struct place *)owner)[id - 1], *want = wanted;

	return have->symbol == want->symbol && have->module == want->module;
}

/* Notes that the symbol is in that module. Returns 0 or -ENOMEM. */
static int add_place(struct builder *b, uint32_t symbol, oc_string_id module)
{
	struct place place = { symbol, module };
	uint64_t hash = hash_bytes(&place, sizeof(place));
	struct symbol *s = &b->symbols[symbol - 1];
	size_t nr = b->place_ids.count;

	if (id_table_find(&b->place_ids, hash, place_equal, b->places, &place))
		return 0;
	if (array_reserve(&b->places, &b->places_cap, nr + 1, sizeof(*b->places)) ||
	    id_table_add(&b->place_ids, hash, (uint32_t)nr + 1))
		return -ENOMEM;
	b->places[nr] = place;
	if (!s->nr_modules++)
		s->module = module;
	return 0;
}

/* Makes the symbols of a location's lines; a location without lines has one, its address. */
static int add_location(struct builder *b, oc_location_id id)
{
	const struct oc_location *location = oc_machine_location(b->g->m, id);
	const struct oc_module *module = oc_machine_module(b->g->m, location->module);
	oc_string_id path = module && module->type != OC_MODULE_UNKNOWN ? module->path : 0;
	uint32_t nr = MAX(location->nr_lines, 1U);
	int64_t symbol;

	if (b->nr_frames + nr >= UINT32_MAX ||
	    array_reserve(&b->frames, &b->frames_cap, b->nr_frames + nr + 1, sizeof(*b->frames)))
		return -ENOMEM;
	b->first_frame[id] = (uint32_t)b->nr_frames + 1;
	for (uint32_t i = 0; i < nr; i++) {
		symbol = add_symbol(b, oc_machine_location_name(b->g->m, id, i),
				    i + 1 < nr ? OC_FRAME_INLINE : module_frame_kind(module));
		if (symbol < 0)
			return (int)symbol;
		if (path && add_place(b, (uint32_t)symbol, path))
			return -ENOMEM;
		b->frames[b->nr_frames++] = (uint32_t)symbol;
	}
	b->frames[b->nr_frames++] = 0;
	return 0;
}

/* ---- groups ------------------------------------------------------------------------------------------------- */

/* "name-number", or "name" alone when number is NULL. An unknown name is said to be so. */
static int64_t group_symbol(struct builder *b, oc_string_id name, const uint32_t *number)
{
	struct buffer text = BUFFER_INIT;
	int64_t id;

	buffer_puts(&text, name ? oc_machine_string(b->g->m, name, NULL) : "[unknown]");
	if (number)
		buffer_printf(&text, "-%u", *number);
	id = text.error ? text.error : own_text(b->g, text.data, text.len);
	buffer_done(&text);
	return id < 0 ? id : add_symbol(b, (oc_string_id)id, OC_FRAME_GROUP);
}

static int64_t process_symbol(struct builder *b, oc_process_id id)
{
	const struct oc_process *process = oc_machine_process(b->g->m, id);
	uint32_t *slot = &b->process_symbols[process ? id : 0];
	int64_t symbol;

	if (*slot)
		return *slot;
	symbol = group_symbol(b, process ? process->comm : 0,
			      b->opts.group_by_pid && process ? &process->pid : NULL);
	if (symbol > 0)
		*slot = (uint32_t)symbol;
	return symbol;
}

static int64_t thread_symbol(struct builder *b, oc_thread_id id)
{
	const struct oc_thread *thread = oc_machine_thread(b->g->m, id);
	const struct oc_process *process =
		thread ? oc_machine_process(b->g->m, thread->process) : NULL;
	uint32_t *slot = &b->thread_symbols[thread ? id : 0];
	oc_string_id name = 0;
	int64_t symbol;

	if (*slot)
		return *slot;
	/* Until a thread names itself it bears its process's name. */
	if (thread)
		name = thread->name || !process ? thread->name : process->comm;
	symbol = group_symbol(b, name, thread ? &thread->tid : NULL);
	if (symbol > 0)
		*slot = (uint32_t)symbol;
	return symbol;
}

/* ---- the tree ----------------------------------------------------------------------------------------------- */

static bool node_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct node_key *have = &((const struct node_key *)owner)[id - 1], *want = wanted;

	return have->parent == want->parent && have->symbol == want->symbol;
}

/* The child of `parent` with that symbol, made when there is none. */
static int64_t child_node(struct builder *b, uint32_t parent, uint32_t symbol)
{
	struct node_key key = { parent, symbol };
	uint64_t hash = hash_bytes(&key, sizeof(key));
	uint32_t id = id_table_find(&b->node_ids, hash, node_equal, b->node_keys, &key);
	struct oc_graph *g = b->g;
	struct symbol *s = &b->symbols[symbol - 1];
	size_t nr = g->nr_nodes;

	if (id)
		return id;
	if (nr == UINT32_MAX ||
	    array_reserve(&g->nodes, &b->nodes_cap, nr + 1, sizeof(*g->nodes)) ||
	    array_reserve(&b->node_keys, &b->keys_cap, nr, sizeof(*b->node_keys)) ||
	    array_reserve(&b->older, &b->older_cap, nr, sizeof(*b->older)) ||
	    id_table_add(&b->node_ids, hash, (uint32_t)nr))
		return -ENOMEM;
	g->nodes[nr] = (struct oc_graph_node){
		.name = s->name,
		.frame_kind = s->frame_kind,
		.parent = parent,
		.depth = g->nodes[parent].depth + 1,
	};
	b->node_keys[nr - 1] = key;
	b->older[nr - 1] = s->last_node;
	s->last_node = (uint32_t)nr;
	return g->nr_nodes++;
}

/* Where the stacks of a group begin. */
static int64_t group_node(struct builder *b, const struct sample_key *key)
{
	int64_t symbol, node = 0;

	if (b->opts.reverse || b->opts.of)
		return 0;
	if (b->opts.group_by_process || b->opts.group_by_pid) {
		symbol = process_symbol(b, key->process);
		node = symbol < 0 ? symbol : child_node(b, 0, (uint32_t)symbol);
	}
	if (node >= 0 && b->opts.group_by_thread) {
		symbol = thread_symbol(b, key->thread);
		node = symbol < 0 ? symbol : child_node(b, (uint32_t)node, (uint32_t)symbol);
	}
	return node;
}

/* Without this frame the samples would be in the total, but in no function. */
static int64_t no_stack_symbol(struct builder *b)
{
	int64_t name = own_text(b->g, NO_STACK_NAME, strlen(NO_STACK_NAME));

	return name < 0 ? name : add_symbol(b, (oc_string_id)name, OC_FRAME_USER);
}

static int add_to_path(struct builder *b, int64_t symbol)
{
	if (symbol < 0)
		return (int)symbol;
	if (array_reserve(&b->path, &b->path_cap, b->nr_path + 1, sizeof(*b->path)))
		return -ENOMEM;
	b->path[b->nr_path++] = (uint32_t)symbol;
	return 0;
}

/* Fills in b->path with the symbols of a stack, innermost first. */
static int read_stack(struct builder *b, oc_stack_id stack)
{
	uint32_t nr = 0;
	const oc_location_id *locations = oc_machine_stack(b->g->m, stack, &nr);
	int rc = 0;

	b->nr_path = 0;
	if (!locations)
		return add_to_path(b, no_stack_symbol(b));
	for (uint32_t i = 0; !rc && i < nr; i++) {
		if (!b->first_frame[locations[i]])
			rc = add_location(b, locations[i]);
		for (uint32_t f = b->first_frame[locations[i]] - 1; !rc && b->frames[f]; f++)
			rc = add_to_path(b, b->frames[f]);
	}
	return rc;
}

/* Cuts the path to what hangs on the outermost frame of opts.of; to nothing when there is no such frame. */
static void cut_path(struct builder *b)
{
	size_t at = b->nr_path;

	while (at &&
	       strcmp(oc_graph_name(b->g, b->symbols[b->path[at - 1] - 1].name, NULL), b->opts.of))
		at--;
	if (!b->opts.reverse || !at) {
		b->nr_path = at;
		return;
	}
	b->nr_path -= at - 1;
	memmove(b->path, b->path + at - 1, b->nr_path * sizeof(*b->path));
}

static void count_functions(struct builder *b, oc_stack_id stack, uint64_t weight)
{
	for (size_t i = 0; i < b->nr_path; i++) {
		struct symbol *symbol = &b->symbols[b->path[i] - 1];

		if (symbol->last_stack == stack)
			continue;
		symbol->last_stack = stack;
		symbol->total += weight;
	}
	b->symbols[b->path[0] - 1].self += weight;
}

/* Adds a stack with all its groups, groups[first..last). */
static int add_stack(struct builder *b, oc_stack_id stack, size_t first, size_t last)
{
	uint64_t weight = 0, amount;
	int rc = read_stack(b, stack);

	if (rc)
		return rc;
	if (b->opts.of)
		cut_path(b);
	if (!b->nr_path)
		return 0;
	for (size_t g = first; g < last; g++) {
		const struct sample_group *group = sample_groups_at(&b->groups, g);
		int64_t node = group_node(b, &group->key);

		for (size_t i = 0; node >= 0 && i < b->nr_path; i++) {
			size_t at = b->opts.reverse ? i : b->nr_path - 1 - i;

			node = child_node(b, (uint32_t)node, b->path[at]);
		}
		if (node < 0)
			return (int)node;
		amount = weight_of(oc_graph_kind(b->g), group->sums[0].count, group->sums[0].value);
		b->g->nodes[node].self += amount;
		weight += amount;
	}
	count_functions(b, stack, weight);
	return 0;
}

static int add_stacks(struct builder *b)
{
	size_t last;
	int rc = 0;

	for (size_t first = 0; !rc && first < b->groups.nr; first = last) {
		oc_stack_id stack = sample_groups_at(&b->groups, first)->key.stack;

		for (last = first + 1; last < b->groups.nr; last++) {
			if (sample_groups_at(&b->groups, last)->key.stack != stack)
				break;
		}
		rc = add_stack(b, stack, first, last);
	}
	return rc;
}

/* ---- finishing ---------------------------------------------------------------------------------------------- */

struct ranked_symbol {
	const char *text;
	enum oc_frame_kind frame_kind;
	uint32_t symbol;
};

static int compare_names(const void *a, const void *b)
{
	const struct ranked_symbol *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order ? order : (int)x->frame_kind - (int)y->frame_kind;
}

struct ranked_function {
	struct oc_graph_function function;
	size_t rank; /* among names */
};

static int compare_functions(const void *a, const void *b)
{
	const struct ranked_function *x = a, *y = b;

	if (x->function.self != y->function.self)
		return x->function.self < y->function.self ? 1 : -1;
	if (x->function.total != y->function.total)
		return x->function.total < y->function.total ? 1 : -1;
	return x->rank < y->rank ? -1 : 1;
}

/* A child is always younger than its parent, so one pass from the youngest adds everything up. */
static void sum_totals(struct oc_graph *g)
{
	for (uint32_t i = g->nr_nodes; i-- > 0;) {
		struct oc_graph_node *node = &g->nodes[i];

		node->total += node->self;
		if (i)
			g->nodes[node->parent].total += node->total;
	}
}

/*
 * Puts children in the order of their names without sorting nodes: each node goes to the front of its parent's
 * list, those of the last symbol first.
 */
static void link_children(struct builder *b, const struct ranked_symbol *ranked, size_t nr)
{
	struct oc_graph_node *nodes = b->g->nodes;

	for (size_t i = nr; i-- > 0;) {
		uint32_t node = b->symbols[ranked[i].symbol].last_node;

		for (; node; node = b->older[node - 1]) {
			nodes[node].next_sibling = nodes[nodes[node].parent].first_child;
			nodes[nodes[node].parent].first_child = node;
		}
	}
}

static int list_functions(struct builder *b, const struct ranked_symbol *ranked, size_t nr)
{
	struct oc_graph *g = b->g;
	struct ranked_function *functions = calloc(nr + 1, sizeof(*functions));
	uint32_t count = 0;

	g->functions = calloc(nr + 1, sizeof(*g->functions));
	if (!functions || !g->functions) {
		free(functions);
		return -ENOMEM;
	}
	for (size_t i = 0; i < nr; i++) {
		const struct symbol *symbol = &b->symbols[ranked[i].symbol];

		if (symbol->frame_kind == OC_FRAME_GROUP)
			continue;
		functions[count++] = (struct ranked_function){
			.function = {
				.name = symbol->name,
				.module = symbol->module,
				.frame_kind = symbol->frame_kind,
				.nr_modules = symbol->nr_modules,
				.self = symbol->self,
				.total = symbol->total,
			},
			.rank = i,
		};
	}
	qsort(functions, count, sizeof(*functions), compare_functions);
	for (uint32_t i = 0; i < count; i++)
		g->functions[i] = functions[i].function;
	g->nr_functions = count;
	free(functions);
	return 0;
}

static int finish(struct builder *b)
{
	size_t nr = b->symbol_ids.count;
	struct ranked_symbol *ranked = calloc(nr + 1, sizeof(*ranked));
	int rc;

	if (!ranked)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		ranked[i] = (struct ranked_symbol){
			.text = oc_graph_name(b->g, b->symbols[i].name, NULL),
			.frame_kind = b->symbols[i].frame_kind,
			.symbol = (uint32_t)i,
		};
	}
	qsort(ranked, nr, sizeof(*ranked), compare_names);
	link_children(b, ranked, nr);
	sum_totals(b->g);
	rc = list_functions(b, ranked, nr);
	free(ranked);
	return rc;
}

/* ---- life --------------------------------------------------------------------------------------------------- */

static int builder_init(struct builder *b, struct oc_graph *g)
{
	const struct oc_machine *m = g->m;
	bool grouped = !b->opts.reverse && !b->opts.of;
	unsigned int by = 0;

	if (grouped && (b->opts.group_by_process || b->opts.group_by_pid))
		by |= GROUP_BY_PROCESS;
	if (grouped && b->opts.group_by_thread)
		by |= GROUP_BY_THREAD;
	b->g = g;
	b->first_frame = calloc((size_t)oc_machine_nr_locations(m) + 1, sizeof(*b->first_frame));
	b->process_symbols =
		calloc((size_t)oc_machine_nr_processes(m) + 1, sizeof(*b->process_symbols));
	b->thread_symbols =
		calloc((size_t)oc_machine_nr_threads(m) + 1, sizeof(*b->thread_symbols));
	if (!b->first_frame || !b->process_symbols || !b->thread_symbols ||
	    array_reserve(&g->nodes, &b->nodes_cap, 1, sizeof(*g->nodes)))
		return -ENOMEM;
	g->nodes[0] = (struct oc_graph_node){ .frame_kind = OC_FRAME_ROOT };
	g->nr_nodes = 1;
	return sample_groups_init(&b->groups, m, by, g->kind);
}

static void builder_done(struct builder *b)
{
	sample_groups_done(&b->groups);
	id_table_done(&b->symbol_ids);
	id_table_done(&b->place_ids);
	id_table_done(&b->node_ids);
	free(b->symbols);
	free(b->places);
	free(b->node_keys);
	free(b->older);
	free(b->first_frame);
	free(b->frames);
	free(b->path);
	free(b->process_symbols);
	free(b->thread_symbols);
}

int oc_graph_new(const struct oc_machine *m, const struct oc_graph_opts *opts,
		 struct oc_graph **ret_graph)
{
	struct builder b = { .opts.group_by_process = !opts };
	struct oc_graph *g;
	int rc;

	if (opts)
		memcpy(&b.opts, opts, MIN(opts->size, sizeof(b.opts)));
	if (!b.opts.kind)
		b.opts.kind = oc_machine_shown_kind(m);
	if (!oc_machine_kind(m, b.opts.kind))
		return -EINVAL;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->m = m;
	g->kind = b.opts.kind;
	rc = builder_init(&b, g);
	if (!rc)
		rc = add_stacks(&b);
	if (!rc)
		rc = finish(&b);
	builder_done(&b);
	if (rc) {
		oc_graph_free(g);
		return rc;
	}
	*ret_graph = g;
	return 0;
}

void oc_graph_free(struct oc_graph *g)
{
	if (!g)
		return;
	free(g->nodes);
	free(g->functions);
	text_table_done(&g->texts);
	free(g);
}

const struct oc_graph_node *oc_graph_nodes(const struct oc_graph *g, uint32_t *ret_nr)
{
	*ret_nr = g->nr_nodes;
	return g->nodes;
}

const struct oc_graph_function *oc_graph_functions(const struct oc_graph *g, uint32_t *ret_nr)
{
	*ret_nr = g->nr_functions;
	return g->functions;
}

enum oc_unit oc_graph_unit(const struct oc_graph *g)
{
	const struct oc_kind *kind = oc_graph_kind(g);

	return kind ? oc_kind_weight_unit(kind) : OC_UNIT_COUNT;
}

uint64_t oc_sample_weight(const struct oc_machine *m, const struct oc_sample *sample)
{
	return weight_of(oc_machine_kind(m, sample->kind), sample->count, sample_value(m, sample));
}

const struct oc_kind *oc_graph_kind(const struct oc_graph *g)
{
	return oc_machine_kind(g->m, g->kind);
}
