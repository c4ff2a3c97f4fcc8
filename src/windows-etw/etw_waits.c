/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits of threads, put together from context switches and wakeups.
 * Called by etw_trace.c.
 * Must not know of stacks or sinks.
 */
#include "windows-etw/etw_waits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/macros.h"

/* States of a thread that stops running. Source: KTHREAD_STATE of the Windows Driver Kit's documentation. */
#define STATE_READY          1
#define STATE_RUNNING        2
#define STATE_STANDBY        3
#define STATE_TERMINATED     4
#define STATE_DEFERRED_READY 7

#define TID_IDLE 0

void etw_waits_done(struct etw_waits *waits)
{
	free(waits->by_thread);
	u32_map_done(&waits->running);
	*waits = (struct etw_waits){ 0 };
}

/* The wait of the present life of a thread, and its index. NULL = no memory. */
static struct etw_wait *wait_of(struct etw_waits *waits, struct etw_tasks *tasks, uint32_t tid,
				uint32_t *ret_thread)
{
	int64_t thread = etw_tasks_thread(tasks, tid);
	size_t nr = (size_t)thread + 1;

	if (thread < 0 || (nr > waits->nr && array_reserve(&waits->by_thread, &waits->cap, nr,
							   sizeof(*waits->by_thread))))
		return NULL;
	if (nr > waits->nr) {
		memset(waits->by_thread + waits->nr, 0,
		       (nr - waits->nr) * sizeof(*waits->by_thread));
		waits->nr = nr;
	}
	*ret_thread = (uint32_t)thread;
	return &waits->by_thread[thread];
}

static void begin(struct etw_wait *wait, uint64_t time, const struct etw_switch *change)
{
	*wait = (struct etw_wait){ 0 };
	if (change->old_state == STATE_TERMINATED)
		return;
	wait->out = time;
	wait->reason = (uint8_t)change->old_wait_reason;
	/* It was put off its processor and wants it back, however far Windows is with giving it one. */
	if (change->old_state == STATE_READY || change->old_state == STATE_RUNNING ||
	    change->old_state == STATE_STANDBY || change->old_state == STATE_DEFERRED_READY)
		wait->ready = time;
}

int etw_waits_switch(struct etw_waits *waits, struct etw_tasks *tasks, uint16_t cpu, uint64_t time,
		     const struct etw_switch *change, struct etw_resumed *ret)
{
	struct etw_wait *old, *wait;
	uint32_t thread;

	/* The idle threads, one a processor, share their id and wait for nothing. */
	if (change->old_tid != TID_IDLE) {
		old = wait_of(waits, tasks, change->old_tid, &thread);
		if (!old)
			return -ENOMEM;
		begin(old, time, change);
	}
	wait = wait_of(waits, tasks, change->new_tid, &thread);
	if (!wait || u32_map_set(&waits->running, cpu + 1u, thread))
		return -ENOMEM;
	if (change->new_tid == TID_IDLE)
		return 0;
	*ret = (struct etw_resumed){
		.thread = thread,
		.wait = *wait,
		.unseen = !wait->out && !tasks->threads[thread].started,
	};
	/* From now on it has been seen. */
	tasks->threads[thread].started = true;
	*wait = (struct etw_wait){ 0 };
	return 1;
}

int etw_waits_ready(struct etw_waits *waits, struct etw_tasks *tasks, uint16_t cpu, uint64_t time,
		    const struct etw_ready *ready)
{
	uint32_t thread, waker;
	struct etw_wait *wait = wait_of(waits, tasks, ready->tid, &thread);

	if (!wait)
		return -ENOMEM;
	if (!wait->out || wait->ready)
		return 0;
	wait->ready = time;
	wait->has_waker = !ready->in_dpc && u32_map_get(&waits->running, cpu + 1u, &waker);
	wait->waker = wait->has_waker ? waker : 0;
	return 0;
}

uint64_t etw_waits_open(const struct etw_waits *waits)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < waits->nr; i++)
		nr += waits->by_thread[i].out != 0;
	return nr;
}

const char *etw_wait_reason(uint8_t reason)
{
	/* Source: KWAIT_REASON of the Windows Driver Kit's wdm.h. */
	static const char *const names[] = {
		"Executive",        "FreePage",          "PageIn",
		"PoolAllocation",   "DelayExecution",    "Suspended",
		"UserRequest",      "WrExecutive",       "WrFreePage",
		"WrPageIn",         "WrPoolAllocation",  "WrDelayExecution",
		"WrSuspended",      "WrUserRequest",     "WrEventPair",
		"WrQueue",          "WrLpcReceive",      "WrLpcReply",
		"WrVirtualMemory",  "WrPageOut",         "WrRendezvous",
		"WrKeyedEvent",     "WrTerminated",      "WrProcessInSwap",
		"WrCpuRateControl", "WrCalloutStack",    "WrKernel",
		"WrResource",       "WrPushLock",        "WrMutex",
		"WrQuantumEnd",     "WrDispatchInt",     "WrPreempted",
		"WrYieldExecution", "WrFastMutex",       "WrGuardedMutex",
		"WrRundown",        "WrAlertByThreadId", "WrDeferredPreempt",
		"WrPhysicalFault",
	};

	return reason < ARRAY_SIZE(names) ? names[reason] : "unknown";
}
