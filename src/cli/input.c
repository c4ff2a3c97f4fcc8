/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the recording that a command was given.
 * Called by the commands on files.
 * Must not know any format.
 */
#include "cli/input.h"

#include <errno.h>

#include <onecollect/reader.h>
#include <onecollect/symbolize.h>

#include "base/macros.h"
#include "cli/answer.h"
#include "cli/filters.h"

/* Memory for samples when none is said: enough for five million, so that a temporary file is the exception. */
#define MEMORY_BUDGET_DEFAULT (256ULL << 20)

static void tell_if_partial(const struct oc_machine *m, const char *path, const struct console *c)
{
	if (oc_machine_ledger_const(m)->notes[OC_NOTE_PARTIAL_INPUT])
		console_warn(c,
			     "'%s' ends early, as if its writer was killed: what follows is all "
			     "that it holds",
			     path);
}

/* damage: the first place and what is wrong there; code 0 = nothing. */
static void tell_if_damaged(const struct oc_machine *m, const struct oc_error *damage,
			    const struct console *c)
{
	uint64_t places = oc_machine_ledger_const(m)->notes[OC_NOTE_TRACE_DAMAGES];

	if (damage->code && places > 1)
		console_warn(c, "%s (the first of %llu damaged places); what could be read is kept",
			     damage->message, (unsigned long long)places);
	else if (damage->code)
		console_warn(c, "%s; what could be read is kept", damage->message);
}

/* Code that was not named when it was recorded may have its file here. */
static int name_late(struct oc_machine *m, const struct options *o, const struct console *c)
{
	struct console console = *c;
	const struct oc_symbolizer_opts opts = {
		.size = sizeof(opts),
		.symbol_paths = o->symbol_paths.items,
		.nr_symbol_paths = (uint32_t)o->symbol_paths.nr,
		.servers = o->servers,
		.tell = console_tell,
		.tell_arg = &console,
	};
	struct oc_symbolizer *s = o->no_symbols ? NULL : oc_symbolizer_new(&opts);
	int rc;

	if (!s)
		return o->no_symbols ? 0 : -ENOMEM;
	rc = oc_symbolizer_run_late(s, m);
	oc_symbolizer_free(s);
	return rc;
}

/* What can be told without reading: that nothing is to be read, or that the filters make no sense. */
static int check_options(const char *path, const struct options *o, const struct console *c)
{
	struct oc_error err = { 0 };
	struct oc_filter filter;
	int rc;

	if (!path) {
		console_error(c, "say which file to read, as in: record-trace %s FILE.octrace",
			      command_row(o->command)->name);
		return OC_EXIT_USAGE;
	}
	rc = filters_from_options(o, &filter, &err);
	return rc < 0 ? answer_failure(c, rc, &err) : OC_EXIT_OK;
}

uint64_t input_memory_budget(const struct options *o)
{
	return o->memory_budget_bytes ? o->memory_budget_bytes : MEMORY_BUDGET_DEFAULT;
}

int input_load(const char *path, const struct options *o, const struct console *c,
	       struct oc_machine **ret_machine)
{
	const struct oc_machine_opts opts = {
		.size = sizeof(opts),
		.memory_budget_bytes = input_memory_budget(o),
	};
	const struct oc_reader *reader;
	struct oc_error err = { 0 };
	struct oc_machine *m;
	bool is_read;
	int rc = check_options(path, o, c);

	if (rc)
		return rc;
	m = oc_machine_new(&opts);
	if (!m)
		return answer_failure(c, -ENOMEM, &err);
	rc = oc_read_file(path, m, &reader, &err);
	is_read = !rc;
	rc = rc ? rc : name_late(m, o, c);
	rc = rc ? rc : oc_machine_finish(m);
	if (rc) {
		oc_machine_free(m);
		console_error(c, "%s", is_read ? strerror(-rc) : err.message);
		return OC_EXIT_FAILED;
	}
	console_detail(c, "read '%s' as %s", path, reader->name);
	tell_if_partial(m, path, c);
	tell_if_damaged(m, &err, c);
	*ret_machine = m;
	return OC_EXIT_OK;
}

int input_read(const char *path, const struct options *o, const struct console *c,
	       struct oc_machine **ret_machine)
{
	struct oc_machine *m;
	int exit_code = input_load(path, o, c, &m);

	if (exit_code)
		return exit_code;
	exit_code = filters_apply(m, o, c);
	if (exit_code)
		oc_machine_free(m);
	else
		*ret_machine = m;
	return exit_code;
}
