/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export/ledger_line.h: what is written comes back, and lines that lie do no harm.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "base/macros.h"
#include "export/ledger_line.h"

static struct oc_ledger ledger_of(const char *name, uint64_t kept)
{
	struct oc_ledger ledger = { .nr_kinds = 1 };

	snprintf(ledger.kinds[0].name, sizeof(ledger.kinds[0].name), "%s", name);
	ledger.kinds[0].kept = ledger.kinds[0].taken = kept;
	return ledger;
}

static bool take(struct oc_ledger *ledger, const char *line)
{
	bool is_taken = ledger_line_take(ledger, line, strlen(line));

	cr_assert(oc_ledger_balanced(ledger), "%s", line);
	return is_taken;
}

Test(ledger_line, says_what_there_is)
{
	struct oc_ledger ledger = ledger_of("cpu", 10), again = ledger_of("cpu", 10);
	struct buffer text = BUFFER_INIT;

	ledger_line_put_kind(&text, &ledger.kinds[0]);
	ledger_line_put_notes(&text, &ledger);
	cr_assert_eq(text.len, 0, "nothing to say");
	ledger.kinds[0].due = 20;
	ledger.kinds[0].lost[OC_LOSS_RING_FULL] = 1;
	ledger.kinds[0].incomplete[OC_STACK_EXEC] = 2;
	ledger.kinds[0].complete = 3;
	ledger.kinds[0].stacks = 5;
	ledger.notes[OC_NOTE_CPU_REOPENED] = 4;
	ledger_line_put_kind(&text, &ledger.kinds[0]);
	cr_assert_str_eq(
		text.data,
		"ledger of cpu: due=20 stacks=5 complete=3 lost.ring_full=1 incomplete.exec=2");
	cr_assert(take(&again, text.data));
	buffer_clear(&text);
	ledger_line_put_notes(&text, &ledger);
	cr_assert_str_eq(text.data, "ledger notes: cpu_reopened=4");
	cr_assert(take(&again, text.data));
	cr_assert_eq(again.kinds[0].taken, 11);
	cr_assert_eq(again.kinds[0].incomplete[OC_STACK_EXEC], 2);
	cr_assert_eq(again.notes[OC_NOTE_CPU_REOPENED], 4);
	buffer_done(&text);
}

Test(ledger_line, names_of_kinds_may_be_any)
{
	struct oc_ledger ledger = ledger_of("a: b=1", 10);
	struct buffer text = BUFFER_INIT;

	ledger.kinds[0].due = 7;
	ledger_line_put_kind(&text, &ledger.kinds[0]);
	ledger = ledger_of("a: b=1", 10);
	cr_assert(take(&ledger, text.data));
	cr_assert_eq(ledger.kinds[0].due, 7);
	ledger = ledger_of("a", 10);
	cr_assert_not(take(&ledger, text.data));
	cr_assert_eq(ledger.kinds[0].due, 0);
	buffer_done(&text);
}

Test(ledger_line, what_contradicts_itself_is_left_out)
{
	struct oc_ledger ledger = ledger_of("cpu", 10);

	cr_assert(take(&ledger, "ledger of cpu: stacks=5 complete=6"));
	cr_assert(take(&ledger, "ledger of cpu: stacks=11 complete=11"));
	cr_assert(take(&ledger,
		       "ledger of cpu: stacks=9223372036854775807 complete=9223372036854775807"));
	cr_assert_eq(ledger.kinds[0].stacks, 0);
	cr_assert(take(&ledger, "ledger of cpu: lost.ring_full=9223372036854775807 "
				"lost.throttled=9223372036854775807 lost.idle=1"));
	cr_assert_eq(ledger.kinds[0].taken, 10);
	cr_assert(take(&ledger, "ledger of cpu: lost.of_later_versions=3 lost.ring_full=2"));
	cr_assert_eq(ledger.kinds[0].taken, 12);
	cr_assert(take(&ledger, "ledger notes: of_later_versions=3"));
	ledger.notes[OC_NOTE_CPU_REOPENED] = UINT64_MAX;
	cr_assert(take(&ledger, "ledger notes: cpu_reopened=3"));
	cr_assert_eq(ledger.notes[OC_NOTE_CPU_REOPENED], UINT64_MAX);
}

Test(ledger_line, other_lines_are_none)
{
	static const char *const lines[] = {
		"",
		"ledger",
		"ledger of ",
		"ledger of cpu",
		"ledger of gpu: due=1",
		"ledger of cpu: due",
		"ledger of cpu: due=",
		"ledger of cpu: due=-1",
		"ledger of cpu: due=1  idle=2",
		"ledger of cpu: due=99999999999999999999999999999",
		"ledger of cpu:due=1",
		"ledger of cpu: ",
		"ledger notes: 1",
		"ledger notes:cpu_reopened=1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct oc_ledger ledger = ledger_of("cpu", 10);

		cr_assert_not(take(&ledger, lines[i]), "%s", lines[i]);
		cr_assert_eq(ledger.kinds[0].due, 0);
	}
}
