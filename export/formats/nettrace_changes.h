/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened to processes, in the order of time: appeared, mapped a file, ended.
 * Used by the nettrace writer; knows the machine, not the format.
 */
#ifndef FORMATS_NETTRACE_CHANGES_H
#define FORMATS_NETTRACE_CHANGES_H

#include <onecollect/machine.h>
#include <stddef.h>
#include <stdint.h>

/* Times above it are said to be it: readers keep times in 64 signed bits, and one is needed behind the last. */
#define CHANGE_TIME_MAX ((uint64_t)INT64_MAX - 1)

/* In the order in which they happen to a process at one time. */
enum change_type { CHANGE_CREATE, CHANGE_MAPPING, CHANGE_EXIT };

struct change {
	uint64_t time;
	oc_process_id process;
	enum change_type type;
	oc_mapping_id mapping; /* of CHANGE_MAPPING */
	uint32_t place;        /* of the process among all, by pid and then by time */
};

/* When a process's samples were taken, or may be said to have been; first > last = it has none, or was no more. */
struct sampled {
	uint64_t first, last;
};

/*
 * Makes the list of changes of all processes, sorted by time, then pid, then by who had the pid first.
 *
 * sampled: by process id. Is set to the time between creation and exit, for readers know a process by its pid: samples
 * that other images of the pid leave no room for (clocks of two CPUs differ) are to be said to be of its ends.
 * start: what happened before is said to have happened then. A process that was over by then has no changes, unless it
 * has samples.
 * Every other is created once, before its first sample. One that ended, or whose pid went to another image (by exec or
 * reuse), exits once, after its last sample unless the other image has samples before that.
 * Mappings are those that were there until their process ended: ones that were replaced would overlap those behind
 * them, because the format cannot say that a mapping has ended.
 * ret_changes: set to an array of *ret_nr that the caller frees with free(3).
 * Returns 0 or -ENOMEM.
 */
int changes_list(const struct oc_machine *m, struct sampled *sampled, uint64_t start,
		 struct change **ret_changes, size_t *ret_nr);

#endif
