/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making one recording of several: of windows of time, of several hosts, or both.
 *
 * Clocks. Recordings of one host since one boot share their monotonic clock, and times are kept. Others are moved to the
 * axis of the first by their wall clocks (start_mono_ns and start_wall_ns are one instant), so they are as far apart as
 * the hosts' wall clocks say. Merge first what was booted first: a time that would lie before the axis becomes 1. A
 * recording without a wall clock is taken as it is. Recordings are of one boot when their hosts' names are equal and the moments
 * at which they say that the host was booted (start_wall_ns - start_boot_ns) are less than 5 s apart.
 *
 * Identity. Only within one host and boot are processes one by pid, start and generation, and files without a build-id
 * one by inode or path. Of other hosts, or boots, files are one by build-id alone, and the kernels are different
 * modules, as their addresses mean different things; such a module's `process` is a process of its host.
 *
 * Samples. Counts without times and samples with times may be mixed: the result is called aggregated, so that formats
 * which draw times refuse it. Ledgers are added up; durations too, so shares of cost stay true.
 */
#ifndef ONECOLLECT_MERGE_H
#define ONECOLLECT_MERGE_H

#include <onecollect/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oc_merge_opts {
	size_t size; /* sizeof(struct oc_merge_opts) of the caller */
	bool mark_host; /* samples get the attribute "host", unless they have it already or the name is unknown */
};

/*
 * Adds everything of src to dst, and what is selected (onecollect/filter.h) of its samples.
 *
 * dst: empty, or merged into before; nothing may be selected of it. The hostname of several hosts is all their names,
 * with commas between. src: not changed; finished. opts: NULL = defaults. err: may be NULL.
 * Returns 0, or with *err filled in: -EINVAL (dst is src, or has a selection; a kind has another unit or period in
 * both, so that its samples weigh differently; dst unchanged), -ENOSPC (too many kinds; dst unchanged), -ENOMEM or an
 * error of the temporary file (dst holds a part).
 */
OC_API int oc_machine_merge_with(struct oc_machine *dst, const struct oc_machine *src,
				 const struct oc_merge_opts *opts, struct oc_error *err);

/* True when the machines tell that they are of one host since one boot; see above. */
OC_API bool oc_machine_same_boot(const struct oc_machine *a, const struct oc_machine *b);

#ifdef __cplusplus
}
#endif

#endif
