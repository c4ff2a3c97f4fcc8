/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Walking a user stack by its frame pointers. Faster than bpf_get_stack(), see window.bpf.h.
 * The frame record is {caller's frame pointer, return address} at the frame pointer, on x86-64 and arm64 alike
 * (System V ABI AMD64 3.2.2, AAPCS64 6.4.6).
 */
#ifndef ONECOLLECT_WALK_FP_BPF_H
#define ONECOLLECT_WALK_FP_BPF_H

#include "stack.bpf.h"
#include "user_regs.bpf.h"
#include "window.bpf.h"

struct fp_walk {
	struct walk base;
	struct stack_window *window;
	u32 first; /* frames before the first caller: 0 or 1 */
	u64 fp;
};

/* Could code be there at all? The last page below the end is never mapped, the first ones never are executable. */
static __always_inline bool is_user_code(u64 address)
{
	return address >= 0x1000 && address < USER_END;
}

/* One frame. Frames lie at growing addresses; a frame pointer that does not grow is no frame pointer. */
static long fp_step(u32 i, struct fp_walk *w)
{
	u64 next, caller;

	if (window_read(w->window, w->fp, &next) || window_read(w->window, w->fp + 8, &caller))
		return 1;
	caller = RETURN_ADDRESS(caller);
	if (!is_user_code(caller) || walk_add(&w->base, w->first + i, caller) || next <= w->fp ||
	    next & 7)
		return 1;
	w->fp = next;
	return 0;
}

/* Walks the callers from a frame pointer on, behind a first frame `ip` unless that is 0. Where the walk ends tells user
 * space whether it is complete. */
static __always_inline void walk_fp(struct fp_walk *w, struct stack_window *window, u64 ip, u64 fp)
{
	w->window = window;
	w->first = 0;
	if (ip)
		w->first = 1 + walk_add(&w->base, 0, ip);
	w->fp = fp;
	window_clear(window);
	/* One turn more than there is room for, to find out that there is no room. */
	if (fp && !(fp & 7))
		bpf_loop(WIRE_FRAMES_MAX + 1, fp_step, w, 0);
}

#endif
