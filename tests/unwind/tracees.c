/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads under ptrace(2). See tracees.h. */
#include "tracees.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/macros.h"
#include "linux/procfs.h"

#define STOP_LIMIT_NS 5000000000ull /* a thread that does not stop by then hangs in the kernel */

static struct tracee *find(struct tracees *tracees, pid_t tid)
{
	for (size_t i = 0; i < tracees->nr; i++) {
		if (tracees->items[i].tid == tid)
			return &tracees->items[i];
	}
	return NULL;
}

static int add(struct tracees *tracees, pid_t tid, pid_t pid, bool stopped)
{
	int err = array_reserve(&tracees->items, &tracees->cap, tracees->nr + 1,
				sizeof(*tracees->items));

	if (err)
		return err;
	tracees->items[tracees->nr++] =
		(struct tracee){ .tid = tid, .pid = pid, .stopped = stopped };
	return 0;
}

static void drop(struct tracees *tracees, struct tracee *tracee)
{
	*tracee = tracees->items[--tracees->nr];
}

/* The process of a thread, 0 when it has gone. */
static pid_t process_of(pid_t tid)
{
	char path[64];
	char line[128];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = fopen(path, "re");
	while (f && !pid && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Tgid: %d", &pid) != 1)
			pid = 0;
	}
	if (f)
		fclose(f);
	return pid;
}

struct seize_walk {
	struct tracees *tracees;
	pid_t pid;
	bool found_new;
};

static int seize_one(void *arg, uint32_t tid)
{
	struct seize_walk *walk = arg;

	if (find(walk->tracees, (pid_t)tid))
		return 0;
	if (ptrace(PTRACE_SEIZE, (pid_t)tid, NULL, (void *)PTRACE_O_TRACECLONE))
		return errno == ESRCH ? 0 : -errno;
	walk->found_new = true;
	return add(walk->tracees, (pid_t)tid, walk->pid, false);
}

int tracees_seize(struct tracees *tracees, pid_t pid)
{
	struct seize_walk walk = { .tracees = tracees, .pid = pid };
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	/* A thread that is not held yet may start others. */
	do {
		walk.found_new = false;
		err = proc_for_each(AT_FDCWD, path, seize_one, &walk);
	} while (!err && walk.found_new);
	return err == -ENOENT ? -ESRCH : err;
}

/*
 * Takes in a change of state. hold: a thread that was asked to stop stays stopped; else it goes on.
 * Signals are passed on in any case: the stop that was asked for follows behind them.
 */
static int take_in(struct tracees *tracees, pid_t tid, int status, bool hold)
{
	struct tracee *tracee = find(tracees, tid);
	int sig = 0;
	int err;

	if (!WIFSTOPPED(status)) {
		if (tracee)
			drop(tracees, tracee);
		return 0;
	}
	if (!tracee) { /* a new thread reports before or after the one that made it */
		err = add(tracees, tid, process_of(tid), false);
		if (err)
			return err;
		tracee = find(tracees, tid);
	}
	if (status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) == SIGTRAP && hold) {
		tracee->stopped = true;
		return 0;
	}
	if (status >> 16 == 0)
		sig = WSTOPSIG(status);
	if (ptrace(PTRACE_CONT, tid, NULL, (void *)(uintptr_t)sig) && errno != ESRCH)
		return -errno;
	return 0;
}

/* Takes in all changes of state that there are. */
static int reap(struct tracees *tracees, bool hold)
{
	for (;;) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);
		int err;

		if (tid <= 0)
			return 0;
		err = take_in(tracees, tid, status, hold);
		if (err)
			return err;
	}
}

/* Sleeps until a tracee changes its state, at most that long. SIGCHLD is blocked by tracees_run()'s first call. */
static void wait_for_change(uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000),
			       .tv_nsec = (long)(ns % 1000000000) };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigtimedwait(&set, NULL, &ts);
}

int tracees_run(struct tracees *tracees, uint64_t ns)
{
	uint64_t end_ns = clock_monotonic_ns() + ns;

	for (;;) {
		int err = reap(tracees, false);
		uint64_t now_ns = clock_monotonic_ns();

		if (err || now_ns >= end_ns)
			return err;
		wait_for_change(end_ns - now_ns);
	}
}

/* Threads of a process that run, or, with `all`, that are there. */
static size_t count(const struct tracees *tracees, pid_t pid, bool all)
{
	size_t nr = 0;

	for (size_t i = 0; i < tracees->nr; i++)
		nr += tracees->items[i].pid == pid && (all || !tracees->items[i].stopped);
	return nr;
}

int tracees_stop(struct tracees *tracees, pid_t pid)
{
	uint64_t end_ns = clock_monotonic_ns() + STOP_LIMIT_NS;

	for (size_t i = 0; i < tracees->nr; i++) {
		if (tracees->items[i].pid == pid && !tracees->items[i].stopped)
			ptrace(PTRACE_INTERRUPT, tracees->items[i].tid, NULL, NULL);
	}
	while (count(tracees, pid, false)) {
		int err = reap(tracees, true);

		if (err)
			return err;
		if (clock_monotonic_ns() > end_ns)
			return -ETIMEDOUT;
		if (count(tracees, pid, false))
			wait_for_change(1000000);
	}
	return count(tracees, pid, true) ? 0 : -ESRCH;
}

void tracees_resume(struct tracees *tracees)
{
	for (size_t i = 0; i < tracees->nr; i++) {
		if (tracees->items[i].stopped)
			ptrace(PTRACE_CONT, tracees->items[i].tid, NULL, NULL);
		tracees->items[i].stopped = false;
	}
}

void tracees_done(struct tracees *tracees)
{
	/* A thread can be let go only while it is stopped. */
	while (tracees->nr) {
		pid_t pid = tracees->items[0].pid;

		tracees_stop(tracees, pid);
		for (size_t i = tracees->nr; i-- > 0;) {
			if (tracees->items[i].pid != pid)
				continue;
			ptrace(PTRACE_DETACH, tracees->items[i].tid, NULL, NULL);
			drop(tracees, &tracees->items[i]);
		}
	}
	free(tracees->items);
	*tracees = (struct tracees){ 0 };
}
