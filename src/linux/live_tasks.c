/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeping count of what is alive.
 * Called by side-band discovery.
 * Must not know where the news come from.
 */
#include "linux/live_tasks.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"

void live_tasks_done(struct live_tasks *t)
{
	free(t->processes);
	u32_map_done(&t->by_pid);
	u32_map_done(&t->by_tid);
	id_table_done(&t->exe_index);
	free(t->exe_paths);
	arena_done(&t->texts);
	*t = (struct live_tasks){ 0 };
}

struct live_process *live_find(const struct live_tasks *t, uint32_t pid)
{
	uint32_t index;

	return u32_map_get(&t->by_pid, pid, &index) ? &t->processes[index] : NULL;
}

struct live_process *live_add(struct live_tasks *t, uint32_t pid)
{
	struct live_process *process = live_find(t, pid);

	if (!process) {
		if (array_reserve(&t->processes, &t->processes_cap, t->nr_processes + 1,
				  sizeof(*t->processes)))
			return NULL;
		if (u32_map_set(&t->by_pid, pid, (uint32_t)t->nr_processes))
			return NULL;
		process = &t->processes[t->nr_processes++];
	}
	*process = (struct live_process){ .pid = pid };
	return process;
}

void live_remove(struct live_tasks *t, uint32_t pid)
{
	struct live_process *last = t->processes + t->nr_processes - 1;
	uint32_t index;

	if (!u32_map_remove(&t->by_pid, pid, &index))
		return;
	t->nr_processes--;
	if (last->pid == pid)
		return;
	/* Replacing the value of a key that is there needs no memory. */
	u32_map_set(&t->by_pid, last->pid, index);
	t->processes[index] = *last;
}

int live_add_thread(struct live_tasks *t, struct live_process *process, uint32_t tid)
{
	uint32_t owner = 0;
	int r;

	if (u32_map_get(&t->by_tid, tid, &owner) && owner == process->pid && process->nr_threads)
		return 0;
	r = u32_map_set(&t->by_tid, tid, process->pid);
	if (!r)
		process->nr_threads++;
	return r;
}

bool live_end_thread(struct live_tasks *t, uint32_t pid, uint32_t tid)
{
	struct live_process *process = live_find(t, pid);
	uint32_t owner;

	if (!u32_map_remove(&t->by_tid, tid, &owner) || owner != pid)
		return !process && pid == tid;
	if (process && process->nr_threads)
		process->nr_threads--;
	return process ? !process->nr_threads : pid == tid;
}

void live_clear_threads(struct live_tasks *t)
{
	u32_map_clear(&t->by_tid);
	for (size_t i = 0; i < t->nr_processes; i++)
		t->processes[i].nr_threads = 0;
}

static bool exe_equals(const void *owner, uint32_t id, const void *wanted)
{
	const struct live_tasks *t = owner;

	return !strcmp(t->exe_paths[id - 1], wanted);
}

uint32_t live_exe_id(struct live_tasks *t, const char *path)
{
	size_t len = strlen(path);
	uint64_t hash = hash_bytes(path, len);
	uint32_t id = id_table_find(&t->exe_index, hash, exe_equals, t, path);
	const char *copy;

	if (id || !len)
		return id;
	id = (uint32_t)t->exe_index.count + 1;
	if (array_reserve(&t->exe_paths, &t->exe_paths_cap, id, sizeof(*t->exe_paths)))
		return 0;
	copy = arena_copy(&t->texts, path, len);
	if (!copy || id_table_add(&t->exe_index, hash, id))
		return 0;
	t->exe_paths[id - 1] = copy;
	return id;
}

const char *live_exe_path(const struct live_tasks *t, uint32_t id)
{
	return id ? t->exe_paths[id - 1] : NULL;
}
