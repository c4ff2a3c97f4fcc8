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
	free(t->exes);
	arena_done(&t->texts);
	*t = (struct live_tasks){ 0 };
}

struct live_process *live_find(const struct live_tasks *t, uint32_t pid)
{
	uint32_t index;

	return u32_map_get(&t->by_pid, pid, &index) ? &t->processes[index] : NULL;
}

/* Forgets the threads of a process. */
static void drop_threads(struct live_tasks *t, struct live_process *process)
{
	uint32_t owner;

	/* The usual case, one thread and that the leader, needs no search. */
	if (process->nr_threads == 1 && u32_map_get(&t->by_tid, process->pid, &owner) &&
	    owner == process->pid)
		u32_map_remove(&t->by_tid, process->pid, NULL);
	else if (process->nr_threads)
		u32_map_remove_value(&t->by_tid, process->pid);
	process->nr_threads = 0;
}

struct live_process *live_add(struct live_tasks *t, uint32_t pid)
{
	struct live_process *process = live_find(t, pid);

	if (process) {
		drop_threads(t, process);
	} else {
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
	struct live_process *process = live_find(t, pid), *last;

	if (!process)
		return;
	drop_threads(t, process);
	u32_map_remove(&t->by_pid, pid, NULL);
	last = &t->processes[--t->nr_processes];
	if (last == process)
		return;
	/* Replacing the value of a key that is there needs no memory. */
	u32_map_set(&t->by_pid, last->pid, (uint32_t)(process - t->processes));
	*process = *last;
}

int live_add_thread(struct live_tasks *t, struct live_process *process, uint32_t tid)
{
	uint32_t owner = 0;
	int r;

	if (u32_map_get(&t->by_tid, tid, &owner) && owner == process->pid)
		return 0;
	r = u32_map_set(&t->by_tid, tid, process->pid);
	if (r)
		return r;
	process->nr_threads++;
	/* The tid was another process's and has been reused: nobody told of its end. */
	if (owner) {
		struct live_process *other = live_find(t, owner);

		if (other && other->nr_threads)
			other->nr_threads--;
	}
	return 0;
}

int live_set_only_thread(struct live_tasks *t, struct live_process *process, uint32_t tid)
{
	drop_threads(t, process);
	return live_add_thread(t, process, tid);
}

bool live_end_thread(struct live_tasks *t, uint32_t pid, uint32_t tid)
{
	struct live_process *process = live_find(t, pid), *counted_for = NULL;
	uint32_t owner = 0;

	if (u32_map_remove(&t->by_tid, tid, &owner))
		counted_for = live_find(t, owner);
	if (counted_for && counted_for->nr_threads)
		counted_for->nr_threads--;
	if (!process)
		return pid == tid;
	/* Counted for another process: the end of that one's thread and the birth of this one's were not told. */
	return counted_for == process && !process->nr_threads;
}

void live_clear_threads(struct live_tasks *t)
{
	u32_map_clear(&t->by_tid);
	for (size_t i = 0; i < t->nr_processes; i++)
		t->processes[i].nr_threads = 0;
}

static bool exe_equals(const void *owner, uint32_t id, const void *wanted)
{
	const struct live_exe *have = &((const struct live_tasks *)owner)->exes[id - 1],
			      *want = wanted;

	return have->len == want->len && !memcmp(have->path, want->path, want->len);
}

uint32_t live_exe_id(struct live_tasks *t, const char *path, size_t len)
{
	uint64_t hash = hash_bytes(path, len);
	struct live_exe exe = { path, len };
	uint32_t id = id_table_find(&t->exe_index, hash, exe_equals, t, &exe);

	if (id || !len)
		return id;
	id = (uint32_t)t->exe_index.count + 1;
	if (array_reserve(&t->exes, &t->exes_cap, id, sizeof(*t->exes)))
		return 0;
	exe.path = arena_copy(&t->texts, path, len);
	if (!exe.path || id_table_add(&t->exe_index, hash, id))
		return 0;
	t->exes[id - 1] = exe;
	return id;
}

const char *live_exe_path(const struct live_tasks *t, uint32_t id)
{
	return id ? t->exes[id - 1].path : NULL;
}
