/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the cgroup of a process tells about it.
 * Called by sideband_scan.c and drain.c.
 * Must not know what it is used for.
 */
#include "linux/cgroup_facts.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/array.h"
#include "base/macros.h"
#include "linux/procfs.h"

#define CGROUP_FILE_MAX 65536

struct cgroup_entry {
	const char *cgroup;
	const char *container;
};

int cgroup_facts_read(int proc_fd, struct buffer *file, struct buffer *texts,
		      struct collector_process *facts)
{
	const char *path, *id;
	size_t path_len, id_len = 0;

	buffer_clear(texts);
	facts->cgroup = facts->container = NULL;
	if (proc_read(proc_fd, "cgroup", CGROUP_FILE_MAX, file) ||
	    proc_parse_cgroup(file->data, file->len, &path, &path_len))
		return file->error;
	if (cgroup_container_id(path, path_len, &id, &id_len)) {
		buffer_append(texts, id, id_len);
		buffer_putc(texts, '\0');
	} else {
		id_len = 0;
	}
	buffer_append(texts, path, path_len);
	if (texts->error)
		return -ENOMEM;
	facts->container = id_len ? texts->data : NULL;
	facts->cgroup = id_len ? texts->data + id_len + 1 : texts->data;
	return 0;
}

void cgroup_cache_init(struct cgroup_cache *cache)
{
	struct statfs fs;

	cache->is_unified = !statfs("/sys/fs/cgroup", &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

void cgroup_cache_done(struct cgroup_cache *cache)
{
	u64_map_done(&cache->index);
	free(cache->entries);
	arena_done(&cache->texts);
	buffer_done(&cache->file);
	buffer_done(&cache->read);
	*cache = (struct cgroup_cache){ 0 };
}

static int add_entry(struct cgroup_cache *cache, uint64_t key,
		     const struct collector_process *facts)
{
	struct cgroup_entry entry = { 0 };

	if (facts->cgroup)
		entry.cgroup = arena_copy(&cache->texts, facts->cgroup, strlen(facts->cgroup));
	if (facts->container)
		entry.container =
			arena_copy(&cache->texts, facts->container, strlen(facts->container));
	if ((facts->cgroup && !entry.cgroup) || (facts->container && !entry.container) ||
	    array_reserve(&cache->entries, &cache->entries_cap, cache->nr_entries + 1,
			  sizeof(entry)) ||
	    u64_map_set(&cache->index, key, cache->nr_entries))
		return -ENOMEM;
	cache->entries[cache->nr_entries++] = entry;
	return 0;
}

int cgroup_cache_find(struct cgroup_cache *cache, uint64_t cgroup_id, uint32_t pid,
		      struct collector_process *facts)
{
	/* Where version 1 hierarchies exist, the container may be named in one of those, so a pid is the key. */
	uint64_t key = cache->is_unified ? cgroup_id : (uint64_t)pid << 32 | 1;
	const uint64_t *found = key ? u64_map_find(&cache->index, key) : NULL;
	int proc_fd, rc;

	facts->cgroup = facts->container = NULL;
	if (!found && key) {
		proc_fd = proc_open(pid);
		if (proc_fd < 0)
			return 0;
		rc = cgroup_facts_read(proc_fd, &cache->file, &cache->read, facts);
		close(proc_fd);
		if (rc || !facts->cgroup)
			return rc;
		rc = add_entry(cache, key, facts);
		if (rc)
			return rc;
		found = u64_map_find(&cache->index, key);
	}
	if (found) {
		facts->cgroup = cache->entries[*found].cgroup;
		facts->container = cache->entries[*found].container;
	}
	return 0;
}
