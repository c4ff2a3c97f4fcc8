/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the recording of tests/unit/sample_machine.h to a file, for other people's tools to read.
 * usage: write_sample FORMAT FILE [timeline] [two-kinds] [waits] [empty] [other-host]
 * other-host: recorded ten seconds later, says the clock of "other.example", booted as much later.
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

/* Times of samples stay as they are: they are of another clock. */
static void move_host(struct oc_machine *m)
{
	struct oc_recording_info info = *oc_machine_info(m);

	info.hostname = (oc_string_id)oc_machine_intern(m, "other.example", 13);
	info.start_wall_ns += 10000000000;
	oc_machine_set_info(m, &info);
}

int main(int argc, char **argv)
{
	const struct oc_format *format = argc > 2 ? oc_format_by_name(argv[1]) : NULL;
	struct oc_error err = { 0 };
	struct oc_machine *m;
	unsigned int flags = 0;
	bool other_host = false;
	int rc;

	if (!format) {
		fprintf(stderr,
			"usage: write_sample FORMAT FILE [timeline] [two-kinds] [waits] [empty] "
			"[other-host]\n");
		return 2;
	}
	for (int i = 3; i < argc; i++) {
		if (!strcmp(argv[i], "other-host")) {
			other_host = true;
			continue;
		}
		if (!flag(argv[i])) {
			fprintf(stderr, "write_sample: what is '%s'?\n", argv[i]);
			return 2;
		}
		flags |= flag(argv[i]);
	}
	m = sample_machine_new(flags);
	if (other_host)
		move_host(m);
	rc = oc_format_write_file(format, m, argv[2], true, NULL, &err);
	if (rc)
		fprintf(stderr, "write_sample: %s\n", err.message);
	oc_machine_free(m);
	return rc ? 1 : 0;
}
