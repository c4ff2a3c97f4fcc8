/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding samples of perf events.
 * Called by src/linux/perf_collector.c, in time order.
 * Must not know how the events were opened; takes every length as possibly wrong.
 */
#include "linux/perf_samples.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"
#include "linux/procfs.h"

/* PERF_RECORD_SAMPLE of PERF_SAMPLES_TYPE. */
struct sample_record {
	struct perf_event_header header;
	struct sideband_record_id id;
	uint64_t period;
	uint64_t nr;
	uint64_t chain[];
};

struct lost_record {
	struct perf_event_header header;
	uint64_t id;
	uint64_t lost;
};

struct lost_samples_record {
	struct perf_event_header header;
	uint64_t lost;
};

/* PERF_RECORD_THROTTLE and PERF_RECORD_UNTHROTTLE. */
struct throttle_record {
	struct perf_event_header header;
	uint64_t time_ns;
	uint64_t id;
	uint64_t stream_id;
};

/* A callchain split at its context marks; both parts leaf first, inside the record. */
struct chain_parts {
	const uint64_t *kernel;
	uint32_t nr_kernel;
	const uint64_t *user;
	uint32_t nr_user;
	bool has_user; /* there is user code below, even if its stack is not */
};

void perf_samples_done(struct perf_samples *ps)
{
	id_table_done(&ps->stack_index);
	free(ps->stacks);
	u32_map_done(&ps->threads);
	buffer_done(&ps->text);
}

static void lose(struct perf_samples *ps, enum oc_loss reason, uint64_t count)
{
	ps->taken += count;
	ps->lost[reason] += count;
	ps->sink->ops->lost(ps->sink, ps->kind, reason, count);
}

/* ---- stacks ----------------------------------------------------------------------------------------------------- */

static bool is_user_mode(const struct perf_event_header *header)
{
	return (header->misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_USER;
}

static struct chain_parts split_chain(const struct sample_record *record)
{
	struct chain_parts parts = { 0 };
	const uint64_t *start = NULL;
	uint64_t context = 0;

	for (uint64_t i = 0; i <= record->nr; i++) {
		bool is_mark = i < record->nr && record->chain[i] >= (uint64_t)PERF_CONTEXT_MAX;

		if (i < record->nr && !is_mark)
			continue;
		/* A part ends here. */
		if (context == (uint64_t)PERF_CONTEXT_KERNEL) {
			parts.kernel = start;
			parts.nr_kernel = (uint32_t)(&record->chain[i] - start);
		} else if (context == (uint64_t)PERF_CONTEXT_USER) {
			parts.user = start;
			parts.nr_user = (uint32_t)(&record->chain[i] - start);
			parts.has_user = true;
		}
		if (!is_mark)
			break;
		context = record->chain[i];
		start = &record->chain[i + 1];
	}
	parts.has_user |= is_user_mode(&record->header);
	return parts;
}

static bool is_stack(const void *owner, uint32_t id, const void *wanted)
{
	return ((const struct perf_samples *)owner)->stacks[id - 1] == *(const uint64_t *)wanted;
}

/* Names a part of a stack and tells the sink when it is new. Returns 0 with the id (0 = no frames), or -ENOMEM. */
static int name_stack(struct perf_samples *ps, const uint64_t *addresses, uint32_t nr, bool kernel,
		      uint64_t *ret_id)
{
	uint64_t id;
	size_t nr_known = ps->stack_index.count;

	*ret_id = 0;
	if (!nr)
		return 0;
	id = hash_bytes(addresses, nr * sizeof(*addresses));
	id += !id; /* 0 means none */
	*ret_id = id;
	if (id_table_find(&ps->stack_index, id, is_stack, ps, &id))
		return 0;
	if (array_reserve(&ps->stacks, &ps->stacks_cap, nr_known + 1, sizeof(*ps->stacks)))
		return -ENOMEM;
	ps->stacks[nr_known] = id;
	if (id_table_add(&ps->stack_index, id, (uint32_t)nr_known + 1))
		return -ENOMEM;
	ps->sink->ops->stack_define(ps->sink, id, addresses, nr, kernel);
	return 0;
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

/* What a thread is called now; NULL = it has ended already. */
static const char *read_thread_name(struct perf_samples *ps, uint32_t pid, uint32_t tid)
{
	char path[64];
	int fd = proc_open(pid), r;

	if (fd < 0)
		return NULL;
	snprintf(path, sizeof(path), "task/%u/comm", tid);
	r = proc_read(fd, path, 64, &ps->text);
	cleanup_close(&fd);
	if (r || !ps->text.len)
		return NULL;
	if (ps->text.data[ps->text.len - 1] == '\n')
		ps->text.data[ps->text.len - 1] = '\0';
	return ps->text.data;
}

/* The sink's name of a thread; at its first sample in this image it is told what the thread is called. */
static int name_thread(struct perf_samples *ps, sink_process process, uint32_t pid, uint32_t tid,
		       sink_thread *ret_thread)
{
	uint32_t named_for = 0;
	const char *name = NULL;
	int r = 0;

	if (!u32_map_get(&ps->threads, tid, &named_for) || named_for != process) {
		r = u32_map_set(&ps->threads, tid, process);
		name = read_thread_name(ps, pid, tid);
	}
	*ret_thread = ps->sink->ops->thread(ps->sink, process, tid, 0, name);
	return r;
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static int deliver(struct perf_samples *ps, uint64_t time_ns, const struct sample_record *record)
{
	struct chain_parts parts = split_chain(record);
	struct collector_sample sample = {
		.time_ns = ps->timeline ? time_ns : 0,
		.count = 1,
		.value = 1,
		.kind = ps->kind,
		.cpu = record->id.cpu,
		.has_user_part = parts.has_user,
		.incomplete = OC_STACK_COUNT,
	};
	int r;

	sample.process = ps->sink->ops->process_now(ps->sink, time_ns, record->id.pid);
	r = sample.process ? 0 : ps->sink->error;
	r = r ? r : name_thread(ps, sample.process, record->id.pid, record->id.tid, &sample.thread);
	r = r ? r : name_stack(ps, parts.kernel, parts.nr_kernel, true, &sample.kernel_stack);
	r = r ? r : name_stack(ps, parts.user, parts.nr_user, false, &sample.user_stack);
	if (r) {
		lose(ps, OC_LOSS_MEMORY, 1);
		return r;
	}
	ps->taken++;
	ps->kept++;
	ps->sink->ops->sample(ps->sink, &sample);
	return 0;
}

static int handle_sample(struct perf_samples *ps, uint64_t time_ns,
			 const struct sample_record *record, size_t size)
{
	if (size < sizeof(*record) ||
	    record->nr > (size - sizeof(*record)) / sizeof(record->chain[0])) {
		lose(ps, OC_LOSS_KERNEL_BUFFER, 1);
		return 0;
	}
	/* pid 0 is the idle task, or in user mode a task of another PID namespace; -1 is one that has just gone. */
	if (!record->id.pid && !is_user_mode(&record->header)) {
		ps->idle++;
		return 0;
	}
	if (!record->id.pid || record->id.pid > INT32_MAX ||
	    (ps->is_wanted && !ps->is_wanted(ps->wanted_arg, record->id.pid))) {
		ps->filtered++;
		return 0;
	}
	return deliver(ps, time_ns, record);
}

/*
 * The kernel stops an event that fires too often until its next tick. How many samples that cost is estimated from the
 * time that passed; a task that slept meanwhile would have given fewer.
 */
static void handle_throttle(struct perf_samples *ps, const struct throttle_record *record)
{
	uint32_t i = 0;

	while (i < ps->nr_throttled && ps->throttled[i].stream_id != record->stream_id)
		i++;
	if (record->header.type == PERF_RECORD_THROTTLE) {
		if (i == PERF_THROTTLED_MAX)
			return;
		ps->nr_throttled = MAX(ps->nr_throttled, i + 1);
		ps->throttled[i] = (struct perf_throttled){ record->stream_id, record->time_ns };
		return;
	}
	if (i == ps->nr_throttled)
		return;
	if (record->time_ns > ps->throttled[i].since_ns && ps->period_ns) {
		uint64_t count = (record->time_ns - ps->throttled[i].since_ns) / ps->period_ns;

		if (count)
			lose(ps, OC_LOSS_THROTTLED, count);
	}
	ps->throttled[i] = ps->throttled[--ps->nr_throttled];
}

int perf_samples_handle(struct perf_samples *ps, uint64_t time_ns, const void *data, size_t size)
{
	const struct perf_event_header *header = data;

	if (size < sizeof(*header))
		return 0;
	switch (header->type) {
	case PERF_RECORD_SAMPLE:
		return handle_sample(ps, time_ns, data, size);
	case PERF_RECORD_LOST:
		if (size >= sizeof(struct lost_record))
			lose(ps, OC_LOSS_KERNEL_BUFFER, ((const struct lost_record *)data)->lost);
		break;
	case PERF_RECORD_LOST_SAMPLES:
		if (size >= sizeof(struct lost_samples_record))
			lose(ps, OC_LOSS_KERNEL_BUFFER,
			     ((const struct lost_samples_record *)data)->lost);
		break;
	case PERF_RECORD_THROTTLE:
	case PERF_RECORD_UNTHROTTLE:
		if (size >= sizeof(struct throttle_record))
			handle_throttle(ps, data);
		break;
	default: /* not asked for */
		break;
	}
	return 0;
}
