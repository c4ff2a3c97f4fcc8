/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a reader gets its bytes: a file, standard input, or memory, all of them with random access.
 * The content is not trusted, and neither is its size: a file may be cut while it is read.
 */
#ifndef ONECOLLECT_INPUT_H
#define ONECOLLECT_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include <onecollect/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oc_input;

/*
 * Opens a file.
 *
 * path: "-" is standard input. What cannot be read at any place (a pipe) is read into memory, at most 1 GiB.
 * ret_input: to be closed with oc_input_close().
 * err: filled in on failure; may be NULL.
 * Returns 0; -EISDIR; -EINVAL (a device or socket); -EFBIG (a pipe with more than 1 GiB); -ENOENT, -EACCES, -EIO, ...
 * as the file system says; -ENOMEM.
 */
OC_API int oc_input_open(const char *path, struct oc_input **ret_input, struct oc_error *err);

/* Makes data[size], borrowed until the input is closed, an input. Returns 0 or -ENOMEM. */
OC_API int oc_input_open_memory(const void *data, size_t size, struct oc_input **ret_input);

/*
 * Reads up to `size` bytes at `offset` to `data`.
 * Returns how many there are, less than `size` only at the end of the input, or a negative errno value (-EIO, ...).
 * Any thread.
 */
OC_API int64_t oc_input_read_at(const struct oc_input *in, uint64_t offset, void *data,
				size_t size);

/* Bytes of the input, as found when it was opened. */
OC_API uint64_t oc_input_size(const struct oc_input *in);

/* The name it was opened with, for messages; "-" for standard input, "memory" for memory. */
OC_API const char *oc_input_name(const struct oc_input *in);

/* Accepts NULL. */
OC_API void oc_input_close(struct oc_input *in);

#ifdef __cplusplus
}
#endif

#endif
