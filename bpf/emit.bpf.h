/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How anything leaves the kernel: counters and ring buffer records. The only place where a sample can be lost, so the
 * only place that counts losses.
 */
#ifndef ONECOLLECT_EMIT_BPF_H
#define ONECOLLECT_EMIT_BPF_H

#include "maps.bpf.h"

#define ENOENT 2
#define E2BIG  7
#define EBUSY  16

/* The value is this CPU's alone and no program of one kind interrupts another of it, so a plain add will do. */
static __always_inline void count_lost(struct wire_outcome *outcome, enum wire_loss reason)
{
	outcome->lost[reason]++;
}

static __always_inline long send(struct wire_outcome *outcome, void *record, u64 size)
{
	u64 flags = BPF_RB_NO_WAKEUP;

	if (bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) > wakeup_bytes)
		flags = BPF_RB_FORCE_WAKEUP;
	if (bpf_ringbuf_output(&records, record, size, flags)) {
		count_lost(outcome, WIRE_LOSS_RING_FULL);
		return -1;
	}
	outcome->sent_bytes += size;
	return 0;
}

/* Adds one to a counter; a row that is new may be made by two CPUs at once, and then the second one adds to it. */
static __always_inline void count_row(struct wire_outcome *outcome, void *map, u32 generation,
				      struct wire_key *key)
{
	struct wire_count one = { .count = 1, .value = 1 };
	struct wire_count *row = bpf_map_lookup_elem(map, key);
	long rc;

	if (!row) {
		rc = bpf_map_update_elem(map, key, &one, BPF_NOEXIST);
		if (!rc) {
			__sync_fetch_and_add(&rows_added[generation & 1], 1);
			return;
		}
		row = bpf_map_lookup_elem(map, key);
		if (!row) {
			count_lost(outcome, rc == -E2BIG ? WIRE_LOSS_COUNTS_FULL : WIRE_LOSS_MAP_BUSY);
			return;
		}
	}
	__sync_fetch_and_add(&row->count, 1);
	__sync_fetch_and_add(&row->value, 1);
}

static __always_inline void emit_count(struct wire_outcome *outcome, struct wire_key *key)
{
	if (epoch & 1)
		count_row(outcome, &counts_odd, 1, key);
	else
		count_row(outcome, &counts_even, 0, key);
}

static __always_inline void emit_sample(struct wire_outcome *outcome, const struct wire_key *key)
{
	struct wire_sample sample = {
		.type = WIRE_SAMPLE,
		.kind = key->kind,
		.user_state = key->user_state,
		.cpu = bpf_get_smp_processor_id(),
		.time_ns = bpf_ktime_get_ns(),
		.task = key->task,
		.user_stack = key->user_stack,
		.kernel_stack = key->kernel_stack,
	};

	send(outcome, &sample, sizeof(sample));
}

#endif
