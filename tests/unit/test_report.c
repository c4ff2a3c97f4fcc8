/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/cli/report.c: the tables of hottest functions, in and out of terminals.
 */
#include <criterion/criterion.h>

#include "base/macros.h"
#include "cli/report.h"
#include "sample_machine.h"

#define LINES_MAX 64

static const struct report_limits no_limits = { .min_percent = -1 };

/* The report for a stream, cut into lines; the caller frees [0] when there is one. */
static size_t report_lines(unsigned int flags, const struct stream *s, char *lines[LINES_MAX])
{
	struct oc_machine *m = sample_machine_new(flags);
	struct buffer text = BUFFER_INIT;
	char *rest;
	size_t nr = 0;

	cr_assert_eq(report_text(&text, m, s, &no_limits), 0);
	oc_machine_free(m);
	rest = text.data;
	while (rest && nr < LINES_MAX)
		lines[nr++] = strsep(&rest, "\n");
	return nr;
}

static const char *line_with(char *const *lines, size_t nr, const char *text)
{
	for (size_t i = 0; i < nr; i++) {
		if (strstr(lines[i], text))
			return lines[i];
	}
	cr_assert_fail("no line with '%s'", text);
	return NULL;
}

Test(report, rows_are_sorted_and_add_up)
{
	const struct stream file = { 0 };
	char *lines[LINES_MAX];
	size_t nr = report_lines(0, &file, lines);

	cr_assert_str_eq(lines[0], "Hottest functions by self");
	cr_assert_eq(strncmp(lines[2], " 49.5%       50  ", 17), 0, "%s", lines[2]);
	cr_assert(strstr(line_with(lines, nr, "recurse"),
			 "  9.9%       10    9.9%       10  recurse"));
	cr_assert(strstr(line_with(lines, nr, "vfs_read"), "[kernel]"));
	for (size_t i = 0; i < nr; i++) {
		cr_assert_null(strchr(lines[i], '\033'), "no colours in a file");
		cr_assert(text_columns(lines[i]) == strlen(lines[i]) || strstr(lines[i], "\xc3"));
	}
	free(lines[0]);
}

Test(report, totals_have_a_table_of_their_own)
{
	const struct stream file = { 0 };
	char *lines[LINES_MAX];
	size_t nr = report_lines(0, &file, lines);
	size_t i = 0;

	while (i < nr && strncmp(lines[i], "Hottest functions by total", 26))
		i++;
	cr_assert_lt(i + 2, nr);
	cr_assert(strstr(lines[i + 2], " 70.3%       71  main"), "%s", lines[i + 2]);
	free(lines[0]);
}

Test(report, fits_into_every_terminal)
{
	static const unsigned int widths[] = { 54, 60, 73, 74, 80, 120 };

	for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
		const struct stream terminal = { .terminal = true, .width = widths[w] };
		char *lines[LINES_MAX];
		size_t nr = report_lines(0, &terminal, lines);

		cr_assert_gt(nr, 8);
		for (size_t i = 0; i < nr; i++)
			cr_assert_leq(text_columns(lines[i]), widths[w], "%u: %s", widths[w],
				      lines[i]);
		cr_assert_eq(strstr(lines[1], "module") != NULL, widths[w] >= 74, "%s", lines[1]);
		free(lines[0]);
	}
}

Test(report, nothing_without_samples)
{
	const struct stream file = { 0 };
	char *lines[LINES_MAX];

	cr_assert_eq(report_lines(SAMPLE_EMPTY, &file, lines), 0);
}

/* Of a recording of page faults and CPU time, only one is shown: which one? */
Test(report, the_kind_is_told_where_there_are_others)
{
	const struct stream file = { 0 };
	char *lines[LINES_MAX];

	report_lines(SAMPLE_TWO_KINDS, &file, lines);
	cr_assert_str_eq(lines[0], "Hottest functions by self, of cpu; --kind shows others");
	free(lines[0]);
}
