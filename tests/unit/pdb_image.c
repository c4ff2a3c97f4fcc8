/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes PDB files field by field.
 * Called by the tests of symbolize/.
 * Must not use what it helps to test.
 */
#include "pdb_image.h"

#include <criterion/criterion.h>
#include <unistd.h>

#include "base/macros.h"

enum {
	STREAM_INFO = 1,
	STREAM_TYPES,
	STREAM_DBI,
	STREAM_IDS,
	STREAM_NAMES,
	STREAM_SECTIONS,
	STREAM_MODULE,
	STREAM_SYMBOLS,
	STREAM_MOVED,
	STREAM_PADDING,
	NR_STREAMS
};

#define NONE      0xffffu
#define FILE_NAME 1u /* offset of the source's name */
#define FIRST_ID  0x1000u

static void put16(struct buffer *b, uint32_t value)
{
	buffer_append(b, &(uint16_t){ (uint16_t)value }, 2);
}

static void put32(struct buffer *b, uint32_t value)
{
	buffer_append(b, &value, 4);
}

static void put_text(struct buffer *b, const char *text)
{
	buffer_append(b, text, strlen(text) + 1);
}

static void zeros(struct buffer *b, size_t nr)
{
	while (nr--)
		buffer_putc(b, 0);
}

static void align(struct buffer *b, size_t to)
{
	while (b->len % to)
		buffer_putc(b, 0);
}

static void set32(struct buffer *b, size_t at, uint32_t value)
{
	memcpy(b->data + at, &value, 4);
}

/* Begins a record, and ends it: its size becomes known. */
static size_t begin(struct buffer *b, uint16_t kind)
{
	put16(b, 0);
	put16(b, kind);
	return b->len - 4;
}

static void end(struct buffer *b, size_t at)
{
	uint16_t size;

	align(b, 4);
	size = (uint16_t)(b->len - at - 2);
	memcpy(b->data + at, &size, 2);
}

/* ---- streams ------------------------------------------------------------------------------------------------- */

static void make_info(const struct pdb_image *image, struct buffer *b)
{
	put32(b, 20000404);
	put32(b, 1);
	put32(b,
	      image->age +
		      7); /* later than that of the DBI stream, as after tools have changed the file */
	for (int i = 0; i < 16; i++)
		buffer_putc(b, (char)i);
	put32(b, sizeof("/names"));
	put_text(b, "/names");
	put32(b, 1);
	put32(b, 4);
	put32(b, 1);
	put32(b, 2);
	put32(b, 0);
	put32(b, 0);
	put32(b, STREAM_NAMES);
}

static void make_names(struct buffer *b)
{
	put32(b, 0xeffeeffe);
	put32(b, 1);
	put32(b, FILE_NAME + sizeof("C:\\src\\a.cpp"));
	zeros(b, FILE_NAME);
	put_text(b, "C:\\src\\a.cpp");
}

static void make_numbered(struct buffer *b, const struct buffer *records, uint32_t nr)
{
	put32(b, 20040203);
	put32(b, 56);
	put32(b, FIRST_ID);
	put32(b, FIRST_ID + nr);
	put32(b, (uint32_t)records->len);
	zeros(b, 36);
	buffer_append(b, records->data, records->len);
}

/* An id for each inlined function, behind one of a name space. */
static void make_ids(const struct pdb_image *image, struct buffer *b)
{
	struct buffer records = BUFFER_INIT;
	uint32_t nr = 1;
	size_t at = begin(&records, 0x1605);

	put32(&records, 0);
	put_text(&records, "space");
	end(&records, at);
	for (size_t i = 0; i < image->nr_functions; i++) {
		at = begin(&records, 0x1601);
		put32(&records, FIRST_ID);
		put32(&records, 0x74);
		put_text(&records, image->functions[i].inlined ? image->functions[i].inlined : "");
		end(&records, at);
		nr++;
	}
	make_numbered(b, &records, nr);
	buffer_done(&records);
}

static void make_section(struct buffer *b, const char *name, uint32_t address, uint32_t flags)
{
	char padded[8] = { 0 };

	memcpy(padded, name, strlen(name));
	buffer_append(b, padded, sizeof(padded));
	put32(b, 0x1000);
	put32(b, address);
	put32(b, 0x1000);
	put32(b, address);
	zeros(b, 12);
	put32(b, flags);
}

static void make_sections(struct buffer *b)
{
	make_section(b, ".text", PDB_IMAGE_CODE, 0x60000020);
	make_section(b, ".data", 0x2000, 0xc0000040);
}

static void make_publics(const struct pdb_image *image, struct buffer *b)
{
	for (size_t i = 0; i < image->nr_publics; i++) {
		const struct pdb_image_public *p = &image->publics[i];
		size_t at = begin(b, 0x110e);

		put32(b, p->flags);
		put32(b, p->offset);
		put16(b, p->section);
		put_text(b, p->name);
		end(b, at);
	}
}

/* ---- the module ---------------------------------------------------------------------------------------------- */

/* Line 2 behind the inlined function's first, for the second half of the function. */
static void put_inlined(struct buffer *b, const struct pdb_image_function *f, uint32_t id)
{
	size_t at = begin(b, 0x114d);

	put32(b, 0);
	put32(b, 0);
	put32(b, id);
	buffer_putc(b, 6);
	buffer_putc(b, 4);
	buffer_putc(b, 3);
	buffer_putc(b, (char)(f->size / 2));
	buffer_putc(b, 4);
	buffer_putc(b, (char)(f->size - f->size / 2));
	end(b, at);
	end(b, begin(b, 0x114e));
}

static void put_thunk(struct buffer *b, const struct pdb_image_function *f)
{
	size_t at = begin(b, 0x1102);

	zeros(b, 12);
	put32(b, f->offset);
	put16(b, 1);
	put16(b, f->size);
	buffer_putc(b, 0);
	put_text(b, f->name);
	end(b, at);
}

static void put_function(struct buffer *b, const struct pdb_image_function *f, uint32_t id)
{
	size_t at = begin(b, 0x1110), piece;

	zeros(b, 12);
	put32(b, f->size);
	zeros(b, 12);
	put32(b, f->offset);
	put16(b, 1);
	buffer_putc(b, 0);
	put_text(b, f->name);
	end(b, at);
	if (f->inlined)
		put_inlined(b, f, id);
	set32(b, at + 8, (uint32_t)b->len);
	end(b, begin(b, 6));
	if (!f->piece)
		return;
	piece = begin(b, 0x1132);
	put32(b, (uint32_t)at);
	put32(b, 0);
	put32(b, 0x10);
	put32(b, 0);
	put32(b, f->piece);
	put32(b, f->offset);
	put16(b, 1);
	put16(b, 1);
	end(b, piece);
}

static void put_lines(struct buffer *b, const struct pdb_image_function *f)
{
	if (!f->line)
		return;
	put32(b, 0xf2);
	put32(b, 12 + 12 + 8);
	put32(b, f->offset);
	put16(b, 1);
	put16(b, 0);
	put32(b, f->size);
	put32(b, 0);
	put32(b, 1);
	put32(b, 12 + 8);
	put32(b, 0);
	put32(b, f->line | 0x80000000);
}

/* Returns the size of the symbols; the rest are lines. */
static uint32_t make_module(const struct pdb_image *image, struct buffer *b)
{
	uint32_t symbols;

	put32(b, 4);
	for (size_t i = 0; i < image->nr_functions; i++) {
		if (image->functions[i].is_thunk)
			put_thunk(b, &image->functions[i]);
		else
			put_function(b, &image->functions[i], FIRST_ID + 1 + (uint32_t)i);
	}
	symbols = (uint32_t)b->len;
	for (size_t i = 0; i < image->nr_functions; i++)
		put_lines(b, &image->functions[i]);
	put32(b, 0xf4);
	put32(b, 8);
	put32(b, FILE_NAME);
	zeros(b, 4);
	put32(b, 0xf6);
	put32(b, 4 + 12 * (uint32_t)image->nr_functions);
	put32(b, 0);
	for (size_t i = 0; i < image->nr_functions; i++) {
		put32(b, FIRST_ID + 1 + (uint32_t)i);
		put32(b, 0);
		put32(b, 100);
	}
	return symbols;
}

static void put_contribution(struct buffer *b)
{
	put16(b, 1);
	put16(b, 0);
	put32(b, 0);
	put32(b, 0x800); /* the second half of the code is nobody's */
	zeros(b, 4);
	put16(b, 0);
	zeros(b, 10);
}

static void make_dbi(const struct pdb_image *image, uint32_t symbols, uint32_t all,
		     struct buffer *b)
{
	uint32_t modules, contributions;
	size_t at;

	zeros(b, 64);
	set32(b, 0, UINT32_MAX);
	set32(b, 4, 19990903);
	set32(b, 8, image->age);
	set32(b, 20, STREAM_SYMBOLS);
	set32(b, 56, 0x86640000);
	at = b->len;
	put32(b, 0);
	put_contribution(b);
	put16(b, 0);
	put16(b, image->nr_functions ? STREAM_MODULE : NONE);
	put32(b, symbols);
	put32(b, 0);
	put32(b, all - symbols);
	zeros(b, 16);
	put_text(b, "a.obj");
	put_text(b, "a.obj");
	align(b, 4);
	modules = (uint32_t)(b->len - at);
	at = b->len;
	put32(b, 0xeffe0000 + 19970605);
	put_contribution(b);
	contributions = (uint32_t)(b->len - at);
	set32(b, 24, modules);
	set32(b, 28, contributions);
	set32(b, 48, 22);
	for (int i = 0; i < 11; i++)
		put16(b, i == 5 || i == 10           ? STREAM_SECTIONS
			 : i == 3 && image->nr_moved ? STREAM_MOVED
						     : NONE);
}

static void make_streams(const struct pdb_image *image, struct buffer streams[NR_STREAMS])
{
	const struct buffer none = BUFFER_INIT;
	uint32_t symbols = make_module(image, &streams[STREAM_MODULE]);

	make_info(image, &streams[STREAM_INFO]);
	make_numbered(&streams[STREAM_TYPES], &none, 0);
	make_dbi(image, symbols, (uint32_t)streams[STREAM_MODULE].len, &streams[STREAM_DBI]);
	make_ids(image, &streams[STREAM_IDS]);
	make_names(&streams[STREAM_NAMES]);
	make_sections(&streams[STREAM_SECTIONS]);
	make_publics(image, &streams[STREAM_SYMBOLS]);
	for (size_t i = 0; i < image->nr_moved; i++) {
		put32(&streams[STREAM_MOVED], image->moved[i][0]);
		put32(&streams[STREAM_MOVED], image->moved[i][1]);
	}
	zeros(&streams[STREAM_PADDING], image->padding);
}

/* ---- the container ------------------------------------------------------------------------------------------- */

static uint32_t blocks_of(size_t size, uint32_t block_size)
{
	return (uint32_t)((size + block_size - 1) / block_size);
}

/* Appends data[size] in whole blocks, and each block's number to *list. Blocks are taken backwards in pairs, so that
 * neighbours in a stream are not always neighbours in the file. */
static void put_blocks(struct buffer *file, const char *data, size_t size, uint32_t block_size,
		       struct buffer *list)
{
	uint32_t nr = blocks_of(size, block_size), first = (uint32_t)(file->len / block_size);

	zeros(file, (size_t)nr * block_size);
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t place = first + ((i ^ 1) < nr ? i ^ 1 : i);

		put32(list, place);
		memcpy(file->data + (size_t)place * block_size, data + (size_t)i * block_size,
		       MIN((size_t)block_size, size - (size_t)i * block_size));
	}
}

void pdb_image_make(const struct pdb_image *image, struct buffer *out)
{
	static const char magic[] = "Microsoft C/C++ MSF 7.00\r\n\x1a"
				    "DS\0\0";
	uint32_t block_size = image->block_size ? image->block_size : 512;
	struct buffer streams[NR_STREAMS] = { 0 };
	struct buffer directory = BUFFER_INIT, lists = BUFFER_INIT, map = BUFFER_INIT;
	struct buffer maps = BUFFER_INIT;

	make_streams(image, streams);
	zeros(out, (size_t)3 * block_size);
	put32(&directory, NR_STREAMS);
	for (int i = 0; i < NR_STREAMS; i++) {
		put32(&directory, i ? (uint32_t)streams[i].len : UINT32_MAX);
		put_blocks(out, streams[i].data, streams[i].len, block_size, &lists);
	}
	buffer_append(&directory, lists.data, lists.len);
	put_blocks(out, directory.data, directory.len, block_size, &map);
	put_blocks(out, map.data, map.len, block_size, &maps);
	memcpy(out->data, magic, sizeof(magic) - 1);
	set32(out, 32, block_size);
	set32(out, 36, 1);
	set32(out, 40, (uint32_t)(out->len / block_size));
	set32(out, 44, (uint32_t)directory.len);
	cr_assert_leq(52 + maps.len, block_size);
	memcpy(out->data + 52, maps.data, maps.len);
	cr_assert_eq(out->error, 0);
	for (int i = 0; i < NR_STREAMS; i++)
		buffer_done(&streams[i]);
	buffer_done(&directory);
	buffer_done(&lists);
	buffer_done(&map);
	buffer_done(&maps);
}

void pdb_image_write(const struct pdb_image *image, char *ret_path)
{
	struct buffer file = BUFFER_INIT;
	int fd;

	memcpy(ret_path, "/tmp/onecollect.XXXXXX", sizeof("/tmp/onecollect.XXXXXX"));
	fd = mkstemp(ret_path);
	cr_assert_geq(fd, 0);
	pdb_image_make(image, &file);
	cr_assert_eq(write(fd, file.data, file.len), (ssize_t)file.len);
	close(fd);
	buffer_done(&file);
}
