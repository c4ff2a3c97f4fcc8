/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command that is started stopped, so that recording can begin before its first instruction.
 * Used by src/recording.c.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

#include <onecollect/error.h>

/* Embedded; start with COMMAND_INIT. */
struct command {
	pid_t pid;      /* 0 = none */
	int release_fd; /* closing it lets the command go; -1 afterwards */
	int result_fd;  /* tells whether the program could be executed; -1 afterwards */
	int status;     /* as from waitpid(2); -1 while it runs */
	bool released;
};
#define COMMAND_INIT                                            \
	{                                                       \
		.release_fd = -1, .result_fd = -1, .status = -1 \
	}

/*
 * Forks a process that waits to be released before it executes argv (NULL-terminated, searched in PATH).
 * Returns 0 or a negative errno value with *err; -ENOENT when there is no such program,
 * -ENOEXEC when it is not executable.
 */
int command_start(struct command *command, char *const *argv, struct oc_error *err);
/* Lets it execute the program. Returns 0, or a negative errno value with *err when that failed. */
int command_release(struct command *command, const char *name, struct oc_error *err);
/* True when it has ended; command->status is set then. */
bool command_ended(struct command *command);
/* Asks a command that still runs to end (SIGTERM; SIGKILL when it was never released), and closes. */
void command_done(struct command *command);

#endif
