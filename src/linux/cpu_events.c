/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sampling events: one per CPU, on cycles where there is a counter for them, else on the CPU clock; kept alive
 * across CPUs going away and coming back.
 * Called by src/linux/bpf_collector.c.
 * Must not know what the program does.
 * Source: perf_event_open(2).
 */
#include "linux/bpf_private.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/macros.h"
#include "linux/perf.h"

static void describe(const struct bpf_collector *c, bool by_cycles, struct perf_event_attr *attr)
{
	*attr = (struct perf_event_attr){
		.size = sizeof(*attr),
		.type = by_cycles ? PERF_TYPE_HARDWARE : PERF_TYPE_SOFTWARE,
		.config = by_cycles ? PERF_COUNT_HW_CPU_CYCLES : PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = c->opts.frequency_hz,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED,
		.disabled = 1,
	};
}

static int open_one(struct bpf_collector *c, uint32_t cpu)
{
	int prog_fd = bpf_program__fd(c->skel->progs.cpu_sample);
	struct perf_event_attr attr;
	int fd, rc;

	describe(c, c->events.by_cycles, &attr);
	fd = perf_open(&attr, -1, (int)cpu, -1);
	if (fd < 0)
		return fd;
	if (!ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog_fd))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* A cycle counter is there when an event on it can be opened; virtual machines often have none. */
static bool has_cycles(const struct bpf_collector *c, uint32_t cpu)
{
	struct perf_event_attr attr;
	int fd;

	describe(c, true, &attr);
	fd = perf_open(&attr, -1, (int)cpu, -1);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

int cpu_events_open(struct bpf_collector *c, struct oc_error *err)
{
	struct cpu_list online = { 0 };
	uint32_t nr_open = 0;
	int rc = cpu_list_online(&online);

	if (rc)
		return oc_error_set(err, rc, "cannot read the list of online CPUs: %s",
				    strerror(-rc));
	for (uint32_t i = 0; i < c->events.nr; i++) {
		struct cpu_event *event = &c->events.events[i];

		if (!cpu_list_has(&online, event->cpu))
			continue;
		if (!nr_open)
			c->events.by_cycles = has_cycles(c, event->cpu);
		event->fd = open_one(c, event->cpu);
		if (event->fd < 0) {
			rc = event->fd;
			event->fd = -1;
			/* Gone between reading the list and opening. */
			if (rc == -ENODEV)
				continue;
			break;
		}
		nr_open++;
	}
	cpu_list_done(&online);
	c->kind.cycles = c->events.by_cycles;
	if (rc && rc != -ENODEV)
		return perf_explain(rc, "CPU sampling", err);
	if (!nr_open)
		return oc_error_set(err, -ENODEV, "none of the CPUs asked for is online");
	return 0;
}

int cpu_events_enable(struct bpf_collector *c, bool on, struct oc_error *err)
{
	for (uint32_t i = 0; i < c->events.nr; i++) {
		int fd = c->events.events[i].fd;

		if (fd >= 0 && ioctl(fd, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0))
			return oc_error_set(err, -errno, "cannot %s sampling on CPU %u: %s",
					    on ? "enable" : "disable", c->events.events[i].cpu,
					    strerror(errno));
	}
	return 0;
}

static void close_one(struct bpf_collector *c, struct cpu_event *event)
{
	c->events.enabled_ns += perf_enabled_ns(event->fd);
	close(event->fd);
	event->fd = -1;
	event->pulse = (struct perf_pulse){ 0 };
}

/* An event does not survive its CPU's absence, and nothing but opening a new one brings it back. */
int cpu_events_refresh(struct bpf_collector *c)
{
	struct cpu_list online = { 0 };
	int rc = cpu_list_online(&online);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < c->events.nr; i++) {
		struct cpu_event *event = &c->events.events[i];
		bool is_online = cpu_list_has(&online, event->cpu);

		if (event->fd >= 0 && (!is_online || !perf_is_alive(event->fd, &event->pulse)))
			close_one(c, event);
		if (event->fd >= 0 || !is_online)
			continue;
		event->fd = open_one(c, event->cpu);
		if (event->fd < 0) {
			event->fd = -1;
			continue;
		}
		if (ioctl(event->fd, PERF_EVENT_IOC_ENABLE, 0))
			rc = -errno;
		c->sink->ops->note(c->sink, OC_NOTE_CPU_REOPENED, 1);
	}
	sideband_check_cpus(c->sideband, &online);
	cpu_list_done(&online);
	return rc;
}

uint64_t cpu_events_due(const struct bpf_collector *c)
{
	uint64_t ns = c->events.enabled_ns;

	for (uint32_t i = 0; i < c->events.nr; i++)
		ns += perf_enabled_ns(c->events.events[i].fd);
	return ns / c->events.period_ns;
}

void cpu_events_close(struct bpf_collector *c)
{
	for (uint32_t i = 0; i < c->events.nr; i++) {
		if (c->events.events[i].fd >= 0)
			close_one(c, &c->events.events[i]);
	}
}
