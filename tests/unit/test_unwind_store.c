/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unwind/store.h: pages, modules, rules and ranges in arrays that programs read.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "unwind_memory.h"

/* A store with its arrays, and what quiesce() is to look at. */
struct rig {
	struct heap_memory heap;
	struct unwind_store *store;
	uint32_t quiesced;
	/* Blocks that a program may be reading: they must not change before quiesce() is called. */
	struct {
		uint32_t word, nr;
		uint32_t *copy;
	} seen[32];
};

static void check_seen(const struct rig *rig)
{
	for (size_t i = 0; i < ARRAY_SIZE(rig->seen); i++) {
		if (rig->seen[i].copy)
			cr_assert_arr_eq(rig->heap.memory.rows + rig->seen[i].word,
					 rig->seen[i].copy, rig->seen[i].nr * sizeof(uint32_t),
					 "a block was used again while it could be read");
	}
}

static void forget_seen(struct rig *rig)
{
	for (size_t i = 0; i < ARRAY_SIZE(rig->seen); i++) {
		free(rig->seen[i].copy);
		rig->seen[i].copy = NULL;
	}
}

static void quiesce(void *arg)
{
	struct rig *rig = arg;

	rig->quiesced++;
	check_seen(rig);
	forget_seen(rig);
}

static void rig_init(struct rig *rig, uint32_t nr_chunks, uint32_t nr_rules)
{
	*rig = (struct rig){ 0 };
	heap_memory_init(&rig->heap, nr_chunks, nr_rules);
	rig->heap.memory.tick = &rig->heap.tick;
	cr_assert_eq(unwind_store_new(&rig->heap.memory, quiesce, rig, &rig->store), 0);
}

static void rig_done(struct rig *rig)
{
	forget_seen(rig);
	unwind_store_free(rig->store);
	heap_memory_done(&rig->heap);
}

static struct unwind_store_stats stats_of(const struct rig *rig)
{
	struct unwind_store_stats stats;

	unwind_store_stats(rig->store, &stats);
	return stats;
}

static uint32_t add_module(struct rig *rig, struct table_maker *maker)
{
	uint32_t module = 0;

	cr_assert_eq(unwind_store_add_module(rig->store, table_maker_finish(maker), &module), 0);
	cr_assert_neq(module, 0);
	return module;
}

/* A page's place in the directory; the sum wraps around. */
static struct unwind_page *entry_of(const struct rig *rig, const struct unwind_range *range,
				    uint64_t page)
{
	return &rig->heap.memory.directory[range->directory + (uint32_t)page];
}

/* The range of the whole module at its own addresses. */
static struct unwind_range range_of(const struct rig *rig, uint32_t module,
				    const struct table_maker *maker)
{
	struct unwind_range ranges[UNWIND_MAPPING_RANGES];
	uint64_t start = maker->table.first_page << UNWIND_PAGE_SHIFT;

	cr_assert_eq(unwind_store_mapping(rig->store, module, start,
					  start + ((uint64_t)maker->table.nr_pages << 16), 0,
					  ranges),
		     1);
	return ranges[0];
}

/* A page with a row each `step` bytes, with rules that tell the page. */
static void fill_page(struct table_maker *maker, uint64_t page, uint32_t step)
{
	for (uint32_t low = 0; low < 0x10000; low += step)
		table_maker_add(maker, page << 16 | low,
				rule_sp((int32_t)(8 * (page % 50 + low / step % 3))));
}

Test(unwind_store, refuses_bad_sizes)
{
	struct heap_memory heap;
	struct unwind_store *store = NULL;

	heap_memory_init(&heap, 1, 64);
	heap.memory.nr_ranges = 300;
	cr_assert_eq(unwind_store_new(&heap.memory, NULL, NULL, &store), -EINVAL);
	heap.memory.nr_ranges = UNWIND_MEMORY_RANGES_MIN;
	heap.memory.nr_rules = 2 * UNWIND_RULES_MAX;
	cr_assert_eq(unwind_store_new(&heap.memory, NULL, NULL, &store), -EINVAL);
	heap.memory.nr_rules = 64;
	heap.memory.nr_chunks = 0;
	cr_assert_eq(unwind_store_new(&heap.memory, NULL, NULL, &store), -EINVAL);
	cr_assert_null(store);
	unwind_store_free(NULL);
	heap_memory_done(&heap);
}

Test(unwind_store, each_address_finds_its_rule)
{
	static const uint32_t lows[] = { 0x10,  0x11,   0x3ff,  0x400, 0x401,
					 0x7ff, 0x2000, 0xfffe, 0xffff };
	struct table_maker maker;
	struct unwind_range range;
	struct rig rig;
	uint32_t module;

	rig_init(&rig, 1, 64);
	table_maker_init(&maker, 7, 3);
	for (uint32_t i = 0; i < ARRAY_SIZE(lows); i++)
		table_maker_add(&maker, 7 << 16 | lows[i], rule_sp(8 * (int32_t)i + 8));
	table_maker_add(&maker, 9 << 16, rule_sp(800));
	module = add_module(&rig, &maker);
	range = range_of(&rig, module, &maker);
	cr_assert_null(find_rule(&rig.heap.memory, &range, 7 << 16));
	for (uint64_t page = 7; page < 10; page++)
		cr_assert_eq(unwind_store_load_page(rig.store, module, page), 0);
	cr_assert_eq(unwind_store_load_page(rig.store, module, 7), 0, "is there already");
	cr_assert_eq(unwind_store_load_page(rig.store, module, 6), -ENOENT);
	cr_assert_eq(unwind_store_load_page(rig.store, module, 10), -ENOENT);
	cr_assert_eq(unwind_store_load_page(rig.store, module + 1, 7), -ENOENT);
	cr_assert_eq(unwind_store_load_page(rig.store, 0, 7), -ENOENT);
	for (uint32_t low = 0, i = 0; low < 0x10000; low++) {
		const struct unwind_rule *rule = find_rule(&rig.heap.memory, &range, 7 << 16 | low);

		while (i < ARRAY_SIZE(lows) && lows[i] <= low)
			i++;
		cr_assert_eq(rule->cfa, i ? UNWIND_CFA_SP : UNWIND_CFA_GAP);
		cr_assert_eq(rule->cfa_off, 8 * (int32_t)i);
	}
	cr_assert_eq(find_rule(&rig.heap.memory, &range, 8 << 16)->cfa, UNWIND_CFA_GAP);
	cr_assert_eq(find_rule(&rig.heap.memory, &range, 9 << 16 | 0xffff)->cfa_off, 800);
	cr_assert_eq(stats_of(&rig).pages_loaded, 3);
	table_maker_done(&maker);
	rig_done(&rig);
}

Test(unwind_store, rules_are_shared_by_modules)
{
	struct table_maker a, b;
	struct unwind_range ranges[2];
	uint32_t modules[2];
	struct rig rig;

	rig_init(&rig, 1, 64);
	table_maker_init(&a, 0, 1);
	table_maker_init(&b, 0, 1);
	table_maker_add(&a, 0, rule_sp(8));
	table_maker_add(&a, 1, rule_sp(16));
	table_maker_add(&b, 0, rule_sp_fp(16, -16));
	table_maker_add(&b, 1, rule_sp(16));
	modules[0] = add_module(&rig, &a);
	modules[1] = add_module(&rig, &b);
	ranges[0] = range_of(&rig, modules[0], &a);
	ranges[1] = range_of(&rig, modules[1], &b);
	cr_assert_eq(unwind_store_load_page(rig.store, modules[0], 0), 0);
	cr_assert_eq(unwind_store_load_page(rig.store, modules[1], 0), 0);
	cr_assert_eq(find_rule(&rig.heap.memory, &ranges[0], 1),
		     find_rule(&rig.heap.memory, &ranges[1], 1));
	cr_assert_neq(find_rule(&rig.heap.memory, &ranges[0], 0),
		      find_rule(&rig.heap.memory, &ranges[1], 0));
	cr_assert_eq(stats_of(&rig).rules, 2 + 3, "gap, unknown and three more");
	table_maker_done(&a);
	table_maker_done(&b);
	rig_done(&rig);
}

Test(unwind_store, full_rules_become_unknown_until_others_go)
{
	struct table_maker a, b;
	struct unwind_range range;
	uint32_t modules[2];
	struct rig rig;

	rig_init(&rig, 1, 16);
	table_maker_init(&a, 0, 1);
	table_maker_init(&b, 0, 1);
	for (uint32_t i = 0; i < 16; i++) {
		table_maker_add(&a, i, rule_sp(8 * (int32_t)i + 8));
		table_maker_add(&b, i, rule_sp(8 * (int32_t)i + 1008));
	}
	modules[0] = add_module(&rig, &a);
	modules[1] = add_module(&rig, &b);
	cr_assert_eq(unwind_store_load_page(rig.store, modules[0], 0), 0);
	cr_assert_eq(stats_of(&rig).rules_unfit, 2, "16 rules, two places are taken");
	range = range_of(&rig, modules[0], &a);
	cr_assert_eq(find_rule(&rig.heap.memory, &range, 13)->cfa_off, 8 * 14);
	cr_assert_eq(find_rule(&rig.heap.memory, &range, 14)->cfa, UNWIND_CFA_UNKNOWN);
	unwind_store_remove_module(rig.store, modules[0]);
	cr_assert_eq(unwind_store_load_page(rig.store, modules[1], 0), 0);
	range = range_of(&rig, modules[1], &b);
	cr_assert_eq(find_rule(&rig.heap.memory, &range, 0)->cfa_off, 1008);
	cr_assert_eq(find_rule(&rig.heap.memory, &range, 13)->cfa_off, 1008 + 8 * 13);
	cr_assert_geq(rig.quiesced, 1, "rules are replaced when nobody can see them");
	table_maker_done(&a);
	table_maker_done(&b);
	rig_done(&rig);
}

Test(unwind_store, a_page_with_too_many_rows_ends_in_a_gap)
{
	struct table_maker maker;
	struct unwind_range range;
	struct rig rig;
	uint32_t module, fit = UNWIND_CHUNK_WORDS - UNWIND_BLOCK_HEADER_WORDS;

	rig_init(&rig, 2, 64);
	table_maker_init(&maker, 0, 1);
	fill_page(&maker, 0, 1);
	module = add_module(&rig, &maker);
	range = range_of(&rig, module, &maker);
	cr_assert_eq(unwind_store_load_page(rig.store, module, 0), 0);
	cr_assert_eq(stats_of(&rig).rows_unfit, 65536 - fit);
	cr_assert_eq(find_rule(&rig.heap.memory, &range, fit - 2)->cfa_off,
		     8 * (int32_t)((fit - 2) % 3));
	cr_assert_eq(find_rule(&rig.heap.memory, &range, fit - 1)->cfa, UNWIND_CFA_GAP);
	cr_assert_eq(find_rule(&rig.heap.memory, &range, 0xffff)->cfa, UNWIND_CFA_GAP);
	table_maker_done(&maker);
	rig_done(&rig);
}

Test(unwind_store, evicts_what_was_not_used_for_longest)
{
	struct table_maker maker;
	struct unwind_range range;
	struct rig rig;
	uint32_t module;
	int rc = 0;

	/* A page is 4096 rows and a header: 65 grains of the 1023; 15 of them fit. */
	rig_init(&rig, 1, 1024);
	table_maker_init(&maker, 0, 20);
	for (uint64_t page = 0; page < 20; page++)
		fill_page(&maker, page, 16);
	module = add_module(&rig, &maker);
	range = range_of(&rig, module, &maker);
	for (uint64_t page = 0; page < 15; page++)
		cr_assert_eq(unwind_store_load_page(rig.store, module, page), 0);
	cr_assert_eq(unwind_store_load_page(rig.store, module, 15), -ENOSPC,
		     "all were used in this tick");
	cr_assert_eq(stats_of(&rig).pages_refused, 1);
	cr_assert_eq(rig.quiesced, 0);
	rig.heap.tick++;
	/* As the walker does. */
	for (uint64_t page = 2; page < 15; page++)
		entry_of(&rig, &range, page)->used = rig.heap.tick;
	cr_assert_eq(unwind_store_load_page(rig.store, module, 15), 0);
	cr_assert_null(find_rule(&rig.heap.memory, &range, 0));
	cr_assert_null(find_rule(&rig.heap.memory, &range, 1 << 16));
	for (uint64_t page = 2; page <= 15; page++)
		cr_assert_not_null(find_rule(&rig.heap.memory, &range, page << 16));
	cr_assert_eq(stats_of(&rig).pages_evicted, 2);
	cr_assert_eq(rig.quiesced, 1, "once for all that was evicted");
	/* The numbers of ticks wrap around. */
	rig.heap.tick = UINT32_MAX;
	for (uint64_t page = 2; page <= 15; page++)
		entry_of(&rig, &range, page)->used = rig.heap.tick - (page == 9);
	rig.heap.tick += 2;
	for (uint64_t page = 16; page < 18 && !rc; page++)
		rc = unwind_store_load_page(rig.store, module, page);
	cr_assert_eq(rc, 0);
	cr_assert_null(find_rule(&rig.heap.memory, &range, 9 << 16), "the oldest went first");
	table_maker_done(&maker);
	rig_done(&rig);
}

Test(unwind_store, mappings_outside_the_table_have_no_module)
{
	struct unwind_range r[UNWIND_MAPPING_RANGES];
	struct table_maker maker, empty;
	struct rig rig;
	uint32_t module, none;

	rig_init(&rig, 1, 64);
	table_maker_init(&maker, 2, 2);
	table_maker_init(&empty, 0, 0);
	module = add_module(&rig, &maker);
	none = add_module(&rig, &empty);
	cr_assert_eq(unwind_store_mapping(rig.store, module, 0x7000000, 0x7060000, 0x7000000, r),
		     3);
	cr_assert_eq(r[0].module, 0);
	cr_assert_eq(r[0].start, 0x7000000);
	cr_assert_eq(r[0].end, 0x7020000);
	cr_assert_eq(r[1].module, module);
	cr_assert_eq(r[1].start, 0x7020000);
	cr_assert_eq(r[1].end, 0x7040000);
	cr_assert_eq(r[1].bias, 0x7000000);
	cr_assert_lt(r[1].directory + 2, UNWIND_MEMORY_PAGES_MIN);
	cr_assert_eq(r[2].module, 0);
	cr_assert_eq(r[2].start, 0x7040000);
	cr_assert_eq(r[2].end, 0x7060000);
	cr_assert_eq(unwind_store_mapping(rig.store, module, 0x7020000, 0x7030000, 0x7000000, r),
		     1);
	cr_assert_eq(r[0].module, module);
	cr_assert_eq(unwind_store_mapping(rig.store, module, 0x7020000, 0x7030000, 0x8000000, r),
		     1);
	cr_assert_eq(r[0].module, 0, "wraps around");
	cr_assert_eq(unwind_store_mapping(rig.store, none, 0x1000, 0x2000, 0, r), 1);
	cr_assert_eq(r[0].module, 0);
	cr_assert_eq(unwind_store_mapping(rig.store, 0, 0x1000, 0x2000, 0, r), 1);
	cr_assert_eq(r[0].module, 0);
	cr_assert_eq(unwind_store_mapping(rig.store, module, 0x2000, 0x2000, 0, r), 0);
	table_maker_done(&maker);
	table_maker_done(&empty);
	rig_done(&rig);
}

Test(unwind_store, ranges_are_written_anew_and_given_back)
{
	struct unwind_range ranges[100] = { { 0 } };
	struct unwind_image image = { .copies = 3 }, other = { 0 }, old;
	struct rig rig;

	rig_init(&rig, 1, 64);
	for (uint64_t i = 0; i < 100; i++)
		ranges[i] = (struct unwind_range){ .start = 16 * i, .end = 16 * i + 8 };
	cr_assert_eq(unwind_store_put_ranges(rig.store, ranges, UNWIND_RANGES_PER_IMAGE + 1,
					     &image),
		     -E2BIG);
	cr_assert_eq(unwind_store_put_ranges(rig.store, ranges, 100, &image), 0);
	cr_assert_eq(image.nr, 100);
	cr_assert_neq(image.version, 0);
	cr_assert_eq(image.copies, 3);
	cr_assert_arr_eq(rig.heap.memory.ranges + image.first, ranges, sizeof(ranges));
	/* 256 in all: a second slice fits, and a third when the first is given back. */
	old = image;
	cr_assert_eq(unwind_store_put_ranges(rig.store, ranges, 99, &image), 0);
	cr_assert_neq(image.first, old.first);
	cr_assert_neq(image.version, old.version);
	cr_assert_eq(unwind_store_put_ranges(rig.store, ranges, 98, &image), -ENOSPC);
	cr_assert_eq(image.nr, 99, "unchanged by the failure");
	cr_assert_eq(stats_of(&rig).ranges_refused, 1);
	unwind_store_drop_ranges(rig.store, &old);
	cr_assert_eq(rig.quiesced, 0);
	cr_assert_eq(unwind_store_put_ranges(rig.store, ranges, 98, &image), 0);
	cr_assert_eq(rig.quiesced, 1);
	cr_assert_eq(image.first, old.first);
	/* What walks know of the old slice must not hold for who has its place now, of whichever image it is. */
	cr_assert_eq(unwind_store_put_ranges(rig.store, ranges, 4, &other), 0);
	cr_assert_neq(image.version, old.version);
	cr_assert_neq(other.version, old.version);
	cr_assert_neq(other.version, image.version);
	ranges[1].start = 7;
	cr_assert_eq(unwind_store_put_ranges(rig.store, ranges, 2, &image), -EINVAL);
	cr_assert_eq(unwind_store_put_ranges(rig.store, ranges, 0, &image), 0);
	cr_assert_eq(image.nr, 0);
	unwind_store_drop_ranges(rig.store, &image);
	rig_done(&rig);
}

Test(unwind_store, a_full_directory_takes_modules_when_others_go)
{
	struct table_maker maker;
	struct rig rig;
	uint32_t modules[3], module;

	rig_init(&rig, 1, 64);
	table_maker_init(&maker, 0, 250);
	table_maker_add(&maker, 0, rule_sp(8));
	modules[0] = add_module(&rig, &maker);
	modules[1] = add_module(&rig, &maker);
	cr_assert_eq(unwind_store_add_module(rig.store, table_maker_finish(&maker), &module),
		     -ENOSPC);
	cr_assert_eq(unwind_store_load_page(rig.store, modules[0], 0), 0);
	unwind_store_remove_module(rig.store, modules[0]);
	unwind_store_remove_module(rig.store, modules[0]);
	modules[2] = add_module(&rig, &maker);
	cr_assert_eq(modules[2], modules[0], "numbers are used again");
	cr_assert_eq(stats_of(&rig).modules, 2);
	cr_assert_eq(stats_of(&rig).pages, 0);
	cr_assert_eq(stats_of(&rig).row_bytes, 0);
	table_maker_done(&maker);
	rig_done(&rig);
}

/* Remembers a block as one that a program is reading. */
static void see(struct rig *rig, const struct unwind_range *range, uint64_t page, size_t slot)
{
	uint32_t word = entry_of(rig, range, page)->block;
	const struct unwind_block *block = (const void *)(rig->heap.memory.rows + word);

	if (word <= UNWIND_PAGE_EMPTY || rig->seen[slot].copy)
		return;
	rig->seen[slot].word = word;
	rig->seen[slot].nr = UNWIND_BLOCK_HEADER_WORDS + block->pieces[UNWIND_PIECES] + 1;
	rig->seen[slot].copy = malloc(rig->seen[slot].nr * sizeof(uint32_t));
	memcpy(rig->seen[slot].copy, block, rig->seen[slot].nr * sizeof(uint32_t));
}

/* What the table says of an address. */
static const struct unwind_rule *truth(const struct unwind_table *table, uint64_t address)
{
	uint32_t page = (uint32_t)((address >> 16) - table->first_page);
	const struct unwind_rule *rule = &table->rules[0];

	for (uint32_t i = table->page_rows[page]; i < table->page_rows[page + 1]; i++) {
		if (UNWIND_ROW_LOW(table->rows[i]) <= (address & 0xffff))
			rule = &table->rules[UNWIND_ROW_RULE(table->rows[i])];
	}
	return rule;
}

Test(unwind_store, random_loads_agree_with_the_tables)
{
	enum { MODULES = 8, PAGES = 12 };
	struct table_maker makers[MODULES];
	uint32_t modules[MODULES] = { 0 };
	struct unwind_range ranges[MODULES];
	uint64_t random = 42, checked = 0;
	struct rig rig;

	rig_init(&rig, 1, 256);
	for (uint32_t m = 0; m < MODULES; m++) {
		table_maker_init(&makers[m], m, PAGES);
		for (uint64_t page = m; page < m + PAGES; page++) {
			if ((page + m) % 5)
				fill_page(&makers[m], page, 1u << (4 + (page + m) % 8));
		}
	}
	for (int turn = 0; turn < 20000; turn++) {
		uint32_t m, kind;
		uint64_t page, address;

		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		m = (random >> 33) % MODULES;
		page = m + (random >> 40) % PAGES;
		address = page << 16 | (random >> 48);
		kind = (random >> 20) % 64;
		if (!modules[m]) {
			modules[m] = add_module(&rig, &makers[m]);
			ranges[m] = range_of(&rig, modules[m], &makers[m]);
		} else if (kind == 0) {
			unwind_store_remove_module(rig.store, modules[m]);
			modules[m] = 0;
		} else if (kind < 4) {
			rig.heap.tick++;
		} else if (kind < 32) {
			int rc = unwind_store_load_page(rig.store, modules[m], page);

			cr_assert(rc == 0 || rc == -ENOSPC);
			see(&rig, &ranges[m], page, (random >> 14) % ARRAY_SIZE(rig.seen));
		} else {
			const struct unwind_rule *rule =
				find_rule(&rig.heap.memory, &ranges[m], address);

			if (rule) {
				cr_assert_arr_eq(rule, truth(&makers[m].table, address),
						 sizeof(*rule));
				entry_of(&rig, &ranges[m], page)->used = rig.heap.tick;
				checked++;
			}
		}
		check_seen(&rig);
	}
	cr_assert_gt(checked, 1000);
	cr_assert_gt(stats_of(&rig).pages_evicted, 100);
	cr_assert_eq(stats_of(&rig).rules_unfit, 0);
	for (uint32_t m = 0; m < MODULES; m++) {
		if (modules[m])
			unwind_store_remove_module(rig.store, modules[m]);
		table_maker_done(&makers[m]);
	}
	cr_assert_eq(stats_of(&rig).pages, 0);
	cr_assert_leq(stats_of(&rig).pages_evicted, stats_of(&rig).pages_loaded);
	rig_done(&rig);
}
