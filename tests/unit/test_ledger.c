/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * onecollect/ledger.h: sums, invariants, the JSON contract and the summary.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <onecollect/ledger.h>

#include "base/macros.h"

static void fill(struct oc_ledger *ledger)
{
	struct oc_ledger_kind *kind = &ledger->kinds[0];

	ledger->duration_ns = 30000000000;
	ledger->nr_kinds = 1;
	snprintf(kind->name, sizeof(kind->name), "cpu");
	snprintf(kind->unit, sizeof(kind->unit), "nanoseconds");
	kind->period_ns = 1001001;
	kind->due = 60000;
	kind->idle = 30000;
	kind->filtered = 27;
	kind->taken = 29973;
	kind->kept = 29963;
	kind->lost[OC_LOSS_RING_FULL] = 7;
	kind->lost[OC_LOSS_HOOK] = 3;
	kind->stacks = 1000;
	kind->complete = 990;
	kind->incomplete[OC_STACK_TRUNCATED] = 10;
	ledger->notes[OC_NOTE_CPU_REOPENED] = 2;
	ledger->self.user_s = 0.25;
	ledger->self.system_s = 0.125;
	ledger->self.peak_rss_bytes = 12 << 20;
	ledger->self.map_bytes = 1 << 20;
	ledger->self.kernel_to_user_bytes = 4096;
	ledger->self.start_ms = 80.5;
	ledger->self.stop_ms = 20;
}

Test(ledger, every_reason_has_a_name_of_its_own)
{
	for (unsigned int i = 0; i < OC_LOSS_COUNT; i++) {
		cr_assert(strlen(oc_loss_name(i)) && strlen(oc_loss_text(i)));
		for (unsigned int k = 0; k < i; k++)
			cr_assert_str_neq(oc_loss_name(i), oc_loss_name(k));
	}
	for (unsigned int i = 0; i < OC_STACK_COUNT; i++)
		cr_assert(strlen(oc_stack_reason_name(i)) && strlen(oc_stack_reason_text(i)));
	for (unsigned int i = 0; i < OC_NOTE_COUNT; i++)
		cr_assert(strlen(oc_note_name(i)) && strlen(oc_note_text(i)));
	cr_assert_str_eq(oc_loss_name(OC_LOSS_HOOK), "hook");
	cr_assert_str_eq(oc_stack_reason_name(OC_STACK_EXEC), "exec");
	cr_assert_str_eq(oc_note_name(OC_NOTE_SPILLED_SAMPLES), "spilled_samples");
}

Test(ledger, sums_and_balance)
{
	struct oc_ledger ledger = { 0 };

	fill(&ledger);
	cr_assert_eq(oc_ledger_lost(&ledger.kinds[0]), 10);
	cr_assert_eq(oc_ledger_incomplete(&ledger.kinds[0]), 10);
	cr_assert(oc_ledger_balanced(&ledger));
	ledger.kinds[0].kept++;
	cr_assert_not(oc_ledger_balanced(&ledger));
	ledger.kinds[0].kept--;
	ledger.kinds[0].stacks++;
	cr_assert_not(oc_ledger_balanced(&ledger));
	ledger.nr_kinds = 0;
	cr_assert(oc_ledger_balanced(&ledger), "nothing recorded is nothing wrong");
}

Test(ledger, loss_share_is_the_worst_kind_and_ignores_filters)
{
	struct oc_ledger ledger = { 0 };

	cr_assert_eq(oc_ledger_loss_share(&ledger), 0.0);
	ledger.nr_kinds = 2;
	ledger.kinds[0].taken = 100;
	ledger.kinds[0].lost[OC_LOSS_HOOK] = 90;
	cr_assert_eq(oc_ledger_loss_share(&ledger), 0.0);
	ledger.kinds[1].taken = 1000;
	ledger.kinds[1].lost[OC_LOSS_MEMORY] = 250;
	cr_assert_eq(oc_ledger_loss_share(&ledger), 0.25);
	ledger.kinds[1].taken = 0;
	cr_assert_eq(oc_ledger_loss_share(&ledger), 1.0, "losses of nothing taken are total");
}

Test(ledger, json_is_the_documented_object)
{
	struct oc_ledger ledger = { 0 };
	char *text;

	fill(&ledger);
	cr_assert_eq(oc_ledger_add_output(&ledger, "a\"b.pb.gz", "pprof", 123, 29963), 0);
	ledger.exit_code = OC_EXIT_LOSSY;
	cr_assert_eq(oc_ledger_json(&ledger, &text), 0);
	cr_assert_str_eq(
		text, "{\"version\":1,\"duration_ns\":30000000000,\"kinds\":{\"cpu\":{\"unit\":"
		      "\"nanoseconds\","
		      "\"period_ns\":1001001,\"due\":60000,\"idle\":30000,\"filtered\":27,"
		      "\"undelivered\":0,"
		      "\"taken\":29973,"
		      "\"kept\":29963,\"lost\":{\"ring_full\":7,\"hook\":3},\"stacks\":1000,"
		      "\"complete\":990,"
		      "\"incomplete\":{\"truncated\":10}}},\"balanced\":true,\"notes\":{\"cpu_"
		      "reopened\":2},"
		      "\"self\":{\"user_s\":0.25,\"system_s\":0.125,\"peak_rss_bytes\":12582912,"
		      "\"map_bytes\":1048576,\"kernel_to_user_bytes\":4096,\"start_ms\":80.5,"
		      "\"stop_ms\":20},"
		      "\"outputs\":[{\"path\":\"a\\\"b.pb.gz\",\"format\":\"pprof\",\"bytes\":123,"
		      "\"samples\":29963}],\"exit\":5}");
	free(text);
	oc_ledger_done(&ledger);
}

Test(ledger, json_of_nothing_keeps_its_objects)
{
	struct oc_ledger ledger = { 0 };
	char *text;

	ledger.self.has_bpf_time = true;
	ledger.self.bpf_ns = 5;
	cr_assert_eq(oc_ledger_json(&ledger, &text), 0);
	cr_assert(strstr(text, "\"kinds\":{}"));
	cr_assert(strstr(text, "\"notes\":{}"));
	cr_assert(strstr(text, "\"outputs\":[]"));
	cr_assert(strstr(text, "\"bpf_ns\":5,\"bpf_runs\":0"));
	cr_assert_null(strchr(text, '\n'));
	free(text);
}

Test(ledger, the_end_of_a_command_is_told)
{
	static const struct {
		struct oc_ledger_command command;
		const char *json;
		const char *text;
	} cases[] = {
		{ { OC_COMMAND_EXITED, 3 },
		  "\"command\":{\"exit_status\":3}",
		  "exited with status 3\n" },
		{ { OC_COMMAND_SIGNALED, 11 },
		  "\"command\":{\"signal\":11}",
		  "killed by signal 11\n" },
		{ { OC_COMMAND_RUNNING, 0 }, "\"command\":{\"running\":true}", "still running" },
	};
	struct oc_ledger ledger = { 0 };
	char *text;

	cr_assert_eq(oc_ledger_json(&ledger, &text), 0);
	cr_assert_null(strstr(text, "\"command\""), "no command, no word about it");
	free(text);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ledger.command = cases[i].command;
		cr_assert_eq(oc_ledger_json(&ledger, &text), 0);
		cr_assert(strstr(text, cases[i].json), "%s", text);
		free(text);
		cr_assert_eq(oc_ledger_summary(&ledger, &text), 0);
		cr_assert(strstr(text, cases[i].text), "%s", text);
		free(text);
	}
}

Test(ledger, summary_names_what_was_lost_and_the_remedy)
{
	struct oc_ledger ledger = { 0 };
	char *text;

	fill(&ledger);
	ledger.self.has_bpf_time = true;
	ledger.self.bpf_ns = 225000000;
	cr_assert_eq(oc_ledger_add_output(&ledger, "x\x1b[31m.svg", "svg", 2048, 29963), 0);
	cr_assert_eq(oc_ledger_summary(&ledger, &text), 0);
	cr_assert_str_eq(
		text,
		"cpu       29,963 samples kept of 29,973 taken; 60,000 due at 999 Hz, 30,000 idle, "
		"27 of "
		"others\n"
		"  lost    7 (0.02 %) ring_full: the kernel-to-user ring buffer was full; raise "
		"--buffer\n"
		"  lost    3 (0.01 %) hook: dropped on request by a sample filter\n"
		"  stacks  99.00 % reach their root (990 of 1,000)\n"
		"  cut     10 (1.00 %) truncated: the stack is deeper than what was recorded of "
		"it\n"
		"note      2 cpu_reopened: CPUs that came back and were opened again\n"
		"cost      0.600 s CPU in 30.0 s = 2.00 % of a CPU (user 0.250, system 0.125, BPF "
		"0.225)\n"
		"memory    13.0 MiB (process 12.0 MiB, kernel 1.0 MiB); from the kernel 4.0 KiB; "
		"started in 80 ms, stopped in 20 ms\n"
		"wrote     x\\x1b[31m.svg (svg, 2.0 KiB, 29,963 samples)\n");
	free(text);
	oc_ledger_done(&ledger);
}

Test(ledger, summary_keeps_long_names_apart_from_the_numbers)
{
	struct oc_ledger ledger = { 0 };
	char *text;

	fill(&ledger);
	snprintf(ledger.kinds[0].name, sizeof(ledger.kinds[0].name), "cpu-clock:pppH");
	cr_assert_eq(oc_ledger_summary(&ledger, &text), 0);
	cr_assert_eq(strncmp(text, "cpu-clock:pppH 29,963 samples", 29), 0, "%s", text);
	free(text);
}

Test(ledger, summary_says_when_counts_do_not_add_up)
{
	struct oc_ledger ledger = { 0 };
	char *text;

	fill(&ledger);
	ledger.kinds[0].taken++;
	cr_assert_eq(oc_ledger_summary(&ledger, &text), 0);
	cr_assert(strstr(text, "the counts of cpu do not add up"));
	free(text);
}

Test(ledger, summary_leaves_out_a_cost_that_nobody_measured)
{
	struct oc_ledger ledger = { 0 };
	char *text;

	cr_assert_eq(oc_ledger_summary(&ledger, &text), 0);
	cr_assert_str_eq(text, "");
	free(text);
}

Test(ledger, done_clears_and_may_be_repeated)
{
	struct oc_ledger ledger = { 0 };

	cr_assert_eq(oc_ledger_add_output(&ledger, "a", "folded", 1, 1), 0);
	cr_assert_eq(oc_ledger_add_output(&ledger, "b", "folded", 1, 1), 0);
	cr_assert_str_eq(ledger.outputs[1].path, "b");
	oc_ledger_done(&ledger);
	cr_assert_eq(ledger.nr_outputs, 0);
	cr_assert_null(ledger.outputs);
	oc_ledger_done(&ledger);
}
