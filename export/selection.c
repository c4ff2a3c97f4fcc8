/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selected samples: asking whether one is, and keeping the ledger true of them.
 * Called by filter.c, which makes selections, and by samples.c, which obeys them.
 * Must not know what a pattern is.
 */
#include "export/selection.h"

#include <errno.h>
#include <stdlib.h>

#include <onecollect/stack_counts.h>

#include "base/macros.h"
#include "export/machine_private.h"

bool selection_part_has(const struct selection *s, enum oc_filter_part part,
			const struct oc_sample *sample)
{
	const bool *set = s->sets[part];

	switch (part) {
	case OC_FILTER_TIME:
		return sample->time_ns && sample->time_ns >= s->from_ns &&
		       sample->time_ns < s->until_ns;
	case OC_FILTER_PROCESS:
		return set[sample->process];
	case OC_FILTER_THREAD:
		return set[sample->thread];
	case OC_FILTER_KIND:
		return set[sample->kind];
	case OC_FILTER_ATTR:
		return set[sample->attrs];
	case OC_FILTER_MODULE:
	case OC_FILTER_FUNCTION:
	case OC_FILTER_IGNORE:
		return set[sample->stack];
	case OC_FILTER_CPU:
		return sample->cpu < s->nr_cpus && set[sample->cpu];
	case OC_FILTER_PARTS:
		break;
	}
	return true;
}

static bool in_group(const struct selection *s, const struct oc_sample *sample)
{
	return !s->group_of ||
	       s->group_of[s->group_by_thread ? sample->thread : sample->process] == s->group;
}

bool selection_has(const struct selection *s, const struct oc_sample *sample)
{
	for (unsigned int i = 0; i < s->nr_parts; i++) {
		if (!selection_part_has(s, s->parts[i], sample))
			return false;
	}
	return in_group(s, sample);
}

/* Whether all samples of a process are selected together, or none. */
static bool is_by_process(const struct selection *s)
{
	return !(s->group_of && s->group_by_thread) &&
	       (!s->nr_parts || (s->nr_parts == 1 && s->parts[0] == OC_FILTER_PROCESS));
}

bool selection_knows_stacks(const struct selection *s, oc_process_id process)
{
	if (s->complete)
		return true;
	return is_by_process(s) && selection_has(s, &(struct oc_sample){ .process = process });
}

/* ---- counting ---- */

struct count {
	const struct selection *s;
	struct oc_selected selected;
	uint64_t nr_samples;
	uint64_t left_out[OC_KINDS_MAX];
	bool kinds[OC_KINDS_MAX];
};

static void count_parts(struct count *c, const struct oc_sample *sample)
{
	for (unsigned int i = 0; i < c->s->nr_parts; i++) {
		enum oc_filter_part part = c->s->parts[i];

		if (selection_part_has(c->s, part, sample))
			c->selected.passed[part] += sample->count;
		else if (part == OC_FILTER_TIME && !sample->time_ns)
			c->selected.without_time += sample->count;
	}
}

static int count_sample(void *arg, const struct oc_sample *sample)
{
	struct count *c = arg;

	count_parts(c, sample);
	if (selection_has(c->s, sample)) {
		c->kinds[sample->kind - 1] = true;
		c->nr_samples++;
		c->selected.selected += sample->count;
	} else {
		c->left_out[sample->kind - 1] += sample->count;
		c->selected.left_out += sample->count;
	}
	return 0;
}

/* ---- the ledger ---- */

static void clear_stacks(struct oc_ledger_kind *row)
{
	row->stacks = row->complete = 0;
	memset(row->incomplete, 0, sizeof(row->incomplete));
}

static void sum_stacks(const struct oc_machine *m, struct oc_ledger_kind *row)
{
	for (oc_process_id id = 1; id <= m->processes.count; id++) {
		const struct oc_stack_counts *counts = oc_machine_stack_counts(m, id);

		if (!counts)
			continue;
		row->complete += counts->complete;
		row->stacks += counts->complete;
		for (uint32_t i = 0; i < OC_STACK_COUNT; i++) {
			row->incomplete[i] += counts->incomplete[i];
			row->stacks += counts->incomplete[i];
		}
	}
}

/* The machine's selection is set already, as stack counts depend on it. */
static void move_ledger(struct oc_machine *m, const struct count *count)
{
	const struct selection *s = m->selection;

	for (uint32_t i = 0; i < m->nr_kinds; i++) {
		struct oc_ledger_kind *row = &m->ledger.kinds[i];
		uint64_t moved = MIN(count->left_out[i], s->whole[i].kept);

		*row = s->whole[i];
		row->kept -= moved;
		row->taken -= MIN(moved, row->taken);
		row->filtered += moved;
		if (!moved)
			continue;
		clear_stacks(row);
		/* The numbers by process are of all kinds together. */
		if (is_by_process(s) && m->nr_kinds == 1)
			sum_stacks(m, row);
	}
	m->ledger.notes[OC_NOTE_NOT_SELECTED] = s->whole_not_selected + count->selected.left_out;
}

static void restore_ledger(struct oc_machine *m)
{
	for (uint32_t i = 0; i < m->nr_kinds; i++)
		m->ledger.kinds[i] = m->selection->whole[i];
	m->ledger.notes[OC_NOTE_NOT_SELECTED] = m->selection->whole_not_selected;
}

/* ---- life ---- */

int selection_install(struct oc_machine *m, struct selection *s, struct oc_selected *ret_selected)
{
	static const struct selection everything;
	struct selection *before = m->selection;
	struct count count = { .s = s ? s : &everything };
	int rc;

	m->selection = NULL;
	rc = oc_machine_each_sample(m, count_sample, &count);
	m->selection = before;
	if (rc)
		return rc;
	if (before)
		restore_ledger(m);
	m->selection = s;
	if (s) {
		memcpy(s->whole, m->ledger.kinds, sizeof(s->whole));
		memcpy(s->kinds, count.kinds, sizeof(s->kinds));
		s->whole_not_selected = m->ledger.notes[OC_NOTE_NOT_SELECTED];
		s->nr_samples = count.nr_samples;
		s->complete = !count.selected.left_out;
		for (unsigned int i = 0; i < s->nr_parts; i++)
			count.selected.asked[s->parts[i]] = true;
		move_ledger(m, &count);
	}
	if (before != s)
		selection_free(before);
	if (ret_selected)
		*ret_selected = count.selected;
	return 0;
}

void selection_free(struct selection *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(s->sets); i++)
		free(s->sets[i]);
	free(s);
}

static void set_group(struct selection *s, enum oc_split by, const uint32_t *group_of,
		      uint32_t group)
{
	s->group_of = group_of;
	s->group_by_thread = by == OC_SPLIT_THREAD;
	s->group = group;
}

int64_t oc_machine_select_group(struct oc_machine *m, enum oc_split by, const uint32_t *group_of,
				uint32_t group)
{
	struct selection *s = m->selection ? m->selection : calloc(1, sizeof(*s));
	struct oc_selected selected;
	struct selection before;
	int rc;

	if (!s)
		return -ENOMEM;
	before = *s;
	set_group(s, by, group_of, group);
	rc = selection_install(m, s, &selected);
	if (!rc)
		return (int64_t)MIN(selected.selected, (uint64_t)INT64_MAX);
	if (s == m->selection)
		*s = before;
	else
		selection_free(s);
	return rc;
}

oc_kind_id oc_machine_shown_kind(const struct oc_machine *m)
{
	for (uint32_t i = 0; m->selection && i < m->nr_kinds; i++) {
		if (m->selection->kinds[i])
			return i + 1;
	}
	return m->nr_kinds ? 1 : 0;
}
