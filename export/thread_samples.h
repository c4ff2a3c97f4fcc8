/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The samples of a machine thread by thread, in time order, though they are stored as they came; in bounded memory.
 * Used by writers of formats whose files hold one thread after the other; knows no format.
 */
#ifndef EXPORT_THREAD_SAMPLES_H
#define EXPORT_THREAD_SAMPLES_H

#include <onecollect/machine.h>

#include "base/buffer.h"

/* The samples of one kind of one thread. */
struct thread_group {
	oc_kind_id kind;
	oc_process_id process; /* 0 = unknown */
	oc_thread_id thread;   /* 0 = unknown */
	uint64_t nr;           /* samples as stored */
	uint64_t count;        /* what they stand for */
	uint64_t amount;       /* see amount_of() */
	uint64_t first_ns;     /* earliest time; 0 = none has a time */
	uint64_t last_ns;
	bool in_order; /* stored in time order */
};

/* Groups by kind, those of one kind heaviest first. Start with all zero. */
struct thread_samples {
	const struct oc_machine *m;
	struct thread_group *groups;
	size_t nr;
	uint32_t *group_at; /* by kind and thread or process: index of the group + 1 */
	size_t batch_samples; /* so many are held in memory at a time, unless one thread has more, out of order */
};

/*
 * Finds the groups of a finished machine: one pass over its samples.
 * Returns 0, -ENOMEM, or a negative errno value of reading spilled samples; thread_samples_done() in every case.
 */
int thread_samples_init(struct thread_samples *ts, const struct oc_machine *m);
void thread_samples_done(struct thread_samples *ts);

/*
 * Appends what people call the group: "server (100) worker (101)", with the kind in front when the machine has several.
 * A failure sticks in out->error.
 */
void thread_group_title(struct buffer *out, const struct oc_machine *m,
			const struct thread_group *group);

/*
 * Called for each group in turn: begin, then nr_rounds times round and each sample by rising time, then end; so a file
 * of columns needs no column in memory. A nonzero result stops.
 */
struct thread_visitor {
	unsigned int nr_rounds;
	int (*begin)(void *arg, const struct thread_group *group);
	int (*round)(void *arg, const struct thread_group *group, unsigned int round);
	int (*sample)(void *arg, const struct thread_group *group, const struct oc_sample *sample);
	int (*end)(void *arg, const struct thread_group *group);
	void *arg;
};

/*
 * Visits all groups, with about one pass over the samples for each batch_samples of them.
 * Returns 0, what a callback returned, -ENOMEM, or a negative errno value of reading spilled samples.
 */
int thread_samples_visit(const struct thread_samples *ts, const struct thread_visitor *visitor);

/*
 * Where a sample lies on its thread's axis, in units of its amount: it covers the stretch that ends at its time, or
 * begins where the one before ended, so that every sample keeps its whole weight and none overlap.
 */
struct thread_axis {
	uint64_t origin_ns; /* time of 0 on the axis; 0 = the axis has no times */
	uint64_t end;       /* of the sample before */
};

struct thread_stretch {
	uint64_t start, end;
	bool gap; /* nothing covers the time between the sample before and this one */
};

/* The axis of a group: in times when its amounts are nanoseconds and its samples have times. */
struct thread_axis thread_axis_begin(const struct oc_machine *m, const struct thread_group *group);
/* Moves on by one sample. */
struct thread_stretch thread_axis_next(struct thread_axis *axis, const struct oc_machine *m,
				       const struct oc_sample *sample);

#endif
