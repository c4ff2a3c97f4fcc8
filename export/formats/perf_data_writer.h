/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the perf.data writer, shared by perf_data.c (records) and perf_data_head.c (all around them).
 */
#ifndef FORMATS_PERF_DATA_WRITER_H
#define FORMATS_PERF_DATA_WRITER_H

#include "base/buffer.h"
#include "base/u32_map.h"
#include "export/amount.h"
#include "export/formats/nettrace_addresses.h"
#include "export/formats/perf_data.h"
#include "export/formats/perf_data_changes.h"

/* Names in records end here: a path is no longer in any kernel, and a record has 64 KiB. */
#define PERF_DATA_NAME_MAX 4095

struct perf_data_writer {
	const struct oc_machine *m;
	struct oc_output *out; /* NULL = only measuring */
	uint64_t bytes;        /* of records */
	uint64_t nr_samples;
	uint32_t event; /* id that records other than samples have */
	uint64_t sample_type;
	uint32_t
		nr_events; /* event i has the id i and is kind i; without kinds there is one all the same */
	struct perf_data_change *changes;
	size_t nr_changes;
	size_t next_change;
	struct perf_data_sampled *sampled; /* by process id */
	uint32_t *threads;                 /* ids, sorted by process */
	uint32_t *first_thread; /* by process id: index of its first thread; [nr processes + 2] */
	struct addresses addresses;
	struct u32_map images; /* pid + 1 -> the image that it is at the time */
	uint64_t kernel_start; /* the kernel's addresses that are known */
	uint64_t kernel_end;
	struct buffer record;
	struct buffer sections; /* of features */
	struct buffer content;
	uint64_t feature_bits;
};

/* Appends the lower `size` bytes of a number, at most 8. */
void perf_data_put(struct buffer *b, uint64_t value, size_t size);
/* Appends text[len] with at least one NUL, up to a multiple of `align`, at most 64. */
void perf_data_put_padded(struct buffer *b, const char *text, size_t len, size_t align);

/* The path of a module as perf knows it, *ret_len bytes of it, perhaps in `storage`. Not NUL-terminated there. */
const char *perf_data_path(const struct oc_machine *m, const struct oc_module *module,
			   char storage[PERF_DATA_NAME_MAX + 1], size_t *ret_len);

/* Makes the features, when the size of all records is known; into w->sections and w->content. Returns 0 or -ENOMEM. */
int perf_data_put_features(struct perf_data_writer *w, uint64_t records_bytes);
/* Appends head, events and ids; after perf_data_put_features(). Returns 0 or -ENOMEM. */
int perf_data_put_head(const struct perf_data_writer *w, uint64_t records_bytes, struct buffer *b);

#endif
