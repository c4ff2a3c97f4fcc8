/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts rows, which come in the order of their addresses, into an unwind table: pages, carried-in rows, interned rules.
 * Used by the compiler only. Must not know where rows come from.
 */
#ifndef UNWIND_TABLE_BUILD_H
#define UNWIND_TABLE_BUILD_H

#include "base/id_table.h"
#include "unwind/table.h"

/* 4 GiB of addresses from the first to the last page of a module; the largest programs have 0.2 GiB of code. */
#define UNWIND_TABLE_PAGES_MAX (1u << 16)
/* 256 MiB; the largest libraries have two million. */
#define UNWIND_TABLE_ROWS_MAX (1u << 26)
/* A block never crosses a chunk of the row store, so a page has room for this many; more make the rest unknown. */
#define UNWIND_PAGE_ROWS_MAX (UNWIND_CHUNK_WORDS - UNWIND_BLOCK_HEADER_WORDS)
/* Programs have up to ten. */
#define UNWIND_TABLE_SEGMENTS_MAX 64

/* The end of what has been added; going back to a copy of it undoes what was added since. */
struct table_mark {
	uint32_t nr_pages; /* begun */
	uint32_t nr_rows;
	uint16_t rule;    /* in force at the end */
	uint64_t address; /* where it began to be so */
	struct unwind_table_stats stats;
};

#define TABLE_RECENT_RULES 256 /* a power of two; most modules have fewer rules */

/* Embedded; start with all zero. */
struct table_build {
	uint64_t first_page;
	struct table_mark now;
	uint32_t *page_rows;
	size_t page_rows_cap;
	uint32_t *rows;
	size_t rows_cap;
	struct unwind_rule *rules; /* rules[0] is the gap */
	size_t nr_rules;
	size_t rules_cap;
	struct id_table rule_ids;
	uint16_t recent
		[TABLE_RECENT_RULES]; /* numbers of rules, by a cheap hash; spares the table most searches */
};

void table_build_done(struct table_build *b);

/*
 * Appends: from `address` on, `rule` holds. Each address is higher than the one before.
 * Returns 0, -EFBIG (see the limits above) or -ENOMEM.
 */
int table_build_row(struct table_build *b, uint64_t address, const struct unwind_rule *rule);

/* From `address` on there is a gap. Returns as above. */
int table_build_gap(struct table_build *b, uint64_t address);

/*
 * Makes the table, which is one block of memory. The last thing added was a gap.
 * segments[nr_segments]: copied. Returns 0, or -ENOMEM.
 */
int table_build_finish(struct table_build *b, uint16_t machine,
		       const struct unwind_segment *segments, uint32_t nr_segments,
		       struct unwind_table **ret_table);

/* How many of each array a table has; what it is laid out by. */
struct table_counts {
	uint32_t nr_pages; /* page_rows has one more */
	uint32_t nr_rows;
	uint32_t nr_rules;
	uint32_t nr_segments;
};

/* The arrays of a table that is being made. */
struct table_arrays {
	struct unwind_segment *segments;
	struct unwind_rule *rules;
	uint32_t *page_rows;
	uint32_t *rows;
};

/* A table of that size, its arrays not filled in. NULL = no memory. To be freed by unwind_table_free(). */
struct unwind_table *table_new(const struct table_counts *counts, struct table_arrays *ret_arrays);

#endif
