/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Remembers processes with JIT code and reads their perf maps.
 * Called by the symbolizer.
 * Must not know symbols or locations.
 */
#include "symbolize/jit_processes.h"

#include <errno.h>
#include <unistd.h>

#include "base/array.h"
#include "base/macros.h"
#include "symbolize/perf_map.h"
#include "symbolize/target_file.h"

/* Perf maps of exited processes held until the end of the recording; more are refused. */
#define HELD_BYTES_MAX (256u * 1024 * 1024)
/* Root directories held open; a process beyond that is found by /proc only while it lives. */
#define ROOTS_MAX 1024

struct jit_process {
	oc_process_id process;
	uint32_t pid;
	int root_fd; /* -1 = not held */
	uid_t uid;
	bool has_uid;
	bool read; /* the perf map was looked for */
	struct buffer map;
};

void jit_processes_done(struct jit_processes *jits)
{
	for (size_t i = 0; i < jits->nr; i++) {
		cleanup_close(&jits->list[i].root_fd);
		buffer_done(&jits->list[i].map);
	}
	free(jits->list);
	free(jits->index);
	*jits = (struct jit_processes){ 0 };
}

static struct jit_process *find(const struct jit_processes *jits, oc_process_id process)
{
	if (process >= jits->nr_index || !jits->index[process])
		return NULL;
	return &jits->list[jits->index[process] - 1];
}

int jit_processes_note(struct jit_processes *jits, oc_process_id process, uint32_t pid)
{
	struct jit_process *jit;

	if (find(jits, process))
		return 0;
	if (array_reserve(&jits->list, &jits->cap, jits->nr + 1, sizeof(*jits->list)) ||
	    array_reserve(&jits->index, &jits->index_cap, (size_t)process + 1, sizeof(*jits->index)))
		return -ENOMEM;
	while (jits->nr_index <= process)
		jits->index[jits->nr_index++] = 0;
	jit = &jits->list[jits->nr++];
	jits->index[process] = (uint32_t)jits->nr;
	*jit = (struct jit_process){ .process = process, .pid = pid, .root_fd = -1 };
	if (jits->nr <= ROOTS_MAX)
		jit->root_fd = target_open_root(pid);
	jit->has_uid = !target_uid(pid, &jit->uid);
	return 0;
}

/* Reads the map below root_fd. Returns as perf_map_read(). */
static int read_map(struct jit_process *jit, uint32_t pid, int root_fd)
{
	int rc = jit->has_uid ? perf_map_read(root_fd, pid, jit->uid, &jit->map) : -EPERM;

	/* It may have changed its user since it was noted. */
	if (rc == -EPERM && !target_uid(jit->pid, &jit->uid))
		rc = perf_map_read(root_fd, pid, jit->uid, &jit->map);
	return rc;
}

int jit_processes_read(struct jit_processes *jits, struct oc_machine *m, oc_process_id process)
{
	struct jit_process *jit = find(jits, process);
	const struct oc_process *facts = oc_machine_process(m, process);
	int root_fd __cleanup(cleanup_close)
	= -1;
	int rc;

	if (!jit || jit->read || !facts)
		return 0;
	jit->read = true;
	root_fd = jit->root_fd >= 0 ? jit->root_fd : target_open_root(jit->pid);
	jit->root_fd = -1;
	if (root_fd < 0)
		return 0;
	rc = read_map(jit, facts->ns_pid ? facts->ns_pid : jit->pid, root_fd);
	if (!rc && jits->bytes + jit->map.len > HELD_BYTES_MAX)
		rc = -EFBIG;
	if (!rc) {
		jits->bytes += jit->map.len;
		return 0;
	}
	buffer_done(&jit->map);
	if (rc == -ENOMEM)
		return rc;
	if (rc != -ENOENT)
		oc_machine_ledger(m)->notes[OC_NOTE_PERF_MAPS_REFUSED]++;
	return 0;
}

const struct buffer *jit_processes_map(const struct jit_processes *jits, oc_process_id process)
{
	const struct jit_process *jit = find(jits, process);

	return jit && jit->map.len ? &jit->map : NULL;
}

void jit_processes_drop(struct jit_processes *jits, oc_process_id process)
{
	struct jit_process *jit = find(jits, process);

	if (!jit)
		return;
	jits->bytes -= jit->map.len;
	buffer_done(&jit->map);
}
