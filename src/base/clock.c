/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading clocks.
 * Called through base/clock.h.
 * Must not know what is timed.
 */
#include "base/clock.h"

#include <sys/resource.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t clock_boottime_ns(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

void clock_self_cpu(double *ret_user_s, double *ret_system_s)
{
	struct rusage usage;

	*ret_user_s = *ret_system_s = 0;
	if (getrusage(RUSAGE_SELF, &usage))
		return;
	*ret_user_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
	*ret_system_s = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}
