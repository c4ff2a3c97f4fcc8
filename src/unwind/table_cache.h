/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps unwind tables on disk, by build-id, so that a program is compiled once and not in each recording.
 * Used where tables are needed; knows neither ELF nor processes.
 *
 * A directory of files, one per table, named by the build-id in hexadecimal. What is read is not trusted: a file of
 * another owner, that others may write, of another version, with a wrong checksum, or that breaks any promise of
 * unwind/table.h is refused, and the caller compiles the table again.
 */
#ifndef UNWIND_TABLE_CACHE_H
#define UNWIND_TABLE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "unwind/table.h"

/* Shorter ones do not tell files apart; longer ones do not occur (ELF_BUILD_ID_MAX). */
#define TABLE_CACHE_ID_MIN 8
#define TABLE_CACHE_ID_MAX 20

/*
 * Grows with each change of the file format, of unwind/table.h or of what the compiler makes of the same file. Files of
 * other versions are refused.
 */
#define TABLE_CACHE_VERSION 1

/* No table is larger; more is not read. */
#define TABLE_CACHE_FILE_MAX (512u << 20)

/*
 * Reads the table of a build-id.
 *
 * dir: the directory; it and the file have to belong to the effective user or to root, and not to be writable for others.
 * id[id_size]: TABLE_CACHE_ID_MIN..TABLE_CACHE_ID_MAX bytes.
 * ret_table: freed by unwind_table_free().
 * Returns 0; -ENOENT: there is none; -EPERM: the owner or the mode is wrong, or it is no regular file; -ESTALE: another
 * version; -EBADMSG: damaged; -EFBIG; -EINVAL: an id of another size; -ENOMEM; or what open(2) and read(2) say.
 * Any thread.
 */
int table_cache_load(const char *dir, const uint8_t *id, size_t id_size,
		     struct unwind_table **ret_table);

/*
 * Writes the table of a build-id, in place of one that is there; mode 0600. It appears whole or not at all, and is on the
 * disk when this returns, which may take milliseconds.
 *
 * dir: must exist; see above. table: borrowed.
 * Returns 0; -EPERM, -EINVAL, -ENOMEM as above; or what the file system says.
 */
int table_cache_store(const char *dir, const uint8_t *id, size_t id_size,
		      const struct unwind_table *table);

/*
 * The table in data[size], as stored under this build-id; what table_cache_load() does once it has the bytes.
 * Returns 0, -ESTALE, -EBADMSG or -ENOMEM as above.
 */
int table_cache_decode(const void *data, size_t size, const uint8_t *id, size_t id_size,
		       struct unwind_table **ret_table);

/* Appends the file's content to *out, which is empty. A failure sticks in out->error. */
void table_cache_encode(const struct unwind_table *table, const uint8_t *id, size_t id_size,
			struct buffer *out);

#endif
