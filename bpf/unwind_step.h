/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * THE walker by tables: from one frame of a user stack to its caller's. One source for the kernel (bpf/unwind.bpf.h) and
 * for user space (src/unwind/walk.c), which define what a walk reads from:
 *
 *   struct unwind_env                            what the walk reads from
 *   const struct unwind_range *unwind_range_at(env, u32 index)
 *   struct unwind_page *unwind_page_at(env, u32 index)
 *   const struct unwind_rule *unwind_rule_at(env, u32 index)
 *   const u32 *unwind_chunk_at(env, u32 chunk)   UNWIND_CHUNK_WORDS words of the row store, or NULL
 *   long unwind_fetch(env, u64 address, u64 *ret_word)  a word of the stack; 0 = done
 *   u64 unwind_reg(env, u32 number)              a register of the sample
 *   struct unwind_known *unwind_known_at(env, u32 index)  below UNWIND_KNOWN_MAX; what earlier walks found
 *   u32 unwind_tick(env)
 *   bool unwind_is_arm64(env)                    the machine that the stack belongs to
 *
 * Indexes may have any value: the functions mask them. Tables come from files that anybody wrote, and stacks too.
 *
 * Written for the verifier: searches without branches on what they read, and all state in `struct unwind_walker`.
 */
#ifndef ONECOLLECT_UNWIND_STEP_H
#define ONECOLLECT_UNWIND_STEP_H

#include "unwind_find.h"

/* Words of the stack are aligned, or else it is no stack. */
UNWIND_INLINE long unwind_read(struct unwind_env *env, __u64 address, __u64 *ret_word)
{
	return address & 7 ? 1 : unwind_fetch(env, address, ret_word);
}

/* Sets the caller's registers. how: UNWIND_BY_FP or 0. Returns 0, or 1 when there is no caller. */
UNWIND_INLINE long unwind_set(struct unwind_env *env, struct unwind_walker *w, __u64 ip, __u64 sp,
			      __u64 fp, __u32 how)
{
	if (unwind_is_arm64(env))
		ip &= UNWIND_USER_END_ARM64 - 1;
	/* The first pages never are code. */
	if (ip < 0x1000 || ip >= unwind_user_end(env)) {
		if (ip)
			return unwind_stop(w, how ? UNWIND_NO_INFO : UNWIND_BAD_ADDRESS);
		return unwind_stop(w, how ? UNWIND_FP_END : UNWIND_COMPLETE);
	}
	w->ip = ip;
	w->sp = sp;
	w->fp = fp;
	w->how = how;
	return 0;
}

/* The frame record {caller's frame pointer, return address} at the frame pointer (x86-64 psABI 3.2.2, AAPCS64 6.4.6). */
UNWIND_INLINE long unwind_by_fp(struct unwind_env *env, struct unwind_walker *w)
{
	__u64 fp = w->fp, next, caller;

	if (!fp)
		return unwind_stop(w, UNWIND_FP_END);
	if (fp < w->sp || unwind_read(env, fp, &next) || unwind_read(env, fp + 8, &caller))
		return unwind_stop(w, UNWIND_NO_INFO);
	w->fp_steps++;
	return unwind_set(env, w, caller, fp + 16, next, UNWIND_BY_FP);
}

/*
 * The kernel put the interrupted registers on the stack: struct rt_sigframe of arch/x86/include/asm/sigframe.h (sp points
 * behind its return address, at the ucontext) and of arch/arm64/kernel/signal.c, with struct sigcontext.
 */
UNWIND_INLINE long unwind_by_signal(struct unwind_env *env, struct unwind_walker *w)
{
	bool is_arm64 = unwind_is_arm64(env);
	__u64 ip, sp, fp, lr = 0;

	if (unwind_read(env, w->sp + (is_arm64 ? 544 : 120), &fp) ||
	    (is_arm64 && unwind_read(env, w->sp + 552, &lr)) ||
	    unwind_read(env, w->sp + (is_arm64 ? 560 : 160), &sp) ||
	    unwind_read(env, w->sp + (is_arm64 ? 568 : 168), &ip))
		return unwind_stop(w, UNWIND_BAD_ADDRESS);
	if (unwind_set(env, w, ip, sp, fp, 0))
		return 1;
	w->lr = lr;
	w->how = UNWIND_EXACT;
	return 0;
}

/* By the rule of an ordinary function, whose canonical frame address is known. */
UNWIND_INLINE long unwind_by_cfa(struct unwind_env *env, struct unwind_walker *w,
				 const struct unwind_rule *rule, __u64 cfa)
{
	__u64 sp = w->sp, fp = w->fp, ip = 0, base;
	/* The stack grows with each call, but for arm64's first frame, whose return address may still be in a register. */
	bool is_in_register = unwind_is_arm64(env) && rule->ra == UNWIND_SAVED_SAME &&
			      w->how & (UNWIND_FIRST | UNWIND_EXACT);

	if (cfa < sp || (cfa == sp && !is_in_register))
		return unwind_stop(w, UNWIND_BAD_ADDRESS);
	if (rule->ra == UNWIND_SAVED_SAME && !is_in_register)
		return unwind_stop(w, UNWIND_NO_INFO);
	base = rule->fp == UNWIND_SAVED_AT_FP ? fp : cfa;
	/* The frame pointer first: it lies below the return address, and what is read next is read with it. */
	if (rule->fp != UNWIND_SAVED_SAME &&
	    unwind_read(env, base + (__u64)(__s64)rule->fp_off, &fp))
		return unwind_stop(w, UNWIND_BAD_ADDRESS);
	base = rule->ra == UNWIND_SAVED_AT_FP ? w->fp : cfa;
	if (is_in_register)
		ip = w->lr;
	else if (unwind_read(env, base + (__u64)(__s64)rule->ra_off, &ip))
		return unwind_stop(w, UNWIND_BAD_ADDRESS);
	return unwind_set(env, w, ip, cfa, fp, 0);
}

/* By the other rules. */
UNWIND_APART long unwind_by_other_rule(struct unwind_env *env, struct unwind_walker *w,
				       const struct unwind_rule *rule)
{
	__u64 offset = (__u64)(__s64)rule->cfa_off, cfa = 0;

	if (rule->cfa == UNWIND_CFA_END)
		return unwind_stop(w, UNWIND_COMPLETE);
	if (rule->cfa == UNWIND_CFA_SIGNAL)
		return unwind_by_signal(env, w);
	if (rule->cfa == UNWIND_CFA_REG && w->how & UNWIND_FIRST)
		cfa = unwind_reg(env, rule->reg) + offset;
	else if (rule->cfa == UNWIND_CFA_FP_DEREF)
		cfa = unwind_read(env, w->fp + offset, &cfa) ? 0 : cfa;
	else if (rule->cfa == UNWIND_CFA_SP_DEREF)
		cfa = unwind_read(env, w->sp + offset, &cfa) ? 0 : cfa + rule->reg;
	else
		return unwind_by_fp(env, w);
	return unwind_by_cfa(env, w, rule, cfa);
}

/* Goes from a frame to its caller's, by the rule of its address. Returns 0, or 1 when the walk is over. */
UNWIND_INLINE long unwind_step(struct unwind_env *env, struct unwind_walker *w,
			       const struct unwind_rule *rule)
{
	__u64 cfa;

	if (rule->cfa == UNWIND_CFA_SP)
		cfa = w->sp;
	else if (rule->cfa == UNWIND_CFA_FP)
		cfa = w->fp;
	else
		return unwind_by_other_rule(env, w, rule);
	return unwind_by_cfa(env, w, rule, cfa + (__u64)(__s64)rule->cfa_off);
}

#endif
