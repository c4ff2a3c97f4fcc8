/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operating system's part of base on Linux.
 * Called through base/os.h and base/clock.h.
 * Must not know what the files hold.
 */
#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/macros.h"

/* ---- files -------------------------------------------------------------------------------------------------- */

int os_open_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

int os_open_new(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

char *os_temporary_directory(void)
{
	const char *directory = secure_getenv("TMPDIR");

	return strdup(directory && *directory ? directory : "/var/tmp");
}

/* A file with a name for a moment, for file systems without O_TMPFILE. */
static int open_unlinked(const char *directory)
{
	struct buffer path = BUFFER_INIT;
	int fd;

	buffer_printf(&path, "%s/onecollect-XXXXXX", directory);
	if (path.error)
		return path.error;
	fd = mkostemp(path.data, O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	else
		unlink(path.data);
	buffer_done(&path);
	return fd;
}

static int open_nameless(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

	if (fd >= 0)
		return fd;
	/* Kernels and file systems that do not know O_TMPFILE see an attempt to write to a directory. */
	if (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL)
		return open_unlinked(directory);
	return -errno;
}

int os_open_temporary(const char *directory)
{
	char *usual __cleanup(cleanup_free) = NULL;

	if (directory && *directory)
		return open_nameless(directory);
	usual = os_temporary_directory();
	return usual ? open_nameless(usual) : -ENOMEM;
}

static void describe(const struct stat *st, struct os_file *ret_file)
{
	enum os_file_type type = OS_FILE_OTHER;

	if (S_ISREG(st->st_mode))
		type = OS_FILE_REGULAR;
	else if (S_ISDIR(st->st_mode))
		type = OS_FILE_DIRECTORY;
	else if (S_ISLNK(st->st_mode))
		type = OS_FILE_LINK;
	else if (S_ISFIFO(st->st_mode))
		type = OS_FILE_PIPE;
	*ret_file = (struct os_file){ .type = type, .size = (uint64_t)st->st_size };
}

int os_file_of(int fd, struct os_file *ret_file)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	describe(&st, ret_file);
	return 0;
}

int os_file_at(const char *path, bool follow_links, struct os_file *ret_file)
{
	struct stat st;

	if (follow_links ? stat(path, &st) : lstat(path, &st))
		return -errno;
	describe(&st, ret_file);
	return 0;
}

int64_t os_read_at(int fd, void *data, size_t size, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(fd, data, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int64_t os_write_at(int fd, const void *data, size_t size, uint64_t offset)
{
	ssize_t n;

	do
		n = pwrite(fd, data, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int os_each_name(const char *directory, int (*fn)(void *arg, const char *name), void *arg)
{
	const struct dirent *entry;
	DIR *dir = opendir(directory);
	int rc = 0;

	if (!dir)
		return -errno;
	while (!rc && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			rc = fn(arg, entry->d_name);
	}
	closedir(dir);
	return rc;
}

int os_remove(const char *path)
{
	return unlink(path) ? -errno : 0;
}

/* The name itself lives in the directory, so that is what has to reach the disk. */
static void sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(dir);
}

static int publish_new(const char *from, const char *to)
{
	/* link() fails when the name appeared meanwhile, which rename() would overwrite. */
	if (!link(from, to)) {
		unlink(from);
		return 0;
	}
	if (errno != EPERM && errno != EOPNOTSUPP)
		return -errno;
	if (!access(to, F_OK))
		return -EEXIST;
	return rename(from, to) ? -errno : 0;
}

int os_publish(int fd, const char *from, const char *to, bool replace)
{
	int rc;

	if (fsync(fd) && errno != EINVAL && errno != EROFS)
		return -errno;
	if (replace)
		rc = rename(from, to) ? -errno : 0;
	else
		rc = publish_new(from, to);
	if (!rc)
		sync_directory(to);
	return rc;
}

char *os_real_path(const char *directory)
{
	return realpath(directory, NULL);
}

bool os_same_name(const char *a, const char *b)
{
	return !strcmp(a, b);
}

const char *os_last_separator(const char *path)
{
	return strrchr(path, '/');
}

/* ---- terminals ---------------------------------------------------------------------------------------------- */

void os_prepare_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* The lowest free number is this one; read-only makes writes to standard output fail. */
		if (open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return;
	}
}

unsigned int os_terminal_columns(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

/* ---- clocks ------------------------------------------------------------------------------------------------- */

uint64_t clock_boottime_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_BOOTTIME, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

void clock_self_cpu(double *ret_user_s, double *ret_system_s)
{
	struct rusage usage;

	*ret_user_s = *ret_system_s = 0;
	if (getrusage(RUSAGE_SELF, &usage))
		return;
	*ret_user_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
	*ret_system_s = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

/* ---- memory ------------------------------------------------------------------------------------------------- */

uint64_t os_peak_memory(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) ? 0 : (uint64_t)usage.ru_maxrss * 1024;
}
