/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a format writer puts its bytes: a file that appears whole or not at all, standard output, or memory.
 * A new file is written beside its final name, synced and renamed, so a crash never leaves half a file under that name.
 */
#ifndef ONECOLLECT_OUTPUT_H
#define ONECOLLECT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oc_output;

/*
 * Opens an output.
 *
 * path: final file name, or "-" for standard output. Borrowed for the call.
 * force: replace an existing file; without it an existing name is an error.
 * ret_output: set on success; to be ended with oc_output_commit() or oc_output_abort().
 * err: filled in on failure; may be NULL.
 * Returns 0; -EEXIST when the file exists and force is false; -EISDIR for a directory; -EACCES, -EROFS, -ENOENT,
 * -ENOSPC, ... as the file system says; -ENOMEM. The file is created with mode 0600 in the target directory.
 */
OC_API int oc_output_open(const char *path, bool force, struct oc_output **ret_output,
			  struct oc_error *err);

/*
 * Opens an output that collects its bytes in memory, read with oc_output_memory().
 * Returns 0 or -ENOMEM.
 */
OC_API int oc_output_open_memory(struct oc_output **ret_output);

/*
 * Appends data[size]. Buffered; the first failure sticks and is returned by every later call and by commit.
 * Returns 0 or a negative errno value (-ENOSPC: disk full, -EPIPE: reader of standard output has gone).
 */
OC_API int oc_output_write(struct oc_output *out, const void *data, size_t size);

/* Hands all bytes accepted so far to the operating system, where the death of this process cannot harm them. Returns as
 * oc_output_write(). */
OC_API int oc_output_flush(struct oc_output *out);

/* Bytes accepted so far. */
OC_API uint64_t oc_output_bytes(const struct oc_output *out);

/* The bytes of a memory output, valid until its next write or its end; *ret_size is their number. NULL for others. */
OC_API const void *oc_output_memory(const struct oc_output *out, size_t *ret_size);

/*
 * Flushes, syncs and renames to the final name, then frees `out` in every case.
 * err: filled in on failure; may be NULL.
 * Returns 0, or the first error of any write; then nothing exists under the final name that was not there before.
 */
OC_API int oc_output_commit(struct oc_output *out, struct oc_error *err);

/* Removes what was written and frees `out`. Accepts NULL. */
OC_API void oc_output_abort(struct oc_output *out);

/*
 * Makes every write and commit of this process fail with -ECANCELED from now on, so that writers end soon and leave
 * nothing behind; for a program that was told twice to stop. Async-signal-safe, any thread; a write(2) that blocks
 * ends when the signal's handler was installed without SA_RESTART.
 */
OC_API void oc_output_cancel_all(void);

#ifdef __cplusplus
}
#endif

#endif
