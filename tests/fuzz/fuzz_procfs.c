/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as files of /proc/PID: stat, status, maps, cgroup. A process chooses parts of all of them.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "base/macros.h"
#include "linux/procfs.h"

static void try_stat(const char *text, size_t size)
{
	struct proc_stat stat;

	if (!proc_parse_stat(text, size, &stat))
		fuzz_use(stat.comm, stat.comm_len);
}

static void try_maps(const char *text, size_t size)
{
	struct proc_map map;
	char path[64];
	size_t pos = 0, before = 0;

	while (proc_next_map(text, size, &pos, &map)) {
		if (pos <= before || map.start >= map.end)
			abort();
		before = pos;
		fuzz_use(map.path, map.path_len);
		proc_map_path(map.path, map.path_len, path, sizeof(path));
		if (strlen(path) > map.path_len || proc_path_len(path) > strlen(path))
			abort();
	}
	if (pos != size)
		abort();
}

static void try_cgroup(const char *text, size_t size)
{
	const char *path, *id;
	size_t len, id_len;

	if (proc_parse_cgroup(text, size, &path, &len))
		return;
	fuzz_use(path, len);
	if (cgroup_container_id(path, len, &id, &id_len)) {
		if (!id_len || id < path || id + id_len > path + len)
			abort();
		fuzz_use(id, id_len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t ns_pid = 1;

	if (!size)
		return 0;
	try_stat((const char *)data, size);
	try_maps((const char *)data, size);
	try_cgroup((const char *)data, size);
	if (!proc_parse_ns_pid((const char *)data, size, &ns_pid) && !ns_pid)
		abort();
	return 0;
}
