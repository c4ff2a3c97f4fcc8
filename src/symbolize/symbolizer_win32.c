/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The symbolize pass on Windows: names come with the trace (methods of .NET) and from PE and PDB files; no ELF
 * file is there to be read.
 * Called as symbolizer.c and naming.c are on Linux, of which a Windows build has this in place.
 * Must not know the operating system's events or any output format.
 */
#include <onecollect/symbolize.h>

#include <errno.h>

#include "base/macros.h"
#include "symbolize/windows_symbols.h"

struct oc_symbolizer {
	struct windows_symbols windows;
};

struct oc_symbolizer *oc_symbolizer_new(const struct oc_symbolizer_opts *opts)
{
	struct oc_symbolizer_opts o = { 0 };
	struct oc_symbolizer *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (opts)
		memcpy(&o, opts, MIN(opts->size, sizeof(o)));
	if (windows_symbols_init(&s->windows, &o)) {
		oc_symbolizer_free(s);
		return NULL;
	}
	return s;
}

void oc_symbolizer_free(struct oc_symbolizer *s)
{
	if (!s)
		return;
	windows_symbols_done(&s->windows);
	free(s);
}

void oc_symbolizer_ask_kernel(struct oc_symbolizer *s, oc_kernel_symbol_fn fn, void *arg)
{
	(void)s;
	(void)fn;
	(void)arg;
}

int oc_symbolizer_keep(struct oc_symbolizer *s, struct oc_machine *m, oc_module_id module,
		       uint32_t pid)
{
	(void)s;
	(void)m;
	(void)module;
	(void)pid;
	return 0;
}

int oc_symbolizer_open_frames(struct oc_symbolizer *s, struct oc_machine *m, oc_module_id module,
			      uint32_t pid)
{
	(void)s;
	(void)m;
	(void)module;
	(void)pid;
	return -ENOENT;
}

int oc_symbolizer_process_exit(struct oc_symbolizer *s, struct oc_machine *m, oc_process_id process)
{
	(void)s;
	(void)m;
	(void)process;
	return 0;
}

int oc_symbolizer_open(struct oc_symbolizer *s, struct oc_machine *m, oc_module_id module,
		       uint32_t pid)
{
	(void)s;
	(void)m;
	(void)module;
	(void)pid;
	return -ENOENT;
}

/* Images are on this machine, as they were loaded. */
int oc_symbolizer_run(struct oc_symbolizer *s, struct oc_machine *m)
{
	s->windows.is_local = true;
	return windows_symbols_name(&s->windows, m);
}

int oc_symbolizer_run_late(struct oc_symbolizer *s, struct oc_machine *m)
{
	s->windows.is_local = false;
	return windows_symbols_name(&s->windows, m);
}
