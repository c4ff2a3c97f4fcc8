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

/* Perf maps of exited processes stay in memory until the end of the recording. */
#define HELD_BYTES_MAX (64u * 1024 * 1024)
/* Root directories held open; a process beyond that is found by /proc only while it lives. */
#define ROOTS_MAX 1024

struct jit_process {
	oc_process_id process;
	uint32_t pid;
	int root_fd; /* -1 = not held */
	uid_t uid;
	bool has_uid;
	bool read; /* the perf map was looked for */
	bool held; /* its size is part of held_bytes */
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
	    array_reserve(&jits->index, &jits->index_cap, (size_t)process + 1,
			  sizeof(*jits->index)))
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

/* Reads the map that the process knows under its own number, ns_pid. Returns as perf_map_read(). */
static int read_map(struct jit_process *jit, uint32_t ns_pid)
{
	int rc = jit->has_uid ? perf_map_read(jit->root_fd, ns_pid, jit->uid, &jit->map) : -EPERM;

	/* It may have changed its user since it was noted. */
	if (rc == -EPERM && !target_uid(jit->pid, &jit->uid))
		rc = perf_map_read(jit->root_fd, ns_pid, jit->uid, &jit->map);
	return rc;
}

/* Reads the map of a process the first time it is asked for, up to max bytes. */
static int read_once(struct jit_process *jit, struct oc_machine *m, size_t max)
{
	const struct oc_process *facts = oc_machine_process(m, jit->process);
	int rc;

	if (jit->read || !facts)
		return 0;
	jit->read = true;
	if (jit->root_fd < 0)
		jit->root_fd = target_open_root(jit->pid);
	if (jit->root_fd < 0)
		return 0;
	rc = read_map(jit, facts->ns_pid ? facts->ns_pid : jit->pid);
	if (!rc && jit->map.len > max)
		rc = -EFBIG;
	if (!rc)
		return 0;
	buffer_done(&jit->map);
	if (rc != -ENOENT && rc != -ENOMEM)
		oc_machine_ledger(m)->notes[OC_NOTE_PERF_MAPS_REFUSED]++;
	return rc == -ENOMEM ? rc : 0;
}

int jit_processes_hold(struct jit_processes *jits, struct oc_machine *m, oc_process_id process)
{
	struct jit_process *jit = find(jits, process);
	int rc;

	if (!jit || jit->read)
		return 0;
	rc = read_once(jit, m, HELD_BYTES_MAX - jits->held_bytes);
	cleanup_close(&jit->root_fd);
	jit->root_fd = -1;
	jit->held = true;
	jits->held_bytes += jit->map.len;
	return rc;
}

int jit_processes_map(struct jit_processes *jits, struct oc_machine *m, oc_process_id process,
		      const struct buffer **ret_map)
{
	struct jit_process *jit = find(jits, process);
	int rc = jit ? read_once(jit, m, SIZE_MAX) : 0;

	if (!rc)
		*ret_map = jit && jit->map.len ? &jit->map : NULL;
	return rc;
}

void jit_processes_drop(struct jit_processes *jits, oc_process_id process)
{
	struct jit_process *jit = find(jits, process);

	if (!jit)
		return;
	if (jit->held)
		jits->held_bytes -= jit->map.len;
	else
		jit->read = false; /* it lives: its next map will have more */
	buffer_done(&jit->map);
}
