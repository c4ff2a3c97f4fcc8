/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A comparison of two recordings as tables for people or as JSON.
 * Called by cmd_diff.c.
 */
#ifndef CLI_DIFF_REPORT_H
#define CLI_DIFF_REPORT_H

#include <onecollect/diff.h>

#include "cli/console.h"

#define DIFF_REPORT_ROWS 12

/* Appends what changed, two tables of at most `rows` rows (0 = DIFF_REPORT_ROWS), as wide as the stream. Returns 0 or
 * -ENOMEM. */
int diff_report_text(struct buffer *out, const struct oc_diff *d, const struct stream *s,
		     uint64_t rows);
/* Appends all of it as one line of JSON; files: the two inputs. rows: so many functions at most, 0 = all. */
int diff_report_json(struct buffer *out, const struct oc_diff *d, const char *const *files,
		     uint64_t rows);
/* Appends what the intervals rest on, for people, as one sentence. */
void diff_report_method(struct buffer *out, const struct oc_diff *d);

#endif
