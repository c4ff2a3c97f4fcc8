/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing what was read: the part that convert and merge have in common.
 * Called by cmd_convert.c and cmd_merge.c.
 */
#ifndef CLI_DELIVER_H
#define CLI_DELIVER_H

#include <onecollect/machine.h>

#include "cli/console.h"

/* Gives a finished machine, to be freed with oc_machine_free(). Returns an enum oc_exit, having said what went wrong. */
typedef int (*deliver_load)(const struct options *o, const struct console *c,
			    struct oc_machine **ret_machine);

/*
 * Plans and tries the outputs that the options name, so that mistakes do not cost a long reading; then loads and writes.
 * Returns an enum oc_exit, having said what went wrong.
 */
int deliver(const struct options *o, const struct console *c, deliver_load load);

#endif
