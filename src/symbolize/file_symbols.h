/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of many places of one ELF file, from its own symbol tables or a separate debug file.
 * Used by the symbolizer, one file after the other.
 */
#ifndef SYMBOLIZE_FILE_SYMBOLS_H
#define SYMBOLIZE_FILE_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/elf_file.h"
#include "symbolize/debug_file.h"
#include "symbolize/symbol_match.h"

/* One symbol table with its names. */
struct file_table {
	const struct elf_file *elf;
	const struct elf_section *symbols;
	const struct elf_section *names;
	char *text; /* [text_size], owned: the names, if so many are needed that reading them at once is cheaper */
	size_t text_size;
};

/* Own table, or: debug file's (or mini-debuginfo's) and the dynamic one. Then the table of the stubs' names. */
#define FILE_TABLES_MAX 3
#define FILE_TABLE_PLT  2

/* All zero = closed. */
struct file_symbols {
	struct elf_file *main; /* borrowed */
	struct elf_file debug; /* a separate debug file or the unpacked mini-debuginfo */
	int debug_fd; /* owned; meaningful while debug.segments or debug.sections are there */
	struct buffer unpacked; /* mini-debuginfo */
	struct file_table tables[FILE_TABLES_MAX];
	uint32_t nr_tables;
	bool is_full;        /* the tables have all functions, not only those for other files */
	uint64_t *addresses; /* ascending, for `match` */
	uint32_t *slots;     /* [nr offsets] index in `match` plus 1; 0 = not in the program */
	struct symbol_match match;
	struct buffer scratch;
};

/*
 * Finds the symbols for offsets[nr] of a file. Only tables are read, and the separate debug file is opened, when the
 * file has no full symbol table of its own.
 *
 * elf: the open file; borrowed until file_symbols_close().
 * search: borrowed for the call.
 * offsets: file offsets, ascending, at most UINT32_MAX - 1 of them.
 * Returns 0, also when the file has no symbols; -EBADMSG or -E2BIG (damaged or made to waste time); -ENOMEM; or an
 * error of pread(2). file_symbols_close() is due in any case.
 */
int file_symbols_open(struct file_symbols *fs, struct elf_file *elf,
		      const struct debug_search *search, const uint64_t *offsets, size_t nr);
void file_symbols_close(struct file_symbols *fs);

/* The symbol of offsets[i], NULL = none covers it. Symbols with equal `name` are the same one. */
const struct symbol *file_symbols_get(const struct file_symbols *fs, size_t i);

/* Puts the symbol's name, as stored (of a stub: with "@plt" behind it), into *out (dropping what was there). Returns 0 or an error as above. */
int file_symbols_name(const struct file_symbols *fs, const struct symbol *symbol,
		      struct buffer *out);

#endif
