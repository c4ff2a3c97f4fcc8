/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the samples of a perf event (callchain, period) to the sink: splits callchains, names stacks, counts what was
 * taken and what was lost.
 * Used by the collector on plain perf events. Source: perf_event_open(2), PERF_RECORD_SAMPLE.
 */
#ifndef LINUX_PERF_SAMPLES_H
#define LINUX_PERF_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/id_table.h"
#include "base/u32_map.h"
#include "collector.h"
#include "linux/sideband.h"

/* sample_type that the decoder expects. */
#define PERF_SAMPLES_TYPE (SIDEBAND_SAMPLE_TYPE | PERF_SAMPLE_PERIOD | PERF_SAMPLE_CALLCHAIN)

/* A throttled event, until the kernel lets it go on; more than this at a time are not estimated. */
#define PERF_THROTTLED_MAX 32

struct perf_throttled {
	uint64_t stream_id;
	uint64_t since_ns;
};

/* Embedded; sink, kind and period_ns are set by the owner, the rest starts with zero. */
struct perf_samples {
	struct sink *sink;
	uint32_t kind;
	uint64_t period_ns;
	bool timeline;
	bool (*is_wanted)(void *arg, uint32_t pid); /* NULL = all are */
	void *wanted_arg;

	struct id_table stack_index; /* stacks that the sink knows */
	uint64_t *stacks;            /* their ids, by index id - 1 */
	size_t stacks_cap;
	struct u32_map threads; /* tid -> sink_process it was last named for */
	struct buffer text;     /* scratch */

	uint64_t idle;
	uint64_t filtered;
	uint64_t taken; /* = kept + sum(lost) */
	uint64_t kept;
	uint64_t lost[OC_LOSS_COUNT];
	struct perf_throttled throttled[PERF_THROTTLED_MAX];
	uint32_t nr_throttled;
};

void perf_samples_done(struct perf_samples *ps);

/* Decodes one record of the sampling event's buffers. Returns 0 or -ENOMEM. */
int perf_samples_handle(struct perf_samples *ps, uint64_t time_ns, const void *record, size_t size);

#endif
