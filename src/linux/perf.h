/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf_event_open(2) and its ring buffers: opening, mapping, reading whole records.
 * Used by side-band discovery and by both collectors; knows no record type.
 */
#ifndef LINUX_PERF_H
#define LINUX_PERF_H

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/error.h>

/* One event with its mapped buffer; fd -1 = closed. */
struct perf_ring {
	int fd;
	int cpu;          /* -1 = any */
	void *base;       /* header page, then data; NULL = no buffer */
	size_t data_size; /* bytes, a power of two */
	char *wrapped;    /* scratch for a record that crosses the end */
};

/* The system call. Returns a descriptor or a negative errno value. */
int perf_open(struct perf_event_attr *attr, int pid, int cpu, int group_fd);

/*
 * Fills in *err for a failed perf_open(): names what was wanted, the missing capability (CAP_PERFMON), the present
 * kernel.perf_event_paranoid and the value that would do, the limit kernel.perf_event_max_sample_rate, or the fd limit.
 * Returns code.
 */
int perf_explain(int code, const char *what, struct oc_error *err);

/*
 * Opens an event and maps `pages` (a power of two) data pages.
 * Returns 0, or a negative errno value with *ring closed; -ENOBUFS: the memory that a user may lock is used up.
 */
int perf_ring_open(struct perf_ring *ring, struct perf_event_attr *attr, int pid, int cpu, uint32_t pages);
/* Unmaps and closes. */
void perf_ring_close(struct perf_ring *ring);
/* Gets one whole record, record->size bytes, 8-byte aligned, borrowed for the call. Nonzero stops the reading. */
typedef int (*perf_record_fn)(void *arg, const struct perf_event_header *record);

/*
 * Calls fn with each record and frees their room. Sizes that cannot be right (0, beyond the head) end the reading with
 * -EBADMSG, all data skipped. Stops when fn returns nonzero and returns that; the record counts as read.
 */
int perf_ring_read(struct perf_ring *ring, perf_record_fn fn, void *arg);
/* The same, but everything stays in the buffer. */
int perf_ring_peek(struct perf_ring *ring, perf_record_fn fn, void *arg);

#endif
