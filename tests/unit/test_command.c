/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/command.h: a command started stopped.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"

static void wait_for_end(struct command *command)
{
	for (int i = 0; i < 1000 && !command_ended(command); i++)
		usleep(10000);
	cr_assert(command_ended(command));
}

Test(command, waits_until_released)
{
	struct command command = COMMAND_INIT;
	char mark[] = "/tmp/onecollect-command-XXXXXX";
	char *argv[] = { "rm", mark, NULL };
	int fd = mkstemp(mark);

	close(fd);
	cr_assert_eq(command_start(&command, argv, NULL), 0);
	usleep(100000);
	cr_assert(!command_ended(&command));
	cr_assert_eq(access(mark, F_OK), 0, "it has not run before its release");
	cr_assert_eq(command_release(&command, "rm", NULL), 0);
	wait_for_end(&command);
	cr_assert(WIFEXITED(command.status));
	cr_assert_eq(WEXITSTATUS(command.status), 0);
	cr_assert_eq(access(mark, F_OK), -1);
	command_done(&command);
}

Test(command, tells_its_status)
{
	struct command command = COMMAND_INIT;
	char *argv[] = { "sh", "-c", "exit 7", NULL };

	cr_assert_eq(command_start(&command, argv, NULL), 0);
	cr_assert_eq(command_release(&command, "sh", NULL), 0);
	wait_for_end(&command);
	cr_assert_eq(WEXITSTATUS(command.status), 7);
	command_done(&command);
}

Test(command, refuses_what_cannot_run)
{
	struct command command = COMMAND_INIT;
	struct oc_error err = { 0 };
	char *missing[] = { "no-such-program-here", NULL };
	char *directory[] = { "/tmp", NULL };
	char *plain[] = { "/etc/passwd", NULL };
	char *nothing[] = { NULL };

	cr_assert_eq(command_start(&command, missing, &err), -ENOENT);
	cr_assert(strstr(err.message, "no-such-program-here"));
	cr_assert_eq(command_start(&command, plain, &err), -ENOEXEC);
	cr_assert_eq(command_start(&command, nothing, &err), -ENOENT);
	cr_assert_eq(command.pid, 0);
	/* A directory is executable to access(2); it is found out at the release. */
	if (!command_start(&command, directory, &err))
		cr_assert_eq(command_release(&command, "/tmp", &err), -ENOEXEC);
	command_done(&command);
}

Test(command, an_unreleased_one_is_killed)
{
	struct command command = COMMAND_INIT;
	char *argv[] = { "sleep", "1000", NULL };

	cr_assert_eq(command_start(&command, argv, NULL), 0);
	command_done(&command);
	cr_assert(WIFSIGNALED(command.status));
	cr_assert_eq(kill(command.pid, 0), -1, "no process is left behind");
}
