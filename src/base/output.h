/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handing a buffer's content on to an output (onecollect/output.h).
 * Used by the writers of formats.
 */
#ifndef BASE_OUTPUT_H
#define BASE_OUTPUT_H

#include <onecollect/output.h>

#include "base/buffer.h"

/* Writers hand on their text when it has grown to this: buffers stay small, and calls few. */
#define OUTPUT_PIECE_BYTES (64 * 1024)

/*
 * Writes what the buffer holds, when that is `at_least` bytes, and empties it.
 * Returns the buffer's error if it has one, 0 when there was not enough yet, or what oc_output_write() says.
 */
int output_pass_on(struct oc_output *out, struct buffer *b, size_t at_least);

#endif
