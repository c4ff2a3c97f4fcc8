/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small ELF files with call frame information.
 */
#include <criterion/criterion.h>

#include <elf.h>
#include <zlib.h>
#include <zstd.h>

#include "base/macros.h"
#include "cfi_image.h"

/* ---- entries ---------------------------------------------------------------------------------------------------- */

static void put(struct buffer *b, uint64_t value, size_t size)
{
	buffer_append(b, &value, size);
}

/* Writes the length field; the length itself comes with end_entry(). Returns where it stands. */
static size_t begin_entry(struct cfi_bytes *c)
{
	if (c->is_64)
		put(&c->bytes, 0xffffffff, 4);
	put(&c->bytes, 0, c->is_64 ? 8 : 4);
	return c->bytes.len;
}

static void end_entry(struct cfi_bytes *c, size_t start)
{
	uint64_t length;

	while ((c->bytes.len - start) % 4)
		buffer_putc(&c->bytes, 0); /* DW_CFA_nop */
	length = c->bytes.len - start;
	memcpy(c->bytes.data + start - (c->is_64 ? 8 : 4), &length, c->is_64 ? 8 : 4);
}

size_t cfi_add_cie(struct cfi_bytes *c, const char *augmentation, const void *program, size_t size)
{
	size_t offset = c->bytes.len, start = begin_entry(c);
	uint8_t version = c->version ? c->version : c->is_debug ? 4 : 1;

	if (c->is_debug)
		put(&c->bytes, UINT64_MAX, c->is_64 ? 8 : 4);
	else
		put(&c->bytes, 0, 4);
	put(&c->bytes, version, 1);
	buffer_append(&c->bytes, augmentation, strlen(augmentation) + 1);
	if (version == 4)
		put(&c->bytes, 8, 2); /* addresses of 8 bytes, no segments */
	put(&c->bytes, 1, 1);
	put(&c->bytes, 0x78, 1);
	put(&c->bytes, c->ra_reg ? c->ra_reg : 16, 1);
	if (*augmentation == 'z') {
		put(&c->bytes, strchr(augmentation, 'R') ? 1 : 0, 1);
		if (strchr(augmentation, 'R'))
			put(&c->bytes, 0x1b, 1);
	}
	buffer_append(&c->bytes, program, size);
	end_entry(c, start);
	return offset;
}

void cfi_add_fde(struct cfi_bytes *c, size_t cie, uint64_t start, uint64_t length,
		 const void *program, size_t size)
{
	size_t entry = begin_entry(c);
	const char *letters = c->bytes.data + cie + (c->is_64 ? 12 : 4) + 4 + 1;

	if (c->is_debug) {
		put(&c->bytes, cie, c->is_64 ? 8 : 4);
		put(&c->bytes, start, 8);
		put(&c->bytes, length, 8);
	} else {
		put(&c->bytes, entry - cie, 4);
		if (*letters == 'z') {
			put(&c->bytes, start - (c->address + c->bytes.len), 4);
			put(&c->bytes, length, 4);
			put(&c->bytes, 0, 1);
		} else {
			put(&c->bytes, start, 8);
			put(&c->bytes, length, 8);
		}
	}
	buffer_append(&c->bytes, program, size);
	end_entry(c, entry);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* Section numbers in the file. */
enum { SECTION_NULL, SECTION_TEXT, SECTION_EH, SECTION_DEBUG, SECTION_NAMES, NR_SECTIONS };

static const char names[] = "\0.text\0.eh_frame\0.debug_frame\0.shstrtab";
static const uint32_t name_at[NR_SECTIONS] = { 0, 1, 7, 17, 30 };

static void pad_to(struct buffer *out, uint64_t offset)
{
	cr_assert_leq(out->len, offset);
	while (out->len < offset)
		buffer_putc(out, 0);
}

/* Appends the content of .debug_frame, with a header when it shall be compressed. */
static void put_debug_frame(const struct cfi_image *image, struct buffer *out)
{
	const struct buffer *plain = &image->debug_frame->bytes;
	Elf64_Chdr header = { .ch_type = image->compression,
			      .ch_size = plain->len,
			      .ch_addralign = 8 };
	char packed[4096];
	uLongf size = sizeof(packed);

	if (!image->compression) {
		buffer_append(out, plain->data, plain->len);
		return;
	}
	if (image->compression == 1)
		cr_assert_eq(compress((Bytef *)packed, &size, (const Bytef *)plain->data,
				      plain->len),
			     Z_OK);
	else
		size = ZSTD_compress(packed, sizeof(packed), plain->data, plain->len, 1);
	cr_assert_leq(size, sizeof(packed));
	buffer_append(out, &header, sizeof(header));
	buffer_append(out, packed, size);
}

static void put_code(const struct cfi_image *image, struct buffer *out)
{
	if (image->code) {
		buffer_append(out, image->code, image->code_size);
		return;
	}
	for (uint64_t i = 0; i < image->code_size; i++)
		buffer_putc(out, (char)0x90);
}

/* .eh_frame_hdr without a search table, in front of .eh_frame, which is at `address`. */
static void put_eh_frame_hdr(struct buffer *out)
{
	put(out, 0xffff1b01,
	    4); /* version 1; address of 4 bytes relative to itself; no count, no table */
	put(out, 4, 4);
}

static Elf64_Shdr section(uint32_t index, uint32_t type, uint64_t offset, uint64_t size)
{
	return (Elf64_Shdr){
		.sh_name = name_at[index], .sh_type = type, .sh_offset = offset, .sh_size = size
	};
}

void cfi_image_make(const struct cfi_image *image, struct buffer *out)
{
	Elf64_Ehdr header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
					   EV_CURRENT },
			      .e_type = ET_DYN,
			      .e_machine = image->machine ? image->machine : EM_X86_64,
			      .e_phoff = sizeof(header),
			      .e_phentsize = sizeof(Elf64_Phdr),
			      .e_phnum = 3,
			      .e_shentsize = sizeof(Elf64_Shdr),
			      .e_shnum = NR_SECTIONS,
			      .e_shstrndx = SECTION_NAMES };
	Elf64_Phdr segments[3] = { 0 };
	Elf64_Shdr sections[NR_SECTIONS] = { 0 };

	pad_to(out, image->code_offset);
	put_code(image, out);
	sections[SECTION_TEXT] =
		section(SECTION_TEXT, SHT_PROGBITS, image->code_offset, image->code_size);
	sections[SECTION_TEXT].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
	sections[SECTION_TEXT].sh_addr = image->address;
	segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				    .p_flags = PF_R | PF_X,
				    .p_offset = image->code_offset,
				    .p_vaddr = image->address,
				    .p_filesz = image->code_size,
				    .p_memsz = image->code_size };
	if (image->eh_frame) {
		size_t start = out->len, size = image->eh_frame->bytes.len;

		cr_assert_eq(image->eh_frame->address, CFI_IMAGE_EH_ADDRESS);
		put_eh_frame_hdr(out);
		buffer_append(out, image->eh_frame->bytes.data, size);
		put(out, 0, 4);
		sections[SECTION_EH] = section(SECTION_EH, SHT_PROGBITS, start + 8, size + 4);
		sections[SECTION_EH].sh_addr = CFI_IMAGE_EH_ADDRESS;
		segments[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
					    .p_flags = PF_R,
					    .p_offset = start,
					    .p_vaddr = CFI_IMAGE_EH_ADDRESS - 8,
					    .p_filesz = size + 12,
					    .p_memsz = size + 12 };
		segments[2] = segments[1];
		segments[2].p_type = PT_GNU_EH_FRAME;
		segments[2].p_filesz = segments[2].p_memsz = 8;
	}
	if (image->debug_frame) {
		size_t start = out->len;

		put_debug_frame(image, out);
		sections[SECTION_DEBUG] =
			section(SECTION_DEBUG, SHT_PROGBITS, start, out->len - start);
		sections[SECTION_DEBUG].sh_flags = image->compression ? SHF_COMPRESSED : 0;
	}
	sections[SECTION_NAMES] = section(SECTION_NAMES, SHT_STRTAB, out->len, sizeof(names));
	buffer_append(out, names, sizeof(names));
	header.e_shoff = out->len;
	buffer_append(out, sections, sizeof(sections));
	if (image->no_sections)
		header.e_shoff = header.e_shnum = header.e_shstrndx = 0;
	memcpy(out->data, &header, sizeof(header));
	memcpy(out->data + sizeof(header), segments, sizeof(segments));
	cr_assert_eq(out->error, 0);
}
