/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The user-mode registers of the current task: those of the sample when it hit user mode, else those that the task
 * had when it entered the kernel.
 * Source: arch/x86/include/uapi/asm/ptrace.h, arch/arm64/include/asm/ptrace.h (struct pt_regs).
 */
#ifndef ONECOLLECT_USER_REGS_BPF_H
#define ONECOLLECT_USER_REGS_BPF_H

#include "maps.bpf.h"

#if defined(__TARGET_ARCH_x86)

typedef u16 syscall_code;
#define SYSCALL_CODE         0x050f /* syscall */
#define SYSCALL_EXECVE       59
#define SYSCALL_EXECVEAT     322
#define USER_END             UNWIND_USER_END_X86
#define RETURN_ADDRESS(word) (word)
#define USER32_CS            0x23
#define THREAD_POINTER(task) BPF_CORE_READ(task, thread.fsbase)

/* Indexes of 64-bit words in pt_regs. */
enum { REG_SYSCALL = 15, REG_IP = 16, REG_CS = 17, REG_WORDS = 20 };

/* DWARF number (psABI 3.6.2), name and word of each general register. */
/* clang-format off */
#define GENERAL_REGS(X)                                                           \
	X(0, rax, 10) X(1, rdx, 12) X(2, rcx, 11) X(3, rbx, 5)                    \
	X(4, rsi, 13) X(5, rdi, 14) X(6, rbp, 4) X(7, rsp, 19)                    \
	X(8, r8, 9) X(9, r9, 8) X(10, r10, 7) X(11, r11, 6)                       \
	X(12, r12, 3) X(13, r13, 2) X(14, r14, 1) X(15, r15, 0)
/* clang-format on */
#define REG_FP 6
#define REG_SP 7

static __always_inline bool hit_user_mode(const struct bpf_perf_event_data *ctx)
{
	return ctx->regs.cs & 3;
}

static __always_inline void regs_of_sample(const struct bpf_perf_event_data *ctx,
					   struct user_regs *regs)
{
	regs->all.ip = ctx->regs.rip;
	regs->is_compat = (ctx->regs.cs & 0xffff) == USER32_CS;
#define FROM_SAMPLE(number, name, word) regs->all.numbered[number] = ctx->regs.name;
	GENERAL_REGS(FROM_SAMPLE)
#undef FROM_SAMPLE
}

static __always_inline s32 regs_from_words(struct user_regs *regs)
{
	regs->all.ip = regs->words[REG_IP];
	regs->is_compat = (regs->words[REG_CS] & 0xffff) == USER32_CS;
#define FROM_WORD(number, name, word) regs->all.numbered[number] = regs->words[word];
	GENERAL_REGS(FROM_WORD)
#undef FROM_WORD
	return (s32)regs->words[REG_SYSCALL];
}

#elif defined(__TARGET_ARCH_arm64)

typedef u32 syscall_code;
#define SYSCALL_CODE         0xd4000001 /* svc #0 */
#define SYSCALL_EXECVE       221
#define SYSCALL_EXECVEAT     281
#define USER_END             UNWIND_USER_END_ARM64
#define RETURN_ADDRESS(word) ((word) & (USER_END - 1))
#define THREAD_POINTER(task) BPF_CORE_READ(task, thread.uw.tp_value)
#define PSTATE_EL            0xf
#define PSTATE_AARCH32       0x10

/* regs[31], sp, pc, pstate, then orig_x0 and, as an int, syscallno. The first 32 have their DWARF numbers. */
enum { REG_FP = 29, REG_SP = 31, REG_IP = 32, REG_STATE = 33, REG_SYSCALL = 35, REG_WORDS = 36 };

static __always_inline bool hit_user_mode(const struct bpf_perf_event_data *ctx)
{
	return (ctx->regs.pstate & PSTATE_EL) == 0; /* EL0t, and AArch32 user mode */
}

static __always_inline void regs_of_sample(const struct bpf_perf_event_data *ctx,
					   struct user_regs *regs)
{
	regs->all.ip = ctx->regs.pc;
	regs->is_compat = !!(ctx->regs.pstate & PSTATE_AARCH32);
#pragma unroll
	for (u32 i = 0; i < REG_SP; i++)
		regs->all.numbered[i] = ctx->regs.regs[i];
	regs->all.numbered[REG_SP] = ctx->regs.sp;
}

static __always_inline s32 regs_from_words(struct user_regs *regs)
{
	regs->all.ip = regs->words[REG_IP];
	regs->is_compat = !!(regs->words[REG_STATE] & PSTATE_AARCH32);
#pragma unroll
	for (u32 i = 0; i <= REG_SP; i++)
		regs->all.numbered[i] = regs->words[i];
	return (s32)regs->words[REG_SYSCALL];
}

#else
#error "no register layout for this architecture"
#endif

/*
 * The registers that the current task had when it entered the kernel; for programs of any type.
 * While a task replaces its program its memory is already the new one and its registers still the old ones, so a walk
 * would mix the two images. From the outside this is: in the kernel, in execve.
 */
APART void get_entry_regs(struct task_struct *task, struct user_regs *regs)
{
	const void *entry = (const void *)bpf_task_pt_regs(task);
	s32 syscall;

	regs->all.ip = 0;
	regs->is_in_exec = 0;
	regs->is_in_syscall = 0;
	if (bpf_probe_read_kernel(regs->words, REG_WORDS * 8, entry))
		return;
	syscall = regs_from_words(regs);
	regs->is_in_exec = syscall == SYSCALL_EXECVE || syscall == SYSCALL_EXECVEAT;
	regs->is_in_syscall = syscall >= 0; /* of other entries it is -1 */
}

APART bool is_syscall_at(u64 address)
{
	syscall_code code = 0;

	return !bpf_probe_read_user(&code, sizeof(code), (void *)address) && code == SYSCALL_CODE;
}

/*
 * Whether ip is behind the instruction that entered the kernel, which may be the last one of its function. Not so when
 * a signal's handler is just being set up, or a system call begun again.
 */
static __always_inline bool is_behind_syscall(const struct user_regs *regs)
{
	return regs->is_in_syscall && is_syscall_at(regs->all.ip - sizeof(syscall_code));
}

/* The registers of the sample when it hit user mode, else those of the kernel's entry. */
static __always_inline void get_user_regs(const struct bpf_perf_event_data *ctx,
					  struct task_struct *task, struct user_regs *regs)
{
	if (hit_user_mode(ctx)) {
		regs_of_sample(ctx, regs);
		regs->is_in_exec = 0;
		regs->is_in_syscall = 0;
	} else {
		get_entry_regs(task, regs);
	}
}

#endif
