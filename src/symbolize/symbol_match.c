/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Matches symbols with addresses.
 * Called by the readers of symbol tables with what they read, and by the symbolizer for the outcome.
 * Must not know where symbols come from.
 */
#include "symbolize/symbol_match.h"

#include <errno.h>

#include "base/macros.h"
#include "base/search.h"

/* Times an address may be covered on average: real tables have two or three aliases and nested symbols. */
#define STEPS_PER_ADDRESS 256u
#define STEPS_LEAST       100000u

struct symbol_slot {
	struct symbol best; /* with a size, covering the address; rank SYMBOL_BOUND = none yet */
	struct symbol
		latest; /* greatest start at or below this address but above the one before; same */
};

static const struct symbol no_symbol = { .rank = SYMBOL_BOUND };

uint64_t symbol_name_weight(const char *name, size_t len)
{
	uint64_t underscores = 0;

	while (underscores < len && name[underscores] == '_')
		underscores++;
	return underscores << 32 | (UINT32_MAX - (uint32_t)MIN(len, (size_t)UINT32_MAX));
}

int symbol_match_init(struct symbol_match *m, const uint64_t *addresses, size_t nr,
		      enum symbol_rule rule, symbol_weight_fn weight, void *weight_arg)
{
	*m = (struct symbol_match){
		.addresses = addresses,
		.nr = nr,
		.rule = rule,
		.weight = weight,
		.weight_arg = weight_arg,
		.steps = (uint64_t)nr * STEPS_PER_ADDRESS + STEPS_LEAST,
	};
	m->slots = calloc(nr ? nr : 1, sizeof(*m->slots));
	if (!m->slots)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		m->slots[i] = (struct symbol_slot){ .best = no_symbol, .latest = no_symbol };
	return 0;
}

void symbol_match_done(struct symbol_match *m)
{
	free(m->slots);
	*m = (struct symbol_match){ 0 };
}

/* Whether addresses[i] is the first >= start; i may be nr. */
static bool is_first_at(const struct symbol_match *m, size_t i, uint64_t start)
{
	return (!i || m->addresses[i - 1] < start) && (i == m->nr || m->addresses[i] >= start);
}

/* Index of the first address >= start. */
static size_t first_at(const struct symbol_match *m, uint64_t start)
{
	if (is_first_at(m, m->last, start))
		return m->last;
	return PARTITION_POINT(i, m->nr, m->addresses[i] < start);
}

/* True when a is to be preferred to b, both starting at the same address. */
static bool same_start_better(const struct symbol_match *m, const struct symbol *a,
			      const struct symbol *b)
{
	if (!a->size != !b->size)
		return a->size != 0;
	if (a->rank != b->rank)
		return a->rank < b->rank;
	if (!m->weight || a->rank == SYMBOL_BOUND)
		return false;
	return m->weight(m->weight_arg, a->name) < m->weight(m->weight_arg, b->name);
}

/* True when a is a better name than b for an address that both cover. */
static bool covering_better(const struct symbol_match *m, const struct symbol *a,
			    const struct symbol *b)
{
	if ((a->rank >= SYMBOL_LABEL) != (b->rank >= SYMBOL_LABEL))
		return a->rank < b->rank;
	if (b->rank == SYMBOL_BOUND)
		return a->rank != SYMBOL_BOUND;
	if (a->start != b->start)
		return a->start > b->start;
	return same_start_better(m, a, b);
}

/* Remembers, for symbols of unknown size, which symbol starts last in front of each address. */
static void note_start(struct symbol_match *m, size_t first, const struct symbol *symbol)
{
	struct symbol *latest = &m->slots[first].latest;

	/* An empty slot has start 0 and the worst rank, so anything replaces it but a bound at 0. */
	if (symbol->start > latest->start ||
	    (symbol->start == latest->start && same_start_better(m, symbol, latest)))
		*latest = *symbol;
}

int symbol_match_add(struct symbol_match *m, const struct symbol *symbol)
{
	size_t first = first_at(m, symbol->start);

	m->last = first;
	if (first == m->nr)
		return 0;
	if (m->rule == SYMBOL_BEST)
		note_start(m, first, symbol);
	if (symbol->rank == SYMBOL_BOUND)
		return 0;
	for (size_t i = first; i < m->nr && m->addresses[i] - symbol->start < symbol->size; i++) {
		struct symbol_slot *slot = &m->slots[i];

		if (!m->steps)
			return -E2BIG;
		m->steps--;
		if (m->rule == SYMBOL_LATEST || covering_better(m, symbol, &slot->best))
			slot->best = *symbol;
	}
	return 0;
}

void symbol_match_limit(struct symbol_match *m, uint64_t start, uint64_t limit)
{
	size_t first = first_at(m, start);

	if (first < m->nr && m->slots[first].latest.start == start)
		m->slots[first].latest.limit = limit;
}

void symbol_match_finish(struct symbol_match *m)
{
	struct symbol latest = no_symbol;

	for (size_t i = 0; i < m->nr; i++) {
		struct symbol_slot *slot = &m->slots[i];

		/* Later slots hold greater starts, if any: each start is noted at the first address behind it. */
		if (slot->latest.start || slot->latest.rank != SYMBOL_BOUND)
			latest = slot->latest;
		if (slot->best.rank == SYMBOL_BOUND && latest.rank != SYMBOL_BOUND &&
		    !latest.size && m->addresses[i] < latest.limit)
			slot->best = latest;
	}
}

const struct symbol *symbol_match_get(const struct symbol_match *m, size_t i)
{
	const struct symbol *best = &m->slots[i].best;

	return best->rank == SYMBOL_BOUND ? NULL : best;
}

const struct symbol *symbol_match_find(const struct symbol_match *m, uint64_t address)
{
	size_t i = first_at(m, address);

	return i < m->nr && m->addresses[i] == address ? symbol_match_get(m, i) : NULL;
}
