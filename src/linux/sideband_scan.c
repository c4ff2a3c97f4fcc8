/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Discovery: what runs already, from one pass over /proc.
 * Called by both Linux collectors at the start and after lost records.
 * Must not know where its reports go. Costs per process: 5 small files, and the executable mappings.
 */
#include "linux/cgroup_facts.h"
#include "linux/sideband_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "linux/procfs.h"

#define SMALL_FILE_MAX (64u * 1024)
#define SMALL_STAT_MAX 2048 /* 52 numbers of at most 20 digits, and a name */
/* 65,530 mappings (the default vm.max_map_count) with paths of 1,000 bytes. */
#define MAPS_MAX (64u * 1024 * 1024)
/* A process is the one that we know when it started within this of what we know: ticks are 10 ms, records exact. */
#define SAME_START_NS 1000000000u

/* Argument of ioctl PROCMAP_QUERY on /proc/PID/maps, struct procmap_query of include/uapi/linux/fs.h (Linux 6.11). */
struct mapping_query {
	uint64_t size;
	uint64_t query_flags;
	uint64_t query_addr;
	uint64_t start;
	uint64_t end;
	uint64_t flags;
	uint64_t page_size;
	uint64_t file_offset;
	uint64_t inode;
	uint32_t device_major;
	uint32_t device_minor;
	uint32_t path_size;
	uint32_t build_id_size;
	uint64_t path_address;
	uint64_t build_id_address;
};
_Static_assert(sizeof(struct mapping_query) == 104, "layout of struct procmap_query");

#define QUERY_MAPPING        _IOWR('f', 17, struct mapping_query)
#define QUERY_EXECUTABLE     0x04
#define QUERY_COVERS_OR_NEXT 0x10

/* One process while it is scanned. */
struct scan {
	struct sideband *sb;
	uint64_t time_ns;
	uint64_t tick_ns;
	uint32_t pid;
	uint64_t start_stack; /* of the image whose mappings are wanted; 0 = whatever it is */
	int proc_fd;
	struct live_process *process;
	bool skip_leader;  /* it has ended, other threads have not */
	bool is_uncertain; /* which image it is */
	char path[PATH_MAX + 32];
};

/* ---- mappings --------------------------------------------------------------------------------------------------- */

static void report_mapping(struct scan *s, uint64_t start, uint64_t end, uint64_t file_offset,
			   uint64_t device, uint64_t inode)
{
	struct collector_mapping mapping = {
		.start = start,
		.end = end,
		.file_offset = file_offset,
		.path = s->path,
		.device = device,
		.inode = inode,
	};

	sideband_tell_mapping(s->sb, s->time_ns, s->pid, &mapping);
}

/*
 * Is the process still the image that is wanted? Asked once its mappings can no longer become another's: an open
 * descriptor of "maps", and the text read from one, keep to the memory that the process had when it was opened.
 */
static bool is_still_it(const struct scan *s)
{
	char text[SMALL_STAT_MAX];
	struct proc_stat stat;
	ssize_t len;
	int fd;

	if (!s->start_stack)
		return true;
	fd = openat(s->proc_fd, "stat", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text));
	close(fd);
	return len > 0 && !proc_parse_stat(text, (size_t)len, &stat) &&
	       (!stat.start_stack || stat.start_stack == s->start_stack);
}

static int scan_maps_text(struct scan *s)
{
	struct buffer *text = &s->sb->text;
	struct proc_map map;
	size_t pos = 0;
	int r = proc_read(s->proc_fd, "maps", MAPS_MAX, text);

	if (r && r != -EFBIG)
		return r;
	if (!is_still_it(s))
		return -ESTALE;
	while (proc_next_map(text->data, text->len, &pos, &map)) {
		/* The upper half is the kernel's: the vsyscall page, which the query does not show either. */
		if (!map.executable || map.start >> 63)
			continue;
		proc_map_path(map.path, map.path_len, s->path, sizeof(s->path));
		report_mapping(s, map.start, map.end, map.file_offset, map.device, map.inode);
	}
	return 0;
}

/*
 * Asks for one executable mapping after the other, which costs a quarter of reading the text. No build-ids: for
 * them the kernel may have to read the file, and a file system in user space can make that take for ever.
 */
static int scan_maps_query(struct scan *s)
{
	__cleanup(cleanup_close) int fd = openat(s->proc_fd, "maps", O_RDONLY | O_CLOEXEC);
	uint64_t address = 0;

	if (fd < 0)
		return -errno;
	if (!is_still_it(s))
		return -ESTALE;
	for (;;) {
		struct mapping_query query = {
			.size = sizeof(query),
			.query_flags = QUERY_EXECUTABLE | QUERY_COVERS_OR_NEXT,
			.query_addr = address,
			.path_size = PATH_MAX,
			.path_address = (uintptr_t)s->path,
		};

		s->path[0] = '\0';
		if (ioctl(fd, QUERY_MAPPING, &query)) {
			if (errno == ENAMETOOLONG) {
				/* Longer than any path that could be opened; only the extent is known. */
				query.path_size = 0;
				query.path_address = 0;
			}
			if (errno != ENAMETOOLONG || ioctl(fd, QUERY_MAPPING, &query))
				return errno == ENOENT ? 0 : -errno;
		}
		if (query.end <= query.start || query.end <= address)
			return 0;
		s->path[sizeof(s->path) - 1] = '\0';
		report_mapping(s, query.start, query.end, query.file_offset,
			       makedev(query.device_major, query.device_minor), query.inode);
		address = query.end;
	}
}

static int scan_maps(struct scan *s)
{
	int r;

	if (!s->sb->no_mapping_query) {
		r = scan_maps_query(s);
		if (r != -ENOTTY && r != -EINVAL)
			return r;
		s->sb->no_mapping_query = true;
	}
	return scan_maps_text(s);
}

/* ---- facts ------------------------------------------------------------------------------------------------------ */

/* The pid that a process has for itself, 0 = unknown. Most share our namespace, which a link tells cheaply. */
static uint32_t find_ns_pid(struct scan *s)
{
	char link[64];
	uint32_t ns_pid = 0;

	if (s->sb->own_pid_ns[0] && !proc_read_link(s->proc_fd, "ns/pid", link, sizeof(link)) &&
	    !strcmp(link, s->sb->own_pid_ns))
		return s->pid;
	if (proc_read(s->proc_fd, "status", SMALL_FILE_MAX, &s->sb->text) ||
	    proc_parse_ns_pid(s->sb->text.data, s->sb->text.len, &ns_pid))
		return 0;
	return ns_pid;
}

static uint32_t find_exe(struct scan *s)
{
	if (proc_read_link(s->proc_fd, "exe", s->path, sizeof(s->path)))
		return 0;
	return live_exe_id(&s->sb->tasks, s->path, proc_path_len(s->path));
}

/*
 * Is what /proc shows of a known process the image that the records told of last? It may be a later one, whose records
 * are still on their way; its facts would then be told of the wrong one.
 */
enum identity { SAME_IMAGE, OTHER_IMAGE, UNCERTAIN_IMAGE };

static enum identity identify(const struct live_process *process, const struct proc_stat *stat,
			      uint32_t exe)
{
	if (process->start_stack && stat->start_stack)
		return process->start_stack == stat->start_stack ? SAME_IMAGE : OTHER_IMAGE;
	if (process->exe && exe)
		return process->exe == exe ? SAME_IMAGE : OTHER_IMAGE;
	return UNCERTAIN_IMAGE;
}

/* Tells the sink of a process that was known. */
static void report_known(struct scan *s, struct live_process *process, const struct proc_stat *stat,
			 const struct collector_process *facts, uint32_t exe)
{
	const struct sink_ops *ops = s->sb->sink->ops;
	enum identity identity = identify(process, stat, exe);
	sink_process name;

	s->is_uncertain = identity == UNCERTAIN_IMAGE;
	if (s->is_uncertain)
		return;
	if (identity == OTHER_IMAGE) {
		process->image = 0;
		name = sideband_tell_exec(s->sb, s->time_ns, s->pid, facts->comm);
	} else {
		name = ops->process_now(s->sb->sink, s->time_ns, s->pid);
	}
	if (name)
		ops->process_facts(s->sb->sink, name, facts);
	process->start_stack = stat->start_stack;
	process->exe = exe ? exe : process->exe;
	process->wants_exe = false;
	live_set_comm(process, stat->comm, stat->comm_len);
}

/* Tells the sink of a process, new or known, and keeps what is known of it. Returns 0 or -ENOMEM. */
static int report_process(struct scan *s, const struct proc_stat *stat,
			  struct collector_process *facts, uint32_t exe)
{
	struct sideband *sb = s->sb;
	struct live_process *process = live_find(&sb->tasks, s->pid);
	uint64_t start_boot_ns = stat->start_ticks * s->tick_ns;

	s->is_uncertain = false;
	if (process && start_boot_ns + SAME_START_NS > process->start_boot_ns &&
	    process->start_boot_ns + SAME_START_NS > start_boot_ns) {
		report_known(s, process, stat, facts, exe);
	} else {
		if (process)
			sideband_end_process(sb, s->time_ns, s->pid);
		sb->sink->ops->process_start(sb->sink, s->time_ns, facts);
		process = live_add(&sb->tasks, s->pid);
		if (!process)
			return -ENOMEM;
		process->start_stack = stat->start_stack;
		process->exe = exe;
		live_set_comm(process, stat->comm, stat->comm_len);
	}
	s->process = process;
	process->scan = sb->nr_scans;
	process->seen_ns = clock_monotonic_ns();
	process->start_boot_ns = start_boot_ns;
	sideband_tell_watcher(sb, process);
	return 0;
}

/* ---- processes -------------------------------------------------------------------------------------------------- */

static int scan_thread(void *arg, uint32_t tid)
{
	struct scan *s = arg;

	if (s->skip_leader && tid == s->pid)
		return 0;
	return live_add_thread(&s->sb->tasks, s->process, tid);
}

/* Returns 0, -ENOMEM, or another negative errno value when the process cannot be read or has vanished. */
static int scan_process(struct scan *s)
{
	struct buffer *text = &s->sb->text;
	struct collector_process facts = { .pid = s->pid };
	struct proc_stat stat;
	char comm[65];
	uint32_t exe = 0;
	int r = proc_read(s->proc_fd, "stat", SMALL_FILE_MAX, text);

	r = r ? r : proc_parse_stat(text->data, text->len, &stat);
	if (r)
		return r;
	s->skip_leader = stat.state == 'Z' || stat.state == 'X';
	if (s->start_stack && stat.start_stack && s->start_stack != stat.start_stack)
		return -ESTALE;
	/* Ended, only not yet waited for; its end was told or is still on its way. */
	if (s->skip_leader && stat.nr_threads <= 1)
		return 0;
	/* The text is about to be replaced. */
	memcpy(comm, stat.comm, stat.comm_len);
	comm[stat.comm_len] = '\0';
	stat.comm = facts.comm = comm;
	if (!stat.kernel_thread) {
		exe = find_exe(s);
		facts.exe = live_exe_path(&s->sb->tasks, exe);
		facts.ns_pid = find_ns_pid(s);
		r = cgroup_facts_read(s->proc_fd, text, &s->sb->cgroup, &facts);
		if (r)
			return r;
	}
	r = report_process(s, &stat, &facts, exe);
	if (r)
		return r;
	if (stat.nr_threads > 1)
		r = proc_for_each(s->proc_fd, "task", scan_thread, s);
	else
		r = live_add_thread(&s->sb->tasks, s->process, s->pid);
	return r || stat.kernel_thread || s->is_uncertain ? r : scan_maps(s);
}

static int scan_pid(void *arg, uint32_t pid)
{
	struct scan *s = arg;
	int r;

	s->pid = pid;
	s->proc_fd = proc_open(pid);
	if (s->proc_fd < 0)
		return 0;
	r = scan_process(s);
	close(s->proc_fd);
	/* Vanished, or not ours to read: others go on. */
	return r == -ENOMEM ? r : s->sb->sink->error;
}

/* The processes that opts.pids named and those that descend from them. */
static int scan_followed(struct scan *s)
{
	struct live_tasks *tasks = &s->sb->tasks;
	int r = 0;

	for (uint32_t i = 0; i < s->sb->nr_pids && !r; i++)
		r = scan_pid(s, s->sb->pids[i]);
	/* Backwards, because what a scan ends is replaced by the last one, and new ones need no second look. */
	for (size_t i = tasks->nr_processes; i-- > 0 && !r;)
		if (i < tasks->nr_processes && tasks->processes[i].scan != s->sb->nr_scans)
			r = scan_pid(s, tasks->processes[i].pid);
	return r;
}

/* What a scan did not see has ended without being told. */
static void end_vanished(struct scan *s)
{
	struct live_tasks *tasks = &s->sb->tasks;

	for (size_t i = tasks->nr_processes; i-- > 0;)
		if (tasks->processes[i].scan != s->sb->nr_scans)
			sideband_end_process(s->sb, s->time_ns, tasks->processes[i].pid);
}

static void scan_init(struct scan *s, struct sideband *sb, uint64_t time_ns)
{
	sb->scan_ns = MAX(time_ns, sb->scan_ns);
	*s = (struct scan){
		.sb = sb,
		.time_ns = sb->scan_ns,
		.tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK),
	};
}

/* Does the sampled image differ from what is known of the process? */
static bool is_exec_missed(const struct live_process *process, const struct sideband_image *seen)
{
	if (process->image)
		return true;
	if (process->start_stack && seen->start_stack && process->start_stack != seen->start_stack)
		return true;
	/* A rename that was missed looks the same, and then the process is told in two parts, both right. */
	return seen->tid == seen->pid && strcmp(process->comm, seen->comm) != 0;
}

int sideband_see_image(struct sideband *sb, uint64_t time_ns, const struct sideband_image *seen)
{
	struct live_process *process = live_find(&sb->tasks, seen->pid);
	bool is_missed;
	struct scan s;

	if (!process || process->image == seen->name)
		return 0;
	is_missed = is_exec_missed(process, seen);
	process->image = seen->name;
	process->start_stack = seen->start_stack;
	if (!is_missed)
		return 0;
	sideband_tell_exec(sb, time_ns, seen->pid, seen->comm);
	live_set_comm(process, seen->comm, strlen(seen->comm));
	process->exe = 0; /* so that the scan does not tell of the exec once more */
	scan_init(&s, sb, time_ns);
	s.start_stack = seen->start_stack;
	return scan_pid(&s, seen->pid);
}

int sideband_scan(struct sideband *sb, uint64_t time_ns, struct oc_error *err)
{
	struct scan s;
	int r;

	scan_init(&s, sb, time_ns);
	sb->rescan_due = false;
	sb->nr_scans++;
	live_clear_threads(&sb->tasks);
	r = sb->nr_pids ? scan_followed(&s) : proc_for_each(AT_FDCWD, "/proc", scan_pid, &s);
	if (!r)
		end_vanished(&s);
	return r ? oc_error_set(err, r, "cannot list the running processes: %s", strerror(-r)) : 0;
}
