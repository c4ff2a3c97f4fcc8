/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors, summaries and reports, the same for each command.
 * Called by cmd_*.c.
 * Must not know what a command does.
 */
#include "cli/answer.h"

#include <errno.h>

#include "base/macros.h"
#include "cli/report.h"

/* Where the text of a summary's lines begins, behind their labels. */
#define SUMMARY_INDENT 10

int answer_exit_code(int rc)
{
	switch (rc) {
	case -EINVAL:
		return OC_EXIT_USAGE;
	case -EPERM:
	case -EACCES:
		return OC_EXIT_PRIVILEGE;
	case -EOPNOTSUPP:
	case -ENOSYS:
		return OC_EXIT_UNSUPPORTED;
	default:
		return OC_EXIT_FAILED;
	}
}

int answer_failure(const struct console *c, int rc, const struct oc_error *err)
{
	console_error(c, "%s", *err->message ? err->message : strerror(-rc));
	return answer_exit_code(rc);
}

void answer_summary(const struct oc_ledger *ledger, const struct console *c)
{
	char *text __cleanup(cleanup_free) = NULL;
	struct buffer lines = BUFFER_INIT;
	int rc;

	if (c->verbosity == VERBOSITY_QUIET)
		return;
	rc = oc_ledger_summary(ledger, &text);
	if (!rc) {
		text_wrap(&lines, text, c->err.width, SUMMARY_INDENT);
		rc = lines.error;
	}
	if (rc)
		console_error(c, "out of memory");
	else if (lines.len)
		fwrite(lines.data, 1, lines.len, stderr);
	buffer_done(&lines);
}

int answer_json(const struct oc_ledger *ledger, const struct console *c)
{
	char *text __cleanup(cleanup_free) = NULL;
	struct buffer line = BUFFER_INIT;
	int rc = oc_ledger_json(ledger, &text);

	if (rc) {
		console_error(c, "out of memory");
		return rc;
	}
	buffer_printf(&line, "%s\n", text);
	rc = console_print(c, &line);
	buffer_done(&line);
	return rc;
}

int answer_report(const struct oc_machine *m, const struct console *c,
		  const struct report_limits *limits)
{
	struct buffer text = BUFFER_INIT;
	int rc = report_text(&text, m, &c->out, limits);

	if (rc)
		console_error(c, "cannot sum up the recording: %s", strerror(-rc));
	else if (text.len)
		rc = console_print(c, &text);
	buffer_done(&text);
	return rc;
}
