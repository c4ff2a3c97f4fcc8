/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `record-trace record`: plan the outputs, run a recording, write, report, and turn it all into an exit code.
 * Called by main().
 * Must not know how samples are taken, named or written.
 */
#include "cli/commands.h"

#include <errno.h>

#include <onecollect/recording.h>

#include "base/clock.h"
#include "base/human.h"
#include "base/macros.h"
#include "cli/answer.h"
#include "cli/interrupt.h"
#include "cli/outputs.h"
#include "cli/progress.h"

/* Beyond this share of lost samples the exit code says so; part of the command's contract. */
#define LOSS_SHARE_MAX 0.01
/* So often outputs are written that can be while recording; what a kill loses at most. */
#define STREAM_NS 1000000000ULL

static void append_command_line(struct buffer *out, char *const *argv)
{
	for (size_t i = 0; argv[i]; i++) {
		if (i)
			buffer_putc(out, ' ');
		text_shell_word(out, argv[i]);
	}
}

static void fill_recording_opts(struct oc_recording_opts *r, const struct options *o,
				const struct outputs *outs, const char *command_line,
				struct console *console)
{
	*r = (struct oc_recording_opts){
		.size = sizeof(*r),
		.frequency_hz = (uint32_t)o->frequency_hz,
		.duration_ns = o->duration_ns,
		.timeline = o->mode == MODE_TIMELINE || (o->mode == MODE_AUTO && outs->needs_times),
		.pids = o->pids.items,
		.nr_pids = (uint32_t)o->pids.nr,
		.process_globs = o->process_filters.items,
		.nr_process_globs = (uint32_t)o->process_filters.nr,
		.cgroup = o->cgroup,
		.cpus = o->cpus.items,
		.nr_cpus = (uint32_t)o->cpus.nr,
		.command = o->command_argv,
		.whole_machine = o->whole_machine,
		.ring_bytes = o->ring_bytes,
		.map_entries = (uint32_t)o->map_entries,
		.memory_budget_bytes = o->memory_budget_bytes,
		.no_symbols = o->no_symbols,
		.bpf_stats = o->bpf_stats,
		.collector = (enum oc_collector_choice)o->collector,
		.command_line = command_line,
		.unwind = (enum oc_unwind)o->unwind,
		.unwind_budget_bytes = o->unwind_budget_bytes,
		.unwind_cache = o->unwind_cache,
		.off_cpu = o->off_cpu,
		.events = o->events.items,
		.nr_events = (uint32_t)o->events.nr,
		.etl_file = o->keep_etl,
		.counts_only = o->mode == MODE_AGGREGATE,
		.symbol_servers = o->servers,
		.symbol_paths = o->symbol_paths.items,
		.nr_symbol_paths = (uint32_t)o->symbol_paths.nr,
		.tell = console_tell,
		.tell_arg = console,
	};
}

/* What is recorded, and when it is less than the best, why. */
static void announce(const struct oc_recording *rec, const struct options *o,
		     const struct console *c)
{
	const char *why = "";
	const char *collector = oc_recording_collector(rec, &why);

	console_detail(c, "recording with the collector %s at %llu Hz", collector,
		       (unsigned long long)o->frequency_hz);
	if (why && *why)
		console_warn(c, "using %s, which walks stacks by frame pointers alone: %s",
			     collector, why);
}

/* A recording without samples is a valid answer, but hardly the one expected. */
static void tell_if_empty(const struct oc_ledger *ledger, const struct options *o,
			  const struct console *c)
{
	struct buffer duration = BUFFER_INIT;
	uint64_t taken = 0, kept = 0;
	const char *whom = "the CPUs were idle";

	for (uint32_t i = 0; i < ledger->nr_kinds; i++) {
		taken += ledger->kinds[i].taken;
		kept += ledger->kinds[i].kept;
	}
	if (kept)
		return;
	if (taken) {
		console_warn(c, "no samples were kept: all %llu were lost, see the summary",
			     (unsigned long long)taken);
		return;
	}
	if (ledger->duration_ns < 1000000000ULL / o->frequency_hz)
		whom = "the recording was shorter than the time between two samples";
	else if (o->process_filters.nr)
		whom = "no process that --process-filter matches used the CPU";
	else if (o->pids.nr)
		whom = "the processes given with -p used no CPU time";
	else if (o->command_argv)
		whom = "the program used too little CPU time to be sampled; a higher -F may catch "
		       "it";
	else if (o->cgroup)
		whom = "no process in the cgroup used the CPU";
	human_duration(&duration, ledger->duration_ns);
	if (!duration.error)
		console_warn(c, "no samples: %s (%s were recorded)", whom, duration.data);
	buffer_done(&duration);
}

/* The reason that lost most, whose text says what to change. */
static void tell_losses(const struct oc_ledger *ledger, const struct console *c)
{
	uint64_t most = 0;
	int reason = -1;

	for (uint32_t i = 0; i < ledger->nr_kinds; i++) {
		for (int r = 0; r < OC_LOSS_COUNT; r++) {
			if (ledger->kinds[i].lost[r] > most) {
				most = ledger->kinds[i].lost[r];
				reason = r;
			}
		}
	}
	if (reason >= 0)
		console_warn(c, "%.1f %% of the samples were lost; most because %s",
			     100 * oc_ledger_loss_share(ledger),
			     oc_loss_text((enum oc_loss)reason));
}

/* Everything that happens once the data is there. */
static int deliver(struct oc_recording *rec, struct outputs *outs, const struct options *o,
		   const struct console *c)
{
	const struct report_limits limits = { .min_percent = -1 };
	struct oc_machine *m = oc_recording_machine(rec);
	struct oc_ledger *ledger = oc_machine_ledger(m);
	int rc;

	/* Outputs carry it, so it is set before they are written. */
	ledger->exit_code =
		oc_ledger_loss_share(ledger) > LOSS_SHARE_MAX ? OC_EXIT_LOSSY : OC_EXIT_OK;
	rc = outputs_write(outs, m, c);
	if (rc)
		ledger->exit_code = OC_EXIT_FAILED;
	if (rc == -ECANCELED)
		console_error(
			c,
			"stopped by a second signal while writing; what was not finished is gone");
	answer_summary(ledger, c);
	tell_if_empty(ledger, o, c);
	if (ledger->exit_code == OC_EXIT_LOSSY)
		tell_losses(ledger, c);
	if (o->json && answer_json(ledger, c))
		return OC_EXIT_FAILED;
	if (outs->by_default && !o->json && c->verbosity != VERBOSITY_QUIET &&
	    answer_report(m, c, &limits))
		return OC_EXIT_FAILED;
	outputs_tell(outs, c);
	return ledger->exit_code;
}

/* What goes on while a recording runs. */
struct watch {
	struct progress progress;
	struct oc_recording *rec;
	struct outputs *outs;
	uint64_t written_ns; /* of the recording, when the outputs were written last */
};

static int on_progress(void *arg, const struct oc_recording_progress *now)
{
	struct watch *w = arg;

	if (now->elapsed_ns - w->written_ns >= STREAM_NS) {
		w->written_ns = now->elapsed_ns;
		outputs_stream(w->outs, oc_recording_machine(w->rec), w->progress.console);
	}
	return progress_draw(&w->progress, now);
}

static int run(struct oc_recording *rec, struct outputs *outs, const struct options *o,
	       const struct console *c)
{
	struct watch watch = {
		.progress = { .console = c, .duration_ns = o->duration_ns },
		.rec = rec,
		.outs = outs,
	};
	struct oc_error err = { 0 };
	int rc;

	announce(rec, o, c);
	outputs_stream_begin(outs, c);
	oc_recording_on_progress(rec, on_progress, &watch);
	interrupt_watch(rec);
	rc = oc_recording_run(rec, &err);
	progress_end(&watch.progress);
	if (rc == -EINTR) {
		console_error(c, "stopped by a second signal; nothing was written");
		return OC_EXIT_FAILED;
	}
	if (rc)
		return answer_failure(c, rc, &err);
	if (interrupt_count())
		console_detail(c, "stopped by signal %d", interrupt_last_signal());
	return deliver(rec, outs, o, c);
}

static int record(struct outputs *outs, const struct options *o, const struct console *c,
		  char *const *argv)
{
	struct buffer command_line = BUFFER_INIT;
	struct console console = *c;
	struct oc_recording *rec = NULL;
	struct oc_recording_opts opts;
	struct oc_error err = { 0 };
	int rc = interrupt_install(1);
	int exit_code;

	if (rc)
		return answer_failure(c, rc, &err);
	rc = outputs_try(outs, &err);
	if (rc) {
		console_error(c, "%s", err.message);
		return OC_EXIT_FAILED;
	}
	append_command_line(&command_line, argv);
	if (command_line.error)
		return answer_failure(c, command_line.error, &err);
	fill_recording_opts(&opts, o, outs, command_line.data, &console);
	rc = oc_recording_new(&opts, &rec, &err);
	if (!rc && o->keep_etl)
		rc = outputs_try_beside(outs, o->keep_etl, &err);
	buffer_done(&command_line);
	exit_code = rc ? answer_failure(c, rc, &err) : run(rec, outs, o, c);
	interrupt_watch(NULL);
	oc_recording_free(rec);
	return exit_code;
}

int cmd_record(const struct options *o, const struct console *c, char *const *argv)
{
	struct outputs outs;
	struct oc_error err = { 0 };
	int rc = outputs_plan(&outs, o, (int64_t)(clock_wall_ns() / 1000000000ULL), &err);
	int exit_code = rc ? answer_failure(c, rc, &err) : record(&outs, o, c, argv);

	outputs_done(&outs);
	return exit_code;
}
