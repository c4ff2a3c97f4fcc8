/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts downloaded symbol files into their folder, whole or not at all.
 * Called by symbol_server.c.
 * Must not know where the bytes come from. Below the folder no symbolic link is followed.
 */
#include "symbolize/symbol_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/macros.h"

/* Where files are that are not finished: not where somebody looks for symbol files. */
#define DRAFTS ".drafts"
/* No download may take that long, so who writes to an older file is gone. */
#define DRAFT_OLD_S 3600
#define DRAFT_TRIES 1000

/* ---- the folder itself --------------------------------------------------------------------------------------- */

/* Makes the folders of a path, as far as they are missing. Returns 0 or a negative errno value. */
static int make_folders(const char *path)
{
	char *copy __cleanup(cleanup_free) = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *at = copy + 1; *at; at++) {
		int failed;

		if (*at != '/')
			continue;
		*at = '\0';
		failed = mkdir(copy, 0700) && errno != EEXIST;
		*at = '/';
		/* One above that may be looked through but not changed says EACCES or EROFS although it is there. */
		if (failed && errno != EACCES && errno != EROFS)
			return -errno;
	}
	return mkdir(copy, 0700) && errno != EEXIST ? -errno : 0;
}

/* Files in it are believed to be ours, so nobody else may put any there. */
static int check_owner(int dir, const char *path, struct oc_error *err)
{
	struct stat st;

	if (fstat(dir, &st))
		return oc_error_set(err, -errno, "cannot look at the symbol cache '%s': %s", path,
				    strerror(errno));
	if ((st.st_uid == geteuid() || !st.st_uid) && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	return oc_error_set(err, -EPERM,
			    "the symbol cache '%s' belongs to another user, or others may write to "
			    "it; name another folder with --symbol-cache",
			    path);
}

static void remove_if_old(int dir, const char *name)
{
	struct timespec now;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) ||
	    clock_gettime(CLOCK_REALTIME, &now))
		return;
	if (now.tv_sec - st.st_mtim.tv_sec > DRAFT_OLD_S)
		unlinkat(dir, name, 0);
}

static void remove_old_drafts(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!list) {
		cleanup_close(&copy);
		return;
	}
	while ((entry = readdir(list)))
		remove_if_old(dir, entry->d_name);
	closedir(list);
}

int symbol_cache_open(struct symbol_cache *c, const char *path, struct oc_error *err)
{
	int rc;

	*c = (struct symbol_cache){ .dir = -1, .drafts = -1 };
	rc = *path ? make_folders(path) : -ENOENT;
	if (!rc) {
		c->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = c->dir < 0 ? -errno : 0;
	}
	if (rc)
		return oc_error_set(err, rc, "cannot make or open the symbol cache '%s': %s", path,
				    strerror(-rc));
	rc = check_owner(c->dir, path, err);
	if (rc)
		return rc;
	if (faccessat(c->dir, ".", W_OK | X_OK, AT_EACCESS))
		return oc_error_set(err, -errno, "the symbol cache '%s' cannot be written to: %s",
				    path, strerror(errno));
	c->path = realpath(path, NULL);
	if (!c->path)
		return oc_error_set(err, -errno, "cannot find the symbol cache '%s': %s", path,
				    strerror(errno));
	c->drafts =
		mkdirat(c->dir, DRAFTS, 0700) && errno != EEXIST
			? -1
			: openat(c->dir, DRAFTS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->drafts < 0)
		return oc_error_set(err, -errno, "the symbol cache '%s' cannot be used: %s", path,
				    strerror(errno));
	remove_old_drafts(c->drafts);
	return 0;
}

void symbol_cache_close(struct symbol_cache *c)
{
	cleanup_close(&c->drafts);
	cleanup_close(&c->dir);
	free(c->path);
	*c = (struct symbol_cache){ .dir = -1, .drafts = -1 };
}

/* ---- files --------------------------------------------------------------------------------------------------- */

/*
 * Opens the folder that a path below the cache is in; make: also when it is not there yet.
 * Returns a descriptor with *ret_name behind the last slash, or a negative errno value.
 */
static int open_parent(const struct symbol_cache *c, const char *path, bool make,
		       const char **ret_name)
{
	int dir = fcntl(c->dir, F_DUPFD_CLOEXEC, 0);
	char part[SYMBOL_CACHE_PATH_SIZE];
	const char *slash;

	for (; dir >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
		int next, failed;

		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (make && mkdirat(dir, part, 0700) && errno != EEXIST) {
			next = -1;
		} else {
			next = openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		failed = errno;
		close(dir);
		errno = failed;
		dir = next;
	}
	*ret_name = path;
	return dir < 0 ? -errno : dir;
}

bool symbol_cache_has(const struct symbol_cache *c, const char *path)
{
	const char *name;
	int dir __cleanup(cleanup_close) = open_parent(c, path, false, &name);
	struct stat st;

	return dir >= 0 && !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode);
}

int symbol_cache_begin(struct symbol_cache *c, struct symbol_draft *ret_draft)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

	/* In a container, or on another host, somebody with the same pid may use the folder. */
	for (int i = 0; i < DRAFT_TRIES; i++) {
		snprintf(ret_draft->name, sizeof(ret_draft->name), "%d-%u", (int)getpid(),
			 ++c->nr_drafts);
		ret_draft->fd = openat(c->drafts, ret_draft->name, flags, 0600);
		if (ret_draft->fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return -errno;
}

int symbol_cache_keep(struct symbol_cache *c, struct symbol_draft *draft, const char *path)
{
	const char *name;
	int dir __cleanup(cleanup_close) = open_parent(c, path, true, &name);
	int rc = dir < 0 ? dir : 0;

	if (!rc && renameat(c->drafts, draft->name, dir, name))
		rc = -errno;
	if (rc) {
		symbol_cache_drop(c, draft);
		return rc;
	}
	cleanup_close(&draft->fd);
	draft->fd = -1;
	return 0;
}

void symbol_cache_drop(struct symbol_cache *c, struct symbol_draft *draft)
{
	if (draft->fd < 0)
		return;
	close(draft->fd);
	draft->fd = -1;
	unlinkat(c->drafts, draft->name, 0);
}
