/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Adding up samples that differ only in what an output does not show.
 * Called by the call graph and by format writers.
 * Must not know any format.
 */
#include "export/sample_groups.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"

/* Only while samples are read. */
struct grouping {
	struct sample_groups *groups;
	const struct oc_machine *m;
	unsigned int by;
	oc_kind_id kind;
	struct id_table table;
	size_t keys_cap;
	size_t sums_cap;
	size_t next_cap;
};

static bool key_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct sample_key *keys = owner;

	return !memcmp(&keys[id - 1], wanted, sizeof(struct sample_key));
}

static int64_t add_group(struct grouping *g, const struct sample_key *key, uint64_t hash)
{
	struct sample_groups *groups = g->groups;
	size_t nr = groups->nr, nr_sums = (nr + 1) * groups->nr_kinds;

	if (nr == UINT32_MAX - 1 ||
	    array_reserve(&groups->keys, &g->keys_cap, nr + 1, sizeof(*groups->keys)) ||
	    array_reserve(&groups->next, &g->next_cap, nr + 1, sizeof(*groups->next)) ||
	    array_reserve(&groups->sums, &g->sums_cap, nr_sums, sizeof(*groups->sums)) ||
	    id_table_add(&g->table, hash, (uint32_t)nr + 1))
		return -ENOMEM;
	groups->keys[nr] = *key;
	groups->next[nr] = groups->first_of_stack[key->stack];
	groups->first_of_stack[key->stack] = (uint32_t)nr + 1;
	memset(&groups->sums[nr * groups->nr_kinds], 0, groups->nr_kinds * sizeof(*groups->sums));
	return ++groups->nr;
}

static uint64_t sample_value(const struct oc_machine *m, const struct oc_sample *sample)
{
	const struct oc_span *span;

	if (oc_machine_kind(m, sample->kind)->unit != OC_UNIT_SPAN)
		return sample->value;
	span = oc_machine_span(m, (oc_span_id)sample->value);
	return span ? span->end_ns - span->start_ns : 0;
}

static int add_sample(void *arg, const struct oc_sample *sample)
{
	struct grouping *g = arg;
	struct sample_groups *groups = g->groups;
	struct sample_key key = { .stack = sample->stack };
	struct sample_sum *sum;
	uint64_t hash;
	int64_t id;

	if (g->kind && sample->kind != g->kind)
		return 0;
	if (g->by & GROUP_BY_PROCESS)
		key.process = sample->process;
	if (g->by & GROUP_BY_THREAD)
		key.thread = sample->thread;
	if (g->by & GROUP_BY_ATTRS)
		key.attrs = sample->attrs;
	hash = hash_bytes(&key, sizeof(key));
	id = id_table_find(&g->table, hash, key_equal, groups->keys, &key);
	if (!id)
		id = add_group(g, &key, hash);
	if (id < 0)
		return (int)id;
	sum = &groups->sums[(size_t)(id - 1) * groups->nr_kinds];
	if (!g->kind)
		sum += sample->kind - 1;
	sum->count += sample->count;
	sum->value += sample_value(g->m, sample);
	return 0;
}

int sample_groups_init(struct sample_groups *ret_groups, const struct oc_machine *m,
		       unsigned int by, oc_kind_id kind)
{
	struct sample_groups groups = {
		.nr_stacks = oc_machine_nr_stacks(m),
		.nr_kinds = kind ? 1 : oc_machine_nr_kinds(m),
	};
	struct grouping g = { .groups = &groups, .m = m, .by = by, .kind = kind };
	int rc;

	groups.first_of_stack =
		calloc((size_t)groups.nr_stacks + 1, sizeof(*groups.first_of_stack));
	if (!groups.first_of_stack)
		return -ENOMEM;
	rc = oc_machine_each_sample(m, add_sample, &g);
	id_table_done(&g.table);
	if (rc) {
		sample_groups_done(&groups);
		return rc;
	}
	*ret_groups = groups;
	return 0;
}

void sample_groups_done(struct sample_groups *groups)
{
	free(groups->keys);
	free(groups->sums);
	free(groups->first_of_stack);
	free(groups->next);
	*groups = (struct sample_groups){ 0 };
}
