/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks and tasks by name: takes a stack, hashes it, sends its frames at first sight; the same for threads.
 * After success user space has, or will have before it needs it, what the returned hash stands for.
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
static __always_inline long send_once(struct wire_outcome *outcome, void *seen, u64 hash, void *record,
				      u64 size)
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

/* Lets the kernel walk: its own stacks, and user stacks of 32-bit code. */
static __always_inline void walk_by_kernel(struct walk *walk, void *ctx, u64 flags)
{
	long bytes = bpf_get_stack(ctx, walk->stack->frames, sizeof(walk->stack->frames), flags);

	if (bytes < 8) {
		walk->state = WIRE_STACK_NO_STACK;
		return;
	}
	walk->nr_frames = (u32)bytes / 8;
	if (walk->nr_frames >= frames_max)
		walk->state = WIRE_STACK_TRUNCATED;
	bpf_loop(walk->nr_frames, hash_step, walk, 0);
}

/*
 * Gives what was walked its name and makes it known. The name is never 0; its lowest bit tells kernel from user.
 * Returns 0 with *ret_name (0 = no frames), or -1 when the sample is lost (and counted).
 */
static __always_inline long walk_name(const struct walk *walk, struct wire_outcome *outcome, bool is_kernel,
				      u64 *ret_name)
{
	struct wire_stack *stack = walk->stack;
	u32 nr = walk->nr_frames &
		 WIRE_FRAMES_MAX; /* 127, so a mask as well, which the verifier understands */
	u64 name = walk->hash ^ (walk->hash >> 32);

	if (!nr)
		return 0;
	name = ((name | 2) & ~1ULL) | is_kernel;
	stack->type = WIRE_STACK;
	stack->is_kernel = is_kernel;
	stack->nr_frames = nr;
	stack->stack = *ret_name = name;
	return send_once(outcome, &seen_stacks, name, stack, WIRE_STACK_HEADER_SIZE + (u64)nr * 8);
}

static __always_inline u32 ns_id(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	/* numbers[] has level + 1 entries; level is at most 32 (MAX_PID_NS_LEVEL). Their size is that of the running
	 * kernel: struct upid has more members than we know. */
	u64 offset = bpf_core_field_offset(struct pid, numbers) + bpf_core_field_offset(struct upid, nr) +
		     (level & 63) * bpf_core_type_size(struct upid);
	int nr = 0;

	bpf_probe_read_kernel(&nr, sizeof(nr), (const char *)pid + offset);
	return nr;
}

/* Names the current thread in its present image and makes it known. Returns 0, or -1 = lost (and counted). */
static __always_inline long take_task(struct wire_outcome *outcome, struct task_struct *task, u64 *ret_hash)
{
	u64 hash = mix(mix(hash_seed, task->start_boottime), task->self_exec_id);
	struct wire_task record = {};

	hash = mix(hash, (u32)task->pid);
	*ret_hash = hash ? hash : 1;
	if (bpf_map_lookup_elem(&seen_tasks, ret_hash))
		return 0;
	record.type = WIRE_TASK;
	record.task = *ret_hash;
	record.tgid = task->tgid;
	record.tid = task->pid;
	record.time_ns = bpf_ktime_get_ns();
	record.cgroup_id = bpf_get_current_cgroup_id();
	record.ns_tid = ns_id(task);
	record.ns_tgid = ns_id(BPF_CORE_READ(task, group_leader));
	bpf_get_current_comm(record.comm, sizeof(record.comm));
	return send_once(outcome, &seen_tasks, *ret_hash, &record, sizeof(record));
}

#endif
