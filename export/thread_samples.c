/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples thread by thread.
 * Called by format writers.
 * Must not know any format.
 *
 * A file that holds one thread after the other cannot be written in the order in which samples came, and holding all
 * of them would be a second copy of the recording. So the samples are read several times, each time for as many
 * threads as fit a batch; a thread with more than that is passed on as it is read.
 */
#include "export/thread_samples.h"

#include <errno.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/macros.h"
#include "export/amount.h"

/* 25 MB; ten million samples are read twenty times then, which takes less time than writing them once. */
#define BATCH_SAMPLES (512 * 1024)

static size_t nr_slots(const struct oc_machine *m)
{
	return (size_t)oc_machine_nr_threads(m) + oc_machine_nr_processes(m) + 1;
}

static size_t slot_of(const struct oc_machine *m, const struct oc_sample *sample)
{
	size_t slot = sample->thread ? sample->thread - 1
				     : (size_t)oc_machine_nr_threads(m) + sample->process;

	return (sample->kind - 1) * nr_slots(m) + slot;
}

static struct thread_group *group_of(const struct thread_samples *ts,
				     const struct oc_sample *sample)
{
	uint32_t index = ts->group_at[slot_of(ts->m, sample)];

	return index ? &ts->groups[index - 1] : NULL;
}

/* ---- finding the groups ------------------------------------------------------------------------------------- */

struct finder {
	struct thread_samples *ts;
	size_t cap;
};

static struct thread_group *add_group(struct finder *f, const struct oc_sample *sample)
{
	struct thread_samples *ts = f->ts;

	if (ts->nr == UINT32_MAX - 1 ||
	    array_reserve(&ts->groups, &f->cap, ts->nr + 1, sizeof(*ts->groups)))
		return NULL;
	ts->groups[ts->nr] = (struct thread_group){
		.kind = sample->kind,
		.process = sample->process,
		.thread = sample->thread,
		.in_order = true,
	};
	ts->group_at[slot_of(ts->m, sample)] = (uint32_t)ts->nr + 1;
	return &ts->groups[ts->nr++];
}

static int count_sample(void *arg, const struct oc_sample *sample)
{
	struct finder *f = arg;
	const struct oc_machine *m = f->ts->m;
	struct thread_group *group = group_of(f->ts, sample);

	if (!group)
		group = add_group(f, sample);
	if (!group)
		return -ENOMEM;
	group->nr++;
	group->count += sample->count;
	group->amount +=
		amount_of(oc_machine_kind(m, sample->kind), sample->count, sample_value(m, sample));
	if (sample->time_ns < group->last_ns)
		group->in_order = false;
	if (sample->time_ns && (!group->first_ns || sample->time_ns < group->first_ns))
		group->first_ns = sample->time_ns;
	group->last_ns = MAX(group->last_ns, sample->time_ns);
	return 0;
}

static int compare_groups(const void *a, const void *b)
{
	const struct thread_group *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return (x->process > y->process) - (x->process < y->process);
}

int thread_samples_init(struct thread_samples *ts, const struct oc_machine *m)
{
	struct finder finder = { .ts = ts };
	int rc;

	*ts = (struct thread_samples){ .m = m, .batch_samples = BATCH_SAMPLES };
	ts->group_at = calloc(nr_slots(m) * MAX(oc_machine_nr_kinds(m), 1U), sizeof(*ts->group_at));
	if (!ts->group_at)
		return -ENOMEM;
	rc = oc_machine_each_sample(m, count_sample, &finder);
	if (rc)
		return rc;
	if (ts->nr)
		qsort(ts->groups, ts->nr, sizeof(*ts->groups), compare_groups);
	for (size_t i = 0; i < ts->nr; i++) {
		struct oc_sample key = { .kind = ts->groups[i].kind,
					 .process = ts->groups[i].process,
					 .thread = ts->groups[i].thread };

		ts->group_at[slot_of(m, &key)] = (uint32_t)i + 1;
	}
	return 0;
}

void thread_samples_done(struct thread_samples *ts)
{
	free(ts->groups);
	free(ts->group_at);
	*ts = (struct thread_samples){ 0 };
}

static void put_name(struct buffer *out, const struct oc_machine *m, oc_string_id name,
		     uint32_t number)
{
	buffer_printf(out, "%s (%" PRIu32 ")",
		      name ? oc_machine_string(m, name, NULL) : "[unknown]", number);
}

void thread_group_title(struct buffer *out, const struct oc_machine *m,
			const struct thread_group *group)
{
	const struct oc_process *process = oc_machine_process(m, group->process);
	const struct oc_thread *thread = oc_machine_thread(m, group->thread);

	if (oc_machine_nr_kinds(m) > 1)
		buffer_printf(out, "%s: ", oc_machine_kind(m, group->kind)->name);
	if (process)
		put_name(out, m, process->comm, process->pid);
	else
		buffer_puts(out, "[unknown]");
	if (thread) {
		buffer_putc(out, ' ');
		put_name(out, m,
			 thread->name ? thread->name
			 : process    ? process->comm
				      : 0,
			 thread->tid);
	}
}

/* ---- visiting them ------------------------------------------------------------------------------------------ */

/* Groups first..last-1 and their samples, one group behind the other. */
struct batch {
	const struct thread_samples *ts;
	const struct thread_visitor *visitor;
	size_t first, last;
	struct oc_sample *samples;
	size_t *next; /* by group - first: where its next sample goes */
};

static int keep_sample(void *arg, const struct oc_sample *sample)
{
	struct batch *b = arg;
	size_t index = (size_t)(group_of(b->ts, sample) - b->ts->groups);

	if (index >= b->first && index < b->last)
		b->samples[b->next[index - b->first]++] = *sample;
	return 0;
}

static int pass_sample(void *arg, const struct oc_sample *sample)
{
	struct batch *b = arg;
	const struct thread_group *group = group_of(b->ts, sample);

	if (group != &b->ts->groups[b->first])
		return 0;
	return b->visitor->sample(b->visitor->arg, group, sample);
}

/* Samples of equal time differ in what they hold, so that the order does not depend on how they are sorted. */
static int compare_samples(const void *a, const void *b)
{
	const struct oc_sample *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	return (x->cpu > y->cpu) - (x->cpu < y->cpu);
}

static int visit_group(const struct batch *b, const struct thread_group *group,
		       struct oc_sample *samples)
{
	const struct thread_visitor *v = b->visitor;
	int rc = v->begin(v->arg, group);

	if (!group->in_order)
		qsort(samples, group->nr, sizeof(*samples), compare_samples);
	for (unsigned int round = 0; round < v->nr_rounds && !rc; round++) {
		rc = v->round(v->arg, group, round);
		for (uint64_t i = 0; i < group->nr && !rc; i++)
			rc = v->sample(v->arg, group, &samples[i]);
	}
	return rc ? rc : v->end(v->arg, group);
}

static int visit_streamed(struct batch *b)
{
	const struct thread_group *group = &b->ts->groups[b->first];
	const struct thread_visitor *v = b->visitor;
	int rc = v->begin(v->arg, group);

	for (unsigned int round = 0; round < v->nr_rounds && !rc; round++) {
		rc = v->round(v->arg, group, round);
		if (!rc)
			rc = oc_machine_each_sample(b->ts->m, pass_sample, b);
	}
	return rc ? rc : v->end(v->arg, group);
}

/* nr: samples of the groups of the batch. */
static int visit_batch(struct batch *b, size_t nr)
{
	const struct thread_group *groups = b->ts->groups + b->first;
	size_t nr_groups = b->last - b->first, at = 0;
	int rc = -ENOMEM;

	b->samples = calloc(nr, sizeof(*b->samples));
	b->next = calloc(nr_groups, sizeof(*b->next));
	if (!b->samples || !b->next)
		goto out;
	for (size_t i = 0; i < nr_groups; i++) {
		b->next[i] = at;
		at += groups[i].nr;
	}
	rc = oc_machine_each_sample(b->ts->m, keep_sample, b);
	for (size_t i = 0; i < nr_groups && !rc; i++)
		rc = visit_group(b, &groups[i], b->samples + b->next[i] - groups[i].nr);
out:
	free(b->samples);
	free(b->next);
	return rc;
}

int thread_samples_visit(const struct thread_samples *ts, const struct thread_visitor *visitor)
{
	struct batch b = { .ts = ts, .visitor = visitor };
	int rc = 0;

	for (; b.first < ts->nr && !rc; b.first = b.last) {
		uint64_t nr = ts->groups[b.first].nr;

		b.last = b.first + 1;
		if (nr > ts->batch_samples && ts->groups[b.first].in_order) {
			rc = visit_streamed(&b);
			continue;
		}
		while (b.last < ts->nr && nr + ts->groups[b.last].nr <= ts->batch_samples)
			nr += ts->groups[b.last++].nr;
		rc = visit_batch(&b, nr);
	}
	return rc;
}

/* ---- the axis ----------------------------------------------------------------------------------------------- */

struct thread_axis thread_axis_begin(const struct oc_machine *m, const struct thread_group *group)
{
	struct thread_axis axis = { 0 };

	if (amount_unit(oc_machine_kind(m, group->kind)) != OC_UNIT_NANOSECONDS || !group->first_ns)
		return axis;
	axis.origin_ns = oc_machine_info(m)->start_mono_ns;
	if (!axis.origin_ns || axis.origin_ns > group->first_ns)
		axis.origin_ns = group->first_ns;
	return axis;
}

struct thread_stretch thread_axis_next(struct thread_axis *axis, const struct oc_machine *m,
				       const struct oc_sample *sample)
{
	uint64_t amount =
		amount_of(oc_machine_kind(m, sample->kind), sample->count, sample_value(m, sample));
	uint64_t end = sample->time_ns > axis->origin_ns ? sample->time_ns - axis->origin_ns : 0;
	struct thread_stretch stretch = { .start = axis->end };

	if (axis->origin_ns && end > amount && end - amount > axis->end) {
		stretch.start = end - amount;
		stretch.gap = true;
	}
	if (__builtin_add_overflow(stretch.start, amount, &stretch.end))
		stretch.end = UINT64_MAX;
	axis->end = stretch.end;
	return stretch;
}
