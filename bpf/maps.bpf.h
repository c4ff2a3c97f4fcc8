/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map, each with: key -> value, who writes, who deletes, what happens when it is full.
 * Sizes marked "set at load" are chosen by src/linux/bpf_collector.c from rate, CPUs and options.
 */
#ifndef ONECOLLECT_MAPS_BPF_H
#define ONECOLLECT_MAPS_BPF_H

#include "common.bpf.h"

/* Records to user space. Programs write, user space consumes. Full: the sample is lost, reason ring_full, and the
 * stack or task stays unseen so that it is sent again. Set at load. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} records SEC(".maps");

/* Stack hash -> nothing: its frames were sent. Programs write. Full: the oldest goes, its frames are sent again at
 * the next sight, which user space ignores. Set at load. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, u8);
} seen_stacks SEC(".maps");

/* Task hash -> nothing: its wire_task was sent. As seen_stacks. Set at load. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, u8);
} seen_tasks SEC(".maps");

/* The counters, in two generations: programs write the one that `epoch` selects, user space reads and empties the
 * other, so no map ever has two writers. Full: the sample is lost, reason counts_full. Set at load. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct wire_key);
	__type(value, struct wire_count);
} counts_even SEC(".maps"), counts_odd SEC(".maps");

/* Processes that are wanted -> enum wire_wanted bits. User space writes and deletes by name; the fork program adds
 * children, exit marks and free deletes them. Full: children are not followed, counted in `children_missed`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, u32);
	__type(value, u32);
} wanted_tgids SEC(".maps");

/* 0 -> the cgroup that is wanted, as descriptor. User space writes once. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} wanted_cgroup SEC(".maps");

/* enum wire_kind -> what became of its events. Programs write, each its CPU's; user space only reads. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WIRE_KIND_COUNT);
	__type(key, u32);
	__type(value, struct wire_outcome);
} outcomes SEC(".maps");

/* A piece of a user stack, read at once. A power of two. */
#define WINDOW_BYTES 512
struct stack_window {
	u64 start;
	u64 last; /* distance of the last word that was read */
	u64 words[WINDOW_BYTES / 8];
};

/* The user-mode registers of the current task. */
struct user_regs {
	u32 is_compat;     /* 32-bit code: other frame records */
	u32 is_in_exec;    /* the task is replacing its program, see user_regs.bpf.h */
	u32 is_in_syscall; /* and not because of a fault or an interrupt */
	u32 pad;
	struct unwind_regs all; /* ip is 0 when the task has no user mode */
	u64 words[36];          /* as the kernel keeps them: of arm64, which has more */
};

/* Slot -> room to walk and build a stack record in. A CPU sample can interrupt any other program of ours on its CPU,
 * so what runs in task context must use the second slot. What is used by each sample comes first, for it to lie in few
 * pages. */
enum scratch_slot { SCRATCH_SAMPLE, SCRATCH_TASK, SCRATCH_COUNT = WIRE_SCRATCH_SLOTS };
struct scratch {
	struct unwind_walker walker;
	struct user_regs regs;
	struct stack_window window;
	struct wire_stack user;
	struct wire_stack kernel;
#ifndef ONECOLLECT_NO_BPF_UNWINDER
	struct unwind_known known[UNWIND_KNOWN_MAX]; /* what walks in this slot found out */
#endif
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_COUNT);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

#endif
