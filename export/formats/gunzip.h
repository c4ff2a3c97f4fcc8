/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading an input that may be compressed with gzip, all of it into memory.
 * Used by format readers; knows no format.
 */
#ifndef FORMATS_GUNZIP_H
#define FORMATS_GUNZIP_H

#include <onecollect/input.h>
#include <stdbool.h>

#include "base/buffer.h"

/* An input of any kind may become so large in memory; one that is compressed also at most 64 MiB + 200 times its size. */
#define GUNZIP_BYTES_MAX ((uint64_t)1 << 30)

/* True when head[size] is the beginning of a gzip member. */
bool gunzip_sniff(const void *head, size_t size);

/* Decompresses what there is of head[size] to out[out_size]. Returns the bytes made, 0 when it is damaged. */
size_t gunzip_head(const void *head, size_t size, void *out, size_t out_size);

/*
 * Appends the content of an input to `out`, decompressed when it is gzip (one member or several).
 * ret_cut: set when the compressed data ends early.
 * Returns 0, -EBADMSG (damaged), -EFBIG (beyond the bounds), -ENOMEM or an error of reading; with a sentence in *err.
 */
int gunzip_input(const struct oc_input *in, struct buffer *out, bool *ret_cut,
		 struct oc_error *err);

#endif
