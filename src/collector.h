/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one interface between an operating system and the export machine.
 * A collector (Linux BPF, Linux perf events, ETW, replay) produces; the sink (src/machine_sink.c) takes.
 * Neither side may know more of the other than this file says.
 *
 * Contract
 * - Times are CLOCK_MONOTONIC nanoseconds; ids are OS ids as seen in the initial PID namespace of the collector.
 * - All sink calls come from poll() and stop(), on one thread, in time order; stack_define comes before any use.
 *   Aggregated samples come when their counters are drained and name the process image they belong to.
 * - Pointers passed to the sink are borrowed for the call.
 * - lost() is part of the contract: what a collector could not deliver, it says.
 * - A sink call that fails (out of memory) makes the sink's `error` nonzero; collectors stop soon after.
 */
#ifndef COLLECTOR_H
#define COLLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/error.h>
#include <onecollect/ledger.h>
#include <onecollect/machine.h>
#include <onecollect/recording.h>

/* Names an image of a process towards the sink; given out by it, 0 = none. */
typedef uint32_t sink_process;
/* Names a thread of such an image. */
typedef uint32_t sink_thread;

/* What is mapped, for systems whose paths do not tell. */
enum collector_mapping_type {
	COLLECTOR_BY_PATH, /* Linux: see collector_mapping.path */
	COLLECTOR_FILE,
	COLLECTOR_ANON,
	COLLECTOR_KERNEL, /* a file of the kernel, there in every process; never removed */
};

/* Facts of a file mapping; memory that is not executable is not reported. */
struct collector_mapping {
	enum collector_mapping_type type;
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	const char *
		path; /* as the process sees it; "" or "//anon" = anonymous, "[vdso]", "[heap]", ... */
	const uint8_t *build_id; /* [build_id_size]; NULL = unknown */
	uint8_t build_id_size;
	uint64_t device; /* dev_t; 0 = unknown */
	uint64_t inode;  /* both, of COLLECTOR_ANON: tell apart what lay in one place in turn */
	const char *symbol_file; /* name of its PDB file; NULL = unknown */
};

/* A function that pid has in memory and no file of ours names: made, or bound, by its language's runtime. */
struct collector_code {
	uint64_t start;
	uint64_t size;
	const char *name;
};

/* Facts of a process found or born. Strings may be NULL = unknown. */
struct collector_process {
	uint32_t pid;
	uint32_t
		parent_pid; /* forked from this process at time_ns; 0 = found running, nothing inherited */
	uint32_t ns_pid; /* 0 = unknown */
	const char *comm;
	const char *exe;
	const char *cgroup;
	const char *container; /* id of the container, from the cgroup's name */
};

/* A mapping as the sink has it, for a collector that unwinds by tables. */
struct sink_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	uint32_t module;         /* the sink's number of what is mapped, for module_open() */
	const uint8_t *build_id; /* [build_id_size], borrowed; size 0 = unknown */
	uint8_t build_id_size;
	enum { SINK_MAPPING_FILE, SINK_MAPPING_VDSO, SINK_MAPPING_ANON } type;
};

/* Why a thread did not run, and who ended that. NULL and 0 = unknown. */
struct collector_wait {
	const char *reason; /* a word of the system's: "WrQueue", "preempted" */
	sink_process waker_process;
	sink_thread waker;
};

struct collector_sample {
	uint64_t
		time_ns; /* 0 = aggregated; of a wait its end, so that it lasted `value` until then */
	uint64_t count;
	uint64_t value; /* in the unit of its kind */
	uint32_t kind;  /* index into struct collector.kinds */
	uint32_t cpu;   /* UINT32_MAX = unknown */
	sink_process process;
	sink_thread thread;
	uint64_t ip; /* where the sample hit, when the stacks below are without it; else 0 */
	bool ip_in_kernel;
	uint64_t user_stack; /* ids given to stack_define; 0 = none */
	uint64_t kernel_stack;
	/* Addresses from the first to below the second may be those of what was mapped there before; both 0 = none. */
	uint64_t unsure_start;
	uint64_t unsure_end;
	bool has_user_part; /* false for kernel threads: no user stack is missing */
	bool is_complete;   /* the collector knows that the user stack reaches its root */
	/* Known already by the collector; OC_STACK_COUNT = let the sink judge. */
	enum oc_stack_reason incomplete;
	const struct collector_wait
		*wait; /* of kinds that measure waits; NULL = no wait, or nothing known */
};

struct sink;

struct sink_ops {
	/* A process was born (parent_pid != 0) or found. Returns its name, 0 after an error. */
	sink_process (*process_start)(struct sink *sink, uint64_t time_ns,
				      const struct collector_process *process);
	/* pid replaced its program; comm is its new name. */
	sink_process (*process_exec)(struct sink *sink, uint64_t time_ns, uint32_t pid,
				     const char *comm);
	/* The whole process has ended. */
	void (*process_exit)(struct sink *sink, uint64_t time_ns, uint32_t pid);
	/* The image that pid is now; one without facts is made when it was not known. */
	sink_process (*process_now)(struct sink *sink, uint64_t time_ns, uint32_t pid);
	/* Is this image the one that its pid is now? Changes nothing. */
	bool (*process_is_now)(struct sink *sink, sink_process process);
	/* More facts about a process became known; fields that are 0 or NULL say nothing. */
	void (*process_facts)(struct sink *sink, sink_process process,
			      const struct collector_process *facts);
	/* A thread of an image; ns_tid 0 and name NULL = unknown. */
	sink_thread (*thread)(struct sink *sink, sink_process process, uint32_t tid,
			      uint32_t ns_tid, const char *name);
	/* pid mapped something executable; replaces what it overlaps. */
	void (*mapping_add)(struct sink *sink, uint64_t time_ns, uint32_t pid,
			    const struct collector_mapping *mapping);
	void (*mapping_remove)(struct sink *sink, uint64_t time_ns, uint32_t pid, uint64_t start,
			       uint64_t end);
	/* pid has code with a name; where functions overlap the one said last is meant. Maps nothing. */
	void (*code_add)(struct sink *sink, uint64_t time_ns, uint32_t pid,
			 const struct collector_code *code);
	/* The first executable mapping of an image, as they are now, that ends above `address`. False = none. */
	bool (*mapping_next)(struct sink *sink, sink_process process, uint64_t address,
			     struct sink_mapping *ret_mapping);
	/* Opens the file of a module that `pid` maps: a descriptor owned by the caller, or a negative errno value. */
	int (*module_open)(struct sink *sink, uint32_t module, uint32_t pid);
	/* The same for its separate debug file, if that has call frame information. */
	int (*module_open_frames)(struct sink *sink, uint32_t module, uint32_t pid);
	/* The frames of a stack id; addresses[nr], leaf first, as the OS gave them. Saying it again changes nothing. */
	void (*stack_define)(struct sink *sink, uint64_t id, const uint64_t *addresses, uint32_t nr,
			     bool kernel);
	void (*sample)(struct sink *sink, const struct collector_sample *sample);
	/* count samples of a kind were lost. */
	void (*lost)(struct sink *sink, uint32_t kind, enum oc_loss reason, uint64_t count);
	/* Something noteworthy that lost no sample. */
	void (*note)(struct sink *sink, enum oc_note note, uint64_t count);
};

/* Embedded in the implementation. */
struct sink {
	const struct sink_ops *ops;
	int error; /* 0, or the first negative errno value */
};

/* A kind of sample that a collector delivers. */
struct collector_kind {
	const char *name;
	enum oc_unit unit; /* of the samples' values; OC_UNIT_COUNT for those that only count */
	bool cycles;       /* triggered by a counter of CPU cycles instead of the clock */
	uint64_t period_ns;
};

/* Counts of one kind that only the collector knows. */
struct collector_kind_stats {
	uint64_t due;
	uint64_t idle;
	uint64_t filtered;
	uint64_t taken;
};

struct collector_stats {
	struct collector_kind_stats kinds[OC_KINDS_MAX];
	uint64_t samples; /* delivered so far, for progress display */
	uint64_t stacks;  /* distinct stacks defined so far */
	uint64_t lost;    /* so far */
	uint64_t map_bytes;
	uint64_t kernel_to_user_bytes;
	bool has_bpf_time;
	uint64_t bpf_ns;
	uint64_t bpf_runs;
	uint64_t first_event_ns; /* CLOCK_MONOTONIC when the first event was enabled */
	uint32_t nr_cpus;
};

/* What to record; a flat copy of what the caller of a recording asked for. Arrays are borrowed until free(). */
struct collector_opts {
	uint32_t frequency_hz;
	bool timeline; /* a record per sample instead of counters */
	const uint32_t
		*pids; /* [nr_pids]; with their future threads and children; none = everything */
	uint32_t nr_pids;
	const char *const *
		process_globs; /* [nr_process_globs], fnmatch(3) on comm or base name of the executable */
	uint32_t nr_process_globs;
	const char *cgroup;   /* path of a cgroup directory; NULL = all */
	const uint32_t *cpus; /* [nr_cpus], sorted; none = all online */
	uint32_t nr_cpus;
	uint64_t ring_bytes;  /* 0 = default; rounded up to a power of two of pages */
	uint32_t map_entries; /* 0 = default, from rate and CPUs */
	bool bpf_stats;       /* measure the run time of our BPF programs */
	bool kernel_stacks;
	enum oc_unwind unwind;
	uint64_t unwind_budget_bytes; /* 0 = default */
	const char *unwind_cache;     /* directory; NULL = none */
};

struct collector {
	const struct collector_ops *ops;
	const struct collector_kind *kinds;
	uint32_t nr_kinds;
};

struct oc_kernel_symbol;

struct collector_ops {
	const char *name; /* "bpf", "perf-event" */
	/* Can this collector work here, with this privilege? 0, or -EPERM, -ENOSYS, -EOPNOTSUPP, ... with *err. */
	int (*probe)(const struct collector_opts *opts, struct oc_error *err);
	/* Makes a collector; nothing is attached yet. The sink must outlive it. */
	int (*open)(const struct collector_opts *opts, struct sink *sink,
		    struct collector **ret_collector, struct oc_error *err);
	/* Opens discovery, scans what runs already, attaches and enables. */
	int (*start)(struct collector *c, struct oc_error *err);
	/*
	 * Waits up to timeout_ms (or until wake()) for data and delivers what there is.
	 * Returns 0 or a negative errno value with *err.
	 */
	int (*poll)(struct collector *c, int timeout_ms, struct oc_error *err);
	/* Makes a poll() in progress, or the next, return at once. Async-signal-safe, any thread. */
	void (*wake)(struct collector *c);
	/* Disables events, then delivers everything that is still on its way. */
	int (*stop)(struct collector *c, struct oc_error *err);
	/* Counts so far; complete after stop(). */
	void (*stats)(struct collector *c, struct collector_stats *ret_stats);
	/* NULL, or what oc_symbolizer_ask_kernel() takes; arg: the collector. */
	int (*kernel_symbol)(void *collector, uint64_t address,
			     struct oc_kernel_symbol *ret_symbol);
	/* Detaches and frees; allowed in any state. Accepts NULL. */
	void (*free)(struct collector *c);
};

/* Linux: BPF programs on perf events; needs CAP_BPF and CAP_PERFMON. */
extern const struct collector_ops linux_bpf_collector;
/* Linux: perf_event ring buffers, for one's own processes without privilege. */
extern const struct collector_ops linux_perf_collector;

#endif
