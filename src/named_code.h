/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions that a collector told of: code that a runtime made in memory, and that no file names.
 * Used by src/machine_sink.c.
 */
#ifndef NAMED_CODE_H
#define NAMED_CODE_H

#include <onecollect/machine.h>

struct named_code {
	struct code *items; /* [nr] */
	size_t nr;
	size_t cap;
};

/*
 * Adds a function that a process has had since `since_ns`. One without bytes, or that wraps around the address space, is
 * left out. Returns 0 or -ENOMEM.
 */
int named_code_add(struct named_code *c, oc_process_id process, uint64_t since_ns, uint64_t start,
		   uint64_t size, oc_string_id name);

/*
 * Names what is still without a name in the machine. Where functions overlap, the one added last counts of those that
 * began before the mapping of the place ended. Returns 0 or -ENOMEM.
 */
int named_code_apply(struct named_code *c, struct oc_machine *m);

void named_code_done(struct named_code *c);

#endif
