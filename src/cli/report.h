/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal report: the functions with the most samples, by self and by total.
 * Called by answer.c and cmd_report.c with a finished machine; knows the samples only through onecollect/graph.h.
 * What other reports share with it is here too.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <onecollect/machine.h>

#include "base/json.h"
#include "cli/console.h"

/* What a report leaves out. */
struct report_limits {
	uint64_t rows;      /* 0 = as the report sees fit; as JSON, all */
	double min_percent; /* of the samples; below 0 = likewise */
};

/* True when a part of the samples is too small to be shown; `otherwise` is what the report sees fit. */
bool report_leaves_out(const struct report_limits *limits, double otherwise, uint64_t part,
		       uint64_t whole);

/*
 * Appends the report of the machine's shown kind to out, as for stream s.
 * Returns 0, -ENOMEM, or a negative errno value of reading spilled samples. Nothing is appended without samples.
 */
int report_text(struct buffer *out, const struct oc_machine *m, const struct stream *s,
		const struct report_limits *limits);

/*
 * Appends the report as one JSON object and a newline: every function of the machine's shown kind with its self and
 * total counts, by self, and the ledger. Returns as report_text().
 */
int report_json(struct buffer *out, const struct oc_machine *m, const struct report_limits *limits);

/* The beginning of every report as JSON: an object with version, kind ("" = none), unit and the total of its samples. */
void report_json_begin(struct json *j, struct buffer *out, const struct oc_kind *kind,
		       uint64_t total);
/* Its end: the ledger, and a newline. Returns 0 or -ENOMEM. */
int report_json_end(struct json *j, const struct oc_machine *m);

/* part / whole in percent; 0 of nothing. */
static inline double report_percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

/* Appends a weight, right-aligned in `width` columns: a number of samples, or an amount with its unit. */
void report_weight(struct buffer *out, enum oc_unit unit, uint64_t weight, unsigned int width);

/* Appends the head of a table: its title and the names of its columns, each a line that fits, in a style of its own. */
void report_head(struct buffer *out, const struct stream *s, const char *title,
		 const char *columns);
/* Appends the last column of a row: cut on a terminal that has `room` columns left for it, kept anywhere else. */
void report_last_cell(struct buffer *out, const struct stream *s, const char *text,
		      unsigned int room);

#endif
