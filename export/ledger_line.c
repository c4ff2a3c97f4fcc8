/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a ledger as lines of NAME=VALUE and takes them back.
 * Called by writers and readers of formats that carry comments. The lines are hostile.
 * Must not know which format carries them.
 */
#include "export/ledger_line.h"

#include <inttypes.h>
#include <string.h>

#include "base/macros.h"
#include "base/text.h"

#define KIND_PREFIX  "ledger of "
#define NOTES_PREFIX "ledger notes:"

/* A count of a kind: where it is and what it is called. */
static const struct {
	const char *name;
	size_t offset;
} counts[] = {
	{ "due", offsetof(struct oc_ledger_kind, due) },
	{ "idle", offsetof(struct oc_ledger_kind, idle) },
	{ "filtered", offsetof(struct oc_ledger_kind, filtered) },
	{ "stacks", offsetof(struct oc_ledger_kind, stacks) },
	{ "complete", offsetof(struct oc_ledger_kind, complete) },
};

static uint64_t *count_at(struct oc_ledger_kind *kind, size_t i)
{
	return (uint64_t *)((char *)kind + counts[i].offset);
}

/* ---- writing ---- */

static void put_count(struct buffer *out, const char *group, const char *name, uint64_t value)
{
	if (value)
		buffer_printf(out, " %s%s=%" PRIu64, group, name, value);
}

void ledger_line_put_kind(struct buffer *out, const struct oc_ledger_kind *kind)
{
	struct oc_ledger_kind copy = *kind;
	size_t start = out->len, empty;

	buffer_printf(out, KIND_PREFIX "%s:", kind->name);
	empty = out->len;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		put_count(out, "", counts[i].name, *count_at(&copy, i));
	for (int i = 0; i < OC_LOSS_COUNT; i++)
		put_count(out, "lost.", oc_loss_name((enum oc_loss)i), kind->lost[i]);
	for (int i = 0; i < OC_STACK_COUNT; i++)
		put_count(out, "incomplete.", oc_stack_reason_name((enum oc_stack_reason)i),
			  kind->incomplete[i]);
	if (!out->error && out->len == empty)
		out->len = start;
}

void ledger_line_put_notes(struct buffer *out, const struct oc_ledger *ledger)
{
	size_t start = out->len, empty;

	buffer_puts(out, NOTES_PREFIX);
	empty = out->len;
	for (int i = 0; i < OC_NOTE_COUNT; i++)
		put_count(out, "", oc_note_name((enum oc_note)i), ledger->notes[i]);
	if (!out->error && out->len == empty)
		out->len = start;
}

/* ---- reading ---- */

struct word {
	const char *name; /* [name_len] */
	size_t name_len;
	uint64_t value;
};

/* Takes the next " NAME=VALUE" off *text. Returns 1, 0 at the end, -1 when there is something else. */
static int next_word(const char **text, const char *end, struct word *ret_word)
{
	const char *start = *text + 1, *blank, *equals;
	char digits[24];

	if (*text == end)
		return 0;
	blank = start < end ? memchr(start, ' ', (size_t)(end - start)) : NULL;
	blank = blank ? blank : end;
	equals = start < end ? memchr(start, '=', (size_t)(blank - start)) : NULL;
	if (**text != ' ' || !equals || blank - equals > (ptrdiff_t)sizeof(digits))
		return -1;
	snprintf(digits, sizeof(digits), "%.*s", (int)(blank - equals - 1), equals + 1);
	if (text_parse_u64(digits, 10, INT64_MAX, &ret_word->value))
		return -1;
	ret_word->name = start;
	ret_word->name_len = (size_t)(equals - start);
	*text = blank;
	return 1;
}

static bool is_called(const struct word *word, const char *group, const char *name)
{
	size_t len = strlen(group);

	return word->name_len == len + strlen(name) && !memcmp(word->name, group, len) &&
	       !memcmp(word->name + len, name, word->name_len - len);
}

static void take_word(struct oc_ledger_kind *kind, const struct word *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		if (is_called(word, "", counts[i].name))
			*count_at(kind, i) = word->value;
	}
	for (int i = 0; i < OC_LOSS_COUNT; i++) {
		if (is_called(word, "lost.", oc_loss_name((enum oc_loss)i)))
			kind->lost[i] = word->value;
	}
	for (int i = 0; i < OC_STACK_COUNT; i++) {
		if (is_called(word, "incomplete.", oc_stack_reason_name((enum oc_stack_reason)i)))
			kind->incomplete[i] = word->value;
	}
}

static bool add_all(const uint64_t *list, size_t nr, uint64_t *sum)
{
	for (size_t i = 0; i < nr; i++) {
		if (__builtin_add_overflow(*sum, list[i], sum))
			return false;
	}
	return true;
}

/* Puts together what fits together. */
static void apply(struct oc_ledger_kind *to, const struct oc_ledger_kind *from)
{
	uint64_t taken = to->kept, stacks = from->complete;

	to->due = from->due;
	to->idle = from->idle;
	to->filtered = from->filtered;
	if (add_all(from->lost, OC_LOSS_COUNT, &taken)) {
		memcpy(to->lost, from->lost, sizeof(to->lost));
		to->taken = taken;
	}
	if (add_all(from->incomplete, OC_STACK_COUNT, &stacks) && stacks == from->stacks &&
	    stacks <= to->kept) {
		memcpy(to->incomplete, from->incomplete, sizeof(to->incomplete));
		to->stacks = stacks;
		to->complete = from->complete;
	}
}

static bool take_kind(struct oc_ledger *ledger, const char *text, const char *end)
{
	for (uint32_t i = 0; i < ledger->nr_kinds; i++) {
		struct oc_ledger_kind *kind = &ledger->kinds[i], read = { .kept = kind->kept };
		size_t len = strlen(kind->name);
		const char *at = text + len + 1;
		struct word word;
		int rc;

		if ((size_t)(end - text) < len + 1 || memcmp(text, kind->name, len) ||
		    text[len] != ':')
			continue;
		while ((rc = next_word(&at, end, &word)) > 0)
			take_word(&read, &word);
		if (rc < 0)
			continue; /* of a kind with a longer name, or nothing of ours */
		apply(kind, &read);
		return true;
	}
	return false;
}

static bool take_notes(struct oc_ledger *ledger, const char *text, const char *end)
{
	struct word word;
	int rc;

	while ((rc = next_word(&text, end, &word)) > 0) {
		for (int i = 0; i < OC_NOTE_COUNT; i++) {
			if (is_called(&word, "", oc_note_name((enum oc_note)i)) &&
			    __builtin_add_overflow(ledger->notes[i], word.value, &ledger->notes[i]))
				ledger->notes[i] = UINT64_MAX;
		}
	}
	return !rc;
}

static bool begins(const char *text, size_t len, const char *prefix)
{
	return len >= strlen(prefix) && !memcmp(text, prefix, strlen(prefix));
}

bool ledger_line_take(struct oc_ledger *ledger, const char *text, size_t len)
{
	if (begins(text, len, KIND_PREFIX))
		return take_kind(ledger, text + strlen(KIND_PREFIX), text + len);
	return begins(text, len, NOTES_PREFIX) &&
	       take_notes(ledger, text + strlen(NOTES_PREFIX), text + len);
}
