/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processes and threads are alive, as far as side-band records and scans have told.
 * Needed to know when a whole process has ended: the kernel tells the end of each thread, the leader's not last.
 */
#ifndef LINUX_LIVE_TASKS_H
#define LINUX_LIVE_TASKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/id_table.h"
#include "base/u32_map.h"

struct live_process {
	uint32_t pid;
	uint32_t nr_threads; /* known to be alive */
	uint32_t exe;        /* id of its path, see live_exe_path(); 0 = unknown */
	uint32_t scan;       /* number of the last scan that saw it */
	uint64_t seen_ns;    /* when that scan read it; 0 = never */
	uint64_t start_boot_ns;
	uint64_t image; /* what the kernel programs call its image; 0 = not seen by them */
	uint64_t
		start_stack; /* of its image, which with address randomization is nobody else's; 0 = unknown */
	char comm[16];
	bool wants_exe; /* replaced its program; the first file it maps executable is the new one */
};

struct live_exe {
	const char *path; /* [len], NUL-terminated */
	size_t len;
};

/* Embedded; start with all zero. */
struct live_tasks {
	struct live_process *processes; /* [nr_processes], in no order */
	size_t nr_processes;
	size_t processes_cap;
	struct u32_map by_pid; /* pid -> index */
	struct u32_map by_tid; /* tid -> pid; threads known to be alive */
	struct id_table exe_index;
	struct live_exe *exes; /* id - 1 */
	size_t exes_cap;
	struct arena texts;
};

void live_tasks_done(struct live_tasks *t);

/* The process, valid until the next add or remove; NULL = unknown. */
struct live_process *live_find(const struct live_tasks *t, uint32_t pid);
/* Adds a process, all fields but pid zero; one of the same pid is replaced. Returns as above; NULL = no memory. */
struct live_process *live_add(struct live_tasks *t, uint32_t pid);
/* Forgets a process. Unknown pids are ignored. */
void live_remove(struct live_tasks *t, uint32_t pid);

/* A thread of a process lives; saying it again changes nothing. Returns 0 or -ENOMEM. */
int live_add_thread(struct live_tasks *t, struct live_process *process, uint32_t tid);
/* A thread is now the only one of its process. Returns 0 or -ENOMEM. */
int live_set_only_thread(struct live_tasks *t, struct live_process *process, uint32_t tid);
/*
 * A thread has ended. Returns true when it was the last one of its process, which is still there; for an unknown
 * process when it is the leader.
 */
bool live_end_thread(struct live_tasks *t, uint32_t pid, uint32_t tid);
/* All threads are forgotten, the processes stay; for a scan that tells them all again. */
void live_clear_threads(struct live_tasks *t);

/* The id of an executable's path[len]. Returns 0 = no memory, or an empty path. */
uint32_t live_exe_id(struct live_tasks *t, const char *path, size_t len);
/* The path of an id, NULL for 0. Valid until live_tasks_done(). */
const char *live_exe_path(const struct live_tasks *t, uint32_t id);

#endif
