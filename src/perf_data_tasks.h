/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes a perf.data file has told of, and what the sink calls them.
 * Used by perf_data_tell.c.
 */
#ifndef PERF_DATA_TASKS_H
#define PERF_DATA_TASKS_H

#include "base/u32_map.h"
#include "collector.h"

struct perf_data_task {
	uint32_t pid;
	sink_process name;   /* the sink's; 0 = it was not told yet */
	uint32_t nr_threads; /* known to be alive */
	bool alive;
	bool wants_exe; /* the first file that it maps executable is its program */
	bool is_told;   /* a record told of it, not only a sample */
};

/* Embedded; start with all zero. */
struct perf_data_tasks {
	struct sink *sink;
	struct u32_map by_pid; /* pid + 1 -> index */
	struct perf_data_task *tasks;
	size_t nr;
	size_t cap;
};

void perf_data_tasks_done(struct perf_data_tasks *tasks);
/* The process called pid, made when it is new. NULL = no memory. Valid until the next call. */
struct perf_data_task *perf_data_task_of(struct perf_data_tasks *tasks, uint32_t pid);
/*
 * The same with its name set: of the present image, or of the last one when it has ended, for a thread may be sampled
 * on its way out. NULL = no memory.
 */
struct perf_data_task *perf_data_task_named(struct perf_data_tasks *tasks, uint32_t pid,
					    uint64_t time_ns);

/* What happened to it. Each returns 0 or -ENOMEM. */
int perf_data_task_forked(struct perf_data_tasks *tasks, uint32_t pid, uint32_t parent_pid,
			  uint64_t time_ns);
int perf_data_task_found(struct perf_data_tasks *tasks, uint32_t pid, uint64_t time_ns);
int perf_data_task_exec(struct perf_data_tasks *tasks, uint32_t pid, const char *comm,
			uint64_t time_ns);
/* One of its threads has ended, and with the last one it. */
int perf_data_task_thread_ended(struct perf_data_tasks *tasks, uint32_t pid, uint64_t time_ns);

#endif
