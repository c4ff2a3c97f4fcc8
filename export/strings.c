/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interned text: each text once, clean, with an id.
 * Called by everything that gives text to the machine.
 * Must not know what the text names.
 */
#include "export/machine_private.h"

#include <errno.h>

#include "base/macros.h"
#include "base/text.h"

static bool string_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct oc_machine *m = owner;
	const struct string_entry *have = STABLE_ARRAY_AT(&m->strings, struct string_entry, id - 1);
	const struct string_entry *want = wanted;

	return have->len == want->len && !memcmp(have->text, want->text, want->len);
}

static int64_t add_clean(struct oc_machine *m, const struct string_entry *want, uint64_t hash)
{
	struct string_entry *entry;
	uint32_t id = m->strings.count + 1;
	char *copy;

	if (stable_array_reserve(&m->strings, 1))
		return -ENOMEM;
	copy = arena_copy(&m->content, want->text, want->len);
	if (!copy || id_table_add(&m->string_index, hash, id))
		return -ENOMEM;
	entry = stable_array_add(&m->strings);
	*entry = (struct string_entry){ .text = copy, .len = want->len };
	return id;
}

static int64_t find_or_add_clean(struct oc_machine *m, const char *text, size_t len)
{
	const struct string_entry want = { .text = text, .len = len };
	uint64_t hash = hash_bytes(text, len);
	uint32_t id = id_table_find(&m->string_index, hash, string_equal, m, &want);

	return id ? id : add_clean(m, &want, hash);
}

int64_t oc_machine_intern(struct oc_machine *m, const char *text, size_t len)
{
	const struct string_entry want = { .text = text, .len = len };
	struct buffer clean = BUFFER_INIT;
	uint64_t hash;
	int64_t id;

	if (!len)
		return 0;
	/* All that is in the table is clean, so a hit proves that this text is and spares looking at it. */
	hash = hash_bytes(text, len);
	id = id_table_find(&m->string_index, hash, string_equal, m, &want);
	if (id)
		return id;
	if (text_is_clean(text, len))
		return add_clean(m, &want, hash);
	text_clean(&clean, text, len);
	id = clean.error ? clean.error : find_or_add_clean(m, clean.data, clean.len);
	buffer_done(&clean);
	return id;
}

const char *oc_machine_string(const struct oc_machine *m, oc_string_id id, size_t *ret_len)
{
	const struct string_entry *entry = stable_array_by_id(&m->strings, id);

	if (ret_len)
		*ret_len = entry ? entry->len : 0;
	return entry ? entry->text : "";
}
