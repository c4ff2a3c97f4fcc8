/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens files of profiled processes without being led astray.
 * Called by the symbolizer for mapped files and perf maps.
 * Must not know what is in them.
 */
#include "symbolize/target_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macros.h"

/* A layer of overlayfs is marked in at most so many upper bits of an inode (xino, fs/overlayfs/super.c). */
#define OVERLAY_INODE_MASK (UINT64_MAX >> 16)

static int last_error(void)
{
	return errno == ENOENT ? -ESRCH : -errno;
}

int target_open_root(uint32_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/root", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? last_error() : fd;
}

/*
 * Opens for reading what path_fd names, when it is a regular file. The second open goes through the descriptor, so the
 * file checked is the file opened: opening a device by its path could already do harm (a watchdog, a tape).
 */
static int open_checked(int path_fd, uint64_t max_bytes, struct target_file *file)
{
	char path[40];

	if (fstat(path_fd, &file->st))
		return -errno;
	if (!S_ISREG(file->st.st_mode))
		return -EINVAL;
	if ((uint64_t)file->st.st_size > max_bytes)
		return -EFBIG;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	file->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return file->fd < 0 ? -errno : 0;
}

int target_open_at(int root_fd, const char *path, uint64_t max_bytes, struct target_file *ret_file)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	struct target_file file = { .where = TARGET_IN_PROCESS };
	int path_fd __cleanup(cleanup_close) = -1;
	int rc;

	if (path[0] != '/')
		return -EINVAL;
	/* EAGAIN: a directory was renamed meanwhile and ".." could not be proven safe; see openat2(2). */
	for (int tries = 0; tries < 4; tries++) {
		path_fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
		if (path_fd >= 0 || errno != EAGAIN)
			break;
	}
	if (path_fd < 0)
		return -errno;
	rc = open_checked(path_fd, max_bytes, &file);
	if (!rc)
		*ret_file = file;
	return rc;
}

int target_open_own(const char *path, uint64_t max_bytes, struct target_file *ret_file)
{
	int root_fd __cleanup(cleanup_close) = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (root_fd < 0)
		return -errno;
	rc = target_open_at(root_fd, path, max_bytes, ret_file);
	if (!rc)
		ret_file->where = TARGET_IN_OWN_ROOT;
	return rc;
}

int target_open(uint32_t pid, const char *path, uint64_t max_bytes, struct target_file *ret_file)
{
	int root_fd __cleanup(cleanup_close) = target_open_root(pid);

	if (root_fd == -ESRCH || root_fd == -EACCES || root_fd == -EPERM)
		return target_open_own(path, max_bytes, ret_file);
	return root_fd < 0 ? root_fd : target_open_at(root_fd, path, max_bytes, ret_file);
}

int target_open_executable(uint32_t pid, uint64_t max_bytes, struct target_file *ret_file)
{
	struct target_file file = { .where = TARGET_EXECUTABLE };
	int path_fd __cleanup(cleanup_close) = -1;
	char path[32];
	int rc;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	path_fd = open(path, O_PATH | O_CLOEXEC);
	if (path_fd < 0)
		return last_error();
	rc = open_checked(path_fd, max_bytes, &file);
	if (!rc)
		*ret_file = file;
	return rc;
}

bool target_same_file(const struct target_file *file, uint64_t device, uint64_t inode)
{
	if (device == (uint64_t)file->st.st_dev || !device)
		return inode == (uint64_t)file->st.st_ino &&
		       (device || file->where != TARGET_IN_OWN_ROOT);
	if (file->where == TARGET_IN_OWN_ROOT)
		return false;
	return (inode & OVERLAY_INODE_MASK) == ((uint64_t)file->st.st_ino & OVERLAY_INODE_MASK);
}

int target_uid(uint32_t pid, uid_t *ret_uid)
{
	unsigned int real, effective;
	char path[32], text[4096];
	int fd __cleanup(cleanup_close) = -1;
	const char *line;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	/* The name in the first line is the process's choice; the kernel escapes a newline in it. */
	line = strstr(text, "\nUid:");
	if (!line || sscanf(line, "\nUid: %u %u", &real, &effective) != 2)
		return -ESRCH;
	*ret_uid = effective;
	return 0;
}
