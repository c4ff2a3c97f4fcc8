/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * THE kernel/user format: everything that crosses between our BPF programs and src/linux/.
 * Included by both sides; no logic, no pointers, explicit padding; enums are append-only.
 * Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef ONECOLLECT_WIRE_H
#define ONECOLLECT_WIRE_H

#include <linux/types.h>

#include <onecollect/loss.h>

#include "unwind_wire.h"

/* Frames of one stack part (user or kernel). A mask as well: all bits are ones. */
#define WIRE_FRAMES_MAX UNWIND_FRAMES_MAX
#define WIRE_COMM_SIZE  16

enum wire_kind {
	WIRE_KIND_CPU,
	WIRE_KIND_COUNT,
};

/* Why a sample is lost; the numbers are those of enum oc_loss. */
#define WIRE_LOSS_ENUM(NAME, name, text) WIRE_LOSS_##NAME,
enum wire_loss { OC_LOSS_REASONS(WIRE_LOSS_ENUM) WIRE_LOSS_COUNT };
#undef WIRE_LOSS_ENUM

/* What is wrong with the user stack of a sample; the numbers are those of enum oc_stack_reason. */
#define WIRE_STACK_ENUM(NAME, name, text) WIRE_STACK_##NAME,
enum wire_stack_reason { OC_STACK_REASONS(WIRE_STACK_ENUM) WIRE_STACK_REASON_COUNT };
#undef WIRE_STACK_ENUM
/* Beyond the reasons: the outermost frame was reached; nothing is known to be wrong, what the last function is will
 * tell; and: the task has no user part at all (kernel thread). */
#define WIRE_STACK_COMPLETE 0xfd
#define WIRE_STACK_FINE     0xfe
#define WIRE_STACK_NONE     0xff

/* ---- ring buffer records: the first byte tells which --------------------------------------------------------- */

enum wire_record {
	WIRE_TASK = 1,   /* first sight of a thread in its present program image */
	WIRE_STACK = 2,  /* first sight of a stack */
	WIRE_SAMPLE = 3, /* one sample, timeline mode only */
	WIRE_COPY = 4,   /* one sample whose user stack has still to be walked */
};

struct wire_task {
	__u8 type;
	__u8 pad[3];
	__u32 tgid;
	__u64 task;  /* names the thread and image: hash of tid, thread start and exec count */
	__u64 image; /* names the process and image: hash of pid, process start and exec count */
	__u64 time_ns;
	__u64 cgroup_id; /* of the unified hierarchy */
	__u32 tid;
	__u32 ns_tgid; /* in the innermost PID namespace of the task */
	__u32 ns_tid;
	__u32 in_exec; /* replacing its program: it is said to be the new image, but `image` may still name the old one */
	__u64 start_stack; /* where the image's stack begins, which /proc tells too; 0 = kernel thread */
	char comm[WIRE_COMM_SIZE];
};

struct wire_stack {
	__u8 type;
	__u8 is_kernel;
	__u16 nr_frames;
	__u32 pad;
	__u64 stack;                   /* hash of the frames */
	__u64 frames[WIRE_FRAMES_MAX]; /* leaf first; only nr_frames of them are sent */
};
#define WIRE_STACK_HEADER_SIZE 16

struct wire_sample {
	__u8 type;
	__u8 kind;       /* enum wire_kind */
	__u8 user_state; /* enum wire_stack_reason or WIRE_STACK_FINE, _NONE */
	__u8 in_kernel;  /* `ip` is the kernel's */
	__u32 cpu;
	__u64 time_ns;
	__u64 task;
	__u64 ip; /* where the sample hit; the stacks below are without it. 0 = the user stack has its leaf */
	__u64 user_stack; /* 0 = none */
	__u64 kernel_stack;
};

/*
 * A sample in both modes, counted nowhere else. Task and kernel stack were sent before it.
 * The bytes of the user stack follow, from the stack pointer up to where it ends, or to the first page that could not be
 * read.
 */
struct wire_copy {
	__u8 type;
	__u8 kind;
	__u8 in_kernel; /* `ip` is the kernel's, and the leaf of the user stack is regs.ip */
	__u8 why; /* enum unwind_outcome: UNWIND_NO_IMAGE, _NO_RANGE, _NO_PAGE; _RUNNING = copies were asked for */
	__u32 cpu;
	__u64 time_ns;
	__u64 task;
	__u64 image;
	__u64 ip; /* 0 unless in_kernel */
	__u64 kernel_stack;
	__u32 tgid;
	__u32 module; /* UNWIND_NO_PAGE: what is to be loaded */
	__u64 page;
	__u64 address; /* that the tables do not cover */
	__u32 nr_bytes;
	__u32 is_behind_syscall; /* regs.ip is behind the instruction that entered the kernel */
	struct unwind_regs regs;
};
/* At most so many bytes follow: where copies tell what tables are missing, and so are few; where each sample is one. */
#define WIRE_COPY_BYTES_MAX  65536
#define WIRE_COPY_BYTES_EACH 16384
/* They are read page by page; the smallest page there is. */
#define WIRE_COPY_PAGE_BYTES 4096u
/* Programs that may be building a record on one CPU at the same time. */
#define WIRE_SCRATCH_SLOTS 2

/* ---- aggregate mode: counters[key] = count -------------------------------------------------------------------- */

struct wire_key {
	__u64 task;
	__u64 ip; /* apart from the stacks: it differs from sample to sample where their callers do not */
	__u64 user_stack;
	__u64 kernel_stack;
	__u8 kind;
	__u8 user_state;
	__u8 in_kernel;
	__u8 pad[5];
};

struct wire_count {
	__u64 count;
	__u64 value;
};

/* ---- what became of the events of one kind, one per CPU -------------------------------------------------------- */

struct wire_outcome {
	__u64 idle; /* no task was running */
	__u64 filtered;
	__u64 taken;      /* = counted or sent + sum of lost */
	__u64 sent_bytes; /* through the ring buffer */
	__u64 lost[WIRE_LOSS_COUNT];
};

/* Of a name of the kernel's as text, with offset, size, module and the final 0: KSYM_SYMBOL_LEN is less. */
#define WIRE_KERNEL_NAME_SIZE 1024

/* Why a process is wanted: bits of the values of the map `wanted_tgids`. */
enum wire_wanted {
	WIRE_WANTED_PID = 1,  /* asked for by pid, or a child of such a process */
	WIRE_WANTED_NAME = 2, /* its name matches a glob at present */
	WIRE_WANTED_GONE = 4, /* its last thread is exiting; no reason by itself */
};

_Static_assert(sizeof(struct wire_task) == 80, "layout shared with BPF");
_Static_assert(sizeof(struct wire_stack) == WIRE_STACK_HEADER_SIZE + 8 * WIRE_FRAMES_MAX,
	       "layout shared with BPF");
_Static_assert(sizeof(struct wire_sample) == 48, "layout shared with BPF");
_Static_assert(sizeof(struct wire_copy) == 80 + sizeof(struct unwind_regs),
	       "layout shared with BPF");
_Static_assert(sizeof(struct wire_key) == 40, "layout shared with BPF");
_Static_assert(sizeof(struct wire_count) == 16, "layout shared with BPF");
_Static_assert(sizeof(struct wire_outcome) == 32 + 8 * WIRE_LOSS_COUNT, "layout shared with BPF");

#endif
