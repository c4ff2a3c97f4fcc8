/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command that is started stopped.
 * Called by src/recording.c.
 * Must not know what is recorded of it.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macros.h"

/* Says at once what execvp() would say later; -ENOEXEC for what is there but not to be executed. */
static int find_program(const char *name)
{
	const char *path = getenv("PATH");
	char candidate[4096];
	int rc = -ENOENT;

	if (strchr(name, '/')) {
		if (!access(name, X_OK))
			return 0;
		return errno == EACCES ? -ENOEXEC : -errno;
	}
	for (path = path ? path : "/usr/local/bin:/usr/bin:/bin"; path; path = strchr(path, ':')) {
		struct stat st;
		int len;

		path += *path == ':';
		len = (int)strcspn(path, ":");
		if ((size_t)snprintf(candidate, sizeof(candidate), "%.*s%s%s", len, path,
				     len ? "/" : "", name) >= sizeof(candidate))
			continue;
		if (stat(candidate, &st) || !S_ISREG(st.st_mode))
			continue;
		if (!access(candidate, X_OK))
			return 0;
		rc = -ENOEXEC;
	}
	return rc;
}

static _Noreturn void run_child(int release_fd, int result_fd, char *const *argv)
{
	ssize_t n;
	char byte;
	int code;

	do {
		n = read(release_fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	/* One byte means go; end of file means that the recorder has gone. */
	if (n != 1)
		_exit(127);
	execvp(argv[0], argv);
	code = errno;
	n = write(result_fd, &code, sizeof(code));
	(void)n;
	_exit(127);
}

int command_start(struct command *command, char *const *argv, struct oc_error *err)
{
	int release[2], result[2];
	int rc = argv[0] ? find_program(argv[0]) : -ENOENT;

	if (rc == -ENOEXEC)
		return oc_error_set(err, rc, "cannot run '%s': it is not executable", argv[0]);
	if (rc)
		return oc_error_set(err, rc, "cannot run '%s': %s", argv[0] ? argv[0] : "",
				    strerror(-rc));
	if (pipe2(release, O_CLOEXEC))
		return oc_error_set(err, -errno, "cannot start '%s': %s", argv[0], strerror(errno));
	if (pipe2(result, O_CLOEXEC)) {
		rc = -errno;
		close(release[0]);
		close(release[1]);
		return oc_error_set(err, rc, "cannot start '%s': %s", argv[0], strerror(-rc));
	}
	command->pid = fork();
	if (!command->pid) {
		close(release[1]);
		close(result[0]);
		run_child(release[0], result[1], argv);
	}
	rc = command->pid < 0 ? -errno : 0;
	close(release[0]);
	close(result[1]);
	command->release_fd = release[1];
	command->result_fd = result[0];
	if (rc) {
		command->pid = 0;
		command_done(command);
		return oc_error_set(err, rc, "cannot start '%s': %s", argv[0], strerror(-rc));
	}
	return 0;
}

int command_release(struct command *command, const char *name, struct oc_error *err)
{
	int code = 0;
	ssize_t n;

	do {
		n = write(command->release_fd, "g", 1);
	} while (n < 0 && errno == EINTR);
	close(command->release_fd);
	command->release_fd = -1;
	command->released = true;
	do {
		n = read(command->result_fd, &code, sizeof(code));
	} while (n < 0 && errno == EINTR);
	close(command->result_fd);
	command->result_fd = -1;
	if (n == sizeof(code))
		return oc_error_set(err, code == EACCES ? -ENOEXEC : -code, "cannot run '%s': %s",
				    name, strerror(code));
	return 0;
}

bool command_ended(struct command *command)
{
	int status;

	if (!command->pid || command->status != -1)
		return command->pid != 0;
	if (waitpid(command->pid, &status, WNOHANG) != command->pid)
		return false;
	command->status = status;
	return true;
}

void command_done(struct command *command)
{
	/* Before its pipe closes, or it would see that and end by itself. */
	if (command->pid && !command->released && command->status == -1)
		kill(command->pid, SIGKILL);
	if (command->release_fd >= 0)
		close(command->release_fd);
	if (command->result_fd >= 0)
		close(command->result_fd);
	command->release_fd = command->result_fd = -1;
	if (!command->pid || command_ended(command))
		return;
	if (command->released)
		kill(command->pid, SIGTERM);
	else
		waitpid(command->pid, &command->status, 0);
}
