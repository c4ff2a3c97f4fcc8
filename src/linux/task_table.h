/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel programs call a task (a 64-bit hash) and what the sink calls it.
 * Filled when a wire_task arrives, in time order, so it names the image the thread had at that moment.
 */
#ifndef LINUX_TASK_TABLE_H
#define LINUX_TASK_TABLE_H

#include "base/id_table.h"
#include "collector.h"

struct task_entry {
	uint64_t task;
	uint32_t pid;
	sink_process process;
	sink_thread thread;
};

/* Embedded; start with all zero. */
struct task_table {
	struct id_table index;
	struct task_entry *entries; /* id - 1 */
	size_t entries_cap;
};

void task_table_done(struct task_table *t);
/* The entry of a task, valid until the next add; NULL = unknown. */
const struct task_entry *task_table_find(const struct task_table *t, uint64_t task);
/* Adds an entry unless the task is known. Returns 0 or -ENOMEM. */
int task_table_add(struct task_table *t, const struct task_entry *entry);

#endif
