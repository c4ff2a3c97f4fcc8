/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the portable parts need of an operating system beyond the C library: files by UTF-8 names, terminals, own cost.
 * Used by base, export and cli. os_posix.c and os_win32.c implement it; a build has one of the two.
 *
 * Descriptors are those of read(2), write(2) and close(2), which every C library has; they carry bytes, never text.
 */
#ifndef BASE_OS_H
#define BASE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum os_file_type {
	OS_FILE_REGULAR,
	OS_FILE_DIRECTORY,
	OS_FILE_LINK, /* symbolic; told only when it is not followed */
	OS_FILE_PIPE,
	OS_FILE_OTHER, /* terminals, devices, sockets */
};

struct os_file {
	enum os_file_type type;
	uint64_t size; /* of regular files */
};

/* Opens for reading. Returns a descriptor, or what open(2) says: -ENOENT, -EACCES, -EISDIR (Windows), ... */
int os_open_read(const char *path);
/*
 * Makes a file that only this user may read, for writing. Returns a descriptor; -EEXIST, also for a link that leads
 * nowhere; or what else open(2) says.
 */
int os_open_new(const char *path);
/*
 * Makes a file for reading and writing that is gone when it is closed, or when the process ends.
 * directory: NULL or "" = where this system keeps temporary files that may be large.
 * Returns a descriptor or a negative errno value.
 */
int os_open_temporary(const char *directory);
/* The directory that os_open_temporary() takes by itself. Returns it, to be freed, or NULL = no memory. */
char *os_temporary_directory(void);

/* What is open, or under a name. Return 0 or a negative errno value. */
int os_file_of(int fd, struct os_file *ret_file);
int os_file_at(const char *path, bool follow_links, struct os_file *ret_file);

/*
 * Calls fn with each name in a directory but "." and "..", in no order; fn's nonzero result stops and is returned.
 * Returns 0, fn's result, or a negative errno value when the directory cannot be read.
 */
int os_each_name(const char *directory, int (*fn)(void *arg, const char *name), void *arg);

/* As pread(2) and pwrite(2), any thread: up to `size` bytes. Return how many, or a negative errno value, never -EINTR. */
int64_t os_read_at(int fd, void *data, size_t size, uint64_t offset);
int64_t os_write_at(int fd, const void *data, size_t size, uint64_t offset);

/* Removes a file. Returns 0 or a negative errno value. */
int os_remove(const char *path);
/*
 * Gives the finished file `from`, open as fd, the name `to`, once all of it is on the disk. Closes nothing.
 * replace: whether there may be a file of that name.
 * Returns 0; -EEXIST; or another negative errno value: `from` is then still there.
 */
int os_publish(int fd, const char *from, const char *to, bool replace);
/* The absolute name of a directory without links, "." and "..". Returns it, to be freed, or NULL when it has none. */
char *os_real_path(const char *directory);
/* Do two absolute names mean the same file, links apart? On Windows upper and lower case are the same. */
bool os_same_name(const char *a, const char *b);
/* The last separator of directories in a path, or NULL. */
const char *os_last_separator(const char *path);

/*
 * Makes sure that descriptors 0 to 2 are open, so that no file of ours is taken for standard output; a closed one is
 * replaced by one that fails on use. From then on they carry bytes, and terminals take UTF-8 and escape sequences. To be
 * called before anything is opened.
 */
void os_prepare_streams(void);
/* The most memory that this process has had in RAM, in bytes; 0 = unknown. */
uint64_t os_peak_memory(void);
/* Width of a terminal in columns, 0 = unknown. */
unsigned int os_terminal_columns(int fd);

#endif
