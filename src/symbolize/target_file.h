/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one way to open a file that belongs to a profiled process.
 * Used for mapped files and perf maps. A process may be hostile, and its names may lead anywhere: a path is looked up
 * below the process's root only, and nothing but a regular file is ever opened for reading.
 */
#ifndef SYMBOLIZE_TARGET_FILE_H
#define SYMBOLIZE_TARGET_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Whose name space a path is looked up in. */
enum target_where {
	TARGET_IN_PROCESS,  /* the root directory of the process */
	TARGET_IN_OWN_ROOT, /* ours: other processes may see another file under this path */
	TARGET_EXECUTABLE,  /* no path at all: the program that the process runs */
};

/* An opened file. */
struct target_file {
	int fd; /* O_RDONLY, owned by the caller */
	enum target_where where;
	struct stat st; /* a regular file, not larger than asked for */
};

/*
 * Opens the root directory of a process, only good for target_open_at(). It pins what the process had as root, so it
 * still works after the process has gone.
 * Returns the descriptor (O_PATH), owned by the caller, or -ESRCH (gone), -EACCES, -EMFILE, ...
 */
int target_open_root(uint32_t pid);

/*
 * Opens a regular file below a root directory. Symbolic links are followed as the process itself would; "..", absolute
 * links and the magic links of /proc never lead out.
 *
 * root_fd: from target_open_root(); path: absolute, as the process sees it.
 * max_bytes: larger files are refused.
 * Returns 0 with *ret_file set, -EINVAL (path not absolute, not a regular file), -EFBIG, or what openat2(2) says:
 * -ENOENT, -EACCES, -ELOOP, -EMFILE, ...
 */
int target_open_at(int root_fd, const char *path, uint64_t max_bytes, struct target_file *ret_file);

/* The same, below our own root. */
int target_open_own(const char *path, uint64_t max_bytes, struct target_file *ret_file);

/*
 * The same, below the root of process `pid`; when that cannot be had (process gone, no permission), below our own
 * root. The caller then has to prove that the file is the right one.
 */
int target_open(uint32_t pid, const char *path, uint64_t max_bytes, struct target_file *ret_file);

/* Opens the program that process `pid` runs, which works even when its file was deleted. Errors as above, -ESRCH. */
int target_open_executable(uint32_t pid, uint64_t max_bytes, struct target_file *ret_file);

/*
 * True when *st is the file that the kernel calls (device, inode) in a mapping of the process.
 *
 * The inode decides. The device is not proof against it: overlayfs and btrfs report another one by stat(2) than for a
 * mapping, and overlayfs marks the layer in the upper 16 bits of the inode. So a differing device is accepted in the
 * process's own root; under our root both have to be equal.
 */
bool target_same_file(const struct target_file *file, uint64_t device, uint64_t inode);

/*
 * The effective user of a process, as our user namespace sees it, from /proc/PID/status (the owner of /proc/PID is
 * root for a process that may not be dumped).
 * Returns 0 with *ret_uid set, or -ESRCH.
 */
int target_uid(uint32_t pid, uid_t *ret_uid);

#endif
