/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of the table compiler: what a whole file's table and that of one page are made with.
 * Used by compile.c, compile_page.c and table_build.c only.
 */
#ifndef UNWIND_COMPILER_H
#define UNWIND_COMPILER_H

#include "base/buffer.h"
#include "base/elf_file.h"
#include "base/u64_map.h"
#include "unwind/cfi.h"
#include "unwind/table_build.h"

/* Bytes of one section; browsers have 30 MiB. */
#define CFI_BYTES_MAX (128u << 20)
/* Functions of both sections; browsers have half a million. */
#define CFI_FDES_MAX (1u << 22)

/* Where a piece of code is described. In the order of preference. */
enum source {
	FROM_EH_FRAME,
	FROM_DEBUG_FRAME,
	FROM_SIGRETURN, /* not described; its code tells what it is */
	NR_SOURCES = FROM_SIGRETURN,
};

/* A described piece of code. */
struct piece {
	uint64_t start;
	uint64_t end;
	uint32_t program;
	uint32_t program_end;
	uint32_t cie;
	uint32_t source;
};

struct cie_table {
	struct cfi_cie *list;
	size_t nr;
	size_t cap;
	struct u64_map by_offset; /* offset + 1 -> index */
};

struct compiler {
	const struct elf_file *elf;
	const struct cfi_arch *arch;
	struct unwind_segment *segments;
	uint32_t nr_segments;
	struct buffer bytes[NR_SOURCES];
	struct cfi_section sections[NR_SOURCES];
	struct cie_table cies[NR_SOURCES];
	struct piece *pieces;
	size_t nr_pieces;
	size_t pieces_cap;
	struct table_build build;
	uint64_t clip_start;     /* rows are made of the addresses from here ... */
	uint64_t clip_end;       /* ... to below this */
	uint64_t bytes_searched; /* for signal trampolines, of the whole file */
};

/* Begins with an open file, which has to stay as long as *c. Returns 0 or -EOPNOTSUPP (machine). */
int compiler_init(struct compiler *c, struct elf_file *elf);
void compiler_done(struct compiler *c);

/* Each returns 0 or a negative errno value, and where it says so 1 for yes. */

/* The loadable segments; before all that follows. */
int compiler_read_segments(struct compiler *c);
/* The section headers, as far as they can be read, and .eh_frame. 1 = there is one with content. */
int compiler_read_eh_frame(struct compiler *c, struct elf_file *elf);
/* .debug_frame of the file or of its debug file. 1 = there is one with content. */
int compiler_read_debug_frame(struct compiler *c, struct elf_file *elf);
/* Adds a CIE, and what an FDE describes. Of an FDE whose CIE was not added it is counted that it is bad. */
int compiler_add_cie(struct compiler *c, enum source source, const struct cfi_entry *entry);
int compiler_add_fde(struct compiler *c, enum source source, const struct cfi_entry *entry);
/* Makes the table, within the limits of clip_start and clip_end, of the pieces that were added. */
int compiler_finish(struct compiler *c, struct unwind_table **ret_table);

/*
 * Opens a file with at least so many pages of code as a table whose pages are made when they are asked for.
 * Returns 1, 0 = it has fewer or is not of a kind that this is possible for, or an error.
 */
int lazy_open(int fd, uint32_t pages_min, struct unwind_table **ret_table);
/* What a table holds whose pages are made when they are asked for. */
size_t lazy_bytes(const struct unwind_lazy *lazy);
/* Accepts NULL. */
void lazy_free(struct unwind_lazy *lazy);

/* Opens an ELF file by its descriptor, which stays the caller's. */
int compiler_open(int fd, struct elf_file *ret_elf);
/* Fills in the sentence for an error. Returns it, as unwind_table_compile() does. */
int compiler_explain(struct oc_error *err, int rc);

#endif
