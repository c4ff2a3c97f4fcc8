/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the BPF collector share: bpf_collector.c (life and loop), bpf_load.c (programs and maps),
 * cpu_events.c (the sampling events), drain.c (from records and counters to the sink), targets.c (who is recorded),
 * unwind_maps.c (the memory of the unwind tables).
 */
#ifndef LINUX_BPF_PRIVATE_H
#define LINUX_BPF_PRIVATE_H

#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "base/u64_map.h"
#include "collector.h"
#include "linux/cgroup_facts.h"
#include "linux/cpus.h"
#include "linux/event_queue.h"
#include "linux/kernel_names.h"
#include "linux/poll_loop.h"
#include "linux/perf.h"
#include "linux/sideband.h"
#include "linux/task_table.h"
#include "linux/unwind_feed.h"

#include "cpu.skel.h"

/* A sampling event of one CPU. */
struct cpu_event {
	uint32_t cpu;
	int fd; /* -1 = the CPU is offline */
	struct perf_pulse pulse;
};

struct cpu_events {
	struct cpu_event *events; /* [nr] one for each CPU wanted */
	uint32_t nr;
	bool by_cycles; /* triggered by CPU cycles, not by the clock */
	uint64_t period_ns;
	uint64_t enabled_ns; /* of events already closed */
};

/* The memory of the unwind tables, see unwind_maps.c. */
struct unwind_maps {
	struct unwind_memory memory;
	void *arrays[4];
	size_t bytes[4];
	uint32_t ticks;
};

struct bpf_collector {
	struct collector base;
	struct collector_kind kind;
	struct collector_opts opts;
	struct sink *sink;

	struct cpu_bpf *skel;
	struct ring_buffer *ring;
	struct cpu_events events;
	struct sideband *sideband;
	struct event_queue queue;
	struct task_table tasks;
	struct unwind_maps unwind;
	struct unwind_feed *feed; /* NULL = stacks are walked by frame pointers alone */
	uint32_t nr_copies;       /* copied stacks that wait in the queue */
	struct u64_map images;    /* wire_task.image -> sink_process */
	struct cgroup_cache cgroups;
	struct kernel_names *names; /* NULL until one is asked for */

	struct poll_loop loop;
	int stats_fd;  /* keeps BPF run time statistics on; -1 = off */
	int cgroup_fd; /* -1 = no cgroup filter in the kernel */
	char *cgroup_procs; /* directory of a version 1 cgroup, whose members are listed instead; or NULL */

	bool running;
	uint64_t start_ns; /* CLOCK_MONOTONIC when the first event was enabled */
	uint64_t last_flip_ns;
	uint64_t last_cpu_check_ns;
	uint64_t last_second_ns;
	uint32_t counts_entries; /* of each generation */
	uint64_t map_bytes;      /* all maps have their memory from the beginning */

	struct wire_key *keys; /* [counts_entries + slack], for draining */
	struct wire_count *counts;

	uint64_t samples;
	uint64_t stacks;
	uint64_t counter_bytes;
	uint64_t round_bytes; /* read from the ring in this round of drain_records() */
	uint64_t lost_by_user[WIRE_KIND_COUNT]
			     [OC_LOSS_COUNT]; /* found out in user space: unknown stack or task */
};

/* ---- bpf_load.c ---- */

/* Opens, sizes, configures and loads the programs. Returns 0 or a negative errno value with *err. */
int bpf_load(struct bpf_collector *c, struct oc_error *err);
/* Why BPF cannot be used here at all, before trying. Returns 0 or a negative errno value with *err. */
int bpf_load_probe(struct oc_error *err);
/* Kernel memory of all maps, in bytes. */
uint64_t bpf_load_map_bytes(const struct bpf_collector *c);
/* Run time and runs of all programs so far; both 0 unless statistics are on. *ret_missed: runs the kernel skipped. */
void bpf_load_run_time(const struct bpf_collector *c, uint64_t *ret_ns, uint64_t *ret_runs,
		       uint64_t *ret_missed);

/* ---- cpu_events.c ---- */

/* Opens a sampling event on each online CPU of opts.cpus (or of all), with the program attached, not yet enabled. */
int cpu_events_open(struct bpf_collector *c, struct oc_error *err);
/* Enables or disables all of them. */
int cpu_events_enable(struct bpf_collector *c, bool on, struct oc_error *err);
/* Opens again what belongs to CPUs that have come back; forgets events of CPUs that went away. */
int cpu_events_refresh(struct bpf_collector *c);
/* Samples that were due so far: time enabled / period, over all CPUs. */
uint64_t cpu_events_due(const struct bpf_collector *c);
void cpu_events_close(struct bpf_collector *c);

/* ---- drain.c ---- */

/* Ring buffer callback: stacks go to the sink at once, the rest into the time-ordered queue. ctx: bpf_collector. */
int drain_ring_record(void *ctx, void *data, size_t size);
/* Reads every buffer and hands to the sink what happened before horizon_ns. */
int drain_records(struct bpf_collector *c, uint64_t horizon_ns, struct oc_error *err);
/* Returns when every kernel program that runs now has ended. */
void drain_wait_for_programs(void *unused);
/* Switches the counters' generation and hands the idle one's rows to the sink. */
int drain_counters(struct bpf_collector *c, struct oc_error *err);
/* True when the present generation is half full or its time is up. */
bool drain_counters_due(const struct bpf_collector *c, uint64_t now_ns);
/* Sums what became of the events of a kind over all CPUs. */
void drain_outcome(const struct bpf_collector *c, uint32_t kind, struct wire_outcome *ret_outcome);

/* ---- unwind_maps.c ---- */

/* Before load: how user stacks are walked, and the sizes of the tables for it. */
int unwind_maps_prepare(struct bpf_collector *c, struct oc_error *err);
/* After load: maps the tables and makes the feed, if stacks are walked by tables. */
int unwind_maps_open(struct bpf_collector *c, struct oc_error *err);
/* Once a second. */
void unwind_maps_tick(struct bpf_collector *c);
void unwind_maps_close(struct bpf_collector *c);

/* ---- targets.c ---- */

/* Before load: turns on the filters that the options ask for, finds the cgroup. */
int targets_prepare(struct bpf_collector *c, struct oc_error *err);
/* After load, before sampling: fills the filter maps, follows children and names. */
int targets_fill(struct bpf_collector *c, struct oc_error *err);
/* Now and then: members of a version 1 cgroup. */
void targets_refresh(struct bpf_collector *c);
void targets_done(struct bpf_collector *c);

#endif
