/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Callgrind and .cpuprofile files: the text itself. What other programs make of them is seen by tests/interop and
 * tests/readers.
 */
#include <criterion/criterion.h>

#include "flame_machine.h"
#include "sample_machine.h"

static char *write_as(const char *path, struct oc_machine *m)
{
	size_t len;

	return flame_machine_write(m, oc_format_by_path(path), &len);
}

static bool has(const char *text, const char *part)
{
	return flame_occurrences(text, part) > 0;
}

#define NAME(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}

Test(callgrind, recursion_is_folded)
{
	/* The second "a" goes on from the first, so "c" is called by "a" and "b" has no costs of "c". */
	static const struct flame_name names[] = { NAME("main"), NAME("a"), NAME("b"), NAME("a"),
						   NAME("c") };
	struct oc_machine *m = flame_machine_new();
	char *text;

	flame_machine_add(m, names, 5, 1, 7);
	flame_machine_add(m, names, 3, 1, 2);
	cr_assert_eq(oc_machine_finish(m), 0);
	text = write_as("x.callgrind", m);
	cr_assert(has(text, "events: cpu_samples\nsummary: 9\n"));
	cr_assert_eq(flame_occurrences(text, "\ncalls="), 3, "main -> a, a -> b, a -> c");
	cr_assert_eq(flame_occurrences(text, "calls=9 0\n0 9\n"), 1);
	cr_assert_eq(flame_occurrences(text, "calls=2 0\n0 2\n"), 1);
	cr_assert_eq(flame_occurrences(text, "calls=7 0\n0 7\n"), 1);
	free(text);
}

Test(callgrind, costs_have_lines_and_names_come_once)
{
	char *text = write_as("x.callgrind", sample_machine_new(SAMPLE_TWO_KINDS));

	cr_assert(has(text, "events: cpu_samples page_faults_bytes\nsummary: 101 36864\n"));
	cr_assert(has(text, ") hot_loop\n5 50 36864\n"));
	cr_assert_eq(flame_occurrences(text, ") server.c\n"), 1);
	cr_assert_eq(flame_occurrences(text, ") main\n"), 1);
	free(text);
}

Test(callgrind, nothing_recorded_is_a_valid_file)
{
	struct oc_machine *bare = oc_machine_new(NULL);
	char *text;

	cr_assert_eq(oc_machine_finish(bare), 0);
	text = write_as("x.callgrind", bare);
	cr_assert(has(text, "events: samples\n"));
	free(text);
	text = write_as("x.callgrind", sample_machine_new(SAMPLE_EMPTY));
	cr_assert(has(text, "summary: 0\n"));
	free(text);
}

Test(cpuprofile, threads_follow_each_other_below_the_root)
{
	char *text = write_as("x.cpuprofile", sample_machine_new(0));

	cr_assert(has(text, "{\"samples\":[5,8,9,13,16,19,20,21,24,1],"
			    "\"timeDeltas\":[0,30000,7000,4000,20000,10000,20000,3000,2000,5000],"
			    "\"nodes\":[{\"id\":1,\"callFrame\":{\"functionName\":\"(root)\""));
	cr_assert(has(text, "\"hitCount\":0,\"children\":[2,10,17,22]}"));
	cr_assert(has(text, "\"startTime\":0,\"endTime\":101000}"));
	free(text);
}

Test(cpuprofile, has_the_first_kind_only)
{
	char *text = write_as("x.cpuprofile", sample_machine_new(SAMPLE_TWO_KINDS));

	cr_assert(has(text, "\"endTime\":101000}"));
	free(text);
	text = write_as("x.cpuprofile", sample_machine_new(SAMPLE_EMPTY));
	cr_assert(has(text, "{\"samples\":[1],\"timeDeltas\":[0],\"nodes\":[{\"id\":1,"));
	free(text);
}
