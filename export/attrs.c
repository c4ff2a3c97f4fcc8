/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attributes (interned lists of keys and values that may be chained) and spans.
 * Called by sources that know more of a sample than its stack; read by writers.
 * Must not know what a key means.
 */
#include "export/machine_private.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"

/* Hashed and compared as bytes. */
_Static_assert(sizeof(struct oc_attr) == 2 * sizeof(uint32_t) + sizeof(uint64_t),
	       "no padding in an attribute");

static bool attrs_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct oc_machine *m = owner;
	const struct attrs_entry *have = stable_array_at(&m->attrs, id - 1);
	const struct attrs_entry *want = wanted;

	return have->nr == want->nr && have->parent == want->parent &&
	       (!want->nr || !memcmp(have->attrs, want->attrs, want->nr * sizeof(*want->attrs)));
}

static bool attrs_valid(const struct oc_machine *m, const struct oc_attr *attrs, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (!string_exists(m, attrs[i].key) || (unsigned int)attrs[i].type > OC_ATTR_NUMBER)
			return false;
		if (attrs[i].type == OC_ATTR_STRING && attrs[i].value > m->strings.count)
			return false;
	}
	return true;
}

int64_t oc_machine_intern_attrs(struct oc_machine *m, const struct oc_attr *attrs, size_t nr,
				oc_attrs_id parent)
{
	const struct attrs_entry want = { .attrs = attrs, .nr = (uint32_t)nr, .parent = parent };
	struct attrs_entry *entry;
	struct oc_attr *copy;
	uint64_t hash;
	uint32_t id;

	if (parent > m->attrs.count || nr > UINT32_MAX || !attrs_valid(m, attrs, nr))
		return -EINVAL;
	if (!nr && !parent)
		return 0;
	hash = hash_bytes(nr ? attrs : NULL, nr * sizeof(*attrs)) ^ hash_u64(parent);
	id = id_table_find(&m->attrs_index, hash, attrs_equal, m, &want);
	if (id)
		return id;
	id = m->attrs.count + 1;
	if (stable_array_reserve(&m->attrs, 1))
		return -ENOMEM;
	copy = arena_alloc(&m->content, nr * sizeof(*attrs));
	if (!copy || id_table_add(&m->attrs_index, hash, id))
		return -ENOMEM;
	if (nr)
		memcpy(copy, attrs, nr * sizeof(*attrs));
	entry = stable_array_add(&m->attrs);
	*entry = (struct attrs_entry){ .attrs = copy, .nr = (uint32_t)nr, .parent = parent };
	return id;
}

int oc_machine_link_attrs(struct oc_machine *m, oc_attrs_id id, oc_attrs_id associated)
{
	struct attrs_entry *entry = stable_array_by_id(&m->attrs, id);
	struct attrs_link *link;
	uint32_t *end;

	if (!entry || !stable_array_by_id(&m->attrs, associated))
		return -EINVAL;
	for (end = &entry->first_link; *end; end = &link->next) {
		link = stable_array_at(&m->links, *end - 1);
		if (link->target == associated)
			return 0;
	}
	link = stable_array_add(&m->links);
	if (!link)
		return -ENOMEM;
	link->target = associated;
	*end = m->links.count;
	return 0;
}

/* Lists still to be walked, in order, each once. */
struct attrs_walk {
	oc_attrs_id *queue;
	size_t nr;
	size_t cap;
	struct u64_map seen;
};

static int walk_push(struct attrs_walk *walk, oc_attrs_id id)
{
	if (!id || u64_map_find(&walk->seen, id))
		return 0;
	if (u64_map_set(&walk->seen, id, 1) ||
	    array_reserve(&walk->queue, &walk->cap, walk->nr + 1, sizeof(*walk->queue)))
		return -ENOMEM;
	walk->queue[walk->nr++] = id;
	return 0;
}

static int walk_push_related(const struct oc_machine *m, struct attrs_walk *walk,
			     const struct attrs_entry *entry)
{
	int rc = walk_push(walk, entry->parent);

	for (uint32_t id = entry->first_link; id && !rc;) {
		const struct attrs_link *link = stable_array_at(&m->links, id - 1);

		rc = walk_push(walk, link->target);
		id = link->next;
	}
	return rc;
}

static int call_for_list(const struct attrs_entry *entry,
			 int (*fn)(void *arg, const struct oc_attr *attr), void *arg)
{
	int rc = 0;

	for (uint32_t i = 0; i < entry->nr && !rc; i++)
		rc = fn(arg, &entry->attrs[i]);
	return rc;
}

int oc_machine_walk_attrs(const struct oc_machine *m, oc_attrs_id id,
			  int (*fn)(void *arg, const struct oc_attr *attr), void *arg)
{
	const struct attrs_entry *entry = stable_array_by_id(&m->attrs, id);
	struct attrs_walk walk = { 0 };
	int rc;

	if (!entry)
		return 0;
	if (!entry->parent && !entry->first_link)
		return call_for_list(entry, fn, arg);
	rc = walk_push(&walk, id);
	for (size_t i = 0; i < walk.nr && !rc; i++) {
		entry = stable_array_at(&m->attrs, walk.queue[i] - 1);
		rc = call_for_list(entry, fn, arg);
		if (!rc)
			rc = walk_push_related(m, &walk, entry);
	}
	u64_map_done(&walk.seen);
	free(walk.queue);
	return rc;
}

/* ---- spans ---- */

int64_t oc_machine_add_span(struct oc_machine *m, const struct oc_span *span)
{
	struct oc_span *added;

	if (span->end_ns < span->start_ns || span->parent > m->spans.count ||
	    !string_exists(m, span->name))
		return -EINVAL;
	added = stable_array_add(&m->spans);
	if (!added)
		return -ENOMEM;
	*added = *span;
	return m->spans.count;
}

const struct oc_span *oc_machine_span(const struct oc_machine *m, oc_span_id id)
{
	return stable_array_by_id(&m->spans, id);
}

uint32_t oc_machine_nr_spans(const struct oc_machine *m)
{
	return m->spans.count;
}
