/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Samples whose user stack travels as it is, to be walked in user space (src/unwind/walk.h).
 */
#ifndef ONECOLLECT_COPY_BPF_H
#define ONECOLLECT_COPY_BPF_H

#include "stack.bpf.h"
#include "user_regs.bpf.h"

extern const volatile bool always_copy; /* no stack is walked here */
extern const volatile __u32
	copy_bytes; /* of a stack at most; a power of two, 4096 .. WIRE_COPY_BYTES_MAX */

/*
 * CPU * SCRATCH_COUNT + slot -> room to build a record in. A plain array: per-CPU values are limited to 32 KiB.
 * Set at load: an element for each slot of each CPU, and the size of one,
 * sizeof(struct wire_copy) + copy_bytes + WIRE_COPY_PAGE_BYTES.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, sizeof(struct wire_copy) + WIRE_COPY_BYTES_EACH + WIRE_COPY_PAGE_BYTES);
} stack_copies SEC(".maps");

/* Why a sample is to be sent as a copy. */
struct copy_request {
	bool is_wanted;
	bool is_timed; /* not a copy, but the sample's time is wanted */
	u8 why;        /* enum unwind_outcome */
	u32 slot;      /* enum scratch_slot of the program */
	u32 module;
	u64 page;
	u64 address;
	u64 image;
};

/*
 * How much of the stack is to be copied. Most threads' stacks end a little above their stack pointer, where their frames
 * end but their memory does not: the first thread's where its image's began, with the arguments above; another one's at its
 * control block, which the C libraries put on top of the stack. What lies elsewhere is no end.
 */
static __always_inline u32 stack_bytes(struct task_struct *task, u64 sp)
{
	u64 to_start = BPF_CORE_READ(task, mm, start_stack) - sp;
	u64 to_block = THREAD_POINTER(task) - sp;
	u64 bytes = to_start < to_block ? to_start : to_block;

	bytes += 2 * sizeof(u64); /* a frame record may be the last thing */
	return bytes < copy_bytes ? bytes : copy_bytes;
}

/*
 * Reads the stack into the room of that index, page by page, until one cannot be read. Returns how many bytes, at most
 * `wanted`. A function of its own, which the verifier looks at once.
 */
__noinline int copy_stack(u32 index, u64 sp, u32 wanted)
{
	struct wire_copy *copy = bpf_map_lookup_elem(&stack_copies, &index);
	u32 at = 0;

	if (!copy)
		return 0;
	for (u32 i = 0; i <= WIRE_COPY_BYTES_MAX / WIRE_COPY_PAGE_BYTES && at < wanted; i++) {
		u64 from = sp + at;
		u32 bytes = WIRE_COPY_PAGE_BYTES - (from & (WIRE_COPY_PAGE_BYTES - 1));

		if (bpf_probe_read_user((char *)(copy + 1) + (at & (copy_bytes - 1)), bytes,
					(void *)from))
			break;
		at += bytes;
	}
	return at < wanted ? at : wanted;
}

static __always_inline void fill_copy(struct wire_copy *copy, struct task_struct *task,
				      const struct wire_key *key,
				      const struct copy_request *request)
{
	copy->type = WIRE_COPY;
	copy->kind = key->kind;
	copy->in_kernel = key->in_kernel;
	copy->why = request->why;
	copy->cpu = bpf_get_smp_processor_id();
	copy->time_ns = bpf_ktime_get_ns();
	copy->task = key->task;
	copy->image = request->image;
	copy->ip = key->in_kernel ? key->ip : 0;
	copy->kernel_stack = key->kernel_stack;
	copy->tgid = task->tgid;
	copy->module = request->module;
	copy->page = request->page;
	copy->address = request->address;
}

/* Sends the sample with its registers and stack. Sent, it is one of those taken and not lost. */
ALONE int emit_copy(struct wire_outcome *outcome, struct scratch *scratch, struct wire_key *key,
		    const struct copy_request *request)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct wire_copy *copy;
	u32 index, bytes;

	if (!outcome || !scratch || !key || !request)
		return -1;
	index = bpf_get_smp_processor_id() * SCRATCH_COUNT + request->slot;
	copy = bpf_map_lookup_elem(&stack_copies, &index);
	if (!copy) {
		count_lost(outcome, WIRE_LOSS_SCRATCH);
		return -1;
	}
	key->user_stack = 0;
	if (send_names(outcome, scratch, key))
		return -1;
	fill_copy(copy, task, key, request);
	copy->regs = scratch->regs.all;
	copy->is_behind_syscall = is_behind_syscall(&scratch->regs);
	bytes = copy_stack(index, copy->regs.numbered[REG_SP],
			   stack_bytes(task, copy->regs.numbered[REG_SP]));
	if (bytes > copy_bytes)
		bytes = copy_bytes;
	copy->nr_bytes = bytes;
	/*
	 * Somebody waits for it: for lack of tables, other samples are incomplete. But only the first one wakes user space:
	 * woken by each, it would run in step with the sampling, and other processes would be sampled too often or too seldom.
	 */
	if (send_with(outcome, copy, sizeof(*copy) + bytes,
		      copies_waiting ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP))
		return -1;
	copies_waiting = 1;
	return 0;
}

#endif
