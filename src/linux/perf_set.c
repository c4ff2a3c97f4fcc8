/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same perf event in many places.
 * Called by side-band discovery.
 * Must not know what the event records.
 */
#include "linux/perf_set.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/array.h"
#include "base/macros.h"

/*
 * Events of threads share a buffer per CPU, and it has to belong to an event. That of a thread will not do: poll(2)
 * reports a hang-up for ever once the thread has ended. So a silent event on ourselves carries it.
 */
static int open_carrier(struct perf_set *set, struct perf_ring *ring, uint32_t cpu)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.use_clockid = set->attr.use_clockid, /* sharing asks for equal clocks */
		.clockid = set->attr.clockid,
		.watermark = set->attr.watermark, /* those of the carrier decide about wake-ups */
		.wakeup_watermark = set->attr.wakeup_watermark,
	};

	return perf_ring_open(ring, &attr, 0, (int)cpu, set->pages);
}

static int open_ring(struct perf_set *set, struct perf_ring *ring, uint32_t cpu)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = set->epoll_data };
	int r;

	r = set->of_tasks ? open_carrier(set, ring, cpu)
			  : perf_ring_open(ring, &set->attr, -1, (int)cpu, set->pages);
	if (r)
		return r;
	if (set->epoll_fd >= 0 && epoll_ctl(set->epoll_fd, EPOLL_CTL_ADD, ring->fd, &event)) {
		r = -errno;
		perf_ring_close(ring);
	}
	return r;
}

int perf_set_open(struct perf_set *set, const struct perf_set_opts *opts)
{
	int r = -ENODEV;

	*set = (struct perf_set){ .attr = *opts->attr,
				  .of_tasks = opts->of_tasks,
				  .pages = opts->pages,
				  .epoll_fd = opts->epoll_fd,
				  .epoll_data = opts->epoll_data };
	set->rings = calloc(opts->nr_cpus, sizeof(*set->rings));
	set->pulses = calloc(opts->nr_cpus, sizeof(*set->pulses));
	if (!set->rings || !set->pulses) {
		perf_set_done(set);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < opts->nr_cpus; i++) {
		r = open_ring(set, &set->rings[set->nr_rings], opts->cpus[i]);
		if (!r)
			set->nr_rings++;
		/* A CPU may go away between the look at the list and now. */
		else if (r != -ENODEV)
			break;
	}
	if (set->nr_rings && (!r || r == -ENODEV))
		return 0;
	perf_set_done(set);
	return r;
}

void perf_set_done(struct perf_set *set)
{
	for (size_t i = 0; i < set->nr_fds; i++)
		close(set->fds[i]);
	for (uint32_t i = 0; i < set->nr_rings; i++)
		perf_ring_close(&set->rings[i]);
	free(set->fds);
	free(set->rings);
	free(set->pulses);
	*set = (struct perf_set){ 0 };
}

int perf_set_add_thread(struct perf_set *set, uint32_t tid)
{
	size_t before = set->nr_fds;
	int r;

	if (array_reserve(&set->fds, &set->fds_cap, set->nr_fds + set->nr_rings, sizeof(*set->fds)))
		return -ENOMEM;
	for (uint32_t i = 0; i < set->nr_rings; i++) {
		int fd = perf_open(&set->attr, (int)tid, set->rings[i].cpu, -1);

		if (fd < 0) {
			r = fd;
			goto undo;
		}
		set->fds[set->nr_fds++] = fd;
		if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, set->rings[i].fd)) {
			r = -errno;
			goto undo;
		}
	}
	return 0;
undo:
	while (set->nr_fds > before)
		close(set->fds[--set->nr_fds]);
	return r;
}

int perf_set_reopen_cpu(struct perf_set *set, uint32_t cpu)
{
	for (uint32_t i = 0; i < set->nr_rings; i++) {
		struct perf_ring ring;
		int r;

		if (set->rings[i].cpu != (int)cpu)
			continue;
		if (set->of_tasks)
			return 0;
		r = open_ring(set, &ring, cpu);
		if (r)
			return r;
		perf_ring_close(&set->rings[i]);
		set->rings[i] = ring;
		set->pulses[i] = (struct perf_pulse){ 0 };
		return 0;
	}
	return -ENOENT;
}

static int add_cpu(struct perf_set *set, uint32_t cpu)
{
	struct perf_ring *rings =
		reallocarray(set->rings, (size_t)set->nr_rings + 1, sizeof(*rings));
	struct perf_pulse *pulses;
	int r;

	if (!rings)
		return -ENOMEM;
	set->rings = rings;
	pulses = reallocarray(set->pulses, (size_t)set->nr_rings + 1, sizeof(*pulses));
	if (!pulses)
		return -ENOMEM;
	set->pulses = pulses;
	r = open_ring(set, &rings[set->nr_rings], cpu);
	if (!r)
		pulses[set->nr_rings++] = (struct perf_pulse){ 0 };
	return r;
}

static bool has_cpu(const struct perf_set *set, uint32_t cpu)
{
	for (uint32_t i = 0; i < set->nr_rings; i++) {
		if (set->rings[i].cpu == (int)cpu)
			return true;
	}
	return false;
}

uint32_t perf_set_check_cpus(struct perf_set *set, const struct cpu_list *online, bool grow)
{
	uint32_t nr_opened = 0;

	if (set->of_tasks)
		return 0;
	for (uint32_t i = 0; i < set->nr_rings; i++) {
		uint32_t cpu = (uint32_t)set->rings[i].cpu;

		/* What cannot be opened now is tried again at the next call. */
		if (cpu_list_has(online, cpu) &&
		    !perf_is_alive(set->rings[i].fd, &set->pulses[i]) &&
		    !perf_set_reopen_cpu(set, cpu))
			nr_opened++;
	}
	for (uint32_t i = 0; grow && i < online->nr; i++) {
		if (!has_cpu(set, online->cpus[i]) && !add_cpu(set, online->cpus[i]))
			nr_opened++;
	}
	return nr_opened;
}

void perf_set_enable(struct perf_set *set, bool on)
{
	unsigned long request = on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE;

	/* Neither can fail for an open event; one that is dead stays so. */
	for (size_t i = 0; i < set->nr_fds; i++)
		ioctl(set->fds[i], request, 0);
	for (uint32_t i = 0; !set->of_tasks && i < set->nr_rings; i++)
		ioctl(set->rings[i].fd, request, 0);
}

size_t perf_set_bytes(const struct perf_set *set)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < set->nr_rings; i++)
		bytes += set->rings[i].data_size + (size_t)getpagesize();
	return bytes;
}
