/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounds-checked reader of the parts of ELF files that a profiler looks into: program headers, sections, build-id,
 * symbols.
 * Used by the symbolizer and the unwind table compiler for files of hostile processes. ELF32 and ELF64, little-endian.
 *
 * Everything is read with pread(2) into buffers of bounded size, never mapped: a file that shrinks while it is read
 * gives an error and not a SIGBUS, and a file of any size costs the same memory.
 */
#ifndef BASE_ELF_FILE_H
#define BASE_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/byte_source.h"

#define ELF_BUILD_ID_MAX 20

struct elf_segment {
	uint32_t type;
	uint32_t flags;
	uint64_t offset;
	uint64_t address;
	uint64_t file_size;
	uint64_t memory_size;
};

struct elf_section {
	uint32_t name; /* offset in the table of section names */
	uint32_t type;
	uint64_t flags;
	uint64_t address;
	uint64_t offset;
	uint64_t size;
	uint32_t link;
};

/* An opened ELF file. The descriptor stays the caller's. */
struct elf_file {
	struct byte_source source;
	bool is_64;
	uint16_t machine;             /* EM_* */
	struct elf_segment *segments; /* [nr_segments], owned */
	uint32_t nr_segments;
	struct elf_section *sections; /* [nr_sections], owned; loaded by elf_file_load_sections() */
	uint32_t nr_sections;
	uint32_t section_names; /* index of the table of section names */
	uint64_t sections_offset;
	uint32_t sections_count; /* as the header says it */
	bool sections_loaded;
};

/*
 * Reads header and program headers of an open file of `size` bytes.
 * Returns 0, -ENOEXEC (not an ELF file of ours: other magic, big-endian, relocatable or core), -EBADMSG (damaged),
 * -EIO and the like from pread(2), or -ENOMEM. After an error there is nothing to free.
 */
int elf_file_open(struct elf_file *f, int fd, uint64_t size);
/* The same for an image in memory, which has to stay as long as *f. */
int elf_file_open_memory(struct elf_file *f, const void *memory, uint64_t size);
/* Frees what *f owns. Accepts all zero. */
void elf_file_close(struct elf_file *f);

/* Reads exactly size bytes at offset. Returns 0, -EBADMSG (beyond the end) or an error of pread(2). */
int elf_file_read(const struct elf_file *f, uint64_t offset, void *buf, size_t size);

/*
 * The GNU build-id, from the program's notes or else the sections'.
 * Returns its size (1..ELF_BUILD_ID_MAX; a longer one is cut) with ret_id filled in, 0 = none, or an error as above.
 */
int elf_file_build_id(struct elf_file *f, uint8_t ret_id[ELF_BUILD_ID_MAX]);
/* The GNU build-id among notes[size], as /sys/kernel/notes has them too. Returns its size as above, or 0 = none. */
int elf_notes_build_id(const uint8_t *notes, size_t size, uint8_t ret_id[ELF_BUILD_ID_MAX]);

/*
 * Turns a file offset into the address the program's symbols use.
 * Returns true with *ret_address set, or false when no loaded segment holds the offset.
 */
bool elf_file_address(const struct elf_file *f, uint64_t offset, uint64_t *ret_address);

/* Reads the section headers, once. Returns 0 (also when there are none) or an error as above. */
int elf_file_load_sections(struct elf_file *f);
/* The first section of a type, or with a name; NULL = none. Sections have to be loaded. */
const struct elf_section *elf_file_section_by_type(const struct elf_file *f, uint32_t type);
const struct elf_section *elf_file_section_by_name(const struct elf_file *f, const char *name);

/*
 * Appends the NUL-terminated string at `offset` of a string table to *out, at most max bytes of it.
 * Returns 0 or an error; -EBADMSG when offset is outside the table.
 */
int elf_file_string(const struct elf_file *f, const struct elf_section *table, uint64_t offset,
		    size_t max, struct buffer *out);

/* A symbol as stored. */
struct elf_symbol {
	uint32_t name;      /* offset in the string table */
	uint8_t type;       /* STT_* */
	uint8_t binding;    /* STB_* */
	uint8_t visibility; /* STV_* */
	uint16_t section;   /* index, or SHN_* */
	uint64_t value;
	uint64_t size;
};

/*
 * Calls fn for each symbol of a symbol table, in order; fn's nonzero result stops and is returned. The table is read in
 * pieces, so a table of any length costs the same memory.
 * Returns 0, fn's result, or an error as above.
 */
int elf_file_each_symbol(const struct elf_file *f, const struct elf_section *table,
			 int (*fn)(void *arg, const struct elf_symbol *symbol), void *arg);

/*
 * Reads the name of the separate debug file (.gnu_debuglink) into *out.
 * Returns 1, 0 = the file has none, or an error as above. Names with a slash are not returned.
 */
int elf_file_debuglink(struct elf_file *f, struct buffer *out);

#endif
