/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Merging the buffers of a trace by time, bounded in memory.
 * Called by etw_facts.c and etw_trace.c.
 * Must not know what events mean. How buffers lie in the file is etl_buffers.c's business.
 */
#include "windows-etw/etl_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/macros.h"
#include "windows-etw/etl_buffers.h"

/* A session has at most a few hundred processors of at most 1 MiB; only a file made for it needs more. */
#define OPEN_BYTES_MAX (1024ULL * 1024 * 1024)

/* Memory of buffers that were read, for the next: new memory costs as much as reading into it. */
#define SPARES_MAX 64
#define SPARE_STEP 65536u /* sizes are multiples of it, so that spares fit */

struct memory {
	uint8_t *data;
	size_t size;
};

/* A buffer being read. */
struct cursor {
	struct memory memory;
	const uint8_t *data; /* what follows the buffer's header */
	uint32_t size;
	uint32_t next; /* where the event behind `event` begins */
	uint32_t buffer;
	uint16_t cpu;
	uint64_t time; /* of `event`; never less than that of the one before it */
	struct etl_event event;
};

/* A place in the heap: small, for it is moved often. */
struct entry {
	uint64_t time;
	uint32_t buffer;
	uint32_t cursor; /* index in `cursors` */
};

struct etl_reader {
	struct etl_buffers buffers;
	struct etl_stats stats;
	struct oc_error damage;
	uint32_t next_buffer; /* the first not opened yet */
	bool kept_only;       /* buffers that are not kept are passed over */
	uint64_t open_bytes;
	/* Binary heap by time and buffer. The event of [0] was handed out when has_current. */
	struct entry *heap;
	size_t nr_open;
	size_t heap_cap;
	bool has_current;
	uint64_t
		next_time; /* an event of heap[0] before it comes before those of all other buffers */
	/* What the heap speaks of; the unused ones are listed in `unused`. */
	struct cursor *cursors;
	size_t nr_cursors;
	size_t cursors_cap;
	uint32_t *unused; /* [nr_cursors - nr_open] */
	size_t unused_cap;
	struct memory spares[SPARES_MAX];
	uint32_t nr_spares;
};

static void note_damage(struct etl_reader *r, uint32_t buffer, uint64_t bytes, const char *what)
{
	struct etl_buffer *damaged = etl_buffer_at(&r->buffers, buffer);

	damaged->kept = true;
	r->stats.damages++;
	r->stats.damaged_bytes += bytes;
	if (!r->damage.code)
		oc_error_set(&r->damage, -EBADMSG, "buffer at offset 0x%" PRIx64 ": %s",
			     damaged->offset, what);
}

/* ---- one buffer ---------------------------------------------------------------------------------------------- */

/*
 * Moves to the next event that has a time. Returns false at the end of the buffer.
 * Events begin at multiples of 8.
 */
static bool cursor_advance(struct etl_reader *r, struct cursor *c)
{
	while (c->next < c->size) {
		ssize_t taken = etl_event_parse(c->data + c->next, c->size - c->next, &c->event);
		uint32_t padded;

		if (taken == 0) {
			r->stats.padding_bytes += c->size - c->next;
			break;
		}
		if (taken < 0) {
			note_damage(r, c->buffer, c->size - c->next, "an event in it is damaged");
			break;
		}
		padded = MIN(((uint32_t)taken + 7) & ~7u, c->size - c->next);
		r->stats.padding_bytes += padded - (uint32_t)taken;
		r->stats.events[c->event.header]++;
		c->next += padded;
		if (c->event.header == ETL_UNTIMED)
			continue;
		if (c->event.time < c->time)
			r->stats.backwards++;
		c->time = MAX(c->time, c->event.time);
		c->event.cpu = c->cpu;
		return true;
	}
	c->next = c->size;
	return false;
}

/* ---- heap ---------------------------------------------------------------------------------------------------- */

static bool is_before(const struct entry *a, const struct entry *b)
{
	return a->time != b->time ? a->time < b->time : a->buffer < b->buffer;
}

static void sift_down(struct etl_reader *r)
{
	struct entry moving = r->heap[0];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < r->nr_open) {
		if (child + 1 < r->nr_open && is_before(&r->heap[child + 1], &r->heap[child]))
			child++;
		if (!is_before(&r->heap[child], &moving))
			break;
		r->heap[at] = r->heap[child];
		at = child;
	}
	r->heap[at] = moving;
}

static void sift_up(struct etl_reader *r, size_t at)
{
	for (; at && is_before(&r->heap[at], &r->heap[(at - 1) / 2]); at = (at - 1) / 2)
		SWAP(r->heap[at], r->heap[(at - 1) / 2]);
}

/* Returns memory of at least `size` bytes; data NULL = there is none. */
static struct memory take_memory(struct etl_reader *r, uint32_t size)
{
	struct memory memory = { .size = ((size_t)size / SPARE_STEP + 1) * SPARE_STEP };

	if (r->nr_spares && r->spares[r->nr_spares - 1].size >= size)
		return r->spares[--r->nr_spares];
	memory.data = malloc(memory.size);
	return memory;
}

static void give_memory(struct etl_reader *r, struct memory memory)
{
	if (r->nr_spares < SPARES_MAX)
		r->spares[r->nr_spares++] = memory;
	else
		free(memory.data);
}

static void close_cursor(struct etl_reader *r, struct cursor *c)
{
	r->open_bytes -= c->memory.size;
	give_memory(r, c->memory);
}

/* Puts a cursor on the heap, which owns its memory from then on. Returns 0 or -ENOMEM, its memory then freed. */
static int push(struct etl_reader *r, const struct cursor *c)
{
	uint32_t slot = (uint32_t)r->nr_cursors;

	if (r->nr_open < r->nr_cursors) {
		slot = r->unused[r->nr_cursors - r->nr_open - 1];
	} else if (array_reserve(&r->cursors, &r->cursors_cap, r->nr_cursors + 1,
				 sizeof(*r->cursors)) ||
		   array_reserve(&r->unused, &r->unused_cap, r->nr_cursors + 1,
				 sizeof(*r->unused)) ||
		   array_reserve(&r->heap, &r->heap_cap, r->nr_open + 1, sizeof(*r->heap))) {
		free(c->memory.data);
		return -ENOMEM;
	} else {
		r->nr_cursors++;
	}
	r->cursors[slot] = *c;
	r->heap[r->nr_open] =
		(struct entry){ .time = c->time, .buffer = c->buffer, .cursor = slot };
	sift_up(r, r->nr_open++);
	return 0;
}

static struct cursor *first_cursor(const struct etl_reader *r)
{
	return &r->cursors[r->heap[0].cursor];
}

/* Takes the last entry off the heap's array and closes its cursor. */
static void drop_last(struct etl_reader *r)
{
	uint32_t slot = r->heap[--r->nr_open].cursor;

	close_cursor(r, &r->cursors[slot]);
	r->unused[r->nr_cursors - r->nr_open - 1] = slot;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

/* The next buffer that is to be read, NULL = none is left. */
static const struct etl_buffer *find_next(struct etl_reader *r)
{
	while (r->kept_only && r->next_buffer < r->buffers.nr &&
	       !etl_buffer_at(&r->buffers, r->next_buffer)->kept)
		r->next_buffer++;
	return r->next_buffer < r->buffers.nr ? etl_buffer_at(&r->buffers, r->next_buffer) : NULL;
}

/* Opens the next buffer and puts it on the heap, unless it is empty or damaged. */
static int open_buffer(struct etl_reader *r)
{
	const struct etl_buffer *buffer = etl_buffer_at(&r->buffers, r->next_buffer);
	struct cursor c = { .buffer = r->next_buffer++ };
	int rc;

	r->stats.buffers++;
	r->stats.data_bytes += buffer->data_size + ETL_BUFFER_HEADER_SIZE;
	c.memory = take_memory(r, buffer->data_size);
	if (!c.memory.data)
		return -ENOMEM;
	c.data = c.memory.data;
	c.size = buffer->data_size;
	c.cpu = buffer->cpu;
	r->open_bytes += c.memory.size;
	rc = r->open_bytes > OPEN_BYTES_MAX ? -EFBIG
					    : etl_buffer_load(&r->buffers, buffer, c.memory.data);
	if (rc)
		close_cursor(r, &c);
	if (rc == -EBADMSG || rc == -ENODATA) {
		note_damage(r, c.buffer, buffer->data_size,
			    rc == -EBADMSG ? "its compressed data is damaged"
					   : "the file ends before it does");
		return 0;
	}
	if (rc)
		return rc;
	if (!cursor_advance(r, &c)) {
		close_cursor(r, &c);
		return 0;
	}
	return push(r, &c);
}

/* Leaves the event that was handed out behind. Returns true when the one behind it in its buffer is the next of all. */
static bool leave_current(struct etl_reader *r)
{
	struct cursor *c = first_cursor(r);

	if (cursor_advance(r, c)) {
		r->heap[0].time = c->time;
		if (c->time < r->next_time)
			return true;
	} else {
		SWAP(r->heap[0], r->heap[r->nr_open - 1]);
		drop_last(r);
	}
	r->has_current = false;
	sift_down(r);
	return false;
}

/* The earliest time of the buffers that are not the first of the heap, opened or not. */
static uint64_t find_next_time(const struct etl_reader *r, const struct etl_buffer *next)
{
	uint64_t time = next ? next->first_time : UINT64_MAX;

	for (size_t i = 1; i < 3 && i < r->nr_open; i++)
		time = MIN(time, r->heap[i].time);
	return time;
}

int etl_reader_next(struct etl_reader *r, const struct etl_event **ret_event)
{
	const struct etl_buffer *next;

	if (!r->has_current || !leave_current(r)) {
		/* Buffers come in order of their first event: one that begins later cannot hold the next event. */
		while ((next = find_next(r)) &&
		       (!r->nr_open || next->first_time <= r->heap[0].time)) {
			int rc = open_buffer(r);

			if (rc)
				return rc;
		}
		if (!r->nr_open)
			return 0;
		r->next_time = find_next_time(r, next);
		r->has_current = true;
	}
	*ret_event = &first_cursor(r)->event;
	return 1;
}

void etl_reader_rewind(struct etl_reader *r)
{
	while (r->nr_open)
		drop_last(r);
	r->next_buffer = 0;
	r->kept_only = false;
	r->has_current = false;
	r->stats = (struct etl_stats){ 0 };
	r->damage = (struct oc_error){ 0 };
	if (r->buffers.damage.code) {
		r->damage = r->buffers.damage;
		r->stats.damages = 1;
		r->stats.damaged_bytes = r->buffers.damaged_bytes;
	}
}

void etl_reader_keep(struct etl_reader *r)
{
	etl_buffer_at(&r->buffers, r->heap[0].buffer)->kept = true;
}

void etl_reader_again(struct etl_reader *r)
{
	etl_reader_rewind(r);
	r->kept_only = true;
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

int etl_reader_open(const struct oc_input *in, struct etl_reader **ret_reader, struct oc_error *err)
{
	struct etl_reader *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return oc_error_set(err, -ENOMEM, "out of memory");
	rc = etl_buffers_index(&r->buffers, in, err);
	if (rc) {
		etl_reader_free(r);
		return rc;
	}
	etl_reader_rewind(r);
	*ret_reader = r;
	return 0;
}

void etl_reader_free(struct etl_reader *r)
{
	if (!r)
		return;
	while (r->nr_open)
		drop_last(r);
	while (r->nr_spares)
		free(r->spares[--r->nr_spares].data);
	free(r->heap);
	free(r->cursors);
	free(r->unused);
	etl_buffers_done(&r->buffers);
	free(r);
}

const struct etl_log *etl_reader_log(const struct etl_reader *r)
{
	return &r->buffers.log;
}

const struct etl_stats *etl_reader_stats(const struct etl_reader *r)
{
	return &r->stats;
}

bool etl_reader_damage(const struct etl_reader *r, struct oc_error *ret_err)
{
	if (!r->damage.code)
		return false;
	*ret_err = r->damage;
	return true;
}
