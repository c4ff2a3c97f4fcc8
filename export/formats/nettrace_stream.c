/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks and groups of events of nettrace V6.
 * Called by the nettrace writer.
 * Must not know the machine.
 */
#include "export/formats/nettrace_stream.h"

#include <assert.h>

#include "base/le.h"
#include "base/macros.h"
#include "base/text.h"

#define GROUP_BYTES (1024 * 1024)
/* A stack takes the room of many events, and one that two groups need is in both. */
#define GROUP_STACK_BYTES (4 * GROUP_BYTES)
/* The size of a block has 24 bits, above which its kind stands. */
#define BLOCK_SIZE_BITS 24

#define SEQUENCE_POINT_FLUSHES_THREADS 1
#define EVENTS_ARE_COMPRESSED          1
#define EVENTS_HEADER_BYTES            20

/* What the header of a compressed event carries; the rest is as in the event before. */
enum event_flags {
	HAS_METADATA = 1,
	HAS_CAPTURE = 2, /* step of the sequence number, capturing thread, processor */
	HAS_THREAD = 4,
	HAS_STACK = 8,
	HAS_LABELS = 16,
	IS_SORTED = 64,
	HAS_PAYLOAD_SIZE = 128,
};

/* The capturing thread of all events; it stands for the recorder. */
static const uint8_t capture_thread[] = { 0, /* index */ 2, 0, /* process 0 */ 3,
					  0 /* thread 0 */ };

/* ---- numbers and texts -------------------------------------------------------------------------------------- */

void nettrace_put_u16(struct buffer *b, uint16_t value)
{
	uint8_t bytes[2];

	le16_put(bytes, value);
	buffer_append(b, bytes, sizeof(bytes));
}

void nettrace_put_u32(struct buffer *b, uint32_t value)
{
	uint8_t bytes[4];

	le32_put(bytes, value);
	buffer_append(b, bytes, sizeof(bytes));
}

void nettrace_put_u64(struct buffer *b, uint64_t value)
{
	uint8_t bytes[8];

	le64_put(bytes, value);
	buffer_append(b, bytes, sizeof(bytes));
}

/* A 64-bit number takes at most 10 bytes. Returns how many. */
static size_t pack_varuint(uint8_t *bytes, uint64_t value)
{
	size_t len = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[len++] = (uint8_t)(value | 0x80);
	bytes[len++] = (uint8_t)value;
	return len;
}

void nettrace_put_varuint(struct buffer *b, uint64_t value)
{
	uint8_t bytes[10];

	buffer_append(b, bytes, pack_varuint(bytes, value));
}

#define NOTE_BYTES 48

/* The length that a text is cut to, and what is put behind it then. */
static size_t cut(const char *text, size_t len, size_t max, char note[NOTE_BYTES])
{
	note[0] = '\0';
	if (len <= max)
		return len;
	snprintf(note, NOTE_BYTES, "... (%zu bytes in all)", len);
	return text_whole_characters(text, len, max - NOTE_BYTES);
}

void nettrace_put_string(struct buffer *b, const char *text, size_t len)
{
	char note[NOTE_BYTES];
	size_t kept = cut(text, len, NETTRACE_TEXT_MAX, note);

	nettrace_put_varuint(b, kept + strlen(note));
	buffer_append(b, text, kept);
	buffer_puts(b, note);
}

void nettrace_put_short_string(struct buffer *b, const char *text, size_t len, size_t max)
{
	char note[NOTE_BYTES];
	size_t kept = cut(text, len, max, note);

	nettrace_put_u16(b, (uint16_t)(kept + strlen(note)));
	buffer_append(b, text, kept);
	buffer_puts(b, note);
}

/* ---- blocks ------------------------------------------------------------------------------------------------- */

static void write_out(struct nettrace_stream *s, const void *data, size_t size)
{
	if (!s->error && size)
		s->error = oc_output_write(s->out, data, size);
}

static void write_head(struct nettrace_stream *s, enum nettrace_block kind, size_t size)
{
	uint8_t bytes[4];

	assert(size < 1U << BLOCK_SIZE_BITS);
	le32_put(bytes, (uint32_t)size | (uint32_t)kind << BLOCK_SIZE_BITS);
	write_out(s, bytes, sizeof(bytes));
}

void nettrace_stream_block(struct nettrace_stream *s, enum nettrace_block kind, const void *data,
			   size_t size)
{
	write_head(s, kind, size);
	write_out(s, data, size);
}

/* Writes a buffer as a block behind a header of its own, and empties it. */
static void write_buffer(struct nettrace_stream *s, enum nettrace_block kind,
			 const struct buffer *head, struct buffer *body)
{
	if (head->error || body->error) {
		s->error = s->error ? s->error : head->error | body->error;
		return;
	}
	write_head(s, kind, head->len + body->len);
	write_out(s, head->data, head->len);
	write_out(s, body->data, body->len);
	buffer_clear(body);
}

/* sequence: of the capturing thread, 0 = not said. */
static void write_sequence_point(struct nettrace_stream *s, uint64_t time, uint64_t sequence)
{
	struct buffer point = BUFFER_INIT, none = BUFFER_INIT;

	nettrace_put_u64(&point, time);
	nettrace_put_u32(&point, SEQUENCE_POINT_FLUSHES_THREADS);
	nettrace_put_u32(&point, sequence ? 1 : 0);
	if (sequence) {
		nettrace_put_varuint(&point, capture_thread[0]);
		nettrace_put_varuint(&point, sequence);
	}
	write_buffer(s, NETTRACE_SEQUENCE_POINT, &point, &none);
	buffer_done(&point);
}

/* ---- groups ------------------------------------------------------------------------------------------------- */

/* The first event of a block follows one that is all zero. */
static void begin_blocks(struct nettrace_stream *s)
{
	s->blocks = (struct nettrace_blocks){ 0 };
	s->last = (struct nettrace_event){ 0 };
	s->last_payload_len = 0;
}

static void begin_group(struct nettrace_stream *s)
{
	s->group++;
	s->nr_stacks = s->nr_labels = s->nr_events = 0;
	begin_blocks(s);
	nettrace_stream_thread(s, capture_thread, sizeof(capture_thread));
}

/* nr: entries of the body, the newest of which has this id. */
static void write_numbered(struct nettrace_stream *s, enum nettrace_block kind, uint32_t nr,
			   uint32_t newest, struct buffer *body)
{
	struct buffer head = BUFFER_INIT;

	if (!nr && !body->error)
		return;
	nettrace_put_u32(&head, newest - nr + 1);
	nettrace_put_u32(&head, nr);
	write_buffer(s, kind, &head, body);
	buffer_done(&head);
}

/* Writes what the group has gathered since its last blocks, the first time behind a sequence point. */
static void write_blocks(struct nettrace_stream *s)
{
	struct buffer head = BUFFER_INIT, none = BUFFER_INIT;

	if (s->nr_events == s->blocks.nr_events) {
		write_sequence_point(s, s->blocks.first_time, 0);
		s->point_time = s->blocks.first_time;
	}
	write_numbered(s, NETTRACE_STACKS, s->blocks.nr_stacks, s->nr_stacks, &s->stacks);
	if (s->threads.len || s->threads.error)
		write_buffer(s, NETTRACE_THREADS, &none, &s->threads);
	write_numbered(s, NETTRACE_LABELS, s->blocks.nr_labels, s->nr_labels, &s->labels);
	nettrace_put_u16(&head, EVENTS_HEADER_BYTES);
	nettrace_put_u16(&head, EVENTS_ARE_COMPRESSED);
	nettrace_put_u64(&head, s->blocks.first_time);
	nettrace_put_u64(&head, s->time);
	write_buffer(s, NETTRACE_EVENTS, &head, &s->events);
	buffer_done(&head);
	begin_blocks(s);
}

void nettrace_stream_make_room(struct nettrace_stream *s, uint64_t time)
{
	/* What is in full blocks without events was for an event that failed. */
	if (!s->blocks.nr_events)
		return;
	if (s->events.len >= GROUP_BYTES || s->stacks.len >= GROUP_STACK_BYTES ||
	    s->threads.len >= GROUP_BYTES || s->labels.len >= GROUP_BYTES) {
		write_blocks(s);
		/* The times of sequence points increase: what happens in one moment is in one group. */
		if (time > s->point_time)
			begin_group(s);
	}
}

uint32_t nettrace_stream_stack(struct nettrace_stream *s, const uint64_t *frames, uint32_t nr)
{
	assert(nr && nr <= NETTRACE_FRAMES_MAX);
	nettrace_put_u32(&s->stacks, nr * 8);
	if (buffer_reserve(&s->stacks, (size_t)nr * 8))
		return 0;
	for (uint32_t i = 0; i < nr; i++)
		le64_put(s->stacks.data + s->stacks.len + 8 * (size_t)i, frames[i]);
	s->stacks.len += (size_t)nr * 8;
	s->stacks.data[s->stacks.len] = '\0';
	s->blocks.nr_stacks++;
	return ++s->nr_stacks;
}

uint32_t nettrace_stream_labels(struct nettrace_stream *s, const void *data, size_t size)
{
	buffer_append(&s->labels, data, size);
	s->blocks.nr_labels++;
	return ++s->nr_labels;
}

void nettrace_stream_thread(struct nettrace_stream *s, const void *row, size_t size)
{
	assert(size <= UINT16_MAX);
	nettrace_put_u16(&s->threads, (uint16_t)size);
	buffer_append(&s->threads, row, size);
}

void nettrace_stream_event(struct nettrace_stream *s, const struct nettrace_event *event,
			   const void *payload, size_t size)
{
	/* Flags, six numbers of 32 bits and three of 64. */
	uint8_t head[1 + 6 * 5 + 3 * 10];
	uint8_t flags = IS_SORTED;
	/* Readers add one to the sequence number by themselves, in a block from 0 on. */
	uint32_t sequence = s->blocks.nr_events ? 0 : s->nr_events;
	size_t len = 1;

	assert(size <= UINT16_MAX && event->time >= s->time);
	if (!s->blocks.nr_events)
		s->blocks.first_time = event->time;
	if (event->metadata != s->last.metadata) {
		flags |= HAS_METADATA;
		len += pack_varuint(head + len, event->metadata);
	}
	if (event->cpu != s->last.cpu || sequence) {
		flags |= HAS_CAPTURE;
		len += pack_varuint(head + len, sequence);
		head[len++] = capture_thread[0];
		len += pack_varuint(head + len, event->cpu);
	}
	if (event->thread != s->last.thread) {
		flags |= HAS_THREAD;
		len += pack_varuint(head + len, event->thread);
	}
	if (event->stack != s->last.stack) {
		flags |= HAS_STACK;
		len += pack_varuint(head + len, event->stack);
	}
	len += pack_varuint(head + len, event->time - s->last.time);
	if (event->labels != s->last.labels) {
		flags |= HAS_LABELS;
		len += pack_varuint(head + len, event->labels);
	}
	if (size != s->last_payload_len) {
		flags |= HAS_PAYLOAD_SIZE;
		len += pack_varuint(head + len, size);
	}
	head[0] = flags;
	buffer_append(&s->events, head, len);
	buffer_append(&s->events, payload, size);
	s->last = *event;
	s->last_payload_len = size;
	s->time = event->time;
	s->blocks.nr_events++;
	s->nr_events++;
}

/* ---- life --------------------------------------------------------------------------------------------------- */

void nettrace_stream_init(struct nettrace_stream *s, struct oc_output *out, uint64_t time)
{
	/* "Nettrace", a reserved word, major version 6, minor version 0. */
	static const uint8_t head[] = { 'N', 'e', 't', 't', 'r', 'a', 'c', 'e', 0, 0,
					0,   0,   6,   0,   0,   0,   0,   0,   0, 0 };

	*s = (struct nettrace_stream){ .out = out, .time = time };
	write_out(s, head, sizeof(head));
	begin_group(s);
}

void nettrace_stream_done(struct nettrace_stream *s)
{
	buffer_done(&s->stacks);
	buffer_done(&s->threads);
	buffer_done(&s->labels);
	buffer_done(&s->events);
}

int nettrace_stream_finish(struct nettrace_stream *s, uint64_t time, uint64_t lost)
{
	uint64_t sequence = 0;

	if (s->blocks.nr_events)
		write_blocks(s);
	/* Readers count the missing in 32 signed bits. */
	if (lost && s->nr_events)
		sequence = MIN(s->nr_events + MIN(lost, (uint64_t)INT32_MAX), (uint64_t)INT32_MAX);
	if (s->nr_events)
		time = MAX(time, s->point_time + 1);
	write_sequence_point(s, time, sequence);
	nettrace_stream_block(s, NETTRACE_END, NULL, 0);
	return s->error;
}
