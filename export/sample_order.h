/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The samples of a machine in the order of their times, without a second copy of them.
 * Used by formats whose readers take samples in that order only; knows no format.
 */
#ifndef EXPORT_SAMPLE_ORDER_H
#define EXPORT_SAMPLE_ORDER_H

#include <stddef.h>

#include <onecollect/machine.h>

/* 56 bytes each. More means fewer passes over samples that are not in order. */
#define SAMPLE_ORDER_WINDOW (512 * 1024)

struct sample_order {
	/* The time that a sample is to be ordered by and handed out with; NULL = its own. */
	uint64_t (*time_of)(void *arg, const struct oc_sample *sample);
	/* Gets the samples; nonzero stops. */
	int (*fn)(void *arg, const struct oc_sample *sample);
	void *arg;
	size_t window; /* samples sorted at a time; 0 = SAMPLE_ORDER_WINDOW */
};

/*
 * Calls order->fn for each sample of a finished machine by rising time, equal times in the order of adding.
 * Samples that are in order already, as one recording's are, take one pass that looks and one that hands out; others,
 * such as those of a merge, one pass for every `window` samples, each keeping the next ones in memory.
 * Returns 0, what fn returned, -ENOMEM, or a negative errno value of reading spilled samples.
 */
int samples_by_time(const struct oc_machine *m, const struct sample_order *order);

#endif
