/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The container of nettrace V6: blocks, and events that refer to stacks, threads and labels of their own group.
 * Used by the nettrace writer; knows bytes, not what events mean.
 *
 * Everything that events refer to is forgotten by readers at each sequence point. So events are written in groups of
 * about 1 MB: sequence point, stacks, threads, label lists, events. Events come in the order of time and all name
 * thread index 0 as the one that captured them, which spares readers any sorting.
 * Source: NetTraceFormat.md of microsoft/perfview; TraceEvent's reader where it is stricter.
 */
#ifndef FORMATS_NETTRACE_STREAM_H
#define FORMATS_NETTRACE_STREAM_H

#include <onecollect/output.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum nettrace_block {
	NETTRACE_END,
	NETTRACE_TRACE,
	NETTRACE_EVENTS,
	NETTRACE_METADATA,
	NETTRACE_SEQUENCE_POINT,
	NETTRACE_STACKS,
	NETTRACE_THREADS,
	NETTRACE_REMOVED_THREADS,
	NETTRACE_LABELS,
};

/* Readers keep a stack's size, a payload's size and the size of a thread's row in 16 bits. */
#define NETTRACE_FRAMES_MAX ((UINT16_MAX - 8) / 8)
/* Longest text: leaves room in a payload or row for everything else that is in it. */
#define NETTRACE_TEXT_MAX    65000
#define NETTRACE_CPU_UNKNOWN UINT32_MAX

struct nettrace_event {
	uint64_t time; /* not before that of the event before */
	uint32_t metadata;
	uint64_t thread; /* index, see nettrace_stream_thread() */
	uint32_t cpu;    /* NETTRACE_CPU_UNKNOWN = unknown */
	uint32_t stack;  /* id in the group, 0 = none */
	uint32_t labels; /* id in the group, 0 = none */
};

/* What has been gathered since the last blocks. */
struct nettrace_blocks {
	uint32_t nr_stacks, nr_labels, nr_events;
	uint64_t first_time;
};

/* Embedded; set up by nettrace_stream_init(). The first error sticks in `error`. */
struct nettrace_stream {
	struct oc_output *out;
	int error;
	uint32_t group; /* number of the group being filled, from 1 */
	struct buffer stacks, threads, labels, events;
	struct nettrace_blocks blocks;
	uint32_t nr_stacks, nr_labels, nr_events; /* of this group */
	struct nettrace_event last;               /* of these blocks */
	size_t last_payload_len;
	uint64_t
		point_time; /* of the sequence point before this group, when blocks of it are written */
	uint64_t time;      /* of the newest event, or where the stream began */
};

/* Little-endian numbers, LEB128, and the two kinds of strings; an error sticks in the buffer. */
void nettrace_put_u16(struct buffer *b, uint16_t value);
void nettrace_put_u32(struct buffer *b, uint32_t value);
void nettrace_put_u64(struct buffer *b, uint64_t value);
void nettrace_put_varuint(struct buffer *b, uint64_t value);
/*
 * text[len] behind its length: a varuint (of the container) or 16 bits (in payloads). A text above max bytes, which is
 * NETTRACE_TEXT_MAX in the container, is cut at a character and says how long it was. max: 64 to NETTRACE_TEXT_MAX.
 */
void nettrace_put_string(struct buffer *b, const char *text, size_t len);
void nettrace_put_short_string(struct buffer *b, const char *text, size_t len, size_t max);

/* Begins a stream whose first event is not before `time`, with the header of the file. */
void nettrace_stream_init(struct nettrace_stream *s, struct oc_output *out, uint64_t time);
void nettrace_stream_done(struct nettrace_stream *s);
/* Writes a block, size below 16 MiB. */
void nettrace_stream_block(struct nettrace_stream *s, enum nettrace_block kind, const void *data,
			   size_t size);
/*
 * Writes blocks when they are full, and ends the group unless all of it happened in one moment. To be called before the
 * things that one event refers to are added; ids of stacks and labels, and declared threads, are valid until the group
 * ends. time: of that event.
 */
void nettrace_stream_make_room(struct nettrace_stream *s, uint64_t time);
/* Adds a stack, frames[nr], leaf first, nr 1 to NETTRACE_FRAMES_MAX. Returns its id. */
uint32_t nettrace_stream_stack(struct nettrace_stream *s, const uint64_t *frames, uint32_t nr);
/* Adds a list of labels, data[size] as the format wants them, at most 15 MiB. Returns its id. */
uint32_t nettrace_stream_labels(struct nettrace_stream *s, const void *data, size_t size);
/* Declares a thread: row[size] is what stands behind the size of the row, beginning with an index other than 0. */
void nettrace_stream_thread(struct nettrace_stream *s, const void *row, size_t size);
/* Adds an event. */
void nettrace_stream_event(struct nettrace_stream *s, const struct nettrace_event *event,
			   const void *payload, size_t size);
/*
 * Ends the stream at a time not before that of the last event. lost: events that readers are to be told are missing.
 * Returns 0 or the first error.
 */
int nettrace_stream_finish(struct nettrace_stream *s, uint64_t time, uint64_t lost);

#endif
