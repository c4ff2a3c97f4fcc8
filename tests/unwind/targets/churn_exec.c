/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spins in a chain of functions, then replaces itself by the program of the other of two names, and so on: the process
 * stays the same. Both names lead to this file, compiled with frames of different sizes.
 * Usage: churn_exec_a|churn_exec_b COUNT ROUNDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "churn_chain.h"

#if CHURN_VARIANT
CHURN_CHAIN(f, 31)
#else
CHURN_CHAIN(e, 19)
#endif

CHURN_DECOY(decoy)

int main(int argc, char **argv)
{
	long left = argc == 3 ? strtol(argv[1], NULL, 10) : -1;
	char *name = argv[0];
	char count[24];
	size_t len = strlen(name);

	if (left < 0 || !len)
		return 2;
#if CHURN_VARIANT
	f_enter(strtoull(argv[2], NULL, 10), CHURN_DECOY_IN(decoy));
#else
	e_enter(strtoull(argv[2], NULL, 10), CHURN_DECOY_IN(decoy));
#endif
	if (left == 0)
		return 0;
	name[len - 1] = CHURN_VARIANT ? 'a' : 'b';
	snprintf(count, sizeof(count), "%ld", left - 1);
	execv(name, (char *[]){ name, count, argv[2], NULL });
	return 1;
}
