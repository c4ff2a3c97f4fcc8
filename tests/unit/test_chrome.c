/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chrome traces: the text itself; what applications make of it is seen by tests/readers.
 */
#include <criterion/criterion.h>

#include "flame_machine.h"
#include "sample_machine.h"

static char *chrome(struct oc_machine *m)
{
	size_t len;

	return flame_machine_write(m, oc_format_by_path("x.json"), &len);
}

static bool has(const char *text, const char *part)
{
	return flame_occurrences(text, part) > 0;
}

Test(chrome, samples_share_the_frames_they_begin_with)
{
	char *text = chrome(sample_machine_new(0));

	cr_assert_eq(flame_occurrences(text, "\"ph\":\"B\""),
		     flame_occurrences(text, "\"ph\":\"E\""));
	cr_assert_eq(flame_occurrences(text, "\"name\":\"main\",\"cat\""), 4,
		     "once in each thread");
	cr_assert(has(text, "{\"ph\":\"B\",\"pid\":100,\"tid\":100,\"ts\":30000,\"name\":\"read\","
			    "\"cat\":\"user\"}"));
	cr_assert(has(text, "\"name\":\"vfs_read\",\"cat\":\"kernel\""));
	free(text);
}

Test(chrome, other_kinds_are_processes_of_their_own)
{
	char *text = chrome(sample_machine_new(SAMPLE_TIMELINE | SAMPLE_TWO_KINDS));

	cr_assert(has(text, "\"pid\":4194404,\"tid\":100,\"name\":\"process_name\","
			    "\"args\":{\"name\":\"page_faults: server (100)\"}"));
	free(text);
}

/* A sample of the present image of pid 5. */
static void add_sample(struct oc_machine *m)
{
	struct oc_sample sample = { .kind = 1, .count = 1, .value = 1, .cpu = UINT32_MAX };

	sample.process = oc_machine_process_now(m, 5);
	sample.thread = (oc_thread_id)oc_machine_add_thread(m, sample.process, 5);
	cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
}

Test(chrome, images_of_one_pid_are_threads_of_their_own)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind cpu = { .name = "cpu", .period_ns = 1000 };
	char *text;

	oc_machine_add_kind(m, &cpu);
	oc_machine_process_start(m, 5, 0, 1);
	add_sample(m);
	oc_machine_process_exec(m, 5, 10, 0);
	add_sample(m);
	cr_assert_eq(oc_machine_finish(m), 0);
	text = chrome(m);
	cr_assert_eq(flame_occurrences(text, "\"pid\":5,\"tid\":5,\"ts\":0,"), 1);
	cr_assert_eq(flame_occurrences(text, "\"pid\":5,\"tid\":4194305,\"ts\":0,"), 1);
	free(text);
}
