/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ring buffer to user space, and the counters of what did not get through it.
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

/* flags: BPF_RB_... Returns 0, or -1 when the record, and with it the sample, is lost (and counted). */
static __always_inline long send_with(struct wire_outcome *outcome, void *record, u64 size,
				      u64 flags)
{
	if (bpf_ringbuf_output(&records, record, size, flags)) {
		count_lost(outcome, WIRE_LOSS_RING_FULL);
		return -1;
	}
	outcome->sent_bytes += size;
	return 0;
}

static __always_inline long send(struct wire_outcome *outcome, void *record, u64 size)
{
	bool is_due = bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA) > wakeup_bytes;

	return send_with(outcome, record, size, is_due ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

#endif
