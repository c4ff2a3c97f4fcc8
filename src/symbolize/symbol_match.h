/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the symbol of each of many addresses in one pass over an unsorted list of symbols.
 * Used for ELF symbol tables, kallsyms and perf maps alike.
 *
 * The addresses are sorted, the symbols are not: each symbol looks up the addresses it covers. So memory depends on the
 * addresses recorded and not on the size of the symbol table, and a table of a million symbols is never held or sorted.
 */
#ifndef SYMBOLIZE_SYMBOL_MATCH_H
#define SYMBOLIZE_SYMBOL_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much a symbol is worth; the lower wins. Numbers are compared, so the order of the values is the rule. */
enum symbol_rank {
	SYMBOL_GLOBAL,
	SYMBOL_LOCAL,
	SYMBOL_WEAK,
	SYMBOL_LABEL, /* not said to be a function: an assembler label */
	SYMBOL_BOUND, /* no name for anything; only ends a symbol of unknown size in front of it */
};

struct symbol {
	uint64_t start;
	uint64_t size; /* 0 = unknown: then it ends at the next symbol, and at `limit` */
	uint64_t
		limit; /* for size 0: the first address that cannot belong to it (its section's end) */
	uint64_t name; /* for the caller */
	enum symbol_rank rank;
};

/* How symbols compete for an address. */
enum symbol_rule {
	/*
	 * A symbol with a size that covers the address, else one of unknown size that reaches it. Functions before
	 * labels; then the greatest start; then the rank; then by name the fewest leading underscores and the longest.
	 * The order for symbols of equal start is that of perf (symbols__fixup_duplicate() in its util/symbol.c).
	 */
	SYMBOL_BEST,
	/* The symbol added last that covers the address: code that moves in time. */
	SYMBOL_LATEST,
};

/* Weight of a name (see symbol_name_weight()) of symbol.name, asked for only when two symbols are otherwise equal. */
typedef uint64_t (*symbol_weight_fn)(void *arg, uint64_t name);

struct symbol_match {
	const uint64_t *addresses; /* [nr], ascending; borrowed */
	size_t nr;
	enum symbol_rule rule;
	symbol_weight_fn weight; /* NULL = symbols that are equal but for the name: the first one */
	void *weight_arg;
	struct symbol_slot *slots; /* [nr], owned */
	size_t last;               /* where the symbol before starts: most lists are sorted */
	uint64_t steps;            /* work left, see symbol_match_add() */
};

/* A name's weight for ties; lower is better. */
uint64_t symbol_name_weight(const char *name, size_t len);

/*
 * Starts a match for addresses[nr], which must be ascending (equal ones are allowed) and stay until it is over.
 * weight may be NULL. Returns 0 or -ENOMEM.
 */
int symbol_match_init(struct symbol_match *m, const uint64_t *addresses, size_t nr,
		      enum symbol_rule rule, symbol_weight_fn weight, void *weight_arg);
/* Frees what *m owns. Accepts all zero. */
void symbol_match_done(struct symbol_match *m);

/*
 * Offers a symbol. Returns 0, or -E2BIG when the symbols so far cover the addresses so many times over that the table
 * must be made to waste time; then the match is worth nothing.
 */
int symbol_match_add(struct symbol_match *m, const struct symbol *symbol);

/*
 * Says where symbols of unknown size that start at `start`, and were offered, end at the latest. For lists that tell only
 * with a later symbol which one is the last of its section.
 */
void symbol_match_limit(struct symbol_match *m, uint64_t start, uint64_t limit);

/* Settles symbols of unknown size, after the last symbol_match_add() and before symbol_match_get(). */
void symbol_match_finish(struct symbol_match *m);

/* The symbol of addresses[i], or NULL when none covers it. */
const struct symbol *symbol_match_get(const struct symbol_match *m, size_t i);
/* The symbol of an address, which is one of addresses[]; or NULL. */
const struct symbol *symbol_match_find(const struct symbol_match *m, uint64_t address);

#endif
