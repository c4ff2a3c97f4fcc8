/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and parsing /proc/PID.
 * Called by discovery and by others who need a fact about a process.
 * Must not know what is done with the facts; keeps no state.
 */
#include "linux/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/macros.h"

/* Flag of task_struct.flags, shown in stat field 9; include/linux/sched.h. */
#define PF_KTHREAD 0x00200000u

/* A position in text; parsers move it forward. */
struct cursor {
	const char *at;
	const char *end;
};

static bool take_char(struct cursor *c, char wanted)
{
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

static void skip_blanks(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
		c->at++;
}

/* Digits of a base up to 16; false without any, or beyond max. */
static bool take_number(struct cursor *c, unsigned int base, uint64_t max, uint64_t *ret)
{
	const char *start = c->at;
	uint64_t value = 0;

	for (; c->at < c->end; c->at++) {
		int digit = hex_digit(*c->at);

		if (digit < 0 || (unsigned int)digit >= base)
			break;
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, (unsigned int)digit, &value) || value > max)
			return false;
	}
	*ret = value;
	return c->at > start;
}

/* ---- stat ------------------------------------------------------------------------------------------------------- */

/* Skips one field behind a blank. */
static bool skip_field(struct cursor *c)
{
	if (!take_char(c, ' '))
		return false;
	while (c->at < c->end && *c->at != ' ' && *c->at != '\n')
		c->at++;
	return true;
}

static bool take_field(struct cursor *c, uint64_t max, uint64_t *ret)
{
	return take_char(c, ' ') && take_number(c, 10, max, ret);
}

/* The fields behind the comm, numbered as in proc_pid_stat(5): 3 state, 4 ppid, 9 flags, 20 threads, 22 start, 28 stack. */
static bool parse_stat_tail(struct cursor *c, struct proc_stat *stat)
{
	uint64_t parent, flags, threads;

	if (!take_char(c, ' ') || c->at == c->end)
		return false;
	stat->state = *c->at++;
	if (!take_field(c, UINT32_MAX, &parent))
		return false;
	for (int field = 5; field <= 8; field++)
		if (!skip_field(c))
			return false;
	if (!take_field(c, UINT32_MAX, &flags))
		return false;
	for (int field = 10; field <= 19; field++)
		if (!skip_field(c))
			return false;
	if (!take_field(c, UINT32_MAX, &threads) || !skip_field(c) ||
	    !take_field(c, UINT64_MAX, &stat->start_ticks))
		return false;
	for (int field = 23; field <= 27; field++)
		skip_field(c);
	if (!take_field(c, UINT64_MAX, &stat->start_stack))
		stat->start_stack = 0;
	stat->parent_pid = (uint32_t)parent;
	stat->kernel_thread = flags & PF_KTHREAD;
	stat->nr_threads = (uint32_t)threads;
	return true;
}

int proc_parse_stat(const char *text, size_t len, struct proc_stat *ret_stat)
{
	struct cursor c = { text, text + len };
	struct proc_stat stat = { 0 };
	const char *last;
	uint64_t pid;

	if (!take_number(&c, 10, UINT32_MAX, &pid) || !take_char(&c, ' ') || !take_char(&c, '('))
		return -EINVAL;
	last = memrchr(c.at, ')', (size_t)(c.end - c.at));
	if (!last)
		return -EINVAL;
	stat.pid = (uint32_t)pid;
	stat.comm = c.at;
	stat.comm_len = (size_t)(last - c.at);
	c.at = last + 1;
	if (stat.comm_len > 64 || !parse_stat_tail(&c, &stat))
		return -EINVAL;
	*ret_stat = stat;
	return 0;
}

/* ---- status ----------------------------------------------------------------------------------------------------- */

int proc_parse_ns_pid(const char *text, size_t len, uint32_t *ret_ns_pid)
{
	static const char key[] = "\nNSpid:";
	/* Only the Name line could be forged, and the kernel escapes newlines in it. */
	const char *line = memmem(text, len, key, sizeof(key) - 1);
	struct cursor c;
	uint64_t pid = 0;

	if (!line)
		return -ENODATA;
	c = (struct cursor){ line + sizeof(key) - 1, text + len };
	/* One number per namespace, outermost first. */
	for (skip_blanks(&c); c.at < c.end && *c.at != '\n'; skip_blanks(&c))
		if (!take_number(&c, 10, INT32_MAX, &pid))
			return -ENODATA;
	if (!pid)
		return -ENODATA;
	*ret_ns_pid = (uint32_t)pid;
	return 0;
}

/* ---- maps ------------------------------------------------------------------------------------------------------- */

/* start-end perms offset major:minor inode [blanks path] */
static bool parse_map(struct cursor *c, struct proc_map *map)
{
	uint64_t major, minor;

	if (!take_number(c, 16, UINT64_MAX, &map->start) || !take_char(c, '-') ||
	    !take_number(c, 16, UINT64_MAX, &map->end) || !take_char(c, ' ') ||
	    map->start >= map->end)
		return false;
	if (c->end - c->at < 5 || c->at[4] != ' ')
		return false;
	map->executable = c->at[2] == 'x';
	c->at += 5;
	if (!take_number(c, 16, UINT64_MAX, &map->file_offset) || !take_char(c, ' ') ||
	    !take_number(c, 16, UINT32_MAX, &major) || !take_char(c, ':') ||
	    !take_number(c, 16, UINT32_MAX, &minor) || !take_char(c, ' ') ||
	    !take_number(c, 10, UINT64_MAX, &map->inode))
		return false;
	map->device = makedev((unsigned int)major, (unsigned int)minor);
	skip_blanks(c);
	map->path = c->at;
	map->path_len = (size_t)(c->end - c->at);
	return true;
}

bool proc_next_map(const char *text, size_t len, size_t *pos, struct proc_map *ret_map)
{
	while (*pos < len) {
		const char *line = text + *pos;
		const char *newline = memchr(line, '\n', len - *pos);
		const char *end = newline ? newline : text + len;
		struct cursor c = { line, end };
		struct proc_map map = { 0 };

		*pos = (size_t)(end - text) + (newline != NULL);
		if (parse_map(&c, &map)) {
			*ret_map = map;
			return true;
		}
	}
	return false;
}

void proc_map_path(const char *raw, size_t raw_len, char *path, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < raw_len && used + 1 < size; i++) {
		/*
		 * A backslash of the path itself is not escaped, so any other octal sequence is the file's own; this
		 * one is ambiguous, and newlines in paths are likelier than "\012" in them.
		 */
		if (raw_len - i >= 4 && !memcmp(raw + i, "\\012", 4)) {
			path[used++] = '\n';
			i += 3;
		} else {
			path[used++] = raw[i];
		}
	}
	path[used] = '\0';
}

size_t proc_path_len(const char *path)
{
	static const char suffix[] = " (deleted)";
	size_t len = strlen(path), cut = sizeof(suffix) - 1;

	return len > cut && path[0] == '/' && !strcmp(path + len - cut, suffix) ? len - cut : len;
}

/* ---- cgroup ----------------------------------------------------------------------------------------------------- */

/* Ids of containers have small digits only. */
static bool is_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!memchr("0123456789abcdef", text[i], 16))
			return false;
	return true;
}

/* 32 hex digits, '-', decimal digits: the id of a task's container on ECS. */
static bool is_ecs_id(const char *text, size_t len)
{
	if (len < 34 || len > 64 || !is_hex(text, 32) || text[32] != '-')
		return false;
	for (size_t i = 33; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

static bool cut_prefix(const char **text, size_t *len, const char *prefix)
{
	size_t n = strlen(prefix);

	if (*len <= n || memcmp(*text, prefix, n))
		return false;
	*text += n;
	*len -= n;
	return true;
}

static bool cut_suffix(const char *text, size_t *len, const char *suffix)
{
	size_t n = strlen(suffix);

	if (*len <= n || memcmp(text + *len - n, suffix, n))
		return false;
	*len -= n;
	return true;
}

/* Does one part of a path, or the part below an "lxc" directory, name a container? */
static bool part_names_container(const char *part, size_t len, bool in_lxc, const char **ret_id,
				 size_t *ret_len)
{
	const char *id = part;
	size_t id_len = len;

	/* crio-conmon-ID.scope and libpod-conmon-ID.scope hold the monitor, not the container. */
	if (memmem(part, len, "conmon-", 7))
		return false;
	if (is_ecs_id(id, id_len))
		goto found;
	cut_suffix(id, &id_len, ".scope");
	/* docker-ID, cri-containerd-ID, crio-ID, libpod-ID, SLICE:cri-containerd:ID, or ID alone. */
	if (id_len >= 64 && is_hex(id + id_len - 64, 64) &&
	    (id_len == 64 || id[id_len - 65] == '-' || id[id_len - 65] == ':')) {
		id += id_len - 64;
		id_len = 64;
		goto found;
	}
	id_len = len;
	if (cut_prefix(&id, &id_len, "lxc.payload.") || in_lxc)
		goto found;
	if (cut_prefix(&id, &id_len, "systemd-nspawn@") && cut_suffix(id, &id_len, ".service"))
		goto found;
	return false;
found:
	*ret_id = id;
	*ret_len = id_len;
	return true;
}

bool cgroup_container_id(const char *path, size_t len, const char **ret_id, size_t *ret_len)
{
	/* From the innermost part outwards: containers nest, and a process is in the innermost. */
	while (len) {
		const char *slash = memrchr(path, '/', len);
		const char *part = slash ? slash + 1 : path;
		size_t part_len = (size_t)(path + len - part), above = (size_t)(part - path);
		bool in_lxc = above >= 5 && !memcmp(part - 5, "/lxc/", 5);

		if (part_len && part_names_container(part, part_len, in_lxc, ret_id, ret_len))
			return true;
		len = slash ? (size_t)(slash - path) : 0;
	}
	return false;
}

/* How much a line's path tells; the first line of the highest rank is taken. */
enum cgroup_rank { CGROUP_NONE, CGROUP_ROOT, CGROUP_V1, CGROUP_V2, CGROUP_CONTAINER };

int proc_parse_cgroup(const char *text, size_t len, const char **ret_path, size_t *ret_len)
{
	enum cgroup_rank best = CGROUP_NONE;
	const char *end = text + len;

	/* hierarchy:controllers:path; a path holds neither newlines (refused by mkdir) nor ends early. */
	for (const char *line = text, *next; line < end; line = next) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *stop = newline ? newline : end, *path, *id;
		enum cgroup_rank rank = line[0] == '0' ? CGROUP_V2 : CGROUP_V1;
		size_t path_len, id_len;

		next = newline ? newline + 1 : end;
		path = memchr(line, ':', (size_t)(stop - line));
		path = path ? memchr(path + 1, ':', (size_t)(stop - path - 1)) : NULL;
		if (!path || ++path == stop || *path != '/')
			continue;
		path_len = (size_t)(stop - path);
		if (path_len == 1)
			rank = CGROUP_ROOT;
		else if (cgroup_container_id(path, path_len, &id, &id_len))
			rank = CGROUP_CONTAINER;
		if (rank <= best)
			continue;
		best = rank;
		*ret_path = path;
		*ret_len = path_len;
	}
	return best == CGROUP_NONE ? -ENODATA : 0;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

int proc_open(uint32_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int proc_read(int proc_fd, const char *name, size_t cap, struct buffer *text)
{
	__cleanup(cleanup_close) int fd = openat(proc_fd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	buffer_clear(text);
	return buffer_read_fd(text, fd, cap);
}

int proc_read_link(int proc_fd, const char *name, char *target, size_t size)
{
	ssize_t len = readlinkat(proc_fd, name, target, size);

	if (len < 0)
		return -errno;
	if ((size_t)len >= size)
		return -ENAMETOOLONG;
	target[len] = '\0';
	return 0;
}

/* The number that a directory entry's name is, 0 = none. */
static uint32_t entry_number(const char *name)
{
	struct cursor c = { name, name + strlen(name) };
	uint64_t number;

	return take_number(&c, 10, UINT32_MAX, &number) && c.at == c.end ? (uint32_t)number : 0;
}

int proc_for_each(int proc_fd, const char *name, int (*fn)(void *arg, uint32_t id), void *arg)
{
	int fd = openat(proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	const struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (!r) {
		uint32_t id;

		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			r = -errno;
			break;
		}
		id = entry_number(entry->d_name);
		if (id)
			r = fn(arg, id);
	}
	closedir(dir);
	return r;
}
