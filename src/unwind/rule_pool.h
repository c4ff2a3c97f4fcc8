/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of all loaded rows, each kept once, in the array that the walker reads.
 * Used by src/unwind/store.c, which tells when rows come and go.
 * Must not know pages or modules.
 */
#ifndef UNWIND_RULE_POOL_H
#define UNWIND_RULE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/run_map.h"
#include "bpf/unwind_wire.h"

/* Rules that are always there. */
#define RULE_GAP     0
#define RULE_UNKNOWN 1

/* Embedded; set up by rule_pool_init(). */
struct rule_pool {
	struct unwind_rule *rules; /* [used.nr] the caller's array */
	uint32_t *refs;            /* [used.nr] rows that name the rule */
	uint16_t *slots;           /* [mask + 1] hash table of rule numbers; 0 = empty */
	uint32_t mask;
	struct run_map used;
	bool is_full; /* and no rule was without rows when last looked at */
};

/* rules[nr]: a power of two, 16 .. UNWIND_RULES_MAX; borrowed. Returns 0 or -ENOMEM. */
int rule_pool_init(struct rule_pool *pool, struct unwind_rule *rules, uint32_t nr);
/* Accepts an all-zero one. */
void rule_pool_done(struct rule_pool *pool);
/* The number of a rule, which gets one more row; RULE_UNKNOWN when there is no room for it. */
uint32_t rule_pool_add(struct rule_pool *pool, const struct unwind_rule *rule);
/* One more row for a rule that has one. */
void rule_pool_ref(struct rule_pool *pool, uint32_t rule);
/* One row less. A rule without rows may be replaced by another one: no program may still see the row. */
void rule_pool_unref(struct rule_pool *pool, uint32_t rule);
/* Memory held besides the array, in bytes. */
size_t rule_pool_bytes(const struct rule_pool *pool);

#endif
