/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Discovery: from side-band records to the sink.
 * Called by both Linux collectors, in time order.
 * Must not know where a record came from; takes every field as possibly wrong.
 */
#include "linux/sideband_private.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/text.h"
#include "linux/procfs.h"

/* Record layouts, include/uapi/linux/perf_event.h, enum perf_event_type; a struct sideband_record_id ends each. */
struct mmap2_record {
	struct perf_event_header header;
	uint32_t pid;
	uint32_t tid;
	uint64_t start;
	uint64_t len;
	uint64_t file_offset;
	/* Other tools' events may make the kernel set PERF_RECORD_MISC_MMAP_BUILD_ID here; still these follow, see
	 * dummy_attr(). */
	uint32_t major;
	uint32_t minor;
	uint64_t inode;
	uint64_t inode_generation;
	uint32_t prot;
	uint32_t flags;
	char path[];
};

struct comm_record {
	struct perf_event_header header;
	uint32_t pid;
	uint32_t tid;
	char comm[];
};

/* FORK and EXIT. */
struct task_record {
	struct perf_event_header header;
	uint32_t pid;
	uint32_t parent_pid;
	uint32_t tid;
	uint32_t parent_tid;
	uint64_t time_ns;
};

struct lost_record {
	struct perf_event_header header;
	uint64_t id;
	uint64_t lost;
};

_Static_assert(sizeof(struct mmap2_record) == 72, "layout of PERF_RECORD_MMAP2");
_Static_assert(sizeof(struct task_record) == 32, "layout of PERF_RECORD_FORK");
_Static_assert(sizeof(struct sideband_record_id) == 24,
	       "layout of the sample_id of SIDEBAND_SAMPLE_TYPE");

/* A task that is not visible in our PID namespace has pid 0, or -1 when it is already gone. */
static bool is_foreign(uint32_t pid)
{
	return !pid || pid > INT32_MAX;
}

/* True when a record is about a task that we have no name for; counts it. */
static bool skip_foreign(struct sideband *sb, uint32_t pid, uint32_t tid)
{
	if (!is_foreign(pid) && !is_foreign(tid))
		return false;
	sb->sink->ops->note(sb->sink, OC_NOTE_FOREIGN_RECORDS, 1);
	return true;
}

static void note_lost(struct sideband *sb, uint64_t count)
{
	sb->sink->ops->note(sb->sink, OC_NOTE_SIDEBAND_LOST, count);
	sb->rescan_due = true;
}

/* The text behind `offset` bytes of a record, which must end inside it. NULL = it does not. */
static const char *record_text(const struct perf_event_header *header, size_t size, size_t offset)
{
	const char *text = (const char *)header + offset;

	if (size < offset + sizeof(struct sideband_record_id))
		return NULL;
	size -= offset + sizeof(struct sideband_record_id);
	return memchr(text, '\0', size) ? text : NULL;
}

/* ---- shared with the scan --------------------------------------------------------------------------------------- */

void live_set_comm(struct live_process *process, const char *comm, size_t len)
{
	len = MIN(len, sizeof(process->comm) - 1);
	memcpy(process->comm, comm, len);
	memset(process->comm + len, 0, sizeof(process->comm) - len);
}

void sideband_tell_watcher(struct sideband *sb, const struct live_process *process)
{
	const char *exe;

	if (!sb->watch_fn)
		return;
	exe = live_exe_path(&sb->tasks, process->exe);
	sb->watch_fn(sb->watch_arg, process->pid, process->comm, exe ? text_base_name(exe) : "");
}

void sideband_tell_change(struct sideband *sb, const struct sideband_change *change)
{
	if (sb->mappings_fn)
		sb->mappings_fn(sb->mappings_arg, change);
}

sink_process sideband_tell_exec(struct sideband *sb, uint64_t time_ns, uint32_t pid,
				const char *comm)
{
	struct sideband_change change = { .pid = pid, .ended = true, .time_ns = time_ns };

	sideband_tell_change(sb, &change);
	return sb->sink->ops->process_exec(sb->sink, time_ns, pid, comm);
}

void sideband_tell_mapping(struct sideband *sb, uint64_t time_ns, uint32_t pid,
			   const struct collector_mapping *mapping)
{
	struct sideband_change change = {
		.pid = pid, .time_ns = time_ns, .start = mapping->start, .end = mapping->end
	};

	sb->sink->ops->mapping_add(sb->sink, time_ns, pid, mapping);
	sideband_tell_change(sb, &change);
}

void sideband_end_process(struct sideband *sb, uint64_t time_ns, uint32_t pid)
{
	struct sideband_change change = { .pid = pid, .ended = true, .time_ns = time_ns };

	sideband_tell_change(sb, &change);
	sb->sink->ops->process_exit(sb->sink, time_ns, pid);
	live_remove(&sb->tasks, pid);
	if (sb->watch_fn)
		sb->watch_fn(sb->watch_arg, pid, NULL, "");
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

/* The first file that a new image maps executable is its program: the kernel maps it before the interpreter. */
static int learn_exe(struct sideband *sb, uint64_t time_ns, struct live_process *process,
		     const char *path)
{
	struct collector_process facts = { .pid = process->pid };
	sink_process name;

	/* "//anon" and the like are no files. */
	if (path[0] != '/' || path[1] == '/')
		return 0;
	process->wants_exe = false;
	process->exe = live_exe_id(&sb->tasks, path, proc_path_len(path));
	if (!process->exe)
		return -ENOMEM;
	facts.exe = live_exe_path(&sb->tasks, process->exe);
	name = sb->sink->ops->process_now(sb->sink, time_ns, process->pid);
	if (name)
		sb->sink->ops->process_facts(sb->sink, name, &facts);
	sideband_tell_watcher(sb, process);
	return 0;
}

static int handle_mmap2(struct sideband *sb, uint64_t time_ns, const struct mmap2_record *record,
			size_t size)
{
	const char *path = record_text(&record->header, size, sizeof(*record));
	struct collector_mapping mapping = { .path = path };
	struct live_process *process;

	if (!path)
		return -EBADMSG;
	if (!(record->prot & PROT_EXEC) || skip_foreign(sb, record->pid, record->tid))
		return 0;
	mapping.start = record->start;
	mapping.file_offset = record->file_offset;
	if (__builtin_add_overflow(record->start, record->len, &mapping.end) || !record->len)
		return -EBADMSG;
	mapping.device = makedev(record->major, record->minor);
	mapping.inode = record->inode;
	sideband_tell_mapping(sb, time_ns, record->pid, &mapping);
	process = live_find(&sb->tasks, record->pid);
	return process && process->wants_exe ? learn_exe(sb, time_ns, process, path) : 0;
}

static int handle_exec(struct sideband *sb, uint64_t time_ns, uint32_t pid, const char *comm)
{
	struct live_process *process = live_find(&sb->tasks, pid);

	sideband_tell_exec(sb, time_ns, pid, comm);
	if (!process)
		process = live_add(&sb->tasks, pid);
	if (!process)
		return -ENOMEM;
	live_set_comm(process, comm, strlen(comm));
	process->exe = 0;
	process->image = 0;
	process->start_stack = 0;
	process->wants_exe = true;
	/* The kernel ended all other threads first, and whoever called execve(2) has the leader's tid now. */
	sideband_tell_watcher(sb, process);
	return live_set_only_thread(&sb->tasks, process, pid);
}

static int handle_comm(struct sideband *sb, uint64_t time_ns, const struct comm_record *record,
		       size_t size)
{
	const char *comm = record_text(&record->header, size, sizeof(*record));
	struct collector_process facts = { .comm = comm };
	struct live_process *process;
	sink_process name;

	if (!comm)
		return -EBADMSG;
	facts.pid = record->pid;
	if (skip_foreign(sb, record->pid, record->tid))
		return 0;
	if (record->header.misc & PERF_RECORD_MISC_COMM_EXEC)
		return handle_exec(sb, time_ns, record->pid, comm);
	name = sb->sink->ops->process_now(sb->sink, time_ns, record->pid);
	if (!name)
		return 0;
	sb->sink->ops->thread(sb->sink, name, record->tid, 0, comm);
	if (record->tid != record->pid)
		return 0;
	sb->sink->ops->process_facts(sb->sink, name, &facts);
	process = live_find(&sb->tasks, record->pid);
	if (process) {
		live_set_comm(process, comm, strlen(comm));
		sideband_tell_watcher(sb, process);
	}
	return 0;
}

static int handle_new_process(struct sideband *sb, uint64_t time_ns,
			      const struct task_record *record)
{
	struct live_process *process = live_find(&sb->tasks, record->pid), *parent;
	struct collector_process facts = { .pid = record->pid, .parent_pid = record->parent_pid };

	/* A scan looked after this birth and so told it already. */
	if (process && process->seen_ns >= record->time_ns)
		return 0;
	if (is_foreign(facts.parent_pid))
		facts.parent_pid = 0;
	if (process)
		sideband_end_process(sb, time_ns, record->pid);
	sb->sink->ops->process_start(sb->sink, time_ns, &facts);
	process = live_add(&sb->tasks, record->pid);
	if (!process)
		return -ENOMEM;
	parent = live_find(&sb->tasks, facts.parent_pid);
	if (parent) {
		memcpy(process->comm, parent->comm, sizeof(process->comm));
		process->exe = parent->exe;
	}
	process->start_boot_ns = record->time_ns + clock_boottime_ns() - clock_monotonic_ns();
	sideband_tell_watcher(sb, process);
	return live_add_thread(&sb->tasks, process, record->pid);
}

static int handle_fork(struct sideband *sb, uint64_t time_ns, const struct task_record *record,
		       size_t size)
{
	struct live_process *process;

	if (size < sizeof(*record))
		return -EBADMSG;
	if (skip_foreign(sb, record->pid, record->tid))
		return 0;
	if (record->pid == record->tid)
		return handle_new_process(sb, time_ns, record);
	process = live_find(&sb->tasks, record->pid);
	return process ? live_add_thread(&sb->tasks, process, record->tid) : 0;
}

static int handle_exit(struct sideband *sb, uint64_t time_ns, const struct task_record *record,
		       size_t size)
{
	if (size < sizeof(*record))
		return -EBADMSG;
	if (skip_foreign(sb, record->pid, record->tid))
		return 0;
	if (live_end_thread(&sb->tasks, record->pid, record->tid))
		sideband_end_process(sb, time_ns, record->pid);
	return 0;
}

static int handle_lost(struct sideband *sb, const struct lost_record *record, size_t size)
{
	if (size < sizeof(*record))
		return -EBADMSG;
	note_lost(sb, record->lost);
	return 0;
}

int sideband_handle(struct sideband *sb, uint64_t time_ns, const void *data, size_t size)
{
	const struct perf_event_header *header = data;
	int r = 0;

	if (size < sizeof(*header)) {
		note_lost(sb, 1);
		return 0;
	}
	time_ns = MAX(time_ns, sb->scan_ns);
	switch (header->type) {
	case PERF_RECORD_MMAP2:
		r = handle_mmap2(sb, time_ns, data, size);
		break;
	case PERF_RECORD_COMM:
		r = handle_comm(sb, time_ns, data, size);
		break;
	case PERF_RECORD_FORK:
		r = handle_fork(sb, time_ns, data, size);
		break;
	case PERF_RECORD_EXIT:
		r = handle_exit(sb, time_ns, data, size);
		break;
	case PERF_RECORD_LOST:
		r = handle_lost(sb, data, size);
		break;
	default: /* what was not asked for, or is of no interest here */
		break;
	}
	if (r == -EBADMSG) {
		note_lost(sb, 1);
		r = 0;
	}
	return r;
}
