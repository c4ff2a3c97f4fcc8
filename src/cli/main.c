/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record-trace: parse the command line, do what it says.
 * Called by main_posix.c or main_win32.c, where the operating system comes in.
 * Must not do anything itself.
 */
#include <errno.h>

#include <onecollect/symbolize.h>
#include <onecollect/version.h>

#include "base/macros.h"
#include "base/os.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/servers.h"

static int show_version(const struct console *c)
{
	struct buffer text = BUFFER_INIT;
	int rc;

	buffer_printf(&text, "record-trace %s (libonecollect %s)\n", OC_VERSION, oc_version());
	rc = console_print(c, &text);
	buffer_done(&text);
	return rc ? OC_EXIT_FAILED : OC_EXIT_OK;
}

static int run_command(const struct options *o, const struct console *c, char *const *argv)
{
	switch (o->command) {
	case COMMAND_RECORD:
		return cmd_record(o, c, argv);
	case COMMAND_CHECK:
		return cmd_check(o, c);
	case COMMAND_LIST:
		return cmd_list(o, c);
	case COMMAND_CONVERT:
		return cmd_convert(o, c);
	case COMMAND_MERGE:
		return cmd_merge(o, c);
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

static int dispatch(struct options *o, const struct console *c, char *const *argv, char *const *env)
{
	int exit_code;

	if (o->version)
		return show_version(c);
	if (o->help || o->help_all)
		return cmd_help(o, c);
	exit_code = servers_from_options(o, env, c);
	if (exit_code)
		return exit_code;
	exit_code = run_command(o, c, argv);
	oc_symbol_servers_free(o->servers);
	return exit_code;
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
		exit_code = dispatch(&options, &console, argv, env);
	else
		console_error(&console, "%s", err.message);
	options_done(&options);
	return rc == -ENOMEM ? OC_EXIT_FAILED : exit_code;
}
