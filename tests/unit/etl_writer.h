/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes small .etl traces into memory, for tests of what no public trace contains.
 */
#ifndef TESTS_ETL_WRITER_H
#define TESTS_ETL_WRITER_H

#include <stdbool.h>

#include "base/buffer.h"

#define ETL_WRITER_HZ       10000000 /* ticks of the raw clock */
#define ETL_WRITER_START    1000     /* raw time of the log header */
#define ETL_WRITER_UPTIME_S 100      /* from boot to the log header */

enum etl_writer_compression { ETL_PLAIN, ETL_XPRESS = 3, ETL_HUFFMAN };

struct etl_writer {
	struct buffer file;
	struct buffer data; /* of the buffer being written, with room for its header */
	uint32_t buffer_size;
	uint8_t pointer_size;
	uint16_t cpu;
	enum etl_writer_compression compression;
};

/* A payload being put together. Pointers are of the writer's size. */
struct payload {
	struct buffer bytes;
	uint8_t pointer_size;
};

/* Begins a trace with its log header. */
void etl_writer_init(struct etl_writer *w, uint8_t pointer_size,
		     enum etl_writer_compression compression);
void etl_writer_done(struct etl_writer *w);

/* Begins a buffer of a processor, and ends it. */
void etl_writer_begin(struct etl_writer *w, uint16_t cpu);
void etl_writer_end(struct etl_writer *w);

/* Which event to write; fields that its header lacks are not used. */
struct etl_writer_event {
	uint64_t time;
	const uint8_t *provider; /* [16] */
	uint32_t pid;
	uint32_t tid;
	uint16_t id; /* hook, or descriptor id */
	uint8_t version;
	uint8_t opcode; /* type of classic events */
	uint64_t keyword;
	const uint8_t *extended; /* [extended_size] items, ready made */
	uint16_t extended_size;
};

/* Each writes one event with p's bytes behind it, and empties p (may be NULL = nothing). */
void etl_writer_system(struct etl_writer *w, const struct etl_writer_event *e, struct payload *p);
void etl_writer_perfinfo(struct etl_writer *w, const struct etl_writer_event *e, struct payload *p);
void etl_writer_classic(struct etl_writer *w, const struct etl_writer_event *e, struct payload *p);
void etl_writer_manifest(struct etl_writer *w, const struct etl_writer_event *e, struct payload *p);
/* Writes data[size] as an event, whatever it is, with the padding behind it. */
void etl_writer_raw(struct etl_writer *w, const void *data, size_t size);

struct payload payload_for(const struct etl_writer *w);
void payload_u8(struct payload *p, uint8_t value);
void payload_u16(struct payload *p, uint16_t value);
void payload_u32(struct payload *p, uint32_t value);
void payload_u64(struct payload *p, uint64_t value);
void payload_pointer(struct payload *p, uint64_t value);
/* ASCII text as UTF-16 with its NUL, and as it is with its NUL. */
void payload_utf16(struct payload *p, const char *text);
void payload_text(struct payload *p, const char *text);
void payload_done(struct payload *p);

/* Compress with no matches at all: what the decoders must undo. */
void xpress_store(struct buffer *out, const uint8_t *data, size_t size);
void huffman_store(struct buffer *out, const uint8_t *data, size_t size);

#endif
