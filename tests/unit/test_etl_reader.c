/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * windows-etw/etl_reader.h: traces written for single rules, whole, cut and damaged.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "etl_writer.h"
#include "windows-etw/etl_reader.h"

static const uint8_t guid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

/* Writes an event with an empty payload that is only there for its time. */
static void tick(struct etl_writer *w, uint64_t time, uint16_t hook)
{
	etl_writer_perfinfo(w, &(struct etl_writer_event){ .time = time, .id = hook }, NULL);
}

/* "cpu:time:hook " of each event behind the log header, then how it ended. */
static void list(const struct buffer *file, struct buffer *out, struct etl_stats *ret_stats)
{
	struct oc_input *in;
	struct etl_reader *r = NULL;
	struct oc_error err = { 0 };
	const struct etl_event *e;
	int rc;

	buffer_clear(out);
	cr_assert_eq(oc_input_open_memory(file->data, file->len, &in), 0);
	rc = etl_reader_open(in, &r, &err);
	if (rc) {
		buffer_printf(out, "%d %s", rc, err.message);
		oc_input_close(in);
		return;
	}
	while ((rc = etl_reader_next(r, &e)) == 1) {
		if (e->id || e->header != ETL_SYSTEM)
			buffer_printf(out, "%u:%" PRIu64 ":%x ", e->cpu, e->time, e->id);
	}
	buffer_printf(out, "%d", rc);
	if (etl_reader_damage(r, &err))
		buffer_printf(out, " %s", err.message);
	*ret_stats = *etl_reader_stats(r);
	etl_reader_free(r);
	oc_input_close(in);
}

static void expect(struct etl_writer *w, const char *want)
{
	struct buffer text = BUFFER_INIT;
	struct etl_stats stats;

	list(&w->file, &text, &stats);
	cr_assert_str_eq(text.data, want);
	buffer_done(&text);
	etl_writer_done(w);
}

static void merge(enum etl_writer_compression compression, uint8_t pointer_size)
{
	struct etl_writer w;

	etl_writer_init(&w, pointer_size, compression);
	etl_writer_begin(&w, 1);
	tick(&w, 2000, 1);
	tick(&w, 2020, 2);
	etl_writer_end(&w);
	etl_writer_begin(&w, 300);
	tick(&w, 2010, 3);
	tick(&w, 2020, 4);
	tick(&w, 2040, 5);
	etl_writer_end(&w);
	etl_writer_begin(&w, 0);
	etl_writer_end(&w);
	etl_writer_begin(&w, 1);
	tick(&w, 1999, 6);
	tick(&w, 2030, 7);
	etl_writer_end(&w);
	expect(&w, "1:1999:6 1:2000:1 300:2010:3 1:2020:2 300:2020:4 1:2030:7 300:2040:5 0");
}

Test(etl_reader, merges_buffers_by_time)
{
	merge(ETL_PLAIN, 8);
	merge(ETL_PLAIN, 4);
	merge(ETL_XPRESS, 8);
	merge(ETL_HUFFMAN, 8);
}

Test(etl_reader, log_header_of_both_pointer_sizes)
{
	for (uint8_t pointer_size = 4; pointer_size <= 8; pointer_size += 4) {
		struct oc_input *in;
		struct etl_reader *r;
		const struct etl_log *log;
		struct etl_writer w;

		etl_writer_init(&w, pointer_size, ETL_PLAIN);
		cr_assert_eq(oc_input_open_memory(w.file.data, w.file.len, &in), 0);
		cr_assert_eq(etl_reader_open(in, &r, NULL), 0);
		log = etl_reader_log(r);
		cr_assert_eq(log->time, ETL_WRITER_START);
		cr_assert_eq(log->start - log->boot, ETL_WRITER_UPTIME_S * 10000000ULL);
		cr_assert_eq(log->end - log->start, 50000000);
		cr_assert_eq(log->ticks_hz, ETL_WRITER_HZ);
		cr_assert_eq(log->clock, ETL_CLOCK_QPC);
		cr_assert_eq(log->buffer_size, 4096);
		cr_assert_eq(log->nr_cpus, 4);
		cr_assert_eq(log->events_lost, 3);
		cr_assert_eq(log->os_major, 10);
		cr_assert_eq(log->os_build, 19045);
		cr_assert_eq(log->pointer_size, pointer_size);
		cr_assert_str_eq(log->session, "test session");
		etl_reader_free(r);
		oc_input_close(in);
		etl_writer_done(&w);
	}
}

/* Opens the writer's trace and takes its first event behind the log header. */
static struct etl_reader *open_first(struct etl_writer *w, struct oc_input **in,
				     const struct etl_event **ret_event)
{
	struct etl_reader *r;

	cr_assert_eq(oc_input_open_memory(w->file.data, w->file.len, in), 0);
	cr_assert_eq(etl_reader_open(*in, &r, NULL), 0);
	cr_assert_eq(etl_reader_next(r, ret_event), 1);
	cr_assert_eq(etl_reader_next(r, ret_event), 1);
	return r;
}

/* Where the log header of a 64-bit trace has its fields, and a buffer's header its own. */
#define LOG_AT(offset) (0x48 + 32 + (offset))
#define LOG_MODE       LOG_AT(0x20)
#define LOG_WRITTEN    LOG_AT(0x24)
#define LOG_MHZ        LOG_AT(0x34)
#define LOG_HZ         LOG_AT(0x100)
#define LOG_CLOCK      LOG_AT(0x110)
#define LOG_LOST       LOG_AT(0x114)
#define BUFFER_AT      4096 /* the second one of a file */
#define BUFFER_SAVED   (BUFFER_AT + 4)
#define BUFFER_FLAGS   (BUFFER_AT + 0x34)

static void poke(struct etl_writer *w, size_t at, uint32_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		w->file.data[at + i] = (char)(value >> 8 * i);
}

/* Opens the writer's trace for its log header, and frees it. */
static int read_log(struct etl_writer *w, struct etl_log *ret_log)
{
	struct oc_input *in;
	struct etl_reader *r;
	int rc;

	cr_assert_eq(oc_input_open_memory(w->file.data, w->file.len, &in), 0);
	rc = etl_reader_open(in, &r, NULL);
	if (!rc) {
		*ret_log = *etl_reader_log(r);
		etl_reader_free(r);
	}
	oc_input_close(in);
	etl_writer_done(w);
	return rc;
}

/* The performance counter, the time of day, the processor's cycles; others are not known. */
Test(etl_reader, clocks)
{
	static const struct {
		uint32_t clock;
		uint32_t hz;
		uint32_t mhz;
		uint64_t want;
	} cases[] = {
		{ 1, 2337949, 2500, 2337949 },
		{ 2, 2337949, 2500, 10000000 },
		{ 2, 0, 2500, 10000000 },
		{ 3, 2337949, 2500, 2500000000 },
		{ 1, 0, 2500, 0 },
		{ 3, 2337949, 0, 0 },
		{ 3, 2337949, 20000, 0 },
		{ 0, 2337949, 2500, 0 },
		{ 4, 2337949, 2500, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct etl_log log = { 0 };
		struct etl_writer w;

		etl_writer_init(&w, 8, ETL_PLAIN);
		poke(&w, LOG_CLOCK, cases[i].clock, 4);
		poke(&w, LOG_HZ, cases[i].hz, 4);
		poke(&w, LOG_MHZ, cases[i].mhz, 4);
		poke(&w, LOG_LOST, 7, 4);
		cr_assert_eq(read_log(&w, &log), cases[i].want ? 0 : -EOPNOTSUPP, "case %zu", i);
		cr_assert_eq(log.ticks_hz, cases[i].want, "case %zu", i);
		cr_assert(!cases[i].want || log.buffers_lost == 7);
	}
}

/* A trace that was never closed does not count in its log header what was lost, but its buffers are marked. */
Test(etl_reader, marks_of_losses)
{
	static const uint32_t flags[] = { 0x20, 0x22, 0x24, 0x26, 0x21 };
	struct etl_log log;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct etl_writer w;

		etl_writer_init(&w, 8, ETL_PLAIN);
		etl_writer_begin(&w, 0);
		tick(&w, 2000, 1);
		etl_writer_end(&w);
		etl_writer_begin(&w, 0);
		etl_writer_end(&w);
		poke(&w, BUFFER_FLAGS, flags[i], 2);
		cr_assert_eq(read_log(&w, &log), 0);
		cr_assert_eq(log.lossy_buffers, i && flags[i] != 0x21, "flags %x", flags[i]);
	}
}

/* A header of any kind with a payload of four bytes, and an event behind it. */
static void expect_header(uint8_t kind, size_t size, size_t size_at, enum etl_header header,
			  uint8_t pointer_size)
{
	uint8_t raw[96] = { [2] = kind, [3] = 0xc0 };
	const struct etl_event *e;
	struct etl_reader *r;
	struct oc_input *in;
	struct etl_writer w;

	raw[size_at] = (uint8_t)(size + 4);
	raw[16] = 0xd0; /* 2000 */
	raw[17] = 0x07;
	etl_writer_init(&w, 8, ETL_PLAIN);
	etl_writer_begin(&w, 0);
	etl_writer_raw(&w, raw, size + 4);
	tick(&w, 2001, 0x1234);
	etl_writer_end(&w);
	r = open_first(&w, &in, &e);
	cr_assert(e->header == header && e->pointer_size == pointer_size && e->time == 2000,
		  "kind %u", kind);
	cr_assert_eq(e->size, 4, "kind %u", kind);
	cr_assert_eq(etl_reader_next(r, &e), 1);
	cr_assert_eq(e->id, 0x1234);
	etl_reader_free(r);
	oc_input_close(in);
	etl_writer_done(&w);
}

Test(etl_reader, headers_of_both_pointer_sizes)
{
	expect_header(1, 32, 4, ETL_SYSTEM, 4);
	expect_header(2, 32, 4, ETL_SYSTEM, 8);
	expect_header(3, 24, 4, ETL_COMPACT, 4);
	expect_header(4, 24, 4, ETL_COMPACT, 8);
	expect_header(10, 48, 0, ETL_FULL, 4);
	expect_header(20, 48, 0, ETL_FULL, 8);
	expect_header(11, 72, 0, ETL_INSTANCE, 4);
	expect_header(21, 72, 0, ETL_INSTANCE, 8);
	expect_header(18, 80, 0, ETL_EVENT, 4);
	expect_header(19, 80, 0, ETL_EVENT, 8);
}

Test(etl_reader, messages_are_passed_over)
{
	static const uint8_t marks[] = { 0x90, 0xa0, 0xb0 };

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const uint8_t raw[16] = { 13, 0, 7, marks[i], 1, 2, 3, 4, 5, 6, 7, 8, 9 };
		struct etl_writer w;

		etl_writer_init(&w, 8, ETL_PLAIN);
		etl_writer_begin(&w, 0);
		etl_writer_raw(&w, raw, sizeof(raw));
		tick(&w, 2000, 1);
		etl_writer_end(&w);
		expect(&w, "0:2000:1 0");
	}
}

/* What is written over and over, appended to, begun anew, or begun before it is written, has another number of buffers. */
Test(etl_reader, number_of_buffers)
{
	static const struct {
		uint32_t mode;
		uint32_t written;
		const char *want;
	} cases[] = {
		{ 0x00000001, 2, "0:2000:1 0" },
		{ 0x08000001, 3,
		  "0:2000:1 0 at offset 0x2000: the file ends; 1 of the 3 buffers that its log "
		  "header counts are "
		  "not in it" },
		{ 0x00000002, 3, "0:2000:1 0" },
		{ 0x00000004, 3, "0:2000:1 0" },
		{ 0x00000008, 3, "0:2000:1 0" },
		{ 0x00000021, 3, "0:2000:1 0" },
		{ 0x00000400, 3, "0:2000:1 0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct etl_writer w;

		etl_writer_init(&w, 8, ETL_PLAIN);
		etl_writer_begin(&w, 0);
		tick(&w, 2000, 1);
		etl_writer_end(&w);
		poke(&w, LOG_MODE, cases[i].mode, 4);
		poke(&w, LOG_WRITTEN, cases[i].written, 4);
		expect(&w, cases[i].want);
	}
}

/* Old versions of Windows have a byte for the processor's number, and something else in the next one. */
Test(etl_reader, buffers_of_old_windows)
{
	struct etl_writer w;

	etl_writer_init(&w, 8, ETL_PLAIN);
	etl_writer_begin(&w, 0x0305);
	tick(&w, 2000, 1);
	etl_writer_end(&w);
	poke(&w, BUFFER_FLAGS, 0, 2);
	poke(&w, BUFFER_SAVED, 0, 4); /* where its data ends stands in a second place */
	expect(&w, "5:2000:1 0");
}

/* ---- headers ------------------------------------------------------------------------------------------------- */

Test(etl_reader, headers_with_ids)
{
	static const struct etl_writer_event event = { .time = 5000,
						       .pid = 70000,
						       .tid = 80000,
						       .id = 0x0532,
						       .version = 3,
						       .opcode = 9,
						       .provider = guid,
						       .keyword = 1ULL << 40 };
	void (*const writers[])(struct etl_writer *, const struct etl_writer_event *,
				struct payload *) = { etl_writer_system, etl_writer_classic,
						      etl_writer_manifest };
	static const enum etl_header headers[] = { ETL_SYSTEM, ETL_FULL, ETL_EVENT };

	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		struct oc_input *in;
		struct etl_reader *r;
		struct etl_writer w;
		const struct etl_event *e;
		struct payload p;

		etl_writer_init(&w, 8, ETL_PLAIN);
		p = payload_for(&w);
		payload_text(&p, "abc");
		etl_writer_begin(&w, 2);
		writers[i](&w, &event, &p);
		etl_writer_end(&w);
		r = open_first(&w, &in, &e);
		cr_assert_eq(e->header, headers[i]);
		cr_assert_eq(e->time, 5000);
		cr_assert_eq(e->pid, 70000);
		cr_assert_eq(e->tid, 80000);
		cr_assert_eq(e->version, 3);
		cr_assert_eq(e->opcode, i ? 9 : 0x32);
		cr_assert_eq(e->size, 4);
		cr_assert_str_eq((const char *)e->payload, "abc");
		cr_assert_eq(!e->provider, i == 0);
		cr_assert(!e->provider || !memcmp(e->provider, guid, 16));
		cr_assert_eq(e->keyword, i == 2 ? 1ULL << 40 : 0);
		payload_done(&p);
		etl_reader_free(r);
		oc_input_close(in);
		etl_writer_done(&w);
	}
}

Test(etl_reader, rare_headers)
{
	/* Compact with pid and tid; kernel event with two counters and a PEBS index in front of its payload. */
	static const uint8_t compact[28] = { 2, 0, 4, 0xc0, 28,   0, 7, 5, 1, 0, 0, 0,  2,
					     0, 0, 0, 0x88, 0x13, 0, 0, 0, 0, 0, 0, 'c' };
	static const uint8_t counters[44] = { 2,    0x82, 17, 0xc0, 44, 0, 8, 5,         0x89,
					      0x13, 0,    0,  0,    0,  0, 0, [40] = 'p' };
	static const uint8_t instance[76] = { 76, 0, 21, 0xc0, 6,    0, 1, 0, 3, 0, 0, 0,         4,
					      0,  0, 0,  0x8a, 0x13, 0, 0, 0, 0, 0, 0, [72] = 'i' };
	static const uint8_t message[16] = { 16, 0, 1, 0x90 };
	struct oc_input *in;
	struct etl_reader *r;
	struct etl_writer w;
	const struct etl_event *e;

	etl_writer_init(&w, 8, ETL_PLAIN);
	etl_writer_begin(&w, 2);
	etl_writer_raw(&w, message, sizeof(message));
	etl_writer_raw(&w, compact, sizeof(compact));
	etl_writer_raw(&w, counters, sizeof(counters));
	etl_writer_raw(&w, message, sizeof(message));
	etl_writer_raw(&w, instance, sizeof(instance));
	etl_writer_end(&w);
	r = open_first(&w, &in, &e);
	cr_assert_eq(e->header, ETL_COMPACT);
	cr_assert(e->time == 5000 && e->tid == 1 && e->pid == 2 && e->size == 4);
	cr_assert_eq(e->payload[0], 'c');
	cr_assert_eq(etl_reader_next(r, &e), 1);
	cr_assert_eq(e->header, ETL_PERFINFO);
	cr_assert(e->time == 5001 && e->tid == ETL_NO_ID && e->version == 2 && e->size == 4);
	cr_assert_eq(e->payload[0], 'p');
	cr_assert_eq(etl_reader_next(r, &e), 1);
	cr_assert_eq(e->header, ETL_INSTANCE);
	cr_assert(e->time == 5002 && e->opcode == 6 && e->size == 4);
	cr_assert_eq(e->payload[0], 'i');
	cr_assert_eq(etl_reader_next(r, &e), 0);
	cr_assert_eq(etl_reader_stats(r)->events[ETL_UNTIMED], 2);
	cr_assert_eq(etl_reader_stats(r)->damages, 0);
	etl_reader_free(r);
	oc_input_close(in);
	etl_writer_done(&w);
}

Test(etl_reader, extended_items)
{
	static const uint8_t items[] = { 0, 0, 12, 0, 1, 0, 3, 0, 'a', 'b', 'c', 0, 0, 0, 0, 0,
					 0, 0, 6,  0, 0, 0, 8, 0, 1,   2,   3,   4, 5, 6, 7, 8 };
	const struct etl_writer_event event = {
		.time = 5000, .provider = guid, .extended = items, .extended_size = sizeof(items)
	};
	struct oc_input *in;
	struct etl_reader *r;
	struct etl_item item;
	struct etl_writer w;
	const struct etl_event *e;
	struct payload p;
	uint32_t pos = 0;

	etl_writer_init(&w, 8, ETL_PLAIN);
	p = payload_for(&w);
	payload_text(&p, "payload");
	etl_writer_begin(&w, 0);
	etl_writer_manifest(&w, &event, &p);
	etl_writer_end(&w);
	r = open_first(&w, &in, &e);
	cr_assert_str_eq((const char *)e->payload, "payload");
	cr_assert_eq(etl_event_item(e, &pos, &item), 1);
	cr_assert(item.type == ETL_ITEM_TRAITS && item.size == 3 && item.data[2] == 'c');
	cr_assert_eq(etl_event_item(e, &pos, &item), 1);
	cr_assert(item.type == ETL_ITEM_STACK64 && item.size == 8 && item.data[7] == 8);
	cr_assert_eq(etl_event_item(e, &pos, &item), 0);
	payload_done(&p);
	etl_reader_free(r);
	oc_input_close(in);
	etl_writer_done(&w);
}

/* ---- damage -------------------------------------------------------------------------------------------------- */

/* Three buffers of two events each behind the log header. */
static void write_three(struct etl_writer *w, enum etl_writer_compression compression)
{
	etl_writer_init(w, 8, compression);
	for (uint16_t i = 0; i < 3; i++) {
		etl_writer_begin(w, i);
		tick(w, 2000 + i * 10u, 1);
		tick(w, 2005 + i * 10u, 2);
		etl_writer_end(w);
	}
}

Test(etl_reader, cut_files_keep_what_is_there)
{
	struct etl_writer w;

	write_three(&w, ETL_PLAIN);
	w.file.len = 3 * 4096 + 0x48 + 20;
	expect(&w, "0:2000:1 0:2005:2 1:2010:1 1:2015:2 2:2020:1 0 at offset 0x3000: the file ends "
		   "within this "
		   "buffer; the last 92 bytes were not read");
	write_three(&w, ETL_PLAIN);
	w.file.len = 3 * 4096 + 10;
	expect(&w, "0:2000:1 0:2005:2 1:2010:1 1:2015:2 0 at offset 0x3000: too short for a "
		   "buffer; the last 10 "
		   "bytes were not read");
	write_three(&w, ETL_XPRESS);
	w.file.len -= 1;
	expect(&w, "0:2000:1 0:2005:2 1:2010:1 1:2015:2 0 at offset 0x10d8: the file ends within "
		   "this buffer; the "
		   "last 107 bytes were not read");
}

Test(etl_reader, damaged_places_are_passed_over)
{
	struct etl_writer w;

	write_three(&w, ETL_PLAIN);
	w.file.data[2 * 4096 + 0x48 + 16 + 3] = 0x11; /* the mark of the second event */
	expect(&w, "0:2000:1 0:2005:2 1:2010:1 2:2020:1 2:2025:2 0 buffer at offset 0x2000: an "
		   "event in it is damaged");
	write_three(&w, ETL_PLAIN);
	w.file.data[2 * 4096 + 0x48 + 4] = 8; /* the size of the first event */
	expect(&w, "0:2000:1 0:2005:2 2:2020:1 2:2025:2 0 buffer at offset 0x2000: an event in it "
		   "is damaged");
	write_three(&w, ETL_PLAIN);
	memset(w.file.data + 2 * 4096, 0, 8);
	expect(&w, "0:2000:1 0:2005:2 0 at offset 0x2000: not a buffer header; the last 8192 bytes "
		   "were not read");
	write_three(&w, ETL_PLAIN);
	w.file.data[2 * 4096 + 5] = 0x11; /* data beyond the buffer */
	expect(&w, "0:2000:1 0:2005:2 0 at offset 0x2000: its data is larger than the buffer; the "
		   "last 8192 bytes "
		   "were not read");
	write_three(&w, ETL_XPRESS);
	w.file.data[4096 + 0x48 + 3] = (char)0x80; /* a match before anything was written */
	expect(&w, "1:2010:1 1:2015:2 2:2020:1 2:2025:2 0 buffer at offset 0x1000: its compressed "
		   "data is damaged");
}

/* Reads all, keeps events with hook 1 of processor 2, and reads again. */
static void read_twice(struct etl_writer *w, struct buffer *out, struct etl_stats *ret_stats)
{
	struct oc_input *in;
	struct etl_reader *r;
	const struct etl_event *e;

	cr_assert_eq(oc_input_open_memory(w->file.data, w->file.len, &in), 0);
	cr_assert_eq(etl_reader_open(in, &r, NULL), 0);
	while (etl_reader_next(r, &e) == 1) {
		if (e->cpu == 2 && e->id == 1)
			etl_reader_keep(r);
	}
	etl_reader_again(r);
	while (etl_reader_next(r, &e) == 1)
		buffer_printf(out, "%u:%" PRIu64 ":%x ", e->cpu, e->time, e->id);
	*ret_stats = *etl_reader_stats(r);
	/* From the first event means all of them again. */
	etl_reader_rewind(r);
	while (etl_reader_next(r, &e) == 1)
		;
	cr_assert_eq(etl_reader_stats(r)->buffers, 4);
	etl_reader_free(r);
	oc_input_close(in);
	etl_writer_done(w);
}

Test(etl_reader, buffers_that_are_not_needed_again)
{
	struct buffer text = BUFFER_INIT;
	struct etl_stats stats;
	struct etl_writer w;

	write_three(&w, ETL_PLAIN);
	read_twice(&w, &text, &stats);
	cr_assert_str_eq(text.data, "2:2020:1 2:2025:2 ");
	cr_assert_eq(stats.buffers, 1);
	cr_assert_eq(stats.damages, 0);
	buffer_clear(&text);
	write_three(&w, ETL_PLAIN);
	w.file.data[2 * 4096 + 0x48 + 16 + 3] = 0x11; /* damage is met and counted again */
	read_twice(&w, &text, &stats);
	cr_assert_str_eq(text.data, "1:2010:1 2:2020:1 2:2025:2 ");
	cr_assert_eq(stats.damages, 1);
	buffer_done(&text);
}

Test(etl_reader, every_byte_is_accounted_for)
{
	struct buffer text = BUFFER_INIT;
	struct etl_stats stats;
	struct etl_writer w;

	write_three(&w, ETL_PLAIN);
	w.file.data[2 * 4096 + 0x48 + 16 + 3] = 0x11;
	list(&w.file, &text, &stats);
	cr_assert_eq(stats.buffers, 4);
	cr_assert_eq(stats.events[ETL_PERFINFO], 5);
	cr_assert_eq(stats.damaged_bytes, 16);
	cr_assert_eq(stats.damages, 1);
	buffer_done(&text);
	etl_writer_done(&w);
}

Test(etl_reader, time_going_back_in_a_buffer_is_counted)
{
	struct buffer text = BUFFER_INIT;
	struct etl_stats stats;
	struct etl_writer w;

	etl_writer_init(&w, 8, ETL_PLAIN);
	etl_writer_begin(&w, 0);
	tick(&w, 2000, 1);
	tick(&w, 1500, 2);
	tick(&w, 2001, 3);
	etl_writer_end(&w);
	list(&w.file, &text, &stats);
	cr_assert_str_eq(text.data, "0:2000:1 0:1500:2 0:2001:3 0");
	cr_assert_eq(stats.backwards, 1);
	buffer_done(&text);
	etl_writer_done(&w);
}

Test(etl_reader, what_is_no_trace)
{
	static const char *const texts[] = {
		"", "x",
		"MZ not a trace, but long enough to hold a buffer header "
		"of seventy-two bytes in all"
	};
	struct buffer file = BUFFER_INIT, text = BUFFER_INIT;
	struct etl_stats stats;
	struct etl_writer w;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		buffer_clear(&file);
		buffer_puts(&file, texts[i]);
		list(&file, &text, &stats);
		cr_assert_eq(strncmp(text.data, "-74 not a Windows trace", 22), 0, "%s", text.data);
	}
	buffer_done(&file);
	buffer_done(&text);
	etl_writer_init(&w, 8, ETL_PLAIN);
	w.file.data[0x48 + 6] = 1; /* another hook */
	expect(&w, "-74 not a Windows trace: there is no log header at offset 0x48");
	etl_writer_init(&w, 8, ETL_PLAIN);
	w.file.data[0x48 + 32 + 0x110] = 9;
	expect(&w, "-95 the trace's clock (type 9, 10000000 Hz) is not known");
	etl_writer_init(&w, 8, ETL_XPRESS);
	w.file.data[0x2c] = 2;
	expect(&w, "-95 the trace is compressed in a way (2) that is not known; record it without "
		   "compression, or "
		   "convert it on Windows");
}
