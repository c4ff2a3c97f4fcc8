/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the cgroup of a process tells about it: its path and the container that it names.
 * Used by the scan of /proc (for each process) and by the BPF collector (once for each cgroup it meets).
 */
#ifndef LINUX_CGROUP_FACTS_H
#define LINUX_CGROUP_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/u64_map.h"
#include "collector.h"

/*
 * Reads the cgroup of a process opened by proc_open(). facts->cgroup and facts->container point into *texts, both
 * NULL when nothing can be read. file: scratch. Returns 0 or -ENOMEM.
 */
int cgroup_facts_read(int proc_fd, struct buffer *file, struct buffer *texts,
		      struct collector_process *facts);

/* Facts by cgroup, so that a cgroup is read once whatever number of processes it has. Start with all zero. */
struct cgroup_cache {
	struct u64_map index; /* key of a cgroup -> index of its entry */
	struct cgroup_entry *entries;
	size_t nr_entries;
	size_t entries_cap;
	struct arena texts;
	struct buffer file;
	struct buffer read;
	bool is_unified; /* an id of the version 2 hierarchy names a process's only cgroup */
};

/* Finds out which hierarchies there are. */
void cgroup_cache_init(struct cgroup_cache *cache);
void cgroup_cache_done(struct cgroup_cache *cache);
/*
 * Sets facts->cgroup and facts->container of process `pid`, which is in the version 2 cgroup `cgroup_id`. The texts are
 * valid until cgroup_cache_done(). A process that is gone before its cgroup was read gets NULL.
 * Returns 0 or -ENOMEM.
 */
int cgroup_cache_find(struct cgroup_cache *cache, uint64_t cgroup_id, uint32_t pid,
		      struct collector_process *facts);

#endif
