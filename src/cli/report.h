/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal report: the functions with the most samples, by self and by total.
 * Called by answer.c and cmd_report.c with a finished machine; knows the samples only through onecollect/graph.h.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <onecollect/machine.h>

#include "cli/console.h"

/*
 * Appends the report of the machine's first kind to out, as for stream s.
 * Returns 0, -ENOMEM, or a negative errno value of reading spilled samples. Nothing is appended without samples.
 */
int report_text(struct buffer *out, const struct oc_machine *m, const struct stream *s);

/*
 * Appends the report as one JSON object and a newline: every function of the machine's first kind with its self and
 * total counts, by self, and the ledger. Returns as report_text().
 */
int report_json(struct buffer *out, const struct oc_machine *m);

#endif
