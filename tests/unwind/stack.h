/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What both unwinders give: the stack of a stopped thread.
 * Shared by the parts of tests/unwind/compare.c; knows neither unwinder.
 */
#ifndef TESTS_UNWIND_STACK_H
#define TESTS_UNWIND_STACK_H

#include <stdbool.h>
#include <stdint.h>

/* The frames that our walker can give; the oracle stops there too. */
#define STACK_FRAMES_MAX 255

struct stack {
	uint32_t nr;
	bool complete;   /* ended at a frame without a return address, or at the limit above */
	const char *end; /* why it ended, for people; a constant */
	uint64_t pcs[STACK_FRAMES_MAX]; /* leaf first; callers' are return addresses */
};

#endif
