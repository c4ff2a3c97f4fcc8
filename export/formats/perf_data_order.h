/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of a perf.data file in the order of their times, which is not that of the file: each CPU has a buffer of its own.
 * Used by src/perf_data_tell.c; must not know what records hold.
 *
 * perf writes the buffers in rounds. All that happened before the round before the last one ended is there when a round
 * ends, so it is handed out then.
 */
#ifndef FORMATS_PERF_DATA_ORDER_H
#define FORMATS_PERF_DATA_ORDER_H

#include "base/buffer.h"
#include "export/formats/perf_data_file.h"

/*
 * Bytes of records that wait at most: two rounds of 64 CPUs. In files without rounds the older half is handed out
 * whenever there is more.
 */
#define PERF_DATA_ORDER_BYTES (64u << 20)

/* A record that waits. */
struct perf_data_waiting {
	uint64_t time_ns;
	uint64_t offset; /* in the file */
	size_t at;       /* in the bytes */
};

/* Embedded; start with all zero but fn and arg. */
struct perf_data_order {
	/* Gets the records; nonzero stops. */
	int (*fn)(void *arg, const struct perf_data_record *record);
	void *arg;
	struct buffer bytes;
	struct buffer spare; /* what is left after handing out goes here */
	struct perf_data_waiting *waiting;
	size_t nr;
	size_t cap;
	uint64_t latest_ns; /* of all records so far */
	uint64_t round_ns;  /* the same when the last round ended */
	size_t limit;       /* 0 = PERF_DATA_ORDER_BYTES */
};

/* Frees what is held. */
void perf_data_order_done(struct perf_data_order *order);
/* Takes a record in. Returns 0, -ENOMEM or what fn returned. */
int perf_data_order_add(struct perf_data_order *order, const struct perf_data_record *record,
			uint64_t time_ns);
/* A round has ended. Returns as above. */
int perf_data_order_round(struct perf_data_order *order);
/* Hands out all that waits. Returns as above. */
int perf_data_order_flush(struct perf_data_order *order);

#endif
