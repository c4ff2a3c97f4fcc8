/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording from start to finish: collector -> sink -> machine -> symbols -> ledger.
 * Called by the command line and by programs that use the library.
 * Must not know any collector's inside, nor any output format.
 */
#include <onecollect/recording.h>

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <onecollect/symbolize.h>
#include <onecollect/version.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/os.h"
#include "collector.h"
#include "command.h"
#include "machine_sink.h"
#include "recording_opts.h"

#define POLL_MS 100
/* More urgent than what runs on servers, less than what a machine needs to live. */
#define NICE_WHILE_RECORDING (-10)

struct oc_recording {
	struct recording_opts opts;
	struct oc_machine *machine;
	struct oc_symbolizer *symbolizer;
	struct sink *sink;
	struct collector *collector;
	struct command command;
	char why[OC_ERROR_MESSAGE_MAX]; /* why not the best collector */
	atomic_uint stop_requests;
	atomic_bool is_finishing;
	oc_progress_fn on_progress;
	void *progress_arg;
	uint64_t called_ns;
	uint64_t stop_ns;
	double user_s;
	double system_s;
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

static int open_parts(struct oc_recording *rec, struct oc_error *err)
{
	struct oc_machine_opts machine_opts = {
		.size = sizeof(machine_opts),
		.memory_budget_bytes = rec->opts.memory_budget_bytes,
	};
	const struct oc_symbolizer_opts symbolizer_opts = {
		.size = sizeof(symbolizer_opts),
		.servers = rec->opts.symbol_servers,
	};
	const struct collector_ops *ops;
	int rc;

	rec->machine = oc_machine_new(&machine_opts);
	/* Without names too: it learns the build-ids by which they can be found later. */
	rec->symbolizer = oc_symbolizer_new(&symbolizer_opts);
	rec->sink = rec->machine && rec->symbolizer
			    ? machine_sink_new(rec->machine, rec->symbolizer)
			    : NULL;
	if (!rec->sink)
		return oc_error_set(err, -ENOMEM, "out of memory");
	rc = choose_collector(rec, &ops, err);
	if (rc)
		return rc;
	rc = ops->open(&rec->opts.collect, rec->sink, &rec->collector, err);
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
	rec->called_ns = clock_monotonic_ns();
	clock_self_cpu(&rec->user_s, &rec->system_s);
	rec->command = (struct command)COMMAND_INIT;
	rc = recording_opts_copy(&rec->opts, opts, err);
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
	oc_symbolizer_free(rec->symbolizer);
	oc_machine_free(rec->machine);
	recording_opts_done(&rec->opts);
	free(rec);
}

/* ---- running ------------------------------------------------------------------------------------------------ */

void oc_recording_on_progress(struct oc_recording *rec, oc_progress_fn fn, void *arg)
{
	rec->on_progress = fn;
	rec->progress_arg = arg;
}

void oc_recording_stop(struct oc_recording *rec)
{
	atomic_fetch_add(&rec->stop_requests, 1);
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

static bool is_over(struct oc_recording *rec, uint64_t start_ns)
{
	if (atomic_load(&rec->stop_requests))
		return true;
	if (rec->opts.duration_ns && clock_monotonic_ns() - start_ns >= rec->opts.duration_ns)
		return true;
	return rec->command.pid ? command_ended(&rec->command) : all_pids_ended(rec);
}

static int poll_timeout_ms(const struct oc_recording *rec, uint64_t start_ns)
{
	uint64_t elapsed = clock_monotonic_ns() - start_ns;
	uint64_t left_ms;

	if (!rec->opts.duration_ns)
		return POLL_MS;
	if (elapsed >= rec->opts.duration_ns)
		return 0;
	left_ms = (rec->opts.duration_ns - elapsed) / 1000000 + 1;
	return (int)MIN(left_ms, (uint64_t)POLL_MS);
}

static void tell_progress(struct oc_recording *rec, uint64_t start_ns, uint64_t *last_ns)
{
	struct oc_recording_progress progress;
	struct collector_stats stats;
	uint64_t now = clock_monotonic_ns();

	if (!rec->on_progress || now - *last_ns < POLL_MS * 1000000ULL)
		return;
	*last_ns = now;
	rec->collector->ops->stats(rec->collector, &stats);
	progress = (struct oc_recording_progress){
		.elapsed_ns = now - start_ns,
		.samples = stats.samples,
		.stacks = stats.stacks,
		.lost = stats.lost,
	};
	if (rec->on_progress(rec->progress_arg, &progress))
		oc_recording_stop(rec);
}

static oc_string_id intern(struct oc_machine *m, const char *text)
{
	int64_t id = text ? oc_machine_intern(m, text, strlen(text)) : 0;

	return id > 0 ? (oc_string_id)id : 0;
}

static void fill_info(struct oc_recording *rec, const struct collector_stats *stats)
{
	uint64_t now = clock_monotonic_ns();
	uint64_t ago = now - stats->first_event_ns;
	struct oc_recording_info info = {
		.start_mono_ns = stats->first_event_ns,
		.start_wall_ns = clock_wall_ns() - ago,
		.start_boot_ns = clock_boottime_ns() - ago,
		.end_mono_ns = rec->stop_ns,
		.nr_cpus = stats->nr_cpus,
		.page_size = (uint32_t)sysconf(_SC_PAGESIZE),
		.aggregated = !rec->opts.collect.timeline,
		.command = intern(rec->machine, rec->opts.command_line),
	};
	struct utsname os;
	char text[512];

	if (!uname(&os)) {
		info.hostname = intern(rec->machine, os.nodename);
		snprintf(text, sizeof(text), "%s %s %s", os.sysname, os.release, os.machine);
		info.os = intern(rec->machine, text);
	}
	snprintf(text, sizeof(text), "record-trace %s (%s)", oc_version(),
		 rec->collector->ops->name);
	info.tool = intern(rec->machine, text);
	oc_machine_set_info(rec->machine, &info);
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
	uint64_t start_ns, last_progress_ns = 0;
	int nice = hurry(), rc = ops->start(rec->collector, err);

	start_ns = clock_monotonic_ns();
	if (!rc && rec->command.pid)
		rc = command_release(&rec->command, rec->opts.command[0], err);
	if (!rc)
		fill_first_info(rec);
	while (!rc && !is_over(rec, start_ns)) {
		rc = ops->poll(rec->collector, poll_timeout_ms(rec, start_ns), err);
		tell_progress(rec, start_ns, &last_progress_ns);
	}
	rec->stop_ns = clock_monotonic_ns();
	if (!rc)
		rc = ops->stop(rec->collector, err);
	setpriority(PRIO_PROCESS, 0, nice);
	return rc;
}

static void fill_ledger(struct oc_recording *rec, const struct collector_stats *stats)
{
	struct oc_ledger *ledger = oc_machine_ledger(rec->machine);

	ledger->duration_ns =
		rec->stop_ns > stats->first_event_ns ? rec->stop_ns - stats->first_event_ns : 0;
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
	ledger->self.start_ms = (double)(stats->first_event_ns - rec->called_ns) / 1e6;
}

static void fill_self_cost(struct oc_recording *rec)
{
	struct oc_ledger_self *cost = &oc_machine_ledger(rec->machine)->self;

	clock_self_cpu(&cost->user_s, &cost->system_s);
	cost->user_s -= rec->user_s;
	cost->system_s -= rec->system_s;
	cost->stop_ms = (double)(clock_monotonic_ns() - rec->stop_ns) / 1e6;
	cost->peak_rss_bytes = os_peak_memory();
}

static void fill_command(struct oc_recording *rec)
{
	struct oc_ledger_command *command = &oc_machine_ledger(rec->machine)->command;
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

/* Asked to stop once more while finishing: the user does not want to wait. */
static bool is_given_up(struct oc_recording *rec)
{
	return atomic_load(&rec->stop_requests) > 1;
}

static int finish(struct oc_recording *rec, struct oc_error *err)
{
	struct collector_stats stats;
	int rc;

	rec->collector->ops->stats(rec->collector, &stats);
	fill_info(rec, &stats);
	fill_ledger(rec, &stats);
	rc = oc_machine_run_parsed_hooks(rec->machine);
	if (rc)
		return oc_error_set(err, rc < 0 ? rc : -ECANCELED, "a hook stopped the recording");
	oc_symbolizer_ask_kernel(rec->symbolizer, rec->collector->ops->kernel_symbol,
				 rec->collector);
	if (!rec->opts.no_symbols && !is_given_up(rec))
		rc = oc_symbolizer_run(rec->symbolizer, rec->machine);
	if (!rc)
		machine_sink_judge_stacks(rec->sink);
	rc = rc ? rc : oc_machine_finish(rec->machine);
	if (rc)
		return oc_error_set(err, rc, "cannot finish the recording: %s", strerror(-rc));
	fill_self_cost(rec);
	fill_command(rec);
	if (is_given_up(rec))
		return oc_error_set(err, -EINTR, "interrupted again; the recording was given up");
	return 0;
}

int oc_recording_run(struct oc_recording *rec, struct oc_error *err)
{
	int rc = collect(rec, err);

	return rc ? rc : finish(rec, err);
}

/* ---- looking ------------------------------------------------------------------------------------------------ */

struct oc_machine *oc_recording_machine(struct oc_recording *rec)
{
	return rec->machine;
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
