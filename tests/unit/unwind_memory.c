/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwind tables made by hand, and the arrays of a store on the heap.
 */
#include "unwind_memory.h"

#include <criterion/criterion.h>

#include <elf.h>
#include <stdlib.h>

#define ROWS_MAX  (1u << 17)
#define RULES_MAX (1u << 15)

static void *zeros(size_t nr, size_t size)
{
	void *p = calloc(nr, size);

	cr_assert_not_null(p);
	return p;
}

void heap_memory_init(struct heap_memory *heap, uint32_t nr_chunks, uint32_t nr_rules)
{
	*heap = (struct heap_memory){
		.memory = {
			.ranges = zeros(UNWIND_MEMORY_RANGES_MIN, sizeof(struct unwind_range)),
			.directory = zeros(UNWIND_MEMORY_PAGES_MIN, sizeof(struct unwind_page)),
			.rules = zeros(nr_rules, sizeof(struct unwind_rule)),
			.rows = zeros((size_t)nr_chunks * UNWIND_CHUNK_WORDS, sizeof(uint32_t)),
			.tick = &heap->tick,
			.nr_ranges = UNWIND_MEMORY_RANGES_MIN,
			.nr_pages = UNWIND_MEMORY_PAGES_MIN,
			.nr_rules = nr_rules,
			.nr_chunks = nr_chunks,
		},
	};
}

void heap_memory_done(struct heap_memory *heap)
{
	free(heap->memory.ranges);
	free(heap->memory.directory);
	free(heap->memory.rules);
	free(heap->memory.rows);
}

void table_maker_init(struct table_maker *maker, uint64_t first_page, uint32_t nr_pages)
{
	*maker = (struct table_maker){
		.table = {
			.machine = EM_X86_64,
			.first_page = first_page,
			.nr_pages = nr_pages,
			.nr_rules = 1,
		},
		.page_rows = zeros(nr_pages + 1, sizeof(uint32_t)),
		.rows = zeros(ROWS_MAX, sizeof(uint32_t)),
		.rules = zeros(RULES_MAX, sizeof(struct unwind_rule)),
	};
	maker->table.page_rows = maker->page_rows;
	maker->table.rows = maker->rows;
	maker->table.rules = maker->rules;
}

static uint32_t rule_number(struct table_maker *maker, const struct unwind_rule *rule)
{
	uint32_t i;

	for (i = 0; i < maker->table.nr_rules; i++) {
		if (!memcmp(&maker->rules[i], rule, sizeof(*rule)))
			return i;
	}
	cr_assert_lt(i, RULES_MAX);
	maker->rules[i] = *rule;
	maker->table.nr_rules++;
	return i;
}

void table_maker_add(struct table_maker *maker, uint64_t address, struct unwind_rule rule)
{
	struct unwind_table *table = &maker->table;
	uint32_t page = (uint32_t)((address >> UNWIND_PAGE_SHIFT) - table->first_page);
	uint32_t low = address & 0xffff;

	cr_assert_lt(page, table->nr_pages);
	cr_assert_lt(table->nr_rows + 1, ROWS_MAX);
	if (maker->page_rows[page + 1] == maker->page_rows[page]) {
		for (uint32_t i = page + 1; i <= table->nr_pages; i++)
			maker->page_rows[i] = table->nr_rows;
		if (low)
			maker->rows[table->nr_rows++] = UNWIND_ROW(0, 0);
	}
	maker->rows[table->nr_rows++] = UNWIND_ROW(low, rule_number(maker, &rule));
	for (uint32_t i = page + 1; i <= table->nr_pages; i++)
		maker->page_rows[i] = table->nr_rows;
}

const struct unwind_table *table_maker_finish(struct table_maker *maker)
{
	return &maker->table;
}

void table_maker_done(struct table_maker *maker)
{
	free(maker->page_rows);
	free(maker->rows);
	free(maker->rules);
}

struct unwind_rule rule_sp(int32_t cfa_off)
{
	return (struct unwind_rule){
		.cfa = UNWIND_CFA_SP,
		.cfa_off = cfa_off,
		.ra = UNWIND_SAVED_AT_CFA,
		.ra_off = -8,
	};
}

struct unwind_rule rule_sp_fp(int32_t cfa_off, int32_t fp_off)
{
	struct unwind_rule rule = rule_sp(cfa_off);

	rule.fp = UNWIND_SAVED_AT_CFA;
	rule.fp_off = fp_off;
	return rule;
}

struct unwind_rule rule_of(enum unwind_cfa cfa)
{
	return (struct unwind_rule){ .cfa = (uint8_t)cfa, .ra = UNWIND_SAVED_AT_CFA, .ra_off = -8 };
}

const struct unwind_rule *find_rule(const struct unwind_memory *memory,
				    const struct unwind_range *range, uint64_t address)
{
	uint32_t page = range->directory + (uint32_t)(address >> UNWIND_PAGE_SHIFT);
	uint32_t word = memory->directory[page & (memory->nr_pages - 1)].block;
	const struct unwind_block *block;
	uint32_t row;

	if (word == UNWIND_PAGE_ABSENT)
		return NULL;
	if (word == UNWIND_PAGE_EMPTY)
		return &memory->rules[0];
	block = (const struct unwind_block *)(void *)(memory->rows + word);
	/* One after the other, from the piece's first row to its last. */
	row = block->pieces[(address & 0xffff) >> UNWIND_PIECE_SHIFT];
	cr_assert_leq(UNWIND_ROW_LOW(block->rows[row]), address & 0xffff);
	while (row < block->pieces[((address & 0xffff) >> UNWIND_PIECE_SHIFT) + 1] &&
	       UNWIND_ROW_LOW(block->rows[row + 1]) <= (address & 0xffff))
		row++;
	return &memory->rules[UNWIND_ROW_RULE(block->rows[row])];
}
