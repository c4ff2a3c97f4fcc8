/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The progress line of a recording: one line on a terminal, rewritten in place; nothing anywhere else.
 * Called by cmd_record.c.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <onecollect/recording.h>

#include "cli/console.h"

struct progress {
	const struct console *console;
	uint64_t duration_ns; /* 0 = open end */
	bool drawn;
};

/* Appends the line as shown, without control characters, cut to width columns (0 = no limit). */
void progress_line(struct buffer *out, const struct oc_recording_progress *now,
		   uint64_t duration_ns, unsigned int width);
/* Draws the line when stderr is a terminal and not quiet; an oc_progress_fn, arg is a struct progress. */
int progress_draw(void *arg, const struct oc_recording_progress *now);
/* Removes the line. */
void progress_end(struct progress *p);

#endif
