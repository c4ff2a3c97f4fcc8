/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where Linux enters record-trace.
 * Called by the operating system.
 * Must not do anything itself.
 */
#include <unistd.h>

#include "cli/commands.h"

int main(int argc, char **argv)
{
	(void)argc;
	return record_trace(argv, environ);
}
