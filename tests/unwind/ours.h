/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our unwinder, on a stopped process: tables compiled from its files, and the host's build of the BPF walker reading
 * its memory through /proc/PID/mem.
 * Used by tests/unwind/compare.c; knows nothing of the oracle.
 */
#ifndef TESTS_UNWIND_OURS_H
#define TESTS_UNWIND_OURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "stack.h"

struct ours;

/* The process need not be stopped. NULL with a message on standard error. */
struct ours *ours_new(pid_t pid);
void ours_free(struct ours *ours);

/* Learns anew what is mapped. maps[len]: the text of /proc/PID/maps. Returns 0 or -1 with a message. */
int ours_refresh(struct ours *ours, const char *maps, size_t len);

/* Unwinds a thread that the caller has stopped by ptrace(2). Returns 0 or a negative errno value. */
int ours_unwind(struct ours *ours, pid_t tid, struct stack *ret_stack);

/* False when the tables hold a rule for an address that the walker cannot follow. leaf: of the first frame, whose
 * registers are all known. */
bool ours_supports(const struct ours *ours, uint64_t pc, bool leaf);

#endif
