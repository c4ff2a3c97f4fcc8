/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loss ledger: what should have been recorded, what was, and where the rest went; and what recording cost.
 * Filled by the collector and the machine, carried into every output that can hold it, printed by the command.
 */
#ifndef ONECOLLECT_LEDGER_H
#define ONECOLLECT_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include <onecollect/error.h>
#include <onecollect/loss.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OC_LOSS_ENUM(NAME, name, text) OC_LOSS_##NAME,
enum oc_loss { OC_LOSS_REASONS(OC_LOSS_ENUM) OC_LOSS_COUNT };
#define OC_STACK_ENUM(NAME, name, text) OC_STACK_##NAME,
enum oc_stack_reason { OC_STACK_REASONS(OC_STACK_ENUM) OC_STACK_COUNT };
#undef OC_LOSS_ENUM
#undef OC_STACK_ENUM

#define OC_KINDS_MAX 16

/* One kind of sample ("cpu"). All counts are samples. */
struct oc_ledger_kind {
	char name[32];
	char unit[16];      /* "count", "nanoseconds", "bytes" */
	uint64_t period_ns; /* time between two samples of one CPU; 0 when not sampled by time */
	uint64_t due;       /* online CPU time / period, of the CPUs recorded */
	uint64_t idle;      /* taken by no task: the CPU was idle */
	uint64_t
		filtered; /* of a task that was not asked for, or left out by oc_machine_select() */
	uint64_t taken;   /* of a task that was asked for: taken = kept + sum(lost) */
	uint64_t kept;
	uint64_t lost[OC_LOSS_COUNT];
	uint64_t stacks;   /* kept samples with a user part that should have a stack */
	uint64_t complete; /* of these, stacks that reach their root */
	uint64_t incomplete[OC_STACK_COUNT];
};

/* What the recorder itself used. */
struct oc_ledger_self {
	double user_s;
	double system_s;
	bool has_bpf_time; /* bpf_ns and bpf_runs were measured */
	uint64_t bpf_ns;
	uint64_t bpf_runs;
	uint64_t peak_rss_bytes;
	uint64_t map_bytes; /* kernel memory of BPF maps and ring buffers */
	uint64_t kernel_to_user_bytes;
	double start_ms; /* from the call to the first enabled event */
	double stop_ms;  /* from the request to stop until all data was taken */
};

struct oc_ledger_output {
	char *path;
	const char *format;
	uint64_t bytes;
	uint64_t samples;
};

/* How the command that was recorded ended. */
enum oc_command_end { OC_COMMAND_NONE, OC_COMMAND_RUNNING, OC_COMMAND_EXITED, OC_COMMAND_SIGNALED };
struct oc_ledger_command {
	enum oc_command_end end; /* NONE: no command; RUNNING: when the recording ended */
	int code;                /* exit status, or the signal's number */
};

/* Things that went wrong without losing a sample, each a counter with a name. Part of the closed list. */
#define OC_NOTES(X)                                                                          \
	X(SIDEBAND_LOST, "sideband_lost",                                                    \
	  "process or mapping records lost by the kernel; rescanned from /proc")             \
	X(FILES_NOT_KEPT, "files_not_kept",                                                  \
	  "mapped files that could not be kept open; late symbols may miss")                 \
	X(PERF_MAP_LINES, "perf_map_lines_skipped", "malformed lines of perf map files")     \
	X(PERF_MAPS_REFUSED, "perf_maps_refused",                                            \
	  "perf map files with a wrong owner, type or size")                                 \
	X(FILES_REFUSED, "files_refused",                                                    \
	  "files of targets that are damaged, too large or of another build")                \
	X(CHILDREN_MISSED, "children_missed",                                                \
	  "child processes that were not followed; the table of pids was full")              \
	X(FOREIGN_RECORDS, "foreign_records",                                                \
	  "records of processes outside our PID namespace; run the recorder in the host's")  \
	X(CPU_REOPENED, "cpu_reopened", "CPUs that came back and were opened again")         \
	X(KERNEL_SYMBOLS_HIDDEN, "kernel_symbols_hidden",                                    \
	  "kernel addresses are hidden; see kernel.kptr_restrict")                           \
	X(SPILLED_SAMPLES, "spilled_samples",                                                \
	  "samples moved to a temporary file to stay inside --memory-budget")                \
	X(STACKS_COPIED, "stacks_copied",                                                    \
	  "user stacks that were copied and unwound here, for want of tables in the kernel") \
	X(UNWIND_EVICTED, "unwind_pages_evicted",                                            \
	  "pages of unwind tables taken out of the kernel to stay inside --unwind-budget")   \
	X(UNWIND_REFUSED, "unwind_refused",                                                  \
	  "unwind tables that could not be made, or did not fit: see no_table")              \
	X(PARTIAL_INPUT, "partial_input",                                                    \
	  "input files that end early; what their writer had not written is missing")        \
	X(TRACE_EVENTS_LOST, "trace_events_lost",                                            \
	  "events of any type that the trace's recorder lost; record with larger buffers")   \
	X(TRACE_DAMAGES, "trace_damages",                                                    \
	  "places where the trace is damaged or cut; what follows there is missing")         \
	X(TRACE_EVENTS_UNREADABLE, "trace_events_unreadable",                                \
	  "events of the trace whose content has a form that is not known")                  \
	X(WAITS_CUT, "waits_cut",                                                            \
	  "waits that began before the recording or had not ended with it; not in it")       \
	X(NOT_SELECTED, "not_selected",                                                      \
	  "samples left out by filters, or in other files of a split")                       \
	X(FRAME_FILTERS_IGNORED, "frame_filters_ignored",                                    \
	  "patterns of frames that a profile asks to leave out or to keep; all are kept")    \
	X(SYMBOLS_DOWNLOADED, "symbols_downloaded", "symbol files downloaded")               \
	X(SYMBOLS_NOT_FOUND, "symbols_not_found", "symbol files that no server has")         \
	X(SYMBOLS_REFUSED, "symbols_refused",                                                \
	  "symbol files of another build, beyond limits, or not asked for by such a name")   \
	X(SYMBOLS_FAILED, "symbols_failed",                                                  \
	  "symbol files that could not be downloaded, by failures or for want of time")      \
	X(KERNEL_LEFT_OUT, "kernel_left_out",                                                \
	  "samples in the kernel were not allowed and are missing; they need CAP_PERFMON")
#define OC_NOTE_ENUM(NAME, name, text) OC_NOTE_##NAME,
enum oc_note { OC_NOTES(OC_NOTE_ENUM) OC_NOTE_COUNT };
#undef OC_NOTE_ENUM

struct oc_ledger {
	uint64_t duration_ns;
	uint32_t nr_kinds;
	struct oc_ledger_kind kinds[OC_KINDS_MAX];
	uint64_t notes[OC_NOTE_COUNT];
	struct oc_ledger_self self;
	struct oc_ledger_command command;
	struct oc_ledger_output *outputs; /* [nr_outputs], owned */
	uint32_t nr_outputs;
	int exit_code;
};

/* Machine-readable name ("ring_full") and sentence of a reason; static text. reason must be below its _COUNT. */
OC_API const char *oc_loss_name(enum oc_loss reason);
OC_API const char *oc_loss_text(enum oc_loss reason);
OC_API const char *oc_stack_reason_name(enum oc_stack_reason reason);
OC_API const char *oc_stack_reason_text(enum oc_stack_reason reason);
OC_API const char *oc_note_name(enum oc_note note);
OC_API const char *oc_note_text(enum oc_note note);

/* Sum of a kind's losses, and of its incomplete stacks. */
OC_API uint64_t oc_ledger_lost(const struct oc_ledger_kind *kind);
OC_API uint64_t oc_ledger_incomplete(const struct oc_ledger_kind *kind);

/*
 * Samples that were due but for which no timer tick came: due - idle - filtered - taken. Normal for idle CPUs (a
 * hypervisor need not wake them) and for CPUs that the hypervisor gave to others; no work that ran here is missing.
 */
OC_API uint64_t oc_ledger_undelivered(const struct oc_ledger_kind *kind);

/*
 * Largest share of samples lost over all kinds, 0..1; beyond 0.01 the command exits with OC_EXIT_LOSSY.
 * What a sample filter dropped (OC_LOSS_HOOK) was meant to be dropped and does not count here.
 */
OC_API double oc_ledger_loss_share(const struct oc_ledger *ledger);

/* True when for every kind taken = kept + lost and stacks = complete + incomplete. */
OC_API bool oc_ledger_balanced(const struct oc_ledger *ledger);

/*
 * Records that an output was written. path is copied; format must be static text.
 * Returns 0 or -ENOMEM.
 */
OC_API int oc_ledger_add_output(struct oc_ledger *ledger, const char *path, const char *format,
				uint64_t bytes, uint64_t samples);

/*
 * The ledger as one JSON object on one line (without a newline), or as the summary for people (lines of text,
 * each with its newline). Reasons and notes that are zero are left out.
 * ret_text: set to a NUL-terminated string that the caller frees with free(3).
 * Returns 0 or -ENOMEM.
 */
OC_API int oc_ledger_json(const struct oc_ledger *ledger, char **ret_text);
OC_API int oc_ledger_summary(const struct oc_ledger *ledger, char **ret_text);

/* Frees what the ledger owns and clears it. */
OC_API void oc_ledger_done(struct oc_ledger *ledger);

#ifdef __cplusplus
}
#endif

#endif
