/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the recording of tests/unit/sample_machine.h to a file, for other people's tools to read.
 * usage: write_sample FORMAT FILE [timeline] [two-kinds] [waits] [empty]
 */
#include <stdio.h>
#include <string.h>

#include <onecollect/format.h>

#include "sample_machine.h"

static unsigned int flag(const char *word)
{
	if (!strcmp(word, "timeline"))
		return SAMPLE_TIMELINE;
	if (!strcmp(word, "two-kinds"))
		return SAMPLE_TWO_KINDS;
	if (!strcmp(word, "waits"))
		return SAMPLE_WAITS;
	return strcmp(word, "empty") ? 0 : SAMPLE_EMPTY;
}

int main(int argc, char **argv)
{
	const struct oc_format *format = argc > 2 ? oc_format_by_name(argv[1]) : NULL;
	struct oc_error err = { 0 };
	struct oc_machine *m;
	unsigned int flags = 0;
	int rc;

	if (!format) {
		fprintf(stderr,
			"usage: write_sample FORMAT FILE [timeline] [two-kinds] [waits] [empty]\n");
		return 2;
	}
	for (int i = 3; i < argc; i++) {
		if (!flag(argv[i])) {
			fprintf(stderr, "write_sample: what is '%s'?\n", argv[i]);
			return 2;
		}
		flags |= flag(argv[i]);
	}
	m = sample_machine_new(flags);
	rc = oc_format_write_file(format, m, argv[2], true, NULL, &err);
	if (rc)
		fprintf(stderr, "write_sample: %s\n", err.message);
	oc_machine_free(m);
	return rc ? 1 : 0;
}
