/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading a user stack. Most of the price of a walk is the number of reads of user memory, so one read fetches a window
 * that serves many frames: stacks are walked towards growing addresses.
 */
#ifndef ONECOLLECT_WINDOW_BPF_H
#define ONECOLLECT_WINDOW_BPF_H

#include "maps.bpf.h"

static __always_inline void window_clear(struct stack_window *window)
{
	window->start = 0;
	window->bytes = 0;
}

/*
 * Lets the window begin at `address`. A full window may reach beyond the stack's last page; then it is as short as can
 * be, two words or one. A function of its own, which the verifier looks at once.
 */
__noinline int window_load(struct stack_window *window, u64 address)
{
	if (!window)
		return -1;
	window->start = address;
	window->bytes = WINDOW_BYTES;
	if (!bpf_probe_read_user(window->words, WINDOW_BYTES, (void *)address))
		return 0;
	window->bytes = 16;
	if (!bpf_probe_read_user(window->words, 16, (void *)address))
		return 0;
	window->bytes = 8;
	if (!bpf_probe_read_user(window->words, 8, (void *)address))
		return 0;
	window->bytes = 0;
	return -1;
}

/* The index of the word at `address`, which it and nr_words - 1 more can be read from; WINDOW_WORDS = unreadable. */
static __always_inline u32 window_find(struct stack_window *window, u64 address, u32 nr_words)
{
	u64 offset = address - window->start;
	u32 index;

	if (offset + nr_words * 8 > window->bytes || offset > WINDOW_BYTES) {
		if (window_load(window, address) || window->bytes < nr_words * 8)
			return WINDOW_WORDS;
		offset = 0;
	}
	index = offset / 8;
	/* Else the callers' comparison becomes a test of bits of the offset, which tells the verifier of 6.12 no bound. */
	barrier_var(index);
	return index;
}

#endif
