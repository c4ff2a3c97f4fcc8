/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From files that were read to files that are written.
 * Called by the commands that make files of files.
 * Must not know how a format is read or written.
 */
#include "cli/deliver.h"

#include <errno.h>

#include "base/clock.h"
#include "cli/answer.h"
#include "cli/interrupt.h"
#include "cli/outputs.h"

/* Formats that draw samples over time have nothing to draw when only counts were kept. */
static bool has_what_is_needed(const struct outputs *outs, const struct oc_machine *m,
			       const struct options *o, const struct console *c)
{
	for (size_t i = 0; oc_machine_info(m)->aggregated && i < outs->nr; i++) {
		if (!outs->items[i].format->needs_times)
			continue;
		console_error(c,
			      "'%s'%s holds counts without times, but the format %s needs times; "
			      "record with --timeline",
			      options_arg(o), o->args.nr > 1 ? " or another one" : "",
			      outs->items[i].format->name);
		return false;
	}
	return true;
}

/* Recordings list their files in the summary, which would tell of the recording here, not of what is made of it. */
static void tell_written(const struct oc_ledger *ledger, const struct console *c)
{
	for (uint32_t i = 0; i < ledger->nr_outputs; i++) {
		const struct oc_ledger_output *out = &ledger->outputs[i];

		console_note(c, "%s: %llu bytes of %s", out->path, (unsigned long long)out->bytes,
			     out->format);
	}
}

static int write_outputs(struct outputs *outs, const struct options *o, const struct console *c,
			 deliver_load load)
{
	struct oc_machine *m = NULL;
	struct oc_ledger *ledger;
	int exit_code = load(o, c, &m);
	int rc;

	if (exit_code)
		return exit_code;
	ledger = oc_machine_ledger(m);
	if (!has_what_is_needed(outs, m, o, c)) {
		exit_code = OC_EXIT_USAGE;
	} else {
		rc = interrupt_install(0);
		rc = rc ? rc : outputs_write(outs, m, c);
		if (rc == -ECANCELED)
			console_error(c, "stopped by a signal; what was not finished is gone");
		if (rc)
			exit_code = rc == -E2BIG        ? OC_EXIT_USAGE
				    : rc == -EOPNOTSUPP ? OC_EXIT_UNSUPPORTED
							: OC_EXIT_FAILED;
	}
	ledger->exit_code = exit_code;
	if (o->json && exit_code != OC_EXIT_USAGE && answer_json(ledger, c))
		exit_code = OC_EXIT_FAILED;
	tell_written(ledger, c);
	outputs_tell(outs, c);
	oc_machine_free(m);
	return exit_code;
}

static int plan_and_write(struct outputs *outs, const struct options *o, const struct console *c,
			  deliver_load load)
{
	struct oc_error err = { 0 };
	int rc = outputs_plan(outs, o, (int64_t)(clock_wall_ns() / 1000000000ULL), &err);

	if (rc)
		return answer_failure(c, rc, &err);
	rc = outputs_try(outs, &err);
	if (rc) {
		console_error(c, "%s", err.message);
		return OC_EXIT_FAILED;
	}
	return write_outputs(outs, o, c, load);
}

int deliver(const struct options *o, const struct console *c, deliver_load load)
{
	struct outputs outs = { 0 };
	int exit_code;

	if (!o->outputs.nr) {
		console_error(c, "say what to write, as in: record-trace %s FILE -o OUT.pb.gz",
			      command_row(o->command)->name);
		return OC_EXIT_USAGE;
	}
	exit_code = plan_and_write(&outs, o, c, load);
	outputs_done(&outs);
	return exit_code;
}
