/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Help texts and shell completion, made from the tables of options and commands.
 * Called by main() for --help, help and completion; tests compare them with the manual page.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdbool.h>

#include "base/buffer.h"
#include "cli/console.h"
#include "cli/options.h"

/* Appends the help of a command; all = every option, not only the common ones. A failure sticks in out->error. */
void help_text(struct buffer *out, const struct stream *stream, enum command command, bool all);
/* Appends a completion script. Returns 0, or -EINVAL for a shell other than bash, zsh and fish. */
int completion_script(struct buffer *out, const char *shell);

/* `help [COMMAND]` and --help; `completion SHELL`. Return an enum oc_exit. */
int cmd_help(const struct options *o, const struct console *c);
int cmd_completion(const struct options *o, const struct console *c);

#endif
