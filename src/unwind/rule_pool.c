/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interned rules with a count of the rows that name them; rules without rows go when their place is needed.
 * Used by src/unwind/store.c.
 * Must not know pages or modules.
 */
#include "unwind/rule_pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/id_table.h"

int rule_pool_init(struct rule_pool *pool, struct unwind_rule *rules, uint32_t nr)
{
	*pool = (struct rule_pool){ .rules = rules, .mask = 2 * nr - 1 };
	pool->refs = calloc(nr, sizeof(*pool->refs));
	pool->slots = calloc(2 * (size_t)nr, sizeof(*pool->slots));
	if (!pool->refs || !pool->slots || run_map_init(&pool->used, nr, 0)) {
		rule_pool_done(pool);
		return -ENOMEM;
	}
	run_map_take(&pool->used, 2);
	rules[RULE_GAP] = (struct unwind_rule){ .cfa = UNWIND_CFA_GAP };
	rules[RULE_UNKNOWN] = (struct unwind_rule){ .cfa = UNWIND_CFA_UNKNOWN };
	return 0;
}

void rule_pool_done(struct rule_pool *pool)
{
	free(pool->refs);
	free(pool->slots);
	run_map_done(&pool->used);
	*pool = (struct rule_pool){ 0 };
}

/* The slot that has the rule, or the empty one where it belongs. There are twice as many slots as rules. */
static uint16_t *find_slot(const struct rule_pool *pool, const struct unwind_rule *rule)
{
	size_t i = hash_bytes(rule, sizeof(*rule)) & pool->mask;

	while (pool->slots[i] && memcmp(&pool->rules[pool->slots[i]], rule, sizeof(*rule)) != 0)
		i = (i + 1) & pool->mask;
	return &pool->slots[i];
}

/* Drops the rules without rows. */
static void collect(struct rule_pool *pool)
{
	uint32_t before = pool->used.used;

	for (size_t i = 0; i <= pool->mask; i++) {
		uint32_t rule = pool->slots[i];

		pool->slots[i] = 0;
		if (rule && !pool->refs[rule])
			run_map_give(&pool->used, rule, 1);
	}
	for (uint32_t rule = RULE_UNKNOWN + 1; rule < pool->used.nr; rule++) {
		if (pool->refs[rule])
			*find_slot(pool, &pool->rules[rule]) = (uint16_t)rule;
	}
	pool->is_full = pool->used.used == before;
}

uint32_t rule_pool_add(struct rule_pool *pool, const struct unwind_rule *rule)
{
	uint16_t *slot;
	uint32_t number;

	if (rule->cfa == UNWIND_CFA_GAP)
		return RULE_GAP;
	if (rule->cfa == UNWIND_CFA_UNKNOWN || rule->cfa > UNWIND_CFA_LAST)
		return RULE_UNKNOWN;
	slot = find_slot(pool, rule);
	if (*slot) {
		rule_pool_ref(pool, *slot);
		return *slot;
	}
	number = run_map_take(&pool->used, 1);
	if (number == RUN_MAP_NONE && !pool->is_full) {
		collect(pool);
		number = run_map_take(&pool->used, 1);
		slot = find_slot(pool, rule);
	}
	if (number == RUN_MAP_NONE)
		return RULE_UNKNOWN;
	pool->rules[number] = *rule;
	pool->refs[number] = 1;
	*slot = (uint16_t)number;
	return number;
}

void rule_pool_ref(struct rule_pool *pool, uint32_t rule)
{
	if (rule > RULE_UNKNOWN)
		pool->refs[rule]++;
}

void rule_pool_unref(struct rule_pool *pool, uint32_t rule)
{
	if (rule <= RULE_UNKNOWN)
		return;
	assert(pool->refs[rule]);
	if (!--pool->refs[rule])
		pool->is_full = false;
}

size_t rule_pool_bytes(const struct rule_pool *pool)
{
	return run_map_bytes(&pool->used) + pool->used.nr * sizeof(*pool->refs) +
	       ((size_t)pool->mask + 1) * sizeof(*pool->slots);
}
