/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux collector on plain perf events: for one's own processes without privilege, and for the whole machine
 * where the kernel permits it.
 * Called through struct collector_ops (src/collector.h) by src/recording.c.
 * Must not know the export machine.
 */
#include <errno.h>
#include <fnmatch.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "linux/cpus.h"
#include "linux/perf.h"
#include "linux/perf_samples.h"
#include "linux/poll_loop.h"
#include "linux/sideband.h"

#define TICK_NS         100000000u /* how often buffers and CPUs are looked at, at least */
#define DEFAULT_FREQ_HZ 999u
/*
 * Data pages per CPU of the two buffers. Together with their header pages they stay below the 516 KiB per CPU that
 * kernel.perf_event_mlock_kb lets any user lock.
 */
#define SIDEBAND_PAGES 32u
#define SAMPLE_PAGES   64u
#define PAGES_MIN      8u

struct perf_collector {
	struct collector base;
	struct collector_kind kind;
	struct collector_opts opts;
	struct sink *sink;
	struct perf_samples samples;
	struct sideband *sideband;
	struct event_queue queue;
	struct u32_map wanted; /* pids whose name matches, when there are name globs */
	struct cpu_list cpus;
	struct poll_loop loop;
	bool running;
	uint64_t start_ns;
	uint64_t stop_ns;
};

static struct perf_collector *self(struct collector *base)
{
	return container_of(base, struct perf_collector, base);
}

/* ---- attributes ------------------------------------------------------------------------------------------------- */

static struct perf_event_attr clock_attr(const struct collector_opts *opts)
{
	return (struct perf_event_attr){
		.size = sizeof(struct perf_event_attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period =
			1000000000u / (opts->frequency_hz ? opts->frequency_hz : DEFAULT_FREQ_HZ),
		.sample_type = PERF_SAMPLES_TYPE,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED, /* see perf_is_alive() */
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.disabled = 1,
		.inherit = opts->nr_pids > 0,
		.exclude_hv = 1,
		.exclude_callchain_kernel = !opts->kernel_stacks,
		.watermark = 1,
	};
}

/*
 * Kernel samples need kernel.perf_event_paranoid <= 1 or CAP_PERFMON; user code alone is better than nothing. Of recent
 * kernels (6.12.117 is one) the kernel's callers need the same, also in an event that leaves out kernel code. Tells
 * whether it did so.
 */
static bool leave_kernel_out_if_refused(struct perf_event_attr *attr)
{
	int fd = perf_open(attr, 0, -1, -1);

	if (fd == -EACCES || fd == -EPERM) {
		attr->exclude_kernel = 1;
		attr->exclude_callchain_kernel = 1;
	}
	cleanup_close(&fd);
	return attr->exclude_kernel;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static int perf_probe(const struct collector_opts *opts, struct oc_error *err)
{
	struct perf_event_attr attr = clock_attr(opts);
	struct cpu_list online = { 0 };
	int fd;

	if (opts->cgroup)
		return oc_error_set(
			err, -EOPNOTSUPP,
			"recording a cgroup needs BPF; run as root, or name the processes with -p");
	if (opts->unwind == OC_UNWIND_EH_FRAME || opts->unwind == OC_UNWIND_COPY)
		return oc_error_set(
			err, -EOPNOTSUPP,
			"unwinding by call frame information needs BPF; run as root, or "
			"leave out --unwind for frame pointers");
	fd = cpu_list_online(&online);
	if (fd)
		return oc_error_set(err, fd, "cannot read the list of online CPUs: %s",
				    strerror(-fd));
	leave_kernel_out_if_refused(&attr);
	fd = perf_open(&attr, opts->nr_pids ? 0 : -1, (int)online.cpus[0], -1);
	cpu_list_done(&online);
	if (fd < 0)
		return perf_explain(
			fd, opts->nr_pids ? "a clock event" : "a system-wide clock event", err);
	cleanup_close(&fd);
	return 0;
}

static void perf_free(struct collector *base)
{
	struct perf_collector *c;

	if (!base)
		return;
	c = self(base);
	sideband_free(c->sideband);
	perf_samples_done(&c->samples);
	event_queue_done(&c->queue);
	u32_map_done(&c->wanted);
	cpu_list_done(&c->cpus);
	poll_loop_close(&c->loop);
	free(c);
}

static bool is_wanted(void *arg, uint32_t pid)
{
	const struct perf_collector *c = arg;

	return u32_map_get(&c->wanted, pid, NULL);
}

/* The CPUs to open events on: online ones, of those asked for. */
static int choose_cpus(struct perf_collector *c, struct oc_error *err)
{
	int r = cpu_list_online(&c->cpus);
	uint32_t nr = 0;

	if (r)
		return oc_error_set(err, r, "cannot read the list of online CPUs: %s",
				    strerror(-r));
	if (!c->opts.nr_cpus)
		return 0;
	/* Both lists are sorted, so what is kept moves to the front. */
	for (uint32_t i = 0, wanted = 0; i < c->cpus.nr; i++) {
		while (wanted < c->opts.nr_cpus && c->opts.cpus[wanted] < c->cpus.cpus[i])
			wanted++;
		if (wanted < c->opts.nr_cpus && c->opts.cpus[wanted] == c->cpus.cpus[i])
			c->cpus.cpus[nr++] = c->cpus.cpus[i];
	}
	c->cpus.nr = nr;
	return nr ? 0 : oc_error_set(err, -ENODEV, "none of the CPUs asked for is online");
}

static int perf_open_collector(const struct collector_opts *opts, struct sink *sink,
			       struct collector **ret_collector, struct oc_error *err)
{
	struct perf_collector *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return oc_error_set(err, -ENOMEM, "out of memory");
	c->loop = (struct poll_loop)POLL_LOOP_INIT;
	c->opts = *opts;
	c->sink = sink;
	c->kind = (struct collector_kind){ .name = "cpu",
					   .period_ns = clock_attr(opts).sample_period };
	c->base = (struct collector){ .ops = &linux_perf_collector,
				      .kinds = &c->kind,
				      .nr_kinds = 1 };
	c->samples.sink = sink;
	c->samples.period_ns = c->kind.period_ns;
	c->samples.timeline = opts->timeline;
	if (opts->nr_process_globs) {
		c->samples.is_wanted = is_wanted;
		c->samples.wanted_arg = c;
	}
	r = choose_cpus(c, err);
	if (r) {
		perf_free(&c->base);
		return r;
	}
	*ret_collector = &c->base;
	return 0;
}

/* Data pages that hold ring_bytes, a power of two. */
static uint32_t pages_for(uint64_t ring_bytes)
{
	uint64_t page = (uint64_t)getpagesize();
	uint32_t pages = PAGES_MIN;

	while (pages < 1u << 20 && pages * page < ring_bytes)
		pages *= 2;
	return pages;
}

/* Opens the events; with smaller buffers when the user may not lock that much, unless a size was asked for. */
static int open_events(struct perf_collector *c, struct oc_error *err)
{
	struct perf_event_attr attr = clock_attr(&c->opts);
	uint32_t pages = c->opts.ring_bytes ? pages_for(c->opts.ring_bytes) : SAMPLE_PAGES;
	struct sideband_opts opts = {
		.cpus = c->cpus.cpus,
		.nr_cpus = c->cpus.nr,
		.pids = c->opts.pids,
		.nr_pids = c->opts.nr_pids,
		.ring_pages = SIDEBAND_PAGES,
		.sample_attr = &attr,
		.epoll_fd = c->loop.epoll_fd,
		.epoll_data = POLL_LOOP_DATA,
	};
	int r;

	/* The kernel does not count what it leaves out. */
	if (leave_kernel_out_if_refused(&attr))
		c->sink->ops->note(c->sink, OC_NOTE_KERNEL_LEFT_OUT, 1);
	for (;; pages /= 2) {
		opts.sample_pages = pages;
		opts.ring_pages = MIN(pages, SIDEBAND_PAGES);
		attr.wakeup_watermark = pages * (uint32_t)getpagesize() / 4;
		r = sideband_open(&opts, c->sink, &c->sideband, err);
		if (r != -ENOBUFS || c->opts.ring_bytes || pages <= PAGES_MIN)
			return r;
	}
}

static void on_process(void *arg, uint32_t pid, const char *comm, const char *exe_base)
{
	struct perf_collector *c = arg;
	bool matches = false;

	for (uint32_t i = 0; comm && i < c->opts.nr_process_globs && !matches; i++) {
		const char *glob = c->opts.process_globs[i];

		matches = !fnmatch(glob, comm, 0) || (*exe_base && !fnmatch(glob, exe_base, 0));
	}
	if (!matches)
		u32_map_remove(&c->wanted, pid, NULL);
	else if (u32_map_set(&c->wanted, pid, 1) && !c->sink->error)
		c->sink->error = -ENOMEM;
}

static int perf_start(struct collector *base, struct oc_error *err)
{
	struct perf_collector *c = self(base);
	int r = poll_loop_open(&c->loop, TICK_NS, err);

	r = r ? r : open_events(c, err);
	if (!r && c->opts.nr_process_globs)
		sideband_watch(c->sideband, on_process, c);
	r = r ? r : sideband_scan(c->sideband, clock_monotonic_ns(), err);
	if (r)
		return r;
	c->start_ns = clock_monotonic_ns();
	sideband_enable_samples(c->sideband, true);
	c->running = true;
	return 0;
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static int handle_event(void *arg, enum event_source source, uint64_t time_ns, const void *data,
			size_t size)
{
	struct perf_collector *c = arg;
	int r = source == EVENT_SIDEBAND ? sideband_handle(c->sideband, time_ns, data, size)
					 : perf_samples_handle(&c->samples, time_ns, data, size);

	return r ? r : c->sink->error;
}

static int drain(struct perf_collector *c, uint64_t horizon_ns, struct oc_error *err)
{
	int r = sideband_read(c->sideband, &c->queue);

	r = r ? r : event_queue_dispatch(&c->queue, horizon_ns, handle_event, c);
	if (r)
		return oc_error_set(err, r, "cannot take in the recorded data: %s", strerror(-r));
	return sideband_rescan_due(c->sideband)
		       ? sideband_scan(c->sideband, clock_monotonic_ns(), err)
		       : 0;
}

/* Opens system-wide events again on CPUs that were away; the kernel took the events off them. */
static void reopen_cpus(struct perf_collector *c)
{
	struct cpu_list online = { 0 };
	uint32_t nr;

	if (c->opts.nr_pids || cpu_list_online(&online))
		return;
	nr = sideband_check_cpus(c->sideband, &online);
	cpu_list_done(&online);
	if (!nr)
		return;
	c->sink->ops->note(c->sink, OC_NOTE_CPU_REOPENED, nr);
	sideband_enable_samples(c->sideband, true);
}

static int perf_poll(struct collector *base, int timeout_ms, struct oc_error *err)
{
	struct perf_collector *c = self(base);
	bool ticked;
	int r = poll_loop_wait(&c->loop, timeout_ms, &ticked, err);

	if (r <= 0)
		return r;
	r = drain(c, clock_monotonic_ns() - EVENT_IN_FLIGHT_NS, err);
	if (!r && ticked)
		reopen_cpus(c);
	return r;
}

static void perf_wake(struct collector *base)
{
	poll_loop_wake(&self(base)->loop);
}

static int perf_stop(struct collector *base, struct oc_error *err)
{
	struct perf_collector *c = self(base);
	int r;

	if (!c->running)
		return 0;
	c->running = false;
	sideband_enable_samples(c->sideband, false);
	c->stop_ns = clock_monotonic_ns();
	r = drain(c, UINT64_MAX, err);
	return r ? r : c->sink->error;
}

static void perf_stats(struct collector *base, struct collector_stats *ret_stats)
{
	struct perf_collector *c = self(base);
	const struct perf_samples *samples = &c->samples;
	uint64_t end_ns = c->stop_ns ? c->stop_ns : c->start_ns ? clock_monotonic_ns() : 0;

	*ret_stats = (struct collector_stats){
		.samples = samples->kept,
		.stacks = samples->stack_index.count,
		.map_bytes = c->sideband ? sideband_buffer_bytes(c->sideband) : 0,
		.kernel_to_user_bytes = c->sideband ? sideband_bytes(c->sideband) : 0,
		.first_event_ns = c->start_ns,
		.nr_cpus = c->cpus.nr,
	};
	ret_stats->kinds[0] = (struct collector_kind_stats){
		/* Events of threads run with their threads: due is what came. */
		.due = c->opts.nr_pids ? samples->taken
				       : (end_ns - c->start_ns) * c->cpus.nr / c->kind.period_ns,
		.idle = samples->idle,
		.filtered = samples->filtered,
		.taken = samples->taken,
	};
	for (uint32_t reason = 0; reason < OC_LOSS_COUNT; reason++)
		ret_stats->lost += samples->lost[reason];
}

const struct collector_ops linux_perf_collector = {
	.name = "perf-event",
	.probe = perf_probe,
	.open = perf_open_collector,
	.start = perf_start,
	.poll = perf_poll,
	.wake = perf_wake,
	.stop = perf_stop,
	.stats = perf_stats,
	.free = perf_free,
};
