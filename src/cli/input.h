/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file that a command works on: read into a machine, finished, and told when it is not whole.
 * Called by cmd_convert.c and cmd_report.c.
 */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <onecollect/machine.h>

#include "cli/console.h"
#include "cli/options.h"

/*
 * Reads the file at path; NULL is the user's omission. Warns when it ends early.
 * ret_machine: finished; freed by the caller with oc_machine_free().
 * Returns OC_EXIT_OK or, having said why (also that the options' filters cannot be used), another exit code.
 */
int input_load(const char *path, const struct options *o, const struct console *c,
	       struct oc_machine **ret_machine);

/* Likewise, and then selects the samples that the options ask for. */
int input_read(const char *path, const struct options *o, const struct console *c,
	       struct oc_machine **ret_machine);

#endif
