/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trace from open to told: two passes, and between samples and the sink the wait for their stacks.
 * Called by src/etl_input.c and tests.
 * Must not know what a sink does, nor the layout of any event.
 */
#include "windows-etw/etw_trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "windows-etw/etw_facts.h"
#include "windows-etw/etw_queue.h"
#include "windows-etw/etw_tell.h"
#include "windows-etw/etw_waits.h"

#define NS_PER_S       1000000000ULL
#define FILETIME_S     10000000ULL           /* a FILETIME counts 100 ns */
#define FILETIME_1970  116444736000000000ULL /* from 1601 */
#define UPTIME_UNKNOWN (3600 * NS_PER_S) /* for traces that do not say when the machine started */
#define UPTIME_MAX_S   (100ULL * 365 * 86400) /* more is damage */
#define TICKS_DEFAULT  10000                  /* of 100 ns: Windows samples each millisecond */
#define TICKS_MAX      10000000               /* a second, its slowest */
#define PENDING_MAX    (1u << 18)

struct etw_trace {
	const struct oc_input *in;
	struct etl_reader *reader;
	struct etw_facts facts;
	struct etw_trace_counts counts;
	struct etw_queue queue;
	struct etw_waits waits;
	struct etw_teller teller;
	uint64_t told_ns; /* time of the last call of the sink */
};

/* ---- time ---------------------------------------------------------------------------------------------------- */

static uint64_t scale(uint64_t ticks, uint64_t hz)
{
	uint64_t seconds = ticks / hz;

	/* Beyond that a clock is damaged; what matters is that nothing wraps. */
	if (seconds > UPTIME_MAX_S)
		return UPTIME_MAX_S * NS_PER_S;
	return seconds * NS_PER_S + (ticks % hz) * NS_PER_S / hz;
}

/* Moves an instant at the log header to that of a raw time. Never 0, which means "no time". */
static uint64_t shift(const struct etl_log *log, uint64_t at_header, uint64_t raw)
{
	uint64_t delta;

	if (raw >= log->time)
		return MAX(at_header + scale(raw - log->time, log->ticks_hz), 1);
	delta = scale(log->time - raw, log->ticks_hz);
	return at_header > delta ? at_header - delta : 1;
}

static uint64_t to_ns(const struct etw_trace *t, uint64_t raw)
{
	const struct etl_log *log = etl_reader_log(t->reader);
	uint64_t uptime = log->start - log->boot;

	if (!log->boot || log->start <= log->boot || uptime / FILETIME_S > UPTIME_MAX_S)
		return shift(log, UPTIME_UNKNOWN, raw);
	return shift(log, uptime * (NS_PER_S / FILETIME_S), raw);
}

/* The time of a call: never before the one of the last. */
static uint64_t next_ns(struct etw_trace *t, uint64_t raw)
{
	t->told_ns = MAX(t->told_ns, to_ns(t, raw));
	return t->told_ns;
}

/* ---- waiting for stacks -------------------------------------------------------------------------------------- */

/* Tells the first that waits. */
static int tell_first(struct etw_trace *t)
{
	struct etw_pending p = etw_queue_pop(&t->queue);
	uint64_t time_ns = next_ns(t, p.time);
	int rc;

	if (p.event)
		rc = etw_tell_event(&t->teller, p.event, false, time_ns);
	else if (p.wait.out)
		rc = etw_tell_wait(&t->teller, &p, to_ns(t, p.wait.out),
				   p.wait.ready ? to_ns(t, p.wait.ready) : 0, time_ns);
	else
		rc = etw_tell_sample(&t->teller, &p, time_ns);
	free(p.event);
	return rc ? rc : t->teller.sink->error;
}

/* Tells those at the front that wait for nothing, and one more where too many wait. */
static int tell_ready(struct etw_trace *t)
{
	int rc = 0;

	while (!rc && t->queue.nr) {
		const struct etw_pending *first = etw_queue_at(&t->queue, 0);

		/* The user's part is the last to come. */
		if (!first->event && !first->stack.user && t->queue.nr <= PENDING_MAX)
			return 0;
		rc = tell_first(t);
	}
	return rc;
}

static int push_event(struct etw_trace *t, const struct etl_event *event)
{
	struct etw_pending pending = { .time = event->time };

	if (!t->queue.nr)
		return etw_tell_event(&t->teller, event, false, next_ns(t, event->time));
	pending.event = etw_copy_event(NULL, event);
	if (!pending.event || etw_queue_push(&t->queue, &pending)) {
		free(pending.event);
		return -ENOMEM;
	}
	return tell_ready(t);
}

static int push_sample(struct etw_trace *t, const struct etl_event *event,
		       const struct etw_sample *sample)
{
	struct etw_pending pending = { .time = event->time,
				       .ip = sample->ip,
				       .pid = ETL_NO_ID,
				       .count = sample->count,
				       .cpu = event->cpu };
	int64_t thread;

	t->counts.samples++;
	/* The idle thread works only in interrupts and in what they put off. */
	if (!sample->tid && !sample->flags) {
		t->counts.idle++;
		return 0;
	}
	pending.ip_in_kernel = etw_is_kernel(sample->ip, event->pointer_size);
	thread = etw_tasks_thread(&t->teller.tasks, sample->tid);
	pending.thread = (uint32_t)thread;
	if (thread < 0 || etw_queue_push(&t->queue, &pending))
		return -ENOMEM;
	return tell_ready(t);
}

static int take_switch(struct etw_trace *t, const struct etl_event *event,
		       const struct etw_switch *change)
{
	struct etw_pending pending = { .time = event->time, .pid = ETL_NO_ID, .cpu = event->cpu };
	struct etw_resumed resumed;
	int rc = etw_waits_switch(&t->waits, &t->teller.tasks, event->cpu, event->time, change,
				  &resumed);

	t->counts.switches++;
	if (rc <= 0)
		return rc;
	t->counts.waits_cut += resumed.unseen;
	if (!resumed.wait.out)
		return 0;
	pending.thread = resumed.thread;
	pending.wait = resumed.wait;
	if (etw_queue_push(&t->queue, &pending))
		return -ENOMEM;
	return tell_ready(t);
}

/* Gives a part of a stack to the sample or wait at `time` of thread tid, if the stack was taken for one. */
static int attach(struct etw_trace *t, uint64_t time, uint32_t pid, uint32_t tid,
		  struct etw_stack_ids ids)
{
	bool found = false;

	for (size_t i = etw_queue_find(&t->queue, time); i < t->queue.nr; i++) {
		struct etw_pending *p = etw_queue_at(&t->queue, i);

		if (p->time != time)
			break;
		if (p->event || t->teller.tasks.threads[p->thread].tid != tid)
			continue;
		/* In the kernel a thread may be attached to another process than its own; behind it, it never is. */
		if (ids.user || p->pid == ETL_NO_ID)
			p->pid = pid;
		p->stack.kernel = p->stack.kernel ? p->stack.kernel : ids.kernel;
		p->stack.user = p->stack.user ? p->stack.user : ids.user;
		found = true;
	}
	if (!found)
		t->counts.stacks_of_others++;
	return found ? tell_ready(t) : 0;
}

/* ---- the second pass ----------------------------------------------------------------------------------------- */

static int take_reference(struct etw_trace *t, const struct etw_stack_reference *reference,
			  uint64_t time)
{
	struct etw_stack_ids ids = { 0 };

	/* A reference to nowhere still tells the process. */
	if (!etw_stacks_find(&t->facts.stacks, reference->key, time, &ids))
		t->counts.keys_unknown++;
	return attach(t, reference->time, reference->pid, reference->tid, ids);
}

static int take_stack(struct etw_trace *t, const struct etw_stack *stack)
{
	struct etw_stack_ids ids;

	if (etw_stacks_add(&t->facts.stacks, &stack->frames, &ids))
		return -ENOMEM;
	return attach(t, stack->time, stack->pid, stack->tid, ids);
}

static int take_event(struct etw_trace *t, const struct etl_event *event)
{
	struct etw_record record;

	if (etw_decode(event, &record) != 1 || !etw_happened(&record))
		return 0;
	switch (record.type) {
	case ETW_SAMPLE:
		return push_sample(t, event, &record.sample);
	case ETW_STACK:
		return take_stack(t, &record.stack);
	case ETW_STACK_REFERENCE:
		return take_reference(t, &record.reference, event->time);
	case ETW_THREAD:
		/* Threads are looked up when a sample comes, not when it is told. */
		return etw_tasks_thread_event(&t->teller.tasks, &record.thread);
	case ETW_THREAD_NAME:
		return etw_tasks_thread_name(&t->teller.tasks, &record.thread);
	case ETW_METHOD:
	case ETW_PROCESS:
	case ETW_IMAGE:
		return push_event(t, event);
	case ETW_SWITCH:
		return take_switch(t, event, &record.context_switch);
	case ETW_READY:
		return etw_waits_ready(&t->waits, &t->teller.tasks, event->cpu, event->time,
				       &record.ready);
	default:
		return 0;
	}
}

static void tell_notes(struct etw_trace *t)
{
	const struct etl_log *log = etl_reader_log(t->reader);
	uint64_t lost = (uint64_t)log->events_lost + log->buffers_lost;
	const uint64_t counts[] = { MAX(lost, (uint64_t)log->lossy_buffers),
				    etl_reader_stats(t->reader)->damages, t->counts.unreadable,
				    t->counts.waits_cut };
	static const enum oc_note notes[] = { OC_NOTE_TRACE_EVENTS_LOST, OC_NOTE_TRACE_DAMAGES,
					      OC_NOTE_TRACE_EVENTS_UNREADABLE, OC_NOTE_WAITS_CUT };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		if (counts[i])
			t->teller.sink->ops->note(t->teller.sink, notes[i], counts[i]);
	}
}

/* The sentence for an error of etl_reader_next() or of a sink. */
static const char *explain(int rc)
{
	return rc == -EFBIG ? "more than 1 GiB of its buffers overlap in time" : strerror(-rc);
}

int etw_trace_tell(struct etw_trace *t, struct sink *sink, struct oc_error *err)
{
	const struct etl_event *event;
	struct oc_error damage;
	int rc;

	t->teller.sink = sink;
	etl_reader_again(t->reader);
	rc = etw_tell_beginning(&t->teller, next_ns(t, t->facts.first_time));
	while (!rc && (rc = etl_reader_next(t->reader, &event)) == 1)
		rc = take_event(t, event);
	while (!rc && t->queue.nr)
		rc = tell_first(t);
	rc = rc ? rc : sink->error;
	if (rc)
		return oc_error_set(err, rc, "%s: %s", oc_input_name(t->in), explain(rc));
	t->counts.waits_cut += etw_waits_open(&t->waits);
	tell_notes(t);
	if (etl_reader_damage(t->reader, &damage))
		return oc_error_set(err, damage.code, "%s: %s", oc_input_name(t->in),
				    damage.message);
	return 0;
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

int etw_trace_open(const struct oc_input *in, struct etw_trace **ret_trace, struct oc_error *err)
{
	struct etw_trace *t = calloc(1, sizeof(*t));
	struct oc_error why = { 0 };
	int rc;

	if (!t)
		return oc_error_set(err, -ENOMEM, "out of memory");
	t->in = in;
	t->teller.facts = &t->facts;
	t->teller.counts = &t->counts;
	rc = etl_reader_open(in, &t->reader, &why);
	if (!rc)
		rc = etw_facts_collect(&t->facts, t->reader);
	if (rc) {
		etw_trace_free(t);
		return oc_error_set(err, rc, "%s: %s", oc_input_name(in),
				    why.code ? why.message : explain(rc));
	}
	t->counts.events = t->facts.nr_events;
	t->counts.unreadable = t->facts.unreadable;
	*ret_trace = t;
	return 0;
}

void etw_trace_free(struct etw_trace *t)
{
	if (!t)
		return;
	etw_queue_done(&t->queue);
	etw_waits_done(&t->waits);
	etw_teller_done(&t->teller);
	etw_facts_done(&t->facts);
	etl_reader_free(t->reader);
	free(t);
}

struct etw_paths *etw_trace_paths(struct etw_trace *t)
{
	return &t->facts.paths;
}

void etw_trace_info(const struct etw_trace *t, struct etw_trace_info *ret_info)
{
	const struct etl_log *log = etl_reader_log(t->reader);
	uint32_t ticks = t->facts.interval_ticks;
	uint64_t wall = 0;

	if (!ticks || ticks > TICKS_MAX)
		ticks = TICKS_DEFAULT;
	if (log->start > FILETIME_1970 && log->start - FILETIME_1970 < UPTIME_MAX_S * FILETIME_S)
		wall = (log->start - FILETIME_1970) * (NS_PER_S / FILETIME_S);
	*ret_info = (struct etw_trace_info){
		.log = log,
		.start_ns = to_ns(t, t->facts.first_time),
		.start_wall_ns = shift(log, wall, t->facts.first_time),
		.end_ns = to_ns(t, t->facts.last_time),
		.nr_kinds = t->facts.has_switches ? ETW_KIND_COUNT : ETW_KIND_CPU + 1,
		.kinds = {
			[ETW_KIND_CPU] = { .name = "cpu", .period_ns = ticks * (NS_PER_S / FILETIME_S) },
			[ETW_KIND_OFF_CPU] = { .name = "off-cpu", .unit = OC_UNIT_NANOSECONDS },
			[ETW_KIND_READY] = { .name = "ready", .unit = OC_UNIT_NANOSECONDS },
		},
	};
}

const struct etw_trace_counts *etw_trace_counts(const struct etw_trace *t)
{
	return &t->counts;
}
