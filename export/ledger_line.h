/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ledger as lines of text, for formats that carry nothing but comments: written beside the summary for people, and
 * read back.
 * Used by the pprof writer and reader; knows no format.
 */
#ifndef LEDGER_LINE_H
#define LEDGER_LINE_H

#include <onecollect/ledger.h>
#include <stddef.h>

#include "base/buffer.h"

/* Appends "ledger of cpu: due=999 lost.ring_full=3 ..." with what is not 0 but `taken` and `kept`; nothing if all is 0. */
void ledger_line_put_kind(struct buffer *out, const struct oc_ledger_kind *kind);
/* Appends "ledger notes: stacks_copied=4 ..."; nothing if there are none. */
void ledger_line_put_notes(struct buffer *out, const struct oc_ledger *ledger);

/*
 * Takes a line of text[len] into the ledger: for the kind of that name, whose `kept` is known and whose other counts are
 * replaced, or for the notes, which are added. Counts that contradict each other or what was kept are left out, as are
 * names that are not known. Returns false when it is no such line, or of a kind that is not there.
 */
bool ledger_line_take(struct oc_ledger *ledger, const char *text, size_t len);

#endif
