/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf_event_open(2) and its ring buffers: opening, mapping, reading whole records.
 * Used by side-band discovery and by both collectors; knows no record type.
 */
#ifndef LINUX_PERF_H
#define LINUX_PERF_H

#include <linux/perf_event.h>
#include <stdbool.h>
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

/* When a system-wide event was last seen to live; start with all zero. */
struct perf_pulse {
	uint64_t enabled_ns;
	uint64_t checked_ns;
};
/*
 * Whether an enabled event has counted all the time since the last call. The kernel takes an event off a CPU that goes
 * away and does not put it back, however soon the CPU returns; its enabled time stands still from then on. The event
 * needs PERF_FORMAT_TOTAL_TIME_ENABLED alone as read_format. The first call only looks, and says true.
 */
bool perf_is_alive(int fd, struct perf_pulse *pulse);
/* The enabled time of such an event, 0 when it cannot be read. */
uint64_t perf_enabled_ns(int fd);

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
int perf_ring_open(struct perf_ring *ring, struct perf_event_attr *attr, int pid, int cpu,
		   uint32_t pages);
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
