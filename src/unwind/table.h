/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unwind table of one module, compiled from its call frame information.
 * Made by src/unwind/compile.c, kept on disk by src/unwind/table_cache.c, read by src/unwind/store.c.
 * Must not know processes.
 */
#ifndef UNWIND_TABLE_H
#define UNWIND_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/error.h>

#include "bpf/unwind_wire.h"

/* A loadable piece of the file: to find the address that a mapping of the file begins at. */
struct unwind_segment {
	uint64_t vaddr;
	uint64_t file_offset;
	uint64_t file_size;
	bool executable;
};

/* What the compiler met. */
struct unwind_table_stats {
	uint32_t nr_fdes;
	uint32_t bad_fdes;     /* malformed; their addresses are gaps */
	uint32_t overlapping;  /* FDEs beginning inside another, cut */
	uint32_t unknown_rows; /* rows with a rule that we do not support */
	uint64_t covered_bytes;
	uint64_t unknown_bytes;
};

struct unwind_lazy;

/*
 * Immutable once made. The rows of page i (addresses (first_page + i) << UNWIND_PAGE_SHIFT and up) are
 * rows[page_rows[i]] .. rows[page_rows[i + 1] - 1], as UNWIND_ROW with indexes into `rules`; sorted, no two alike in
 * sequence, the first with low address 0. A page without rows is all gap.
 */
struct unwind_table {
	uint16_t machine; /* EM_X86_64 or EM_AARCH64 */
	uint64_t first_page;
	uint32_t nr_pages;
	uint32_t nr_rows;
	uint32_t nr_rules;
	uint32_t nr_segments;
	const uint32_t *page_rows;       /* [nr_pages + 1] */
	const uint32_t *rows;            /* [nr_rows] */
	const struct unwind_rule *rules; /* [nr_rules]; rules[0] is the gap */
	const struct unwind_segment *segments;
	struct unwind_table_stats stats;
	struct unwind_lazy *
		lazy; /* NULL: as above. Else the rows of a page are made when it is asked for, and page_rows, rows
				     and rules hold nothing, nor does stats. */
};

/* The rows of one page. */
struct unwind_page_rows {
	const uint32_t *rows; /* [nr_rows] */
	uint32_t nr_rows;
	const struct unwind_rule *rules; /* [nr_rules], which they index */
	uint32_t nr_rules;
};

/*
 * Compiles .eh_frame, or else .debug_frame, of an open ELF file; where both are there, .debug_frame fills the gaps.
 * fd, debug_fd: read with pread(2), not closed; debug_fd: the separate debug file, -1 = none.
 * ret_table: freed by unwind_table_free(). A file without either section gives a table without
 * pages, unless its code has a signal trampoline.
 * Returns 0; -EBADMSG: not a well-formed ELF file; -EOPNOTSUPP: of a machine we do not know; -EFBIG: beyond our
 * limits; -ENOMEM; or what pread(2) says; with *err. Any thread.
 * Source: DWARF 5, 6.4; LSB 5.0 core 10.6 (.eh_frame); System V ABI AMD64 and AAPCS64 DWARF register numbers.
 */
int unwind_table_compile(int fd, int debug_fd, struct unwind_table **ret_table,
			 struct oc_error *err);
/*
 * The same, but of a file with much code, a .eh_frame_hdr and no .debug_frame only what finds its functions is read, and a
 * page's rows are made when they are asked for: a recording sees a small part of a large library.
 */
int unwind_table_open(int fd, int debug_fd, struct unwind_table **ret_table, struct oc_error *err);
/*
 * The rows of page `index`, below nr_pages. ret_rows: valid until the next call for this table, which one thread makes.
 * Returns 0, -ENOMEM, or an error of pread(2).
 */
int unwind_table_page(const struct unwind_table *table, uint32_t index,
		      struct unwind_page_rows *ret_rows);
/* The same for an ELF image in memory that is laid out as in its file: the vDSO. */
int unwind_table_compile_image(const void *image, size_t size, struct unwind_table **ret_table,
			       struct oc_error *err);

/* The difference between addresses in memory and in the file, for a mapping that begins at `start` and shows the file
 * from file_offset on. Returns 0, or -ENOENT when no segment of the file is there. */
int unwind_table_bias(const struct unwind_table *table, uint64_t start, uint64_t file_offset,
		      uint64_t *ret_bias);

/* Memory held, in bytes. */
size_t unwind_table_bytes(const struct unwind_table *table);
/* Accepts NULL. */
void unwind_table_free(struct unwind_table *table);

#endif
