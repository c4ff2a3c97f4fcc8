/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walker of bpf/unwind_step.h, compiled for user space: for copied stacks, and for tests of the kernel's one.
 * Called by src/linux/.
 * Must not know where memory and tables come from.
 */
#ifndef UNWIND_WALK_H
#define UNWIND_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "unwind/store.h"

/* Where a walk reads from. All callbacks return 0 or a negative errno value and get `arg`. */
struct unwind_walk_input {
	const struct unwind_memory *memory; /* the arrays of a store */
	struct unwind_image image; /* a slice of them; nr = 0: nothing is known of the process */
	uint16_t machine;          /* EM_X86_64 or EM_AARCH64 */
	bool is_behind_syscall; /* the first address is behind the instruction that entered the kernel */
	/* What earlier walks in images of the same store found out: [UNWIND_KNOWN_MAX], at first all zero. NULL = each walk
	 * finds out everything itself. */
	struct unwind_known *known;
	/* Reads size bytes, all or nothing, at any address of the target. */
	int (*read)(void *arg, uint64_t address, void *to, size_t size);
	/* Loads an absent page (unwind_store_load_page()); the walk goes on when it succeeds. NULL = cannot. */
	int (*load)(void *arg, uint32_t module, uint64_t page);
	void *arg;
};

/* How a walk ended. */
struct unwind_walk_result {
	enum unwind_outcome outcome;
	uint32_t nr_frames;
	uint32_t fp_steps; /* frames that were found by frame pointer */
	uint64_t address;  /* that the walk ended at */
	uint32_t module;   /* of UNWIND_NO_PAGE */
	uint64_t page;
};

/*
 * Walks a stack.
 * regs: at the instant of the sample.
 * frames[max]: leaf first, the sampled address included; owned by the caller.
 * Result in *ret_result. Any thread, as long as nobody changes the store.
 */
void unwind_walk(const struct unwind_walk_input *input, const struct unwind_regs *regs,
		 uint64_t *frames, uint32_t max, struct unwind_walk_result *ret_result);

#endif
