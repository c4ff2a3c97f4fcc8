/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a Windows .etl trace: all events of all buffers, in order of time.
 * Used by etw_facts.c and etw_trace.c. Knows buffers and headers, not what events mean. Portable C only.
 *
 * Opening reads each buffer's header and the time of its first event (32 bytes of memory per buffer). Reading then
 * keeps only those buffers in memory whose spans of time overlap: about one per processor.
 */
#ifndef ETL_READER_H
#define ETL_READER_H

#include <stdbool.h>

#include <onecollect/input.h>

#include "windows-etw/etl_event.h"

#define ETL_NAME_BYTES 512

/* How times are counted. Source: evntrace.h, TRACE_LOGFILE_HEADER.ReservedFlags. */
enum etl_clock { ETL_CLOCK_QPC = 1, ETL_CLOCK_SYSTEM = 2, ETL_CLOCK_CYCLES = 3 };

/* What the trace says about itself, from its first event (TRACE_LOGFILE_HEADER). */
struct etl_log {
	uint64_t time;     /* of this event, raw */
	uint64_t start;    /* wall clock at that moment: 100 ns since 1601 */
	uint64_t boot;     /* wall clock of the machine's start */
	uint64_t end;      /* wall clock of the end */
	uint64_t ticks_hz; /* of the raw times; 1 to 16e9 */
	enum etl_clock clock;
	uint32_t buffer_size;
	uint32_t mode; /* EVENT_TRACE_FILE_MODE_* */
	uint32_t nr_cpus;
	uint32_t
		nr_buffers; /* 0 = unknown: the trace was never closed, or buffers in it were written again */
	uint32_t events_lost;
	uint32_t buffers_lost;
	uint32_t
		lossy_buffers; /* marked as having lost something, which a trace that was never closed counts nowhere else */
	uint32_t os_build;
	uint8_t os_major;
	uint8_t os_minor;
	uint8_t pointer_size;
	char session[ETL_NAME_BYTES]; /* UTF-8, cut; "" = unknown */
};

/* What was read since the last rewind. Each byte of the data is in an event, skipped, padding, or damaged. */
struct etl_stats {
	uint64_t events[ETL_NR_HEADERS]; /* by kind of header */
	uint64_t buffers;
	uint64_t data_bytes; /* of all buffers, uncompressed, with their headers */
	uint64_t
		padding_bytes; /* to the next multiple of 8, and behind the last event of a buffer */
	uint64_t damaged_bytes; /* could not be read */
	uint64_t damages;       /* places where reading could not go on */
	uint64_t backwards;     /* events older than the one before them in their buffer */
};

struct etl_reader;

/*
 * Opens a trace. in: borrowed until etl_reader_free().
 * A file that is cut or damaged behind its first buffer opens; see etl_reader_damage().
 * Returns 0, or -EBADMSG (not an .etl file), -EOPNOTSUPP (a compression or clock that is not known), -EIO or -ENOMEM,
 * with *err.
 */
int etl_reader_open(const struct oc_input *in, struct etl_reader **ret_reader,
		    struct oc_error *err);
/* Accepts NULL. */
void etl_reader_free(struct etl_reader *r);

const struct etl_log *etl_reader_log(const struct etl_reader *r);

/*
 * The next event in order of time; equal times in file order. What is damaged is passed over and counted.
 * Returns 1 with *ret_event, valid until the next call; 0 at the end; or -EIO, -ENOMEM or -EFBIG (more than 1 GiB of
 * buffers overlap in time).
 */
int etl_reader_next(struct etl_reader *r, const struct etl_event **ret_event);
/* Starts again from the first event. */
void etl_reader_rewind(struct etl_reader *r);
/* Says that the event handed out last is needed again. */
void etl_reader_keep(struct etl_reader *r);
/*
 * Starts again with the buffers of events that are needed again, and those with damage; the others are not read, nor
 * counted in etl_reader_stats(). To be called when all events were read once.
 */
void etl_reader_again(struct etl_reader *r);

const struct etl_stats *etl_reader_stats(const struct etl_reader *r);
/* The first damage met: where and what. Returns false and leaves *ret_err alone when there was none. */
bool etl_reader_damage(const struct etl_reader *r, struct oc_error *ret_err);

#endif
