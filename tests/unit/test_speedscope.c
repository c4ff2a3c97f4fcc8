/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * speedscope profiles: the text itself; what the application makes of it is seen by tests/readers.
 */
#include <criterion/criterion.h>

#include "flame_machine.h"
#include "sample_machine.h"

static char *speedscope(struct oc_machine *m)
{
	size_t len;

	return flame_machine_write(m, oc_format_by_path("x.speedscope.json"), &len);
}

static bool has(const char *text, const char *part)
{
	return flame_occurrences(text, part) > 0;
}

Test(speedscope, counted_samples_are_laid_end_to_end)
{
	char *text = speedscope(sample_machine_new(0));

	cr_assert(has(text, "\"unit\":\"nanoseconds\",\"samples\":[[0,1,2],[0,3,4,5],[0,6]],"
			    "\"weights\":[30000000,7000000,4000000],\"startValue\":0,"
			    "\"endValue\":41000000}"));
	cr_assert(has(text, "{\"name\":\"hot_loop\",\"file\":\"loops.h\",\"line\":4}"));
	cr_assert_not(has(text, "</script>"), "safe inside a page too");
	free(text);
}

Test(speedscope, a_timeline_shows_where_nothing_ran)
{
	char *text = speedscope(sample_machine_new(SAMPLE_TIMELINE | SAMPLE_TWO_KINDS));

	cr_assert_eq(flame_occurrences(text, "\"type\":\"sampled\""), 5);
	cr_assert(has(text, "\"unit\":\"bytes\""));
	free(text);
	text = speedscope(sample_machine_new(SAMPLE_TIMELINE));
	cr_assert_not(has(text, "\"name\":\"cpu: "));
	free(text);
}

Test(speedscope, no_samples_are_no_profiles)
{
	char *text = speedscope(sample_machine_new(SAMPLE_EMPTY));

	cr_assert(has(text, "\"profiles\":[],\"shared\":{\"frames\":[]}}"));
	cr_assert_not(has(text, "activeProfileIndex"));
	free(text);
}
