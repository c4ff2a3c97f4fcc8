/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads unwind tables the plain way, for tests to compare with.
 */
#ifndef TESTS_UNWIND_LOOKUP_H
#define TESTS_UNWIND_LOOKUP_H

#include "unwind/table.h"

/* The rule for an address, found by going through the rows of its page. */
struct unwind_rule unwind_lookup(const struct unwind_table *table, uint64_t address);

/* Fails the test unless all that unwind/table.h promises of the layout holds. */
void unwind_lookup_check(const struct unwind_table *table);

#endif
