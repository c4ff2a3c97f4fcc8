/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a collector waits on: its buffers, a clock that ticks, and whoever wants it to look up.
 * Used by bpf_collector.c and perf_collector.c.
 */
#ifndef LINUX_POLL_LOOP_H
#define LINUX_POLL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <onecollect/error.h>

/* Embedded; begins as POLL_LOOP_INIT. */
struct poll_loop {
	int epoll_fd;
	int timer_fd;
	int wake_fd;
};
#define POLL_LOOP_INIT     \
	{                  \
		-1, -1, -1 \
	}

/* The user data of descriptors that others add to epoll_fd: any of them only ends the wait. */
#define POLL_LOOP_DATA 0

/* tick_ns: below one second; 0 = no ticks. Returns 0 or a negative errno value with *err; poll_loop_close() is due in each case. */
int poll_loop_open(struct poll_loop *loop, uint32_t tick_ns, struct oc_error *err);
void poll_loop_close(struct poll_loop *loop);
/* Ends the wait when there is something to read. Returns 0 or a negative errno value with *err. */
int poll_loop_watch(struct poll_loop *loop, int fd, struct oc_error *err);
/*
 * Waits for any of all that, for so long at most.
 * ret_ticked: the clock has ticked since it was asked last.
 * Returns 1, 0 when a signal came between, or a negative errno value with *err.
 */
int poll_loop_wait(struct poll_loop *loop, int timeout_ms, bool *ret_ticked, struct oc_error *err);
/* Ends the wait, or the next one. From any thread, and from signal handlers. */
void poll_loop_wake(const struct poll_loop *loop);

#endif
