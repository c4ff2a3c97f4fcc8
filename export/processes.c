/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes and threads: which image a pid was at which time.
 * Called by collectors' sinks; read by writers.
 * Must not know how an operating system starts or names processes.
 */
#include "export/machine_private.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/search.h"

/* ---- images of a pid ---- */

static struct pid_images *find_pid(const struct oc_machine *m, uint32_t pid)
{
	/* pid 0 is a pid like any other here, but key 0 is none. */
	const uint64_t *id = u64_map_find(&m->pid_index, (uint64_t)pid + 1);

	return id ? stable_array_by_id(&m->pids, (uint32_t)*id) : NULL;
}

static oc_process_id *images_of(struct pid_images *images)
{
	return images->cap ? images->many : images->few;
}

const oc_process_id *process_images(const struct oc_machine *m, uint32_t pid, uint32_t *ret_nr)
{
	struct pid_images *images = find_pid(m, pid);

	*ret_nr = images ? images->nr : 0;
	return images ? images_of(images) : NULL;
}

static int reserve_image(struct oc_machine *m, struct pid_images *images)
{
	oc_process_id *many = images->cap ? images->many : NULL;
	size_t cap = images->cap, before = cap;

	if (!cap && images->nr < ARRAY_SIZE(images->few))
		return 0;
	if (array_reserve(&many, &cap, (size_t)images->nr + 1, sizeof(*many)))
		return -ENOMEM;
	if (!images->cap)
		memcpy(many, images->few, sizeof(images->few));
	images->many = many;
	images->cap = (uint32_t)cap;
	m->pid_bytes += (cap - before) * sizeof(*many);
	return 0;
}

static struct pid_images *find_or_add_pid(struct oc_machine *m, uint32_t pid)
{
	struct pid_images *images = find_pid(m, pid);

	if (images)
		return images;
	if (stable_array_reserve(&m->pids, 1) ||
	    u64_map_set(&m->pid_index, (uint64_t)pid + 1, (uint64_t)m->pids.count + 1))
		return NULL;
	return stable_array_add(&m->pids);
}

int64_t process_append(struct oc_machine *m, const struct oc_process *process, uint32_t root)
{
	struct pid_images *images = find_or_add_pid(m, process->pid);
	struct process_entry *entry;
	oc_process_id *ids;
	uint32_t at;

	if (!images || reserve_image(m, images))
		return -ENOMEM;
	entry = stable_array_add(&m->processes);
	if (!entry)
		return -ENOMEM;
	entry->pub = *process;
	layout_init(&entry->layout, root, process->start_ns);
	ids = images_of(images);
	for (at = images->nr;
	     at && machine_process(m, ids[at - 1])->pub.start_ns > process->start_ns; at--)
		ids[at] = ids[at - 1];
	ids[at] = m->processes.count;
	images->nr++;
	return m->processes.count;
}

void process_free_all(struct oc_machine *m)
{
	for (uint32_t i = 0; i < m->processes.count; i++)
		layout_done(&((struct process_entry *)stable_array_at(&m->processes, i))->layout);
	for (uint32_t i = 0; i < m->pids.count; i++) {
		struct pid_images *images = stable_array_at(&m->pids, i);

		if (images->cap)
			free(images->many);
	}
}

/* The newest image of a pid, ended or not; NULL = pid never seen. */
static struct process_entry *newest_image(const struct oc_machine *m, uint32_t pid,
					  oc_process_id *ret_id)
{
	uint32_t nr;
	const oc_process_id *ids = process_images(m, pid, &nr);

	if (!nr)
		return NULL;
	*ret_id = ids[nr - 1];
	return machine_process(m, ids[nr - 1]);
}

static void end_image(struct process_entry *image, uint64_t time_ns)
{
	if (image && image->pub.end_ns == UINT64_MAX)
		image->pub.end_ns = MAX(time_ns, image->pub.start_ns);
}

/* ---- life of a process ---- */

int64_t oc_machine_process_start(struct oc_machine *m, uint32_t pid, oc_process_id parent,
				 uint64_t start_ns)
{
	struct process_entry *forked_from = machine_process(m, parent);
	struct oc_process process = { .pid = pid, .parent = parent, .end_ns = UINT64_MAX };
	oc_process_id older_id;
	struct process_entry *older = newest_image(m, pid, &older_id);
	uint32_t root = 0;
	int64_t id;

	if (parent && !forked_from)
		return -EINVAL;
	/* The images of a pid follow each other, whatever the clock of the caller says. */
	process.start_ns = older ? MAX(start_ns, older->pub.start_ns) : start_ns;
	if (forked_from) {
		process.comm = forked_from->pub.comm;
		process.exe = forked_from->pub.exe;
		process.container = forked_from->pub.container;
		process.cgroup = forked_from->pub.cgroup;
		root = layout_share(&forked_from->layout, start_ns);
	}
	id = process_append(m, &process, root);
	if (id > 0)
		end_image(older, process.start_ns);
	return id;
}

int64_t oc_machine_process_exec(struct oc_machine *m, uint32_t pid, uint64_t time_ns,
				oc_string_id comm)
{
	struct oc_process process = { .pid = pid, .end_ns = UINT64_MAX };
	oc_process_id older_id = 0;
	struct process_entry *older = newest_image(m, pid, &older_id);
	int64_t id;

	if (!string_exists(m, comm))
		return -EINVAL;
	process.start_ns = older ? MAX(time_ns, older->pub.start_ns) : time_ns;
	if (older && older->pub.end_ns == UINT64_MAX) {
		process.parent = older_id;
		process.generation = older->pub.generation + 1;
		process.ns_pid = older->pub.ns_pid;
		process.comm = older->pub.comm;
		process.container = older->pub.container;
		process.cgroup = older->pub.cgroup;
	}
	if (comm)
		process.comm = comm;
	id = process_append(m, &process, 0);
	if (id > 0)
		end_image(older, process.start_ns);
	return id;
}

void oc_machine_process_exit(struct oc_machine *m, uint32_t pid, uint64_t time_ns)
{
	oc_process_id id;

	end_image(newest_image(m, pid, &id), time_ns);
}

oc_process_id oc_machine_process_now(const struct oc_machine *m, uint32_t pid)
{
	oc_process_id id;
	const struct process_entry *newest = newest_image(m, pid, &id);

	return newest && newest->pub.end_ns == UINT64_MAX ? id : 0;
}

oc_process_id oc_machine_process_at(const struct oc_machine *m, uint32_t pid, uint64_t time_ns)
{
	uint32_t nr;
	const oc_process_id *ids = process_images(m, pid, &nr);
	size_t begun = PARTITION_POINT(i, nr, machine_process(m, ids[i])->pub.start_ns <= time_ns);
	uint64_t end_ns;

	if (!begun)
		return 0;
	end_ns = machine_process(m, ids[begun - 1])->pub.end_ns;
	return end_ns == UINT64_MAX || time_ns < end_ns ? ids[begun - 1] : 0;
}

int oc_machine_process_set(struct oc_machine *m, oc_process_id id, const struct oc_process *facts)
{
	struct process_entry *process = machine_process(m, id);

	if (!process || !string_exists(m, facts->comm) || !string_exists(m, facts->exe) ||
	    !string_exists(m, facts->container) || !string_exists(m, facts->cgroup))
		return -EINVAL;
	if (facts->ns_pid)
		process->pub.ns_pid = facts->ns_pid;
	if (facts->comm)
		process->pub.comm = facts->comm;
	if (facts->exe)
		process->pub.exe = facts->exe;
	if (facts->container)
		process->pub.container = facts->container;
	if (facts->cgroup)
		process->pub.cgroup = facts->cgroup;
	return 0;
}

const struct oc_process *oc_machine_process(const struct oc_machine *m, oc_process_id id)
{
	const struct process_entry *process = machine_process(m, id);

	return process ? &process->pub : NULL;
}

uint32_t oc_machine_nr_processes(const struct oc_machine *m)
{
	return m->processes.count;
}

/* ---- threads ---- */

int64_t oc_machine_add_thread(struct oc_machine *m, oc_process_id process, uint32_t tid)
{
	uint64_t key = (uint64_t)process << 32 | tid;
	const uint64_t *found;
	struct oc_thread *thread;

	if (!machine_process(m, process))
		return -EINVAL;
	found = u64_map_find(&m->thread_index, key);
	if (found)
		return (int64_t)*found;
	if (stable_array_reserve(&m->threads, 1) ||
	    u64_map_set(&m->thread_index, key, (uint64_t)m->threads.count + 1))
		return -ENOMEM;
	thread = stable_array_add(&m->threads);
	*thread = (struct oc_thread){ .process = process, .tid = tid };
	return m->threads.count;
}

int oc_machine_thread_set_name(struct oc_machine *m, oc_thread_id id, oc_string_id name)
{
	struct oc_thread *thread = stable_array_by_id(&m->threads, id);
	struct process_entry *process;

	if (!thread || !string_exists(m, name))
		return -EINVAL;
	thread->name = name;
	process = machine_process(m, thread->process);
	if (thread->tid == process->pub.pid)
		process->pub.comm = name;
	return 0;
}

int oc_machine_thread_set_ns_tid(struct oc_machine *m, oc_thread_id id, uint32_t ns_tid)
{
	struct oc_thread *thread = stable_array_by_id(&m->threads, id);

	if (!thread)
		return -EINVAL;
	thread->ns_tid = ns_tid;
	return 0;
}

const struct oc_thread *oc_machine_thread(const struct oc_machine *m, oc_thread_id id)
{
	return stable_array_by_id(&m->threads, id);
}

uint32_t oc_machine_nr_threads(const struct oc_machine *m)
{
	return m->threads.count;
}
