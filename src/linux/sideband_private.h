/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of discovery share: sideband.c (events, reading), sideband_records.c (from records to the sink) and
 * sideband_scan.c (from /proc to the sink).
 */
#ifndef LINUX_SIDEBAND_PRIVATE_H
#define LINUX_SIDEBAND_PRIVATE_H

#include "base/buffer.h"
#include "linux/live_tasks.h"
#include "linux/perf_set.h"
#include "linux/sideband.h"

struct sideband {
	struct sink *sink;
	struct perf_set dummy;
	struct perf_set samples; /* the second event; all zero = none */
	uint32_t *pids;          /* [nr_pids] followed; none = system-wide */
	uint32_t nr_pids;

	struct live_tasks tasks;
	sideband_watch_fn watch_fn;
	void *watch_arg;
	sideband_mappings_fn mappings_fn;
	void *mappings_arg;

	uint64_t bytes;
	bool rescan_due;
	uint32_t nr_scans;
	uint64_t scan_ns; /* time of the last scan; what is told later is never told as of before */
	char own_pid_ns[64];   /* target of /proc/self/ns/pid; "" = unknown */
	struct buffer text;    /* scratch: a file of /proc */
	struct buffer cgroup;  /* scratch: another one */
	bool no_mapping_query; /* PROCMAP_QUERY is not there */
};

/* Calls the watcher, if any, about a process that is known. */
void sideband_tell_watcher(struct sideband *sb, const struct live_process *process);
/* Tells who watches mappings, if anybody does. */
void sideband_tell_change(struct sideband *sb, const struct sideband_change *change);
/* Tells the sink of an exec, and who watches mappings. */
sink_process sideband_tell_exec(struct sideband *sb, uint64_t time_ns, uint32_t pid,
				const char *comm);
/* Tells the sink of a mapping, and who watches mappings. */
void sideband_tell_mapping(struct sideband *sb, uint64_t time_ns, uint32_t pid,
			   const struct collector_mapping *mapping);
/* A process has ended, or is not there any more: tells the sink and the watcher, and forgets it. */
void sideband_end_process(struct sideband *sb, uint64_t time_ns, uint32_t pid);
/* Sets a process's comm, cut to what the kernel keeps. */
void live_set_comm(struct live_process *process, const char *comm, size_t len);

#endif
