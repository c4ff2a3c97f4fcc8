/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbolize/symbol_match.h: which symbol an address gets.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/macros.h"
#include "symbolize/symbol_match.h"

/* Symbols name themselves by their number, which is the weight of the name as well. */
static uint64_t weight(void *arg, uint64_t name)
{
	(void)arg;
	return name;
}

struct named {
	uint64_t start, size, limit;
	enum symbol_rank rank;
};

/* Names of addresses[nr] are the symbols' numbers from 1 on, 0 = none. */
static void expect(enum symbol_rule rule, const struct named *symbols, size_t nr_symbols,
		   const uint64_t *addresses, const uint64_t *want, size_t nr)
{
	struct symbol_match match;

	cr_assert_eq(symbol_match_init(&match, addresses, nr, rule, weight, NULL), 0);
	for (size_t i = 0; i < nr_symbols; i++) {
		struct symbol symbol = { .start = symbols[i].start,
					 .size = symbols[i].size,
					 .limit = symbols[i].limit,
					 .rank = symbols[i].rank,
					 .name = i + 1 };

		cr_assert_eq(symbol_match_add(&match, &symbol), 0);
	}
	symbol_match_finish(&match);
	for (size_t i = 0; i < nr; i++) {
		const struct symbol *got = symbol_match_get(&match, i);

		cr_assert_eq(got ? got->name : 0, want[i], "address %zu: got %lu, want %lu", i,
			     got ? (unsigned long)got->name : 0, (unsigned long)want[i]);
	}
	symbol_match_done(&match);
}

#define EXPECT(rule, symbols, addresses, want) \
	expect(rule, symbols, ARRAY_SIZE(symbols), addresses, want, ARRAY_SIZE(addresses))

Test(symbol_match, size_is_checked_never_the_nearest)
{
	const struct named symbols[] = { { 200, 50, 1000, SYMBOL_GLOBAL },
					 { 100, 50, 1000, SYMBOL_GLOBAL } };
	const uint64_t addresses[] = { 99, 100, 149, 150, 199, 200, 249, 250, UINT64_MAX };
	const uint64_t want[] = { 0, 2, 2, 0, 0, 1, 1, 0, 0 };

	EXPECT(SYMBOL_BEST, symbols, addresses, want);
}

Test(symbol_match, unknown_size_ends_at_next_symbol_or_limit)
{
	const struct named symbols[] = {
		{ 300, 0, 350, SYMBOL_GLOBAL },
		{ 100, 0, 350, SYMBOL_GLOBAL },
		{ 200, 10, 350, SYMBOL_GLOBAL },
	};
	const uint64_t addresses[] = { 99, 100, 199, 200, 209, 210, 299, 300, 349, 350 };
	const uint64_t want[] = { 0, 2, 2, 3, 3, 0, 0, 1, 1, 0 };

	EXPECT(SYMBOL_BEST, symbols, addresses, want);
}

/* Where the last symbols of a section end may be told behind them. */
Test(symbol_match, limit_that_is_told_later)
{
	const uint64_t addresses[] = { 150, 199, 200, 250, 310, 399, 400 };
	const uint64_t want[] = { 1, 1, 0, 0, 3, 3, 3 };
	const uint64_t starts[] = { 100, 100, 300 };
	struct symbol_match match;

	cr_assert_eq(symbol_match_init(&match, addresses, ARRAY_SIZE(addresses), SYMBOL_BEST,
				       weight, NULL),
		     0);
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		const struct symbol symbol = { .start = starts[i],
					       .limit = UINT64_MAX,
					       .rank = SYMBOL_GLOBAL,
					       .name = i + 1 };

		cr_assert_eq(symbol_match_add(&match, &symbol), 0);
	}
	symbol_match_limit(&match, 100, 200);
	symbol_match_limit(&match, 299, 300); /* nothing starts there */
	symbol_match_limit(&match, 1000, 2000);
	symbol_match_finish(&match);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		const struct symbol *got = symbol_match_find(&match, addresses[i]);

		cr_assert_eq(got ? got->name : 0, want[i], "address %zu", i);
	}
	cr_assert_null(symbol_match_find(&match, 151), "not one of the addresses");
	cr_assert_null(symbol_match_find(&match, 401));
	symbol_match_done(&match);
}

Test(symbol_match, bounds_end_but_do_not_name)
{
	const struct named symbols[] = {
		{ 100, 0, 1000, SYMBOL_LOCAL },
		{ 150, 0, 1000, SYMBOL_BOUND },
		{ 200, 0, 1000, SYMBOL_BOUND },
		{ 200, 0, 1000, SYMBOL_WEAK },
	};
	const uint64_t addresses[] = { 120, 150, 170, 200, 210 };
	const uint64_t want[] = { 1, 0, 0, 4, 4 };

	EXPECT(SYMBOL_BEST, symbols, addresses, want);
}

Test(symbol_match, innermost_of_nested)
{
	const struct named symbols[] = {
		{ 100, 100, 0, SYMBOL_GLOBAL },
		{ 120, 10, 0, SYMBOL_WEAK },
		{ 125, 2, 0, SYMBOL_LABEL },
	};
	const uint64_t addresses[] = { 110, 120, 126, 129, 130 };
	const uint64_t want[] = { 1, 2, 2, 2, 1 };

	EXPECT(SYMBOL_BEST, symbols, addresses, want);
}

Test(symbol_match, order_of_aliases)
{
	const struct named by_rank[] = {
		{ 100, 10, 0, SYMBOL_WEAK },
		{ 100, 10, 0, SYMBOL_LOCAL },
		{ 100, 10, 0, SYMBOL_GLOBAL },
		{ 100, 10, 0, SYMBOL_LABEL },
	};
	const struct named by_name[] = {
		{ 90, 0, 200, SYMBOL_GLOBAL },
		{ 100, 0, 200, SYMBOL_GLOBAL },
		{ 100, 10, 0, SYMBOL_LOCAL },
		{ 100, 10, 0, SYMBOL_LOCAL },
	};
	const uint64_t addresses[] = { 100, 109, 110 };
	const uint64_t want_rank[] = { 3, 3, 0 };
	/* Behind the one with a size nothing is said, although an alias has none: it would be a guess. */
	const uint64_t want_name[] = { 3, 3, 0 };

	EXPECT(SYMBOL_BEST, by_rank, addresses, want_rank);
	EXPECT(SYMBOL_BEST, by_name, addresses, want_name);
}

Test(symbol_match, labels_only_where_no_function_is)
{
	const struct named symbols[] = {
		{ 100, 50, 0, SYMBOL_LABEL },
		{ 90, 20, 0, SYMBOL_GLOBAL },
		{ 160, 0, 300, SYMBOL_LABEL },
	};
	const uint64_t addresses[] = { 95, 105, 110, 149, 155, 160, 299, 300 };
	const uint64_t want[] = { 2, 2, 1, 1, 0, 3, 3, 0 };

	EXPECT(SYMBOL_BEST, symbols, addresses, want);
}

Test(symbol_match, latest_wins_when_code_moves)
{
	const struct named symbols[] = {
		{ 100, 100, 0, SYMBOL_GLOBAL },
		{ 150, 100, 0, SYMBOL_GLOBAL },
		{ 100, 10, 0, SYMBOL_GLOBAL },
		{ 105, 0, 0, SYMBOL_GLOBAL },
	};
	const uint64_t addresses[] = { 100, 109, 110, 149, 150, 199, 249, 250 };
	const uint64_t want[] = { 3, 3, 1, 1, 2, 2, 2, 0 };

	EXPECT(SYMBOL_LATEST, symbols, addresses, want);
}

Test(symbol_match, ends_of_the_address_space)
{
	const struct named symbols[] = {
		{ 0, 1, 0, SYMBOL_GLOBAL },
		{ UINT64_MAX - 1, 100, 0, SYMBOL_GLOBAL },
	};
	const uint64_t addresses[] = { 0, 1, UINT64_MAX - 2, UINT64_MAX - 1, UINT64_MAX };
	const uint64_t want[] = { 1, 0, 0, 2, 2 };

	EXPECT(SYMBOL_BEST, symbols, addresses, want);
}

Test(symbol_match, equal_addresses_and_none)
{
	const struct named symbols[] = { { 10, 0, 100, SYMBOL_GLOBAL },
					 { 20, 10, 0, SYMBOL_GLOBAL } };
	const uint64_t addresses[] = { 15, 15, 20, 20 };
	const uint64_t want[] = { 1, 1, 2, 2 };

	EXPECT(SYMBOL_BEST, symbols, addresses, want);
	expect(SYMBOL_BEST, symbols, ARRAY_SIZE(symbols), addresses, want, 0);
}

Test(symbol_match, hostile_tables_are_given_up)
{
	static uint64_t addresses[10000];
	const struct symbol all = { .start = 0, .size = UINT64_MAX, .rank = SYMBOL_GLOBAL };
	struct symbol_match match;
	int rc = 0;

	cr_assert_eq(symbol_match_init(&match, addresses, ARRAY_SIZE(addresses), SYMBOL_BEST, NULL,
				       NULL),
		     0);
	for (int i = 0; !rc && i < 1000; i++)
		rc = symbol_match_add(&match, &all);
	cr_assert_eq(rc, -E2BIG);
	cr_assert_eq(symbol_match_add(&match, &all), -E2BIG);
	symbol_match_done(&match);
}

Test(symbol_match, names_with_few_underscores_and_long_ones_win)
{
	cr_assert_lt(symbol_name_weight("malloc", 6), symbol_name_weight("_malloc", 7));
	cr_assert_lt(symbol_name_weight("_malloc", 7), symbol_name_weight("__libc_malloc", 13));
	cr_assert_lt(symbol_name_weight("memcpy_avx", 10), symbol_name_weight("memcpy", 6));
	cr_assert_eq(symbol_name_weight("a", 1), symbol_name_weight("b", 1));
	cr_assert_lt(symbol_name_weight("", 0), symbol_name_weight("_", 1));
}
