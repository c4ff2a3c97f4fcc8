/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where Windows enters record-trace, with its texts in UTF-16, and how it says that a recording is to stop.
 * Called by the operating system; the second half through cli/interrupt.h.
 * Must not know what the command line means.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <windows.h>

#include <onecollect/output.h>
#include <onecollect/recording.h>

#include "base/macros.h"
#include "base/utf16.h"
#include "cli/commands.h"
#include "cli/interrupt.h"

/* Copies a list that ends with NULL. Returns it, never freed: it lives as long as the program, or NULL = no memory. */
static char **to_utf8(wchar_t *const *wide)
{
	size_t nr = 0;
	char **texts;

	while (wide[nr])
		nr++;
	texts = calloc(nr + 1, sizeof(*texts));
	for (size_t i = 0; texts && i < nr; i++) {
		struct buffer text = BUFFER_INIT;

		utf16_to_utf8(&text, (const uint8_t *)wide[i], wcslen(wide[i]) * sizeof(wchar_t));
		texts[i] = text.data ? text.data : strdup("");
		if (text.error || !texts[i])
			return NULL;
	}
	return texts;
}

int wmain(int argc, wchar_t **argv, wchar_t **env);

int wmain(int argc, wchar_t **argv, wchar_t **env)
{
	char **texts = to_utf8(argv);
	char **settings = to_utf8(env);

	(void)argc;
	if (texts && settings)
		return record_trace(texts, settings);
	fputs("record-trace: error: out of memory\n", stderr);
	return OC_EXIT_FAILED;
}

/* ---- Ctrl-C and its relatives -------------------------------------------------------------------------------- */

/* Windows ends a program that many milliseconds after its console was closed; it is used to finish. */
#define CLOSE_GRACE_MS 60000

static _Atomic(struct oc_recording *) watched;
static atomic_uint nr_signals;
static atomic_uint nr_spare; /* signals that do not cancel outputs */
static atomic_int last_signal;

/* Runs on a thread of its own. */
static BOOL WINAPI on_control(DWORD type)
{
	struct oc_recording *rec = atomic_load(&watched);

	atomic_store(&last_signal, type == CTRL_C_EVENT ? SIGINT : SIGTERM);
	if (atomic_fetch_add(&nr_signals, 1) >= atomic_load(&nr_spare))
		oc_output_cancel_all();
	if (rec)
		oc_recording_stop(rec);
	/* Windows ends the program when this returns after a close, a logoff or a shutdown. */
	if (type != CTRL_C_EVENT && type != CTRL_BREAK_EVENT)
		Sleep(CLOSE_GRACE_MS);
	return TRUE;
}

int interrupt_install(unsigned int spare)
{
	atomic_store(&nr_spare, spare);
	return SetConsoleCtrlHandler(on_control, TRUE) ? 0 : -EIO;
}

void interrupt_watch(struct oc_recording *rec)
{
	unsigned int before = atomic_load(&nr_signals);

	atomic_store(&watched, rec);
	if (!rec)
		return;
	/* One that comes in between stops the recording twice at most, which is what two of them mean. */
	while (before--)
		oc_recording_stop(rec);
}

unsigned int interrupt_count(void)
{
	return atomic_load(&nr_signals);
}

int interrupt_last_signal(void)
{
	return atomic_load(&last_signal);
}
