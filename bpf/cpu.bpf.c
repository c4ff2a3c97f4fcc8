// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * CPU samples: a perf event on each CPU runs cpu_sample(), which counts the stack it finds or sends it with its time.
 * Loaded and attached by src/linux/bpf_collector.c.
 */
#include "stack.bpf.h"
#include "filter.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile bool is_timeline = false;
const volatile bool has_kernel_stacks = true;
const volatile bool has_tgid_filter = false;
const volatile bool has_cgroup_filter = false;
const volatile __u32 frames_max = WIRE_FRAMES_MAX;
const volatile __u64 hash_seed = 0x243f6a8885a308d3ULL;
const volatile __u32 wakeup_bytes = 1 << 20;

volatile __u32 epoch = 0;
__u64 rows_added[2] = {};
__u64 children_missed = 0;

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_EXECVE   59
#define SYSCALL_EXECVEAT 322
static __always_inline bool hit_user_mode(const struct bpf_perf_event_data *ctx)
{
	return ctx->regs.cs & 3;
}
#define SYSCALL_NUMBER_OFFSET __builtin_offsetof(struct pt_regs, orig_rax)
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_EXECVE        221
#define SYSCALL_EXECVEAT      281
static __always_inline bool hit_user_mode(const struct bpf_perf_event_data *ctx)
{
	return (ctx->regs.pstate & 0xf) == 0; /* EL0t, and AArch32 user mode */
}
/* The syscall number lies behind orig_x0, which lies behind user_pt_regs (arch/arm64/include/asm/ptrace.h). */
#define SYSCALL_NUMBER_OFFSET (sizeof(struct user_pt_regs) + sizeof(u64))
#else
#error "no register layout for this architecture"
#endif

/*
 * While a task replaces its program its memory is already the new one and its registers still the old ones, so a walk
 * would mix the two images. From the outside this is: in the kernel, in execve.
 */
static __always_inline bool is_in_exec(struct task_struct *task)
{
	const char *regs = (const char *)bpf_task_pt_regs(task);
	s32 number; /* 64 bits on x86, of which the lower half says it all; an int on arm64 */

	if (bpf_probe_read_kernel(&number, sizeof(number), regs + SYSCALL_NUMBER_OFFSET))
		return false;
	return number == SYSCALL_EXECVE || number == SYSCALL_EXECVEAT;
}

static __always_inline long take_user_stack(struct bpf_perf_event_data *ctx, struct wire_outcome *outcome,
					    struct task_struct *task, struct wire_stack *stack,
					    struct wire_key *key)
{
	if (task->flags & PF_KTHREAD || !task->mm) {
		key->user_state = WIRE_STACK_NONE;
		return 0;
	}
	if (!hit_user_mode(ctx) && is_in_exec(task)) {
		key->user_state = WIRE_STACK_EXEC;
		return 0;
	}
	return take_stack(ctx, outcome, stack, BPF_F_USER_STACK, &key->user_stack, &key->user_state);
}

SEC("perf_event")
int cpu_sample(struct bpf_perf_event_data *ctx)
{
	u32 kind = WIRE_KIND_CPU, slot = SCRATCH_SAMPLE;
	struct wire_key key = { .kind = WIRE_KIND_CPU };
	struct wire_outcome *outcome = bpf_map_lookup_elem(&outcomes, &kind);
	u64 pid_tgid = bpf_get_current_pid_tgid();
	struct task_struct *task;
	struct wire_stack *stack;
	u8 unused;

	if (!outcome)
		return 0;
	if (!(u32)pid_tgid) {
		outcome->idle++;
		return 0;
	}
	if (!filter_wants(pid_tgid >> 32)) {
		outcome->filtered++;
		return 0;
	}
	outcome->taken++;
	stack = bpf_map_lookup_elem(&scratch, &slot);
	if (!stack) {
		count_lost(outcome, WIRE_LOSS_SCRATCH);
		return 0;
	}
	task = bpf_get_current_task_btf();
	if (take_task(outcome, task, &key.task) || take_user_stack(ctx, outcome, task, stack, &key))
		return 0;
	if (has_kernel_stacks && !hit_user_mode(ctx) &&
	    take_stack(ctx, outcome, stack, 0, &key.kernel_stack, &unused))
		return 0;
	if (is_timeline)
		emit_sample(outcome, &key);
	else
		emit_count(outcome, &key);
	return 0;
}

/* Children of wanted processes are wanted. In the kernel, because a child may be gone before user space knows it. */
SEC("?tp_btf/sched_process_fork")
int BPF_PROG(follow_fork, struct task_struct *parent, struct task_struct *child)
{
	u32 parent_tgid = parent->tgid, child_tgid = child->tgid;
	u32 *wanted;

	if (parent_tgid == child_tgid)
		return 0;
	wanted = bpf_map_lookup_elem(&wanted_tgids, &parent_tgid);
	if (wanted && bpf_map_update_elem(&wanted_tgids, &child_tgid, wanted, BPF_ANY))
		__sync_fetch_and_add(&children_missed, 1);
	return 0;
}

/* Its pid can be used again once the last thread of a process has gone. */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(follow_exit, struct task_struct *task)
{
	u32 tgid = task->tgid;

	if (task->signal->live.counter == 0)
		bpf_map_delete_elem(&wanted_tgids, &tgid);
	return 0;
}
