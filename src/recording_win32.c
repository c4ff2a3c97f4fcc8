/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording on Windows from start to finish: ETW writes a trace, our own reader takes it in when it is whole.
 * Called by the command line and by programs that use the library, as recording.c is on Linux.
 * Must not know any output format, nor what is in a trace.
 */
#include <onecollect/recording.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <onecollect/filter.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/os.h"
#include "etl_input.h"
#include "recording_core.h"
#include "windows-etw/etw_session.h"

#define FREQUENCY_DEFAULT 999
#define BUDGET_DEFAULT    (64ULL << 20)
#define CHECK_MS          1000u
#define CHECKS_MAX        256
#define PID_CHARS         12

struct oc_recording {
	struct recording_core core;
	struct etw_api api;
	struct etw_session_opts session_opts;
	struct etw_provider providers[ETW_PROVIDERS_MAX];
	struct etw_session *session;
	char *etl_path;
	bool keep_etl;
	char *command_line;
	void (*tell)(void *arg, const char *text);
	void *tell_arg;
	char **processes; /* [nr_processes], pids and globs to select */
	uint32_t nr_processes;
	uint32_t *cpus; /* [nr_cpus] */
	uint32_t nr_cpus;
};

/* ---- preparing ---------------------------------------------------------------------------------------------- */

static int out_of_memory(struct oc_error *err)
{
	return oc_error_set(err, -ENOMEM, "out of memory");
}

/* What is not there on Windows is refused, never left out in silence. */
static int check_possible(const struct oc_recording_opts *opts, struct oc_error *err)
{
	const struct {
		bool asked;
		const char *what;
	} impossible[] = {
		{ opts->command,
		  "starting a program (-- PROGRAM), which can be recorded with -p once it runs," },
		{ opts->cgroup, "choosing a control group" },
		{ opts->counts_only, "counting samples in the kernel, without their times," },
		{ opts->collector != OC_COLLECTOR_AUTO, "choosing a collector" },
		{ opts->unwind != OC_UNWIND_AUTO || opts->unwind_cache || opts->unwind_budget_bytes,
		  "choosing how stacks are walked, which Windows does itself," },
		{ opts->symbol_servers, "downloading symbols" },
		{ opts->ring_bytes || opts->map_entries || opts->bpf_stats,
		  "setting up BPF programs" },
	};

	if (opts->size < sizeof(opts->size))
		return oc_error_set(err, -EINVAL, "oc_recording_opts.size is not set");
	for (size_t i = 0; i < ARRAY_SIZE(impossible); i++) {
		if (impossible[i].asked)
			return oc_error_set(err, -EOPNOTSUPP, "%s is not possible on Windows",
					    impossible[i].what);
	}
	return 0;
}

static int take_etl_path(struct oc_recording *rec, const char *keep, struct oc_error *err)
{
	char *folder __cleanup(cleanup_free) = NULL;
	struct buffer path = BUFFER_INIT;

	if (keep) {
		rec->keep_etl = true;
		rec->etl_path = os_real_path(keep);
		return rec->etl_path
			       ? 0
			       : oc_error_set(err, -EINVAL,
					      "the trace file cannot have the name '%s'", keep);
	}
	folder = os_temporary_directory();
	buffer_printf(&path, "%s\\onecollect-%d-%llx.etl", folder ? folder : ".", (int)getpid(),
		      (unsigned long long)clock_monotonic_ns());
	rec->etl_path = path.data;
	return path.error ? out_of_memory(err) : 0;
}

static int take_events(struct oc_recording *rec, const struct oc_recording_opts *opts,
		       struct oc_error *err)
{
	if (opts->nr_events > ETW_PROVIDERS_MAX)
		return oc_error_set(err, -EINVAL, "at most %u providers can be recorded",
				    ETW_PROVIDERS_MAX);
	for (uint32_t i = 0; i < opts->nr_events; i++) {
		int rc = etw_provider_parse(opts->events[i], &rec->providers[i], err);

		if (rc)
			return rc;
	}
	rec->session_opts.providers = rec->providers;
	rec->session_opts.nr_providers = opts->nr_events;
	return 0;
}

/* Keeps whom to select: pids as texts, which is what filters take, then globs. */
static int take_selection(struct oc_recording *rec, const struct oc_recording_opts *opts,
			  struct oc_error *err)
{
	uint32_t nr = opts->nr_pids + opts->nr_process_globs;

	rec->processes = calloc((size_t)nr + 1, sizeof(*rec->processes));
	rec->cpus = calloc((size_t)opts->nr_cpus + 1, sizeof(*rec->cpus));
	if (!rec->processes || !rec->cpus)
		return out_of_memory(err);
	for (uint32_t i = 0; i < opts->nr_pids; i++) {
		char pid[PID_CHARS];

		snprintf(pid, sizeof(pid), "%u", opts->pids[i]);
		rec->processes[i] = strdup(pid);
	}
	for (uint32_t i = 0; i < opts->nr_process_globs; i++)
		rec->processes[opts->nr_pids + i] = strdup(opts->process_globs[i]);
	rec->nr_processes = nr;
	for (uint32_t i = 0; i < nr; i++) {
		if (!rec->processes[i])
			return out_of_memory(err);
	}
	for (uint32_t i = 0; i < opts->nr_cpus; i++) {
		if (rec->api.nr_cpus && opts->cpus[i] >= rec->api.nr_cpus)
			return oc_error_set(err, -EINVAL, "there is no CPU %u; the last one is %u",
					    opts->cpus[i], rec->api.nr_cpus - 1);
		rec->cpus[i] = opts->cpus[i];
	}
	rec->nr_cpus = opts->nr_cpus;
	return 0;
}

static int take_opts(struct oc_recording *rec, const struct oc_recording_opts *opts,
		     struct oc_error *err)
{
	uint64_t budget = opts->memory_budget_bytes ? opts->memory_budget_bytes : BUDGET_DEFAULT;
	const struct oc_symbolizer_opts symbolizer_opts = {
		.size = sizeof(symbolizer_opts),
		.symbol_paths = opts->symbol_paths,
		.nr_symbol_paths = opts->nr_symbol_paths,
		.tell = opts->tell,
		.tell_arg = opts->tell_arg,
	};
	int rc = check_possible(opts, err);

	rc = rc ? rc : take_events(rec, opts, err);
	rc = rc ? rc : take_etl_path(rec, opts->etl_file, err);
	if (rc)
		return rc;
	rec->session_opts.path = rec->etl_path;
	rec->session_opts.frequency_hz =
		opts->frequency_hz ? opts->frequency_hz : FREQUENCY_DEFAULT;
	rec->session_opts.switches = opts->off_cpu;
	rec->core.duration_ns = opts->duration_ns;
	rec->core.no_symbols = opts->no_symbols;
	rec->tell = opts->tell;
	rec->tell_arg = opts->tell_arg;
	rec->command_line = strdup(opts->command_line ? opts->command_line : "");
	if (!rec->command_line)
		return out_of_memory(err);
	rc = take_selection(rec, opts, err);
	return rc ? rc : recording_core_open(&rec->core, budget, &symbolizer_opts, err);
}

int oc_recording_new(const struct oc_recording_opts *opts, struct oc_recording **ret_recording,
		     struct oc_error *err)
{
	struct oc_recording_opts known = { 0 };
	struct oc_recording *rec = calloc(1, sizeof(*rec));
	int rc;

	if (!rec)
		return out_of_memory(err);
	recording_core_init(&rec->core);
	etw_win32_init(&rec->api);
	/* A caller built against another version has a shorter or longer struct; what it lacks is zero. */
	memcpy(&known, opts, MIN(opts->size, sizeof(known)));
	rc = take_opts(rec, &known, err);
	if (rc) {
		oc_recording_free(rec);
		return rc;
	}
	*ret_recording = rec;
	return 0;
}

void oc_recording_free(struct oc_recording *rec)
{
	bool ran;

	if (!rec)
		return;
	ran = rec->core.start_ns;
	etw_session_free(rec->session);
	if (ran && !rec->keep_etl)
		os_remove(rec->etl_path);
	recording_core_done(&rec->core);
	for (uint32_t i = 0; i < rec->nr_processes; i++)
		free(rec->processes[i]);
	free(rec->processes);
	free(rec->cpus);
	free(rec->etl_path);
	free(rec->command_line);
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
}

static void wait_for_the_end(struct oc_recording *rec)
{
	while (!recording_core_is_over(&rec->core)) {
		rec->api.sleep_ms(&rec->api, recording_core_wait_ms(&rec->core));
		if (recording_core_tell(&rec->core, (struct oc_recording_progress){ 0 }))
			oc_recording_stop(rec);
	}
}

/* ETW writes the trace. */
static int collect(struct oc_recording *rec, struct oc_error *err)
{
	struct etw_session_stats stats = { 0 };
	int rc = etw_session_start(&rec->api, &rec->session_opts, &rec->session, err);

	if (rc)
		return rc;
	rec->core.start_ns = clock_monotonic_ns();
	wait_for_the_end(rec);
	rec->core.stop_ns = clock_monotonic_ns();
	rc = etw_session_stop(rec->session, &stats, err);
	if (!rc && stats.ended_elsewhere)
		return oc_error_set(err, -EIO,
				    "another program, or a full disk, has ended the session "
				    "'" ETW_SESSION_NAME
				    "'; what was written until then can be kept with --keep-etl");
	return rc;
}

/* What the trace does not tell of its recording. */
static void fill_info(struct oc_recording *rec)
{
	struct oc_recording_info info = *oc_machine_info(rec->core.machine);

	recording_core_sign(&rec->core, &info, "etw", rec->command_line);
	oc_machine_set_info(rec->core.machine, &info);
	recording_core_fill_cost(&rec->core, rec->core.start_ns);
}

/* Sessions record every process and processor; what was asked for is chosen from that. */
static int choose(struct oc_recording *rec, struct oc_error *err)
{
	const struct oc_filter filter = {
		.size = sizeof(filter),
		.processes = (const char *const *)rec->processes,
		.nr_processes = rec->nr_processes,
		.cpus = rec->cpus,
		.nr_cpus = rec->nr_cpus,
	};
	struct oc_selected selected;

	if (!rec->nr_processes && !rec->nr_cpus)
		return 0;
	return oc_machine_select(rec->core.machine, &filter, &selected, err);
}

/* Unlike a trace of elsewhere, this one is of drives that can be asked for. */
static int read_trace(struct oc_recording *rec, struct oc_error *err)
{
	struct oc_error damage = { 0 };
	struct oc_input *in;
	int rc = oc_input_open(rec->etl_path, &in, err);

	if (rc)
		return rc;
	rc = etl_input_read(in, rec->core.machine, etw_win32_add_volumes, &damage);
	oc_input_close(in);
	if (rc) {
		*err = damage;
		return rc;
	}
	if (damage.code && rec->tell)
		rec->tell(rec->tell_arg, damage.message);
	return recording_core_run_hooks(&rec->core, err);
}

static int finish(struct oc_recording *rec, struct oc_error *err)
{
	int rc = read_trace(rec, err);

	rc = rc ? rc : recording_core_name(&rec->core, err);
	if (rc)
		return rc;
	fill_info(rec);
	rc = recording_core_finish(&rec->core, err);
	rc = rc ? rc : choose(rec, err);
	return rc ? rc : recording_core_end(&rec->core, err);
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
	(void)rec;
	if (ret_why)
		*ret_why = "";
	return "etw";
}

int oc_recording_command_status(const struct oc_recording *rec)
{
	(void)rec;
	return -1;
}

/* ---- what works here ----------------------------------------------------------------------------------------- */

/* A line of the log of calls, "NAME: CODE", as a row. */
static void add_call(struct oc_check *check, const char *line, size_t len)
{
	const char *code = memchr(line, ':', len);
	/* That there is no session of our name yet is what is wanted. */
	bool good = code && (!strncmp(code, ": 0\n", 4) || !strncmp(code, ": 4201\n", 7));

	*check = (struct oc_check){
		.name = "etw-call",
		.what = "control of Event Tracing for Windows",
		.state = good ? OC_CHECK_OK : OC_CHECK_LIMITED,
	};
	snprintf(check->why, sizeof(check->why), "%.*s", (int)len, line);
}

/* What came of it all. */
static void add_result(struct oc_check *check, int rc, const struct oc_error *err,
		       const struct oc_ledger *ledger)
{
	*check = (struct oc_check){
		.name = "etw",
		.what = "a recording of one second with stacks, read back",
		.required = true,
		.needs_privilege = rc == -EPERM,
		.state = rc ? OC_CHECK_MISSING : OC_CHECK_OK,
	};
	if (rc) {
		memcpy(check->why, err->message, sizeof(check->why));
	} else {
		const struct oc_ledger_kind *kind = &ledger->kinds[0];

		snprintf(check->why, sizeof(check->why),
			 "%llu samples kept, %llu of them with a stack; %llu idle",
			 (unsigned long long)kind->kept, (unsigned long long)kind->stacks,
			 (unsigned long long)kind->idle);
	}
}

int oc_check_run(struct oc_check **ret_checks)
{
	struct oc_recording_opts opts = { .size = sizeof(opts),
					  .duration_ns = CHECK_MS * 1000000ULL };
	struct oc_check *checks = calloc(CHECKS_MAX, sizeof(*checks));
	struct buffer log = BUFFER_INIT;
	struct oc_recording *rec = NULL;
	struct oc_error err = { 0 };
	int nr = 0, rc;

	if (!checks)
		return -ENOMEM;
	rc = oc_recording_new(&opts, &rec, &err);
	if (!rc) {
		rec->session_opts.log = &log;
		rc = oc_recording_run(rec, &err);
	}
	for (char *line = log.data, *end; line && (end = strchr(line, '\n')); line = end + 1) {
		if (nr < CHECKS_MAX - 1)
			add_call(&checks[nr++], line, (size_t)(end - line));
	}
	add_result(&checks[nr++], rc, &err,
		   rec ? oc_machine_ledger_const(rec->core.machine) : NULL);
	oc_recording_free(rec);
	buffer_done(&log);
	*ret_checks = checks;
	return nr;
}
