/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes and threads of a trace as they come and go, and what the sink calls them.
 * Used by etw_tell.c and etw_trace.c.
 */
#ifndef ETW_TASKS_H
#define ETW_TASKS_H

#include "base/arena.h"
#include "base/u32_map.h"
#include "collector.h"
#include "windows-etw/etw_decode.h"

struct etw_task_process {
	uint32_t pid;
	sink_process name; /* the sink's */
	bool alive;
	bool guessed; /* made for what spoke of it before its own events */
	bool has_exe;
	char image[128]; /* base name of its program, cut */
};

/* One life of a thread id. */
struct etw_task_thread {
	uint32_t tid;
	uint32_t pid;         /* ETL_NO_ID = not known */
	bool started;         /* within the trace */
	const char *text;     /* its name, UTF-8; NULL = none */
	sink_process process; /* what `name` belongs to */
	sink_thread name;
};

/* Embedded; start with all zero. */
struct etw_tasks {
	struct u32_map by_pid; /* pid + 1 -> index */
	struct etw_task_process *processes;
	size_t nr_processes;
	size_t processes_cap;
	struct u32_map by_tid; /* tid + 1 -> index of its present life */
	struct etw_task_thread *threads;
	size_t nr_threads;
	size_t threads_cap;
	struct arena names;
};

void etw_tasks_done(struct etw_tasks *tasks);

/* The process called pid, made when it is new; pid is not ETL_NO_ID. NULL = no memory. Valid until the next call. */
struct etw_task_process *etw_tasks_process(struct etw_tasks *tasks, uint32_t pid);

/*
 * A thread event: a new life begins at a start, or when the id was not known; other events only add the process.
 * Returns 0 or -ENOMEM.
 */
int etw_tasks_thread_event(struct etw_tasks *tasks, const struct etw_thread *thread);
/* A thread got a name. Returns 0 or -ENOMEM. */
int etw_tasks_thread_name(struct etw_tasks *tasks, const struct etw_thread *thread);
/* Index of the present life of tid, made when it is new; or -ENOMEM. */
int64_t etw_tasks_thread(struct etw_tasks *tasks, uint32_t tid);

#endif
