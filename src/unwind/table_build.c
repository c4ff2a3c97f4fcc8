/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds unwind tables row by row.
 * Called by the compiler; the layout of a finished table also by the cache.
 * Must not know where rows come from.
 */
#include "unwind/table_build.h"

#include <errno.h>
#include <unistd.h>

#include "base/array.h"
#include "base/macros.h"
#include "unwind/compiler.h"

#define PAGE_SIZE_BYTES (1u << UNWIND_PAGE_SHIFT)

static const struct unwind_rule gap_rule = { .cfa = UNWIND_CFA_GAP };
static const struct unwind_rule unknown_rule = { .cfa = UNWIND_CFA_UNKNOWN };

void table_build_done(struct table_build *b)
{
	free(b->page_rows);
	free(b->rows);
	free(b->rules);
	id_table_done(&b->rule_ids);
	*b = (struct table_build){ 0 };
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

static bool rule_equals(const void *owner, uint32_t id, const void *wanted)
{
	const struct table_build *b = owner;

	return !memcmp(&b->rules[id], wanted, sizeof(struct unwind_rule));
}

/* Files a new rule. Returns its number or an error. */
static int add_rule(struct table_build *b, uint64_t hash, const struct unwind_rule *rule)
{
	int rc;

	rc = array_reserve(&b->rules, &b->rules_cap, b->nr_rules + 2, sizeof(*b->rules));
	if (rc)
		return rc;
	if (!b->nr_rules)
		b->rules[b->nr_rules++] = gap_rule;
	rc = id_table_add(&b->rule_ids, hash, (uint32_t)b->nr_rules);
	if (rc)
		return rc;
	b->rules[b->nr_rules] = *rule;
	return (int)b->nr_rules++;
}

/* The number of a rule. Returns it, or a negative error. */
static int intern_rule(struct table_build *b, const struct unwind_rule *rule)
{
	/* Offsets are multiples of 8. */
	uint32_t place =
		(uint32_t)rule->cfa_off / 8 + (uint32_t)rule->fp_off / 8 * 29 + rule->cfa * 101u;
	uint16_t *recent = &b->recent[place % TABLE_RECENT_RULES];
	uint64_t hash;
	int id;

	if (rule->cfa == UNWIND_CFA_GAP)
		return 0;
	if (*recent && rule_equals(b, *recent, rule))
		return *recent;
	hash = hash_bytes(rule, sizeof(*rule));
	id = (int)id_table_find(&b->rule_ids, hash, rule_equals, b, rule);
	/* One number is kept for the rule that stands for all that have no room. */
	if (!id && b->nr_rules >= UNWIND_RULES_MAX - 1 && rule->cfa != UNWIND_CFA_UNKNOWN)
		return intern_rule(b, &unknown_rule);
	if (!id)
		id = add_rule(b, hash, rule);
	if (id > 0)
		*recent = (uint16_t)id;
	return id;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static int push_row(struct table_build *b, uint32_t low, uint16_t rule)
{
	int rc;

	if (b->now.nr_rows >= UNWIND_TABLE_ROWS_MAX)
		return -EFBIG;
	rc = array_reserve(&b->rows, &b->rows_cap, (size_t)b->now.nr_rows + 1, sizeof(*b->rows));
	if (!rc)
		b->rows[b->now.nr_rows++] = UNWIND_ROW(low, rule);
	return rc;
}

/*
 * Begins pages up to the one of `address`. Each starts with the rule that is in force, except the last when a row of
 * its own follows at its first address; and except gaps, as a page without rows is one.
 */
static int begin_pages(struct table_build *b, uint64_t address, bool row_follows)
{
	uint64_t last = (address >> UNWIND_PAGE_SHIFT) - b->first_page;
	int rc;

	if (last >= UNWIND_TABLE_PAGES_MAX)
		return -EFBIG;
	rc = array_reserve(&b->page_rows, &b->page_rows_cap, (size_t)last + 2,
			   sizeof(*b->page_rows));
	while (!rc && b->now.nr_pages <= last) {
		bool own_row = b->now.nr_pages == last && row_follows &&
			       !(address & (PAGE_SIZE_BYTES - 1));

		b->page_rows[b->now.nr_pages++] = b->now.nr_rows;
		if (b->now.rule && !own_row)
			rc = push_row(b, 0, b->now.rule);
	}
	return rc;
}

/* Rows of the page that is being filled. */
static uint32_t rows_of_page(const struct table_build *b)
{
	return b->now.nr_rows - b->page_rows[b->now.nr_pages - 1];
}

/* Counts the bytes that the rule in force has covered, now that it ends at `address`. */
static void count_bytes(struct table_build *b, uint64_t address)
{
	uint64_t bytes = address - b->now.address;

	if (!b->now.rule)
		return;
	b->now.stats.covered_bytes += bytes;
	if (b->rules[b->now.rule].cfa == UNWIND_CFA_UNKNOWN)
		b->now.stats.unknown_bytes += bytes;
}

static int add_row(struct table_build *b, uint64_t address, int rule)
{
	uint32_t low = (uint32_t)address & (PAGE_SIZE_BYTES - 1);
	int rc;

	rc = begin_pages(b, address, true);
	if (rc)
		return rc;
	if (rows_of_page(b) >= UNWIND_PAGE_ROWS_MAX - 1)
		rule = intern_rule(b, &unknown_rule);
	if (rule < 0 || rule == b->now.rule)
		return MIN(rule, 0);
	if (low && !rows_of_page(b))
		rc = push_row(b, 0, b->now.rule);
	if (!rc)
		rc = push_row(b, low, (uint16_t)rule);
	if (rc)
		return rc;
	count_bytes(b, address);
	b->now.rule = (uint16_t)rule;
	b->now.address = address;
	if (rule && b->rules[rule].cfa == UNWIND_CFA_UNKNOWN)
		b->now.stats.unknown_rows++;
	return 0;
}

int table_build_row(struct table_build *b, uint64_t address, const struct unwind_rule *rule)
{
	int id = intern_rule(b, rule);

	if (id < 0 || id == b->now.rule)
		return MIN(id, 0);
	if (!b->now.nr_pages)
		b->first_page = address >> UNWIND_PAGE_SHIFT;
	return add_row(b, address, id);
}

int table_build_gap(struct table_build *b, uint64_t address)
{
	int rc;

	if (!b->now.rule)
		return 0;
	if (address & (PAGE_SIZE_BYTES - 1))
		return add_row(b, address, 0);
	/* The gap begins with a page: pages before it are carried on, and its own needs no row. */
	rc = begin_pages(b, address - 1, false);
	if (rc)
		return rc;
	count_bytes(b, address);
	b->now.rule = 0;
	b->now.address = address;
	return 0;
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

struct unwind_table *table_new(const struct table_counts *counts, struct table_arrays *ret_arrays)
{
	size_t segments = counts->nr_segments * sizeof(struct unwind_segment);
	size_t rules = counts->nr_rules * sizeof(struct unwind_rule);
	size_t pages = ((size_t)counts->nr_pages + 1) * sizeof(uint32_t);
	size_t rows = (size_t)counts->nr_rows * sizeof(uint32_t);
	struct unwind_table *table;
	char *at;

	/* The sum cannot overflow: each of the numbers is limited (table_build.h). */
	table = malloc(sizeof(*table) + segments + rules + pages + rows);
	if (!table)
		return NULL;
	at = (char *)(table + 1);
	ret_arrays->segments = (struct unwind_segment *)at;
	ret_arrays->rules = (struct unwind_rule *)(at + segments);
	ret_arrays->page_rows = (uint32_t *)(at + segments + rules);
	ret_arrays->rows = (uint32_t *)(at + segments + rules + pages);
	*table = (struct unwind_table){
		.nr_pages = counts->nr_pages,
		.nr_rows = counts->nr_rows,
		.nr_rules = counts->nr_rules,
		.nr_segments = counts->nr_segments,
		.page_rows = ret_arrays->page_rows,
		.rows = ret_arrays->rows,
		.rules = ret_arrays->rules,
		.segments = ret_arrays->segments,
	};
	return table;
}

/* memcpy() of arrays that may be NULL when empty. */
static void copy(void *to, const void *from, size_t size)
{
	if (size)
		memcpy(to, from, size);
}

int table_build_finish(struct table_build *b, uint16_t machine,
		       const struct unwind_segment *segments, uint32_t nr_segments,
		       struct unwind_table **ret_table)
{
	struct table_counts counts = {
		.nr_pages = b->now.nr_pages,
		.nr_rows = b->now.nr_rows,
		.nr_rules = b->nr_rules ? (uint32_t)b->nr_rules : 1,
		.nr_segments = nr_segments,
	};
	struct table_arrays arrays;
	struct unwind_table *table = table_new(&counts, &arrays);

	if (!table)
		return -ENOMEM;
	table->machine = machine;
	table->first_page = b->first_page;
	table->stats = b->now.stats;
	copy(arrays.segments, segments, nr_segments * sizeof(*segments));
	arrays.rules[0] = gap_rule;
	copy(arrays.rules, b->rules, b->nr_rules * sizeof(*b->rules));
	copy(arrays.page_rows, b->page_rows, counts.nr_pages * sizeof(*b->page_rows));
	arrays.page_rows[counts.nr_pages] = counts.nr_rows;
	copy(arrays.rows, b->rows, counts.nr_rows * sizeof(*b->rows));
	*ret_table = table;
	return 0;
}

size_t unwind_table_bytes(const struct unwind_table *table)
{
	if (table->lazy)
		return sizeof(*table) + lazy_bytes(table->lazy);
	return sizeof(*table) + table->nr_segments * sizeof(*table->segments) +
	       table->nr_rules * sizeof(*table->rules) +
	       ((size_t)table->nr_pages + 1) * sizeof(*table->page_rows) +
	       (size_t)table->nr_rows * sizeof(*table->rows);
}

void unwind_table_free(struct unwind_table *table)
{
	if (table)
		lazy_free(table->lazy);
	free(table);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

/* How well a segment explains a mapping that shows the file from `offset` on: 0 = not at all. */
static int match_segment(const struct unwind_segment *s, uint64_t offset, uint64_t page_mask)
{
	uint64_t end;

	/* Mappings begin with the page that the segment begins in. */
	if (offset < (s->file_offset & page_mask) ||
	    __builtin_add_overflow(s->file_offset, s->file_size, &end) || offset >= end)
		return 0;
	return 1 + (offset == (s->file_offset & page_mask)) + 2 * s->executable;
}

int unwind_table_bias(const struct unwind_table *table, uint64_t start, uint64_t file_offset,
		      uint64_t *ret_bias)
{
	uint64_t page_mask = ~((uint64_t)sysconf(_SC_PAGESIZE) - 1);
	const struct unwind_segment *best = NULL;
	int best_match = 0;

	for (uint32_t i = 0; i < table->nr_segments; i++) {
		int match = match_segment(&table->segments[i], file_offset, page_mask);

		if (match > best_match) {
			best_match = match;
			best = &table->segments[i];
		}
	}
	if (!best)
		return -ENOENT;
	*ret_bias = start - (best->vaddr - best->file_offset + file_offset);
	return 0;
}
