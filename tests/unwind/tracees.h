/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stops all threads of a process at an instant of our choice, by ptrace(2), and lets them go on.
 * Used by tests/unwind/compare.c; knows nothing of stacks.
 */
#ifndef TESTS_UNWIND_TRACEES_H
#define TESTS_UNWIND_TRACEES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tracee {
	pid_t tid;
	pid_t pid; /* its process */
	bool stopped;
	uint64_t seen; /* the caller's */
};

/* Threads of any number of processes. All zero at the beginning. */
struct tracees {
	struct tracee *items;
	size_t nr;
	size_t cap;
};

/* Takes hold of all threads of a process, also those to come; they go on running. Returns 0 or a negative errno value;
 * -ESRCH = no such process. */
int tracees_seize(struct tracees *tracees, pid_t pid);

/* Lets everything run for that long, and passes on the signals that come. Returns 0 or a negative errno value. */
int tracees_run(struct tracees *tracees, uint64_t ns);

/* Stops all threads of a process. Returns 0, or -ESRCH when none is left. */
int tracees_stop(struct tracees *tracees, pid_t pid);

/* Lets the stopped threads go on. */
void tracees_resume(struct tracees *tracees);

/* Lets go of all; they live on. */
void tracees_done(struct tracees *tracees);

#endif
