/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Adding up samples that differ only in what an output does not show.
 * Called by the call graph and by format writers.
 * Must not know any format.
 */
#include "export/sample_groups.h"

#include <errno.h>

#include "base/array.h"
#include "base/id_table.h"
#include "base/macros.h"
#include "export/amount.h"

/*
 * Samples wait in batches while the memory that they need is on its way from DRAM: with a million groups each sample
 * would otherwise wait for two loads in a row.
 */
#define BATCH 32

struct waiting {
	struct sample_key key;
	uint64_t hash;
	struct sample_sum add;
	uint32_t sum; /* index into the group's sums */
};

/* Only while samples are read. */
struct grouping {
	struct sample_groups *groups;
	const struct oc_machine *m;
	unsigned int by;
	oc_kind_id kind;
	struct id_table table;
	size_t groups_cap;
	struct waiting batch[BATCH];
	unsigned int nr_waiting;
};

static bool key_equal(const void *owner, uint32_t id, const void *wanted)
{
	return !memcmp(&sample_groups_at(owner, id - 1)->key, wanted, sizeof(struct sample_key));
}

static int64_t add_group(struct grouping *g, const struct sample_key *key, uint64_t hash)
{
	struct sample_groups *groups = g->groups;
	char *group;

	if (groups->nr == UINT32_MAX ||
	    array_reserve(&groups->groups, &g->groups_cap, groups->nr + 1, groups->group_bytes) ||
	    id_table_add(&g->table, hash, (uint32_t)groups->nr + 1))
		return -ENOMEM;
	group = groups->groups + groups->nr * groups->group_bytes;
	memset(group, 0, groups->group_bytes);
	memcpy(group, key, sizeof(*key));
	return (int64_t)++groups->nr;
}

static struct sample_group *group_at(const struct sample_groups *groups, size_t i)
{
	return (struct sample_group *)(groups->groups + i * groups->group_bytes);
}

static int add_to_group(struct grouping *g, const struct waiting *w)
{
	int64_t id = id_table_find(&g->table, w->hash, key_equal, g->groups, &w->key);
	struct sample_sum *sum;

	if (!id)
		id = add_group(g, &w->key, w->hash);
	if (id < 0)
		return (int)id;
	sum = &group_at(g->groups, (size_t)id - 1)->sums[w->sum];
	sum->count += w->add.count;
	sum->value += w->add.value;
	return 0;
}

static int add_batch(struct grouping *g)
{
	int rc = 0;

	for (unsigned int i = 0; i < g->nr_waiting; i++) {
		uint32_t id = id_table_guess(&g->table, g->batch[i].hash);

		if (id)
			__builtin_prefetch(group_at(g->groups, id - 1), 1);
	}
	for (unsigned int i = 0; i < g->nr_waiting && !rc; i++)
		rc = add_to_group(g, &g->batch[i]);
	g->nr_waiting = 0;
	return rc;
}

static int add_sample(void *arg, const struct oc_sample *sample)
{
	struct grouping *g = arg;
	struct waiting *w = &g->batch[g->nr_waiting];

	if (g->kind && sample->kind != g->kind)
		return 0;
	w->key = (struct sample_key){ .stack = sample->stack };
	if (g->by & GROUP_BY_PROCESS)
		w->key.process = sample->process;
	if (g->by & GROUP_BY_THREAD)
		w->key.thread = sample->thread;
	if (g->by & GROUP_BY_ATTRS)
		w->key.attrs = sample->attrs;
	w->hash = hash_bytes(&w->key, sizeof(w->key));
	w->sum = g->kind ? 0 : sample->kind - 1;
	w->add = (struct sample_sum){ sample->count, sample_value(g->m, sample) };
	id_table_prefetch(&g->table, w->hash);
	return ++g->nr_waiting < BATCH ? 0 : add_batch(g);
}

/* Counting sort: stacks are numbered densely, and all that follows walks the groups in order. */
static int sort_by_stack(struct sample_groups *groups, uint32_t nr_stacks)
{
	size_t *place = calloc((size_t)nr_stacks + 1, sizeof(*place));
	char *sorted = malloc(groups->nr * groups->group_bytes + 1);
	size_t start = 0;

	if (!place || !sorted) {
		free(place);
		free(sorted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < groups->nr; i++)
		place[sample_groups_at(groups, i)->key.stack]++;
	for (size_t stack = 0; stack <= nr_stacks; stack++) {
		size_t nr = place[stack];

		place[stack] = start;
		start += nr;
	}
	for (size_t i = 0; i < groups->nr; i++) {
		const struct sample_group *group = sample_groups_at(groups, i);

		memcpy(sorted + place[group->key.stack]++ * groups->group_bytes, group,
		       groups->group_bytes);
	}
	free(place);
	free(groups->groups);
	groups->groups = sorted;
	return 0;
}

int sample_groups_init(struct sample_groups *ret_groups, const struct oc_machine *m,
		       unsigned int by, oc_kind_id kind)
{
	struct sample_groups groups = { .nr_kinds = kind ? 1 : oc_machine_nr_kinds(m) };
	struct grouping g = { .groups = &groups, .m = m, .by = by, .kind = kind };
	int rc;

	groups.group_bytes =
		sizeof(struct sample_group) + groups.nr_kinds * sizeof(struct sample_sum);
	rc = oc_machine_each_sample(m, add_sample, &g);
	if (!rc)
		rc = add_batch(&g);
	id_table_done(&g.table);
	if (!rc)
		rc = sort_by_stack(&groups, oc_machine_nr_stacks(m));
	if (rc) {
		sample_groups_done(&groups);
		return rc;
	}
	*ret_groups = groups;
	return 0;
}

void sample_groups_done(struct sample_groups *groups)
{
	free(groups->groups);
	*groups = (struct sample_groups){ 0 };
}
