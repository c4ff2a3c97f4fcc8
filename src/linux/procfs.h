/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading /proc/PID: files as a whole, and parsers for their text.
 * Used by discovery and by the symbol side's facts about processes. All text is taken as hostile: a process chooses
 * its comm and its paths. The parsers are pure and take (text, len); texts they give out point into it.
 * Source: Documentation/filesystems/proc.rst, fs/proc/array.c, fs/proc/task_mmu.c.
 */
#ifndef LINUX_PROCFS_H
#define LINUX_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* What /proc/PID/stat says. */
struct proc_stat {
	uint32_t pid;
	const char *comm; /* [comm_len], at most 64 bytes, raw */
	size_t comm_len;
	char state; /* 'R', 'S', 'D', 'Z', ... */
	uint32_t parent_pid;
	bool kernel_thread;
	uint32_t nr_threads;
	uint64_t start_ticks; /* since boot, in units of 1/sysconf(_SC_CLK_TCK) s */
	uint64_t start_stack; /* address; 0 = none, or not ours to know */
};

/* Returns 0 or -EINVAL. The comm may hold anything, ')' and newlines too: it ends at the last ')'. */
int proc_parse_stat(const char *text, size_t len, struct proc_stat *ret_stat);

/*
 * The pid in the innermost PID namespace, of the NSpid line of /proc/PID/status.
 * Returns 0, or -ENODATA when there is no such line (Linux < 4.1) or no valid number in it.
 */
int proc_parse_ns_pid(const char *text, size_t len, uint32_t *ret_ns_pid);

/* One line of /proc/PID/maps. */
struct proc_map {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	uint64_t device; /* dev_t */
	uint64_t inode;
	bool executable;
	const char *
		path; /* [path_len], raw, see proc_map_path(); that of a deleted file ends in " (deleted)" */
	size_t path_len;
};

/*
 * Parses the line at text[*pos] and moves *pos behind it. Lines that are not maps lines are skipped.
 * Returns true with *ret_map set, false at the end of the text.
 */
bool proc_next_map(const char *text, size_t len, size_t *pos, struct proc_map *ret_map);

/*
 * Writes the path of a maps line, unescaped (the kernel escapes nothing but newlines), into path[size],
 * NUL-terminated, cut if too long.
 */
void proc_map_path(const char *raw, size_t raw_len, char *path, size_t size);

/*
 * Length of a path without the " (deleted)" that the kernel adds to that of a deleted file.
 * A file that really has such a name cannot be told from it.
 */
size_t proc_path_len(const char *path);

/*
 * The cgroup of a process, of /proc/PID/cgroup: of the line that names a container, else the v2 path unless that is
 * the root, else the first v1 path that is not. Returns 0 with *ret_path[*ret_len], "/" when all are roots, or
 * -ENODATA when there is no valid line.
 */
int proc_parse_cgroup(const char *text, size_t len, const char **ret_path, size_t *ret_len);

/*
 * The container id in a cgroup path: the innermost part that has the shape of one (64 hex digits, also with a runtime's
 * prefix and ".scope"; ECS ids; podman's, docker's, containerd's and CRI-O's forms, but not CRI-O's monitors).
 * Returns true with *ret_id[*ret_len], a part of the path.
 */
bool cgroup_container_id(const char *path, size_t len, const char **ret_id, size_t *ret_len);

/* Opens /proc/PID as a directory, so that all reads are of one process, whatever becomes of the pid.
 * Returns a descriptor, or a negative errno value: -ENOENT = no such process. */
int proc_open(uint32_t pid);

/*
 * Reads a file below a directory of proc_open() into *text, replacing what is there; at most cap bytes.
 * Returns 0, -EFBIG with the first cap bytes in *text, or another negative errno value (-ENOENT or -ESRCH = the
 * process is gone, -EACCES, -ENOMEM).
 */
int proc_read(int proc_fd, const char *name, size_t cap, struct buffer *text);

/* Reads a symbolic link into target[size], NUL-terminated. Returns 0, -ENAMETOOLONG or another negative errno value. */
int proc_read_link(int proc_fd, const char *name, char *target, size_t size);

/*
 * Calls fn for each entry of a directory below proc_fd (or of path `name` when proc_fd is AT_FDCWD) that is a number:
 * the pids of "/proc", the tids of "task". Returns 0, what fn returned when not 0, or a negative errno value.
 */
int proc_for_each(int proc_fd, const char *name, int (*fn)(void *arg, uint32_t id), void *arg);

#endif
