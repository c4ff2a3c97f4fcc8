/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording on Windows from start to finish: ETW writes a trace, our own reader takes it in when it is whole.
 * Called by the command line and by programs that use the library, as recording.c is on Linux.
 * Must not know any output format, nor what is in a trace.
 */
#include <onecollect/recording.h>

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include <onecollect/filter.h>
#include <onecollect/symbolize.h>
#include <onecollect/version.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/os.h"
#include "etl_input.h"
#include "windows-etw/etw_session.h"

#define FREQUENCY_DEFAULT 999
#define BUDGET_DEFAULT    (64ULL << 20)
#define POLL_MS           100u
#define CHECK_MS          1000u
#define CHECKS_MAX        256
#define PID_CHARS         12

struct oc_recording {
	struct etw_api api;
	struct etw_session_opts session_opts;
	struct etw_provider providers[ETW_PROVIDERS_MAX];
	struct etw_session *session;
	struct oc_machine *machine;
	struct oc_symbolizer *symbolizer;
	char *etl_path;
	bool keep_etl;
	bool no_symbols;
	uint64_t duration_ns;
	char *command_line;
	void (*tell)(void *arg, const char *text);
	void *tell_arg;
	char **processes; /* [nr_processes], pids and globs to select */
	uint32_t nr_processes;
	uint32_t *cpus; /* [nr_cpus] */
	uint32_t nr_cpus;
	atomic_uint stop_requests;
	oc_progress_fn on_progress;
	void *progress_arg;
	uint64_t called_ns;
	uint64_t start_ns;
	uint64_t stop_ns;
	double user_s;
	double system_s;
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
	struct oc_machine_opts machine_opts = {
		.size = sizeof(machine_opts),
		.memory_budget_bytes =
			opts->memory_budget_bytes ? opts->memory_budget_bytes : BUDGET_DEFAULT,
	};
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
	rec->duration_ns = opts->duration_ns;
	rec->no_symbols = opts->no_symbols;
	rec->tell = opts->tell;
	rec->tell_arg = opts->tell_arg;
	rec->command_line = strdup(opts->command_line ? opts->command_line : "");
	rec->machine = oc_machine_new(&machine_opts);
	rec->symbolizer = oc_symbolizer_new(&symbolizer_opts);
	if (!rec->command_line || !rec->machine || !rec->symbolizer)
		return out_of_memory(err);
	return take_selection(rec, opts, err);
}

int oc_recording_new(const struct oc_recording_opts *opts, struct oc_recording **ret_recording,
		     struct oc_error *err)
{
	struct oc_recording_opts known = { 0 };
	struct oc_recording *rec = calloc(1, sizeof(*rec));
	int rc;

	if (!rec)
		return out_of_memory(err);
	rec->called_ns = clock_monotonic_ns();
	clock_self_cpu(&rec->user_s, &rec->system_s);
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
	ran = rec->start_ns;
	etw_session_free(rec->session);
	if (ran && !rec->keep_etl)
		os_remove(rec->etl_path);
	oc_symbolizer_free(rec->symbolizer);
	oc_machine_free(rec->machine);
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
	rec->on_progress = fn;
	rec->progress_arg = arg;
}

void oc_recording_stop(struct oc_recording *rec)
{
	atomic_fetch_add(&rec->stop_requests, 1);
}

static bool is_over(const struct oc_recording *rec, uint64_t elapsed_ns)
{
	return atomic_load(&rec->stop_requests) ||
	       (rec->duration_ns && elapsed_ns >= rec->duration_ns);
}

static void wait_for_the_end(struct oc_recording *rec)
{
	uint64_t elapsed_ns = 0;

	while (!is_over(rec, elapsed_ns)) {
		struct oc_recording_progress progress;
		uint64_t left_ms =
			rec->duration_ns ? (rec->duration_ns - elapsed_ns) / 1000000 + 1 : POLL_MS;

		rec->api.sleep_ms(&rec->api, (uint32_t)MIN(left_ms, (uint64_t)POLL_MS));
		elapsed_ns = clock_monotonic_ns() - rec->start_ns;
		progress = (struct oc_recording_progress){ .elapsed_ns = elapsed_ns };
		if (rec->on_progress && rec->on_progress(rec->progress_arg, &progress))
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
	rec->start_ns = clock_monotonic_ns();
	wait_for_the_end(rec);
	rec->stop_ns = clock_monotonic_ns();
	rc = etw_session_stop(rec->session, &stats, err);
	if (!rc && stats.ended_elsewhere)
		return oc_error_set(err, -EIO,
				    "another program, or a full disk, has ended the session "
				    "'" ETW_SESSION_NAME
				    "'; what was written until then can be kept with --keep-etl");
	return rc;
}

static oc_string_id intern(struct oc_machine *m, const char *text)
{
	int64_t id = *text ? oc_machine_intern(m, text, strlen(text)) : 0;

	return id > 0 ? (oc_string_id)id : 0;
}

/* What the trace does not tell of its recording. */
static void fill_info(struct oc_recording *rec)
{
	struct oc_recording_info info = *oc_machine_info(rec->machine);
	struct oc_ledger_self *cost = &oc_machine_ledger(rec->machine)->self;
	char tool[64];

	snprintf(tool, sizeof(tool), "record-trace %s (etw)", oc_version());
	info.tool = intern(rec->machine, tool);
	info.command = intern(rec->machine, rec->command_line);
	oc_machine_set_info(rec->machine, &info);
	clock_self_cpu(&cost->user_s, &cost->system_s);
	cost->user_s -= rec->user_s;
	cost->system_s -= rec->system_s;
	cost->peak_rss_bytes = os_peak_memory();
	cost->start_ms = (double)(rec->start_ns - rec->called_ns) / 1e6;
	cost->stop_ms = (double)(clock_monotonic_ns() - rec->stop_ns) / 1e6;
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
	return oc_machine_select(rec->machine, &filter, &selected, err);
}

/* Asked to stop once more while finishing: the user does not want to wait. */
static bool is_given_up(struct oc_recording *rec)
{
	return atomic_load(&rec->stop_requests) > 1;
}

/* Unlike a trace of elsewhere, this one is of drives that can be asked for. */
static int read_trace(struct oc_recording *rec, struct oc_error *err)
{
	struct oc_error damage = { 0 };
	struct oc_input *in;
	int rc = oc_input_open(rec->etl_path, &in, err);

	if (rc)
		return rc;
	rc = etl_input_read(in, rec->machine, etw_win32_add_volumes, &damage);
	oc_input_close(in);
	if (rc) {
		*err = damage;
		return rc;
	}
	if (damage.code && rec->tell)
		rec->tell(rec->tell_arg, damage.message);
	rc = oc_machine_run_parsed_hooks(rec->machine);
	return rc ? oc_error_set(err, rc < 0 ? rc : -ECANCELED, "a hook stopped the recording") : 0;
}

static int finish(struct oc_recording *rec, struct oc_error *err)
{
	int rc = read_trace(rec, err);

	if (rc)
		return rc;
	if (!rec->no_symbols && !is_given_up(rec))
		rc = oc_symbolizer_run(rec->symbolizer, rec->machine);
	if (!rc) {
		fill_info(rec);
		rc = oc_machine_finish(rec->machine);
	}
	if (rc)
		return oc_error_set(err, rc, "cannot finish the recording: %s", strerror(-rc));
	rc = choose(rec, err);
	if (!rc && is_given_up(rec))
		return oc_error_set(err, -EINTR, "interrupted again; the recording was given up");
	return rc;
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
	add_result(&checks[nr++], rc, &err, rec ? oc_machine_ledger_const(rec->machine) : NULL);
	oc_recording_free(rec);
	buffer_done(&log);
	*ret_checks = checks;
	return nr;
}
