/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbolize/pe_file.h and pe_symbols.h: identity, exports, names inside the bounds of functions, damaged files.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/macros.h"
#include "pe_image.h"
#include "symbolize/pe_symbols.h"

static const struct pe_image_export exports[] = {
	{ "alpha", 0x1010, NULL },    { "beta", 0x1040, NULL }, { "elsewhere", 0, "OTHER.gamma" },
	{ "not_code", 0x2800, NULL }, { "last", 0x1200, NULL }, { NULL, 0x1100, NULL },
};

/* alpha has a later piece at 0x1080, beta one that lies behind other functions; at 0x1020 begins one without a name. */
static const struct pe_image_function functions[] = {
	{ 0x1010, 0x10, 0 }, { 0x1020, 0x10, 0 }, { 0x1040, 0x20, 0 }, { 0x1060, 0x10, 3 },
	{ 0x1080, 0x10, 1 }, { 0x1100, 0x20, 0 }, { 0x1300, 0x10, 0 },
};

static const struct pe_image whole = {
	.age = 0x12,
	.exports = exports,
	.nr_exports = ARRAY_SIZE(exports),
	.functions = functions,
	.nr_functions = ARRAY_SIZE(functions),
};

static struct byte_source source_of(const struct buffer *file)
{
	return (struct byte_source){ .fd = -1,
				     .memory = (const uint8_t *)file->data,
				     .size = file->len };
}

static int open_image(const struct pe_image *image, struct buffer *file, struct pe_file *pe)
{
	struct byte_source source;

	pe_image_make(image, file);
	source = source_of(file);
	return pe_open(pe, &source, NULL);
}

Test(pe_file, identity)
{
	static const uint8_t want[PDB_ID_SIZE] = { 3,  2,  1,  0,  5,  4,  7, 6, 8, 9,
						   10, 11, 12, 13, 14, 15, 0, 0, 0, 0x12 };
	struct pe_image image = whole;

	for (int is_32 = 0; is_32 < 2; is_32++) {
		struct buffer file = BUFFER_INIT;
		struct pe_symbol_file symbols;
		struct pe_file pe;

		image.is_32 = is_32;
		cr_assert_eq(open_image(&image, &file, &pe), 0);
		cr_assert_eq(pe.is_64, !is_32);
		cr_assert_eq(pe.machine, PE_MACHINE_X64);
		cr_assert_eq(pe_symbol_file(&pe, &symbols, NULL), 1);
		cr_assert_arr_eq(symbols.id, want, sizeof(want));
		cr_assert_str_eq(symbols.path, "C:\\out\\a.pdb");
		pe_close(&pe);
		buffer_done(&file);
	}
	image.age = 0;
	{
		struct buffer file = BUFFER_INIT;
		struct pe_symbol_file symbols;
		struct pe_file pe;

		cr_assert_eq(open_image(&image, &file, &pe), 0);
		cr_assert_eq(pe_symbol_file(&pe, &symbols, NULL), 0);
		pe_close(&pe);
		buffer_done(&file);
	}
}

static int put_export(void *arg, const struct pe_export *e)
{
	buffer_printf(arg, "%x %s%s%s\n", e->forward ? 0 : e->address, e->name,
		      e->forward ? " -> " : "", e->forward ? e->forward : "");
	return 0;
}

static int put_function(void *arg, const struct pe_function *f)
{
	buffer_printf(arg, "%x+%x\n", f->address, f->size);
	return 0;
}

Test(pe_file, exports_with_forwards_and_numbers)
{
	struct buffer file = BUFFER_INIT, text = BUFFER_INIT;
	struct pe_file pe;

	cr_assert_eq(open_image(&whole, &file, &pe), 0);
	cr_assert_eq(pe_each_export(&pe, put_export, &text, NULL), 0);
	cr_assert_str_eq(text.data,
			 "1010 alpha\n1040 beta\n0 elsewhere -> OTHER.gamma\n2800 not_code\n"
			 "1200 last\n1100 #10\n");
	pe_close(&pe);
	buffer_done(&file);
	buffer_done(&text);
}

Test(pe_file, bounds_of_functions_of_arm64)
{
	static const struct pe_image_function three[] = { { 0x1000, 0x20, 0 },
							  { 0x1100, 0x7f0, 0 },
							  { 0x1a00, 4, 0 } };
	const struct pe_image image = { .machine = PE_MACHINE_ARM64,
					.functions = three,
					.nr_functions = ARRAY_SIZE(three) };
	struct buffer file = BUFFER_INIT, text = BUFFER_INIT;
	struct pe_file pe;

	cr_assert_eq(open_image(&image, &file, &pe), 0);
	cr_assert_eq(pe_each_function(&pe, put_function, &text, NULL), 0);
	cr_assert_str_eq(text.data, "1000+20\n1100+7f0\n1a00+4\n");
	pe_close(&pe);
	buffer_done(&file);
	buffer_done(&text);
}

/* ---- names --------------------------------------------------------------------------------------------------- */

static const uint64_t addresses[] = { 0x100f, 0x1010, 0x101f, 0x1020, 0x102f, 0x1030, 0x1040,
				      0x105f, 0x1065, 0x1075, 0x1085, 0x1095, 0x1100, 0x1125,
				      0x1200, 0x12ff, 0x1305, 0x1310, 0x2800, 0x9000 };

static int put_name(void *arg, size_t index, const char *name)
{
	buffer_printf(arg, "%llx %s\n", (unsigned long long)addresses[index], name);
	return 0;
}

static void expect_names(const struct pe_image *image, const char *want)
{
	struct buffer file = BUFFER_INIT, text = BUFFER_INIT;
	struct pe_file pe;

	cr_assert_eq(open_image(image, &file, &pe), 0);
	cr_assert_eq(pe_symbols_name(&pe, addresses, ARRAY_SIZE(addresses), put_name, &text, NULL),
		     0);
	cr_assert_str_eq(text.data ? text.data : "", want);
	pe_close(&pe);
	buffer_done(&file);
	buffer_done(&text);
}

Test(pe_file, a_name_ends_with_its_function)
{
	expect_names(&whole, "1010 alpha\n101f alpha\n1040 beta\n105f beta\n1065 beta\n1100 #10\n"
			     "1200 last\n12ff last\n");
}

Test(pe_file, without_bounds_a_name_reaches_to_the_next)
{
	struct pe_image image = whole;

	image.is_32 = true;
	image.machine = PE_MACHINE_X86;
	expect_names(&image,
		     "1010 alpha\n101f alpha\n1020 alpha\n102f alpha\n1030 alpha\n1040 beta\n"
		     "105f beta\n1065 beta\n1075 beta\n1085 beta\n1095 beta\n1100 #10\n1125 #10\n"
		     "1200 last\n12ff last\n1305 last\n1310 last\n");
}

Test(pe_file, no_exports_no_names)
{
	struct pe_image image = whole;

	image.nr_exports = 0;
	expect_names(&image, "");
}

/* ---- damage -------------------------------------------------------------------------------------------------- */

static int use(void *arg, size_t index, const char *name)
{
	(void)arg;
	(void)index;
	return strlen(name) > 10000;
}

static int try(const struct buffer *file, struct oc_error *err)
{
	const struct byte_source source = source_of(file);
	struct pe_symbol_file symbols;
	struct pe_file pe;
	int rc;

	*err = (struct oc_error){ 0 };
	rc = pe_open(&pe, &source, err);
	if (rc)
		return rc;
	rc = pe_symbol_file(&pe, &symbols, err);
	if (rc >= 0)
		rc = pe_symbols_name(&pe, addresses, ARRAY_SIZE(addresses), use, NULL, err);
	pe_close(&pe);
	return rc;
}

Test(pe_file, a_cut_file_is_an_error_with_the_offset)
{
	struct buffer file = BUFFER_INIT;
	struct oc_error err;
	size_t len;

	pe_image_make(&whole, &file);
	len = file.len;
	cr_assert_eq(try(&file, &err), 0);
	for (file.len = 64; file.len < 0x600; file.len += 13) {
		cr_assert_eq(try(&file, &err), -EBADMSG, "%zu bytes", file.len);
		cr_assert_not_null(strstr(err.message, "at offset 0x"), "%s", err.message);
	}
	file.len = len;
	buffer_done(&file);
}

Test(pe_file, every_byte_may_be_wrong)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	struct buffer file = BUFFER_INIT;
	struct oc_error err;
	size_t nr_errors = 0;

	pe_image_make(&whole, &file);
	for (size_t i = 0; i < file.len; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(flips); k++) {
			int rc;

			file.data[i] = (char)(file.data[i] ^ flips[k]);
			rc = try(&file, &err);
			file.data[i] = (char)(file.data[i] ^ flips[k]);
			cr_assert(rc == 0 || rc == -EBADMSG || rc == -ENOEXEC, "byte %zu: %d", i,
				  rc);
			cr_assert(!rc || err.message[0], "byte %zu", i);
			nr_errors += rc != 0;
		}
	}
	cr_assert_gt(nr_errors, 100);
	buffer_done(&file);
}
