/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading clocks, in nanoseconds.
 * Every time in the project is CLOCK_MONOTONIC unless its name says otherwise.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC now; the clock of bpf_ktime_get_ns() and of our perf records. */
uint64_t clock_monotonic_ns(void);
/* CLOCK_REALTIME now, since 1970. */
uint64_t clock_wall_ns(void);
/* CLOCK_BOOTTIME now; the clock of process start times. */
uint64_t clock_boottime_ns(void);
/* CPU time used by this process so far, user and system, in seconds. */
void clock_self_cpu(double *ret_user_s, double *ret_system_s);

#endif
