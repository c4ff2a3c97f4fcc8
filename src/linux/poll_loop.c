/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting, with epoll(7), timerfd and eventfd.
 * Called by bpf_collector.c and perf_collector.c.
 * Must not know what is in the buffers.
 */
#include "linux/poll_loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/macros.h"

enum { DATA_TIMER = POLL_LOOP_DATA + 1, DATA_WAKE };

static int add(struct poll_loop *loop, int fd, uint64_t data)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = data };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int explain(struct oc_error *err, int rc)
{
	return rc ? oc_error_set(err, rc, "cannot set up the event loop: %s", strerror(-rc)) : 0;
}

int poll_loop_open(struct poll_loop *loop, uint32_t tick_ns, struct oc_error *err)
{
	struct itimerspec tick = { .it_interval.tv_nsec = tick_ns, .it_value.tv_nsec = tick_ns };
	int rc = 0;

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->timer_fd < 0 || loop->wake_fd < 0 ||
	    timerfd_settime(loop->timer_fd, 0, &tick, NULL))
		rc = -errno;
	rc = rc ? rc : add(loop, loop->timer_fd, DATA_TIMER);
	rc = rc ? rc : add(loop, loop->wake_fd, DATA_WAKE);
	return explain(err, rc);
}

void poll_loop_close(struct poll_loop *loop)
{
	cleanup_close(&loop->epoll_fd);
	cleanup_close(&loop->timer_fd);
	cleanup_close(&loop->wake_fd);
	*loop = (struct poll_loop)POLL_LOOP_INIT;
}

int poll_loop_watch(struct poll_loop *loop, int fd, struct oc_error *err)
{
	return explain(err, add(loop, fd, POLL_LOOP_DATA));
}

/* Empties a timer or an eventfd. */
static int clear(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN ? -errno : 0;
}

int poll_loop_wait(struct poll_loop *loop, int timeout_ms, bool *ret_ticked, struct oc_error *err)
{
	struct epoll_event events[16];
	int nr = epoll_wait(loop->epoll_fd, events, ARRAY_SIZE(events), timeout_ms), rc = 0;

	*ret_ticked = false;
	if (nr < 0)
		return errno == EINTR ? 0
				      : oc_error_set(err, -errno, "cannot wait for data: %s",
						     strerror(errno));
	for (int i = 0; i < nr && !rc; i++) {
		if (events[i].data.u64 == DATA_TIMER) {
			*ret_ticked = true;
			rc = clear(loop->timer_fd);
		} else if (events[i].data.u64 == DATA_WAKE) {
			rc = clear(loop->wake_fd);
		}
	}
	return rc ? oc_error_set(err, rc, "cannot read the timer: %s", strerror(-rc)) : 1;
}

void poll_loop_wake(const struct poll_loop *loop)
{
	uint64_t one = 1;
	ssize_t n = write(loop->wake_fd, &one, sizeof(one));

	(void)n; /* a full eventfd wakes as well */
}
