/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `record-trace report FILE`: the hottest functions of a recording, or another view of it, and its summary.
 * Called by main().
 * Must not know how a format is read.
 */
#include "cli/commands.h"

#include <errno.h>

#include "base/macros.h"
#include "cli/answer.h"
#include "cli/breakdown_report.h"
#include "cli/filters.h"
#include "cli/input.h"
#include "cli/report.h"
#include "cli/stack_report.h"
#include "cli/tree_report.h"

/* Appends the answer to what was asked for. */
static int answer(struct buffer *out, const struct oc_machine *m, const struct options *o,
		  const struct stream *s, struct oc_error *err)
{
	const struct report_limits limits = { .rows = o->row_limit, .min_percent = o->min_percent };

	if (o->stack_report)
		return stack_report(out, m, o->json, s);
	if (o->view != VIEW_TOP)
		return tree_report(out, m, o, s, err);
	if (o->view_by != BY_FUNCTION)
		return breakdown_report(out, m, o, s);
	return o->json ? report_json(out, m, &limits) : report_text(out, m, s, &limits);
}

static int print(const struct oc_machine *m, const struct options *o, const struct console *c)
{
	struct buffer text = BUFFER_INIT;
	struct oc_error err = { 0 };
	int rc = answer(&text, m, o, &c->out, &err);
	int exit_code = OC_EXIT_OK;

	if (rc == -EINVAL)
		exit_code = answer_failure(c, rc, &err);
	else if (rc)
		console_error(c, "cannot sum up the recording: %s", strerror(-rc));
	else if (text.len)
		rc = console_print(c, &text);
	buffer_done(&text);
	return rc && !exit_code ? OC_EXIT_FAILED : exit_code;
}

/* Options that say nothing together. */
static bool makes_sense(const struct options *o, const struct console *c)
{
	bool of_function = o->view == VIEW_CALLERS || o->view == VIEW_CALLEES;
	const char *why = NULL;

	if (of_function && !o->view_of)
		why = "say whose: --view callers and --view callees need --of FUNCTION";
	else if (o->view_of && !of_function)
		why = "--of goes with --view callers or --view callees";
	else if (o->view != VIEW_TOP && o->view_by != BY_FUNCTION)
		why = "--by goes with --view top";
	else if (o->stack_report && (o->view != VIEW_TOP || o->view_by != BY_FUNCTION))
		why = "--unwind is a view of its own; leave out --view and --by";
	if (why)
		console_error(c, "%s", why);
	return !why;
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

	if (!makes_sense(o, c) || !stacks_are_known(o, c))
		return OC_EXIT_USAGE;
	exit_code = input_read(options_arg(o), o, c, &m);
	if (exit_code)
		return exit_code;
	answer_summary(oc_machine_ledger_const(m), c);
	exit_code = print(m, o, c);
	oc_machine_free(m);
	return exit_code;
}
