/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbolize/pdb_symbols.h: what files of Microsoft's linker have and others do not, and damaged files. Files that
 * compilers make are in tests/interop/test_pdb.py.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/macros.h"
#include "pdb_image.h"
#include "symbolize/pdb_symbols.h"

static const struct pdb_image_function functions[] = {
	{ .name = "first", .offset = 0x10, .size = 0x20, .line = 7 },
	{ .name = "second", .offset = 0x40, .size = 0x40, .line = 20, .inlined = "inner" },
	{ .name = "thunk", .offset = 0x80, .size = 5, .is_thunk = true },
	{ .name = "split", .offset = 0x90, .size = 0x10, .line = 30, .piece = 0x200 },
};

static const struct pdb_image_public publics[] = {
	{ "_first", 0x10, 2, 1 },
	{ "?plain@space@@YAXXZ", 0x100, 2, 1 },
	{ "label", 0x180, 0, 1 },
	{ "table", 0x100, 0, 2 },
	{ "nowhere", 0x100, 2, 7 },
	{ "behind", 0x5000, 2, 1 },
	{ "in_no_contribution", 0x900, 2, 1 },
};

static const struct pdb_image whole = {
	.age = 3,
	.functions = functions,
	.nr_functions = ARRAY_SIZE(functions),
	.publics = publics,
	.nr_publics = ARRAY_SIZE(publics),
};

static const struct pdb_image stripped = {
	.age = 3,
	.publics = publics,
	.nr_publics = ARRAY_SIZE(publics),
};

/* Puts down "ADDRESS:NAME[d][@FILE:LINE,START]" for each frame, "|" behind each place. */
static int put_place(void *arg, size_t index, const struct pdb_frame *frames, uint32_t nr)
{
	struct buffer *texts = arg;

	for (uint32_t i = 0; i < nr; i++) {
		buffer_printf(&texts[index], "%s%s%s", i ? " < " : "", frames[i].name,
			      frames[i].is_decorated ? " (decorated)" : "");
		if (frames[i].file[0])
			buffer_printf(&texts[index], " %s:%u,%u", frames[i].file, frames[i].line,
				      frames[i].start_line);
	}
	return 0;
}

static int name_all(const struct buffer *file, const uint64_t *addresses, size_t nr,
		    struct buffer *texts, struct oc_error *err)
{
	const struct byte_source source = { .fd = -1,
					    .memory = (const uint8_t *)file->data,
					    .size = file->len };
	struct pdb_file pdb;
	int rc = pdb_open(&pdb, &source, err);

	if (rc)
		return rc;
	rc = pdb_load(&pdb, err);
	if (!rc)
		rc = pdb_symbols_name(&pdb, addresses, nr, put_place, texts, err);
	pdb_close(&pdb);
	return rc;
}

/* A place, counted from the start of the code, and what is to be told of it; NULL = nothing. */
struct expected {
	uint64_t offset;
	const char *text;
};

#define EXPECTED_MAX 16

static void expect(const struct pdb_image *image, const struct expected *want, size_t nr)
{
	struct buffer file = BUFFER_INIT, texts[EXPECTED_MAX] = { 0 };
	uint64_t addresses[EXPECTED_MAX];
	struct oc_error err = { 0 };

	cr_assert_leq(nr, EXPECTED_MAX);
	for (size_t i = 0; i < nr; i++)
		addresses[i] = want[i].offset + PDB_IMAGE_CODE;
	pdb_image_make(image, &file);
	cr_assert_eq(name_all(&file, addresses, nr, texts, &err), 0, "%s", err.message);
	for (size_t i = 0; i < nr; i++) {
		const char *got = texts[i].data;

		cr_expect(got ? want[i].text && !strcmp(got, want[i].text) : !want[i].text,
			  "0x%llx: %s, not %s", (unsigned long long)want[i].offset, got ? got : "-",
			  want[i].text ? want[i].text : "-");
		buffer_done(&texts[i]);
	}
	buffer_done(&file);
}

static const struct expected of_whole[] = {
	{ 0x0f, NULL },
	{ 0x10, "first C:\\src\\a.cpp:7,7" },
	{ 0x2f, "first C:\\src\\a.cpp:7,7" },
	{ 0x30, NULL },
	{ 0x40, "second C:\\src\\a.cpp:20,20" },
	{ 0x60, "space::inner C:\\src\\a.cpp:102,100 < second C:\\src\\a.cpp:20,20" },
	{ 0x7f, "space::inner C:\\src\\a.cpp:102,100 < second C:\\src\\a.cpp:20,20" },
	{ 0x84, "thunk" },
	{ 0x85, NULL },
	{ 0x90, "split C:\\src\\a.cpp:30,30" },
	{ 0x20f, "split" },
	{ 0x210, NULL },
	{ 0x905, NULL },
	{ 0x1100, NULL },
};

Test(pdb_symbols, functions_inlined_ones_lines_thunks_and_pieces)
{
	expect(&whole, of_whole, ARRAY_SIZE(of_whole));
}

/* With 512-byte blocks the directory's list of blocks takes several blocks from some 8 MiB on. */
Test(pdb_symbols, any_size_of_blocks_and_a_long_directory)
{
	struct pdb_image image = whole;

	for (image.block_size = 512; image.block_size <= 65536; image.block_size *= 2)
		expect(&image, of_whole, ARRAY_SIZE(of_whole));
	image.block_size = 512;
	image.padding = 20u << 20;
	expect(&image, of_whole, ARRAY_SIZE(of_whole));
}

Test(pdb_symbols, addresses_need_no_order)
{
	struct expected turned[ARRAY_SIZE(of_whole)];

	for (size_t i = 0; i < ARRAY_SIZE(turned); i++)
		turned[i] = of_whole[ARRAY_SIZE(turned) - 1 - i];
	expect(&whole, turned, ARRAY_SIZE(turned));
}

Test(pdb_symbols, stripped_files_have_public_symbols)
{
	static const struct expected want[] = {
		{ 0x0f, NULL },
		{ 0x10, "_first (decorated)" },
		{ 0xff, "_first (decorated)" },
		{ 0x100, "?plain@space@@YAXXZ (decorated)" },
		{ 0x17f, "?plain@space@@YAXXZ (decorated)" },
		{ 0x180, "label (decorated)" },
		{ 0x7ff, "label (decorated)" },
		{ 0x800, NULL }, /* another contribution's, or nobody's */
		{ 0x901, NULL },
		{ 0x1100, NULL },
	};

	expect(&stripped, want, ARRAY_SIZE(want));
}

Test(pdb_symbols, rearranged_images)
{
	/* 0x1000: what was there; 0x1300: what was at 0x1040; 0x1380: made by the tool; 0x1400: what was at 0x1010. */
	static const uint32_t moved[][2] = {
		{ 0x1000, 0x1800 }, { 0x1300, 0x1040 }, { 0x1380, 0 }, { 0x1400, 0x1010 }
	};
	static const struct expected want[] = {
		{ 0x10, NULL },
		{ 0x300, "second C:\\src\\a.cpp:20,20" },
		{ 0x320, "space::inner C:\\src\\a.cpp:102,100 < second C:\\src\\a.cpp:20,20" },
		{ 0x385, NULL },
		{ 0x400, "first C:\\src\\a.cpp:7,7" },
		{ 0x420, NULL },
	};
	struct pdb_image image = whole;

	image.moved = moved;
	image.nr_moved = ARRAY_SIZE(moved);
	expect(&image, want, ARRAY_SIZE(want));
}

Test(pdb_symbols, identity_is_guid_and_age_of_the_dbi_stream)
{
	static const uint8_t want[PDB_ID_SIZE] = { 3,  2,  1,  0,  5,  4,  7, 6, 8, 9,
						   10, 11, 12, 13, 14, 15, 0, 0, 0, 3 };
	struct buffer file = BUFFER_INIT;
	struct byte_source source = { .fd = -1 };
	struct pdb_file pdb;

	pdb_image_make(&whole, &file);
	source.memory = (const uint8_t *)file.data;
	source.size = file.len;
	cr_assert_eq(pdb_open(&pdb, &source, NULL), 0);
	cr_assert_arr_eq(pdb.id, want, sizeof(want));
	pdb_close(&pdb);
	buffer_done(&file);
}

/* ---- damage -------------------------------------------------------------------------------------------------- */

/* Names some places of a damaged file. What is told may be wrong, but an error has a sentence. */
static int try(const struct buffer *file, struct oc_error *err)
{
	struct buffer texts[ARRAY_SIZE(of_whole)] = { 0 };
	uint64_t addresses[ARRAY_SIZE(of_whole)];
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(of_whole); i++)
		addresses[i] = of_whole[i].offset + PDB_IMAGE_CODE;
	*err = (struct oc_error){ 0 };
	rc = name_all(file, addresses, ARRAY_SIZE(addresses), texts, err);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		buffer_done(&texts[i]);
	return rc;
}

Test(pdb_symbols, a_cut_file_is_an_error_that_says_so)
{
	struct buffer file = BUFFER_INIT;
	struct oc_error err;
	size_t len;

	pdb_image_make(&whole, &file);
	len = file.len;
	cr_assert_eq(try(&file, &err), 0);
	for (file.len = 56; file.len <= len - 512; file.len += 61) {
		cr_assert_eq(try(&file, &err), -EBADMSG, "%zu bytes", file.len);
		cr_assert_not_null(strstr(err.message, "is cut"), "%s", err.message);
	}
	file.len = 20;
	cr_assert_eq(try(&file, &err), -ENOEXEC);
	file.len = len;
	buffer_done(&file);
}

/* What the module does not tell the public symbols do. */
Test(pdb_symbols, a_damaged_module_is_not_the_end)
{
	const uint64_t address = PDB_IMAGE_CODE + 0x10;
	struct buffer file = BUFFER_INIT, text = BUFFER_INIT;
	struct oc_error err = { 0 };
	char *name;

	pdb_image_make(&whole, &file);
	name = memmem(file.data, file.len, "second", sizeof("second"));
	cr_assert_not_null(name);
	name[-39] = 0; /* the size of the record */
	cr_assert_eq(name_all(&file, &address, 1, &text, &err), -EBADMSG);
	cr_assert_not_null(strstr(err.message, "a record of no size"), "%s", err.message);
	cr_assert_str_eq(text.data, "_first (decorated)");
	buffer_done(&file);
	buffer_done(&text);
}

Test(pdb_symbols, every_byte_may_be_wrong)
{
	struct buffer file = BUFFER_INIT;
	struct oc_error err;
	size_t nr_errors = 0;

	pdb_image_make(&whole, &file);
	for (size_t i = 0; i < file.len; i++) {
		static const uint8_t flips[] = { 0x01, 0x80, 0xff };

		for (size_t k = 0; k < ARRAY_SIZE(flips); k++) {
			int rc;

			file.data[i] = (char)(file.data[i] ^ flips[k]);
			rc = try(&file, &err);
			file.data[i] = (char)(file.data[i] ^ flips[k]);
			cr_assert(rc == 0 || rc == -EBADMSG || rc == -ENOEXEC, "byte %zu: %d", i,
				  rc);
			if (!rc)
				continue;
			nr_errors++;
			cr_assert(err.message[0], "byte %zu", i);
			cr_assert(rc == -ENOEXEC || strstr(err.message, "0x") ||
					  strstr(err.message, "stream"),
				  "%s", err.message);
		}
	}
	cr_assert_gt(nr_errors, 500);
	cr_assert_eq(try(&file, &err), 0);
	buffer_done(&file);
}

Test(pdb_symbols, other_files_are_not_pdb_files)
{
	char zeros[256] = "Microsoft C/C++ program database 2.00\r\n";
	struct buffer file = { .data = zeros, .len = sizeof(zeros) };
	struct oc_error err;

	cr_assert_eq(try(&file, &err), -ENOEXEC);
	cr_assert_not_null(strstr(err.message, "7.00"));
}
