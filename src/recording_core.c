/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of a recording that are the same on each operating system.
 * Called by src/recording.c and src/recording_win32.c.
 * Must not know where samples come from.
 */
#include "recording_core.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <onecollect/version.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/os.h"

void recording_core_init(struct recording_core *core)
{
	core->called_ns = clock_monotonic_ns();
	clock_self_cpu(&core->user_s, &core->system_s);
}

int recording_core_open(struct recording_core *core, uint64_t memory_budget_bytes,
			const struct oc_symbolizer_opts *opts, struct oc_error *err)
{
	struct oc_machine_opts machine_opts = {
		.size = sizeof(machine_opts),
		.memory_budget_bytes = memory_budget_bytes,
	};

	core->machine = oc_machine_new(&machine_opts);
	/* Without names too: it learns the build-ids by which they can be found later. */
	core->symbolizer = oc_symbolizer_new(opts);
	return core->machine && core->symbolizer ? 0 : oc_error_set(err, -ENOMEM, "out of memory");
}

void recording_core_done(struct recording_core *core)
{
	oc_symbolizer_free(core->symbolizer);
	oc_machine_free(core->machine);
}

/* ---- while it runs ------------------------------------------------------------------------------------------ */

bool recording_core_is_over(const struct recording_core *core)
{
	return atomic_load(&core->stop_requests) ||
	       (core->duration_ns && clock_monotonic_ns() - core->start_ns >= core->duration_ns);
}

uint32_t recording_core_wait_ms(const struct recording_core *core)
{
	uint64_t elapsed_ns = clock_monotonic_ns() - core->start_ns;

	if (!core->duration_ns)
		return RECORDING_POLL_MS;
	if (elapsed_ns >= core->duration_ns)
		return 0;
	return (uint32_t)MIN((core->duration_ns - elapsed_ns) / 1000000 + 1,
			     (uint64_t)RECORDING_POLL_MS);
}

bool recording_core_tell(const struct recording_core *core, struct oc_recording_progress progress)
{
	progress.elapsed_ns = clock_monotonic_ns() - core->start_ns;
	return core->on_progress && core->on_progress(core->progress_arg, &progress);
}

bool recording_core_is_given_up(const struct recording_core *core)
{
	return atomic_load(&core->stop_requests) > 1;
}

/* ---- what it says of itself --------------------------------------------------------------------------------- */

oc_string_id recording_core_intern(struct recording_core *core, const char *text)
{
	int64_t id = text ? oc_machine_intern(core->machine, text, strlen(text)) : 0;

	return id > 0 ? (oc_string_id)id : 0;
}

void recording_core_sign(struct recording_core *core, struct oc_recording_info *info,
			 const char *collector, const char *command_line)
{
	char tool[64];

	snprintf(tool, sizeof(tool), "record-trace %s (%s)", oc_version(), collector);
	info->command = recording_core_intern(core, command_line);
	info->tool = recording_core_intern(core, tool);
}

void recording_core_fill_cost(struct recording_core *core, uint64_t began_ns)
{
	struct oc_ledger_self *cost = &oc_machine_ledger(core->machine)->self;

	clock_self_cpu(&cost->user_s, &cost->system_s);
	cost->user_s -= core->user_s;
	cost->system_s -= core->system_s;
	cost->peak_rss_bytes = os_peak_memory();
	cost->start_ms = (double)(began_ns - core->called_ns) / 1e6;
	cost->stop_ms = (double)(clock_monotonic_ns() - core->stop_ns) / 1e6;
}

/* ---- the end ------------------------------------------------------------------------------------------------ */

static int explain(int rc, struct oc_error *err)
{
	return rc ? oc_error_set(err, rc, "cannot finish the recording: %s", strerror(-rc)) : 0;
}

int recording_core_run_hooks(struct recording_core *core, struct oc_error *err)
{
	int rc = oc_machine_run_parsed_hooks(core->machine);

	return rc ? oc_error_set(err, rc < 0 ? rc : -ECANCELED, "a hook stopped the recording") : 0;
}

int recording_core_name(struct recording_core *core, struct oc_error *err)
{
	if (core->no_symbols || recording_core_is_given_up(core))
		return 0;
	return explain(oc_symbolizer_run(core->symbolizer, core->machine), err);
}

int recording_core_finish(struct recording_core *core, struct oc_error *err)
{
	return explain(oc_machine_finish(core->machine), err);
}

int recording_core_end(const struct recording_core *core, struct oc_error *err)
{
	if (!recording_core_is_given_up(core))
		return 0;
	return oc_error_set(err, -EINTR, "interrupted again; the recording was given up");
}
