/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes of a perf.data file, as they come and go.
 * Called by perf_data_tell.c.
 * Must not know records.
 */
#include "perf_data_tasks.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"

/* What a sample says whose task has no number any more, and every number that is none. */
#define PID_GONE UINT32_MAX

void perf_data_tasks_done(struct perf_data_tasks *tasks)
{
	u32_map_done(&tasks->by_pid);
	free(tasks->tasks);
	tasks->tasks = NULL;
	tasks->nr = tasks->cap = 0;
}

struct perf_data_task *perf_data_task_of(struct perf_data_tasks *tasks, uint32_t pid)
{
	uint32_t key = MIN(pid, (uint32_t)INT32_MAX + 1) + 1, index;

	if (u32_map_get(&tasks->by_pid, key, &index))
		return &tasks->tasks[index];
	if (array_reserve(&tasks->tasks, &tasks->cap, tasks->nr + 1, sizeof(*tasks->tasks)) ||
	    u32_map_set(&tasks->by_pid, key, (uint32_t)tasks->nr))
		return NULL;
	tasks->tasks[tasks->nr] =
		(struct perf_data_task){ .pid = pid > INT32_MAX ? PID_GONE : pid };
	return &tasks->tasks[tasks->nr++];
}

struct perf_data_task *perf_data_task_named(struct perf_data_tasks *tasks, uint32_t pid,
					    uint64_t time_ns)
{
	struct perf_data_task *task = perf_data_task_of(tasks, pid);

	if (!task || task->name)
		return task;
	task->name = tasks->sink->ops->process_now(tasks->sink, time_ns, task->pid);
	task->alive = true;
	if (!task->pid && task->name) {
		const struct collector_process idle = { .comm = "swapper" };

		tasks->sink->ops->process_facts(tasks->sink, task->name, &idle);
	}
	return task->name ? task : NULL;
}

int perf_data_task_forked(struct perf_data_tasks *tasks, uint32_t pid, uint32_t parent_pid,
			  uint64_t time_ns)
{
	struct perf_data_task *task = perf_data_task_named(tasks, parent_pid, time_ns);
	struct collector_process born = { .pid = pid };

	if (!task)
		return -ENOMEM;
	/* Of a parent that has ended nothing can be inherited any more. */
	born.parent_pid = task->alive ? task->pid : 0;
	task = perf_data_task_of(tasks, pid);
	if (!task)
		return -ENOMEM;
	if (task->alive)
		tasks->sink->ops->process_exit(tasks->sink, time_ns, task->pid);
	*task = (struct perf_data_task){
		.pid = task->pid, .nr_threads = 1, .alive = true, .is_told = true
	};
	born.pid = task->pid;
	task->name = tasks->sink->ops->process_start(tasks->sink, time_ns, &born);
	return task->name ? 0 : -ENOMEM;
}

int perf_data_task_found(struct perf_data_tasks *tasks, uint32_t pid, uint64_t time_ns)
{
	struct perf_data_task *task = perf_data_task_named(tasks, pid, time_ns);

	if (!task)
		return -ENOMEM;
	if (task->is_told && task->alive)
		return 0;
	if (!task->alive) {
		task->name = tasks->sink->ops->process_now(tasks->sink, time_ns, task->pid);
		task->alive = true;
	}
	task->nr_threads = 1;
	task->wants_exe = true;
	task->is_told = true;
	return task->name ? 0 : -ENOMEM;
}

int perf_data_task_exec(struct perf_data_tasks *tasks, uint32_t pid, const char *comm,
			uint64_t time_ns)
{
	struct perf_data_task *task = perf_data_task_of(tasks, pid);

	if (!task)
		return -ENOMEM;
	/* The kernel ended all other threads first. */
	*task = (struct perf_data_task){
		.pid = task->pid, .nr_threads = 1, .alive = true, .wants_exe = true, .is_told = true
	};
	task->name = tasks->sink->ops->process_exec(tasks->sink, time_ns, task->pid, comm);
	return task->name ? 0 : -ENOMEM;
}

int perf_data_task_thread_ended(struct perf_data_tasks *tasks, uint32_t pid, uint64_t time_ns)
{
	struct perf_data_task *task = perf_data_task_of(tasks, pid);

	if (!task)
		return -ENOMEM;
	if (!task->alive || !task->is_told || (task->nr_threads && --task->nr_threads))
		return 0;
	tasks->sink->ops->process_exit(tasks->sink, time_ns, task->pid);
	task->alive = false;
	return 0;
}
