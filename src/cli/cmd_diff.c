/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `record-trace diff A B`: how the shares of functions changed, and a common flame graph.
 * Called by main().
 * Must not know how a format is read, or how recordings are compared.
 */
#include "cli/commands.h"

#include <errno.h>

#include <onecollect/diff.h>
#include <onecollect/format.h>

#include "base/macros.h"
#include "cli/answer.h"
#include "cli/diff_report.h"
#include "cli/input.h"
#include "cli/interrupt.h"

/* The call trees of two recordings can be written in formats that have room for two weights. */
typedef int (*write_fn)(const struct oc_diff *d, struct oc_output *out);

static write_fn writer_of(const char *path)
{
	const struct oc_format *format = oc_format_by_path(path);

	if (format && !strcmp(format->name, "svg"))
		return oc_diff_write_svg;
	if (format && !strcmp(format->name, "folded"))
		return oc_diff_write_folded;
	return NULL;
}

/* What can be told before anything is read. Returns an exit code. */
static int check(const struct options *o, const struct console *c)
{
	struct oc_error err = { 0 };

	if (o->args.nr != 2) {
		console_error(c, "say which two recordings to compare, as in: record-trace diff "
				 "BEFORE.octrace AFTER.octrace");
		return OC_EXIT_USAGE;
	}
	for (size_t i = 0; i < o->outputs.nr; i++) {
		struct oc_output *out = NULL;
		const char *path = o->outputs.items[i];

		if (!writer_of(path)) {
			console_error(c,
				      "'%s': a comparison can be written as .svg (flame graph) or "
				      ".folded (stacks with two counts)",
				      path);
			return OC_EXIT_USAGE;
		}
		if (oc_output_open(path, o->force, &out, &err)) {
			console_error(c, "%s", err.message);
			return OC_EXIT_FAILED;
		}
		oc_output_abort(out);
	}
	return OC_EXIT_OK;
}

static int write_output(const struct oc_diff *d, const char *path, const struct options *o,
			const struct console *c)
{
	struct oc_error err = { 0 };
	struct oc_output *out;
	uint64_t bytes;
	int rc = interrupt_install(0);

	if (!rc)
		rc = oc_output_open(path, o->force, &out, &err);
	if (!rc) {
		rc = writer_of(path)(d, out);
		bytes = oc_output_bytes(out);
		if (rc == -ENOMEM)
			oc_output_abort(out);
		else
			rc = oc_output_commit(out, &err);
	}
	if (rc)
		console_error(c, "%s", *err.message ? err.message : strerror(-rc));
	else
		console_note(c, "%s: %llu bytes", path, (unsigned long long)bytes);
	return rc;
}

static int print(const struct oc_diff *d, const struct options *o, const struct console *c)
{
	struct buffer text = BUFFER_INIT;
	int rc = o->json ? diff_report_json(&text, d, o->args.items, o->row_limit)
			 : diff_report_text(&text, d, &c->out, o->row_limit);

	if (rc)
		console_error(c, "out of memory");
	else
		rc = console_print(c, &text);
	buffer_clear(&text);
	diff_report_method(&text, d);
	if (!text.error)
		console_note(c, "%s", text.data);
	buffer_done(&text);
	return rc;
}

static int compare(const struct oc_machine *a, const struct oc_machine *b, const struct options *o,
		   const struct console *c)
{
	struct oc_error err = { 0 };
	struct oc_diff *d;
	int rc = oc_diff_new(a, b, NULL, &d, &err);

	if (rc) {
		console_error(c, "cannot compare '%s' with '%s': %s", o->args.items[0],
			      o->args.items[1], err.message);
		return OC_EXIT_FAILED;
	}
	rc = print(d, o, c);
	for (size_t i = 0; i < o->outputs.nr; i++) {
		int failed = write_output(d, o->outputs.items[i], o, c);

		rc = rc ? rc : failed;
	}
	oc_diff_free(d);
	return rc ? OC_EXIT_FAILED : OC_EXIT_OK;
}

int cmd_diff(const struct options *o, const struct console *c)
{
	struct oc_machine *a = NULL, *b = NULL;
	int exit_code = check(o, c);

	if (!exit_code)
		exit_code = input_read(o->args.items[0], o, c, &a);
	if (!exit_code)
		exit_code = input_read(o->args.items[1], o, c, &b);
	if (!exit_code)
		exit_code = compare(a, b, o, c);
	oc_machine_free(a);
	oc_machine_free(b);
	return exit_code;
}
