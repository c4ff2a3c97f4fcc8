/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is recorded: pids with their children, names by glob, a cgroup; put into the kernel's filter maps.
 * Called by src/linux/bpf_collector.c.
 * Must not know what is recorded of them.
 */
#include "linux/bpf_private.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "base/macros.h"

#define CGROUP_DEPTH_MAX 16

static bool filters_by_tgid(const struct bpf_collector *c)
{
	return c->opts.nr_pids || c->opts.nr_process_globs || c->cgroup_procs;
}

/* Where cgroup hierarchies are mounted: unified, and the unified one beside version 1. */
static const char *const cgroup_mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

/* Tells by the file system whether it is a cgroup's directory, and of which version. */
static bool is_cgroup(int fd, bool *ret_is_unified)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return false;
	*ret_is_unified = fs.f_type == CGROUP2_SUPER_MAGIC;
	return *ret_is_unified || fs.f_type == CGROUP_SUPER_MAGIC;
}

static int open_cgroup(const char *path, char *ret_path, size_t size, bool *ret_is_unified)
{
	int rc = -ENOENT;

	for (size_t i = 0; i <= ARRAY_SIZE(cgroup_mounts); i++) {
		const char *base = i ? cgroup_mounts[i - 1] : "";
		int n, fd;

		/* An absolute path may be one below a mount, as /proc/PID/cgroup prints them. */
		n = snprintf(ret_path, size, "%s%s%s", base, i && path[0] != '/' ? "/" : "", path);
		if (n < 0 || (size_t)n >= size)
			return -ENAMETOOLONG;
		fd = open(ret_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0) {
			if (is_cgroup(fd, ret_is_unified))
				return fd;
			/* A directory that has the name of a cgroup by chance. */
			close(fd);
			rc = -EINVAL;
		} else if (errno != ENOENT && errno != ENOTDIR) {
			return -errno;
		}
	}
	return rc;
}

static int find_cgroup(struct bpf_collector *c, struct oc_error *err)
{
	bool is_unified;
	char path[4096];
	int fd = open_cgroup(c->opts.cgroup, path, sizeof(path), &is_unified);

	if (fd == -EINVAL)
		return oc_error_set(err, fd, "'%s' is not a cgroup directory", c->opts.cgroup);
	if (fd < 0)
		return oc_error_set(
			err, fd,
			"cannot open cgroup '%s': %s; name a directory below /sys/fs/cgroup",
			c->opts.cgroup, strerror(-fd));
	if (is_unified) {
		c->cgroup_fd = fd;
		return 0;
	}
	/* The kernel's test knows only the unified hierarchy; for version 1 the members are listed. */
	close(fd);
	if (c->opts.nr_pids || c->opts.nr_process_globs)
		return oc_error_set(err, -EOPNOTSUPP,
				    "'%s' is in a version 1 hierarchy, which cannot be combined "
				    "with a choice of "
				    "processes; use one of them, or a version 2 cgroup",
				    path);
	c->cgroup_procs = strdup(path);
	return c->cgroup_procs ? 0 : oc_error_set(err, -ENOMEM, "out of memory");
}

int targets_prepare(struct bpf_collector *c, struct oc_error *err)
{
	int rc = c->opts.cgroup ? find_cgroup(c, err) : 0;

	if (rc)
		return rc;
	c->skel->rodata->has_cgroup_filter = c->cgroup_fd >= 0;
	c->skel->rodata->has_tgid_filter = filters_by_tgid(c);
	if (filters_by_tgid(c)) {
		bpf_program__set_autoload(c->skel->progs.follow_fork, true);
		bpf_program__set_autoload(c->skel->progs.follow_exit, true);
		bpf_program__set_autoload(c->skel->progs.follow_free, true);
	}
	return 0;
}

static int want(struct bpf_collector *c, uint32_t pid, uint32_t why)
{
	int fd = bpf_map__fd(c->skel->maps.wanted_tgids);
	uint32_t bits = 0;

	if (!bpf_map_lookup_elem(fd, &pid, &bits) && (bits & why) == why)
		return 0;
	bits |= why;
	return bpf_map_update_elem(fd, &pid, &bits, BPF_ANY);
}

static void unwant(struct bpf_collector *c, uint32_t pid, uint32_t why)
{
	int fd = bpf_map__fd(c->skel->maps.wanted_tgids);
	uint32_t bits;

	if (bpf_map_lookup_elem(fd, &pid, &bits) || !(bits & why))
		return;
	bits &= ~why;
	if (bits & ~(uint32_t)WIRE_WANTED_GONE)
		bpf_map_update_elem(fd, &pid, &bits, BPF_ANY);
	else
		bpf_map_delete_elem(fd, &pid);
}

static bool name_matches(const struct bpf_collector *c, const char *comm, const char *exe_base)
{
	for (uint32_t i = 0; i < c->opts.nr_process_globs; i++) {
		const char *glob = c->opts.process_globs[i];

		if (!fnmatch(glob, comm, 0) || (*exe_base && !fnmatch(glob, exe_base, 0)))
			return true;
	}
	return false;
}

static void on_process(void *arg, uint32_t pid, const char *comm, const char *exe_base)
{
	struct bpf_collector *c = arg;

	if (!comm)
		return;
	if (!name_matches(c, comm, exe_base))
		unwant(c, pid, WIRE_WANTED_NAME);
	else if (want(c, pid, WIRE_WANTED_NAME))
		c->sink->ops->note(c->sink, OC_NOTE_CHILDREN_MISSED, 1);
}

/* Wants every process listed in DIR/cgroup.procs and in the directories below. */
static void want_members(struct bpf_collector *c, int dir_fd, unsigned int depth)
{
	int procs_fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *procs = procs_fd >= 0 ? fdopen(procs_fd, "r") : NULL;
	struct dirent *entry;
	unsigned int pid;
	DIR *dir;

	if (procs) {
		while (fscanf(procs, "%u", &pid) == 1)
			want(c, pid, WIRE_WANTED_PID);
		fclose(procs);
	} else if (procs_fd >= 0) {
		close(procs_fd);
	}
	dir = depth < CGROUP_DEPTH_MAX ? fdopendir(dir_fd) : NULL;
	if (!dir) {
		close(dir_fd);
		return;
	}
	while ((entry = readdir(dir))) {
		int child_fd;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		child_fd = openat(dirfd(dir), entry->d_name,
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (child_fd >= 0)
			want_members(c, child_fd, depth + 1);
	}
	closedir(dir);
}

void targets_refresh(struct bpf_collector *c)
{
	int fd;

	if (!c->cgroup_procs)
		return;
	fd = open(c->cgroup_procs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		want_members(c, fd, 0);
}

static int follow_children(struct bpf_collector *c, struct oc_error *err)
{
	c->skel->links.follow_fork = bpf_program__attach(c->skel->progs.follow_fork);
	c->skel->links.follow_exit = bpf_program__attach(c->skel->progs.follow_exit);
	c->skel->links.follow_free = bpf_program__attach(c->skel->progs.follow_free);
	if (!c->skel->links.follow_fork || !c->skel->links.follow_exit ||
	    !c->skel->links.follow_free)
		return oc_error_set(err, -errno, "cannot follow child processes: %s",
				    strerror(errno));
	return 0;
}

int targets_fill(struct bpf_collector *c, struct oc_error *err)
{
	uint32_t zero = 0, fd = (uint32_t)c->cgroup_fd;
	int rc = 0;

	if (c->cgroup_fd >= 0 &&
	    bpf_map_update_elem(bpf_map__fd(c->skel->maps.wanted_cgroup), &zero, &fd, BPF_ANY))
		return oc_error_set(err, -errno, "cannot filter by cgroup '%s': %s", c->opts.cgroup,
				    strerror(errno));
	if (filters_by_tgid(c))
		rc = follow_children(c, err);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < c->opts.nr_pids; i++) {
		rc = want(c, c->opts.pids[i], WIRE_WANTED_PID);
		if (rc)
			return oc_error_set(err, rc, "cannot record pid %u: too many pids",
					    c->opts.pids[i]);
	}
	if (c->opts.nr_process_globs)
		sideband_watch(c->sideband, on_process, c);
	targets_refresh(c);
	return 0;
}

void targets_done(struct bpf_collector *c)
{
	if (c->cgroup_fd >= 0)
		close(c->cgroup_fd);
	c->cgroup_fd = -1;
	free(take_ptr(&c->cgroup_procs));
}
