/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that run code made at run time, and the perf maps they leave.
 * Used by the symbolizer: notes such a process while it lives, so that its perf map can still be read when it has gone.
 */
#ifndef SYMBOLIZE_JIT_PROCESSES_H
#define SYMBOLIZE_JIT_PROCESSES_H

#include <onecollect/machine.h>

#include "base/buffer.h"

struct jit_process;

/* All zero = none. */
struct jit_processes {
	struct jit_process *list; /* [nr] */
	size_t nr;
	size_t cap;
	uint32_t *index; /* [nr_index] by process id: place in list plus 1 */
	size_t nr_index;
	size_t index_cap;
	size_t bytes; /* perf maps held */
};

void jit_processes_done(struct jit_processes *jits);

/* Notes that a process has executable memory without a file; cheap after the first time. Returns 0 or -ENOMEM. */
int jit_processes_note(struct jit_processes *jits, oc_process_id process, uint32_t pid);

/*
 * Reads the perf map of a process that was noted, once. What is refused is counted in the ledger.
 * Returns 0 or -ENOMEM.
 */
int jit_processes_read(struct jit_processes *jits, struct oc_machine *m, oc_process_id process);

/* The perf map of a process as it was read, NULL = none. */
const struct buffer *jit_processes_map(const struct jit_processes *jits, oc_process_id process);

/* Frees the perf map of a process. */
void jit_processes_drop(struct jit_processes *jits, oc_process_id process);

#endif
