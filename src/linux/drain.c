/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From kernel records and counters to the sink: copy, count, hand over, in time order.
 * Called by src/linux/bpf_collector.c.
 * Must not know what the sink does with it.
 */
#include "linux/bpf_private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"

#define FLIP_NS            10000000000ULL /* an idle machine is drained this often */
#define RING_RECORD_HEADER 8              /* BPF_RINGBUF_HDR_SZ of include/uapi/linux/bpf.h */
#define BATCH_SLACK        1024           /* a batch returns whole buckets of the hash table */

static void lose(struct bpf_collector *c, uint32_t kind, enum oc_loss reason, uint64_t count)
{
	c->lost_by_user[kind][reason] += count;
	c->sink->ops->lost(c->sink, kind, reason, count);
}

/* What the sink calls the image that the task runs. */
static int find_process(struct bpf_collector *c, uint64_t time_ns, const struct wire_task *task,
			const char *comm, sink_process *ret_process)
{
	const uint64_t *known = u64_map_find(&c->images, task->image);
	struct sideband_image seen = {
		.pid = task->tgid,
		.tid = task->tid,
		.name = task->image,
		.start_stack = task->start_stack,
		.comm = comm,
	};
	int rc = 0;

	if (known && !task->in_exec) {
		*ret_process = (sink_process)*known;
		return 0;
	}
	if (!task->in_exec)
		rc = sideband_see_image(c->sideband, time_ns, &seen);
	*ret_process = c->sink->ops->process_now(c->sink, time_ns, task->tgid);
	if (rc || !*ret_process)
		return rc ? rc : c->sink->error;
	return task->in_exec ? 0 : u64_map_set(&c->images, task->image, *ret_process);
}

static int handle_task(struct bpf_collector *c, uint64_t time_ns, const struct wire_task *task)
{
	struct task_entry entry = { .task = task->task, .pid = task->tgid };
	char comm[WIRE_COMM_SIZE + 1] = { 0 };
	struct collector_process facts = { .pid = task->tgid, .ns_pid = task->ns_tgid };
	int rc;

	memcpy(comm, task->comm, WIRE_COMM_SIZE);
	rc = find_process(c, time_ns, task, comm, &entry.process);
	if (rc)
		return rc;
	rc = cgroup_cache_find(&c->cgroups, task->cgroup_id, task->tgid, &facts);
	if (rc)
		return rc;
	c->sink->ops->process_facts(c->sink, entry.process, &facts);
	/* While a program is replaced the name may be the next one's already. */
	entry.thread = c->sink->ops->thread(c->sink, entry.process, task->tid, task->ns_tid,
					    task->in_exec ? NULL : comm);
	if (c->sink->error)
		return c->sink->error;
	return task_table_add(&c->tasks, &entry);
}

/* Where user_state is no reason, the sink judges by the frames. */
static enum oc_stack_reason incomplete_reason(uint8_t user_state)
{
	return user_state < OC_STACK_COUNT ? (enum oc_stack_reason)user_state : OC_STACK_COUNT;
}

/* When and where samples of one key were taken. */
struct occasion {
	uint64_t time_ns; /* 0 = they were counted */
	uint32_t cpu;
	bool is_walked_here; /* by what was mapped at that time, unless it came late */
};

/* Which of a sample's addresses may be those of what was mapped there before, or after. */
static void find_unsure(const struct bpf_collector *c, const struct task_entry *task,
			const struct occasion *occasion, struct collector_sample *sample)
{
	if (!c->feed)
		return;
	if (!occasion->is_walked_here)
		unwind_feed_unsure(c->feed, task->pid, task->process, occasion->time_ns,
				   &sample->unsure_start, &sample->unsure_end);
	else if (unwind_feed_is_late(c->feed, task->pid, task->process, occasion->time_ns))
		sample->unsure_end = UINT64_MAX;
}

static void deliver(struct bpf_collector *c, const struct wire_key *key,
		    const struct occasion *occasion, const struct wire_count *count)
{
	const struct task_entry *task = task_table_find(&c->tasks, key->task);
	struct collector_sample sample = {
		.time_ns = c->opts.timeline ? occasion->time_ns : 0,
		.count = count->count,
		.value = count->value,
		.kind = key->kind,
		.cpu = c->opts.timeline ? occasion->cpu : UINT32_MAX,
		.ip = key->ip,
		.ip_in_kernel = key->in_kernel,
		.user_stack = key->user_stack,
		.kernel_stack = key->kernel_stack,
		.has_user_part = key->user_state != WIRE_STACK_NONE,
		.is_complete = key->user_state == WIRE_STACK_COMPLETE,
		.incomplete = incomplete_reason(key->user_state),
	};

	if (key->kind >= WIRE_KIND_COUNT)
		return;
	if (!task) {
		lose(c, key->kind, OC_LOSS_UNKNOWN_TASK, count->count);
		return;
	}
	sample.process = task->process;
	sample.thread = task->thread;
	find_unsure(c, task, occasion, &sample);
	c->samples += count->count;
	c->sink->ops->sample(c->sink, &sample);
}

static void handle_sample(struct bpf_collector *c, const struct wire_sample *sample)
{
	struct wire_key key = {
		.task = sample->task,
		.ip = sample->ip,
		.in_kernel = sample->in_kernel,
		.user_stack = sample->user_stack,
		.kernel_stack = sample->kernel_stack,
		.kind = sample->kind,
		.user_state = sample->user_state,
	};
	struct wire_count one = { .count = 1, .value = 1 };

	deliver(c, &key, &(struct occasion){ .time_ns = sample->time_ns, .cpu = sample->cpu },
		&one);
}

/* A name for frames, as the kernel programs give them: not 0, and even, for a user stack. */
static uint64_t name_frames(const uint64_t *frames, uint32_t nr)
{
	return nr ? (hash_bytes(frames, nr * sizeof(*frames)) | 2) & ~1ULL : 0;
}

static int handle_copy(struct bpf_collector *c, const struct wire_copy *copy, size_t size)
{
	const struct task_entry *task = task_table_find(&c->tasks, copy->task);
	struct wire_key key = {
		.task = copy->task,
		.ip = copy->ip,
		.in_kernel = copy->in_kernel,
		.kernel_stack = copy->kernel_stack,
		.kind = copy->kind,
	};
	struct wire_count one = { .count = 1, .value = 1 };
	struct unwind_feed_stack stack;
	int rc;

	c->nr_copies--;
	if (!task || !c->feed) {
		lose(c, MIN(copy->kind, WIRE_KIND_COUNT - 1), OC_LOSS_UNKNOWN_TASK, 1);
		return 0;
	}
	rc = unwind_feed_walk(c->feed, copy, size, task->process, &stack);
	if (rc)
		return rc == -EBADMSG ? 0 : rc;
	key.user_stack = name_frames(stack.frames, stack.nr);
	key.user_state = stack.state;
	c->stacks++;
	c->sink->ops->stack_define(c->sink, key.user_stack, stack.frames, stack.nr, false);
	deliver(c, &key,
		&(struct occasion){
			.time_ns = copy->time_ns, .cpu = copy->cpu, .is_walked_here = true },
		&one);
	return 0;
}

static int take_ring_record(struct bpf_collector *c, const void *data, size_t size)
{
	const struct wire_stack *stack = data;
	const struct wire_task *task = data;
	const struct wire_sample *sample = data;
	const struct wire_copy *copy = data;

	if (!size)
		return 0;
	switch (*(const uint8_t *)data) {
	case WIRE_STACK:
		if (size < WIRE_STACK_HEADER_SIZE || stack->nr_frames > WIRE_FRAMES_MAX ||
		    size < WIRE_STACK_HEADER_SIZE + stack->nr_frames * 8u)
			return 0;
		c->stacks++;
		c->sink->ops->stack_define(c->sink, stack->stack, (const uint64_t *)stack->frames,
					   stack->nr_frames, stack->is_kernel);
		return c->sink->error;
	case WIRE_TASK:
		if (size < sizeof(*task))
			return 0;
		return event_queue_push(&c->queue, EVENT_BPF, task->time_ns, data, sizeof(*task));
	case WIRE_SAMPLE:
		if (size < sizeof(*sample))
			return 0;
		return event_queue_push(&c->queue, EVENT_BPF, sample->time_ns, data,
					sizeof(*sample));
	case WIRE_COPY:
		if (size < sizeof(*copy))
			return 0;
		c->nr_copies++;
		return event_queue_push(&c->queue, EVENT_BPF, copy->time_ns, data, size);
	}
	return 0;
}

/*
 * libbpf goes on until it finds the ring empty, which at a high rate it may never do. One ring full holds all that was
 * there when the round began; then the round ends (-EAGAIN, the record counts as consumed).
 */
int drain_ring_record(void *ctx, void *data, size_t size)
{
	struct bpf_collector *c = ctx;
	int rc = take_ring_record(c, data, size);

	c->round_bytes += RING_RECORD_HEADER + size;
	if (!rc && c->round_bytes >= bpf_map__max_entries(c->skel->maps.records))
		return -EAGAIN;
	return rc;
}

static int handle_event(void *arg, enum event_source source, uint64_t time_ns, const void *data,
			size_t size)
{
	struct bpf_collector *c = arg;
	int rc = 0;

	if (source == EVENT_SIDEBAND)
		rc = sideband_handle(c->sideband, time_ns, data, size);
	else if (*(const uint8_t *)data == WIRE_TASK)
		rc = handle_task(c, time_ns, data);
	else if (*(const uint8_t *)data == WIRE_COPY)
		rc = handle_copy(c, data, size);
	else
		handle_sample(c, data);
	return rc ? rc : c->sink->error;
}

int drain_records(struct bpf_collector *c, uint64_t horizon_ns, struct oc_error *err)
{
	int rc;

	c->round_bytes = 0;
	rc = ring_buffer__consume(c->ring);
	if (rc >= 0 || rc == -EAGAIN)
		rc = sideband_read(c->sideband, &c->queue);
	if (rc >= 0)
		rc = event_queue_dispatch(&c->queue, horizon_ns, handle_event, c);
	if (rc >= 0 && c->feed)
		rc = unwind_feed_publish(c->feed);
	if (rc < 0)
		return oc_error_set(err, rc, "cannot take in the recorded data: %s", strerror(-rc));
	/* Written only when it changes: each CPU's samples read it. */
	if (!c->nr_copies && c->skel->bss->copies_waiting)
		c->skel->bss->copies_waiting = 0;
	if (sideband_rescan_due(c->sideband))
		return sideband_scan(c->sideband, clock_monotonic_ns(), err);
	return 0;
}

/* Waits until every program that may still use the old generation has ended: they run with preemption off. */
void drain_wait_for_programs(void *unused)
{
	(void)unused;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(20000);
}

static int deliver_rows(struct bpf_collector *c, int map_fd)
{
	const struct occasion counted = { .cpu = UINT32_MAX };
	uint32_t room = c->counts_entries + BATCH_SLACK;
	uint64_t position = 0; /* large enough for the kernel's cursor, a 32-bit bucket number */
	bool has_position = false;

	for (;;) {
		uint32_t nr = room;
		int rc = bpf_map_lookup_and_delete_batch(map_fd, has_position ? &position : NULL,
							 &position, c->keys, c->counts, &nr, NULL);

		if (rc && rc != -ENOENT)
			return rc;
		c->counter_bytes +=
			(uint64_t)nr * (sizeof(struct wire_key) + sizeof(struct wire_count));
		for (uint32_t i = 0; i < nr; i++)
			deliver(c, &c->keys[i], &counted, &c->counts[i]);
		if (c->sink->error)
			return c->sink->error;
		if (rc == -ENOENT)
			return 0;
		has_position = true;
	}
}

bool drain_counters_due(const struct bpf_collector *c, uint64_t now_ns)
{
	uint32_t generation = c->skel->bss->epoch & 1;

	if (c->opts.timeline)
		return false;
	return c->skel->bss->rows_added[generation] > c->counts_entries / 2 ||
	       now_ns - c->last_flip_ns > FLIP_NS;
}

int drain_counters(struct bpf_collector *c, struct oc_error *err)
{
	uint32_t idle = c->skel->bss->epoch & 1;
	struct bpf_map *map = idle ? c->skel->maps.counts_odd : c->skel->maps.counts_even;
	int rc;

	c->last_flip_ns = clock_monotonic_ns();
	if (c->opts.timeline || !c->skel->bss->rows_added[idle])
		return 0;
	__atomic_store_n(&c->skel->bss->epoch, c->skel->bss->epoch + 1, __ATOMIC_SEQ_CST);
	drain_wait_for_programs(NULL);
	/* What the rows refer to is in the buffers by now, so it reaches the sink first. */
	rc = drain_records(c, clock_monotonic_ns(), err);
	if (rc)
		return rc;
	rc = deliver_rows(c, bpf_map__fd(map));
	if (rc)
		return oc_error_set(err, rc, "cannot read the kernel's counters: %s",
				    strerror(-rc));
	c->skel->bss->rows_added[idle] = 0;
	if (c->feed)
		unwind_feed_drained(c->feed, c->last_flip_ns);
	return 0;
}

void drain_outcome(const struct bpf_collector *c, uint32_t kind, struct wire_outcome *ret_outcome)
{
	int nr_cpus = libbpf_num_possible_cpus();
	uint64_t *sum = (uint64_t *)ret_outcome;
	struct wire_outcome *per_cpu;

	*ret_outcome = (struct wire_outcome){ 0 };
	if (nr_cpus <= 0 || !c->skel)
		return;
	per_cpu = calloc((size_t)nr_cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return;
	if (!bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.outcomes), &kind, per_cpu)) {
		for (int cpu = 0; cpu < nr_cpus; cpu++) {
			const uint64_t *one = (const uint64_t *)&per_cpu[cpu];

			for (size_t i = 0; i < sizeof(*per_cpu) / sizeof(*one); i++)
				sum[i] += one[i];
		}
	}
	free(per_cpu);
}
