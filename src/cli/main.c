/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record-trace: parse the command line, do what it says.
 * Called by main_posix.c or main_win32.c, where the operating system comes in.
 * Must not do anything itself.
 */
#include <errno.h>

#include <onecollect/version.h>

#include "base/macros.h"
#include "base/os.h"
#include "cli/commands.h"
#include "cli/help.h"

static int show_version(const struct console *c)
{
	struct buffer text = BUFFER_INIT;
	int rc;

	buffer_printf(&text, "record-trace %s (libonecollect %s)\n", OC_VERSION, oc_version());
	rc = console_print(c, &text);
	buffer_done(&text);
	return rc ? OC_EXIT_FAILED : OC_EXIT_OK;
}

static int dispatch(const struct options *o, const struct console *c, char *const *argv)
{
	if (o->version)
		return show_version(c);
	if (o->help || o->help_all)
		return cmd_help(o, c);
	switch (o->command) {
	case COMMAND_RECORD:
		return cmd_record(o, c, argv);
	case COMMAND_CHECK:
		return cmd_check(o, c);
	case COMMAND_LIST:
		return cmd_list(o, c);
	case COMMAND_CONVERT:
		return cmd_convert(o, c);
	case COMMAND_REPORT:
		return cmd_report(o, c);
	case COMMAND_DIFF:
		return cmd_diff(o, c);
	case COMMAND_HELP:
		return cmd_help(o, c);
	case COMMAND_COMPLETION:
		return cmd_completion(o, c);
	}
	return OC_EXIT_USAGE;
}

int record_trace(char **argv, char *const *env)
{
	struct options options;
	struct console console;
	struct oc_error err = { 0 };
	int exit_code = OC_EXIT_USAGE;
	int rc;

	os_prepare_streams();
	rc = options_parse(&options, argv, env, &err);
	console_init(&console, (enum color_when)options.color, (enum verbosity)options.verbosity,
		     env);
	if (!rc)
		exit_code = dispatch(&options, &console, argv);
	else
		console_error(&console, "%s", err.message);
	options_done(&options);
	return rc == -ENOMEM ? OC_EXIT_FAILED : exit_code;
}
