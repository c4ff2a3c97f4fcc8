/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unwind/table_cache.h: what is stored comes back; what is damaged, foreign or not trustworthy is refused.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id_table.h"
#include "base/macros.h"
#include "cfi_image.h"
#include "unwind/table_cache.h"
#include "unwind_lookup.h"

static const uint8_t id[TABLE_CACHE_ID_MAX] = { 0xab, 0xcd, 3, 4, 5, 6, 7, 8, 9, 10 };
#define FILE_NAME "abcd030405060708090a00000000000000000000.unwind"

struct fixture {
	char dir[64];
	char path[160];
	struct unwind_table *table;
};

/* A table of a few functions over several pages, as the compiler makes it, and an empty directory. */
static struct fixture fixture_new(void)
{
	static const char cie_program[] = { 0x0c, 7, 8, (char)0x90, 1 };
	struct fixture f = { .dir = "/tmp/onecollect-cache-XXXXXX" };
	struct cfi_bytes eh = { .address = CFI_IMAGE_EH_ADDRESS };
	struct cfi_image image = {
		.address = 0x401000, .code_offset = 0x1000, .code_size = 0x40000, .eh_frame = &eh
	};
	size_t cie = cfi_add_cie(&eh, "zR", cie_program, sizeof(cie_program));
	struct buffer file = BUFFER_INIT;

	for (uint64_t i = 0; i < 100; i++)
		cfi_add_fde(&eh, cie, 0x401000 + i * 0x900, 0x800, "\x44\x0e\x10\x44\x0e\x20", 6);
	cfi_image_make(&image, &file);
	cr_assert_eq(unwind_table_compile_image(file.data, file.len, &f.table, NULL), 0);
	buffer_done(&file);
	buffer_done(&eh.bytes);
	cr_assert_not_null(mkdtemp(f.dir));
	snprintf(f.path, sizeof(f.path), "%s/%s", f.dir, FILE_NAME);
	return f;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void fixture_done(struct fixture *f)
{
	unwind_table_free(f->table);
	cr_assert_eq(nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static int load(const struct fixture *f)
{
	struct unwind_table *table = NULL;
	int rc = table_cache_load(f->dir, id, sizeof(id), &table);

	cr_expect_eq(rc == 0, table != NULL);
	unwind_table_free(table);
	return rc;
}

static void expect_equal(const struct unwind_table *a, const struct unwind_table *b)
{
	cr_assert_eq(a->nr_pages, b->nr_pages);
	cr_assert_eq(a->nr_rows, b->nr_rows);
	cr_assert_eq(a->nr_rules, b->nr_rules);
	cr_assert_eq(a->nr_segments, b->nr_segments);
	cr_expect_eq(a->machine, b->machine);
	cr_expect_eq(a->first_page, b->first_page);
	cr_expect(!memcmp(&a->stats, &b->stats, sizeof(a->stats)));
	cr_expect(!memcmp(a->page_rows, b->page_rows, (a->nr_pages + 1) * sizeof(*a->page_rows)));
	cr_expect(!memcmp(a->rows, b->rows, a->nr_rows * sizeof(*a->rows)));
	cr_expect(!memcmp(a->rules, b->rules, a->nr_rules * sizeof(*a->rules)));
	for (uint32_t i = 0; i < a->nr_segments; i++) {
		cr_expect_eq(a->segments[i].vaddr, b->segments[i].vaddr);
		cr_expect_eq(a->segments[i].file_offset, b->segments[i].file_offset);
		cr_expect_eq(a->segments[i].file_size, b->segments[i].file_size);
		cr_expect_eq(a->segments[i].executable, b->segments[i].executable);
	}
}

Test(table_cache, what_is_stored_comes_back)
{
	struct fixture f = fixture_new();
	struct unwind_table *back = NULL;
	struct stat st;

	cr_expect_eq(load(&f), -ENOENT);
	cr_assert_eq(table_cache_store(f.dir, id, sizeof(id), f.table), 0);
	cr_assert_eq(table_cache_load(f.dir, id, sizeof(id), &back), 0);
	expect_equal(f.table, back);
	unwind_lookup_check(back);
	unwind_table_free(back);
	cr_assert_eq(stat(f.path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	/* Again, in place of what is there, and nothing else is left. */
	cr_assert_eq(table_cache_store(f.dir, id, sizeof(id), f.table), 0);
	cr_expect_eq(load(&f), 0);
	cr_assert_eq(unlink(f.path), 0);
	cr_expect_eq(rmdir(f.dir), 0);
	cr_assert_eq(mkdir(f.dir, 0700), 0);
	fixture_done(&f);
}

Test(table_cache, table_without_pages)
{
	struct fixture f = fixture_new();
	struct cfi_image image = { .address = 0x401000, .code_offset = 0x1000, .code_size = 64 };
	struct buffer file = BUFFER_INIT;
	struct unwind_table *empty = NULL, *back = NULL;

	cfi_image_make(&image, &file);
	cr_assert_eq(unwind_table_compile_image(file.data, file.len, &empty, NULL), 0);
	cr_assert_eq(table_cache_store(f.dir, id, 8, empty), 0);
	cr_assert_eq(table_cache_load(f.dir, id, 8, &back), 0);
	expect_equal(empty, back);
	cr_expect_eq(load(&f), -ENOENT, "another id");
	unwind_table_free(empty);
	unwind_table_free(back);
	buffer_done(&file);
	fixture_done(&f);
}

Test(table_cache, each_damaged_byte_is_noticed)
{
	struct fixture f = fixture_new();
	struct unwind_table *back = NULL;
	struct buffer file = BUFFER_INIT;

	table_cache_encode(f.table, id, sizeof(id), &file);
	for (size_t i = 0; i < file.len; i++) {
		int rc;

		file.data[i] ^= 0x10;
		rc = table_cache_decode(file.data, file.len, id, sizeof(id), &back);
		cr_assert(rc == -EBADMSG || (rc == -ESTALE && i >= 8 && i < 12), "byte %zu: %d", i,
			  rc);
		file.data[i] ^= 0x10;
	}
	for (size_t size = 0; size < file.len; size += 7)
		cr_assert_eq(table_cache_decode(file.data, size, id, sizeof(id), &back), -EBADMSG);
	buffer_putc(&file, 0);
	cr_expect_eq(table_cache_decode(file.data, file.len, id, sizeof(id), &back), -EBADMSG);
	cr_expect_null(back);
	buffer_done(&file);
	fixture_done(&f);
}

/* Offsets in the file, for damage that has the right checksum; see struct cache_header. */
enum {
	AT_CHECKSUM = 16,
	AT_COVERED = 24,
	AT_ID_SIZE = 44,
	AT_FIRST_PAGE = 48,
	AT_NR_RULES = 64,
	AT_SEGMENTS = 104
};

/* Decodes the table with one number changed and the checksum made right. */
static int decode_changed(const struct fixture *f, size_t at, uint32_t value)
{
	struct buffer file = BUFFER_INIT;
	struct unwind_table *back = NULL;
	uint64_t sum;
	int rc;

	table_cache_encode(f->table, id, sizeof(id), &file);
	memcpy(file.data + at, &value, sizeof(value));
	sum = hash_bytes(file.data + AT_COVERED, file.len - AT_COVERED);
	memcpy(file.data + AT_CHECKSUM, &sum, sizeof(sum));
	rc = table_cache_decode(file.data, file.len, id, sizeof(id), &back);
	unwind_table_free(back);
	buffer_done(&file);
	return rc;
}

Test(table_cache, unsound_content_with_a_right_checksum)
{
	struct fixture f = fixture_new();
	const struct unwind_table *t = f.table;
	size_t rules = AT_SEGMENTS + t->nr_segments * 32;
	size_t page_rows = rules + t->nr_rules * sizeof(*t->rules);
	size_t rows = page_rows + (t->nr_pages + 1) * sizeof(uint32_t);

	cr_assert_gt(t->page_rows[1], 2);
	cr_expect_eq(decode_changed(&f, AT_CHECKSUM, 0), 0, "nothing changed");
	cr_expect_eq(decode_changed(&f, rows + 4, t->rows[1]), 0, "nothing changed either");
	cr_expect_eq(decode_changed(&f, AT_ID_SIZE, 21), -EBADMSG);
	cr_expect_eq(decode_changed(&f, AT_FIRST_PAGE + 4, 0xffffffff), -EBADMSG);
	cr_expect_eq(decode_changed(&f, AT_NR_RULES, 0), -EBADMSG);
	cr_expect_eq(decode_changed(&f, AT_NR_RULES, 0xffffffff), -EBADMSG);
	cr_expect_eq(decode_changed(&f, AT_SEGMENTS + 4, 0xffffffff), 0, "far away, but sound");
	cr_expect_eq(decode_changed(&f, AT_SEGMENTS + 24, 2), -EBADMSG);
	cr_expect_eq(decode_changed(&f, rules, UNWIND_CFA_SP), -EBADMSG, "rule 0 is no gap");
	cr_expect_eq(decode_changed(&f, rules + 16, UNWIND_CFA_LAST + 1), -EBADMSG);
	cr_expect_eq(decode_changed(&f, rules + 16, UNWIND_CFA_SP | 3 << 16), -EBADMSG);
	cr_expect_eq(decode_changed(&f, page_rows, 1), -EBADMSG);
	cr_expect_eq(decode_changed(&f, page_rows + 4, t->nr_rows + 1), -EBADMSG);
	cr_expect_eq(decode_changed(&f, page_rows + 4, 1000000000), -EBADMSG);
	cr_expect_eq(decode_changed(&f, page_rows + t->nr_pages * 4, t->nr_rows - 1), -EBADMSG);
	cr_expect_eq(decode_changed(&f, rows, UNWIND_ROW(1, 0)), -EBADMSG, "a page begins at 0");
	cr_expect_eq(decode_changed(&f, rows + 4, UNWIND_ROW(0x1000, t->nr_rules)), -EBADMSG);
	cr_expect_eq(decode_changed(&f, rows + 8, t->rows[1]), -EBADMSG, "rows in order");
	fixture_done(&f);
}

static void write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, data, size), (ssize_t)size);
	close(fd);
}

Test(table_cache, files_that_are_not_to_be_trusted)
{
	struct fixture f = fixture_new();
	char other[160];

	snprintf(other, sizeof(other), "%s/other", f.dir);
	cr_assert_eq(table_cache_store(f.dir, id, sizeof(id), f.table), 0);
	cr_assert_eq(chmod(f.path, 0620), 0);
	cr_expect_eq(load(&f), -EPERM, "others may write it");
	cr_assert_eq(chmod(f.path, 0600), 0);
	cr_assert_eq(chmod(f.dir, 0777), 0);
	cr_expect_eq(load(&f), -EPERM, "others may write the directory");
	cr_expect_eq(table_cache_store(f.dir, id, sizeof(id), f.table), -EPERM);
	cr_assert_eq(chmod(f.dir, 0700), 0);
	cr_expect_eq(load(&f), 0);
	if (!geteuid()) {
		cr_assert_eq(chown(f.path, 12345, (gid_t)-1), 0);
		cr_expect_eq(load(&f), -EPERM, "another's");
		cr_assert_eq(chown(f.path, 0, (gid_t)-1), 0);
	}
	cr_assert_eq(rename(f.path, other), 0);
	cr_assert_eq(symlink(other, f.path), 0);
	cr_expect_eq(load(&f), -EPERM, "a link");
	cr_assert_eq(unlink(f.path), 0);
	cr_assert_eq(mkfifo(f.path, 0600), 0);
	cr_expect_eq(load(&f), -EPERM, "a pipe");
	cr_assert_eq(unlink(f.path), 0);
	write_file(f.path, "", 0);
	cr_expect_eq(load(&f), -EBADMSG);
	write_file(f.path, "OCUNWIND", 8);
	cr_expect_eq(load(&f), -EBADMSG);
	cr_assert_eq(truncate(f.path, (off_t)TABLE_CACHE_FILE_MAX + 1), 0);
	cr_expect_eq(load(&f), -EFBIG);
	/* What cannot be read is replaced. */
	cr_expect_eq(table_cache_store(f.dir, id, sizeof(id), f.table), 0);
	cr_expect_eq(load(&f), 0);
	fixture_done(&f);
}

Test(table_cache, wrong_arguments)
{
	struct fixture f = fixture_new();
	struct unwind_table *back = NULL;

	cr_expect_eq(table_cache_load(f.dir, id, 7, &back), -EINVAL);
	cr_expect_eq(table_cache_load(f.dir, id, 21, &back), -EINVAL);
	cr_expect_eq(table_cache_store(f.dir, id, 0, f.table), -EINVAL);
	cr_expect_eq(table_cache_load("/nonexistent", id, 20, &back), -ENOENT);
	cr_expect_eq(table_cache_store("/nonexistent", id, 20, f.table), -ENOENT);
	cr_expect_eq(table_cache_store("/dev/null", id, 20, f.table), -EPERM);
	cr_expect_null(back);
	fixture_done(&f);
}
