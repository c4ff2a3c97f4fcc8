/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwind tables made by hand and the arrays of a store on the heap, for the tests of src/unwind/.
 */
#ifndef TESTS_UNWIND_MEMORY_H
#define TESTS_UNWIND_MEMORY_H

#include "unwind/store.h"

/* The arrays of a store; sizes as in struct unwind_memory. */
struct heap_memory {
	struct unwind_memory memory;
	uint32_t tick;
};
void heap_memory_init(struct heap_memory *heap, uint32_t nr_chunks, uint32_t nr_rules);
void heap_memory_done(struct heap_memory *heap);

/* A table under construction. */
struct table_maker {
	struct unwind_table table;
	uint32_t *page_rows;
	uint32_t *rows;
	struct unwind_rule *rules;
};
/* Addresses first_page << 16 .. (first_page + nr_pages) << 16, all gap. */
void table_maker_init(struct table_maker *maker, uint64_t first_page, uint32_t nr_pages);
/* From `address` on this rule holds. Addresses must grow. */
void table_maker_add(struct table_maker *maker, uint64_t address, struct unwind_rule rule);
const struct unwind_table *table_maker_finish(struct table_maker *maker);
void table_maker_done(struct table_maker *maker);

/* Rules of x86-64. */
struct unwind_rule rule_sp(int32_t cfa_off); /* a frame of this size, no frame pointer */
struct unwind_rule rule_sp_fp(int32_t cfa_off,
			      int32_t fp_off); /* ... that saves it at cfa + fp_off */
struct unwind_rule rule_of(enum unwind_cfa cfa);

/* What a walker would find for a file address: the rule, or NULL when the page is absent. */
const struct unwind_rule *find_rule(const struct unwind_memory *memory,
				    const struct unwind_range *range, uint64_t address);

#endif
