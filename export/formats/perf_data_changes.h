/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened to processes, one after the other: began, mapped something, ended.
 * Used by the perf.data writer; knows the machine, not the format.
 */
#ifndef FORMATS_PERF_DATA_CHANGES_H
#define FORMATS_PERF_DATA_CHANGES_H

#include <onecollect/machine.h>

/* In the order in which they are told when they happened at one time; samples come before the last. */
enum perf_data_change_type { PERF_DATA_BEGIN, PERF_DATA_MAP, PERF_DATA_END };

struct perf_data_change {
	uint64_t time_ns;
	enum perf_data_change_type type;
	bool is_program; /* a mapping of the process's executable, which readers expect first */
	uint32_t id;     /* of the process, or of the mapping */
};

/* When a process's samples were taken; first > last = it has none. */
struct perf_data_sampled {
	uint64_t first_ns;
	uint64_t last_ns;
};

/*
 * Makes the list of the changes of all processes, in order.
 *
 * sampled: by process id, [nr processes + 1]. A process begins before its first sample and ends behind its last.
 * ret_changes: set to an array of *ret_nr that the caller frees with free(3).
 * Returns 0 or -ENOMEM.
 */
int perf_data_changes(const struct oc_machine *m, const struct perf_data_sampled *sampled,
		      struct perf_data_change **ret_changes, size_t *ret_nr);

/* The image that an image replaced by exec; 0 = it did not come by exec. */
oc_process_id perf_data_replaced(const struct oc_machine *m, oc_process_id id);

#endif
