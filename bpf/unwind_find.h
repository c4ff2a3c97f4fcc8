/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first half of a step of THE walker by tables: from an address to its rule, by what earlier walks found or by the
 * tables. Included by unwind_step.h, which says what a walk reads from.
 */
#ifndef ONECOLLECT_UNWIND_FIND_H
#define ONECOLLECT_UNWIND_FIND_H

#include "unwind_wire.h"

#define UNWIND_INLINE static inline __attribute__((always_inline))
/* What is seldom needed. */
#define UNWIND_APART static __attribute__((noinline))

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

/* Spreads what it is multiplied with over the upper bits: 2^32 / golden ratio, odd. */
#define UNWIND_SPREAD 0x9e3779b1u

/* Begins a walk at the sample's registers, in the image's ranges: nr from the first on. */
UNWIND_INLINE void unwind_begin(struct unwind_env *env, struct unwind_walker *w, __u64 ip,
				__u32 first, __u32 nr, __u32 version)
{
	bool is_arm64 = unwind_is_arm64(env);
	/* Nothing may be known of an image without ranges: they did not fit, and the version is that of others. */
	__u64 stamp = nr ? (__u64)version << 32 | first : 0;

	w->ip = ip;
	w->sp = unwind_reg(env, is_arm64 ? UNWIND_ARM64_SP : UNWIND_X86_SP);
	w->fp = unwind_reg(env, is_arm64 ? UNWIND_ARM64_FP : UNWIND_X86_FP);
	w->lr = is_arm64 ? unwind_reg(env, UNWIND_ARM64_LR) : 0;
	/* The same image as in the last walk: its range is still one. */
	if (w->stamp != stamp) {
		w->range.start = 0;
		w->range.end = 0;
	}
	w->stamp = stamp;
	/* In each tick they are found elsewhere, so that pages in use are marked as used in each tick. */
	w->salt = (version + unwind_tick(env)) * UNWIND_SPREAD;
	w->nr = nr;
	w->page = 0;
	w->fp_steps = 0;
	w->outcome = UNWIND_RUNNING;
	w->how = UNWIND_EXACT | UNWIND_FIRST;
}

/*
 * Finds the range of the present address. Returns 0, or 1 when there is none. A frame pointer that leads to no code was
 * none, and the address is not part of the stack.
 */
UNWIND_INLINE long unwind_locate(struct unwind_env *env, struct unwind_walker *w)
{
	__u64 address = w->address;
	const struct unwind_range *range;
	__u32 low = (__u32)w->stamp, left = w->nr, half;

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
		return unwind_stop(w, w->how & UNWIND_BY_FP ? UNWIND_NO_INFO : UNWIND_NO_RANGE);
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

/*
 * Finds the rule of the present address in the tables, and notes it in *known. By value, so it stays true when the page is
 * evicted: an address and the ranges it lies in say which row of which file it is.
 */
UNWIND_APART long unwind_look_up(struct unwind_env *env, struct unwind_walker *w,
				 struct unwind_known *known)
{
	/* A call is its caller's, and may be the last instruction of its function. */
	__u64 address = w->ip - !(w->how & UNWIND_EXACT);
	struct unwind_rule rule;
	__u32 index;

	w->address = address;
	if (unwind_locate(env, w) || unwind_find_rule(env, w, &index))
		return 1;
	rule = *unwind_rule_at(env, index);
	if (rule.cfa == UNWIND_CFA_PLT) {
		rule.cfa = UNWIND_CFA_SP;
		rule.cfa_off =
			((address - w->range.bias) & 15) >= (__u64)(__s64)rule.cfa_off ? 16 : 8;
	}
	known->address = address;
	known->stamp = w->stamp;
	known->rule = rule;
	return 0;
}

/*
 * The rule of the present address: what is known of it, or else what the tables say. Returns 0 and *ret_rule, or 1 when it
 * lies in no range or its page is absent. Sampled addresses are many, and have a quarter for themselves and others.
 */
UNWIND_INLINE long unwind_find(struct unwind_env *env, struct unwind_walker *w,
			       const struct unwind_rule **ret_rule)
{
	bool is_exact = w->how & UNWIND_EXACT;
	__u64 address = w->ip - !is_exact;
	__u32 slot = ((__u32)address * UNWIND_SPREAD ^ w->salt) >> (32 - UNWIND_KNOWN_SHIFT);
	struct unwind_known *known;

	if (is_exact)
		slot |= 3 * UNWIND_KNOWN_MAX / 4;
	known = unwind_known_at(env, slot);
	if ((known->address != address || known->stamp != w->stamp) &&
	    unwind_look_up(env, w, known))
		return 1;
	*ret_rule = &known->rule;
	return 0;
}

#endif
