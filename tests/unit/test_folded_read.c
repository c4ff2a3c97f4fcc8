/* SPDX-License-Identifier: BSD-2-Clause */
/* Folded stacks read: what other tools write, what is none, and our own files again. */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "reading.h"
#include "sample_machine.h"

static void expect_same(const char *text, const char *expected)
{
	struct oc_machine *m = reading_folded(text);
	char *written = reading_write(m, "folded", NULL);

	cr_assert_str_eq(written, expected);
	free(written);
	oc_machine_free(m);
}

static void expect_refused(const char *text, int code, const char *words)
{
	struct oc_error err;

	cr_assert_null(reading_read("folded", text, strlen(text), &err));
	cr_assert_eq(err.code, code, "%s", err.message);
	cr_assert_not_null(strstr(err.message, words), "%s", err.message);
}

static bool sniffs(const char *text)
{
	return reading_sniff("folded", text, strlen(text));
}

Test(folded_read, first_frames_are_processes)
{
	struct oc_machine *m = reading_folded("web;main;work 3\nweb;main 1\ndb;main;work_[k] 2\n");

	cr_assert_eq(oc_machine_nr_processes(m), 2);
	cr_assert_str_eq(oc_machine_string(m, oc_machine_process(m, 1)->comm, NULL), "web");
	cr_assert_eq(oc_machine_ledger_const(m)->kinds[0].kept, 6);
	cr_assert_eq(oc_machine_ledger_const(m)->kinds[0].taken, 6);
	cr_assert(oc_machine_info(m)->aggregated);
	oc_machine_free(m);
	expect_same("web;main;work 3\nweb;main 1\ndb;main;work_[k] 2\n",
		    "db;main;work_[k] 2\nweb;main 1\nweb;main;work 3\n");
}

Test(folded_read, first_frames_are_functions_where_one_runs)
{
	expect_same("main;work 3\nmain 1\n", "[unknown];main 1\n[unknown];main;work 3\n");
	expect_same("[unknown];main 1\n[unknown];main;work 3\n",
		    "[unknown];main 1\n[unknown];main;work 3\n");
}

Test(folded_read, first_frames_are_functions_where_they_look_so)
{
	expect_same("<module> (app.py:3);work (app.py:9) 2\n",
		    "[unknown];<module> (app.py:3);work (app.py:9) 2\n");
	expect_same("core::main;core::work 2\n", "[unknown];core::main;core::work 2\n");
}

/* One line tells it of all of the file. */
Test(folded_read, first_frames_are_functions_where_threads_begin)
{
	expect_same("start_thread;work 2\nMain.main;Main.run 1\n",
		    "[unknown];Main.main;Main.run 1\n[unknown];start_thread;work 2\n");
	expect_same("java/lang/Thread.run;Main.run 2\nMain.main;Main.run 1\n",
		    "[unknown];Main.main;Main.run 1\n[unknown];java/lang/Thread.run;Main.run 2\n");
	expect_same("kworker/0:1;work 2\npython3.11;work 1\nsh-1/2;work 1\n",
		    "kworker/0:1;work 2\npython3.11;work 1\nsh-1/2;work 1\n");
}

/* As py-spy writes it. */
Test(folded_read, a_count_alone_has_no_stack)
{
	cr_assert(sniffs("main (a.py:1);work (a.py:2) 3\n 1\n"));
	cr_assert(sniffs(" 1\nmain (a.py:1);work (a.py:2) 3\n"));
	expect_same(" 1\nmain;work 3\n", "[unknown];[no stack] 1\n[unknown];main;work 3\n");
}

Test(folded_read, marks_of_frames_stay)
{
	static const char text[] = "app;main;inner_[i];innermost_[i] 4\n"
				   "app;main;jit_[j];inner_[i];sys_[k];deep_[i] 5\n";

	expect_same(text, "app;main;inner_[i];innermost_[i] 4\n"
			  "app;main;jit_[j];inner_[i];sys_[k];deep_[i] 5\n");
	/* Nothing is there that the outermost frame could be inlined into. */
	expect_same("app;first_[i];main 1\n", "app;first;main 1\n");
}

Test(folded_read, ends_of_lines_and_blanks)
{
	expect_same("app;a b;c 4\r\n\r\napp;d   5  \n\napp;e 6", "app;a b;c 4\napp;d 5\napp;e 6\n");
	expect_same("app;;x 1\n", "app;[unknown];x 1\n");
}

Test(folded_read, text_is_cleaned)
{
	expect_same("app;\xff\x01;x 1\n", "app;\xef\xbf\xbd\\x01;x 1\n");
}

Test(folded_read, equal_stacks_add_up_and_nothing_is_kept_of_zero)
{
	expect_same("app;x 1\napp;x 2\napp;y 0\n", "app;x 3\n");
}

Test(folded_read, fractions_are_thousandths)
{
	struct oc_machine *m = reading_folded("a;x 1.5\na;y 2\na;z 0.0006\na;z 0.0004\n");

	cr_assert_str_eq(oc_machine_kind(m, 1)->name, "weight_thousandths");
	cr_assert_eq(oc_machine_ledger_const(m)->kinds[0].kept, 1500 + 2000 + 1);
	oc_machine_free(m);
	/* No fraction is none. */
	expect_same("a;x 2.0\n", "a;x 2\n");
}

Test(folded_read, refuses_what_is_no_stack)
{
	expect_refused("a;b 3\nno count\na;c 1\n", -EBADMSG, "line 2 ");
	expect_refused("a;b -3\n", -EBADMSG, "line 1 ");
	expect_refused("a;b 3x\n", -EBADMSG, "line 1 ");
	expect_refused("a;b .5\n", -EBADMSG, "line 1 ");
	expect_refused("12\n", -EBADMSG, "line 1 ");
	expect_refused("\n", -EBADMSG, "holds no stack");
	expect_refused("a;b 99999999999999999999\n", -EFBIG, "line 1 ");
	expect_refused("a;b 9000000000000000\na;c 9000000000000000000\n", -EFBIG, "line 2 ");
}

Test(folded_read, refuses_differences)
{
	expect_refused("a;b 3 4\na;c 0 1\n", -EOPNOTSUPP, "two counts");
	/* One name that ends in a number is none. */
	expect_same("a;GC thread 3 4\na;c 1\n", "a;GC thread 3 4\na;c 1\n");
}

Test(folded_read, a_last_line_without_count_was_cut)
{
	struct oc_machine *m = reading_folded("a;b 3\na;c;lon");

	cr_assert_eq(oc_machine_ledger_const(m)->notes[OC_NOTE_PARTIAL_INPUT], 1);
	cr_assert_eq(oc_machine_ledger_const(m)->kinds[0].kept, 3);
	oc_machine_free(m);
}

Test(folded_read, deep_stacks_lose_their_root_and_are_counted)
{
	struct buffer text = BUFFER_INIT;
	const struct oc_ledger_kind *row;
	struct oc_machine *m;
	uint32_t nr;

	buffer_puts(&text, "app");
	for (int i = 0; i < OC_STACK_FRAMES_MAX + 5; i++)
		buffer_printf(&text, ";f%d", i);
	buffer_puts(&text, " 7\napp;x 1\n");
	m = reading_folded(text.data);
	row = &oc_machine_ledger_const(m)->kinds[0];
	cr_assert_eq(row->kept, 8);
	cr_assert_eq(row->incomplete[OC_STACK_TRUNCATED], 7);
	oc_machine_stack(m, 1, &nr);
	cr_assert_eq(nr, OC_STACK_FRAMES_MAX);
	oc_machine_free(m);
	buffer_done(&text);
}

Test(folded_read, lines_may_be_longer_than_blocks_and_are_bounded)
{
	struct buffer text = BUFFER_INIT;
	struct oc_error err;
	struct oc_machine *m;

	buffer_puts(&text, "app;");
	for (int i = 0; i < 300000; i++)
		buffer_putc(&text, 'x');
	buffer_puts(&text, " 2\napp;y 1\n");
	m = reading_folded(text.data);
	cr_assert_eq(oc_machine_ledger_const(m)->kinds[0].kept, 3);
	oc_machine_free(m);
	buffer_clear(&text);
	buffer_puts(&text, "app;");
	for (int i = 0; i < 17 << 20; i++)
		buffer_putc(&text, 'x');
	cr_assert_null(reading_read("folded", text.data, text.len, &err));
	cr_assert_eq(err.code, -EFBIG);
	buffer_done(&text);
}

Test(folded_read, our_own_files_come_back)
{
	struct oc_machine *m = sample_machine_new(0), *again;
	char *first = reading_write(m, "folded", NULL), *second;

	again = reading_folded(first);
	second = reading_write(again, "folded", NULL);
	cr_assert_str_eq(second, first);
	cr_assert_eq(oc_machine_ledger_const(again)->kinds[0].kept, SAMPLE_TOTAL);
	free(first);
	free(second);
	oc_machine_free(m);
	oc_machine_free(again);
}

Test(folded_read, equal_code_of_two_files_is_one_when_merged)
{
	struct oc_machine *a = reading_folded("x;pad 1\napp;main;work 3\n");
	struct oc_machine *b = reading_folded("app;main;other 1\napp;main;work 4\n");
	char *text;

	cr_assert_eq(oc_machine_merge(a, b), 0);
	cr_assert_eq(oc_machine_finish(a), 0);
	text = reading_write(a, "folded", NULL);
	cr_assert_str_eq(text, "app;main;other 1\napp;main;work 7\nx;pad 1\n");
	free(text);
	oc_machine_free(a);
	oc_machine_free(b);
}

Test(folded_read, sniffs_its_own_only)
{
	cr_assert(sniffs("app;main;work 3\n"));
	cr_assert(sniffs("main 1\napp;main;work 3\r\n"));
	cr_assert(sniffs("app;main 3\napp;wor"));
	cr_assert_not(sniffs(""));
	cr_assert_not(sniffs("words of a letter from 1999\n"));
	cr_assert_not(sniffs("a;b;c\n1;2;3\n"));
	cr_assert_not(sniffs("# callgrind format\nversion: 1\n"));
	cr_assert_not(sniffs("{\"a;b\": 3\n}"));
	cr_assert_not(sniffs("shares 100/101 [000]  12.5: 1 cpu:\n\tab;c 12\n"));
	cr_assert_not(sniffs("int a; int b = 3;\n"));
	cr_assert_not(sniffs("app;ma\x01in 3\n"));
	cr_assert_not(sniffs("app;main 3\nsomething else\n"));
}

Test(folded_read, sniffs_a_line_longer_than_it_sees)
{
	struct buffer text = BUFFER_INIT;

	while (text.len <= OC_SNIFF_BYTES)
		buffer_puts(&text, "org/example/Class.method;");
	cr_assert(sniffs(text.data));
	buffer_clear(&text);
	while (text.len <= OC_SNIFF_BYTES)
		buffer_puts(&text, "{\"a\";\"b\"; ");
	cr_assert_not(sniffs(text.data));
	buffer_done(&text);
}
