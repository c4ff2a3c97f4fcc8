/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of a perf.data file that is being read, shared by perf_data_file.c and perf_data_features.c.
 */
#ifndef FORMATS_PERF_DATA_PRIVATE_H
#define FORMATS_PERF_DATA_PRIVATE_H

#include "base/arena.h"
#include "base/id_table.h"
#include "base/le.h"
#include "export/formats/perf_data_file.h"

/* Bytes that are being taken apart. A failure sticks; what is taken after it is 0. */
struct perf_data_bytes {
	const uint8_t *at;
	size_t left;
	bool failed;
};

static inline const uint8_t *perf_data_take(struct perf_data_bytes *b, uint64_t size)
{
	const uint8_t *at = b->at;

	if (b->failed || size > b->left) {
		b->failed = true;
		return NULL;
	}
	b->at += size;
	b->left -= (size_t)size;
	return at;
}

static inline uint32_t perf_data_u32(struct perf_data_bytes *b)
{
	const uint8_t *at = perf_data_take(b, 4);

	return at ? le32(at) : 0;
}

static inline uint64_t perf_data_u64(struct perf_data_bytes *b)
{
	const uint8_t *at = perf_data_take(b, 8);

	return at ? le64(at) : 0;
}

struct perf_data_build_id_entry {
	const char *path;
	uint8_t id[20];
	uint8_t size;
};

/* What the head, the features and a pipe's first records tell. Embedded; start with all zero. */
struct perf_data_head {
	struct perf_data_event *events; /* [nr_events] */
	size_t nr_events;
	size_t events_cap;
	struct u64_map event_by_id; /* id -> index */
	struct perf_data_facts facts;
	struct arena texts;
	struct id_table build_id_index; /* by path */
	struct perf_data_build_id_entry *build_ids;
	size_t build_ids_cap;
};

void perf_data_head_done(struct perf_data_head *head);

/* Adds an event whose attributes are attr[size]. Returns 0, -EBADMSG (too short), -EFBIG (too many) or -ENOMEM. */
int perf_data_add_event(struct perf_data_head *head, const void *attr, size_t size);
/* An id stands for the event added as number `event`. Returns 0 or -ENOMEM. */
int perf_data_add_id(struct perf_data_head *head, uint64_t id, uint32_t event);
/* Gives names to the events that have none. */
void perf_data_name_events(struct perf_data_head *head);
/* Takes a feature's data[size]; those that are not known are skipped. Returns 0, -EBADMSG or -ENOMEM. */
int perf_data_take_feature(struct perf_data_head *head, uint32_t feature, const void *data,
			   size_t size);
/* Takes a record of build-id, record[size]. Returns 0, -EBADMSG or -ENOMEM. */
int perf_data_take_build_id(struct perf_data_head *head, const uint8_t *record, size_t size);
/* As perf_data_build_id(). */
const uint8_t *perf_data_head_build_id(const struct perf_data_head *head, const char *path,
				       uint8_t *ret_size);
/* Takes an EVENT_UPDATE record, record[size]. Returns 0 or -EBADMSG. */
int perf_data_take_update(struct perf_data_head *head, const uint8_t *record, size_t size);

#endif
