/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The call tree of two recordings, with frames that have the same name in both as one.
 * Called by diff.c.
 * Must not know what changes mean.
 */
#include <errno.h>

#include "base/array.h"
#include "base/macros.h"
#include "export/amount.h"
#include "export/diff_private.h"
#include "export/frames.h"
#include "export/function_name.h"
#include "export/sample_groups.h"

/* ---- symbols ---- */

static bool symbol_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct diff_symbol *have = (const struct diff_symbol *)owner + id - 1, *want = wanted;

	return have->name_id == want->name_id && have->class == want->class;
}

/* The symbol of a name, which is copied. Returns its number or -ENOMEM. */
static int64_t add_symbol(struct oc_diff *d, const char *name, size_t len, enum diff_class class,
			  enum oc_frame_kind frame_kind)
{
	int64_t text = text_table_copy(&d->texts, name, len);
	struct diff_symbol wanted = { .name_id = (uint32_t)text,
				      .class = class,
				      .frame_kind = frame_kind };
	uint32_t key[2] = { wanted.name_id, class };
	uint64_t hash = hash_bytes(key, sizeof(key));
	size_t nr = diff_nr_symbols(d);
	uint32_t id;

	if (text < 0)
		return text;
	id = id_table_find(&d->symbol_ids, hash, symbol_equal, d->symbols, &wanted);
	if (id)
		return id;
	if (array_reserve(&d->symbols, &d->symbols_cap, nr + 1, sizeof(*d->symbols)) ||
	    id_table_add(&d->symbol_ids, hash, (uint32_t)nr + 1))
		return -ENOMEM;
	wanted.name = d->texts.texts[text - 1].text;
	d->symbols[nr] = wanted;
	return (int64_t)nr + 1;
}

static int64_t line_symbol(struct oc_diff *d, const struct diff_side *s, oc_location_id id,
			   uint32_t line, uint32_t nr_lines)
{
	const struct oc_module *module =
		oc_machine_module(s->m, oc_machine_location(s->m, id)->module);
	enum oc_frame_kind kind = module_frame_kind(module);
	enum diff_class class = kind == OC_FRAME_KERNEL ? DIFF_KERNEL : DIFF_USER;
	size_t len;
	const char *name = oc_machine_string(s->m, oc_machine_location_name(s->m, id, line), &len);
	struct diff_symbol *symbol;
	int64_t number;

	function_name_normalise(&d->name, name, len);
	if (d->name.error)
		return -ENOMEM;
	number = add_symbol(d, d->name.data, d->name.len, class,
			    line + 1 < nr_lines ? OC_FRAME_INLINE : kind);
	if (number < 0)
		return number;
	symbol = &d->symbols[number - 1];
	if (!symbol->module && module && module->type != OC_MODULE_UNKNOWN)
		symbol->module = oc_machine_string(s->m, module->path, NULL);
	return number;
}

/* Makes the symbols of a location's lines; a location without lines has one, its module. */
static int add_location(struct oc_diff *d, struct diff_side *s, oc_location_id id)
{
	uint32_t nr = MAX(oc_machine_location(s->m, id)->nr_lines, 1U);

	if (s->nr_frames + nr >= UINT32_MAX ||
	    array_reserve(&s->frames, &s->frames_cap, s->nr_frames + nr + 1, sizeof(*s->frames)))
		return -ENOMEM;
	s->first_frame[id] = (uint32_t)s->nr_frames + 1;
	for (uint32_t i = 0; i < nr; i++) {
		int64_t symbol = line_symbol(d, s, id, i, nr);

		if (symbol < 0)
			return (int)symbol;
		s->frames[s->nr_frames++] = (uint32_t)symbol;
	}
	s->frames[s->nr_frames++] = 0;
	return 0;
}

static int add_to_path(struct oc_diff *d, int64_t symbol)
{
	if (symbol < 0)
		return (int)symbol;
	if (array_reserve(&d->path, &d->path_cap, d->nr_path + 1, sizeof(*d->path)))
		return -ENOMEM;
	d->path[d->nr_path++] = (uint32_t)symbol;
	return 0;
}

int diff_read_stack(struct oc_diff *d, unsigned int side, oc_stack_id stack)
{
	struct diff_side *s = &d->sides[side];
	uint32_t nr = 0;
	const oc_location_id *locations = oc_machine_stack(s->m, stack, &nr);
	int rc = 0;

	d->nr_path = 0;
	if (!locations)
		return add_to_path(d, add_symbol(d, NO_STACK_NAME, strlen(NO_STACK_NAME), DIFF_USER,
						 OC_FRAME_USER));
	for (uint32_t i = 0; !rc && i < nr; i++) {
		if (!s->first_frame[locations[i]])
			rc = add_location(d, s, locations[i]);
		for (uint32_t f = s->first_frame[locations[i]] - 1; !rc && s->frames[f]; f++)
			rc = add_to_path(d, s->frames[f]);
	}
	return rc;
}

/* ---- nodes ---- */

static bool node_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct diff_node_key *have = (const struct diff_node_key *)owner + id - 1;
	const struct diff_node_key *want = wanted;

	return have->parent == want->parent && have->symbol == want->symbol;
}

/* The child of `parent` with that symbol, made when there is none. */
static int64_t child_node(struct oc_diff *d, uint32_t parent, uint32_t symbol)
{
	const struct diff_node_key key = { parent, symbol };
	uint64_t hash = hash_bytes(&key, sizeof(key));
	uint32_t id = id_table_find(&d->node_ids, hash, node_equal, d->node_keys, &key);
	const struct diff_symbol *s = &d->symbols[symbol - 1];
	size_t nr = d->nr_nodes;

	if (id)
		return id;
	if (nr == UINT32_MAX ||
	    array_reserve(&d->nodes, &d->nodes_cap, nr + 1, sizeof(*d->nodes)) ||
	    array_reserve(&d->node_keys, &d->node_keys_cap, nr, sizeof(*d->node_keys)) ||
	    id_table_add(&d->node_ids, hash, (uint32_t)nr))
		return -ENOMEM;
	d->nodes[nr] = (struct oc_diff_node){
		.name = s->name,
		.frame_kind = s->frame_kind,
		.parent = parent,
		.depth = d->nodes[parent].depth + 1,
	};
	d->node_keys[nr - 1] = key;
	return d->nr_nodes++;
}

static int64_t process_symbol(struct oc_diff *d, struct diff_side *s, oc_process_id id)
{
	const struct oc_process *process = oc_machine_process(s->m, id);
	const char *comm = process && process->comm ? oc_machine_string(s->m, process->comm, NULL)
						    : "[unknown]";
	uint32_t *slot = &s->process_symbols[process ? id : 0];
	int64_t symbol;

	if (*slot)
		return *slot;
	symbol = add_symbol(d, comm, strlen(comm), DIFF_GROUP, OC_FRAME_GROUP);
	if (symbol > 0)
		*slot = (uint32_t)symbol;
	return symbol;
}

static int add_group(struct oc_diff *d, unsigned int side, const struct sample_group *group)
{
	int64_t node = process_symbol(d, &d->sides[side], group->key.process);

	if (node > 0)
		node = child_node(d, 0, (uint32_t)node);
	for (size_t i = d->nr_path; node > 0 && i-- > 0;)
		node = child_node(d, (uint32_t)node, d->path[i]);
	if (node < 0)
		return (int)node;
	d->nodes[node].self[side] +=
		weight_of(d->info.kind[side], group->sums[0].count, group->sums[0].value);
	return 0;
}

static int add_side(struct oc_diff *d, unsigned int side)
{
	struct sample_groups groups;
	int rc = sample_groups_init(&groups, d->sides[side].m, GROUP_BY_PROCESS,
				    d->sides[side].kind);

	for (size_t i = 0; !rc && i < groups.nr; i++) {
		const struct sample_group *group = sample_groups_at(&groups, i);

		if (!i || group->key.stack != sample_groups_at(&groups, i - 1)->key.stack)
			rc = diff_read_stack(d, side, group->key.stack);
		rc = rc ? rc : add_group(d, side, group);
	}
	sample_groups_done(&groups);
	return rc;
}

/* ---- order ---- */

struct ranked_node {
	const char *name;
	enum oc_frame_kind frame_kind;
	uint32_t node;
};

/* Nodes of one parent differ in name or class. */
static int compare_nodes(const void *a, const void *b)
{
	const struct ranked_node *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (int)x->frame_kind - (int)y->frame_kind;
}

/* Each node goes to the front of its parent's list, the last of all first. */
static int sort_nodes(struct oc_diff *d)
{
	struct ranked_node *ranked = calloc(d->nr_nodes, sizeof(*ranked));

	if (!ranked)
		return -ENOMEM;
	for (uint32_t i = 1; i < d->nr_nodes; i++)
		ranked[i] = (struct ranked_node){ d->nodes[i].name, d->nodes[i].frame_kind, i };
	if (d->nr_nodes > 1)
		qsort(ranked + 1, d->nr_nodes - 1, sizeof(*ranked), compare_nodes);
	for (uint32_t i = d->nr_nodes; i-- > 1;) {
		struct oc_diff_node *node = &d->nodes[ranked[i].node];

		node->next_sibling = d->nodes[node->parent].first_child;
		d->nodes[node->parent].first_child = ranked[i].node;
	}
	free(ranked);
	return 0;
}

/* A child is always younger than its parent, so one pass from the youngest adds everything up. */
static void sum_totals(struct oc_diff *d)
{
	for (uint32_t i = d->nr_nodes; i-- > 0;) {
		struct oc_diff_node *node = &d->nodes[i];

		for (unsigned int side = 0; side < NR_SIDES; side++) {
			node->total[side] += node->self[side];
			if (i)
				d->nodes[node->parent].total[side] += node->total[side];
		}
	}
}

int diff_build_tree(struct oc_diff *d)
{
	int rc = array_reserve(&d->nodes, &d->nodes_cap, 1, sizeof(*d->nodes));

	if (rc)
		return rc;
	d->nodes[0] = (struct oc_diff_node){ .name = "", .frame_kind = OC_FRAME_ROOT };
	d->nr_nodes = 1;
	for (unsigned int side = 0; !rc && side < NR_SIDES; side++)
		rc = add_side(d, side);
	if (rc)
		return rc;
	sum_totals(d);
	return sort_nodes(d);
}
