/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes small ELF files for tests. Source of the layout: the ELF gABI.
 */
#include "elf_image.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <unistd.h>

#include "base/macros.h"

struct part {
	uint64_t offset;
	uint64_t size;
};

static void put(struct buffer *out, uint64_t value, size_t size)
{
	buffer_append(out, &value, size); /* the lowest bytes come first, as in the file */
}

/* A field of the size of an address. */
static void put_word(struct buffer *out, bool is_32, uint64_t value)
{
	put(out, value, is_32 ? 4 : 8);
}

static void pad_to(struct buffer *out, uint64_t offset)
{
	while (out->len < offset)
		buffer_putc(out, '\0');
}

static void put_header(struct buffer *out, const struct elf_image *image, uint64_t sections)
{
	bool is_32 = image->is_32;
	const uint8_t ident[EI_NIDENT] = {
		0x7f, 'E', 'L', 'F', is_32 ? ELFCLASS32 : ELFCLASS64, ELFDATA2LSB, EV_CURRENT
	};

	buffer_append(out, ident, sizeof(ident));
	put(out, ET_DYN, 2);
	put(out, is_32 ? EM_386 : EM_X86_64, 2);
	put(out, EV_CURRENT, 4);
	put_word(out, is_32, 0);
	put_word(out, is_32, is_32 ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr));
	put_word(out, is_32, sections);
	put(out, 0, 4);
	put(out, is_32 ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr), 2);
	put(out, is_32 ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr), 2);
	put(out, 2, 2);
	put(out, is_32 ? sizeof(Elf32_Shdr) : sizeof(Elf64_Shdr), 2);
	put(out, IMAGE_SECTIONS, 2);
	put(out, IMAGE_NAMES, 2);
}

static void put_segment(struct buffer *out, bool is_32, uint32_t type, uint32_t flags,
			const struct part *part, uint64_t address)
{
	put(out, type, 4);
	if (!is_32)
		put(out, flags, 4);
	put_word(out, is_32, part->offset);
	put_word(out, is_32, address);
	put_word(out, is_32, address);
	put_word(out, is_32, part->size);
	put_word(out, is_32, part->size);
	if (is_32)
		put(out, flags, 4);
	put_word(out, is_32, 1);
}

static void put_section(struct buffer *out, bool is_32, const Elf64_Shdr *section)
{
	put(out, section->sh_name, 4);
	put(out, section->sh_type, 4);
	put_word(out, is_32, section->sh_flags);
	put_word(out, is_32, section->sh_addr);
	put_word(out, is_32, section->sh_offset);
	put_word(out, is_32, section->sh_size);
	put(out, section->sh_link, 4);
	put(out, section->sh_info, 4);
	put_word(out, is_32, 1);
	put_word(out, is_32, section->sh_entsize);
}

static struct part put_note(struct buffer *out, const struct elf_image *image)
{
	struct part part = { .offset = out->len };

	if (image->build_id_size) {
		put(out, 4, 4);
		put(out, image->build_id_size, 4);
		put(out, NT_GNU_BUILD_ID, 4);
		buffer_append(out, "GNU", 4);
		buffer_append(out, image->build_id, image->build_id_size);
	}
	part.size = out->len - part.offset;
	return part;
}

static void put_symbol(struct buffer *out, const struct elf_image *image, uint32_t name,
		       const struct elf_image_symbol *symbol)
{
	uint8_t info = ELF64_ST_INFO(symbol->binding, symbol->type);
	uint16_t section = symbol->undefined ? SHN_UNDEF : symbol->data ? IMAGE_DATA : IMAGE_TEXT;

	put(out, name, 4);
	if (image->is_32) {
		put(out, symbol->value, 4);
		put(out, symbol->size, 4);
	}
	put(out, info, 1);
	put(out, STV_DEFAULT, 1);
	put(out, section, 2);
	if (!image->is_32) {
		put(out, symbol->value, 8);
		put(out, symbol->size, 8);
	}
}

static struct part put_symbols(struct buffer *out, const struct elf_image *image,
			       struct part *ret_strings)
{
	static const struct elf_image_symbol none = { .undefined = true };
	struct part part = { .offset = out->len };
	uint32_t name = 1;

	if (image->nr_symbols)
		put_symbol(out, image, 0, &none);
	for (size_t i = 0; i < image->nr_symbols; i++) {
		put_symbol(out, image, name, &image->symbols[i]);
		name += (uint32_t)strlen(image->symbols[i].name) + 1;
	}
	part.size = out->len - part.offset;
	ret_strings->offset = out->len;
	buffer_putc(out, '\0');
	for (size_t i = 0; i < image->nr_symbols; i++)
		buffer_append(out, image->symbols[i].name, strlen(image->symbols[i].name) + 1);
	ret_strings->size = out->len - ret_strings->offset;
	return part;
}

void elf_image_make(const struct elf_image *image, struct buffer *out)
{
	static const char names[] =
		"\0.text\0.data\0.note.gnu.build-id\0.symtab\0.strtab\0.gnu_debuglink\0.shstrtab";
	struct part code = { image->code_offset, image->code_size }, note, symbols, strings, link,
		    name_table;
	uint64_t sections;
	bool is_32 = image->is_32;

	put_header(out, image, 0);
	pad_to(out, 0x200);
	note = put_note(out, image);
	cr_assert_leq(out->len, image->code_offset);
	pad_to(out, image->code_offset + image->code_size);
	symbols = put_symbols(out, image, &strings);
	link.offset = out->len;
	if (image->debuglink) {
		buffer_append(out, image->debuglink, strlen(image->debuglink) + 1);
		put(out, 0, 4);
	}
	link.size = out->len - link.offset;
	name_table = (struct part){ out->len, sizeof(names) };
	buffer_append(out, names, sizeof(names));
	sections = out->len;
	const Elf64_Shdr headers[IMAGE_SECTIONS] = {
		[IMAGE_TEXT] = { .sh_name = 1,
				 .sh_type = SHT_PROGBITS,
				 .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
				 .sh_addr = image->address,
				 .sh_offset = code.offset,
				 .sh_size = code.size },
		[IMAGE_DATA] = { .sh_name = 7,
				 .sh_type = SHT_PROGBITS,
				 .sh_flags = SHF_ALLOC,
				 .sh_addr = image->address,
				 .sh_offset = code.offset,
				 .sh_size = code.size },
		[IMAGE_NOTE] = { .sh_name = 13,
				 .sh_type = SHT_NOTE,
				 .sh_offset = note.offset,
				 .sh_size = note.size },
		[IMAGE_SYMBOLS] = { .sh_name = 32,
				    .sh_type = image->dynamic ? SHT_DYNSYM : SHT_SYMTAB,
				    .sh_offset = symbols.offset,
				    .sh_size = symbols.size,
				    .sh_link = IMAGE_STRINGS },
		[IMAGE_STRINGS] = { .sh_name = 40,
				    .sh_type = SHT_STRTAB,
				    .sh_offset = strings.offset,
				    .sh_size = strings.size },
		[IMAGE_LINK] = { .sh_name = image->debuglink ? 48 : 0,
				 .sh_type = SHT_PROGBITS,
				 .sh_offset = link.offset,
				 .sh_size = link.size },
		[IMAGE_NAMES] = { .sh_name = 63,
				  .sh_type = SHT_STRTAB,
				  .sh_offset = name_table.offset,
				  .sh_size = name_table.size },
	};
	for (size_t i = 0; i < IMAGE_SECTIONS; i++)
		put_section(out, is_32, &headers[i]);
	/* Now that the places are known, the header and the segments behind it are written again. */
	struct buffer head = BUFFER_INIT;

	put_header(&head, image, sections);
	put_segment(&head, is_32, PT_LOAD, PF_R | PF_X, &code, image->address);
	put_segment(&head, is_32, PT_NOTE, PF_R, &note, 0);
	cr_assert_leq(head.len, 0x200);
	memcpy(out->data, head.data, head.len);
	buffer_done(&head);
}

size_t elf_image_write(const struct elf_image *image, char *ret_path)
{
	struct buffer out = BUFFER_INIT;
	size_t size;
	int fd;

	elf_image_make(image, &out);
	memcpy(ret_path, "/tmp/elf_image.XXXXXX", sizeof("/tmp/elf_image.XXXXXX"));
	fd = mkstemp(ret_path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, out.data, out.len), (ssize_t)out.len);
	close(fd);
	size = out.len;
	buffer_done(&out);
	return size;
}
