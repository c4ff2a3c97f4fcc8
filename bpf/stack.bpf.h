/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks and tasks by name: takes a stack, hashes it, sends its frames at first sight; the same for threads.
 * After success user space has, or will have before it needs it, what the returned hash stands for.
 */
#ifndef ONECOLLECT_STACK_BPF_H
#define ONECOLLECT_STACK_BPF_H

#include "emit.bpf.h"

/* Multiply-and-fold of one word; two independent lanes keep the multiplier busy. */
static __always_inline u64 mix(u64 h, u64 v)
{
	h ^= v;
	h *= 0x9e3779b97f4a7c15ULL; /* 2^64 / golden ratio, odd */
	return h ^ (h >> 29);
}

/* Never 0, which means "no stack". The frame behind an odd number of frames is whatever lies there: zeroed before. */
static __always_inline u64 hash_frames(const struct wire_stack *stack, u32 nr)
{
	u64 a = mix(hash_seed, nr);
	u64 b = hash_seed ^ 0x13198a2e03707344ULL;

	for (u32 i = 0; i < WIRE_FRAMES_MAX - 1; i += 2) {
		if (i >= nr)
			break;
		a = mix(a, stack->frames[i]);
		b = mix(b, stack->frames[i + 1]);
	}
	if (nr == WIRE_FRAMES_MAX)
		a = mix(a, stack->frames[WIRE_FRAMES_MAX - 1]);
	a = mix(a, b);
	a ^= a >> 32;
	return a ? a : 1;
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

/*
 * Takes one part of the current stack. *ret_state (user part only) says what is wrong with it.
 * Returns 0 with *ret_hash (0 = no frames), or -1 when the sample is lost (and counted).
 */
static __always_inline long take_stack(void *ctx, struct wire_outcome *outcome, struct wire_stack *stack,
				       u64 flags, u64 *ret_hash, u8 *ret_state)
{
	long bytes = bpf_get_stack(ctx, stack->frames, sizeof(stack->frames), flags);
	u32 nr;

	*ret_hash = 0;
	if (bytes < 8) {
		*ret_state = WIRE_STACK_NO_STACK;
		return 0;
	}
	nr = (u32)bytes / 8;
	if (nr > WIRE_FRAMES_MAX)
		nr = WIRE_FRAMES_MAX;
	*ret_state = nr >= frames_max ? WIRE_STACK_TRUNCATED : WIRE_STACK_FINE;
	stack->type = WIRE_STACK;
	stack->is_kernel = !(flags & BPF_F_USER_STACK);
	stack->nr_frames = nr;
	stack->stack = *ret_hash = hash_frames(stack, nr) ^ (u64)stack->is_kernel;
	return send_once(outcome, &seen_stacks, *ret_hash, stack, WIRE_STACK_HEADER_SIZE + (u64)nr * 8);
}

static __always_inline u32 ns_id(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	struct upid upid = {};

	/* numbers[] has level + 1 entries; level is at most 32 (MAX_PID_NS_LEVEL). */
	bpf_core_read(&upid, sizeof(upid), &pid->numbers[level & 63]);
	return upid.nr;
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
