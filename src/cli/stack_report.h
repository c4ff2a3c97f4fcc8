/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How complete the user stacks of each process are, and where the others end.
 * Called by cmd_report.c with a finished machine.
 */
#ifndef CLI_STACK_REPORT_H
#define CLI_STACK_REPORT_H

#include <onecollect/machine.h>

#include "cli/console.h"

/*
 * Appends a table, the processes with the most samples first; or, when as_json, one JSON object and a newline.
 * Returns 0 or -ENOMEM.
 */
int stack_report(struct buffer *out, const struct oc_machine *m, bool as_json,
		 const struct stream *s);

#endif
