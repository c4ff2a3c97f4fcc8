/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/byte_source.h, base/pdb_id.h and base/image_id.h.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <unistd.h>

#include "base/byte_source.h"
#include "base/image_id.h"
#include "base/macros.h"
#include "base/pdb_id.h"

static void expect_reads(const struct byte_source *s)
{
	char text[8] = "";

	cr_assert_eq(byte_source_read(s, 2, text, 3), 0);
	cr_assert_str_eq(text, "cde");
	cr_assert_eq(byte_source_read(s, 6, text, 0), 0);
	cr_assert_eq(byte_source_read(s, 4, text, 3), -EBADMSG);
	cr_assert_eq(byte_source_read(s, 7, text, 0), -EBADMSG);
	cr_assert_eq(byte_source_read(s, UINT64_MAX, text, 1), -EBADMSG);
	cr_assert_eq(byte_source_read(s, 1, text, SIZE_MAX), -EBADMSG);
}

Test(byte_source, memory)
{
	const struct byte_source s = { .fd = -1, .memory = (const uint8_t *)"abcdef", .size = 6 };

	expect_reads(&s);
}

Test(byte_source, file_and_one_that_shrinks)
{
	char path[] = "/tmp/byte_source.XXXXXX", byte;
	const struct byte_source s = { .fd = mkstemp(path), .size = 6 };

	cr_assert_geq(s.fd, 0);
	cr_assert_eq(write(s.fd, "abcdef", 6), 6);
	expect_reads(&s);
	cr_assert_eq(ftruncate(s.fd, 3), 0);
	cr_assert_eq(byte_source_read(&s, 2, &byte, 1), 0);
	cr_assert_eq(byte_source_read(&s, 3, &byte, 1), -EBADMSG);
	close(s.fd);
	unlink(path);
}

Test(pdb_id, key_as_symbol_servers_write_it)
{
	static const uint8_t guid[16] = { 0xd4, 0xc3, 0xb2, 0xa1, 0xf6, 0xe5, 0x18, 0x07,
					  0x09, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e, 0x6f, 0x70 };
	char key[PDB_ID_KEY_SIZE];
	uint8_t id[PDB_ID_SIZE];

	pdb_id_make(guid, 2, id);
	pdb_id_key(id, key);
	cr_assert_str_eq(key, "A1B2C3D4E5F60718091A2B3C4D5E6F702");
	pdb_id_make(guid, 0xffffffff, id);
	pdb_id_key(id, key);
	cr_assert_str_eq(key, "A1B2C3D4E5F60718091A2B3C4D5E6F70FFFFFFFF");
	cr_assert_eq(pdb_id_age(id), 0xffffffff);
}

Test(pdb_id, name_of_the_file)
{
	static const char *const names[][3] = {
		{ "", "C:\\Windows\\System32\\ntdll.dll", "ntdll.pdb" },
		{ "", "\\SystemRoot\\a.b.sys", "a.b.pdb" },
		{ "", "no ending", "no ending.pdb" },
		{ "ntkrnlmp.pdb", "C:\\Windows\\System32\\ntoskrnl.exe", "ntkrnlmp.pdb" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct buffer name = BUFFER_INIT;

		pdb_put_name(&name, names[i][0], names[i][1]);
		cr_assert_str_eq(name.data, names[i][2]);
		buffer_done(&name);
	}
}

/* Are the identities of two images equal? */
static bool is_same_image(const struct image_version *v, const char *path,
			  const struct image_version *w, const char *other)
{
	uint8_t id[IMAGE_ID_SIZE], other_id[IMAGE_ID_SIZE];

	cr_assert(image_id_make(v, image_id_name(path), id));
	cr_assert(image_id_make(w, image_id_name(other), other_id));
	return !memcmp(id, other_id, sizeof(id));
}

Test(image_id, of_a_file_wherever_it_is)
{
	const struct image_version v = { .size = 0x5001, .checksum = 7, .time_stamp = 9 };
	const struct image_version listed = { .size = 0x6000, .checksum = 7 };

	cr_assert(is_same_image(&v, "C:\\Windows\\A.dll", &listed, "symbols/a.DLL"),
		  "a list of what is loaded does not tell the time stamp, and counts pages");
	cr_assert(is_same_image(&v, "a.dll", &v, "x/y\\a.dll"));
}

Test(image_id, of_another_build_or_name)
{
	const struct image_version v = { .size = 0x5000, .checksum = 7, .time_stamp = 9 };
	const struct image_version no_sum = { .size = 0x5000, .time_stamp = 9 };
	struct image_version w = v;

	cr_assert(!is_same_image(&v, "a.dll", &v, "b.dll"));
	w.checksum = 8;
	cr_assert(!is_same_image(&v, "a.dll", &w, "a.dll"));
	w = (struct image_version){ .size = 0x5001, .checksum = 7 };
	cr_assert(!is_same_image(&v, "a.dll", &w, "a.dll"));
	w = no_sum;
	w.time_stamp = 10;
	cr_assert(!is_same_image(&no_sum, "a.dll", &w, "a.dll"));
}

Test(image_id, size_and_name_are_none)
{
	const struct image_version v = { .size = 0x5000 };
	uint8_t id[IMAGE_ID_SIZE];

	cr_assert(!image_id_make(&v, image_id_name("a.dll"), id));
	cr_assert_eq(image_pages(0), 0);
	cr_assert_eq(image_pages(UINT32_MAX), 1 << 20);
}
