/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the kernel programs' task hash to the sink's process and thread.
 * Called by src/linux/drain.c.
 * Must not know how the hash is made.
 */
#include "linux/task_table.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"

void task_table_done(struct task_table *t)
{
	id_table_done(&t->index);
	free(t->entries);
	*t = (struct task_table){ 0 };
}

static bool is_task(const void *owner, uint32_t id, const void *wanted)
{
	const struct task_table *t = owner;

	return t->entries[id - 1].task == *(const uint64_t *)wanted;
}

const struct task_entry *task_table_find(const struct task_table *t, uint64_t task)
{
	uint32_t id = id_table_find(&t->index, task, is_task, t, &task);

	return id ? &t->entries[id - 1] : NULL;
}

int task_table_add(struct task_table *t, const struct task_entry *entry)
{
	size_t nr = t->index.count;

	if (task_table_find(t, entry->task))
		return 0;
	if (array_reserve(&t->entries, &t->entries_cap, nr + 1, sizeof(*t->entries)))
		return -ENOMEM;
	t->entries[nr] = *entry;
	return id_table_add(&t->index, entry->task, (uint32_t)nr + 1);
}
