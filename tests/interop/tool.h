/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the programs of this folder end when something is wrong: with a sentence, and exit code 1.
 * Used by those that write recordings for tests. Must not know what they write.
 */
#ifndef INTEROP_TOOL_H
#define INTEROP_TOOL_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noreturn)) static inline void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
	exit(1);
}

/* Ends the program when rc is negative. Returns rc. */
static inline int64_t check(int64_t rc, const char *what)
{
	if (rc < 0)
		fail(what);
	return rc;
}

#endif
