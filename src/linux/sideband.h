/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Discovery of processes, threads and mappings: perf side-band records (MMAP2, COMM, FORK, EXIT, LOST)
 * of a dummy event on each CPU, plus one scan of /proc for what ran before.
 * Used by both Linux collectors; talks to the sink; knows neither BPF nor the machine.
 * Source: perf_event_open(2), include/uapi/linux/perf_event.h.
 */
#ifndef LINUX_SIDEBAND_H
#define LINUX_SIDEBAND_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/error.h>

#include "collector.h"
#include "linux/cpus.h"
#include "linux/event_queue.h"

/* What each record carries at its end (and each sample at its beginning), see struct sideband_record_id. */
#define SIDEBAND_SAMPLE_TYPE (PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU)

struct sideband_record_id {
	uint32_t pid;
	uint32_t tid;
	uint64_t time_ns;
	uint32_t cpu;
	uint32_t reserved;
};

struct sideband;

struct sideband_opts {
	const uint32_t *cpus; /* [nr_cpus] to open the dummy event on, system-wide */
	uint32_t nr_cpus;
	const uint32_t *
		pids; /* [nr_pids]; when not 0: follow only these, on all CPUs (needs no privilege) */
	uint32_t nr_pids;
	uint32_t ring_pages; /* per buffer, a power of two; 0 = 64 */
	/*
	 * A second event, opened wherever the dummy event is, with buffers of its own; NULL = none. Its attributes must
	 * say disabled, sample_id_all, CLOCK_MONOTONIC and have SIDEBAND_SAMPLE_TYPE in sample_type.
	 */
	const struct perf_event_attr *sample_attr;
	uint32_t sample_pages; /* as ring_pages, for the second event */
	int epoll_fd;          /* each buffer's descriptor is added, EPOLLIN, with `epoll_data` */
	uint64_t epoll_data;
};

/*
 * Opens the dummy events, enabled. All record times are CLOCK_MONOTONIC.
 * Returns 0, or a negative errno value with *err (-EACCES and -EPERM name the missing capability or the
 * perf_event_paranoid value that would do).
 */
int sideband_open(const struct sideband_opts *opts, struct sink *sink,
		  struct sideband **ret_sideband, struct oc_error *err);
/* Closes the events and frees. Accepts NULL. */
void sideband_free(struct sideband *sb);

/*
 * Reports every process that runs now (or, with opts.pids, only those) with its executable mappings to the sink, as
 * of time_ns. To be called after sideband_open(), so that nothing falls in between; a record from the buffers that
 * tells the same again later changes nothing.
 * Processes that vanish during the scan are skipped. Returns 0 or a negative errno value with *err.
 */
int sideband_scan(struct sideband *sb, uint64_t time_ns, struct oc_error *err);

/* Enables or disables the second event everywhere. */
void sideband_enable_samples(struct sideband *sb, bool on);

/*
 * Moves all records from the buffers into the queue: source EVENT_SIDEBAND, of the second event EVENT_PERF_SAMPLE.
 * Returns 0 or -ENOMEM.
 */
int sideband_read(struct sideband *sb, struct event_queue *queue);

/*
 * Decodes one queued record and tells the sink. A PERF_RECORD_LOST is noted and makes the next
 * sideband_rescan_due() true.
 * Returns 0; a record that is too short for its type is ignored and noted as SIDEBAND_LOST.
 */
int sideband_handle(struct sideband *sb, uint64_t time_ns, const void *record, size_t size);

/* True when records were lost since the last scan; the collector then calls sideband_scan() again. */
bool sideband_rescan_due(const struct sideband *sb);

/* The image of a process as a sample shows it. */
struct sideband_image {
	uint32_t pid;
	uint32_t tid;         /* the thread that was sampled */
	uint64_t name;        /* a hash, not 0 */
	uint64_t start_stack; /* as /proc/PID/stat tells it; 0 = unknown */
	const char *comm;     /* of the thread */
};

/*
 * A sample shows what image a process runs. When it is not the one that the process is known to run, the records of an
 * exec are missing (its CPU's event was down): the sink is told of one, and the process's mappings are read anew,
 * unless /proc shows another image yet again; that one's mappings would be wrong ones.
 * Returns 0 or -ENOMEM.
 */
int sideband_see_image(struct sideband *sb, uint64_t time_ns, const struct sideband_image *seen);

/*
 * A CPU came back: opens its dummy event again. A CPU that went away needs no call.
 * Returns 0 or a negative errno value.
 */
int sideband_reopen_cpu(struct sideband *sb, uint32_t cpu);

/*
 * Looks whether CPUs were away, however shortly, or are new, and opens the events there again. What happened there
 * meanwhile is found by a scan, see sideband_rescan_due(). Returns the number of such CPUs.
 */
uint32_t sideband_check_cpus(struct sideband *sb, const struct cpu_list *online);

/* Bytes read from the buffers so far. */
uint64_t sideband_bytes(const struct sideband *sb);
/* Memory of the buffers. */
uint64_t sideband_buffer_bytes(const struct sideband *sb);

/*
 * Wanted-process filter: fn is called with each process that appears, execs or is renamed (pid, its comm, the base
 * name of its executable or "") and when it exits (comm NULL). After an exec the executable becomes known a moment
 * later; fn is called then again. To be set before the first scan. Used to resolve name globs to pids.
 */
typedef void (*sideband_watch_fn)(void *arg, uint32_t pid, const char *comm, const char *exe_base);
void sideband_watch(struct sideband *sb, sideband_watch_fn fn, void *arg);

/* An executable mapping that is new, or, when `ended`, the end of all of them (exec, exit). */
struct sideband_change {
	uint32_t pid;
	bool ended;
	uint64_t time_ns;
	uint64_t start;
	uint64_t end;
};

/*
 * For who keeps tables of what processes have mapped: fn is called after the sink was told of a mapping, and before it
 * is told of an end.
 */
typedef void (*sideband_mappings_fn)(void *arg, const struct sideband_change *change);
void sideband_watch_mappings(struct sideband *sb, sideband_mappings_fn fn, void *arg);

#endif
