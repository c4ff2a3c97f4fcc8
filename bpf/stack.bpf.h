/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks and tasks by name: a walk hashes the frames, and what a name stands for is sent at its first sight. A sample is
 * counted or sent only after everything that it names, so user space never meets a name it does not know.
 */
#ifndef ONECOLLECT_STACK_BPF_H
#define ONECOLLECT_STACK_BPF_H

#include "emit.bpf.h"

/* Multiply-and-fold of one word into a hash. */
static __always_inline u64 mix(u64 h, u64 v)
{
	h ^= v;
	h *= 0x9e3779b97f4a7c15ULL; /* 2^64 / golden ratio, odd */
	return h ^ (h >> 29);
}

/* Sends the record unless `seen` has its hash. Returns 0, or -1 when the sample is lost (and counted). */
static __always_inline long send_once(struct wire_outcome *outcome, void *seen, u64 hash,
				      void *record, u64 size)
{
	u8 yes = 1;

	if (bpf_map_lookup_elem(seen, &hash))
		return 0;
	if (send(outcome, record, size))
		return -1;
	/* Should this fail, the record is only sent once more. */
	bpf_map_update_elem(seen, &hash, &yes, BPF_ANY);
	return 0;
}

/* A walk of one stack part: the frames go into stack->frames, leaf first, and their hash grows with them. */
struct walk {
	struct wire_stack *stack;
	u64 hash;
	u32 nr_frames;
	u8 state; /* enum wire_stack_reason or WIRE_STACK_FINE */
};

static __always_inline void walk_init(struct walk *walk, struct wire_stack *stack)
{
	walk->stack = stack;
	walk->hash = hash_seed;
	walk->nr_frames = 0;
	walk->state = WIRE_STACK_FINE;
}

/*
 * Sets frame `nr`, the next one; 1 = there is no room left. The callers count, by the turn that bpf_loop() tells them:
 * a count kept here would be a different known number in each turn, and the verifier would look at every one of them.
 */
static __always_inline long walk_add(struct walk *walk, u32 nr, u64 address)
{
	if (nr >= WIRE_FRAMES_MAX) {
		walk->state = WIRE_STACK_TRUNCATED;
		return 1;
	}
	walk->stack->frames[nr] = address;
	walk->hash = mix(walk->hash, address);
	walk->nr_frames = nr + 1;
	return 0;
}

static long hash_step(u32 i, struct walk *walk)
{
	if (i >= WIRE_FRAMES_MAX)
		return 1;
	walk->hash = mix(walk->hash, walk->stack->frames[i]);
	return 0;
}

/* Lets the kernel walk: its own stacks, and user stacks of 32-bit code. flags: of bpf_get_stack(); 1 skips the leaf. */
static __always_inline void walk_by_kernel(struct walk *walk, void *ctx, u64 flags)
{
	long bytes = bpf_get_stack(ctx, walk->stack->frames, sizeof(walk->stack->frames), flags);

	if (bytes < 8) {
		if (bytes < 0)
			walk->state = WIRE_STACK_NO_STACK;
		return;
	}
	walk->nr_frames = (u32)bytes / 8;
	if (walk->nr_frames + (flags & 1) >= frames_max)
		walk->state = WIRE_STACK_TRUNCATED;
	bpf_loop(walk->nr_frames, hash_step, walk, 0);
}

/* The name of what was walked: 0 for no frames; the lowest bit tells kernel from user. */
static __always_inline u64 walk_name(const struct walk *walk, bool is_kernel)
{
	u64 name = walk->hash ^ (walk->hash >> 32);

	walk->stack->nr_frames = walk->nr_frames;
	return walk->nr_frames ? ((name | 2) & ~1ULL) | is_kernel : 0;
}

/* Makes a stack known under its name. Returns 0, or -1 when the sample is lost (and counted). */
static __always_inline long send_stack(struct wire_outcome *outcome, struct wire_stack *stack,
				       u64 name)
{
	u64 nr = stack->nr_frames &
		 WIRE_FRAMES_MAX; /* a mask as well, which the verifier understands */

	if (!name)
		return 0;
	stack->type = WIRE_STACK;
	stack->is_kernel = name & 1;
	stack->stack = name;
	return send_once(outcome, &seen_stacks, name, stack, WIRE_STACK_HEADER_SIZE + nr * 8);
}

static __always_inline u32 ns_id(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	/* numbers[] has level + 1 entries; level is at most 32 (MAX_PID_NS_LEVEL). Their size is that of the running
	 * kernel: struct upid has more members than we know. */
	u64 offset = bpf_core_field_offset(struct pid, numbers) +
		     bpf_core_field_offset(struct upid, nr) +
		     (level & 63) * bpf_core_type_size(struct upid);
	int nr = 0;

	bpf_probe_read_kernel(&nr, sizeof(nr), (const char *)pid + offset);
	return nr;
}

/* The name of a thread in its present image; never 0. */
static __always_inline u64 task_name(struct task_struct *task)
{
	u64 name =
		mix(mix(mix(hash_seed, task->start_boottime), task->self_exec_id), (u32)task->pid);

	return name ? name : 1;
}

/* The name of a process in its present image, the same in all its threads; never 0. */
static __always_inline u64 image_name(struct task_struct *task)
{
	u64 start = task->group_leader->start_boottime;
	u64 name = mix(mix(mix(hash_seed, start), task->self_exec_id), (u32)task->tgid);

	return name ? name : 1;
}

/* Makes the current thread known under its name. Returns 0, or -1 when the sample is lost (and counted). */
static __always_inline long send_task(struct wire_outcome *outcome, const struct wire_key *key)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct wire_task record = { .type = WIRE_TASK, .task = key->task };

	if (bpf_map_lookup_elem(&seen_tasks, &record.task))
		return 0;
	record.image = image_name(task);
	record.start_stack = BPF_CORE_READ(task, mm, start_stack); /* 0 without mm */
	record.in_exec = key->user_state == WIRE_STACK_EXEC;
	record.tgid = task->tgid;
	record.tid = task->pid;
	record.time_ns = bpf_ktime_get_ns();
	record.cgroup_id = bpf_get_current_cgroup_id();
	record.ns_tid = ns_id(task);
	record.ns_tgid = ns_id(BPF_CORE_READ(task, group_leader));
	bpf_get_current_comm(record.comm, sizeof(record.comm));
	return send_once(outcome, &seen_tasks, key->task, &record, sizeof(record));
}

/* Makes known whatever a key of the current task names. Returns 0, or -1 when the sample is lost (and counted). */
ALONE int send_names(struct wire_outcome *outcome, struct scratch *scratch,
		     const struct wire_key *key)
{
	if (!outcome || !scratch || !key)
		return -1;
	if (send_task(outcome, key) || send_stack(outcome, &scratch->user, key->user_stack))
		return -1;
	return send_stack(outcome, &scratch->kernel, key->kernel_stack);
}

static __always_inline void add_to_row(struct wire_count *row)
{
	__sync_fetch_and_add(&row->count, 1);
	__sync_fetch_and_add(&row->value, 1);
}

/* A counter that is new may be made by two CPUs at once, and then the second one adds to it. */
ALONE int count_new_row(struct wire_outcome *outcome, struct scratch *scratch,
			const struct wire_key *key, u32 generation)
{
	void *map = generation & 1 ? (void *)&counts_odd : (void *)&counts_even;
	struct wire_count one = { .count = 1, .value = 1 };
	struct wire_count *row;
	struct wire_key copy;
	long rc;

	if (!outcome || !scratch || !key || send_names(outcome, scratch, key))
		return -1;
	copy = *key; /* to kernels before 6.2 a key is on the stack or in a map */
	rc = bpf_map_update_elem(map, &copy, &one, BPF_NOEXIST);
	if (!rc) {
		__sync_fetch_and_add(&rows_added[generation & 1], 1);
		return 0;
	}
	row = bpf_map_lookup_elem(map, &copy);
	if (row)
		add_to_row(row);
	else
		count_lost(outcome, rc == -E2BIG ? WIRE_LOSS_COUNTS_FULL : WIRE_LOSS_MAP_BUSY);
	return 0;
}

/*
 * Adds one to the key's counter. A row that is there already names only what was made known when it was made, so the
 * usual case is one lookup.
 */
static __always_inline void emit_count(struct wire_outcome *outcome, struct scratch *scratch,
				       const struct wire_key *key)
{
	u32 generation = epoch & 1;
	struct wire_count *row;

	/* Two calls for two maps, so that the kernel calls the right lookup directly. */
	if (generation) {
		row = bpf_map_lookup_elem(&counts_odd, key);
		barrier_var(row);
	} else {
		row = bpf_map_lookup_elem(&counts_even, key);
	}
	if (row)
		add_to_row(row);
	else
		count_new_row(outcome, scratch, key, generation);
}

ALONE int emit_sample(struct wire_outcome *outcome, struct scratch *scratch,
		      const struct wire_key *key)
{
	struct wire_sample sample;

	/* The names first, so that they bear earlier times than what uses them. */
	if (!outcome || !scratch || !key || send_names(outcome, scratch, key))
		return -1;
	sample = (struct wire_sample){
		.type = WIRE_SAMPLE,
		.kind = key->kind,
		.user_state = key->user_state,
		.in_kernel = key->in_kernel,
		.cpu = bpf_get_smp_processor_id(),
		.time_ns = bpf_ktime_get_ns(),
		.task = key->task,
		.ip = key->ip,
		.user_stack = key->user_stack,
		.kernel_stack = key->kernel_stack,
	};
	return send(outcome, &sample, sizeof(sample));
}

#endif
