/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Following the chain of buffers through an .etl file, and reading the log header that it begins with.
 * Called by etl_reader.c.
 * Source: ntwmi.h of phnt (WMI_BUFFER_HEADER), evntrace.h of the Windows SDK (TRACE_LOGFILE_HEADER, file modes).
 */
#include "windows-etw/etl_buffers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/le.h"
#include "base/macros.h"
#include "base/utf16.h"
#include "windows-etw/etl_xpress.h"

/* Enough of a buffer to have its first event's time: a Huffman table, and 24 bytes of the worst compression. */
#define PREFIX_BYTES 512
#define TIME_BYTES   24

#define BUFFER_SIZE_MAX (64u * 1024 * 1024)
#define FLAGS_LOST      0x06 /* events, or a buffer, in front of this one */
#define FLAG_CPU_VALID  0x20
#define FLAG_COMPRESSED 0x40
#define MODE_COMPRESSED 0x04000000
/* Circular, appended to, a new file now and then, allocated before, written on demand: more, or fewer, were written. */
#define MODE_OTHER_COUNT    0x042eu
#define COMPRESSION_XPRESS  3
#define COMPRESSION_HUFFMAN 4

#define LOG_HEADER_HOOK  0x0000
#define LOG_HEADER_BYTES 0x110 /* of the 32-bit form, the shorter one */
#define TICKS_HZ_MAX     16000000000ULL

/* Reads the header of the buffer at `offset`. Returns NULL, or why it cannot be one. */
static const char *parse_header(const struct etl_buffers *b, const uint8_t *header, uint64_t offset,
				struct etl_buffer *ret_buffer)
{
	uint32_t size = le32(header), saved = le32(header + 4);
	uint16_t flags = le16(header + 0x34);
	bool compressed = flags & FLAG_COMPRESSED;

	if (size < ETL_BUFFER_HEADER_SIZE || size > BUFFER_SIZE_MAX)
		return "not a buffer header";
	if (!saved)
		saved = le32(header + 0x30);
	if (saved < ETL_BUFFER_HEADER_SIZE)
		return "the size of its data is damaged";
	if (saved > (compressed ? b->log.buffer_size : size))
		return "its data is larger than the buffer";
	*ret_buffer = (struct etl_buffer){
		.offset = offset,
		.file_size = size - ETL_BUFFER_HEADER_SIZE,
		.data_size = saved - ETL_BUFFER_HEADER_SIZE,
		.cpu = flags & FLAG_CPU_VALID ? le16(header + 0x28) : header[0x28],
		.compressed = compressed,
	};
	return NULL;
}

/* Expands into out[size], all of it or as much as the input gives. Returns the bytes or -EBADMSG. */
static ssize_t expand(const struct etl_buffers *b, const uint8_t *in, size_t in_size, uint8_t *out,
		      size_t size)
{
	return b->compression == COMPRESSION_HUFFMAN ? xpress_huffman(in, in_size, out, size)
						     : xpress_lz77(in, in_size, out, size);
}

/* Returns 0, -ENODATA (the input ends before) or another error of the input. */
static int read_exactly(const struct oc_input *in, uint64_t offset, void *data, size_t size)
{
	/* Where nothing is to be read there may be no memory for it either. */
	int64_t n = size ? oc_input_read_at(in, offset, data, size) : 0;

	return n < 0 ? (int)n : (uint64_t)n < size ? -ENODATA : 0;
}

int etl_buffer_load(struct etl_buffers *b, const struct etl_buffer *buffer, uint8_t *data)
{
	uint64_t offset = buffer->offset + ETL_BUFFER_HEADER_SIZE;
	int rc;

	if (!buffer->compressed)
		return read_exactly(b->in, offset, data, buffer->data_size);
	if (array_reserve(&b->packed, &b->packed_cap, buffer->file_size, 1))
		return -ENOMEM;
	rc = read_exactly(b->in, offset, b->packed, buffer->file_size);
	if (rc)
		return rc;
	if (expand(b, b->packed, buffer->file_size, data, buffer->data_size) !=
	    (ssize_t)buffer->data_size)
		return -EBADMSG;
	return 0;
}

/* The same into memory for free(3). */
static int load_new(struct etl_buffers *b, const struct etl_buffer *buffer, uint8_t **ret_data)
{
	uint8_t *data = malloc(MAX(buffer->data_size, 1u));
	int rc = data ? etl_buffer_load(b, buffer, data) : -ENOMEM;

	if (rc)
		free(data);
	else
		*ret_data = data;
	return rc;
}

/* ---- the log header ------------------------------------------------------------------------------------------ */

/* The fields behind the last pointer lie 8 bytes further in the 64-bit form. */
static void parse_log(const struct etl_event *event, struct etl_log *log)
{
	const uint8_t *p = event->payload;
	const uint8_t *tail = p + (event->pointer_size == 8 ? 0xf8 : 0xf0);
	size_t strings = (size_t)(tail - p) + 0x20;
	struct buffer name = BUFFER_INIT;

	*log = (struct etl_log){
		.time = event->time,
		.buffer_size = le32(p),
		.os_major = p[4],
		.os_minor = p[5],
		.os_build = le32(p + 8),
		.nr_cpus = le32(p + 0x0c),
		.end = le64(p + 0x10),
		.mode = le32(p + 0x20),
		.pointer_size = event->pointer_size,
		.events_lost = le32(p + 0x30),
		.boot = le64(tail),
		.ticks_hz = le64(tail + 8),
		.start = le64(tail + 0x10),
		.clock = (enum etl_clock)le32(tail + 0x18),
		.buffers_lost = le32(tail + 0x1c),
	};
	if (!(log->mode & MODE_OTHER_COUNT))
		log->nr_buffers = le32(p + 0x24);
	if (log->clock == ETL_CLOCK_SYSTEM)
		log->ticks_hz = 10000000;
	if (log->clock == ETL_CLOCK_CYCLES)
		log->ticks_hz = le32(p + 0x34) * 1000000ULL;
	if (event->size <= strings)
		return;
	utf16_to_utf8(&name, p + strings, MIN(event->size - strings, (size_t)ETL_NAME_BYTES / 4));
	if (name.data && !name.error)
		memcpy(log->session, name.data, MIN(name.len + 1, sizeof(log->session)));
	log->session[sizeof(log->session) - 1] = '\0';
	buffer_done(&name);
}

/* The first buffer is not compressed, and its first event is the log header. */
static int read_log(struct etl_buffers *b, const uint8_t *header, const struct etl_buffer *buffer,
		    struct oc_error *err)
{
	uint8_t *__cleanup(cleanup_free) data = NULL;
	struct etl_event event;
	int rc = load_new(b, buffer, &data);

	if (rc)
		return oc_error_set(err, rc == -ENODATA ? -EBADMSG : rc,
				    "the first buffer, at offset 0x0, cannot be read: %s",
				    rc == -ENODATA ? "the file is too short" : strerror(-rc));
	if (etl_event_parse(data, buffer->data_size, &event) <= 0 || event.header != ETL_SYSTEM ||
	    event.id != LOG_HEADER_HOOK ||
	    event.size < LOG_HEADER_BYTES + (event.pointer_size == 8 ? 8u : 0u))
		return oc_error_set(err, -EBADMSG,
				    "not a Windows trace: there is no log header at offset 0x%x",
				    ETL_BUFFER_HEADER_SIZE);
	parse_log(&event, &b->log);
	if (b->log.clock < ETL_CLOCK_QPC || b->log.clock > ETL_CLOCK_CYCLES || !b->log.ticks_hz ||
	    b->log.ticks_hz > TICKS_HZ_MAX)
		return oc_error_set(err, -EOPNOTSUPP,
				    "the trace's clock (type %u, %" PRIu64 " Hz) is not known",
				    (unsigned int)b->log.clock, b->log.ticks_hz);
	if (b->log.buffer_size > BUFFER_SIZE_MAX)
		return oc_error_set(err, -EBADMSG, "the trace's buffers of %u bytes cannot be",
				    b->log.buffer_size);
	b->compression = le16(header + 0x2c);
	if ((b->log.mode & MODE_COMPRESSED) && b->compression != COMPRESSION_XPRESS &&
	    b->compression != COMPRESSION_HUFFMAN)
		return oc_error_set(err, -EOPNOTSUPP,
				    "the trace is compressed in a way (%u) that is not known; "
				    "record it without compression, or convert it on Windows",
				    b->compression);
	return 0;
}

/* ---- the chain ----------------------------------------------------------------------------------------------- */

/* Goes through all of a buffer for an event with a time: for the few that begin with others. */
static int search_time(struct etl_buffers *b, struct etl_buffer *buffer)
{
	uint8_t *__cleanup(cleanup_free) data = NULL;
	struct etl_event event;
	uint32_t pos = 0;
	int rc = load_new(b, buffer, &data);

	if (rc)
		return rc;
	while (pos < buffer->data_size) {
		ssize_t taken = etl_event_parse(data + pos, buffer->data_size - pos, &event);

		if (taken <= 0)
			break;
		if (event.header != ETL_UNTIMED) {
			buffer->first_time = event.time;
			break;
		}
		pos += ((uint32_t)taken + 7) & ~7u;
	}
	return 0;
}

/* Finds first_time. A buffer without any, or that is damaged, keeps 0: it is met, and counted, first of all. */
static int find_time(struct etl_buffers *b, const uint8_t *prefix, size_t prefix_size,
		     struct etl_buffer *buffer)
{
	uint8_t expanded[TIME_BYTES];
	const uint8_t *data = prefix;
	uint32_t first_word;
	int rc;

	if (buffer->data_size < TIME_BYTES)
		return 0;
	if (buffer->compressed) {
		if (expand(b, prefix, prefix_size, expanded, sizeof(expanded)) != sizeof(expanded))
			return 0;
		data = expanded;
	} else if (prefix_size < TIME_BYTES) {
		return 0;
	}
	/* All headers with a time have it in one of two places; the rest of the event is not here to be checked. */
	first_word = le32(data);
	if (first_word >> 24 == 0xc0 && (first_word >> 16 & 0xff) != 13) {
		uint32_t kind = first_word >> 16 & 0xff;

		buffer->first_time = le64(data + (kind == 16 || kind == 17 ? 8 : 16));
		return 0;
	}
	rc = search_time(b, buffer);
	return rc == -EBADMSG || rc == -ENODATA ? 0 : rc;
}

static void note_end(struct etl_buffers *b, uint64_t offset, const char *what)
{
	b->damaged_bytes = oc_input_size(b->in) - offset;
	oc_error_set(&b->damage, -EBADMSG,
		     "at offset 0x%" PRIx64 ": %s; the last %" PRIu64 " bytes were not read",
		     offset, what, b->damaged_bytes);
}

/* A buffer that the file cuts: of one that is not compressed, the events that are there count. */
static void cut_buffer(struct etl_buffers *b, struct etl_buffer *buffer, uint64_t left)
{
	uint32_t have = (uint32_t)left - ETL_BUFFER_HEADER_SIZE;

	note_end(b, buffer->offset, "the file ends within this buffer");
	buffer->file_size = have;
	if (buffer->compressed)
		buffer->data_size = 0;
	else
		buffer->data_size = MIN(buffer->data_size, have);
	b->damaged_bytes -= buffer->data_size;
}

/* Takes in the buffer at *offset and moves behind it. Returns 0, 1 at the end of what can be followed, or an error. */
static int index_next(struct etl_buffers *b, uint64_t *offset, struct oc_error *err)
{
	uint8_t header[ETL_BUFFER_HEADER_SIZE + PREFIX_BYTES];
	uint64_t left = oc_input_size(b->in) - *offset;
	struct etl_buffer buffer;
	const char *problem;
	size_t size = (size_t)MIN(left, (uint64_t)sizeof(header));
	int rc;

	if (left < ETL_BUFFER_HEADER_SIZE) {
		note_end(b, *offset, "too short for a buffer");
		return 1;
	}
	rc = read_exactly(b->in, *offset, header, size);
	if (rc)
		return oc_error_set(err, rc, "cannot read the trace at offset 0x%" PRIx64 ": %s",
				    *offset, strerror(-rc));
	problem = parse_header(b, header, *offset, &buffer);
	if (problem) {
		note_end(b, *offset, problem);
		return 1;
	}
	if (!b->nr) {
		rc = read_log(b, header, &buffer, err);
		if (rc)
			return rc;
	}
	if (buffer.file_size > left - ETL_BUFFER_HEADER_SIZE)
		cut_buffer(b, &buffer, left);
	rc = find_time(b, header + ETL_BUFFER_HEADER_SIZE,
		       MIN(size - ETL_BUFFER_HEADER_SIZE, (size_t)buffer.file_size), &buffer);
	if (!rc &&
	    (b->nr >= UINT32_MAX || array_reserve(&b->list, &b->cap, b->nr + 1, sizeof(*b->list))))
		rc = -ENOMEM;
	if (rc)
		return oc_error_set(err, rc, "cannot read the trace at offset 0x%" PRIx64 ": %s",
				    *offset, strerror(-rc));
	b->list[b->nr++] = buffer;
	b->log.lossy_buffers += (le16(header + 0x34) & FLAGS_LOST) != 0;
	*offset += ETL_BUFFER_HEADER_SIZE + (uint64_t)buffer.file_size;
	return b->damage.code ? 1 : 0;
}

/* A file that was cut where a buffer ends looks whole, but for what its log header counts. */
static void check_number(struct etl_buffers *b, uint64_t offset)
{
	if (b->nr < b->log.nr_buffers && !b->damage.code)
		oc_error_set(&b->damage, -EBADMSG,
			     "at offset 0x%" PRIx64
			     ": the file ends; %u of the %u buffers that its log "
			     "header counts are not in it",
			     offset, b->log.nr_buffers - (uint32_t)b->nr, b->log.nr_buffers);
}

static int by_time(const void *a, const void *b)
{
	const struct etl_buffer *x = a, *y = b;

	if (x->first_time != y->first_time)
		return x->first_time < y->first_time ? -1 : 1;
	return x->offset < y->offset ? -1 : 1;
}

int etl_buffers_index(struct etl_buffers *b, const struct oc_input *in, struct oc_error *err)
{
	uint64_t offset = 0;
	int rc = 0;

	*b = (struct etl_buffers){ .in = in };
	while (!rc && (offset < oc_input_size(in) || !b->nr))
		rc = index_next(b, &offset, err);
	if (rc < 0)
		return rc;
	if (!b->nr)
		return oc_error_set(err, -EBADMSG, "not a Windows trace: %s", b->damage.message);
	check_number(b, offset);
	qsort(b->list, b->nr, sizeof(*b->list), by_time);
	return 0;
}

void etl_buffers_done(struct etl_buffers *b)
{
	free(b->list);
	free(b->packed);
	*b = (struct etl_buffers){ 0 };
}
