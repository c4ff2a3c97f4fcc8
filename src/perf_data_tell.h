/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records of a perf.data file told to a sink, in order of time.
 * Used by perf_data_input.c and by the fuzz target; must not know how files are made up.
 */
#ifndef PERF_DATA_TELL_H
#define PERF_DATA_TELL_H

#include <onecollect/machine.h>

#include "collector.h"
#include "export/formats/perf_data_file.h"

/* What became of the samples of one kind, beyond what the sink knows. */
struct perf_data_kind_counts {
	uint64_t
		lost_records; /* as the buffers' LOST records say; some may have been other records than samples */
	uint64_t lost_samples; /* as the events say at the end, or processors while recording */
	bool lost_is_both;     /* the second number includes the first */
};

struct perf_data_told {
	uint64_t samples;
	uint64_t first_ns; /* time of the first and last sample that has one */
	uint64_t last_ns;
	uint64_t lost_others; /* records lost by events that take no samples */
	uint64_t
		damaged; /* records that are shorter than what they should hold; samples among them are missing */
	bool is_same_host;    /* it was recorded on this host */
	uint64_t kernel_text; /* address of the kernel's symbol _text; 0 = not told */
	uint32_t nr_kinds;
	struct perf_data_kind_counts kinds[OC_KINDS_MAX];
};

/*
 * Reads all of a file and tells a sink that fills `m`; the kinds are set up in both as events are met.
 * ret_told: valid also after a failure.
 * Returns 0 or a negative errno value with *err, as struct oc_reader tells.
 */
int perf_data_tell(struct perf_data_file *file, struct oc_machine *m, struct sink *sink,
		   struct perf_data_told *ret_told, struct oc_error *err);

#endif
