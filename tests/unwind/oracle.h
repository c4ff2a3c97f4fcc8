/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The oracle: elfutils' libdw unwinds a stopped thread, and says what call frame information it finds at an address.
 * Used by tests/unwind/compare.c; knows nothing of our unwinder, nor of our reading of .eh_frame.
 */
#ifndef TESTS_UNWIND_ORACLE_H
#define TESTS_UNWIND_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "stack.h"

struct oracle;

/* What libdw knows of the code at an address. */
struct oracle_place {
	bool in_file;      /* in a module: an ELF file or the vDSO */
	bool has_cfi;      /* an FDE covers it */
	bool debug_frame;  /* that FDE is in .debug_frame, none is in .eh_frame */
	bool root;         /* it says that there is no caller */
	bool signal_frame; /* it is that of a signal frame */
};

/* The process need not be stopped. NULL with a message on standard error. */
struct oracle *oracle_new(pid_t pid);
void oracle_free(struct oracle *oracle);

/* Learns anew what is mapped; to be called, with the process stopped, when that has changed. Returns 0 or -1 with a
 * message. */
int oracle_refresh(struct oracle *oracle);

/* Unwinds a thread that the caller has stopped by ptrace(2). */
void oracle_unwind(struct oracle *oracle, pid_t tid, struct stack *ret_stack);

/* pc: an address within the instruction: of a caller, its return address - 1. */
struct oracle_place oracle_place(struct oracle *oracle, uint64_t pc);

/* Function and module, for people. */
void oracle_name(struct oracle *oracle, uint64_t pc, char *text, size_t size);

#endif
