/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes PE files field by field.
 * Called by the tests of symbolize/.
 * Must not use what it helps to test.
 */
#include "pe_image.h"

#include <criterion/criterion.h>

#include "base/macros.h"

#define PE_HEADER   0x80u
#define CODE        0x1000u
#define DATA        0x2000u
#define CODE_OFFSET 0x400u
#define DATA_OFFSET 0x600u
#define DATA_SIZE   0x2000u
#define FIRST       5u /* number of the first export */

struct directories {
	uint32_t exports[2];
	uint32_t functions[2];
	uint32_t debug[2];
};

static void put16(struct buffer *b, uint32_t value)
{
	buffer_append(b, &(uint16_t){ (uint16_t)value }, 2);
}

static void put32(struct buffer *b, uint32_t value)
{
	buffer_append(b, &value, 4);
}

static void zeros_to(struct buffer *b, size_t len)
{
	while (b->len < len)
		buffer_putc(b, 0);
}

static uint32_t address_of(const struct buffer *data)
{
	return DATA + (uint32_t)data->len;
}

static uint32_t put_text(struct buffer *data, const char *text)
{
	uint32_t address = address_of(data);

	buffer_append(data, text, strlen(text) + 1);
	return address;
}

/* ---- the section of data ------------------------------------------------------------------------------------- */

static void make_exports(const struct pe_image *image, struct buffer *data, uint32_t ret[2])
{
	uint32_t names[32], forwards[32], tables, nr_names = 0, nr = (uint32_t)image->nr_exports;

	cr_assert_leq(nr, 32);
	ret[0] = address_of(data);
	zeros_to(data, data->len + 40);
	for (uint32_t i = 0; i < nr; i++) {
		forwards[i] = image->exports[i].forward ? put_text(data, image->exports[i].forward)
							: image->exports[i].address;
		if (image->exports[i].name)
			names[nr_names++] = put_text(data, image->exports[i].name);
	}
	tables = address_of(data);
	for (uint32_t i = 0; i < nr; i++)
		put32(data, forwards[i]);
	for (uint32_t i = 0; i < nr_names; i++)
		put32(data, names[i]);
	for (uint32_t i = 0; i < nr_names; i++)
		put16(data, i);
	ret[1] = address_of(data) - ret[0];
	memcpy(data->data + (ret[0] - DATA) + 16,
	       (uint32_t[]){ FIRST, nr, nr_names, tables, tables + nr * 4,
			     tables + nr * 4 + nr_names * 4 },
	       24);
}

/* x86-64: an entry of 12 bytes and a record for each; a later piece's record ends with the entry of the one before. */
static void make_functions_x64(const struct pe_image *image, struct buffer *data, uint32_t ret[2])
{
	uint32_t records[32];

	cr_assert_leq(image->nr_functions, 32);
	for (size_t i = 0; i < image->nr_functions; i++) {
		uint32_t follows = image->functions[i].follows;

		records[i] = address_of(data);
		put32(data,
		      follows ? 0x00010021 : 0x00010001); /* one code, and one for alignment */
		put32(data, 0);
		if (!follows)
			continue;
		put32(data, image->functions[follows - 1].address);
		put32(data,
		      image->functions[follows - 1].address + image->functions[follows - 1].size);
		put32(data, records[follows - 1]);
	}
	ret[0] = address_of(data);
	for (size_t i = 0; i < image->nr_functions; i++) {
		put32(data, image->functions[i].address);
		put32(data, image->functions[i].address + image->functions[i].size);
		put32(data, records[i]);
	}
	ret[1] = address_of(data) - ret[0];
}

/* arm64: the first function has a record, of the others the size is packed into the entry. */
static void make_functions_arm64(const struct pe_image *image, struct buffer *data, uint32_t ret[2])
{
	uint32_t record = address_of(data);

	put32(data, image->functions[0].size / 4);
	ret[0] = address_of(data);
	for (size_t i = 0; i < image->nr_functions; i++) {
		put32(data, image->functions[i].address);
		put32(data, i ? image->functions[i].size / 4 << 2 | 1 : record);
	}
	ret[1] = address_of(data) - ret[0];
}

static void make_debug(const struct pe_image *image, struct buffer *data, uint32_t ret[2])
{
	uint32_t record = address_of(data);

	buffer_puts(data, "RSDS");
	for (int i = 0; i < 16; i++)
		buffer_putc(data, (char)i);
	put32(data, image->age);
	put_text(data, "C:\\out\\a.pdb");
	zeros_to(data, (data->len + 3) & ~(size_t)3);
	ret[0] = address_of(data);
	zeros_to(data, data->len + 28); /* an entry of another kind */
	zeros_to(data, data->len + 12);
	put32(data, 2);
	put32(data, ret[0] - record);
	put32(data, record);
	put32(data, record - DATA + DATA_OFFSET);
	ret[1] = address_of(data) - ret[0];
}

/* ---- headers ------------------------------------------------------------------------------------------------- */

struct section {
	const char *name;
	uint32_t size;
	uint32_t address;
	uint32_t file_size;
	uint32_t offset;
	uint32_t flags;
};

static void put_section(struct buffer *b, const struct section *s)
{
	char padded[8] = { 0 };

	memcpy(padded, s->name, strlen(s->name));
	buffer_append(b, padded, sizeof(padded));
	put32(b, s->size);
	put32(b, s->address);
	put32(b, s->file_size);
	put32(b, s->offset);
	zeros_to(b, b->len + 12);
	put32(b, s->flags);
}

static void make_headers(const struct pe_image *image, const struct directories *d,
			 struct buffer *b)
{
	uint32_t optional = image->is_32 ? 224 : 240;
	size_t start;

	buffer_puts(b, "MZ");
	zeros_to(b, 60);
	put32(b, PE_HEADER);
	zeros_to(b, PE_HEADER);
	buffer_append(b, "PE\0\0", 4);
	put16(b, image->machine ? image->machine : 0x8664);
	put16(b, 2);
	put32(b, image->time_stamp);
	zeros_to(b, b->len + 8);
	put16(b, optional);
	put16(b, 0x2022);
	start = b->len;
	put16(b, image->is_32 ? 0x10b : 0x20b);
	zeros_to(b, start + 56);
	put32(b, image->size);
	put32(b, CODE_OFFSET);
	put32(b, image->checksum);
	zeros_to(b, start + (image->is_32 ? 92 : 108));
	put32(b, 16);
	buffer_append(b, d->exports, 8);
	zeros_to(b, b->len + 16);
	buffer_append(b, d->functions, 8);
	zeros_to(b, b->len + 16);
	buffer_append(b, d->debug, 8);
	zeros_to(b, start + optional);
	put_section(b, &(struct section){ ".text", 0x1000, CODE, DATA_OFFSET - CODE_OFFSET,
					  CODE_OFFSET, 0x60000020 });
	put_section(b, &(struct section){ ".rdata", DATA_SIZE, DATA, DATA_SIZE, DATA_OFFSET,
					  0x40000040 });
	zeros_to(b, DATA_OFFSET);
}

void pe_image_make(const struct pe_image *image, struct buffer *out)
{
	struct directories d = { .exports = { 0 } };
	struct buffer data = BUFFER_INIT;

	if (image->nr_exports)
		make_exports(image, &data, d.exports);
	zeros_to(&data, (data.len + 3) & ~(size_t)3);
	if (image->nr_functions && image->machine == 0xaa64)
		make_functions_arm64(image, &data, d.functions);
	else if (image->nr_functions)
		make_functions_x64(image, &data, d.functions);
	if (image->age)
		make_debug(image, &data, d.debug);
	cr_assert_leq(data.len, DATA_SIZE);
	zeros_to(&data, DATA_SIZE);
	make_headers(image, &d, out);
	buffer_append(out, data.data, data.len);
	cr_assert_eq(out->error, 0);
	buffer_done(&data);
}
