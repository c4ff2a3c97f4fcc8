/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Discovery: the events that tell of processes and mappings, and reading them.
 * Called by both Linux collectors.
 * Must not know BPF or the machine.
 */
#include "linux/sideband_private.h"

#include <errno.h>
#include <fcntl.h>

#include "base/array.h"
#include "base/macros.h"
#include "linux/procfs.h"

#define DEFAULT_PAGES 64
/*
 * A wake-up when this much is waiting; a timer of the collector sees to the rest. A program that starts makes about
 * 650 bytes of records, more with more libraries. Measured with 4,000 runs of true(1): 65 us of CPU time per run with a
 * wake-up per record, 44 us with one at 512 bytes, 31 us at 1024, 22 us at 4096.
 */
#define WAKEUP_BYTES 1024

/* ---- opening ---------------------------------------------------------------------------------------------------- */

/*
 * Not asked for: build_id. The kernel (perf_event_mmap_output(), seen with 6.18) marks the records that it writes to
 * all other events on the machine after ours as having a build-id, which they have not; perf record 6.1 dies of that.
 * The records tell device and inode, and build-ids are read from the files.
 */
static struct perf_event_attr dummy_attr(bool of_tasks)
{
	return (struct perf_event_attr){
		.size = sizeof(struct perf_event_attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = SIDEBAND_SAMPLE_TYPE,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED, /* see perf_is_alive() */
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.mmap = 1, /* executable mappings only; others would be mmap_data */
		.mmap2 = 1,
		.comm = 1,
		.comm_exec = 1,
		.task = 1,
		.inherit = of_tasks,
		.exclude_kernel =
			1, /* nothing is counted; this lets kernel.perf_event_paranoid = 2 allow it */
		.exclude_hv = 1,
		.watermark = 1,
		.wakeup_watermark = WAKEUP_BYTES,
	};
}

/* Opens the buffers, and on each CPU or later on each thread the dummy event. */
static int open_dummy(struct sideband *sb, const struct sideband_opts *opts)
{
	struct perf_event_attr attr = dummy_attr(opts->nr_pids > 0);

	return perf_set_open(&sb->dummy,
			     &(struct perf_set_opts){
				     .attr = &attr,
				     .cpus = opts->cpus,
				     .nr_cpus = opts->nr_cpus,
				     .of_tasks = opts->nr_pids > 0,
				     .pages = opts->ring_pages ? opts->ring_pages : DEFAULT_PAGES,
				     .epoll_fd = opts->epoll_fd,
				     .epoll_data = opts->epoll_data,
			     });
}

static int open_samples(struct sideband *sb, const struct sideband_opts *opts)
{
	if (!opts->sample_attr)
		return 0;
	return perf_set_open(&sb->samples, &(struct perf_set_opts){
						   .attr = opts->sample_attr,
						   .cpus = opts->cpus,
						   .nr_cpus = opts->nr_cpus,
						   .of_tasks = opts->nr_pids > 0,
						   .pages = opts->sample_pages ? opts->sample_pages
									       : DEFAULT_PAGES,
						   .epoll_fd = opts->epoll_fd,
						   .epoll_data = opts->epoll_data,
					   });
}

/* ---- following the threads of a process ------------------------------------------------------------------------- */

/* Threads to open, and threads that are recorded already. */
struct follow {
	struct sideband *sb;
	struct u32_map known; /* opened, or inherited from one that was */
	bool progress;
	uint32_t nr_opened;
};

/* A thread born since its parent's event was opened has inherited the event, and its FORK record is in the buffer. */
static int note_inherited(void *arg, const struct perf_event_header *record)
{
	struct follow *f = arg;
	const uint32_t *fields = (const void *)(record + 1); /* pid, ppid, tid, ptid */

	if (record->type != PERF_RECORD_FORK ||
	    record->size < sizeof(*record) + 4 * sizeof(uint32_t) || !fields[2])
		return 0;
	return u32_map_set(&f->known, fields[2], 1);
}

static int follow_thread(void *arg, uint32_t tid)
{
	struct follow *f = arg;
	int r = 0;

	if (u32_map_get(&f->known, tid, NULL))
		return 0;
	/* Right before opening, so that a thread is not recorded twice. */
	for (uint32_t i = 0; i < f->sb->dummy.nr_rings && r != -ENOMEM; i++)
		r = perf_ring_peek(&f->sb->dummy.rings[i], note_inherited, f);
	if (r == -ENOMEM || u32_map_get(&f->known, tid, NULL))
		return r == -ENOMEM ? r : 0;
	r = perf_set_add_thread(&f->sb->dummy, tid);
	if (!r && f->sb->samples.nr_rings)
		r = perf_set_add_thread(&f->sb->samples, tid);
	if (r == -ESRCH)
		return 0;
	if (r)
		return r;
	f->progress = true;
	f->nr_opened++;
	return u32_map_set(&f->known, tid, 1);
}

/* Opens the events on all threads of a process; again until no new ones are found. Returns -ESRCH when it is gone. */
static int follow_process(struct sideband *sb, uint32_t pid)
{
	struct follow f = { .sb = sb };
	int fd = proc_open(pid), r = fd < 0 ? fd : 0;

	do {
		f.progress = false;
		r = r ? r : proc_for_each(fd, "task", follow_thread, &f);
	} while (!r && f.progress);
	if (r == -ENOENT || (!r && !f.nr_opened))
		r = -ESRCH;
	cleanup_close(&fd);
	u32_map_done(&f.known);
	return r;
}

static int explain_open(int code, const struct sideband_opts *opts, struct oc_error *err)
{
	return perf_explain(code, opts->nr_pids ? "events of processes" : "system-wide events",
			    err);
}

static int follow_all(struct sideband *sb, const struct sideband_opts *opts, struct oc_error *err)
{
	for (uint32_t i = 0; i < opts->nr_pids; i++) {
		char what[64];
		int r = follow_process(sb, opts->pids[i]);

		if (!r)
			continue;
		snprintf(what, sizeof(what), "events of process %u", opts->pids[i]);
		return perf_explain(r, what, err);
	}
	return 0;
}

int sideband_open(const struct sideband_opts *opts, struct sink *sink,
		  struct sideband **ret_sideband, struct oc_error *err)
{
	struct sideband *sb = calloc(1, sizeof(*sb));
	int r;

	if (!sb)
		return oc_error_set(err, -ENOMEM, "out of memory");
	sb->sink = sink;
	/* Not readable without procfs; the pid in its namespace is then read of every process. */
	if (proc_read_link(AT_FDCWD, "/proc/self/ns/pid", sb->own_pid_ns, sizeof(sb->own_pid_ns)))
		sb->own_pid_ns[0] = '\0';
	if (opts->nr_pids) {
		sb->pids = calloc(opts->nr_pids, sizeof(*sb->pids));
		if (!sb->pids) {
			sideband_free(sb);
			return oc_error_set(err, -ENOMEM, "out of memory");
		}
		memcpy(sb->pids, opts->pids, opts->nr_pids * sizeof(*sb->pids));
		sb->nr_pids = opts->nr_pids;
	}
	r = open_dummy(sb, opts);
	r = r ? r : open_samples(sb, opts);
	r = r ? explain_open(r, opts, err) : follow_all(sb, opts, err);
	if (r) {
		sideband_free(sb);
		return r;
	}
	*ret_sideband = sb;
	return 0;
}

void sideband_free(struct sideband *sb)
{
	if (!sb)
		return;
	perf_set_done(&sb->dummy);
	perf_set_done(&sb->samples);
	live_tasks_done(&sb->tasks);
	buffer_done(&sb->text);
	buffer_done(&sb->cgroup);
	free(sb->pids);
	free(sb);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct reading {
	struct sideband *sb;
	struct event_queue *queue;
	enum event_source source;
	uint64_t last_ns; /* of this buffer, for records too short to have a time */
};

static int queue_record(void *arg, const struct perf_event_header *record)
{
	struct reading *reading = arg;
	const struct sideband_record_id *id;

	if (record->size >= sizeof(*record) + sizeof(*id)) {
		id = record->type == PERF_RECORD_SAMPLE
			     ? (const void *)(record + 1)
			     : (const void *)((const char *)record + record->size - sizeof(*id));
		reading->last_ns = id->time_ns;
	}
	reading->sb->bytes += record->size;
	return event_queue_push(reading->queue, reading->source, reading->last_ns, record,
				record->size);
}

static int read_set(struct sideband *sb, struct perf_set *set, struct event_queue *queue,
		    enum event_source source)
{
	for (uint32_t i = 0; i < set->nr_rings; i++) {
		struct reading reading = { sb, queue, source, 0 };
		int r = perf_ring_read(&set->rings[i], queue_record, &reading);

		if (r == -EBADMSG) {
			/* The buffer's content made no sense and was skipped. */
			sb->sink->ops->note(sb->sink, OC_NOTE_SIDEBAND_LOST, 1);
			sb->rescan_due = true;
		} else if (r) {
			return r;
		}
	}
	return 0;
}

int sideband_read(struct sideband *sb, struct event_queue *queue)
{
	int r = read_set(sb, &sb->dummy, queue, EVENT_SIDEBAND);

	return r ? r : read_set(sb, &sb->samples, queue, EVENT_PERF_SAMPLE);
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

void sideband_enable_samples(struct sideband *sb, bool on)
{
	perf_set_enable(&sb->samples, on);
}

bool sideband_rescan_due(const struct sideband *sb)
{
	return sb->rescan_due;
}

int sideband_reopen_cpu(struct sideband *sb, uint32_t cpu)
{
	int r = perf_set_reopen_cpu(&sb->dummy, cpu);

	if (!r && sb->samples.nr_rings)
		r = perf_set_reopen_cpu(&sb->samples, cpu);
	return r;
}

uint32_t sideband_check_cpus(struct sideband *sb, const struct cpu_list *online)
{
	uint32_t nr_opened = perf_set_check_cpus(&sb->dummy, online, true);

	if (nr_opened)
		sb->rescan_due = true;
	perf_set_check_cpus(&sb->samples, online, false);
	return nr_opened;
}

uint64_t sideband_bytes(const struct sideband *sb)
{
	return sb->bytes;
}

uint64_t sideband_buffer_bytes(const struct sideband *sb)
{
	return perf_set_bytes(&sb->dummy) + perf_set_bytes(&sb->samples);
}

void sideband_watch(struct sideband *sb, sideband_watch_fn fn, void *arg)
{
	sb->watch_fn = fn;
	sb->watch_arg = arg;
}

void sideband_watch_mappings(struct sideband *sb, sideband_mappings_fn fn, void *arg)
{
	sb->mappings_fn = fn;
	sb->mappings_arg = arg;
}
