/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording from start to finish: collector -> sink -> machine -> symbols -> ledger.
 * Called by the command line and by programs that use the library.
 * Must not know any collector's inside, nor any output format.
 */
#include <onecollect/recording.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "collector.h"
#include "command.h"
#include "machine_sink.h"
#include "recording_core.h"
#include "recording_opts.h"

/* More urgent than what runs on servers, less than what a machine needs to live. */
#define NICE_WHILE_RECORDING (-10)

struct oc_recording {
	struct recording_core core;
	struct recording_opts opts;
	struct sink *sink;
	struct collector *collector;
	struct command command;
	char why[OC_ERROR_MESSAGE_MAX]; /* why not the best collector */
	atomic_bool is_finishing;
	uint64_t told_ns; /* when progress was told last */
};

/* ---- preparing ---------------------------------------------------------------------------------------------- */

/* Which collector: the one asked for; else BPF; else plain perf events when only single processes are wanted. */
static int choose_collector(struct oc_recording *rec, const struct collector_ops **ret_ops,
			    struct oc_error *err)
{
	struct oc_error bpf_err = { 0 }, perf_err = { 0 };
	int rc, perf_rc;

	if (rec->opts.collector == OC_COLLECTOR_PERF) {
		*ret_ops = &linux_perf_collector;
		return linux_perf_collector.probe(&rec->opts.collect, err);
	}
	rc = linux_bpf_collector.probe(&rec->opts.collect, &bpf_err);
	*ret_ops = &linux_bpf_collector;
	if (!rc)
		return 0;
	if (rec->opts.collector == OC_COLLECTOR_BPF)
		return oc_error_set(err, rc, "%s", bpf_err.message);
	*ret_ops = &linux_perf_collector;
	perf_rc = linux_perf_collector.probe(&rec->opts.collect, &perf_err);
	if (!perf_rc) {
		memcpy(rec->why, bpf_err.message, sizeof(rec->why));
		return 0;
	}
	/* Who may not load programs can be allowed to record own processes with less than what BPF needs. */
	if (rc == -EPERM && rec->opts.collect.nr_pids)
		return oc_error_set(err, perf_rc, "%s", perf_err.message);
	return oc_error_set(err, rc, "%s", bpf_err.message);
}

/*
 * Opens the collector. In a container or a user namespace only the attempt shows that the kernel does not take BPF
 * programs from us; then perf events are tried, as where a capability is missing.
 */
static int open_collector(struct oc_recording *rec, struct oc_error *err)
{
	const struct collector_ops *ops;
	struct oc_error perf_err = { 0 };
	int rc = choose_collector(rec, &ops, err);

	if (rc)
		return rc;
	rc = ops->open(&rec->opts.collect, rec->sink, &rec->collector, err);
	if ((rc != -EPERM && rc != -EACCES) || ops != &linux_bpf_collector ||
	    rec->opts.collector == OC_COLLECTOR_BPF ||
	    linux_perf_collector.probe(&rec->opts.collect, &perf_err))
		return rc;
	memcpy(rec->why, err->message, sizeof(rec->why));
	*err = (struct oc_error){ 0 };
	return linux_perf_collector.open(&rec->opts.collect, rec->sink, &rec->collector, err);
}

static int open_parts(struct oc_recording *rec, struct oc_error *err)
{
	const struct oc_symbolizer_opts symbolizer_opts = {
		.size = sizeof(symbolizer_opts),
		.symbol_paths = (const char *const *)rec->opts.symbol_paths,
		.nr_symbol_paths = rec->opts.nr_symbol_paths,
		.tell = rec->opts.tell,
		.tell_arg = rec->opts.tell_arg,
		.servers = rec->opts.symbol_servers,
	};
	int rc = recording_core_open(&rec->core, rec->opts.memory_budget_bytes, &symbolizer_opts,
				     err);

	if (rc)
		return rc;
	rec->sink = machine_sink_new(rec->core.machine, rec->core.symbolizer);
	if (!rec->sink)
		return oc_error_set(err, -ENOMEM, "out of memory");
	machine_sink_outlive_losses(rec->sink);
	rc = open_collector(rec, err);
	if (rc)
		return rc;
	rc = machine_sink_set_kinds(rec->sink, rec->collector->kinds, rec->collector->nr_kinds);
	return rc ? oc_error_set(err, rc, "cannot set up the sample kinds: %s", strerror(-rc)) : 0;
}

int oc_recording_new(const struct oc_recording_opts *opts, struct oc_recording **ret_recording,
		     struct oc_error *err)
{
	struct oc_recording *rec = calloc(1, sizeof(*rec));
	int rc;

	if (!rec)
		return oc_error_set(err, -ENOMEM, "out of memory");
	recording_core_init(&rec->core);
	rec->command = (struct command)COMMAND_INIT;
	rc = recording_opts_copy(&rec->opts, opts, err);
	rec->core.duration_ns = rec->opts.duration_ns;
	rec->core.no_symbols = rec->opts.no_symbols;
	if (!rc && rec->opts.command) {
		rc = command_start(&rec->command, rec->opts.command, err);
		if (!rc && !rec->opts.whole_machine)
			rc = recording_opts_add_pid(&rec->opts, (uint32_t)rec->command.pid, err);
	}
	rc = rc ? rc : open_parts(rec, err);
	if (rc) {
		oc_recording_free(rec);
		return rc;
	}
	*ret_recording = rec;
	return 0;
}

void oc_recording_free(struct oc_recording *rec)
{
	if (!rec)
		return;
	if (rec->collector)
		rec->collector->ops->free(rec->collector);
	command_done(&rec->command);
	machine_sink_free(rec->sink);
	recording_core_done(&rec->core);
	recording_opts_done(&rec->opts);
	free(rec);
}

/* ---- running ------------------------------------------------------------------------------------------------ */

void oc_recording_on_progress(struct oc_recording *rec, oc_progress_fn fn, void *arg)
{
	rec->core.on_progress = fn;
	rec->core.progress_arg = arg;
}

void oc_recording_stop(struct oc_recording *rec)
{
	atomic_fetch_add(&rec->core.stop_requests, 1);
	if (atomic_load(&rec->is_finishing) && rec->opts.symbol_servers)
		oc_symbol_servers_cancel(rec->opts.symbol_servers);
	if (rec->collector)
		rec->collector->ops->wake(rec->collector);
}

/* A zombie has ended too, although its parent has not looked yet and kill(2) still finds it. */
static bool has_ended(uint32_t pid)
{
	struct pollfd ended = { .events = POLLIN };
	int rc;

	ended.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (ended.fd < 0)
		return errno == ESRCH;
	rc = poll(&ended, 1, 0);
	close(ended.fd);
	return rc == 1;
}

static bool all_pids_ended(const struct oc_recording *rec)
{
	if (!rec->opts.collect.nr_pids)
		return false;
	for (uint32_t i = 0; i < rec->opts.collect.nr_pids; i++) {
		if (!has_ended(rec->opts.collect.pids[i]))
			return false;
	}
	return true;
}

static bool is_over(struct oc_recording *rec)
{
	if (recording_core_is_over(&rec->core))
		return true;
	return rec->command.pid ? command_ended(&rec->command) : all_pids_ended(rec);
}

static void tell_progress(struct oc_recording *rec)
{
	struct collector_stats stats;
	uint64_t now = clock_monotonic_ns();

	if (!rec->core.on_progress || now - rec->told_ns < RECORDING_POLL_MS * 1000000ULL)
		return;
	rec->told_ns = now;
	rec->collector->ops->stats(rec->collector, &stats);
	if (recording_core_tell(&rec->core, (struct oc_recording_progress){
						    .samples = stats.samples,
						    .stacks = stats.stacks,
						    .lost = stats.lost,
					    }))
		oc_recording_stop(rec);
}

static void fill_info(struct oc_recording *rec, const struct collector_stats *stats)
{
	uint64_t now = clock_monotonic_ns();
	uint64_t ago = now - stats->first_event_ns;
	struct oc_recording_info info = {
		.start_mono_ns = stats->first_event_ns,
		.start_wall_ns = clock_wall_ns() - ago,
		.start_boot_ns = clock_boottime_ns() - ago,
		.end_mono_ns = rec->core.stop_ns,
		.nr_cpus = stats->nr_cpus,
		.page_size = (uint32_t)sysconf(_SC_PAGESIZE),
		.aggregated = !rec->opts.collect.timeline,
	};
	struct utsname os;
	char text[512];

	if (!uname(&os)) {
		info.hostname = recording_core_intern(&rec->core, os.nodename);
		snprintf(text, sizeof(text), "%s %s %s", os.sysname, os.release, os.machine);
		info.os = recording_core_intern(&rec->core, text);
	}
	recording_core_sign(&rec->core, &info, rec->collector->ops->name, rec->opts.command_line);
	oc_machine_set_info(rec->core.machine, &info);
}

/* The facts, as far as they are known: for those who look at the machine while it is filled. */
static void fill_first_info(struct oc_recording *rec)
{
	struct collector_stats stats;

	atomic_store(&rec->is_finishing, true);
	rec->collector->ops->stats(rec->collector, &stats);
	fill_info(rec, &stats);
}

/*
 * On a machine with more to run than it has CPUs this thread has to wait for its turn, and what it does not read in time
 * is cut or lost; it runs little, but then it should run at once. The command was started before, and keeps its own.
 * Returns the nice value of before. Without the privilege it stays.
 */
static int hurry(void)
{
	int before = getpriority(PRIO_PROCESS, 0);

	if (before > NICE_WHILE_RECORDING)
		setpriority(PRIO_PROCESS, 0, NICE_WHILE_RECORDING);
	return before;
}

/* The main loop. */
static int collect(struct oc_recording *rec, struct oc_error *err)
{
	const struct collector_ops *ops = rec->collector->ops;
	int nice = hurry(), rc = ops->start(rec->collector, err);

	rec->core.start_ns = clock_monotonic_ns();
	if (!rc && rec->command.pid)
		rc = command_release(&rec->command, rec->opts.command[0], err);
	if (!rc)
		fill_first_info(rec);
	while (!rc && !is_over(rec)) {
		rc = ops->poll(rec->collector, (int)recording_core_wait_ms(&rec->core), err);
		tell_progress(rec);
	}
	rec->core.stop_ns = clock_monotonic_ns();
	if (!rc)
		rc = ops->stop(rec->collector, err);
	setpriority(PRIO_PROCESS, 0, nice);
	return rc;
}

static void fill_ledger(struct oc_recording *rec, const struct collector_stats *stats)
{
	struct oc_ledger *ledger = oc_machine_ledger(rec->core.machine);
	uint64_t stop_ns = rec->core.stop_ns;

	ledger->duration_ns = stop_ns > stats->first_event_ns ? stop_ns - stats->first_event_ns : 0;
	for (uint32_t i = 0; i < rec->collector->nr_kinds && i < ledger->nr_kinds; i++) {
		ledger->kinds[i].due = stats->kinds[i].due;
		ledger->kinds[i].idle = stats->kinds[i].idle;
		ledger->kinds[i].filtered = stats->kinds[i].filtered;
		ledger->kinds[i].taken = stats->kinds[i].taken;
	}
	ledger->self.has_bpf_time = stats->has_bpf_time;
	ledger->self.bpf_ns = stats->bpf_ns;
	ledger->self.bpf_runs = stats->bpf_runs;
	ledger->self.map_bytes = stats->map_bytes;
	ledger->self.kernel_to_user_bytes = stats->kernel_to_user_bytes;
}

static void fill_command(struct oc_recording *rec)
{
	struct oc_ledger_command *command = &oc_machine_ledger(rec->core.machine)->command;
	int status;

	if (!rec->command.pid)
		return;
	command->end = OC_COMMAND_RUNNING;
	/* A Ctrl-C that stopped the recording ends the command at the same time, so look once more. */
	if (!command_ended(&rec->command))
		return;
	status = rec->command.status;
	command->end = WIFSIGNALED(status) ? OC_COMMAND_SIGNALED : OC_COMMAND_EXITED;
	command->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static int finish(struct oc_recording *rec, struct oc_error *err)
{
	struct collector_stats stats;
	int rc;

	rec->collector->ops->stats(rec->collector, &stats);
	fill_info(rec, &stats);
	fill_ledger(rec, &stats);
	rc = recording_core_run_hooks(&rec->core, err);
	if (rc)
		return rc;
	oc_symbolizer_ask_kernel(rec->core.symbolizer, rec->collector->ops->kernel_symbol,
				 rec->collector);
	rc = recording_core_name(&rec->core, err);
	if (rc)
		return rc;
	machine_sink_judge_stacks(rec->sink);
	rc = recording_core_finish(&rec->core, err);
	if (rc)
		return rc;
	recording_core_fill_cost(&rec->core, stats.first_event_ns);
	fill_command(rec);
	return recording_core_end(&rec->core, err);
}

int oc_recording_run(struct oc_recording *rec, struct oc_error *err)
{
	int rc = collect(rec, err);

	return rc ? rc : finish(rec, err);
}

/* ---- looking ------------------------------------------------------------------------------------------------ */

struct oc_machine *oc_recording_machine(struct oc_recording *rec)
{
	return rec->core.machine;
}

const char *oc_recording_collector(const struct oc_recording *rec, const char **ret_why)
{
	if (ret_why)
		*ret_why = rec->why;
	return rec->collector->ops->name;
}

int oc_recording_command_status(const struct oc_recording *rec)
{
	return rec->command.status;
}
