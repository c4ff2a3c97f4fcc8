/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading a user stack. Most of the price of a walk is the number of reads of user memory, so one read fetches a window
 * that serves many frames: stacks are walked towards growing addresses.
 */
#ifndef ONECOLLECT_WINDOW_BPF_H
#define ONECOLLECT_WINDOW_BPF_H

#include "maps.bpf.h"

/* No word is at an odd address. */
static __always_inline void window_clear(struct stack_window *window)
{
	window->start = 1;
	window->last = 0;
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
	window->last = WINDOW_BYTES - 8;
	if (!bpf_probe_read_user(window->words, WINDOW_BYTES, (void *)address))
		return 0;
	window->last = 8;
	if (!bpf_probe_read_user(window->words, 16, (void *)address))
		return 0;
	window->last = 0;
	if (!bpf_probe_read_user(window->words, 8, (void *)address))
		return 0;
	window_clear(window);
	return -1;
}

/* The word at an address, which is a multiple of 8. Returns 0, or 1 when it is unreadable. */
static __always_inline long window_read(struct stack_window *window, u64 address, u64 *ret_word)
{
	u64 offset = address - window->start;

	if (offset > window->last) {
		if (window_load(window, address))
			return 1;
		offset = 0;
	}
	/* The mask changes nothing and tells the verifier the bounds. */
	*ret_word = *(u64 *)((char *)window->words + (offset & (WINDOW_BYTES - 8)));
	return 0;
}

#endif
