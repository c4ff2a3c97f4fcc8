/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of processes and threads.
 * Called by etw_tell.c and etw_trace.c.
 * Must not call the sink.
 */
#include "windows-etw/etw_tasks.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/utf16.h"

void etw_tasks_done(struct etw_tasks *tasks)
{
	u32_map_done(&tasks->by_pid);
	u32_map_done(&tasks->by_tid);
	free(tasks->processes);
	free(tasks->threads);
	arena_done(&tasks->names);
	*tasks = (struct etw_tasks){ 0 };
}

struct etw_task_process *etw_tasks_process(struct etw_tasks *tasks, uint32_t pid)
{
	uint32_t index;

	if (u32_map_get(&tasks->by_pid, pid + 1, &index))
		return &tasks->processes[index];
	index = (uint32_t)tasks->nr_processes;
	if (array_reserve(&tasks->processes, &tasks->processes_cap, tasks->nr_processes + 1,
			  sizeof(*tasks->processes)) ||
	    u32_map_set(&tasks->by_pid, pid + 1, index))
		return NULL;
	tasks->processes[index] = (struct etw_task_process){ .pid = pid };
	tasks->nr_processes++;
	return &tasks->processes[index];
}

/* Begins a life. Returns its index or -ENOMEM. */
static int64_t add_thread(struct etw_tasks *tasks, uint32_t tid, uint32_t pid)
{
	uint32_t index = (uint32_t)tasks->nr_threads;

	if (tasks->nr_threads >= UINT32_MAX ||
	    array_reserve(&tasks->threads, &tasks->threads_cap, tasks->nr_threads + 1,
			  sizeof(*tasks->threads)) ||
	    u32_map_set(&tasks->by_tid, tid + 1, index))
		return -ENOMEM;
	tasks->threads[index] = (struct etw_task_thread){ .tid = tid, .pid = pid };
	tasks->nr_threads++;
	return index;
}

int64_t etw_tasks_thread(struct etw_tasks *tasks, uint32_t tid)
{
	uint32_t index;

	/* No thread has the largest number; who says so in a sample is damaged. */
	tid = MIN(tid, ETL_NO_ID - 1);
	if (u32_map_get(&tasks->by_tid, tid + 1, &index))
		return index;
	return add_thread(tasks, tid, tid ? ETL_NO_ID : 0);
}

int etw_tasks_thread_name(struct etw_tasks *tasks, const struct etw_thread *thread)
{
	struct buffer text = BUFFER_INIT;
	int64_t index;
	int rc = 0;

	if (!thread->name.size || thread->tid == ETL_NO_ID)
		return 0;
	index = etw_tasks_thread(tasks, thread->tid);
	utf16_to_utf8(&text, thread->name.data, thread->name.size);
	if (index < 0 || text.error) {
		rc = -ENOMEM;
	} else if (text.len) {
		char *copy = arena_copy(&tasks->names, text.data, text.len);

		/* What the sink was told goes for a life; the name is told again with the next sample. */
		tasks->threads[index].text = copy;
		tasks->threads[index].name = 0;
		rc = copy ? 0 : -ENOMEM;
	}
	buffer_done(&text);
	return rc;
}

int etw_tasks_thread_event(struct etw_tasks *tasks, const struct etw_thread *thread)
{
	uint32_t index;
	int64_t rc = 0;

	if (thread->tid == ETL_NO_ID)
		return 0;
	if (thread->moment == ETW_START || !u32_map_get(&tasks->by_tid, thread->tid + 1, &index)) {
		rc = add_thread(tasks, thread->tid, thread->pid);
	} else if (tasks->threads[index].pid == ETL_NO_ID) {
		tasks->threads[index].pid = thread->pid;
	}
	if (rc < 0)
		return (int)rc;
	if (thread->moment == ETW_START)
		tasks->threads[rc].started = true;
	return etw_tasks_thread_name(tasks, thread);
}
