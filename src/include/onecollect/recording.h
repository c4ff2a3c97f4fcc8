/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording from start to finish: chooses a collector, fills a machine, names the symbols, fills the ledger.
 *
 *     struct oc_recording_opts opts = { .size = sizeof(opts), .frequency_hz = 999, .duration_ns = 5000000000 };
 *     struct oc_recording *rec;
 *     if (!oc_recording_new(&opts, &rec, &err) && !oc_recording_run(rec, &err))
 *             oc_format_write_file(oc_format_by_name("pprof"), oc_recording_machine(rec), "cpu.pb.gz", false, NULL, &err);
 *     oc_recording_free(rec);
 *
 * On Windows ETW writes a trace while the recording runs, and it is read at the end: the machine stays empty until then,
 * and pids, process_globs and cpus choose from a recording of the whole machine.
 */
#ifndef ONECOLLECT_RECORDING_H
#define ONECOLLECT_RECORDING_H

#include <onecollect/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oc_recording;
struct oc_symbol_servers; /* onecollect/symbolize.h */

/* How user stacks are walked. */
enum oc_unwind {
	OC_UNWIND_AUTO, /* by call frame information where there is some, else by frame pointers */
	OC_UNWIND_FP,   /* by frame pointers alone */
	OC_UNWIND_EH_FRAME, /* as AUTO, and an error where that is not possible */
	OC_UNWIND_COPY,     /* as AUTO, but in user space, from a copy of each sample's stack */
};

enum oc_collector_choice { OC_COLLECTOR_AUTO, OC_COLLECTOR_BPF, OC_COLLECTOR_PERF };

/* Arrays and strings are copied. All zero but `size` means: everything, all CPUs, 999 Hz, aggregated, until stopped. */
struct oc_recording_opts {
	size_t size;           /* sizeof(struct oc_recording_opts) of the caller */
	uint32_t frequency_hz; /* samples per second and CPU, 1..100000; 0 = 999 */
	uint64_t duration_ns;  /* 0 = until oc_recording_stop() or the command's end */
	bool timeline;         /* keep the time of each sample */
	const uint32_t *pids;  /* [nr_pids], with all threads and future children */
	uint32_t nr_pids;
	const char *const *process_globs; /* [nr_process_globs] */
	uint32_t nr_process_globs;
	const char *cgroup;   /* path below the cgroup mount, or absolute; NULL = all */
	const uint32_t *cpus; /* [nr_cpus] */
	uint32_t nr_cpus;
	char *const *command;         /* NULL-terminated argv to start and record; NULL = none */
	uint64_t ring_bytes;          /* 0 = default */
	uint32_t map_entries;         /* 0 = default */
	uint64_t memory_budget_bytes; /* 0 = default (64 MiB) */
	bool no_symbols;              /* leave addresses unnamed */
	bool bpf_stats;               /* measure BPF run time (a small cost) */
	enum oc_collector_choice collector;
	const char *command_line; /* for the recording's comments; NULL = none */
	enum oc_unwind unwind;
	const char *
		unwind_cache; /* directory to keep unwind tables in, made by the caller; NULL = none */
	uint64_t unwind_budget_bytes; /* for unwind tables in the kernel; 0 = default (8 MiB) */
	bool off_cpu;                 /* record time off the CPU as well; Windows */
	const char *const *events;    /* [nr_events] "etw:GUID:KEYWORDS:LEVEL[:ID]"; Windows */
	uint32_t nr_events;
	const char *etl_file; /* keep the trace that ETW writes, under this name; Windows */
	/* [nr_symbol_paths], copied, and who is told, as in struct oc_symbolizer_opts */
	const char *const *symbol_paths;
	uint32_t nr_symbol_paths;
	void (*tell)(void *arg, const char *text);
	void *tell_arg;
	/*
	 * Asked for symbol files once the recording is over; must outlive it. oc_recording_stop() while that goes on ends
	 * it. NULL = nobody.
	 */
	struct oc_symbol_servers *symbol_servers;
	bool counts_only; /* keep no times, or refuse where that is not possible; Windows always keeps them */
	bool whole_machine; /* with `command`: record everything while it runs, not it alone; not on Windows */
};

/* A look at a running recording. */
struct oc_recording_progress {
	uint64_t elapsed_ns;
	uint64_t samples;
	uint64_t stacks;
	uint64_t lost;
};

/*
 * Prepares a recording: checks the options, probes the collectors, starts the command stopped.
 * ret_recording: freed with oc_recording_free().
 * Returns 0, or with *err filled in: -EINVAL (an option is out of range), -ESRCH (no such pid), -ENOENT (command or
 * cgroup not found), -EPERM or -EACCES (privilege missing, the message names it), -EOPNOTSUPP (not possible here).
 */
OC_API int oc_recording_new(const struct oc_recording_opts *opts,
			    struct oc_recording **ret_recording, struct oc_error *err);

/* Called about ten times a second from oc_recording_run(); nonzero ends the recording as oc_recording_stop() does. */
typedef int (*oc_progress_fn)(void *arg, const struct oc_recording_progress *progress);
OC_API void oc_recording_on_progress(struct oc_recording *rec, oc_progress_fn fn, void *arg);

/*
 * Records until the duration is over, the command or all recorded pids have ended, or oc_recording_stop(); then
 * drains, symbolizes and finishes the machine and its ledger. Meanwhile the calling thread's nice value is -10, where
 * the privilege allows it: on a busy machine it would otherwise come too late to what it has to read.
 * Returns 0, -EINTR (oc_recording_stop() was called again while finishing: data is incomplete), or another negative
 * errno value with *err filled in.
 */
OC_API int oc_recording_run(struct oc_recording *rec, struct oc_error *err);

/* Asks a running recording to stop and finish; called again, to give up. Async-signal-safe, any thread. */
OC_API void oc_recording_stop(struct oc_recording *rec);

/* The machine, finished after oc_recording_run(); owned by the recording. Hooks are added before the run. */
OC_API struct oc_machine *oc_recording_machine(struct oc_recording *rec);
/* Name of the collector in use ("bpf", "perf-event", "etw"), and why not a better one ("" when it is the best). */
OC_API const char *oc_recording_collector(const struct oc_recording *rec, const char **ret_why);
/* Wait status of the command as from waitpid(2); -1 while it runs or when there is none. */
OC_API int oc_recording_command_status(const struct oc_recording *rec);
/* Stops whatever still runs (a command that has not been released is killed) and frees. Accepts NULL. */
OC_API void oc_recording_free(struct oc_recording *rec);

/* ---- what works here --------------------------------------------------------------------------------------- */

enum oc_check_state { OC_CHECK_OK, OC_CHECK_LIMITED, OC_CHECK_MISSING };

/* One feature of this machine and whether it works. Texts are static or owned by the list. */
struct oc_check {
	const char *name; /* "bpf-perf-event" */
	const char *what; /* "CPU samples aggregated in the kernel" */
	enum oc_check_state state;
	bool required;        /* record-trace cannot record the whole machine without it */
	bool needs_privilege; /* missing or limited only for want of a capability or a sysctl */
	char why[OC_ERROR_MESSAGE_MAX]; /* the cause when it is not OK, and details when it is */
	char fix[256]; /* the command or setting that makes it work; "" when OK or when nothing does */
};

/*
 * Tries each feature for real (opens an event, loads a program) and says what works.
 * ret_checks: array of the returned number, freed with free(3).
 * Returns the number, or -ENOMEM.
 */
OC_API int oc_check_run(struct oc_check **ret_checks);

#ifdef __cplusplus
}
#endif

#endif
