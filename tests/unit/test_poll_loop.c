/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/linux/poll_loop.h: what ends a wait.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <unistd.h>

#include "linux/poll_loop.h"

#define LONG_MS 60000
#define NEVER   0

static struct poll_loop opened(uint32_t tick_ns)
{
	struct poll_loop loop = POLL_LOOP_INIT;
	struct oc_error err = { 0 };

	cr_assert_eq(poll_loop_open(&loop, tick_ns, &err), 0, "%s", err.message);
	return loop;
}

Test(poll_loop, ticks, .timeout = 30)
{
	struct poll_loop loop = opened(1000000);
	struct oc_error err = { 0 };
	bool ticked;

	for (int i = 0; i < 3; i++) {
		cr_assert_eq(poll_loop_wait(&loop, LONG_MS, &ticked, &err), 1);
		cr_assert(ticked);
	}
	poll_loop_close(&loop);
	cr_assert_eq(loop.epoll_fd, -1);
}

Test(poll_loop, a_wake_before_the_wait_ends_it, .timeout = 30)
{
	struct poll_loop loop = opened(NEVER);
	struct oc_error err = { 0 };
	bool ticked;

	poll_loop_wake(&loop);
	poll_loop_wake(&loop);
	cr_assert_eq(poll_loop_wait(&loop, LONG_MS, &ticked, &err), 1);
	cr_assert(!ticked);
	/* Both wakes are used up. */
	cr_assert_eq(poll_loop_wait(&loop, 0, &ticked, &err), 1);
	poll_loop_close(&loop);
}

Test(poll_loop, data_ends_it, .timeout = 30)
{
	struct poll_loop loop = opened(NEVER);
	struct oc_error err = { 0 };
	bool ticked;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(poll_loop_watch(&loop, ends[0], &err), 0);
	cr_assert_eq(write(ends[1], "x", 1), 1);
	cr_assert_eq(poll_loop_wait(&loop, LONG_MS, &ticked, &err), 1);
	cr_assert(!ticked);
	close(ends[0]);
	close(ends[1]);
	poll_loop_close(&loop);
}

Test(poll_loop, what_cannot_be_watched)
{
	struct poll_loop loop = opened(NEVER);
	struct oc_error err = { 0 };

	cr_assert_eq(poll_loop_watch(&loop, -1, &err), -EBADF);
	cr_assert_neq(err.message[0], '\0');
	poll_loop_close(&loop);
	/* Nobody is there to be woken. */
	poll_loop_wake(&loop);
}
