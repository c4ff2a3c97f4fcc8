/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The folder that keeps downloaded symbol files: NAME.pdb/KEY/NAME.pdb, as symbol servers lay them out, and
 * .build-id/xx/yyyy and .build-id/xx/yyyy.debug, as debuggers do.
 * Used by symbol_server.c. Knows neither servers nor what is in a file.
 */
#ifndef SYMBOLIZE_SYMBOL_CACHE_H
#define SYMBOLIZE_SYMBOL_CACHE_H

#include <stdbool.h>

#include <onecollect/error.h>

/* Of a path below the folder, with its NUL. */
#define SYMBOL_CACHE_PATH_SIZE 512

/* Closed: all zero, but for the descriptors, which are -1. */
struct symbol_cache {
	int dir;
	int drafts; /* the folder of files that are not finished; -1 = closed */
	char *path; /* absolute */
	unsigned int nr_drafts;
};

/* A file that is not finished. */
struct symbol_draft {
	int fd; /* for writing and reading; -1 = none */
	char name[64];
};

/*
 * Opens the folder, and makes it, with mode 0700, and those above it that are missing. What killed programs left there
 * unfinished is removed when it is older than an hour.
 * Returns 0, or with *err: -EPERM (it belongs to another user, or others may write to it), -ENOTDIR, -EACCES, -EROFS and
 * what else open(2) and mkdir(2) say, or -ENOMEM. symbol_cache_close() is due in any case.
 */
int symbol_cache_open(struct symbol_cache *c, const char *path, struct oc_error *err);
void symbol_cache_close(struct symbol_cache *c);

/* Whether there is a regular file under a path below the folder. */
bool symbol_cache_has(const struct symbol_cache *c, const char *path);

/* Begins a file, of mode 0600. Returns 0 or a negative errno value. */
int symbol_cache_begin(struct symbol_cache *c, struct symbol_draft *ret_draft);
/*
 * Gives a finished file its path below the folder; folders on the way are made. Replaces what is there. Closes the draft.
 * Returns 0, or a negative errno value: then nothing is left of it.
 */
int symbol_cache_keep(struct symbol_cache *c, struct symbol_draft *draft, const char *path);
/* Removes the file. Accepts one that was not begun. */
void symbol_cache_drop(struct symbol_cache *c, struct symbol_draft *draft);

#endif
