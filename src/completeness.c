/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting complete and incomplete stacks.
 * Called by src/machine_sink.c.
 * Must not know how stacks are walked.
 */
#include "completeness.h"

#include <onecollect/stack_counts.h>

#include "stack_end.h"

static struct oc_ledger_kind *row_of(struct oc_machine *m, oc_kind_id kind)
{
	return &oc_machine_ledger(m)->kinds[kind - 1];
}

/* Counts stacks of a process as complete (OC_STACK_COUNT) or not. Returns 0 or -ENOMEM. */
static int count_stacks(struct oc_machine *m, oc_kind_id kind, oc_process_id process,
			enum oc_stack_reason reason, uint64_t count)
{
	if (reason == OC_STACK_COUNT)
		row_of(m, kind)->complete += count;
	else
		row_of(m, kind)->incomplete[reason] += count;
	return oc_machine_count_stacks(m, process, reason, count);
}

static int remember(struct u64_map *map, const struct oc_sample *sample)
{
	uint64_t key = (uint64_t)sample->process << 32 | sample->stack;
	uint64_t *count = u64_map_find(map, key);

	if (!count)
		return u64_map_set(map, key, sample->count);
	*count += sample->count;
	return 0;
}

int completeness_note(struct completeness *c, struct oc_machine *m, const struct oc_sample *sample,
		      const struct collector_sample *in, bool is_cut)
{
	enum oc_stack_reason reason = in->incomplete;

	if (!in->has_user_part)
		return 0;
	row_of(m, sample->kind)->stacks += sample->count;
	if (in->is_complete)
		reason = OC_STACK_COUNT;
	else if (reason == OC_STACK_COUNT && is_cut)
		reason = OC_STACK_NO_MAPPING;
	else if (reason == OC_STACK_COUNT && !sample->stack)
		reason = OC_STACK_NO_STACK;
	else if (reason == OC_STACK_COUNT)
		return remember(&c->unjudged[sample->kind - 1], sample);
	else if (reason == OC_STACK_BAD_ADDRESS && sample->stack && !is_cut)
		return remember(&c->unled[sample->kind - 1], sample);
	return count_stacks(m, sample->kind, sample->process, reason, sample->count);
}

/* otherwise: the reason of stacks that do not reach their root; OC_STACK_COUNT = whatever their end tells. */
static int judge(struct oc_machine *m, oc_kind_id kind, const struct u64_map *map,
		 enum oc_stack_reason otherwise)
{
	int rc = 0;

	for (size_t i = 0; map->slots && i <= map->mask && !rc; i++) {
		const struct u64_slot *slot = &map->slots[i];
		enum oc_stack_reason reason;

		if (!slot->key)
			continue;
		reason = stack_end(m, (oc_stack_id)slot->key);
		if (reason != OC_STACK_COUNT && otherwise != OC_STACK_COUNT)
			reason = otherwise;
		rc = count_stacks(m, kind, (oc_process_id)(slot->key >> 32), reason, slot->value);
	}
	return rc;
}

int completeness_judge(struct completeness *c, struct oc_machine *m)
{
	int rc = 0;

	for (uint32_t i = 0; i < OC_KINDS_MAX && !rc; i++) {
		rc = judge(m, i + 1, &c->unjudged[i], OC_STACK_COUNT);
		rc = rc ? rc : judge(m, i + 1, &c->unled[i], OC_STACK_BAD_ADDRESS);
	}
	return rc;
}

void completeness_done(struct completeness *c)
{
	for (uint32_t i = 0; i < OC_KINDS_MAX; i++) {
		u64_map_done(&c->unjudged[i]);
		u64_map_done(&c->unled[i]);
	}
}
