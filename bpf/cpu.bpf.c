// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * CPU samples: a perf event on each CPU runs cpu_sample(), which counts the stack it finds or sends it with its time.
 * Loaded and attached by src/linux/bpf_collector.c.
 */
#include "filter.bpf.h"
#include "user_stack.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile bool is_timeline = false;
const volatile bool has_kernel_stacks = true;
const volatile bool has_tgid_filter = false;
const volatile bool has_cgroup_filter = false;
const volatile bool always_copy = false;
const volatile __u32 frames_max = WIRE_FRAMES_MAX;
const volatile __u32 copy_bytes = WIRE_COPY_BYTES_EACH;
const volatile __u64 hash_seed = 0x243f6a8885a308d3ULL;
const volatile __u32 wakeup_bytes = 1 << 20;

volatile __u32 epoch = 0;
__u64 rows_added[2] = {};
volatile __u32 copies_waiting = 0;
__u64 children_missed = 0;

#ifndef ONECOLLECT_NO_BPF_UNWINDER
const volatile bool has_eh_frame = false;
const volatile __u32 ranges_mask = 256 - 1;
const volatile __u32 directory_mask = 512 - 1;
const volatile __u32 rules_mask = 16 - 1;
volatile __u32 unwind_ticks = 0;
#endif

static __always_inline void take_user_part(struct bpf_perf_event_data *ctx,
					   struct task_struct *task, struct scratch *scratch,
					   struct wire_key *key, struct copy_request *request)
{
	key->user_state = WIRE_STACK_NONE;
	if (task->flags & PF_KTHREAD || !task->mm)
		return;
	get_user_regs(ctx, task, &scratch->regs);
	/* The place in user mode that the sample hit is kept apart; one that entered the kernel is a frame like others. */
	take_user_stack(ctx, task, scratch, key, hit_user_mode(ctx), request);
}

APART void take_kernel_stack(struct bpf_perf_event_data *ctx, struct scratch *scratch,
			     struct wire_key *key)
{
	struct walk walk;

	walk_init(&walk, &scratch->kernel);
	walk_by_kernel(&walk, ctx, 1);
	key->ip = PT_REGS_IP(&ctx->regs);
	key->in_kernel = 1;
	key->kernel_stack = walk_name(&walk, true);
}

SEC("perf_event")
int cpu_sample(struct bpf_perf_event_data *ctx)
{
	u32 kind = WIRE_KIND_CPU, slot = SCRATCH_SAMPLE;
	struct wire_key key = { .kind = WIRE_KIND_CPU };
	struct copy_request request = { .slot = SCRATCH_SAMPLE };
	struct wire_outcome *outcome = bpf_map_lookup_elem(&outcomes, &kind);
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *scratch;

	if (!outcome)
		return 0;
	if (!task->pid) {
		outcome->idle++;
		return 0;
	}
	if (!filter_wants(task->tgid)) {
		outcome->filtered++;
		return 0;
	}
	outcome->taken++;
	scratch = bpf_map_lookup_elem(&scratches, &slot);
	if (!scratch) {
		count_lost(outcome, WIRE_LOSS_SCRATCH);
		return 0;
	}
	key.task = task_name(task);
	take_user_part(ctx, task, scratch, &key, &request);
	/* Which program this is, is not certain: a name that none of the new one's later samples has. */
	if (key.user_state == WIRE_STACK_EXEC)
		key.task = ~key.task;
	/* Costs more than a user walk, so only where there is something to see. */
	if (has_kernel_stacks && !hit_user_mode(ctx))
		take_kernel_stack(ctx, scratch, &key);
	if (request.is_wanted)
		emit_copy(outcome, scratch, &key, &request);
	else if (is_timeline || request.is_timed)
		emit_sample(outcome, scratch, &key);
	else
		emit_count(outcome, scratch, &key);
	return 0;
}

/* Children of wanted processes are wanted. In the kernel, because a child may be gone before user space knows it. */
SEC("?tp_btf/sched_process_fork")
int BPF_PROG(follow_fork, struct task_struct *parent, struct task_struct *child)
{
	u32 parent_tgid = parent->tgid, child_tgid = child->tgid, bits;
	u32 *wanted;

	if (parent_tgid == child_tgid)
		return 0;
	wanted = bpf_map_lookup_elem(&wanted_tgids, &parent_tgid);
	if (!wanted) {
		/* The pid may be that of a process that is gone, but not freed yet. */
		bpf_map_delete_elem(&wanted_tgids, &child_tgid);
		return 0;
	}
	bits = *wanted & ~WIRE_WANTED_GONE;
	if (bpf_map_update_elem(&wanted_tgids, &child_tgid, &bits, BPF_ANY))
		__sync_fetch_and_add(&children_missed, 1);
	return 0;
}

/* The last thread begins to exit. To give back a large memory takes long, and that time is the process's too. */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(follow_exit, struct task_struct *task)
{
	u32 tgid = task->tgid;
	u32 *wanted;

	if (task->signal->live.counter)
		return 0;
	wanted = bpf_map_lookup_elem(&wanted_tgids, &tgid);
	if (wanted)
		__sync_fetch_and_or(wanted, WIRE_WANTED_GONE);
	return 0;
}

/* A process is no more. Its pid may be in use again since; then follow_fork() has taken the mark away. */
SEC("?tp_btf/sched_process_free")
int BPF_PROG(follow_free, struct task_struct *task)
{
	u32 tgid = task->tgid;
	u32 *wanted = task->pid == task->tgid ? bpf_map_lookup_elem(&wanted_tgids, &tgid) : NULL;

	if (wanted && *wanted & WIRE_WANTED_GONE)
		bpf_map_delete_elem(&wanted_tgids, &tgid);
	return 0;
}
