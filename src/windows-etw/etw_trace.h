/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Windows .etl trace, told to a sink: processes, images, methods of .NET, CPU samples and waits with their stacks.
 * Used by src/etl_input.c and by tests; everything else in this folder is behind it. Portable C only.
 *
 * Times given to the sink are nanoseconds since the machine started. Samples wait until the user's part of their stack
 * has come, which is logged when the thread returns from the kernel: a quarter of a million of them at most.
 */
#ifndef ETW_TRACE_H
#define ETW_TRACE_H

#include "collector.h"
#include "windows-etw/etl_reader.h"

struct etw_trace;

/* What its samples are of; those behind the first only where the trace has context switches. */
enum etw_kind {
	ETW_KIND_CPU,
	ETW_KIND_OFF_CPU, /* "off-cpu": how long a thread did not run, with the stack it stopped in */
	ETW_KIND_READY,   /* "ready": for how much of that it waited only for a processor */
	ETW_KIND_COUNT
};

/* What is true of the whole trace. */
struct etw_trace_info {
	const struct etl_log *log;
	uint64_t start_ns;      /* of the first event, on the sink's clock */
	uint64_t start_wall_ns; /* the same instant since 1970 */
	uint64_t end_ns;        /* of the last event */
	uint32_t nr_kinds;
	struct collector_kind kinds[ETW_KIND_COUNT]; /* [nr_kinds] */
};

/* What became of the events. */
struct etw_trace_counts {
	uint64_t events;
	uint64_t samples; /* CPU samples in the trace: idle + told */
	uint64_t idle;    /* of processors that had nothing to do; not told */
	uint64_t told;
	uint64_t told_idle; /* of these, of a processor's idle thread, but in an interrupt or DPC */
	uint64_t with_stack;  /* of those told, not idle */
	uint64_t without_pid; /* of those told: whose process is not known */
	uint64_t
		stacks_of_others; /* stacks, and references to them, of events that are no samples */
	uint64_t keys_unknown;    /* references to a stack that is nowhere defined */
	uint64_t unreadable;      /* events whose payload does not fit its layout */
	uint64_t switches;        /* context switches */
	uint64_t waits;           /* told: of threads between two context switches */
	uint64_t waits_cut; /* not told: they began before the trace, or had not ended with it */
};

/*
 * Reads the trace once, for what must be known before its first sample. in: borrowed until etw_trace_free().
 * Returns 0, or an error of etl_reader_open() or etl_reader_next() with *err.
 */
int etw_trace_open(const struct oc_input *in, struct etw_trace **ret_trace, struct oc_error *err);
/* Accepts NULL. */
void etw_trace_free(struct etw_trace *t);

void etw_trace_info(const struct etw_trace *t, struct etw_trace_info *ret_info);

/*
 * Reads the trace again and tells it to the sink, once, in order of time. What could not be read is told as notes.
 * Returns 0; -EBADMSG with *err when the trace is cut or damaged: what could be read was told; or the sink's error, -EIO
 * or -ENOMEM.
 */
int etw_trace_tell(struct etw_trace *t, struct sink *sink, struct oc_error *err);

const struct etw_trace_counts *etw_trace_counts(const struct etw_trace *t);

#endif
