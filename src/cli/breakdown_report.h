/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples by process, thread, module or kind, as a table.
 * Called by cmd_report.c with a finished machine.
 */
#ifndef CLI_BREAKDOWN_REPORT_H
#define CLI_BREAKDOWN_REPORT_H

#include "cli/report.h"

/*
 * Appends the table that o->view_by asks for (not BY_FUNCTION), as for stream s or as JSON: of the machine's shown
 * kind, or by kind of all. Returns 0, -ENOMEM, or a negative errno value of reading spilled samples.
 */
int breakdown_report(struct buffer *out, const struct oc_machine *m, const struct options *o,
		     const struct stream *s);

#endif
