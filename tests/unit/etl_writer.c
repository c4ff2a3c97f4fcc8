/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A writer of .etl buffers. Source of the layouts: evntrace.h, evntcons.h, ntwmi.h; see windows-etw/etl_buffers.c.
 */
#include "etl_writer.h"

#include <criterion/criterion.h>

#include <string.h>

#include "base/macros.h"

#define HEADER_SIZE    0x48
#define MODE_XPRESS    0x04000000
#define FILETIME_START 133000000000000000ULL

static void put(struct buffer *b, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		buffer_putc(b, (char)(value >> (8 * i)));
}

static void poke(struct buffer *b, size_t at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		b->data[at + i] = (char)(value >> (8 * i));
}

static void put_zeros(struct buffer *b, size_t nr)
{
	while (nr--)
		buffer_putc(b, 0);
}

/* ---- compression --------------------------------------------------------------------------------------------- */

void xpress_store(struct buffer *out, const uint8_t *data, size_t size)
{
	for (size_t pos = 0; pos < size; pos += 32) {
		put(out, 0, 4);
		buffer_append(out, data + pos, MIN(size - pos, 32));
	}
}

/* Appends bits, most significant first, in 16-bit words. */
struct bit_writer {
	struct buffer *out;
	uint32_t bits;
	unsigned int nr;
};

static void put_bits(struct bit_writer *w, uint32_t value, unsigned int nr)
{
	w->bits = w->bits << nr | value;
	w->nr += nr;
	if (w->nr >= 16) {
		w->nr -= 16;
		put(w->out, w->bits >> w->nr & 0xffff, 2);
	}
}

/* All 512 symbols have codes of 9 bits, so a code is its symbol. */
void huffman_store(struct buffer *out, const uint8_t *data, size_t size)
{
	for (size_t pos = 0; pos < size; pos += 65536) {
		struct bit_writer w = { .out = out };
		size_t start, least;

		for (size_t i = 0; i < 256; i++)
			buffer_putc(out, (char)0x99);
		start = out->len;
		for (size_t i = pos; i < MIN(size, pos + 65536); i++)
			put_bits(&w, data[i], 9);
		if (w.nr)
			put_bits(&w, 0, 16 - w.nr);
		/* A decoder has always read the word behind the one it needs. */
		put(out, 0, 2);
		least = out->len - start;
		if (least < 4)
			put_zeros(out, 4 - least);
	}
}

/* ---- buffers ------------------------------------------------------------------------------------------------- */

void etl_writer_begin(struct etl_writer *w, uint16_t cpu)
{
	buffer_clear(&w->data);
	put_zeros(&w->data, HEADER_SIZE);
	w->cpu = cpu;
}

static void end_buffer(struct etl_writer *w, bool compressed)
{
	struct buffer packed = BUFFER_INIT;
	size_t data_size = w->data.len - HEADER_SIZE, size = w->buffer_size;
	const uint8_t *data = (const uint8_t *)w->data.data + HEADER_SIZE;

	cr_assert_leq(w->data.len, w->buffer_size);
	if (compressed) {
		(w->compression == ETL_HUFFMAN ? huffman_store : xpress_store)(&packed, data,
									       data_size);
		size = HEADER_SIZE + packed.len;
	}
	poke(&w->data, 0, size, 4);
	poke(&w->data, 4, w->data.len, 4);
	poke(&w->data, 0x28, w->cpu, 2);
	poke(&w->data, 0x2c, w->compression, 2);
	poke(&w->data, 0x30, w->data.len, 4);
	poke(&w->data, 0x34, compressed ? 0x60 : 0x20, 2);
	if (compressed) {
		buffer_append(&w->file, w->data.data, HEADER_SIZE);
		buffer_append(&w->file, packed.data, packed.len);
	} else {
		buffer_append(&w->file, w->data.data, w->data.len);
		while (w->file.len % w->buffer_size)
			buffer_putc(&w->file, (char)0xff);
	}
	buffer_done(&packed);
	cr_assert_eq(w->file.error, 0);
	cr_assert_eq(w->data.error, 0);
}

void etl_writer_end(struct etl_writer *w)
{
	end_buffer(w, w->compression != ETL_PLAIN);
}

void etl_writer_init(struct etl_writer *w, uint8_t pointer_size,
		     enum etl_writer_compression compression)
{
	struct payload p = { .pointer_size = pointer_size };

	*w = (struct etl_writer){ .buffer_size = 4096,
				  .pointer_size = pointer_size,
				  .compression = compression };
	payload_u32(&p, w->buffer_size);
	payload_u8(&p, 10); /* Windows 10.0 */
	payload_u8(&p, 0);
	payload_u16(&p, 0);
	payload_u32(&p, 19045);
	payload_u32(&p, 4);                             /* processors */
	payload_u64(&p, FILETIME_START + 50000000);     /* end: 5 s later */
	payload_u32(&p, 156250);                        /* timer resolution */
	payload_u32(&p, 0);                             /* largest file */
	payload_u32(&p, compression ? MODE_XPRESS : 0); /* mode */
	payload_u32(&p, 0);                             /* buffers written */
	payload_u32(&p, 1);                             /* start buffers */
	payload_u32(&p, pointer_size);
	payload_u32(&p, 3);    /* events lost */
	payload_u32(&p, 2400); /* MHz */
	payload_pointer(&p, 0);
	payload_pointer(&p, 0);
	put_zeros(&p.bytes, 176); /* time zone, padding */
	while (p.bytes.len < (pointer_size == 8 ? 0xf8 : 0xf0))
		put_zeros(&p.bytes, 1);
	payload_u64(&p, FILETIME_START - ETL_WRITER_UPTIME_S * 10000000ULL); /* boot */
	payload_u64(&p, ETL_WRITER_HZ);
	payload_u64(&p, FILETIME_START);
	payload_u32(&p, 1); /* clock: QPC */
	payload_u32(&p, 0); /* buffers lost */
	payload_utf16(&p, "test session");
	payload_utf16(&p, "test.etl");
	etl_writer_begin(w, 0);
	etl_writer_system(
		w, &(struct etl_writer_event){ .time = ETL_WRITER_START, .pid = 1, .tid = 2 }, &p);
	end_buffer(w, false);
	payload_done(&p);
}

void etl_writer_done(struct etl_writer *w)
{
	buffer_done(&w->file);
	buffer_done(&w->data);
}

/* ---- events -------------------------------------------------------------------------------------------------- */

void etl_writer_raw(struct etl_writer *w, const void *data, size_t size)
{
	buffer_append(&w->data, data, size);
	while (w->data.len % 8)
		buffer_putc(&w->data, 0);
}

static void finish(struct etl_writer *w, struct buffer *event, struct payload *p, size_t size_at)
{
	if (p) {
		buffer_append(event, p->bytes.data, p->bytes.len);
		buffer_clear(&p->bytes);
	}
	poke(event, size_at, event->len, 2);
	etl_writer_raw(w, event->data, event->len);
	buffer_done(event);
}

/* The first word of kernel headers: version, kind, mark. */
static void put_kernel(struct buffer *b, const struct etl_writer_event *e, uint8_t kind)
{
	put(b, e->version, 2);
	put(b, kind, 1);
	put(b, 0xc0, 1);
	put(b, 0, 2);
	put(b, e->id, 2);
}

void etl_writer_system(struct etl_writer *w, const struct etl_writer_event *e, struct payload *p)
{
	struct buffer b = BUFFER_INIT;

	put_kernel(&b, e, w->pointer_size == 8 ? 2 : 1);
	put(&b, e->tid, 4);
	put(&b, e->pid, 4);
	put(&b, e->time, 8);
	put_zeros(&b, 8);
	finish(w, &b, p, 4);
}

void etl_writer_perfinfo(struct etl_writer *w, const struct etl_writer_event *e, struct payload *p)
{
	struct buffer b = BUFFER_INIT;

	put_kernel(&b, e, w->pointer_size == 8 ? 17 : 16);
	put(&b, e->time, 8);
	finish(w, &b, p, 4);
}

void etl_writer_classic(struct etl_writer *w, const struct etl_writer_event *e, struct payload *p)
{
	struct buffer b = BUFFER_INIT;

	put(&b, 0, 2);
	put(&b, w->pointer_size == 8 ? 20 : 10, 1);
	put(&b, 0xc0, 1);
	put(&b, e->opcode, 1);
	put(&b, 0, 1);
	put(&b, e->version, 2);
	put(&b, e->tid, 4);
	put(&b, e->pid, 4);
	put(&b, e->time, 8);
	buffer_append(&b, e->provider, 16);
	put_zeros(&b, 8);
	finish(w, &b, p, 0);
}

void etl_writer_manifest(struct etl_writer *w, const struct etl_writer_event *e, struct payload *p)
{
	struct buffer b = BUFFER_INIT;

	put(&b, 0, 2);
	put(&b, w->pointer_size == 8 ? 19 : 18, 1);
	put(&b, 0xc0, 1);
	put(&b, e->extended_size ? 1 : 0, 2);
	put(&b, 0, 2);
	put(&b, e->tid, 4);
	put(&b, e->pid, 4);
	put(&b, e->time, 8);
	buffer_append(&b, e->provider, 16);
	put(&b, e->id, 2);
	put(&b, e->version, 1);
	put(&b, 0, 1); /* channel */
	put(&b, 4, 1); /* level */
	put(&b, e->opcode, 1);
	put(&b, 0, 2); /* task */
	put(&b, e->keyword, 8);
	put_zeros(&b, 24);
	buffer_append(&b, e->extended, e->extended_size);
	finish(w, &b, p, 0);
}

/* ---- payloads ------------------------------------------------------------------------------------------------ */

struct payload payload_for(const struct etl_writer *w)
{
	return (struct payload){ .pointer_size = w->pointer_size };
}

void payload_u8(struct payload *p, uint8_t value)
{
	put(&p->bytes, value, 1);
}

void payload_u16(struct payload *p, uint16_t value)
{
	put(&p->bytes, value, 2);
}

void payload_u32(struct payload *p, uint32_t value)
{
	put(&p->bytes, value, 4);
}

void payload_u64(struct payload *p, uint64_t value)
{
	put(&p->bytes, value, 8);
}

void payload_pointer(struct payload *p, uint64_t value)
{
	put(&p->bytes, value, p->pointer_size);
}

void payload_utf16(struct payload *p, const char *text)
{
	do
		put(&p->bytes, (uint8_t)*text, 2);
	while (*text++);
}

void payload_text(struct payload *p, const char *text)
{
	buffer_append(&p->bytes, text, strlen(text) + 1);
}

void payload_done(struct payload *p)
{
	buffer_done(&p->bytes);
}
