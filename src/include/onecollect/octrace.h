/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing the library's own format, .octrace, while a recording is still running. What a finished machine needs is
 * the format "octrace" of onecollect/format.h. The file is described in docs/octrace.md.
 */
#ifndef ONECOLLECT_OCTRACE_H
#define ONECOLLECT_OCTRACE_H

#include <onecollect/machine.h>
#include <onecollect/output.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oc_octrace;

/*
 * Begins a file. One thread uses a writer, the one that fills the machine.
 *
 * out: where it goes; borrowed until oc_octrace_free(), to be committed by the caller after oc_octrace_finish().
 * ret_writer: to be freed with oc_octrace_free().
 * Returns 0, -ENOMEM, or the error of writing.
 */
OC_API int oc_octrace_new(struct oc_output *out, struct oc_octrace **ret_writer);

/*
 * Writes what the machine has learned since the last call, and hands it to the operating system: should this process
 * be killed now, a reader gets all of it (but names of functions, which come with oc_octrace_finish()).
 *
 * m: the same machine each time, being filled.
 * Returns 0, -ENOMEM, -EFBIG (a text or list that a chunk cannot hold), or the error of writing; errors stay.
 */
OC_API int oc_octrace_sync(struct oc_octrace *writer, const struct oc_machine *m);

/*
 * Writes the rest of a finished machine, and the end. Nothing else may be written after it.
 * Returns as oc_octrace_sync().
 */
OC_API int oc_octrace_finish(struct oc_octrace *writer, const struct oc_machine *m);

/* Frees the writer, not the output. Accepts NULL. */
OC_API void oc_octrace_free(struct oc_octrace *writer);

#ifdef __cplusplus
}
#endif

#endif
