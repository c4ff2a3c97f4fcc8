/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/elf_section.h: sections as they are, compressed by either method, and damaged.
 */
#include <criterion/criterion.h>

#include <elf.h>
#include <errno.h>

#include "base/elf_section.h"
#include "base/macros.h"
#include "cfi_image.h"

#define CONTENT_SIZE 3000

/* A file whose .debug_frame is CONTENT_SIZE bytes of a known pattern. */
static void make_file(uint32_t compression, struct buffer *out)
{
	struct cfi_bytes frame = { .is_debug = true };
	struct cfi_image image = { .address = 0x401000,
				   .code_offset = 0x1000,
				   .code_size = 16,
				   .debug_frame = &frame,
				   .compression = compression };

	for (int i = 0; i < CONTENT_SIZE; i++)
		buffer_putc(&frame.bytes, (char)(i % 7));
	cfi_image_make(&image, out);
	buffer_done(&frame.bytes);
}

/* Opens the file and reads the section with its header changed by `damage`. */
static int read_section(const struct buffer *file, size_t max, void (*damage)(struct elf_section *),
			struct buffer *out)
{
	const struct elf_section *found;
	struct elf_section section;
	struct elf_file elf;
	int rc;

	cr_assert_eq(elf_file_open_memory(&elf, file->data, file->len), 0);
	cr_assert_eq(elf_file_load_sections(&elf), 0);
	found = elf_file_section_by_name(&elf, ".debug_frame");
	cr_assert_not_null(found);
	section = *found;
	if (damage)
		damage(&section);
	rc = elf_section_read(&elf, &section, max, out);
	elf_file_close(&elf);
	return rc;
}

Test(elf_section, plain_and_compressed)
{
	for (uint32_t compression = 0; compression <= 2; compression++) {
		struct buffer file = BUFFER_INIT, out = BUFFER_INIT;

		make_file(compression, &file);
		buffer_puts(&out, "before");
		cr_assert_eq(read_section(&file, CONTENT_SIZE, NULL, &out), 0);
		cr_assert_eq(out.len, 6 + CONTENT_SIZE);
		for (int i = 0; i < CONTENT_SIZE; i++)
			cr_assert_eq(out.data[6 + i], i % 7);
		buffer_clear(&out);
		cr_expect_eq(read_section(&file, CONTENT_SIZE - 1, NULL, &out), -EFBIG);
		buffer_done(&file);
		buffer_done(&out);
	}
}

static void without_content(struct elf_section *s)
{
	s->type = SHT_NOBITS;
}

static void beyond_the_file(struct elf_section *s)
{
	s->offset += 100000;
}

static void far_beyond_the_file(struct elf_section *s)
{
	s->size = UINT64_MAX - 10;
}

static void called_compressed(struct elf_section *s)
{
	s->flags |= SHF_COMPRESSED;
}

static void cut(struct elf_section *s)
{
	s->size -= 5;
}

static void too_short_for_a_header(struct elf_section *s)
{
	s->size = 10;
}

Test(elf_section, damaged)
{
	struct buffer file = BUFFER_INIT, out = BUFFER_INIT;

	make_file(0, &file);
	cr_expect_eq(read_section(&file, CONTENT_SIZE, without_content, &out), 0);
	cr_expect_eq(out.len, 0);
	cr_expect_eq(read_section(&file, CONTENT_SIZE, beyond_the_file, &out), -EBADMSG);
	cr_expect_eq(read_section(&file, SIZE_MAX, far_beyond_the_file, &out), -EBADMSG);
	/* Its first bytes are no method of compression that there is, or a size beyond any limit. */
	cr_expect_lt(read_section(&file, CONTENT_SIZE, called_compressed, &out), 0);
	for (uint32_t compression = 1; compression <= 2; compression++) {
		buffer_clear(&file);
		make_file(compression, &file);
		cr_expect_eq(read_section(&file, CONTENT_SIZE, cut, &out), -EBADMSG);
		cr_expect_eq(read_section(&file, CONTENT_SIZE, too_short_for_a_header, &out),
			     -EBADMSG);
	}
	buffer_clear(&file);
	make_file(3, &file);
	cr_expect_eq(read_section(&file, CONTENT_SIZE, NULL, &out), -EOPNOTSUPP);
	buffer_done(&file);
	buffer_done(&out);
}
