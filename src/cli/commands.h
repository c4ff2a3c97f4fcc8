/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands that main() dispatches to; each lives in cmd_<name>.c.
 * Each returns an enum oc_exit and has said what went wrong.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/console.h"
#include "cli/options.h"

/*
 * The whole program, main.c. argv, env: NULL-terminated, UTF-8 where the system says what its texts are.
 * Returns an enum oc_exit.
 */
int record_trace(char **argv, char *const *env);

/* argv: the whole command line, kept as a comment in the recording. */
int cmd_record(const struct options *o, const struct console *c, char *const *argv);
int cmd_check(const struct options *o, const struct console *c);
int cmd_convert(const struct options *o, const struct console *c);
int cmd_report(const struct options *o, const struct console *c);
int cmd_diff(const struct options *o, const struct console *c);
int cmd_list(const struct options *o, const struct console *c);

#endif
