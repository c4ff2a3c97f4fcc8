/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The user part of a sample, in the way that the settings ask for: by tables, by frame pointers, by the kernel, or as a
 * copy. For programs of any type: they fetch the registers and call take_user_stack().
 */
#ifndef ONECOLLECT_USER_STACK_BPF_H
#define ONECOLLECT_USER_STACK_BPF_H

#include "copy.bpf.h"
#include "walk_fp.bpf.h"
#ifndef ONECOLLECT_NO_BPF_UNWINDER
#include "unwind.bpf.h"
#endif

ALONE int take_by_fp(struct scratch *scratch, struct wire_key *key, bool is_apart)
{
	struct user_regs *regs = &scratch->regs;
	struct fp_walk walk = {};

	if (!scratch || !key)
		return -1;
	walk_init(&walk.base, &scratch->user);
	walk_fp(&walk, &scratch->window, is_apart ? 0 : regs->all.ip, regs->all.numbered[REG_FP]);
	key->user_state = walk.base.state;
	key->user_stack = walk_name(&walk.base, false);
	return 0;
}

APART void take_by_kernel(void *ctx, struct scratch *scratch, struct wire_key *key, bool is_apart)
{
	struct walk walk;

	walk_init(&walk, &scratch->user);
	walk_by_kernel(&walk, ctx, BPF_F_USER_STACK | is_apart);
	key->user_state = walk.state;
	key->user_stack = walk_name(&walk, false);
}

#ifndef ONECOLLECT_NO_BPF_UNWINDER
/* A copied stack serves to find out what is missing; in a buffer that is half full it would be in others' way. */
APART bool may_copy(struct unwind_image *image)
{
	if (bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) > 2 * wakeup_bytes)
		return false;
	if (!image)
		return true;
	return (s32)image->copies > 0 && (s32)__sync_fetch_and_add(&image->copies, -1) > 0;
}

ALONE int take_by_tables(struct scratch *scratch, struct wire_key *key, bool is_apart,
			 struct copy_request *request)
{
	struct unwind_walker *walker;
	struct unwind_image *image;
	struct unwind_env env = {};
	u64 name;

	if (!scratch || !key || !request)
		return -1;
	name = request->image = image_name(bpf_get_current_task_btf());
	image = bpf_map_lookup_elem(&unwind_images, &name);
	if (!image) {
		request->why = UNWIND_NO_IMAGE;
		request->is_wanted = may_copy(NULL);
		if (!request->is_wanted)
			take_by_fp(scratch, key, is_apart);
		return 0;
	}
	if (image->flags & UNWIND_IMAGE_CHANGING && may_copy(image)) {
		request->is_wanted = true;
		return 0;
	}
	request->is_timed = image->flags & UNWIND_IMAGE_TIMED;
	walk_init(&env.base, &scratch->user);
	walk_tables(&env, scratch, image, is_apart);
	key->user_state = env.base.state;
	key->user_stack = walk_name(&env.base, false);
	walker = &scratch->walker;
	if (walker->outcome < UNWIND_NO_IMAGE || !may_copy(image))
		return 0;
	request->is_wanted = true;
	request->why = walker->outcome;
	request->address = walker->address;
	if (walker->outcome == UNWIND_NO_PAGE) {
		request->module = walker->range.module;
		request->page = walker->page;
	}
	return 0;
}
#endif

/*
 * Walks the user stack of scratch->regs, names it in *key, or asks for a copy in *request; all else of them is zero before.
 * ctx: of the program. is_apart: key->ip becomes the leaf, and the stack is without it. request->slot: scratch's.
 */
static __always_inline void take_user_stack(void *ctx, struct task_struct *task,
					    struct scratch *scratch, struct wire_key *key,
					    bool is_apart, struct copy_request *request)
{
	struct user_regs *regs = &scratch->regs;

	key->user_state = WIRE_STACK_NONE;
	/* Kernel threads that serve a process (io_uring) have its memory but no user registers. */
	if (!regs->all.ip)
		return;
	key->user_state = WIRE_STACK_EXEC;
	if (regs->is_in_exec)
		return;
	key->user_state = WIRE_STACK_FINE;
	if (is_apart)
		key->ip = regs->all.ip;
	if (regs->is_compat) {
		take_by_kernel(ctx, scratch, key, is_apart);
		return;
	}
	if (always_copy) {
		request->is_wanted = true;
		request->image = image_name(task);
		return;
	}
#ifndef ONECOLLECT_NO_BPF_UNWINDER
	if (has_eh_frame) {
		take_by_tables(scratch, key, is_apart, request);
		return;
	}
#endif
	take_by_fp(scratch, key, is_apart);
}

#endif
