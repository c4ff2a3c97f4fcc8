/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads ELF headers, notes and symbols from files that nobody vouches for.
 * Called through base/elf_file.h.
 * Must not know processes or modules. Source of all layouts: the ELF gABI and <elf.h>.
 */
#include "base/elf_file.h"

#include <elf.h>
#include <errno.h>

#include "base/macros.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structures are copied as stored");

/* Program headers fit in 16 bits anyway; sections are many only in files made with one section per function. */
#define SECTIONS_MAX 131072u
/* Notes are small; a larger note segment is a core file or nonsense. */
#define NOTES_MAX (64u * 1024)
/* Bytes of symbol table read at once; a multiple of both symbol sizes (24 and 16). */
#define SYMBOLS_CHUNK (48u * 1024)
#define NOTE_GNU      "GNU"

int elf_file_read(const struct elf_file *f, uint64_t offset, void *buf, size_t size)
{
	return byte_source_read(&f->source, offset, buf, size);
}

/* The fields of a file header that matter, of either class. */
struct header {
	uint16_t type;
	uint16_t machine;
	uint64_t segments_offset;
	uint64_t sections_offset;
	uint16_t segment_size;
	uint16_t nr_segments;
	uint16_t section_size;
	uint16_t nr_sections;
	uint16_t section_names;
};

#define COPY_HEADER(h, e)                          \
	(*(h) = (struct header){                   \
		 .type = (e)->e_type,              \
		 .machine = (e)->e_machine,        \
		 .segments_offset = (e)->e_phoff,  \
		 .sections_offset = (e)->e_shoff,  \
		 .segment_size = (e)->e_phentsize, \
		 .nr_segments = (e)->e_phnum,      \
		 .section_size = (e)->e_shentsize, \
		 .nr_sections = (e)->e_shnum,      \
		 .section_names = (e)->e_shstrndx, \
	 })

static int read_header(struct elf_file *f, struct header *h)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf32_Ehdr e32;
		Elf64_Ehdr e64;
	} u;
	int rc;

	if (f->source.size < sizeof(u.e32))
		return -ENOEXEC;
	memset(&u, 0, sizeof(u));
	rc = byte_source_read(&f->source, 0, &u, (size_t)MIN(f->source.size, (uint64_t)sizeof(u)));
	if (rc)
		return rc;
	if (memcmp(u.ident, ELFMAG, SELFMAG) || u.ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if (u.ident[EI_CLASS] != ELFCLASS64 && u.ident[EI_CLASS] != ELFCLASS32)
		return -ENOEXEC;
	f->is_64 = u.ident[EI_CLASS] == ELFCLASS64;
	if (f->is_64 && f->source.size < sizeof(u.e64))
		return -EBADMSG;
	if (f->is_64)
		COPY_HEADER(h, &u.e64);
	else
		COPY_HEADER(h, &u.e32);
	return h->type == ET_EXEC || h->type == ET_DYN ? 0 : -ENOEXEC;
}

#define COPY_SEGMENT(s, p)                                        \
	(*(s) = (struct elf_segment){ .type = (p)->p_type,        \
				      .flags = (p)->p_flags,      \
				      .offset = (p)->p_offset,    \
				      .address = (p)->p_vaddr,    \
				      .file_size = (p)->p_filesz, \
				      .memory_size = (p)->p_memsz })

static int read_segments(struct elf_file *f, const struct header *h)
{
	size_t entry = f->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	char *raw __cleanup(cleanup_free) = NULL;
	int rc;

	if (!h->nr_segments)
		return 0;
	if (h->segment_size != entry)
		return -EBADMSG;
	raw = malloc(entry * h->nr_segments);
	f->segments = malloc(sizeof(*f->segments) * h->nr_segments);
	if (!raw || !f->segments)
		return -ENOMEM;
	rc = byte_source_read(&f->source, h->segments_offset, raw, entry * h->nr_segments);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < h->nr_segments; i++) {
		Elf64_Phdr p64;
		Elf32_Phdr p32;

		if (f->is_64) {
			memcpy(&p64, raw + i * entry, entry);
			COPY_SEGMENT(&f->segments[i], &p64);
		} else {
			memcpy(&p32, raw + i * entry, entry);
			COPY_SEGMENT(&f->segments[i], &p32);
		}
	}
	f->nr_segments = h->nr_segments;
	return 0;
}

static int open_source(struct elf_file *f)
{
	struct header h;
	int rc;

	rc = read_header(f, &h);
	if (!rc)
		rc = read_segments(f, &h);
	if (rc) {
		elf_file_close(f);
		return rc;
	}
	f->machine = h.machine;
	f->sections_offset = h.sections_offset;
	f->sections_count = h.nr_sections;
	f->section_names = h.section_names;
	/* Headers of another size than ours would be read as nonsense: then the file has no sections for us. */
	if (h.section_size != (f->is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr)))
		f->sections_offset = 0;
	return 0;
}

int elf_file_open(struct elf_file *f, int fd, uint64_t size)
{
	*f = (struct elf_file){ .source = { .fd = fd, .size = size } };
	return open_source(f);
}

int elf_file_open_memory(struct elf_file *f, const void *memory, uint64_t size)
{
	*f = (struct elf_file){ .source = { .fd = -1, .memory = memory, .size = size } };
	return open_source(f);
}

void elf_file_close(struct elf_file *f)
{
	free(f->segments);
	free(f->sections);
	*f = (struct elf_file){ .source = { .fd = -1 } };
}

bool elf_file_address(const struct elf_file *f, uint64_t offset, uint64_t *ret_address)
{
	const struct elf_segment *found = NULL;

	/* Two segments can share a page of the file; what runs is in the executable one. */
	for (uint32_t i = 0; i < f->nr_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (s->type != PT_LOAD || offset < s->offset || offset - s->offset >= s->file_size)
			continue;
		if (!found || (s->flags & PF_X)) {
			found = s;
			if (s->flags & PF_X)
				break;
		}
	}
	if (!found)
		return false;
	*ret_address = found->address + (offset - found->offset);
	return true;
}

/* ---- notes ------------------------------------------------------------------------------------------------- */

int elf_notes_build_id(const uint8_t *notes, size_t size, uint8_t ret_id[ELF_BUILD_ID_MAX])
{
	size_t at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note; /* the same in both classes */
		uint64_t name_end, desc, end;

		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note);
		name_end = at + (((uint64_t)note.n_namesz + 3) & ~3ULL);
		desc = name_end;
		end = desc + note.n_descsz;
		if (end > size)
			return 0;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(NOTE_GNU) &&
		    !memcmp(notes + at, NOTE_GNU, sizeof(NOTE_GNU)) && note.n_descsz) {
			size_t n = MIN((size_t)note.n_descsz, (size_t)ELF_BUILD_ID_MAX);

			memcpy(ret_id, notes + desc, n);
			return (int)n;
		}
		at = (size_t)MIN((end + 3) & ~3ULL, (uint64_t)size);
	}
	return 0;
}

static int build_id_in(const struct elf_file *f, uint64_t offset, uint64_t size,
		       uint8_t ret_id[ELF_BUILD_ID_MAX])
{
	uint8_t small[1024], *large __cleanup(cleanup_free) = NULL, *notes = small;
	int rc;

	if (size > NOTES_MAX)
		return 0;
	if (size > sizeof(small)) {
		notes = large = malloc(size);
		if (!large)
			return -ENOMEM;
	}
	rc = byte_source_read(&f->source, offset, notes, size);
	return rc ? rc : elf_notes_build_id(notes, size, ret_id);
}

int elf_file_build_id(struct elf_file *f, uint8_t ret_id[ELF_BUILD_ID_MAX])
{
	int rc;

	for (uint32_t i = 0; i < f->nr_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (s->type != PT_NOTE)
			continue;
		rc = build_id_in(f, s->offset, s->file_size, ret_id);
		if (rc > 0 || rc == -ENOMEM)
			return rc;
	}
	/* Debug files keep their program headers without the contents, so the sections count there. */
	rc = elf_file_load_sections(f);
	for (uint32_t i = 0; !rc && i < f->nr_sections; i++) {
		const struct elf_section *s = &f->sections[i];

		if (s->type == SHT_NOTE)
			rc = build_id_in(f, s->offset, s->size, ret_id);
	}
	return rc;
}

/* ---- sections ---------------------------------------------------------------------------------------------- */

#define COPY_SECTION(s, h)                                      \
	(*(s) = (struct elf_section){ .name = (h)->sh_name,     \
				      .type = (h)->sh_type,     \
				      .flags = (h)->sh_flags,   \
				      .address = (h)->sh_addr,  \
				      .offset = (h)->sh_offset, \
				      .size = (h)->sh_size,     \
				      .link = (h)->sh_link })

static void copy_section(const struct elf_file *f, struct elf_section *section, const char *raw)
{
	Elf64_Shdr h64;
	Elf32_Shdr h32;

	if (f->is_64) {
		memcpy(&h64, raw, sizeof(h64));
		COPY_SECTION(section, &h64);
	} else {
		memcpy(&h32, raw, sizeof(h32));
		COPY_SECTION(section, &h32);
	}
}

int elf_file_load_sections(struct elf_file *f)
{
	size_t entry = f->is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	char first[sizeof(Elf64_Shdr)];
	char *raw __cleanup(cleanup_free) = NULL;
	struct elf_section section;
	uint64_t count = f->sections_count;
	int rc;

	if (f->sections_loaded || !f->sections_offset)
		return 0;
	rc = byte_source_read(&f->source, f->sections_offset, first, entry);
	if (rc)
		return rc;
	/* Numbers too large for the header stand in the first section. */
	copy_section(f, &section, first);
	if (!count)
		count = section.size;
	if (f->section_names == SHN_XINDEX)
		f->section_names = section.link;
	if (!count || count > SECTIONS_MAX || count * entry > f->source.size)
		return -EBADMSG;
	raw = malloc(count * entry);
	f->sections = malloc(count * sizeof(*f->sections));
	if (!raw || !f->sections)
		rc = -ENOMEM;
	else
		rc = byte_source_read(&f->source, f->sections_offset, raw, count * entry);
	if (rc) {
		free(take_ptr(&f->sections));
		return rc;
	}
	for (uint64_t i = 0; i < count; i++)
		copy_section(f, &f->sections[i], raw + i * entry);
	f->nr_sections = (uint32_t)count;
	f->sections_loaded = true;
	return 0;
}

const struct elf_section *elf_file_section_by_type(const struct elf_file *f, uint32_t type)
{
	for (uint32_t i = 0; i < f->nr_sections; i++) {
		if (f->sections[i].type == type)
			return &f->sections[i];
	}
	return NULL;
}

const struct elf_section *elf_file_section_by_name(const struct elf_file *f, const char *name)
{
	const struct elf_section *names;
	size_t size = strlen(name) + 1;
	char text[64];

	if (f->section_names >= f->nr_sections || size > sizeof(text))
		return NULL;
	names = &f->sections[f->section_names];
	for (uint32_t i = 1; i < f->nr_sections; i++) {
		const struct elf_section *s = &f->sections[i];

		if (s->name > names->size || size > names->size - s->name)
			continue;
		if (__builtin_add_overflow(names->offset, (uint64_t)s->name, &(uint64_t){ 0 }))
			continue;
		if (byte_source_read(&f->source, names->offset + s->name, text, size))
			continue;
		if (!memcmp(text, name, size))
			return s;
	}
	return NULL;
}

int elf_file_string(const struct elf_file *f, const struct elf_section *table, uint64_t offset,
		    size_t max, struct buffer *out)
{
	size_t start = out->len;
	size_t piece = 128; /* most names fit in the first read */

	if (offset >= table->size || table->offset > f->source.size)
		return -EBADMSG;
	while (out->len - start < max) {
		uint64_t at = offset + (out->len - start);
		uint64_t left = MIN(table->size, f->source.size - table->offset);
		size_t size = MIN(piece, max - (out->len - start));
		char *end;
		int rc;

		if (at >= left)
			return 0;
		size = (size_t)MIN((uint64_t)size, left - at);
		if (buffer_reserve(out, size))
			return -ENOMEM;
		rc = byte_source_read(&f->source, table->offset + at, out->data + out->len, size);
		end = rc ? out->data + out->len : memchr(out->data + out->len, '\0', size);
		out->len = end ? (size_t)(end - out->data) : out->len + size;
		out->data[out->len] = '\0';
		if (rc || end)
			return rc;
		piece *= 4;
	}
	return 0;
}

/* ---- symbols ----------------------------------------------------------------------------------------------- */

static void copy_symbol(const struct elf_file *f, struct elf_symbol *symbol, const char *raw)
{
	unsigned char info, other;

	if (f->is_64) {
		Elf64_Sym s;

		memcpy(&s, raw, sizeof(s));
		*symbol = (struct elf_symbol){ .name = s.st_name,
					       .section = s.st_shndx,
					       .value = s.st_value,
					       .size = s.st_size };
		info = s.st_info, other = s.st_other;
	} else {
		Elf32_Sym s;

		memcpy(&s, raw, sizeof(s));
		*symbol = (struct elf_symbol){ .name = s.st_name,
					       .section = s.st_shndx,
					       .value = s.st_value,
					       .size = s.st_size };
		info = s.st_info, other = s.st_other;
	}
	symbol->type = ELF64_ST_TYPE(info);
	symbol->binding = ELF64_ST_BIND(info);
	symbol->visibility = ELF64_ST_VISIBILITY(other);
}

int elf_file_each_symbol(const struct elf_file *f, const struct elf_section *table,
			 int (*fn)(void *arg, const struct elf_symbol *symbol), void *arg)
{
	size_t entry = f->is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	char *raw __cleanup(cleanup_free) = malloc(SYMBOLS_CHUNK);
	uint64_t size = table->size - table->size % entry;

	if (!raw)
		return -ENOMEM;
	if (table->offset > f->source.size || size > f->source.size - table->offset)
		return -EBADMSG;
	for (uint64_t done = 0; done < size;) {
		size_t chunk = (size_t)MIN((uint64_t)SYMBOLS_CHUNK, size - done);
		int rc = byte_source_read(&f->source, table->offset + done, raw, chunk);

		for (size_t i = 0; !rc && i < chunk; i += entry) {
			struct elf_symbol symbol;

			copy_symbol(f, &symbol, raw + i);
			rc = fn(arg, &symbol);
		}
		if (rc)
			return rc;
		done += chunk;
	}
	return 0;
}

int elf_file_debuglink(struct elf_file *f, struct buffer *out)
{
	const struct elf_section *s;
	size_t start = out->len;
	int rc;

	rc = elf_file_load_sections(f);
	if (rc)
		return rc;
	s = elf_file_section_by_name(f, ".gnu_debuglink");
	if (!s || s->type == SHT_NOBITS)
		return 0;
	rc = elf_file_string(f, s, 0, 255, out);
	if (rc)
		return rc;
	if (out->len == start || memchr(out->data + start, '/', out->len - start)) {
		out->len = start;
		return 0;
	}
	return 1;
}
