/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drawing the progress line.
 * Called about ten times a second while a recording runs.
 * Must not write to standard output, nor anything when stderr is no terminal.
 */
#include "cli/progress.h"

#include "base/human.h"
#include "base/macros.h"

void progress_line(struct buffer *out, const struct oc_recording_progress *now,
		   uint64_t duration_ns, unsigned int width)
{
	struct buffer line = BUFFER_INIT;

	buffer_printf(&line, "recording %.1f s", (double)now->elapsed_ns / 1e9);
	if (duration_ns) {
		uint64_t left_ns =
			duration_ns > now->elapsed_ns ? duration_ns - now->elapsed_ns : 0;

		buffer_printf(&line, ", %.1f s left", (double)left_ns / 1e9);
	} else {
		buffer_puts(&line, ", Ctrl-C stops");
	}
	buffer_puts(&line, " | ");
	human_count(&line, now->samples);
	buffer_puts(&line, " samples, ");
	human_count(&line, now->stacks);
	buffer_puts(&line, " stacks, ");
	human_count(&line, now->lost);
	buffer_puts(&line, " lost");
	if (line.error)
		out->error = line.error;
	else
		text_fit(out, line.data, width, false);
	buffer_done(&line);
}

int progress_draw(void *arg, const struct oc_recording_progress *now)
{
	struct progress *p = arg;
	const struct stream *s = &p->console->err;
	struct buffer line = BUFFER_INIT;

	if (!s->terminal || p->console->verbosity == VERBOSITY_QUIET)
		return 0;
	buffer_puts(&line, "\r");
	/* A full line would make the terminal wrap. */
	progress_line(&line, now, p->duration_ns, s->width > 1 ? s->width - 1 : 0);
	buffer_puts(&line, "\033[K");
	if (!line.error) {
		fwrite(line.data, 1, line.len, stderr);
		fflush(stderr);
		p->drawn = true;
	}
	buffer_done(&line);
	return 0;
}

void progress_end(struct progress *p)
{
	if (!p->drawn)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	p->drawn = false;
}
