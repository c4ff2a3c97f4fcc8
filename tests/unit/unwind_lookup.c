/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks up rules in unwind tables and checks their layout.
 */
#include <criterion/criterion.h>

#include "unwind_lookup.h"

struct unwind_rule unwind_lookup(const struct unwind_table *table, uint64_t address)
{
	uint64_t page = (address >> UNWIND_PAGE_SHIFT) - table->first_page;
	uint32_t rule = 0;

	if (page >= table->nr_pages)
		return table->rules[0];
	for (uint32_t i = table->page_rows[page]; i < table->page_rows[page + 1]; i++) {
		if (UNWIND_ROW_LOW(table->rows[i]) > (address & 0xffff))
			break;
		rule = UNWIND_ROW_RULE(table->rows[i]);
	}
	return table->rules[rule];
}

void unwind_lookup_check(const struct unwind_table *table)
{
	cr_assert_geq(table->nr_rules, 1);
	cr_assert_eq(table->rules[0].cfa, UNWIND_CFA_GAP);
	cr_assert_eq(table->page_rows[0], 0);
	cr_assert_eq(table->page_rows[table->nr_pages], table->nr_rows);
	for (uint32_t page = 0; page < table->nr_pages; page++) {
		uint32_t from = table->page_rows[page], to = table->page_rows[page + 1];

		cr_assert_leq(from, to);
		cr_assert_leq(to - from, UNWIND_CHUNK_WORDS - UNWIND_BLOCK_HEADER_WORDS);
		for (uint32_t i = from; i < to; i++) {
			uint32_t row = table->rows[i], before = i > from ? table->rows[i - 1] : 0;

			cr_assert_lt(UNWIND_ROW_RULE(row), table->nr_rules);
			if (i == from) {
				cr_assert_eq(UNWIND_ROW_LOW(row), 0);
				continue;
			}
			cr_assert_gt(UNWIND_ROW_LOW(row), UNWIND_ROW_LOW(before));
			cr_assert_neq(UNWIND_ROW_RULE(row), UNWIND_ROW_RULE(before));
		}
	}
}
