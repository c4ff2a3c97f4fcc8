/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What commands that hold a machine say at their end: the summary, the ledger as JSON, the hottest functions, errors.
 * Called by cmd_*.c.
 */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include <onecollect/machine.h>

#include "cli/console.h"
#include "cli/report.h"

/* The exit code for an error of the library. */
int answer_exit_code(int rc);
/* Says what failed, by err or else by rc. Returns the exit code. */
int answer_failure(const struct console *c, int rc, const struct oc_error *err);
/* The summary of a ledger on stderr, unless quiet. */
void answer_summary(const struct oc_ledger *ledger, const struct console *c);
/* The ledger as one line of JSON on stdout. Returns 0 or, having said so, a negative errno value. */
int answer_json(const struct oc_ledger *ledger, const struct console *c);
/* The hottest functions on stdout; as answer_json(). */
int answer_report(const struct oc_machine *m, const struct console *c,
		  const struct report_limits *limits);

#endif
