/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this process may do, and the words to say when it may not.
 * Used by the collectors' probes and by the feature check.
 */
#ifndef LINUX_PRIVILEGE_H
#define LINUX_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>

/* True when capability `cap` (CAP_BPF, ... of linux/capability.h) is in the effective set. CAP_SYS_ADMIN stands in
 * for CAP_BPF and CAP_PERFMON, as in the kernel. */
bool privilege_has(int cap);

/*
 * Writes the names of those of caps[nr] that are missing into text[size], separated by " and ".
 * Returns how many are missing.
 */
size_t privilege_missing(const int *caps, size_t nr, char *text, size_t size);

/* The integer in a file such as /proc/sys/kernel/perf_event_paranoid; `otherwise` when it cannot be read. */
long privilege_sysctl(const char *path, long otherwise);

#endif
