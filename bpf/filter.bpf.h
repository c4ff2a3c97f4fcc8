/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is the current task wanted? The first thing every program asks, before any other work.
 */
#ifndef ONECOLLECT_FILTER_BPF_H
#define ONECOLLECT_FILTER_BPF_H

#include "maps.bpf.h"

static __always_inline bool filter_wants(u32 tgid)
{
	if (has_tgid_filter && !bpf_map_lookup_elem(&wanted_tgids, &tgid))
		return false;
	if (has_cgroup_filter && bpf_current_task_under_cgroup(&wanted_cgroup, 0) != 1)
		return false;
	return true;
}

#endif
