/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Distinct texts numbered 1, 2, 3, ...: the string table of an output, and names that only an output has.
 * Unlike the machine's strings they are taken as they are and belong to whoever writes, so the machine stays const.
 */
#ifndef EXPORT_TEXT_TABLE_H
#define EXPORT_TEXT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/id_table.h"

struct text {
	const char *text; /* NUL-terminated when it was copied */
	size_t len;
};

/* Embedded; start with all zero. texts[ids.count], the text of id i at i - 1. */
struct text_table {
	struct text *texts;
	size_t texts_cap;
	struct id_table ids;
	struct arena copies;
};

/*
 * Finds or adds text[len]. _copy: the text is copied; _borrow: it must stay where it is until text_table_done().
 * Returns its id, 1 or above, or -ENOMEM.
 */
int64_t text_table_copy(struct text_table *t, const char *text, size_t len);
int64_t text_table_borrow(struct text_table *t, const char *text, size_t len);

/* Frees the table. Accepts an all-zero one. */
void text_table_done(struct text_table *t);

#endif
