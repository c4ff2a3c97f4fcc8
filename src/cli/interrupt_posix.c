/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signal handlers of a recording.
 * Called by the commands that write files.
 * Must not do anything in a handler that is not async-signal-safe.
 */
#include "cli/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

#include <onecollect/output.h>
#include <onecollect/recording.h>

#include "base/macros.h"

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };

static _Atomic(struct oc_recording *) watched;
static atomic_uint nr_signals;
static atomic_uint nr_spare; /* signals that do not cancel outputs */
static atomic_int last_signal;

static void on_stop_signal(int signal_number)
{
	struct oc_recording *rec = atomic_load(&watched);

	atomic_store(&last_signal, signal_number);
	if (atomic_fetch_add(&nr_signals, 1) >= atomic_load(&nr_spare))
		oc_output_cancel_all();
	if (rec)
		oc_recording_stop(rec);
}

/* Unlike SIG_IGN, a handler does not outlive the exec of a program that is started to be recorded. */
static void on_write_signal(int signal_number)
{
	(void)signal_number;
}

int interrupt_install(unsigned int spare)
{
	struct sigaction action = { .sa_handler = on_stop_signal };
	struct sigaction before;

	atomic_store(&nr_spare, spare);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(stop_signals); i++)
		sigaddset(&action.sa_mask, stop_signals[i]);
	for (size_t i = 0; i < ARRAY_SIZE(stop_signals); i++) {
		/* nohup(1) ignores SIGHUP for us, and means it. */
		if (stop_signals[i] == SIGHUP && !sigaction(SIGHUP, NULL, &before) &&
		    before.sa_handler == SIG_IGN)
			continue;
		if (sigaction(stop_signals[i], &action, NULL))
			return -errno;
	}
	action.sa_handler = on_write_signal;
	return sigaction(SIGPIPE, &action, NULL) || sigaction(SIGXFSZ, &action, NULL) ? -errno : 0;
}

void interrupt_watch(struct oc_recording *rec)
{
	sigset_t stop, before;
	unsigned int missed;

	sigemptyset(&stop);
	for (size_t i = 0; i < ARRAY_SIZE(stop_signals); i++)
		sigaddset(&stop, stop_signals[i]);
	/* Blocked, so that no signal is both passed on by the handler and counted as missed. */
	sigprocmask(SIG_BLOCK, &stop, &before);
	atomic_store(&watched, rec);
	missed = rec ? atomic_load(&nr_signals) : 0;
	while (missed--)
		oc_recording_stop(rec);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

unsigned int interrupt_count(void)
{
	return atomic_load(&nr_signals);
}

int interrupt_last_signal(void)
{
	return atomic_load(&last_signal);
}
