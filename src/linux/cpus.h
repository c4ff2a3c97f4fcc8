/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU lists: which CPUs are online (with holes), and when one comes back.
 * Used by the Linux collectors. Source: /sys/devices/system/cpu/online, format of cpulist in Documentation/admin-guide.
 */
#ifndef LINUX_CPUS_H
#define LINUX_CPUS_H

#include <stdbool.h>
#include <stdint.h>

/* A set of CPU numbers, sorted. Start with all zero. */
struct cpu_list {
	uint32_t *cpus;
	uint32_t nr;
};

void cpu_list_done(struct cpu_list *list);
/* Parses "0-3,7,9-10". Returns 0, -EINVAL, -ERANGE (a number above 65535) or -ENOMEM; *ret is untouched on failure. */
int cpu_list_parse(const char *text, struct cpu_list *ret);
/* The CPUs online now. Returns 0 or a negative errno value. */
int cpu_list_online(struct cpu_list *ret);
bool cpu_list_has(const struct cpu_list *list, uint32_t cpu);

#endif
