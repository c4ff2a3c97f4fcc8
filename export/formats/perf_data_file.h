/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The container of a perf.data file: what stands in its head and features, and its records one after the other, unpacked.
 * Used by src/perf_data_tell.c; knows records by their length only. The file is hostile.
 */
#ifndef FORMATS_PERF_DATA_FILE_H
#define FORMATS_PERF_DATA_FILE_H

#include <stdbool.h>

#include <onecollect/input.h>

#include "base/buffer.h"
#include "base/u64_map.h"
#include "export/formats/perf_data.h"

/* More events than anybody records; each costs memory. */
#define PERF_DATA_EVENTS_MAX 4096

/* An event, as it was asked for. */
struct perf_data_event {
	struct perf_event_attr attr;
	char name[64]; /* never empty once the first record was read; cut */
};

/* Facts about the recording; texts are "" and numbers 0 where the file does not tell. */
struct perf_data_facts {
	struct buffer hostname;
	struct buffer release;
	struct buffer version;
	struct buffer arch;
	struct buffer command; /* its words, with blanks between them */
	uint32_t nr_cpus;      /* online */
	uint64_t first_ns;     /* time of the first and the last sample */
	uint64_t last_ns;
	uint64_t clock_wall_ns; /* CLOCK_REALTIME when the clock of the samples was clock_ns */
	uint64_t clock_ns;
};

/* A record; the bytes are borrowed until the next call. */
struct perf_data_record {
	const uint8_t *data; /* [size], begins with a struct perf_event_header; not aligned */
	uint32_t type;
	uint16_t misc;
	uint16_t size;
	uint64_t offset; /* in the file; of a packed record that of its piece */
};

/* What could not be used. */
struct perf_data_counts {
	uint64_t skipped; /* records of a form that is not read: AUX traces */
	bool is_partial;  /* the file ends before its end, or was never finished */
};

struct perf_data_file;

/* Reads the head. Returns 0, or a negative errno value with *err, as struct oc_reader tells. */
int perf_data_open(const struct oc_input *in, struct perf_data_file **ret_file,
		   struct oc_error *err);
/* Accepts NULL. */
void perf_data_close(struct perf_data_file *file);

/*
 * The next record that is not of the container itself. Events, facts and build-ids may grow with it (pipes).
 * Returns 1, 0 at the end, or a negative errno value with *err: -EBADMSG, -EOPNOTSUPP, -ENOMEM, -EIO.
 */
int perf_data_next(struct perf_data_file *file, struct perf_data_record *ret_record,
		   struct oc_error *err);

/* The events: *ret_nr of them. Valid until the next perf_data_next(). */
const struct perf_data_event *perf_data_events(const struct perf_data_file *file, size_t *ret_nr);
/* Index of the event that an id stands for; of the first one for an id that is not known. */
uint32_t perf_data_event_of(const struct perf_data_file *file, uint64_t id);
const struct perf_data_facts *perf_data_facts(const struct perf_data_file *file);
const struct perf_data_counts *perf_data_counts(const struct perf_data_file *file);
/* The build-id of a file by its path, *ret_size bytes; NULL = not told. */
const uint8_t *perf_data_build_id(const struct perf_data_file *file, const char *path,
				  uint8_t *ret_size);

#endif
