/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The user-mode registers of the current task: those of the sample when it hit user mode, else those that the task
 * had when it entered the kernel.
 * Source: arch/x86/include/uapi/asm/ptrace.h, arch/arm64/include/asm/ptrace.h (struct pt_regs).
 */
#ifndef ONECOLLECT_USER_REGS_BPF_H
#define ONECOLLECT_USER_REGS_BPF_H

#include "common.bpf.h"

struct user_regs {
	u64 ip; /* 0 = the task has no user mode */
	u64 fp;
	bool is_compat;  /* 32-bit code: other frame records */
	bool is_in_exec; /* the task is replacing its program, see below */
};

#if defined(__TARGET_ARCH_x86)

#define SYSCALL_EXECVE   59
#define SYSCALL_EXECVEAT 322
/* Code lies below; with five-level page tables only who asks for it gets more. */
#define USER_END             (1ULL << 47)
#define RETURN_ADDRESS(word) (word)
#define USER32_CS            0x23

/* Indexes of 64-bit words in pt_regs, and the part of them that is read at once. */
enum {
	REG_FP = 4,
	REG_SYSCALL = 15,
	REG_IP = 16,
	REG_CS = 17,
	REG_FIRST = REG_FP,
	REG_LAST = REG_CS
};

static __always_inline bool hit_user_mode(const struct bpf_perf_event_data *ctx)
{
	return ctx->regs.cs & 3;
}

static __always_inline void regs_of_sample(const struct bpf_perf_event_data *ctx,
					   struct user_regs *regs)
{
	regs->ip = ctx->regs.rip;
	regs->fp = ctx->regs.rbp;
	regs->is_compat = (ctx->regs.cs & 0xffff) == USER32_CS;
}

static __always_inline void regs_from_words(const u64 *words, struct user_regs *regs,
					    s32 *ret_syscall)
{
	regs->ip = words[REG_IP - REG_FIRST];
	regs->fp = words[REG_FP - REG_FIRST];
	regs->is_compat = (words[REG_CS - REG_FIRST] & 0xffff) == USER32_CS;
	*ret_syscall = (s32)words[REG_SYSCALL - REG_FIRST];
}

#elif defined(__TARGET_ARCH_arm64)

#define SYSCALL_EXECVE       221
#define SYSCALL_EXECVEAT     281
/* Code lies below, even where 52 bits are possible; the bits above may sign a return address. */
#define USER_END             (1ULL << 48)
#define RETURN_ADDRESS(word) ((word) & (USER_END - 1))
#define PSTATE_EL            0xf
#define PSTATE_AARCH32       0x10

/* regs[31], sp, pc, pstate, then orig_x0 and, as an int, syscallno. */
enum {
	REG_FP = 29,
	REG_IP = 32,
	REG_STATE = 33,
	REG_SYSCALL = 35,
	REG_FIRST = REG_FP,
	REG_LAST = REG_SYSCALL
};

static __always_inline bool hit_user_mode(const struct bpf_perf_event_data *ctx)
{
	return (ctx->regs.pstate & PSTATE_EL) == 0; /* EL0t, and AArch32 user mode */
}

static __always_inline void regs_of_sample(const struct bpf_perf_event_data *ctx,
					   struct user_regs *regs)
{
	regs->ip = ctx->regs.pc;
	regs->fp = ctx->regs.regs[REG_FP];
	regs->is_compat = ctx->regs.pstate & PSTATE_AARCH32;
}

static __always_inline void regs_from_words(const u64 *words, struct user_regs *regs,
					    s32 *ret_syscall)
{
	regs->ip = words[REG_IP - REG_FIRST];
	regs->fp = words[REG_FP - REG_FIRST];
	regs->is_compat = words[REG_STATE - REG_FIRST] & PSTATE_AARCH32;
	*ret_syscall = (s32)words[REG_SYSCALL - REG_FIRST];
}

#else
#error "no register layout for this architecture"
#endif

/*
 * While a task replaces its program its memory is already the new one and its registers still the old ones, so a walk
 * would mix the two images. From the outside this is: in the kernel, in execve.
 */
static __always_inline void get_user_regs(const struct bpf_perf_event_data *ctx,
					  struct task_struct *task, struct user_regs *regs)
{
	u64 words[REG_LAST - REG_FIRST + 1];
	const u64 *all;
	s32 syscall;

	if (hit_user_mode(ctx)) {
		regs_of_sample(ctx, regs);
		return;
	}
	all = (const u64 *)bpf_task_pt_regs(task);
	if (bpf_probe_read_kernel(words, sizeof(words), all + REG_FIRST))
		return;
	regs_from_words(words, regs, &syscall);
	regs->is_in_exec = syscall == SYSCALL_EXECVE || syscall == SYSCALL_EXECVEAT;
}

#endif
