/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a stack reaches its thread's first function, judged by the names that are known.
 * Used by src/machine_sink.c for stacks of which the collector could not tell.
 */
#ifndef STACK_END_H
#define STACK_END_H

#include <onecollect/machine.h>

/* Why the user part of a stack ends where it does; OC_STACK_COUNT = it is complete. */
enum oc_stack_reason stack_end(const struct oc_machine *m, oc_stack_id stack);

#endif
