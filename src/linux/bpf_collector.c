/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Linux collector that aggregates in the kernel: life, and the one loop over everything that can happen.
 * Called through struct collector_ops (src/collector.h) by src/recording.c.
 * Must not know the export machine.
 */
#include "linux/bpf_private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"

#define TICK_NS         100000000u   /* how often buffers and counters are looked at, at least */
#define CPU_CHECK_NS    500000000ULL /* how often CPUs are looked at; they are back within 2 s */
#define SECOND_NS       1000000000ULL
#define DEFAULT_FREQ_HZ 999u

static struct bpf_collector *self(struct collector *base)
{
	return container_of(base, struct bpf_collector, base);
}

static int bpf_probe(const struct collector_opts *opts, struct oc_error *err)
{
	(void)opts;
	return bpf_load_probe(err);
}

static void bpf_free(struct collector *base)
{
	struct bpf_collector *c;

	if (!base)
		return;
	c = self(base);
	cpu_events_close(c);
	sideband_free(c->sideband);
	ring_buffer__free(c->ring);
	unwind_maps_close(c);
	cpu_bpf__destroy(c->skel);
	targets_done(c);
	event_queue_done(&c->queue);
	task_table_done(&c->tasks);
	u64_map_done(&c->images);
	cgroup_cache_done(&c->cgroups);
	kernel_names_close(c->names);
	poll_loop_close(&c->loop);
	cleanup_close(&c->stats_fd);
	free(c->events.events);
	free(c->keys);
	free(c->counts);
	free(c);
}

/* One slot for each CPU that may be sampled: those asked for, or every CPU that can come online. */
static int list_cpus(struct bpf_collector *c)
{
	int nr_possible = libbpf_num_possible_cpus();
	uint32_t nr = c->opts.nr_cpus   ? c->opts.nr_cpus
		      : nr_possible > 0 ? (uint32_t)nr_possible
					: 1;

	c->events.events = calloc(nr, sizeof(*c->events.events));
	if (!c->events.events)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr; i++)
		c->events.events[i] =
			(struct cpu_event){ .cpu = c->opts.nr_cpus ? c->opts.cpus[i] : i,
					    .fd = -1 };
	c->events.nr = nr;
	return 0;
}

static int bpf_open(const struct collector_opts *opts, struct sink *sink,
		    struct collector **ret_collector, struct oc_error *err)
{
	struct bpf_collector *c = calloc(1, sizeof(*c));
	size_t rows;
	int rc;

	if (!c)
		return oc_error_set(err, -ENOMEM, "out of memory");
	c->loop = (struct poll_loop)POLL_LOOP_INIT;
	c->stats_fd = c->cgroup_fd = -1;
	c->opts = *opts;
	if (!c->opts.frequency_hz)
		c->opts.frequency_hz = DEFAULT_FREQ_HZ;
	c->sink = sink;
	cgroup_cache_init(&c->cgroups);
	c->events.period_ns = 1000000000ULL / c->opts.frequency_hz;
	c->kind = (struct collector_kind){ .name = "cpu", .period_ns = c->events.period_ns };
	c->base = (struct collector){ .ops = &linux_bpf_collector,
				      .kinds = &c->kind,
				      .nr_kinds = WIRE_KIND_COUNT };
	rc = list_cpus(c);
	if (rc)
		oc_error_set(err, rc, "out of memory");
	else
		rc = bpf_load(c, err);
	rows = (size_t)c->counts_entries + 1024;
	if (!rc) {
		c->keys = calloc(rows, sizeof(*c->keys));
		c->counts = calloc(rows, sizeof(*c->counts));
		if (!c->keys || !c->counts)
			rc = oc_error_set(err, -ENOMEM, "out of memory");
	}
	if (rc) {
		bpf_free(&c->base);
		return rc;
	}
	*ret_collector = &c->base;
	return 0;
}

static int open_loop(struct bpf_collector *c, struct oc_error *err)
{
	int rc = poll_loop_open(&c->loop, TICK_NS, err);

	if (rc)
		return rc;
	c->ring = ring_buffer__new(bpf_map__fd(c->skel->maps.records), drain_ring_record, c, NULL);
	if (!c->ring)
		return oc_error_set(err, -errno, "cannot read the ring buffer: %s",
				    strerror(errno));
	return poll_loop_watch(&c->loop, ring_buffer__epoll_fd(c->ring), err);
}

/* Process and mapping records are wanted of every CPU, whatever CPUs are sampled: processes move. */
static int open_sideband(struct bpf_collector *c, struct oc_error *err)
{
	struct cpu_list online = { 0 };
	int rc = cpu_list_online(&online);

	if (rc)
		return oc_error_set(err, rc, "cannot read the list of online CPUs: %s",
				    strerror(-rc));
	rc = sideband_open(&(struct sideband_opts){ .cpus = online.cpus,
						    .nr_cpus = online.nr,
						    .epoll_fd = c->loop.epoll_fd,
						    .epoll_data = POLL_LOOP_DATA },
			   c->sink, &c->sideband, err);
	cpu_list_done(&online);
	return rc;
}

static void on_mappings(void *arg, const struct sideband_change *change)
{
	struct bpf_collector *c = arg;

	if (change->ended)
		unwind_feed_image_ended(c->feed, change->pid);
	else if (unwind_feed_mapped(c->feed, change->pid, change->time_ns, change->start,
				    change->end) &&
		 !c->sink->error)
		c->sink->error = -ENOMEM;
}

static int bpf_start(struct collector *base, struct oc_error *err)
{
	struct bpf_collector *c = self(base);
	int rc = open_loop(c, err);

	if (c->opts.bpf_stats)
		c->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	rc = rc ? rc : open_sideband(c, err);
	if (!rc && c->feed)
		sideband_watch_mappings(c->sideband, on_mappings, c);
	rc = rc ? rc : targets_fill(c, err);
	rc = rc ? rc : cpu_events_open(c, err);
	rc = rc ? rc : sideband_scan(c->sideband, clock_monotonic_ns(), err);
	if (rc)
		return rc;
	c->map_bytes = bpf_load_map_bytes(c);
	c->start_ns = c->last_flip_ns = c->last_cpu_check_ns = clock_monotonic_ns();
	rc = cpu_events_enable(c, true, err);
	c->running = !rc;
	return rc;
}

static int on_tick(struct bpf_collector *c, struct oc_error *err)
{
	uint64_t now = clock_monotonic_ns();

	if (now - c->last_cpu_check_ns > CPU_CHECK_NS) {
		c->last_cpu_check_ns = now;
		cpu_events_refresh(c);
	}
	if (now - c->last_second_ns > SECOND_NS) {
		c->last_second_ns = now;
		targets_refresh(c);
		unwind_maps_tick(c);
	}
	return drain_counters_due(c, now) ? drain_counters(c, err) : 0;
}

static int bpf_poll(struct collector *base, int timeout_ms, struct oc_error *err)
{
	struct bpf_collector *c = self(base);
	/* Copies go on coming until the first one has been looked at. */
	int wait_ms =
		c->nr_copies ? MIN(timeout_ms, (int)(EVENT_IN_FLIGHT_NS / 1000000)) : timeout_ms;
	bool ticked;
	int rc = poll_loop_wait(&c->loop, wait_ms, &ticked, err);

	if (rc <= 0)
		return rc;
	rc = drain_records(c, clock_monotonic_ns() - EVENT_IN_FLIGHT_NS, err);
	return !rc && ticked ? on_tick(c, err) : rc;
}

static void bpf_wake(struct collector *base)
{
	poll_loop_wake(&self(base)->loop);
}

static void note(struct bpf_collector *c, enum oc_note note, uint64_t count)
{
	if (count)
		c->sink->ops->note(c->sink, note, count);
}

static void report_unwinding(struct bpf_collector *c)
{
	struct unwind_feed_stats stats;

	if (!c->feed)
		return;
	unwind_feed_stats(c->feed, &stats);
	note(c, OC_NOTE_STACKS_COPIED, stats.copies_walked);
	note(c, OC_NOTE_UNWIND_EVICTED, stats.store.pages_evicted);
	note(c, OC_NOTE_UNWIND_REFUSED,
	     stats.images_refused + stats.tables_refused + stats.store.pages_refused +
		     stats.store.rules_unfit);
}

/* The kernel's losses are totals; what user space found out was told when it happened. */
static void report_losses(struct bpf_collector *c)
{
	struct wire_outcome outcome;
	uint64_t ns, runs, missed;

	drain_outcome(c, WIRE_KIND_CPU, &outcome);
	for (uint32_t reason = 0; reason < OC_LOSS_COUNT; reason++) {
		if (outcome.lost[reason])
			c->sink->ops->lost(c->sink, WIRE_KIND_CPU, reason, outcome.lost[reason]);
	}
	bpf_load_run_time(c, &ns, &runs, &missed);
	if (missed)
		c->sink->ops->lost(c->sink, WIRE_KIND_CPU, OC_LOSS_RECURSION, missed);
	report_unwinding(c);
	note(c, OC_NOTE_CHILDREN_MISSED, c->skel->bss->children_missed);
}

static int bpf_stop(struct collector *base, struct oc_error *err)
{
	struct bpf_collector *c = self(base);
	int rc;

	if (!c->running)
		return 0;
	c->running = false;
	rc = cpu_events_enable(c, false, err);
	rc = rc ? rc : drain_counters(c, err);
	rc = rc ? rc : drain_records(c, UINT64_MAX, err);
	if (!rc)
		report_losses(c);
	return rc ? rc : c->sink->error;
}

static void bpf_stats(struct collector *base, struct collector_stats *ret_stats)
{
	struct bpf_collector *c = self(base);
	struct wire_outcome outcome;
	uint64_t missed;

	*ret_stats = (struct collector_stats){
		.samples = c->samples,
		.stacks = c->stacks,
		.map_bytes = c->map_bytes,
		.has_bpf_time = c->stats_fd >= 0,
		.first_event_ns = c->start_ns,
		.nr_cpus = c->events.nr,
	};
	drain_outcome(c, WIRE_KIND_CPU, &outcome);
	bpf_load_run_time(c, &ret_stats->bpf_ns, &ret_stats->bpf_runs, &missed);
	ret_stats->kinds[WIRE_KIND_CPU] = (struct collector_kind_stats){
		.due = c->sideband ? cpu_events_due(c) : 0,
		.idle = outcome.idle,
		.filtered = outcome.filtered,
		.taken = outcome.taken + missed,
	};
	for (uint32_t reason = 0; reason < OC_LOSS_COUNT; reason++)
		ret_stats->lost += outcome.lost[reason] + c->lost_by_user[WIRE_KIND_CPU][reason];
	/* While recording, what is counted but not yet drained is a sample too. */
	if (c->running && !c->opts.timeline && outcome.taken > ret_stats->lost)
		ret_stats->samples = outcome.taken - ret_stats->lost;
	ret_stats->kernel_to_user_bytes = outcome.sent_bytes + c->counter_bytes +
					  (c->sideband ? sideband_bytes(c->sideband) : 0);
}

static int bpf_kernel_symbol(void *collector, uint64_t address, struct oc_kernel_symbol *ret_symbol)
{
	struct bpf_collector *c = self(collector);
	int rc = c->names ? 0 : kernel_names_open(&c->names);

	return rc ? rc : kernel_names_find(c->names, address, ret_symbol);
}

const struct collector_ops linux_bpf_collector = {
	.name = "bpf",
	.probe = bpf_probe,
	.open = bpf_open,
	.start = bpf_start,
	.poll = bpf_poll,
	.wake = bpf_wake,
	.stop = bpf_stop,
	.stats = bpf_stats,
	.kernel_symbol = bpf_kernel_symbol,
	.free = bpf_free,
};
