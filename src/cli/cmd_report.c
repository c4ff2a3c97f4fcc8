/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `record-trace report FILE`: the hottest functions of a recording, and its summary.
 * Called by main().
 * Must not know how a format is read.
 */
#include "cli/commands.h"

#include <errno.h>

#include "base/macros.h"
#include "cli/answer.h"
#include "cli/filters.h"
#include "cli/input.h"
#include "cli/report.h"
#include "cli/stack_report.h"

static int print(const struct oc_machine *m, const struct options *o, const struct console *c)
{
	struct buffer text = BUFFER_INIT;
	int rc = o->stack_report ? stack_report(&text, m, o->json, &c->out) : report_json(&text, m);

	if (rc)
		console_error(c, "cannot sum up the recording: %s", strerror(-rc));
	else
		rc = console_print(c, &text);
	buffer_done(&text);
	return rc;
}

/* How complete stacks are was counted by process when it was recorded. */
static bool stacks_are_known(const struct options *o, const struct console *c)
{
	struct oc_filter filter;

	if (!o->stack_report || filters_from_options(o, &filter, NULL) <= 0)
		return true;
	filter.nr_processes = 0;
	if (!filters_ask(&filter))
		return true;
	console_error(c, "how complete stacks are is known by process only: with --unwind, choose "
			 "samples by --process or not at all");
	return false;
}

int cmd_report(const struct options *o, const struct console *c)
{
	struct oc_machine *m = NULL;
	int exit_code;

	if (!stacks_are_known(o, c))
		return OC_EXIT_USAGE;
	exit_code = input_read(options_arg(o), o, c, &m);
	if (exit_code)
		return exit_code;
	answer_summary(oc_machine_ledger_const(m), c);
	if (o->json || o->stack_report ? print(m, o, c) : answer_report(m, c))
		exit_code = OC_EXIT_FAILED;
	oc_machine_free(m);
	return exit_code;
}
