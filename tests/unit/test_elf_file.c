/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/elf_file.h: good files of either class, and damaged ones.
 */
#include <criterion/criterion.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "elf_image.h"
#include "base/elf_file.h"

static const struct elf_image_symbol two_symbols[] = {
	{ "first", 0x5010, 0x20, STT_FUNC, STB_GLOBAL, false, false },
	{ "second_with_a_longer_name", 0x5030, 0x10, STT_FUNC, STB_LOCAL, false, false },
};

static const struct elf_image sample = {
	.address = 0x5000,
	.code_offset = 0x1000,
	.code_size = 0x100,
	.build_id_size = 20,
	.build_id =
		"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14",
	.symbols = two_symbols,
	.nr_symbols = 2,
	.debuglink = "sample.debug",
};

struct fixture {
	struct buffer bytes;
	struct elf_file elf;
};

static struct fixture fixture_of(const struct elf_image *image)
{
	struct fixture f = { .bytes = BUFFER_INIT };

	elf_image_make(image, &f.bytes);
	cr_assert_eq(elf_file_open_memory(&f.elf, f.bytes.data, f.bytes.len), 0);
	return f;
}

static void fixture_done(struct fixture *f)
{
	elf_file_close(&f->elf);
	buffer_done(&f->bytes);
}

static int collect_name(void *arg, const struct elf_symbol *symbol)
{
	struct fixture *f = arg;
	struct buffer name = BUFFER_INIT;

	if (symbol->section == SHN_UNDEF)
		return 0;
	cr_assert_eq(elf_file_string(&f->elf, &f->elf.sections[IMAGE_STRINGS], symbol->name, 4096,
				     &name),
		     0);
	for (size_t i = 0; i < ARRAY_SIZE(two_symbols); i++) {
		if (strcmp(two_symbols[i].name, name.data))
			continue;
		cr_assert_eq(symbol->value, two_symbols[i].value);
		cr_assert_eq(symbol->size, two_symbols[i].size);
		cr_assert_eq(symbol->type, STT_FUNC);
		cr_assert_eq(symbol->binding, two_symbols[i].binding);
		cr_assert_eq(symbol->section, IMAGE_TEXT);
		buffer_done(&name);
		return 0;
	}
	return 1;
}

static void check_all(const struct elf_image *image)
{
	struct fixture f = fixture_of(image);
	struct buffer link = BUFFER_INIT;
	uint8_t id[ELF_BUILD_ID_MAX];
	uint64_t address;

	cr_assert_eq(elf_file_build_id(&f.elf, id), 20);
	cr_assert_eq(memcmp(id, image->build_id, 20), 0);
	cr_assert(elf_file_address(&f.elf, 0x1010, &address));
	cr_assert_eq(address, 0x5010);
	cr_assert_not(elf_file_address(&f.elf, 0xfff, &address));
	cr_assert_not(elf_file_address(&f.elf, 0x1100, &address));
	cr_assert_eq(elf_file_load_sections(&f.elf), 0);
	cr_assert_eq(f.elf.nr_sections, IMAGE_SECTIONS);
	cr_assert_eq(elf_file_section_by_type(&f.elf, SHT_SYMTAB), &f.elf.sections[IMAGE_SYMBOLS]);
	cr_assert_eq(elf_file_section_by_name(&f.elf, ".text"), &f.elf.sections[IMAGE_TEXT]);
	cr_assert_null(elf_file_section_by_name(&f.elf, ".tex"));
	cr_assert_null(elf_file_section_by_name(&f.elf, ".nothing"));
	cr_assert_eq(elf_file_each_symbol(&f.elf, &f.elf.sections[IMAGE_SYMBOLS], collect_name, &f),
		     0);
	cr_assert_eq(elf_file_debuglink(&f.elf, &link), 1);
	cr_assert_str_eq(link.data, "sample.debug");
	buffer_done(&link);
	fixture_done(&f);
}

Test(elf_file, reads_both_classes)
{
	struct elf_image image = sample;

	check_all(&image);
	image.is_32 = true;
	check_all(&image);
}

Test(elf_file, reads_a_file)
{
	char path[32];
	size_t size = elf_image_write(&sample, path);
	uint8_t id[ELF_BUILD_ID_MAX];
	struct elf_file elf;
	int fd = open(path, O_RDONLY);

	cr_assert_eq(elf_file_open(&elf, fd, size), 0);
	cr_assert_eq(elf_file_build_id(&elf, id), 20);
	elf_file_close(&elf);
	close(fd);
	unlink(path);
}

Test(elf_file, build_id_of_any_size)
{
	struct elf_image image = sample;
	uint8_t id[ELF_BUILD_ID_MAX] = { 0 };
	struct fixture f;

	image.build_id_size = 8;
	f = fixture_of(&image);
	cr_assert_eq(elf_file_build_id(&f.elf, id), 8);
	fixture_done(&f);
	image.build_id_size = 64; /* more than fits: the start of it */
	f = fixture_of(&image);
	cr_assert_eq(elf_file_build_id(&f.elf, id), ELF_BUILD_ID_MAX);
	cr_assert_eq(memcmp(id, image.build_id, ELF_BUILD_ID_MAX), 0);
	fixture_done(&f);
	image.build_id_size = 0;
	f = fixture_of(&image);
	cr_assert_eq(elf_file_build_id(&f.elf, id), 0);
	fixture_done(&f);
}

/* A debug file's note segment points at nothing; the section still does. */
Test(elf_file, build_id_from_the_section)
{
	struct fixture f = fixture_of(&sample);
	uint8_t id[ELF_BUILD_ID_MAX];

	cr_assert_eq(f.elf.segments[1].type, PT_NOTE);
	f.elf.segments[1].offset = 1ULL << 40;
	cr_assert_eq(elf_file_build_id(&f.elf, id), 20);
	fixture_done(&f);
}

static int open_changed(size_t at, uint64_t value, size_t size, size_t keep)
{
	struct buffer bytes = BUFFER_INIT;
	struct elf_file elf;
	int rc;

	elf_image_make(&sample, &bytes);
	memcpy(bytes.data + at, &value, size);
	rc = elf_file_open_memory(&elf, bytes.data, MIN(keep, bytes.len));
	if (!rc)
		elf_file_close(&elf);
	buffer_done(&bytes);
	return rc;
}

Test(elf_file, refuses_what_is_not_ours)
{
	cr_assert_eq(open_changed(0, 0, 0, SIZE_MAX), 0);
	cr_assert_eq(open_changed(0, 'M', 1, SIZE_MAX), -ENOEXEC);
	cr_assert_eq(open_changed(EI_DATA, ELFDATA2MSB, 1, SIZE_MAX), -ENOEXEC);
	cr_assert_eq(open_changed(EI_CLASS, 7, 1, SIZE_MAX), -ENOEXEC);
	cr_assert_eq(open_changed(offsetof(Elf64_Ehdr, e_type), ET_REL, 2, SIZE_MAX), -ENOEXEC);
	cr_assert_eq(open_changed(offsetof(Elf64_Ehdr, e_type), ET_CORE, 2, SIZE_MAX), -ENOEXEC);
	cr_assert_eq(open_changed(0, 0, 0, 0), -ENOEXEC);
	cr_assert_eq(open_changed(0, 0, 0, 51), -ENOEXEC);
}

Test(elf_file, refuses_damage)
{
	cr_assert_eq(open_changed(0, 0, 0, 63), -EBADMSG);
	cr_assert_eq(open_changed(0, 0, 0, 100), -EBADMSG);
	cr_assert_eq(open_changed(offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 8, 8, SIZE_MAX),
		     -EBADMSG);
	cr_assert_eq(open_changed(offsetof(Elf64_Ehdr, e_phnum), 0xffff, 2, SIZE_MAX), -EBADMSG);
	cr_assert_eq(open_changed(offsetof(Elf64_Ehdr, e_phentsize), 1, 2, SIZE_MAX), -EBADMSG);
}

static int sections_changed(size_t at, uint64_t value, size_t size)
{
	struct buffer bytes = BUFFER_INIT;
	struct elf_file elf;
	int rc;

	elf_image_make(&sample, &bytes);
	memcpy(bytes.data + at, &value, size);
	cr_assert_eq(elf_file_open_memory(&elf, bytes.data, bytes.len), 0);
	rc = elf_file_load_sections(&elf);
	cr_assert(rc == 0 || elf.nr_sections == 0);
	elf_file_close(&elf);
	buffer_done(&bytes);
	return rc;
}

Test(elf_file, damaged_sections)
{
	cr_assert_eq(sections_changed(offsetof(Elf64_Ehdr, e_shoff), UINT64_MAX - 8, 8), -EBADMSG);
	cr_assert_eq(sections_changed(offsetof(Elf64_Ehdr, e_shnum), 0xfeff, 2), -EBADMSG);
	/* No count in the header and none in the first section: damaged. No sections at all, or of a size of their
	 * own: a file without sections. */
	cr_assert_eq(sections_changed(offsetof(Elf64_Ehdr, e_shnum), 0, 2), -EBADMSG);
	cr_assert_eq(sections_changed(offsetof(Elf64_Ehdr, e_shoff), 0, 8), 0);
	cr_assert_eq(sections_changed(offsetof(Elf64_Ehdr, e_shentsize), 8, 2), 0);
	/* Names that cannot be found leave sections without a name. */
	cr_assert_eq(sections_changed(offsetof(Elf64_Ehdr, e_shstrndx), 0xfe00, 2), 0);
}

Test(elf_file, strings_are_bounded)
{
	struct fixture f = fixture_of(&sample);
	struct elf_section table = { .offset = f.bytes.len - 4, .size = 100 };
	struct buffer out = BUFFER_INIT;

	/* The table claims to go beyond the end of the file, and has no NUL in what there is. */
	memset(f.bytes.data + table.offset, 'x', 4);
	cr_assert_eq(elf_file_string(&f.elf, &table, 0, 4096, &out), 0);
	cr_assert_str_eq(out.data, "xxxx");
	cr_assert_eq(elf_file_string(&f.elf, &table, 2, 1, &out), 0);
	cr_assert_str_eq(out.data, "xxxxx");
	cr_assert_eq(elf_file_string(&f.elf, &table, 100, 4096, &out), -EBADMSG);
	cr_assert_eq(elf_file_string(&f.elf, &table, UINT64_MAX, 4096, &out), -EBADMSG);
	table.offset = UINT64_MAX - 1;
	cr_assert_eq(elf_file_string(&f.elf, &table, 0, 4096, &out), -EBADMSG);
	buffer_done(&out);
	fixture_done(&f);
}

Test(elf_file, long_strings_come_in_pieces)
{
	char long_name[3000];
	const struct elf_image_symbol symbol = { long_name,  0x5000, 1,    STT_FUNC,
						 STB_GLOBAL, false,  false };
	struct elf_image image = sample;
	struct buffer out = BUFFER_INIT;
	struct fixture f;

	for (size_t i = 0; i < sizeof(long_name); i++)
		long_name[i] = (char)('a' + i % 26);
	long_name[sizeof(long_name) - 1] = '\0';
	image.symbols = &symbol;
	image.nr_symbols = 1;
	f = fixture_of(&image);
	cr_assert_eq(elf_file_load_sections(&f.elf), 0);
	cr_assert_eq(elf_file_string(&f.elf, &f.elf.sections[IMAGE_STRINGS], 1, 65536, &out), 0);
	cr_assert_str_eq(out.data, long_name);
	buffer_done(&out);
	fixture_done(&f);
}

static int count_symbol(void *arg, const struct elf_symbol *symbol)
{
	(void)symbol;
	return ++*(size_t *)arg > 1000000;
}

Test(elf_file, symbol_tables_are_bounded_by_the_file)
{
	struct fixture f = fixture_of(&sample);
	struct elf_section table;
	size_t count = 0;

	cr_assert_eq(elf_file_load_sections(&f.elf), 0);
	table = f.elf.sections[IMAGE_SYMBOLS];
	cr_assert_eq(elf_file_each_symbol(&f.elf, &table, count_symbol, &count), 0);
	cr_assert_eq(count, 3);
	table.size += 5; /* a rest that is no symbol */
	cr_assert_eq(elf_file_each_symbol(&f.elf, &table, count_symbol, &count), 0);
	cr_assert_eq(count, 6);
	table.size = UINT64_MAX;
	cr_assert_eq(elf_file_each_symbol(&f.elf, &table, count_symbol, &count), -EBADMSG);
	cr_assert_eq(count, 6);
	fixture_done(&f);
}

/* A process may cut its file while it is read; with a mapping that would be SIGBUS. */
Test(elf_file, truncated_while_open)
{
	char path[32];
	size_t size = elf_image_write(&sample, path);
	uint8_t id[ELF_BUILD_ID_MAX];
	struct elf_file elf;
	int fd = open(path, O_RDONLY);

	cr_assert_eq(elf_file_open(&elf, fd, size), 0);
	cr_assert_eq(truncate(path, 0x180), 0);
	cr_assert_eq(elf_file_load_sections(&elf), -EBADMSG);
	cr_assert_eq(elf_file_build_id(&elf, id), -EBADMSG);
	elf_file_close(&elf);
	close(fd);
	unlink(path);
}

Test(elf_file, debuglink_is_a_plain_name)
{
	struct elf_image image = sample;
	struct buffer out = BUFFER_INIT;
	struct fixture f;

	image.debuglink = "../../etc/passwd";
	f = fixture_of(&image);
	cr_assert_eq(elf_file_debuglink(&f.elf, &out), 0);
	cr_assert_eq(out.len, 0);
	fixture_done(&f);
	image.debuglink = NULL;
	f = fixture_of(&image);
	cr_assert_eq(elf_file_debuglink(&f.elf, &out), 0);
	fixture_done(&f);
	buffer_done(&out);
}
