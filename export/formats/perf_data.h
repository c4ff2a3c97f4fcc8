/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a perf.data file is made of, beyond the kernel's own records (linux/perf_event.h).
 * Used by the reader (perf_data_file.c) and by the writer (perf_data.c); layout only.
 * Source: tools/perf/Documentation/perf.data-file-format.txt; numbers of features and records as perf 6.1 writes them.
 */
#ifndef FORMATS_PERF_DATA_H
#define FORMATS_PERF_DATA_H

#include <linux/perf_event.h>
#include <stdint.h>

#define PERF_DATA_MAGIC         "PERFILE2" /* the number is little-endian where the text reads so */
#define PERF_DATA_SWAPPED_MAGIC "2ELIFREP"
#define PERF_DATA_OLD_MAGIC     "PERFFILE"

/* The head of a file: magic, size, size of an entry of `attrs`, three sections, features. Of a pipe: magic, size. */
#define PERF_DATA_HEADER_BYTES      104
#define PERF_DATA_PIPE_HEADER_BYTES 16
#define PERF_DATA_FEATURES          256

/* A part of the file: offset and size, 64 bits each. */
#define PERF_DATA_SECTION_BYTES 16

#define PERF_DATA_RECORD_BYTES sizeof(struct perf_event_header)

/* Records that perf adds to those of the kernel. */
enum perf_data_record_type {
	PERF_DATA_RECORD_ATTR = 64,
	PERF_DATA_RECORD_TRACING_DATA = 66, /* its 32-bit size counts bytes behind the record */
	PERF_DATA_RECORD_BUILD_ID = 67,
	PERF_DATA_RECORD_FINISHED_ROUND = 68,
	PERF_DATA_RECORD_AUXTRACE = 71, /* its 64-bit size counts bytes behind the record */
	PERF_DATA_RECORD_EVENT_UPDATE = 78,
	PERF_DATA_RECORD_FEATURE = 80,
	PERF_DATA_RECORD_COMPRESSED = 81,  /* a piece of one zstd stream, not padded */
	PERF_DATA_RECORD_COMPRESSED2 = 83, /* the same, padded: its 64-bit size says what is data */
};

enum perf_data_feature {
	PERF_DATA_BUILD_ID = 2,
	PERF_DATA_HOSTNAME = 3,
	PERF_DATA_OSRELEASE = 4,
	PERF_DATA_VERSION = 5,
	PERF_DATA_ARCH = 6,
	PERF_DATA_NRCPUS = 7, /* those present, then those online */
	PERF_DATA_CMDLINE = 11,
	PERF_DATA_EVENT_DESC = 12,
	PERF_DATA_SAMPLE_TIME = 21, /* of the first and of the last sample */
	PERF_DATA_CLOCKID = 23,
	PERF_DATA_CLOCK_DATA = 29, /* version, clock, wall clock and that clock at one instant */
};

/* What an EVENT_UPDATE record tells. */
#define PERF_DATA_UPDATE_NAME 2

/* A build-id, in the feature and as a record: header, pid, 20 bytes, their number, padding, name of the file. */
#define PERF_DATA_BUILD_ID_BYTES     36
#define PERF_DATA_MISC_BUILD_ID_SIZE (1 << 15) /* the number is given; 20 otherwise */

/* Linux 6.0 counts what an event lost; not in the headers of Debian 12. */
#define PERF_DATA_FORMAT_LOST (1ULL << 4)

#define PERF_DATA_KERNEL_NAME "[kernel.kallsyms]"

#endif
