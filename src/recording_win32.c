/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recordings on Windows.
 * Called by the command line and by programs that use the library, as recording.c is on Linux.
 * Must not know any output format.
 */
#include <onecollect/recording.h>

#include <errno.h>

#include "base/macros.h"

int oc_recording_new(const struct oc_recording_opts *opts, struct oc_recording **ret_recording,
		     struct oc_error *err)
{
	(void)opts;
	(void)ret_recording;
	return oc_error_set(err, -EOPNOTSUPP,
			    "this build for Windows reads and converts traces, but cannot record; "
			    "record with: wpr -start CPU");
}

void oc_recording_on_progress(struct oc_recording *rec, oc_progress_fn fn, void *arg)
{
	(void)rec;
	(void)fn;
	(void)arg;
}

int oc_recording_run(struct oc_recording *rec, struct oc_error *err)
{
	(void)rec;
	return oc_error_set(err, -EOPNOTSUPP, "nothing to run");
}

void oc_recording_stop(struct oc_recording *rec)
{
	(void)rec;
}

struct oc_machine *oc_recording_machine(struct oc_recording *rec)
{
	(void)rec;
	return NULL;
}

const char *oc_recording_collector(const struct oc_recording *rec, const char **ret_why)
{
	(void)rec;
	*ret_why = "";
	return "etw";
}

int oc_recording_command_status(const struct oc_recording *rec)
{
	(void)rec;
	return -1;
}

void oc_recording_free(struct oc_recording *rec)
{
	(void)rec;
}

int oc_check_run(struct oc_check **ret_checks)
{
	*ret_checks = calloc(1, sizeof(**ret_checks));
	return *ret_checks ? 0 : -ENOMEM;
}
