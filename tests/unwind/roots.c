/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Says which addresses of a process are in functions that have no caller by their call frame information, read by
 * libdw. Reads addresses from standard input, hexadecimal, one a line; prints those that are, as they came.
 * Run by tests/unwind/completeness.py. Usage: roots PID
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

static bool is_root(struct oracle *oracle, uint64_t pc)
{
	return oracle_place(oracle, pc - 1).root || oracle_place(oracle, pc).root;
}

int main(int argc, char **argv)
{
	struct oracle *oracle = argc == 2 ? oracle_new((pid_t)strtol(argv[1], NULL, 10)) : NULL;
	char line[64];

	if (!oracle) {
		fputs("usage: roots PID\n", stderr);
		return 2;
	}
	while (fgets(line, sizeof(line), stdin)) {
		if (is_root(oracle, strtoull(line, NULL, 16)))
			fputs(line, stdout);
	}
	oracle_free(oracle);
	return ferror(stdin) || fflush(stdout) ? 1 : 0;
}
