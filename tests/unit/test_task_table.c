/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/linux/task_table.h
 */
#include <criterion/criterion.h>

#include "linux/task_table.h"

Test(task_table, finds_what_was_added)
{
	struct task_table table = { 0 };

	cr_assert_null(task_table_find(&table, 5));
	for (uint64_t i = 1; i <= 10000; i++) {
		struct task_entry entry = { .task = i * 0x9e3779b97f4a7c15ULL,
					    .process = (uint32_t)i,
					    .thread = 7 };

		cr_assert_eq(task_table_add(&table, &entry), 0);
	}
	for (uint64_t i = 1; i <= 10000; i++) {
		const struct task_entry *entry = task_table_find(&table, i * 0x9e3779b97f4a7c15ULL);

		cr_assert_not_null(entry);
		cr_assert_eq(entry->process, i);
	}
	cr_assert_null(task_table_find(&table, 12345));
	task_table_done(&table);
}

Test(task_table, the_first_sight_counts)
{
	struct task_table table = { 0 };

	cr_assert_eq(task_table_add(&table, &(struct task_entry){ .task = 1, .process = 1 }), 0);
	cr_assert_eq(task_table_add(&table, &(struct task_entry){ .task = 1, .process = 2 }), 0);
	cr_assert_eq(task_table_find(&table, 1)->process, 1);
	task_table_done(&table);
}
