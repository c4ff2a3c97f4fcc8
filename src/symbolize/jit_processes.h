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
	size_t held_bytes; /* perf maps of processes that have gone */
};

void jit_processes_done(struct jit_processes *jits);

/* Notes that a process has executable memory without a file; cheap after the first time. Returns 0 or -ENOMEM. */
int jit_processes_note(struct jit_processes *jits, oc_process_id process, uint32_t pid);

/*
 * Reads the perf map of a process that was noted, once, for use at the end of the recording: as many as fit into
 * 64 MiB together. What is refused is counted in the ledger.
 * Returns 0 or -ENOMEM.
 */
int jit_processes_hold(struct jit_processes *jits, struct oc_machine *m, oc_process_id process);

/*
 * The perf map of a process that was noted, as it was held, or else read now; NULL = none.
 * Returns 0 with *ret_map set (valid until jit_processes_drop()), or -ENOMEM.
 */
int jit_processes_map(struct jit_processes *jits, struct oc_machine *m, oc_process_id process,
		      const struct buffer **ret_map);

/* Frees the perf map of a process. */
void jit_processes_drop(struct jit_processes *jits, oc_process_id process);

#endif
