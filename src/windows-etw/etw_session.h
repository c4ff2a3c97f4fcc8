/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session of ETW that records into an .etl file: started, seen through, stopped, on a table of Windows' calls.
 * Used by src/recording_win32.c and by tests. Knows how to control, not how a trace is read. Portable C only.
 *
 * Return codes are not trusted: a session counts as started when Windows knows it by its name and has buffers for it, and
 * as written when its file is there. What was changed for the whole machine (the sampling interval) is set back.
 */
#ifndef ETW_SESSION_H
#define ETW_SESSION_H

#include <stdbool.h>

#include <onecollect/error.h>

#include "base/buffer.h"
#include "windows-etw/etw_api.h"

#define ETW_SESSION_NAME "record-trace"
#define ETW_FREQUENCY_MAX \
	8190 /* Hz: 1221 ticks of 100 ns is the shortest interval that Windows takes */
#define ETW_PROVIDERS_MAX 32

struct etw_session;

/* A provider of events to record beside the kernel's, as "etw:GUID:KEYWORDS:LEVEL[:ID]" says it. */
struct etw_provider {
	struct etw_guid guid;
	uint64_t keywords; /* 0 = all */
	uint8_t level;     /* 1 critical .. 5 verbose */
	bool has_id;       /* one event of it alone */
	uint16_t id;
};

struct etw_session_opts {
	const char *path;      /* of the .etl file, absolute, UTF-8; replaced if it is there */
	uint32_t frequency_hz; /* 1 .. ETW_FREQUENCY_MAX */
	bool switches;         /* record context switches, too */
	bool no_methods;       /* leave out the methods of .NET */
	const struct etw_provider *providers; /* [nr_providers], borrowed for the session's life */
	uint32_t nr_providers;                /* at most ETW_PROVIDERS_MAX */
	struct buffer *log; /* gets a line for each call: what, and its result; NULL = none */
};

/* What is known of a session that was stopped. */
struct etw_session_stats {
	uint32_t events_lost;
	uint32_t buffers_lost;
	uint32_t buffers_written;
	bool cleared_stale; /* there was a session of our name, left behind by a recorder that was killed */
	bool rundown_cut;     /* the .NET runtimes may not have told all of their methods */
	bool ended_elsewhere; /* another program stopped the session before we did */
};

/*
 * Parses "etw:GUID:KEYWORDS:LEVEL[:ID]": GUID with or without braces, keywords in hexadecimal with or without 0x, or
 * "*" for all, level 0 to 255. Returns 0, or -EINVAL with *err.
 */
int etw_provider_parse(const char *text, struct etw_provider *ret_provider, struct oc_error *err);

/*
 * Starts a session. api: borrowed until etw_session_free().
 * Returns 0, or with *err: -EINVAL (a frequency or path that cannot be), -EPERM (not an administrator), -EOPNOTSUPP (no
 * ETW here, or a Windows before 8), -EBUSY (too many sessions), -ENOSPC, -EIO, -ENOMEM. Nothing stays behind then.
 */
int etw_session_start(struct etw_api *api, const struct etw_session_opts *opts,
		      struct etw_session **ret_session, struct oc_error *err);

/*
 * Has the .NET runtimes list their methods, and stops. To be called once. Returns 0, or -EIO with *err when Windows did
 * not write the file; the session has ended in any case.
 */
int etw_session_stop(struct etw_session *s, struct etw_session_stats *ret_stats,
		     struct oc_error *err);

/* Stops a session that still runs, without waiting for anything. Leaves the file alone. Accepts NULL. */
void etw_session_free(struct etw_session *s);

#endif
