/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf.data files made by hand, record by record, as perf lays them out.
 * Used by tests of the reader; what the writer writes is not made here.
 */
#ifndef TESTS_PERF_DATA_FILE_H
#define TESTS_PERF_DATA_FILE_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

#define HAND_SAMPLE_TYPE                                                                \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | \
	 PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD | PERF_SAMPLE_CALLCHAIN)

/* Embedded; start with all zero. Event number i has the id 100 + i. */
struct hand_file {
	struct buffer attrs; /* one after the other, sizeof(struct perf_event_attr) each */
	struct buffer records;
	uint32_t nr_events;
	size_t record; /* where the present one begins */
};

struct hand_sample {
	uint32_t event;
	uint16_t mode; /* PERF_RECORD_MISC_USER, ... */
	uint32_t pid;
	uint32_t tid;
	uint64_t time_ns;
	uint64_t period;
	uint64_t nr_ips;
	const uint64_t *ips; /* [nr_ips], markers included */
};

void hand_done(struct hand_file *f);
/* An event; sample_type is HAND_SAMPLE_TYPE unless it is set. */
void hand_event(struct hand_file *f, struct perf_event_attr attr);
/* A clock that ticks each `period_ns`. */
void hand_clock(struct hand_file *f, uint64_t period_ns);
void hand_put(struct hand_file *f, uint64_t value, size_t size);
void hand_text(struct hand_file *f, const char *text);
void hand_begin(struct hand_file *f, uint32_t type, uint16_t misc);
/* Ends a record; with the id that all records but samples have. */
void hand_end(struct hand_file *f, uint64_t time_ns);
void hand_end_plain(struct hand_file *f);
void hand_comm(struct hand_file *f, uint32_t pid, uint32_t tid, const char *comm, bool is_exec,
	       uint64_t time_ns);
struct hand_task {
	uint32_t pid;
	uint32_t tid;
	uint32_t parent_pid;
	uint32_t parent_tid;
};
/* type: PERF_RECORD_FORK or PERF_RECORD_EXIT. */
void hand_task(struct hand_file *f, uint32_t type, struct hand_task task, uint64_t time_ns);
/* 64 KiB of an executable file. */
void hand_map(struct hand_file *f, uint32_t pid, uint64_t start, const char *path,
	      uint64_t time_ns);
void hand_sample(struct hand_file *f, const struct hand_sample *sample);
void hand_round(struct hand_file *f);

/* The whole file: head, attributes, ids, records; features[size] behind them, for the one feature that is set. */
struct buffer hand_file(const struct hand_file *f, uint32_t feature, const void *data, size_t size);
/* The same as perf writes it to a pipe. */
struct buffer hand_pipe(const struct hand_file *f);

#endif
