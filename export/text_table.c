/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Distinct texts with numbers.
 * Called by the call graph and by format writers.
 * Must not know what the texts name.
 */
#include "export/text_table.h"

#include <errno.h>
#include <stdbool.h>

#include "base/array.h"
#include "base/macros.h"

static bool text_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct text *have = &((const struct text_table *)owner)->texts[id - 1],
			  *want = wanted;

	return have->len == want->len && !memcmp(have->text, want->text, want->len);
}

static int64_t add(struct text_table *t, struct text text, bool copy)
{
	uint64_t hash = hash_bytes(text.text, text.len);
	uint32_t id = id_table_find(&t->ids, hash, text_equal, t, &text);
	size_t nr = t->ids.count;

	if (id)
		return id;
	if (copy)
		text.text = arena_copy(&t->copies, text.text, text.len);
	if (!text.text || nr == UINT32_MAX ||
	    array_reserve(&t->texts, &t->texts_cap, nr + 1, sizeof(*t->texts)) ||
	    id_table_add(&t->ids, hash, (uint32_t)nr + 1))
		return -ENOMEM;
	t->texts[nr] = text;
	return (int64_t)nr + 1;
}

int64_t text_table_copy(struct text_table *t, const char *text, size_t len)
{
	return add(t, (struct text){ text, len }, true);
}

int64_t text_table_borrow(struct text_table *t, const char *text, size_t len)
{
	return add(t, (struct text){ text, len }, false);
}

void text_table_done(struct text_table *t)
{
	free(t->texts);
	id_table_done(&t->ids);
	arena_done(&t->copies);
	*t = (struct text_table){ 0 };
}
