/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User stacks out of the copies in a perf.data file (perf record --call-graph dwarf): walked by the call frame
 * information of the files that are mapped, where these are at hand.
 * Used by perf_data_tell.c; must not know records.
 */
#ifndef PERF_DATA_UNWIND_H
#define PERF_DATA_UNWIND_H

#include <onecollect/machine.h>

#include "collector.h"

struct perf_data_unwinder;

/* A copy, as a sample has it. Borrowed. */
struct perf_data_copy {
	sink_process process;
	uint64_t mask;        /* of the registers, as in struct perf_event_attr */
	const uint8_t *regs;  /* a number of 64 bits for each bit of the mask, not aligned */
	const uint8_t *stack; /* [stack_size], from the stack pointer on */
	uint64_t stack_size;
	bool in_kernel;    /* the sample hit the kernel */
	bool is_same_host; /* files without build-id can be proven by inode and device */
};

/* Frames of a copy. */
struct perf_data_walk {
	uint32_t nr;
	bool is_complete;
	enum oc_stack_reason incomplete;
};

/* sink and m are borrowed. is_arm64: the machine that was recorded; otherwise x86-64. Returns NULL = no memory. */
struct perf_data_unwinder *perf_data_unwinder_new(struct sink *sink, struct oc_machine *m,
						  bool is_arm64);
/* Accepts NULL. */
void perf_data_unwinder_free(struct perf_data_unwinder *u);

/* What a process has mapped has changed. */
void perf_data_unwinder_mapped(struct perf_data_unwinder *u, sink_process process);

/*
 * Walks a copy. frames[max]: leaf first. Returns 0 or -ENOMEM.
 * Source of the registers' numbers: arch/x86/include/uapi/asm/perf_regs.h and the same of arm64.
 */
int perf_data_unwinder_walk(struct perf_data_unwinder *u, const struct perf_data_copy *copy,
			    uint64_t *frames, uint32_t max, struct perf_data_walk *ret_walk);

#endif
