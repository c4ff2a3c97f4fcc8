/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ZIP archive of one deflated file, streamed: its sizes stand behind the data.
 * Called by format writers through zip.h.
 * Must not know what is compressed.
 * Source: PKWARE APPNOTE 4.3.7 (local header), 4.3.9 (data descriptor), 4.3.12 (central directory), 4.3.16 (its end).
 */
#include "export/formats/zip.h"

#include <errno.h>
#include <time.h>

#include "base/le.h"
#include "base/macros.h"

#define VERSION_DEFLATE       20
#define FLAG_SIZES_BEHIND     8
#define METHOD_DEFLATE        8
#define LOCAL_HEADER          0x04034b50
#define DATA_DESCRIPTOR       0x08074b50
#define CENTRAL_HEADER        0x02014b50
#define END_OF_DIRECTORY      0x06054b50
#define LOCAL_HEADER_BYTES    30
#define DATA_DESCRIPTOR_BYTES 16
#define CENTRAL_HEADER_BYTES  46
#define END_BYTES             22

/* A fixed-size record being put together. */
struct record {
	uint8_t bytes[CENTRAL_HEADER_BYTES];
	size_t len;
};

static void put16(struct record *r, uint32_t value)
{
	le16_put(r->bytes + r->len, (uint16_t)value);
	r->len += 2;
}

static void put32(struct record *r, uint32_t value)
{
	le32_put(r->bytes + r->len, value);
	r->len += 4;
}

static void write_out(struct zip *z, const void *data, size_t size)
{
	if (!z->error)
		z->error = oc_output_write(z->out, data, size);
}

/* What both kinds of header of a file have in the middle. */
static void put_common(const struct zip *z, struct record *r, uint32_t packed, uint32_t size)
{
	put16(r, VERSION_DEFLATE);
	put16(r, FLAG_SIZES_BEHIND);
	put16(r, METHOD_DEFLATE);
	put16(r, z->time);
	put16(r, z->date);
	put32(r, packed ? z->crc : 0);
	put32(r, packed);
	put32(r, size);
	put16(r, (uint32_t)strlen(z->name));
	put16(r, 0); /* no extra field */
}

/* MS-DOS date and time: from 1980 on, in steps of two seconds. */
static void set_time(struct zip *z, uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm tm = { 0 };

	z->date = 1 << 5 | 1;
	z->time = 0;
	if (!gmtime_r(&seconds, &tm) || tm.tm_year < 80 || tm.tm_year > 80 + 127)
		return;
	z->date = (uint16_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday);
	z->time = (uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
}

void zip_init(struct zip *z, struct oc_output *out, const char *name, uint64_t wall_ns, int level)
{
	struct record r = { .len = 0 };

	z->out = out;
	z->name = name;
	z->crc = 0;
	z->error = 0;
	set_time(z, wall_ns);
	put32(&r, LOCAL_HEADER);
	put_common(z, &r, 0, 0);
	write_out(z, r.bytes, r.len);
	write_out(z, name, strlen(name));
	gzip_init_raw(&z->deflate, out, level);
}

void zip_write(struct zip *z, const void *data, size_t size)
{
	z->crc = (uint32_t)crc32_z(z->crc, data, size);
	gzip_write(&z->deflate, data, size);
}

static void write_directory(struct zip *z, uint32_t packed, uint32_t size)
{
	struct record r = { .len = 0 };
	uint32_t name_len = (uint32_t)strlen(z->name);
	uint32_t start = LOCAL_HEADER_BYTES + name_len + packed + DATA_DESCRIPTOR_BYTES;

	put32(&r, CENTRAL_HEADER);
	put16(&r, VERSION_DEFLATE); /* made by */
	put_common(z, &r, packed, size);
	put16(&r, 0); /* no comment */
	put16(&r, 0); /* first disk */
	put16(&r, 0); /* attributes */
	put32(&r, 0);
	put32(&r, 0); /* the local header is the first thing */
	write_out(z, r.bytes, r.len);
	write_out(z, z->name, name_len);
	r.len = 0;
	put32(&r, END_OF_DIRECTORY);
	put32(&r, 0); /* one disk, number 0 */
	put16(&r, 1); /* one file, on it and in all */
	put16(&r, 1);
	put32(&r, CENTRAL_HEADER_BYTES + name_len);
	put32(&r, start);
	put16(&r, 0); /* no comment */
	write_out(z, r.bytes, r.len);
}

int zip_finish(struct zip *z)
{
	uint64_t room = UINT32_MAX - LOCAL_HEADER_BYTES - DATA_DESCRIPTOR_BYTES - UINT16_MAX;
	struct record r = { .len = 0 };
	int rc = gzip_finish(&z->deflate);
	uint64_t packed = z->deflate.stream.total_out, size = z->deflate.stream.total_in;

	z->error = z->error ? z->error : rc;
	if (!z->error && (packed > room || size > UINT32_MAX))
		z->error = -EFBIG;
	if (z->error)
		return z->error;
	put32(&r, DATA_DESCRIPTOR);
	put32(&r, z->crc);
	put32(&r, (uint32_t)packed);
	put32(&r, (uint32_t)size);
	write_out(z, r.bytes, r.len);
	write_directory(z, (uint32_t)packed, (uint32_t)size);
	return z->error;
}
