/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One event opened in many places: on each CPU, or on each (thread, CPU) pair; in both cases one buffer per CPU.
 * Used by side-band discovery for its dummy event and for the fallback collector's samples.
 * Source: perf_event_open(2), PERF_EVENT_IOC_SET_OUTPUT.
 */
#ifndef LINUX_PERF_SET_H
#define LINUX_PERF_SET_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linux/cpus.h"
#include "linux/perf.h"

struct perf_set_opts {
	const struct perf_event_attr *attr; /* copied */
	const uint32_t *cpus;               /* [nr_cpus] */
	uint32_t nr_cpus;
	bool of_tasks; /* no event yet: they come with perf_set_add_thread(); otherwise system-wide */
	uint32_t pages; /* data pages per buffer, a power of two */
	int epoll_fd;   /* gets each buffer's descriptor with EPOLLIN; -1 = none */
	uint64_t epoll_data;
};

/* Embedded; start with all zero. */
struct perf_set {
	struct perf_event_attr attr;
	struct perf_ring *rings;   /* [nr_rings], one per CPU that is there, in the order given */
	struct perf_pulse *pulses; /* [nr_rings], of their events when system-wide */
	uint32_t nr_rings;
	bool of_tasks;
	uint32_t pages;
	int epoll_fd;
	uint64_t epoll_data;
	int *fds; /* events of threads, each redirected into the buffer of its CPU */
	size_t nr_fds;
	size_t fds_cap;
};

/* Opens the buffers; a CPU that is offline is left out. Returns 0, -ENODEV when all are, or a negative errno value, *set all zero then. */
int perf_set_open(struct perf_set *set, const struct perf_set_opts *opts);
/* Closes all. Accepts an all-zero set. */
void perf_set_done(struct perf_set *set);

/* Opens the event on a thread, on all CPUs of the set. Returns 0, -ESRCH = it has ended, or another negative errno. */
int perf_set_add_thread(struct perf_set *set, uint32_t tid);

/*
 * A CPU of the set came back: its system-wide event, which the kernel took off it, is opened again. What was not read
 * from its buffer is dropped. Events of threads stay as they are. Returns 0, -ENOENT (not a CPU of the set) or a
 * negative errno value.
 */
int perf_set_reopen_cpu(struct perf_set *set, uint32_t cpu);

/*
 * Opens anew the system-wide events of CPUs of the set that were away since the last call, however shortly, and, with
 * `grow`, those of CPUs that the set did not have. Nothing for events of threads. The attributes need read_format
 * PERF_FORMAT_TOTAL_TIME_ENABLED. Returns how many were opened.
 */
uint32_t perf_set_check_cpus(struct perf_set *set, const struct cpu_list *online, bool grow);

/* Enables or disables all events and what inherited from them. */
void perf_set_enable(struct perf_set *set, bool on);

/* Memory of the buffers. */
size_t perf_set_bytes(const struct perf_set *set);

#endif
