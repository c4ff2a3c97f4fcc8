/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fills the arrays that the walker reads, and keeps account of what is in use, in limbo and free.
 * Called by src/linux/.
 * Must not know processes, files or BPF.
 *
 * Order of writes: what a number leads to is complete before the number is published (release stores), and a number is
 * taken back before what it leads to is reused (quiesce).
 */
#include "unwind/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/run_map.h"
#include "unwind/rule_pool.h"

/* What is handed out at once: of the row store, the ranges and the directory. */
#define ROW_GRAIN       64 /* words */
#define RANGE_GRAIN     4
#define DIRECTORY_GRAIN 8

#define BLOCK_ROWS_MAX (UNWIND_CHUNK_WORDS - UNWIND_BLOCK_HEADER_WORDS)
/* An eviction frees this part of the row store, so that there are few of them. */
#define EVICT_PART 8

_Static_assert(BLOCK_ROWS_MAX <= UINT16_MAX, "pieces are 16-bit numbers of rows");

struct module {
	const struct unwind_table *table; /* NULL = no module has this number */
	uint32_t first;                   /* page in the directory */
};

/* Grains that programs may still look at. */
struct limbo {
	struct run_map *map;
	uint32_t first;
	uint32_t nr;
};

struct unwind_store {
	struct unwind_memory memory;
	void (*quiesce)(void *arg);
	void *arg;

	struct run_map ranges;
	struct run_map directory;
	struct run_map rows;
	struct rule_pool rules;

	struct module *modules; /* [nr_modules], the first is module 1 */
	size_t nr_modules;
	size_t cap_modules;
	uint32_t version; /* of the slice of ranges made last */

	struct limbo *limbo;
	size_t nr_limbo;
	size_t cap_limbo;

	uint64_t *candidates; /* for an eviction: age << 32 | page in the directory */
	size_t cap_candidates;

	uint32_t *block; /* a page's rows with their new rules, before there is a place for them */
	uint16_t *
		names; /* [UINT16_MAX + 1] rule of the table -> rule of the pool + 1; 0 = not yet */

	struct unwind_store_stats stats;
};

static uint32_t grains(uint32_t nr, uint32_t grain)
{
	return (nr + grain - 1) / grain;
}

static bool is_power_of_two(uint32_t nr)
{
	return nr && !(nr & (nr - 1));
}

static bool is_valid(const struct unwind_memory *m)
{
	return is_power_of_two(m->nr_ranges) && m->nr_ranges >= UNWIND_MEMORY_RANGES_MIN &&
	       is_power_of_two(m->nr_pages) && m->nr_pages >= UNWIND_MEMORY_PAGES_MIN &&
	       is_power_of_two(m->nr_rules) && m->nr_rules >= 16 &&
	       m->nr_rules <= UNWIND_RULES_MAX && m->nr_chunks &&
	       m->nr_chunks <= UNWIND_MEMORY_CHUNKS_MAX;
}

int unwind_store_new(const struct unwind_memory *memory, void (*quiesce)(void *arg), void *arg,
		     struct unwind_store **ret_store)
{
	struct unwind_store *s;

	if (!is_valid(memory))
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->memory = *memory;
	s->quiesce = quiesce;
	s->arg = arg;
	s->block = malloc(UNWIND_CHUNK_WORDS * sizeof(*s->block));
	s->names = malloc((UINT16_MAX + 1) * sizeof(*s->names));
	if (!s->block || !s->names ||
	    run_map_init(&s->ranges, memory->nr_ranges / RANGE_GRAIN, 0) ||
	    run_map_init(&s->directory, memory->nr_pages / DIRECTORY_GRAIN, 0) ||
	    run_map_init(&s->rows, memory->nr_chunks * (UNWIND_CHUNK_WORDS / ROW_GRAIN),
			 UNWIND_CHUNK_WORDS / ROW_GRAIN) ||
	    rule_pool_init(&s->rules, memory->rules, memory->nr_rules)) {
		unwind_store_free(s);
		return -ENOMEM;
	}
	/* No block is at the words that mean absent and empty. */
	run_map_take(&s->rows, 1);
	*ret_store = s;
	return 0;
}

void unwind_store_free(struct unwind_store *store)
{
	if (!store)
		return;
	run_map_done(&store->ranges);
	run_map_done(&store->directory);
	run_map_done(&store->rows);
	rule_pool_done(&store->rules);
	free(store->modules);
	free(store->limbo);
	free(store->candidates);
	free(store->block);
	free(store->names);
	free(store);
}

/* ---- limbo ------------------------------------------------------------------------------------------------------ */

static struct unwind_block *block_at(const struct unwind_store *s, uint32_t word)
{
	return (struct unwind_block *)(void *)(s->memory.rows + word);
}

static uint32_t block_rows(const struct unwind_block *block)
{
	return block->pieces[UNWIND_PIECES] + 1u;
}

static void wait_for_programs(struct unwind_store *s)
{
	s->stats.quiesced++;
	if (s->quiesce)
		s->quiesce(s->arg);
}

static void give(struct unwind_store *s, const struct limbo *l)
{
	if (l->map == &s->rows) {
		const struct unwind_block *block = block_at(s, l->first * ROW_GRAIN);

		for (uint32_t i = 0; i < block_rows(block); i++)
			rule_pool_unref(&s->rules, UNWIND_ROW_RULE(block->rows[i]));
	}
	run_map_give(l->map, l->first, l->nr);
}

/* Makes free what is in limbo. Returns false when nothing was. */
static bool reclaim(struct unwind_store *s)
{
	if (!s->nr_limbo)
		return false;
	wait_for_programs(s);
	for (size_t i = 0; i < s->nr_limbo; i++)
		give(s, &s->limbo[i]);
	s->nr_limbo = 0;
	return true;
}

static void send_to_limbo(struct unwind_store *s, struct run_map *map, uint32_t first, uint32_t nr)
{
	struct limbo l = { .map = map, .first = first, .nr = nr };

	if (array_reserve(&s->limbo, &s->cap_limbo, s->nr_limbo + 1, sizeof(*s->limbo))) {
		wait_for_programs(s);
		give(s, &l);
		return;
	}
	s->limbo[s->nr_limbo++] = l;
}

/* Grains of a map, if need be from limbo. */
static uint32_t take(struct unwind_store *s, struct run_map *map, uint32_t nr)
{
	uint32_t first = run_map_take(map, nr);

	if (first == RUN_MAP_NONE && reclaim(s))
		first = run_map_take(map, nr);
	return first;
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

static void unload_page(struct unwind_store *s, struct unwind_page *page)
{
	uint32_t word = page->block;

	if (word == UNWIND_PAGE_ABSENT)
		return;
	__atomic_store_n(&page->block, UNWIND_PAGE_ABSENT, __ATOMIC_RELEASE);
	s->stats.pages--;
	if (word != UNWIND_PAGE_EMPTY)
		send_to_limbo(s, &s->rows, word / ROW_GRAIN,
			      grains(UNWIND_BLOCK_HEADER_WORDS + block_rows(block_at(s, word)),
				     ROW_GRAIN));
}

static int compare_candidates(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* All pages with rows that were not used in the present tick, the longest unused ones first. */
static int list_candidates(struct unwind_store *s, size_t *ret_nr)
{
	uint32_t tick = *s->memory.tick;
	size_t nr = 0;

	if (array_reserve(&s->candidates, &s->cap_candidates, s->stats.pages,
			  sizeof(*s->candidates)))
		return -ENOMEM;
	for (size_t i = 0; i < s->nr_modules; i++) {
		const struct module *m = &s->modules[i];

		for (uint32_t p = 0; m->table && p < m->table->nr_pages; p++) {
			const struct unwind_page *page = &s->memory.directory[m->first + p];
			uint32_t age = tick - __atomic_load_n(&page->used, __ATOMIC_RELAXED);

			if (page->block > UNWIND_PAGE_EMPTY && age)
				s->candidates[nr++] = (uint64_t)age << 32 | (m->first + p);
		}
	}
	if (nr)
		qsort(s->candidates, nr, sizeof(*s->candidates), compare_candidates);
	*ret_nr = nr;
	return 0;
}

/* Frees a part of the row store. Returns how many pages went, or -ENOMEM. */
static int evict(struct unwind_store *s)
{
	uint32_t goal = s->rows.nr / EVICT_PART, freed = 0;
	size_t nr, i;
	int rc;

	rc = list_candidates(s, &nr);
	if (rc)
		return rc;
	for (i = 0; i < nr && freed <= goal; i++) {
		struct unwind_page *page = &s->memory.directory[(uint32_t)s->candidates[i]];

		freed += grains(UNWIND_BLOCK_HEADER_WORDS + block_rows(block_at(s, page->block)),
				ROW_GRAIN);
		unload_page(s, page);
		s->stats.pages_evicted++;
	}
	reclaim(s);
	return (int)i;
}

/* The number of a rule of a table, which gets one more row. */
static uint32_t intern_rule(struct unwind_store *s, const struct unwind_rule *rule)
{
	uint32_t name = rule_pool_add(&s->rules, rule);

	if (name != RULE_UNKNOWN || rule->cfa == UNWIND_CFA_UNKNOWN || rule->cfa > UNWIND_CFA_LAST)
		return name;
	if (reclaim(s))
		name = rule_pool_add(&s->rules, rule);
	if (name == RULE_UNKNOWN)
		s->stats.rules_unfit++;
	return name;
}

/* Writes s->block's rows, as rows of the store. Returns how many. */
static uint32_t translate_rows(struct unwind_store *s, const struct unwind_page_rows *page)
{
	uint32_t *rows = s->block + UNWIND_BLOCK_HEADER_WORDS;
	uint32_t nr = page->nr_rows, fit = MIN(nr, BLOCK_ROWS_MAX);

	memset(s->names, 0, MIN(page->nr_rules, UINT16_MAX + 1u) * sizeof(*s->names));
	for (uint32_t i = 0; i < fit; i++) {
		uint32_t row = page->rows[i], rule = UNWIND_ROW_RULE(row);
		uint32_t name = RULE_UNKNOWN;

		if (rule < page->nr_rules && s->names[rule]) {
			name = s->names[rule] - 1u;
			rule_pool_ref(&s->rules, name);
		} else if (rule < page->nr_rules) {
			name = intern_rule(s, &page->rules[rule]);
			s->names[rule] = (uint16_t)(name + 1);
		}
		rows[i] = UNWIND_ROW(UNWIND_ROW_LOW(row), name);
	}
	if (fit < nr) {
		s->stats.rows_unfit += nr - fit;
		rule_pool_unref(&s->rules, UNWIND_ROW_RULE(rows[fit - 1]));
		rows[fit - 1] = UNWIND_ROW(UNWIND_ROW_LOW(rows[fit - 1]), RULE_GAP);
	}
	/* Each address must find a row. */
	rows[0] = UNWIND_ROW(0, UNWIND_ROW_RULE(rows[0]));
	return fit;
}

/* Where each piece's search begins: at the row that its first address belongs to. */
static void index_pieces(struct unwind_block *block, uint32_t nr)
{
	uint32_t row = 0;

	for (uint32_t piece = 0; piece < UNWIND_PIECES; piece++) {
		while (row + 1 < nr &&
		       UNWIND_ROW_LOW(block->rows[row + 1]) <= piece << UNWIND_PIECE_SHIFT)
			row++;
		block->pieces[piece] = (uint16_t)row;
	}
	block->pieces[UNWIND_PIECES] = (uint16_t)(nr - 1);
	block->pieces[UNWIND_PIECES + 1] = 0;
}

/* Room for a block. Returns 0, -ENOSPC or -ENOMEM. */
static int take_block(struct unwind_store *s, uint32_t words, uint32_t *ret_word)
{
	uint32_t nr = grains(words, ROW_GRAIN), first = take(s, &s->rows, nr);

	/* Free grains need not be neighbours, so one eviction may not be enough. */
	while (first == RUN_MAP_NONE) {
		int evicted = evict(s);

		if (evicted <= 0)
			return evicted ? evicted : -ENOSPC;
		first = run_map_take(&s->rows, nr);
	}
	*ret_word = first * ROW_GRAIN;
	return 0;
}

/* Puts rows of a table into the store. */
static int load_rows(struct unwind_store *s, const struct unwind_page_rows *page,
		     uint32_t *ret_word)
{
	struct unwind_block *block = (struct unwind_block *)(void *)s->block;
	uint32_t nr = translate_rows(s, page), words;
	int rc;

	index_pieces(block, nr);
	words = UNWIND_BLOCK_HEADER_WORDS + nr;
	rc = take_block(s, words, ret_word);
	if (rc) {
		for (uint32_t i = 0; i < nr; i++)
			rule_pool_unref(&s->rules, UNWIND_ROW_RULE(block->rows[i]));
		return rc;
	}
	memcpy(s->memory.rows + *ret_word, s->block, words * sizeof(*s->block));
	return 0;
}

static struct module *find_module(const struct unwind_store *s, uint32_t module)
{
	if (!module || module > s->nr_modules || !s->modules[module - 1].table)
		return NULL;
	return &s->modules[module - 1];
}

int unwind_store_load_page(struct unwind_store *store, uint32_t module, uint64_t page)
{
	const struct module *m = find_module(store, module);
	const struct unwind_table *table;
	struct unwind_page_rows rows;
	struct unwind_page *entry;
	uint32_t word = UNWIND_PAGE_EMPTY;
	int rc;

	if (!m || page < m->table->first_page || page - m->table->first_page >= m->table->nr_pages)
		return -ENOENT;
	table = m->table;
	page -= table->first_page;
	entry = &store->memory.directory[m->first + page];
	if (entry->block != UNWIND_PAGE_ABSENT)
		return 0;
	rc = unwind_table_page(table, (uint32_t)page, &rows);
	if (!rc && rows.nr_rows)
		rc = load_rows(store, &rows, &word);
	if (rc) {
		store->stats.pages_refused++;
		return rc;
	}
	__atomic_store_n(&entry->used, *store->memory.tick, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->block, word, __ATOMIC_RELEASE);
	store->stats.pages_loaded++;
	store->stats.pages++;
	return 0;
}

/* ---- modules ---------------------------------------------------------------------------------------------------- */

/* A number that is free, or a new one; NULL = no memory. */
static struct module *new_module(struct unwind_store *s)
{
	for (size_t i = 0; i < s->nr_modules; i++) {
		if (!s->modules[i].table)
			return &s->modules[i];
	}
	if (array_reserve(&s->modules, &s->cap_modules, s->nr_modules + 1, sizeof(*s->modules)))
		return NULL;
	s->modules[s->nr_modules] = (struct module){ 0 };
	return &s->modules[s->nr_modules++];
}

int unwind_store_add_module(struct unwind_store *store, const struct unwind_table *table,
			    uint32_t *ret_module)
{
	struct module *m = new_module(store);
	uint32_t first = 0;

	if (!m)
		return -ENOMEM;
	if (table->nr_pages > store->memory.nr_pages)
		return -ENOSPC;
	if (table->nr_pages) {
		first = take(store, &store->directory, grains(table->nr_pages, DIRECTORY_GRAIN));
		if (first == RUN_MAP_NONE)
			return -ENOSPC;
	}
	*m = (struct module){ .table = table, .first = first * DIRECTORY_GRAIN };
	memset(store->memory.directory + m->first, 0,
	       table->nr_pages * sizeof(*store->memory.directory));
	store->stats.modules++;
	*ret_module = (uint32_t)(m - store->modules) + 1;
	return 0;
}

void unwind_store_remove_module(struct unwind_store *store, uint32_t module)
{
	struct module *m = find_module(store, module);
	uint32_t nr;

	if (!m)
		return;
	nr = m->table->nr_pages;
	for (uint32_t i = 0; i < nr; i++)
		unload_page(store, &store->memory.directory[m->first + i]);
	if (nr)
		send_to_limbo(store, &store->directory, m->first / DIRECTORY_GRAIN,
			      grains(nr, DIRECTORY_GRAIN));
	m->table = NULL;
	store->stats.modules--;
}

/* ---- images ----------------------------------------------------------------------------------------------------- */

/* Appends start .. end unless that is empty. */
static uint32_t add_range(struct unwind_range *ranges, uint32_t nr, struct unwind_range range)
{
	if (range.start >= range.end)
		return nr;
	ranges[nr] = range;
	return nr + 1;
}

uint32_t unwind_store_mapping(const struct unwind_store *store, uint32_t module, uint64_t start,
			      uint64_t end, uint64_t bias,
			      struct unwind_range ret_ranges[UNWIND_MAPPING_RANGES])
{
	const struct module *m = find_module(store, module);
	struct unwind_range outside = { .start = start, .end = end };
	uint64_t low = start - bias, last = end - 1 - bias, table_low, table_last;
	uint32_t nr = 0;

	if (start >= end)
		return 0;
	if (!m || !m->table->nr_pages || low > last)
		return add_range(ret_ranges, 0, outside);
	/* Addresses of the file, with inclusive ends: a table may reach the end of all addresses. */
	table_low = m->table->first_page << UNWIND_PAGE_SHIFT;
	table_last = ((m->table->first_page + m->table->nr_pages) << UNWIND_PAGE_SHIFT) - 1;
	if (last < table_low || low > table_last)
		return add_range(ret_ranges, 0, outside);
	outside.end = MAX(low, table_low) + bias;
	nr = add_range(ret_ranges, nr, outside);
	nr = add_range(ret_ranges, nr,
		       (struct unwind_range){
			       .start = outside.end,
			       .end = MIN(last, table_last) + bias + 1,
			       .bias = bias,
			       .directory = m->first - (uint32_t)m->table->first_page,
			       .module = module,
		       });
	outside.start = MIN(last, table_last) + bias + 1;
	outside.end = end;
	return add_range(ret_ranges, nr, outside);
}

static bool is_sorted(const struct unwind_range *ranges, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		if (ranges[i].start >= ranges[i].end || (i && ranges[i].start < ranges[i - 1].end))
			return false;
	}
	return true;
}

int unwind_store_put_ranges(struct unwind_store *store, const struct unwind_range *ranges,
			    uint32_t nr, struct unwind_image *image)
{
	uint32_t first = 0;

	if (nr > UNWIND_RANGES_PER_IMAGE)
		return -E2BIG;
	if (!is_sorted(ranges, nr))
		return -EINVAL;
	if (nr) {
		first = take(store, &store->ranges, grains(nr, RANGE_GRAIN));
		if (first == RUN_MAP_NONE) {
			store->stats.ranges_refused++;
			return -ENOSPC;
		}
		first *= RANGE_GRAIN;
		memcpy(store->memory.ranges + first, ranges, nr * sizeof(*ranges));
	}
	image->first = first;
	image->nr = nr;
	image->version = ++store->version;
	return 0;
}

void unwind_store_drop_ranges(struct unwind_store *store, const struct unwind_image *image)
{
	if (image->nr)
		send_to_limbo(store, &store->ranges, image->first / RANGE_GRAIN,
			      grains(image->nr, RANGE_GRAIN));
}

/* ---- account ---------------------------------------------------------------------------------------------------- */

void unwind_store_stats(const struct unwind_store *store, struct unwind_store_stats *ret_stats)
{
	*ret_stats = store->stats;
	ret_stats->rules = store->rules.used.used;
	ret_stats->row_bytes = (uint64_t)(store->rows.used - 1) * ROW_GRAIN * sizeof(uint32_t);
}

size_t unwind_store_bytes(const struct unwind_store *store)
{
	return sizeof(*store) + run_map_bytes(&store->ranges) + run_map_bytes(&store->directory) +
	       run_map_bytes(&store->rows) + rule_pool_bytes(&store->rules) +
	       store->cap_modules * sizeof(*store->modules) +
	       store->cap_limbo * sizeof(*store->limbo) +
	       store->cap_candidates * sizeof(*store->candidates) +
	       UNWIND_CHUNK_WORDS * sizeof(*store->block) +
	       (UINT16_MAX + 1) * sizeof(*store->names);
}
