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
 *   u32 unwind_tick(env)
 *   bool unwind_is_arm64(env)                    the machine that the stack belongs to
 *
 * Indexes may have any value: the functions mask them. Tables come from files that anybody wrote, and stacks too.
 *
 * Written for the verifier: searches without branches on what they read, and all state in `struct unwind_walker`.
 */
#ifndef ONECOLLECT_UNWIND_STEP_H
#define ONECOLLECT_UNWIND_STEP_H

#include "unwind_wire.h"

#define UNWIND_INLINE static inline __attribute__((always_inline))

/* Turns of a binary search: 4096 ranges; the rows of a piece: one for each address, and the one before. */
#define UNWIND_RANGE_TURNS 13
#define UNWIND_ROW_TURNS   11

enum { UNWIND_X86_FP = 6, UNWIND_X86_SP = 7 };
enum { UNWIND_ARM64_FP = 29, UNWIND_ARM64_LR = 30, UNWIND_ARM64_SP = 31 };

UNWIND_INLINE __u64 unwind_user_end(struct unwind_env *env)
{
	return unwind_is_arm64(env) ? UNWIND_USER_END_ARM64 : UNWIND_USER_END_X86;
}

UNWIND_INLINE long unwind_stop(struct unwind_walker *w, enum unwind_outcome outcome)
{
	w->outcome = outcome;
	return 1;
}

/* Begins a walk at the sample's registers, in the image's ranges. */
UNWIND_INLINE void unwind_begin(struct unwind_env *env, struct unwind_walker *w, __u64 ip)
{
	bool is_arm64 = unwind_is_arm64(env);

	w->ip = ip;
	w->sp = unwind_reg(env, is_arm64 ? UNWIND_ARM64_SP : UNWIND_X86_SP);
	w->fp = unwind_reg(env, is_arm64 ? UNWIND_ARM64_FP : UNWIND_X86_FP);
	w->lr = is_arm64 ? unwind_reg(env, UNWIND_ARM64_LR) : 0;
	w->range.start = 0;
	w->range.end = 0;
	w->page = 0;
	w->first = 0;
	w->nr = 0;
	w->fp_steps = 0;
	w->outcome = UNWIND_RUNNING;
	w->is_exact = 1;
	w->is_first = 1;
	w->is_by_fp = 0;
}

/*
 * Finds the range of the present address. Returns 0, or 1 when there is none. A frame pointer that leads to no code was
 * none, and the address is not part of the stack: then is_by_fp is still set.
 */
UNWIND_INLINE long unwind_locate(struct unwind_env *env, struct unwind_walker *w)
{
	__u64 address = w->ip - !w->is_exact;
	const struct unwind_range *range;
	__u32 low = w->first, left = w->nr, half;

	w->address = address;
	if (address - w->range.start < w->range.end - w->range.start)
		return 0;
	/* The last range with start <= address. */
	for (int i = 0; i < UNWIND_RANGE_TURNS; i++) {
		if (left <= 1)
			break;
		half = left >> 1;
		low += half &
		       -(__u32)((unwind_range_at(env, low + half)->start - address - 1) >> 63);
		left -= half;
	}
	range = unwind_range_at(env, low);
	if (!w->nr || address < range->start || address >= range->end)
		return unwind_stop(w, w->is_by_fp ? UNWIND_NO_INFO : UNWIND_NO_RANGE);
	w->range = *range;
	return 0;
}

/* The rule for an address, from the rows of its page. */
UNWIND_INLINE __u32 unwind_search(const __u32 *chunk, __u32 block, __u64 address)
{
	const __u16 *pieces = (const __u16 *)chunk;
	__u32 at = (address & 0xffff) >> UNWIND_PIECE_SHIFT;
	__u32 low = pieces[((block & 0xffff) * 2 + at) & (2 * UNWIND_CHUNK_WORDS - 1)];
	__u32 last = pieces[((block & 0xffff) * 2 + at + 1) & (2 * UNWIND_CHUNK_WORDS - 1)];
	__u32 left = last - low + 1, half, row;

	block += UNWIND_BLOCK_HEADER_WORDS;
	/* The last row with low address <= address. */
	for (int i = 0; i < UNWIND_ROW_TURNS; i++) {
		if (left <= 1)
			break;
		half = left >> 1;
		row = chunk[(block + low + half) & (UNWIND_CHUNK_WORDS - 1)];
		low += half & -(__u32)(((__u64)UNWIND_ROW_LOW(row) - (address & 0xffff) - 1) >> 63);
		left -= half;
	}
	return UNWIND_ROW_RULE(chunk[(block + low) & (UNWIND_CHUNK_WORDS - 1)]);
}

/* Finds the rule of the present address in *ret_rule. Returns 0, or 1 when the page is absent. */
UNWIND_INLINE long unwind_find_rule(struct unwind_env *env, struct unwind_walker *w,
				    __u32 *ret_rule)
{
	__u64 address = w->address - w->range.bias;
	struct unwind_page *page;
	const __u32 *chunk;
	__u32 block;

	*ret_rule = 0;
	if (!w->range.module)
		return 0;
	w->page = address >> UNWIND_PAGE_SHIFT;
	page = unwind_page_at(env, w->range.directory + (__u32)w->page);
	block = *(volatile __u32 *)&page->block;
	if (block == UNWIND_PAGE_ABSENT)
		return unwind_stop(w, UNWIND_NO_PAGE);
	/* Written only when it changes, so that CPUs do not fight for the cache line. */
	if (page->used != unwind_tick(env))
		page->used = unwind_tick(env);
	if (block == UNWIND_PAGE_EMPTY)
		return 0;
	chunk = unwind_chunk_at(env, block / UNWIND_CHUNK_WORDS);
	if (!chunk)
		return unwind_stop(w, UNWIND_NO_PAGE);
	*ret_rule = unwind_search(chunk, block, address);
	return 0;
}

/* Words of the stack are aligned, or else it is no stack. */
UNWIND_INLINE long unwind_read(struct unwind_env *env, __u64 address, __u64 *ret_word)
{
	return address & 7 ? 1 : unwind_fetch(env, address, ret_word);
}

/* Sets the caller's registers. Returns 0, or 1 when there is no caller. */
UNWIND_INLINE long unwind_set(struct unwind_env *env, struct unwind_walker *w, __u64 ip, __u64 sp,
			      __u64 fp)
{
	if (unwind_is_arm64(env))
		ip &= UNWIND_USER_END_ARM64 - 1;
	/* The first pages never are code. */
	if (ip < 0x1000 || ip >= unwind_user_end(env)) {
		if (ip)
			return unwind_stop(w, w->is_by_fp ? UNWIND_NO_INFO : UNWIND_BAD_ADDRESS);
		return unwind_stop(w, w->is_by_fp ? UNWIND_FP_END : UNWIND_COMPLETE);
	}
	w->ip = ip;
	w->sp = sp;
	w->fp = fp;
	w->is_exact = 0;
	w->is_first = 0;
	return 0;
}

/* The frame record {caller's frame pointer, return address} at the frame pointer (x86-64 psABI 3.2.2, AAPCS64 6.4.6). */
UNWIND_INLINE long unwind_by_fp(struct unwind_env *env, struct unwind_walker *w)
{
	__u64 fp = w->fp, next, caller;

	w->is_by_fp = 1;
	if (!fp)
		return unwind_stop(w, UNWIND_FP_END);
	if (fp < w->sp || unwind_read(env, fp, &next) || unwind_read(env, fp + 8, &caller))
		return unwind_stop(w, UNWIND_NO_INFO);
	w->fp_steps++;
	return unwind_set(env, w, caller, fp + 16, next);
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
	if (unwind_set(env, w, ip, sp, fp))
		return 1;
	w->lr = lr;
	w->is_exact = 1;
	return 0;
}

/* The canonical frame address; 0 when it cannot be told. */
UNWIND_INLINE __u64 unwind_cfa(struct unwind_env *env, const struct unwind_walker *w,
			       const struct unwind_rule *rule)
{
	__u64 sp = w->sp, fp = w->fp, offset = (__u64)(__s64)rule->cfa_off, cfa = 0;

	if (rule->cfa == UNWIND_CFA_SP)
		cfa = sp + offset;
	else if (rule->cfa == UNWIND_CFA_FP)
		cfa = fp + offset;
	else if (rule->cfa == UNWIND_CFA_PLT)
		cfa = sp + 8 + (((w->address - w->range.bias) & 15) >= offset ? 8 : 0);
	else if (rule->cfa == UNWIND_CFA_REG)
		cfa = unwind_reg(env, rule->reg) + offset;
	else if (rule->cfa == UNWIND_CFA_FP_DEREF && unwind_read(env, fp + offset, &cfa))
		cfa = 0;
	else if (rule->cfa == UNWIND_CFA_SP_DEREF)
		cfa = unwind_read(env, sp + offset, &cfa) ? 0 : cfa + rule->reg;
	return cfa;
}

/* By the rule of an ordinary function. */
UNWIND_INLINE long unwind_by_rule(struct unwind_env *env, struct unwind_walker *w,
				  const struct unwind_rule *rule)
{
	__u64 sp = w->sp, fp = w->fp;
	__u64 cfa = unwind_cfa(env, w, rule), ip = 0, base;
	/* The stack grows with each call, but for arm64's first frame, whose return address may still be in a register. */
	bool is_in_register = (w->is_first || w->is_exact) && rule->ra == UNWIND_SAVED_SAME &&
			      unwind_is_arm64(env);

	if (cfa < sp || (cfa == sp && !is_in_register))
		return unwind_stop(w, UNWIND_BAD_ADDRESS);
	base = rule->fp == UNWIND_SAVED_AT_FP ? fp : cfa;
	if (rule->ra == UNWIND_SAVED_SAME && !is_in_register)
		return unwind_stop(w, UNWIND_NO_INFO);
	/* The frame pointer first: it lies below the return address, and what is read next is read with it. */
	if (rule->fp != UNWIND_SAVED_SAME &&
	    unwind_read(env, base + (__u64)(__s64)rule->fp_off, &fp))
		return unwind_stop(w, UNWIND_BAD_ADDRESS);
	base = rule->ra == UNWIND_SAVED_AT_FP ? w->fp : cfa;
	if (is_in_register)
		ip = w->lr;
	else if (unwind_read(env, base + (__u64)(__s64)rule->ra_off, &ip))
		return unwind_stop(w, UNWIND_BAD_ADDRESS);
	return unwind_set(env, w, ip, cfa, fp);
}

/* Goes from the frame that unwind_locate() found to its caller's. Returns 0, or 1 when the walk is over. */
UNWIND_INLINE long unwind_step(struct unwind_env *env, struct unwind_walker *w)
{
	const struct unwind_rule *rule;
	__u32 index;

	if (unwind_find_rule(env, w, &index))
		return 1;
	rule = unwind_rule_at(env, index);
	w->is_by_fp = 0;
	if (rule->cfa == UNWIND_CFA_END)
		return unwind_stop(w, UNWIND_COMPLETE);
	if (rule->cfa == UNWIND_CFA_SIGNAL)
		return unwind_by_signal(env, w);
	if (rule->cfa == UNWIND_CFA_GAP || rule->cfa == UNWIND_CFA_UNKNOWN ||
	    rule->cfa > UNWIND_CFA_LAST || (rule->cfa == UNWIND_CFA_REG && !w->is_first))
		return unwind_by_fp(env, w);
	return unwind_by_rule(env, w, rule);
}

#endif
