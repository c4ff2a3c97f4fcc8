/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/cli: the command line, what it says about mistakes, and that help, completion and manual page tell of every
 * option. Runs in the root of the tree, where the manual page is.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>

#include "base/macros.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/suggest.h"

#define ARGS_MAX 40

static char *no_env[] = { NULL };

/* Splits a command line at blanks; "" stands for an empty argument. */
static int parse_with_env(struct options *o, const char *line, char *const *env,
			  struct oc_error *err)
{
	static char words[1024];
	static char empty[] = "";
	char *argv[ARGS_MAX + 1] = { NULL };
	size_t nr = 0;
	char *rest = words;

	snprintf(words, sizeof(words), "record-trace %s", line);
	for (char *word = strsep(&rest, " "); word && nr < ARGS_MAX; word = strsep(&rest, " ")) {
		if (*word)
			argv[nr++] = strcmp(word, "\"\"") ? word : empty;
	}
	return options_parse(o, argv, env, err);
}

static void expect_ok(struct options *o, const char *line)
{
	struct oc_error err = { 0 };

	cr_assert_eq(parse_with_env(o, line, no_env, &err), 0, "%s: %s", line, err.message);
}

/* The command line is refused with a code and a message that contains each of two texts. */
static void expect_refused(const char *line, int code, const char *text, const char *more)
{
	struct oc_error err = { 0 };
	struct options o;

	cr_assert_eq(parse_with_env(&o, line, no_env, &err), code, "%s", line);
	cr_assert_eq(err.code, code);
	cr_assert(strstr(err.message, text), "%s: '%s' lacks '%s'", line, err.message, text);
	cr_assert(strstr(err.message, more), "%s: '%s' lacks '%s'", line, err.message, more);
	options_done(&o);
}

Test(options, nothing_means_record_with_defaults)
{
	struct options o;

	expect_ok(&o, "");
	cr_assert_eq(o.command, COMMAND_RECORD);
	cr_assert_eq(o.frequency_hz, 999);
	cr_assert_eq(o.duration_ns, 0);
	cr_assert_eq(o.mode, MODE_AUTO);
	cr_assert_null(o.command_argv);
	cr_assert_eq(o.outputs.nr, 0);
	options_done(&o);
}

Test(options, a_missing_program_name_is_no_crash)
{
	char *argv[] = { NULL };
	struct options o;

	cr_assert_eq(options_parse(&o, argv, no_env, NULL), 0);
	options_done(&o);
}

Test(options, values_in_every_spelling)
{
	static const char *const lines[] = {
		"-F 99 -d 500ms -o a.svg",
		"-F99 -d500ms -oa.svg",
		"--frequency 99 --duration 500ms --output a.svg",
		"--frequency=99 --duration=500ms --out=a.svg",
		"record -F 99 -d 500ms --out a.svg",
		"-F 1 -d 1 -F 99 -d 500ms -o a.svg",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct options o;

		expect_ok(&o, lines[i]);
		cr_assert_eq(o.frequency_hz, 99, "%s", lines[i]);
		cr_assert_eq(o.duration_ns, 500000000, "%s", lines[i]);
		cr_assert_eq(o.outputs.nr, 1, "%s", lines[i]);
		cr_assert_str_eq(o.outputs.items[0], "a.svg");
		options_done(&o);
	}
}

Test(options, pids_in_every_form)
{
	static const char *const lines[] = { "-p 1 -p 22", "-p 1,22", "-p1,22", "--pid=1 --pid 22",
					     "--pid 1,22" };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct options o;

		expect_ok(&o, lines[i]);
		cr_assert_eq(o.pids.nr, 2, "%s", lines[i]);
		cr_assert_eq(o.pids.items[0], 1);
		cr_assert_eq(o.pids.items[1], 22);
		options_done(&o);
	}
}

Test(options, cpu_lists)
{
	static const uint32_t want[] = { 0, 1, 2, 3, 6, 9 };
	struct options o;

	expect_ok(&o, "--cpus 0-3,6 --cpus 9");
	cr_assert_eq(o.cpus.nr, ARRAY_SIZE(want));
	cr_assert_arr_eq(o.cpus.items, want, sizeof(want));
	options_done(&o);
}

Test(options, lists_and_flags)
{
	struct options o;

	expect_ok(&o,
		  "-qo - --format folded --process-filter a* --process-filter b? --cgroup x/y "
		  "--force "
		  "--bpf-stats --no-symbols --timeline --collector perf --unwind fp --buffer 64K "
		  "--memory-budget 1G --map-entries 100 --color never --on-cpu");
	cr_assert_eq(o.verbosity, VERBOSITY_QUIET);
	cr_assert_str_eq(o.outputs.items[0], "-");
	cr_assert_str_eq(o.format, "folded");
	cr_assert_eq(o.process_filters.nr, 2);
	cr_assert_str_eq(o.process_filters.items[1], "b?");
	cr_assert_str_eq(o.cgroup, "x/y");
	cr_assert(o.force && o.bpf_stats && o.no_symbols && o.cpu);
	cr_assert_eq(o.mode, MODE_TIMELINE);
	cr_assert_eq(o.collector, 2);
	cr_assert_eq(o.ring_bytes, 65536);
	cr_assert_eq(o.memory_budget_bytes, 1ULL << 30);
	cr_assert_eq(o.map_entries, 100);
	cr_assert_eq(o.color, COLOR_NEVER);
	options_done(&o);
}

Test(options, everything_behind_two_dashes_is_the_program)
{
	struct options o;

	expect_ok(&o, "-F 50 -- make -j 4 --force -- x");
	cr_assert_eq(o.frequency_hz, 50);
	cr_assert_not(o.force);
	cr_assert_str_eq(o.command_argv[0], "make");
	cr_assert_str_eq(o.command_argv[3], "--force");
	cr_assert_str_eq(o.command_argv[5], "x");
	cr_assert_null(o.command_argv[6]);
	options_done(&o);
}

Test(options, commands_and_topics)
{
	static const struct {
		const char *line;
		enum command command;
		const char *topic;
	} cases[] = {
		{ "check --json", COMMAND_CHECK, NULL },
		{ "--json check -v", COMMAND_CHECK, NULL },
		{ "list formats", COMMAND_LIST, "formats" },
		{ "list", COMMAND_LIST, NULL },
		{ "help record", COMMAND_HELP, "record" },
		{ "completion bash", COMMAND_COMPLETION, "bash" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct options o;

		expect_ok(&o, cases[i].line);
		cr_assert_eq(o.command, cases[i].command, "%s", cases[i].line);
		if (cases[i].topic)
			cr_assert_str_eq(options_arg(&o), cases[i].topic);
		else
			cr_assert_null(options_arg(&o));
		options_done(&o);
	}
}

Test(options, wrong_values_are_explained)
{
	static const char *const cases[][3] = {
		{ "-F 0", "-F", "1 to 100000" },
		{ "-F 100001", "100001", "1 to 100000" },
		{ "-F -5", "'-5'", "not a whole number" },
		{ "-F 99.5", "'99.5'", "not a whole number" },
		{ "--frequency=18446744073709551616", "--frequency", "out of range" },
		{ "-d 0", "-d", "more than nothing" },
		{ "-d -1s", "'-1s'", "30s" },
		{ "-d soon", "'soon'", "not a duration" },
		{ "-d 99999999h", "out of range", "10 years" },
		{ "-p 0", "-p", "1 to 4194303" },
		{ "-p 99999999", "99999999", "out of range" },
		{ "-p 1,", "-p", "12,34" },
		{ "-p 1-5", "'1-5'", "not a list of numbers" },
		{ "-p self", "'self'", "not a list of numbers" },
		{ "-p 5-5", "'5-5'", "12,34" },
		{ "--cpus 3-1", "'3-1'", "0-3,6" },
		{ "--cpus 0-", "'0-'", "0-3,6" },
		{ "--cpus 70000", "70000", "out of range" },
		{ "--cpus ,", "','", "0-3,6" },
		{ "--buffer 1K", "1K", "4K to 1024M" },
		{ "--buffer much", "'much'", "64M" },
		{ "--buffer 99999999999T", "out of range", "--buffer" },
		{ "--memory-budget 0", "out of range", "1024K" },
		{ "--map-entries 0", "out of range", "1 to 16777216" },
		{ "--collector ebpf", "'ebpf'", "did you mean 'bpf'" },
		{ "--color sometimes", "'sometimes'", "auto, always, never" },
		{ "--cgroup \"\"", "--cgroup", "needs a value" },
		{ "-o", "-o", "needs a value (FILE)" },
		{ "-o --force", "-o", "needs a value" },
		{ "--output=", "--output", "needs a value" },
		{ "--force=yes", "--force", "takes no value" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_refused(cases[i][0], -EINVAL, cases[i][1], cases[i][2]);
}

Test(options, unknown_names_are_answered_with_the_nearest)
{
	static const char *const cases[][3] = {
		{ "--frequncy 99", "unknown option --frequncy", "did you mean --frequency" },
		{ "--freq 99", "unknown option --freq", "did you mean --frequency" },
		{ "--outptu=x", "--outptu", "did you mean --output" },
		{ "--xyzzy", "unknown option --xyzzy", "--help-all" },
		{ "-x", "unknown option -x", "--help-all" },
		{ "-qx", "unknown option -x", "--help-all" },
		{ "-g", "unknown option -g", "always recorded" },
		{ "--call-graph dwarf", "unknown option --call-graph", "--unwind" },
		{ "-C 1", "unknown option -C", "--cpus" },
		{ "chekc", "unknown command 'chekc'", "did you mean 'check'" },
		{ "openssl", "unknown command 'openssl'", "record-trace -- openssl" },
		{ "-p 1 2", "unexpected '2'", "-p 12,34" },
		{ "record make", "unexpected 'make'", "record-trace -- make" },
		{ "check formats", "unexpected 'formats'", "" },
		{ "list formats more", "unexpected 'more'", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_refused(cases[i][0], -EINVAL, cases[i][1], cases[i][2]);
}

Test(options, a_very_long_unknown_option_is_no_overflow)
{
	char line[512] = "--";

	memset(line + 2, 'a', sizeof(line) - 3);
	expect_refused(line, -EINVAL, "unknown option --aaa", "");
}

Test(options, contradictions_are_refused)
{
	static const char *const cases[][3] = {
		{ "--aggregate --timeline", "--aggregate", "--timeline" },
		{ "-q -v", "--quiet", "--verbose" },
		{ "-p 1 -- make", "-p", "contradict" },
		{ "--process-filter x -- make", "--process-filter", "contradict" },
		{ "--cgroup x -- make", "--cgroup", "contradict" },
		{ "-a -p 1", "-a", "contradict" },
		{ "-a --cgroup x", "--cgroup", "contradict" },
		{ "--", "no program", "--" },
		{ "check -F 99", "--frequency", "not an option of 'check'" },
		{ "list formats -o x", "--output", "not an option of 'list'" },
		{ "check -- make", "'check'", "no program" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_refused(cases[i][0], -EINVAL, cases[i][1], cases[i][2]);
}

Test(options, what_is_not_possible_yet_is_never_ignored)
{
	static const char *const lines[] = {
		"--syscalls",
		"--syscalls -d 1",
		"--page-faults",
		"--page-faults -o x.svg",
		"--block-io",
		"--scenario cpu",
		"--scenario=cpu",
		"--script x",
		"--script-file x.lua",
		"--live",
		"--lines",
		"--inlines",
		"--container abc",
		"--config x.yaml",
		"agent",
		"-d 5 --lines -o x.svg",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		expect_refused(lines[i], -EOPNOTSUPP, "not possible in this version", "");
}

Test(options, commands_on_files)
{
	struct options o;

	expect_ok(&o, "convert a.octrace -o b.svg --force --format svg");
	cr_assert_eq(o.command, COMMAND_CONVERT);
	cr_assert_str_eq(options_arg(&o), "a.octrace");
	cr_assert_eq(o.outputs.nr, 1);
	cr_assert(o.force);
	options_done(&o);
	expect_ok(&o, "report - --json --memory-budget 8M");
	cr_assert_eq(o.command, COMMAND_REPORT);
	cr_assert_str_eq(options_arg(&o), "-");
	cr_assert(o.json);
	cr_assert_eq(o.memory_budget_bytes, 8 << 20);
	options_done(&o);
	expect_ok(&o, "diff a.octrace b.pb.gz -o x.svg --json --limit 5");
	cr_assert_eq(o.command, COMMAND_DIFF);
	cr_assert_eq(o.args.nr, 2);
	cr_assert_str_eq(o.args.items[1], "b.pb.gz");
	options_done(&o);
	expect_refused("diff a b --format svg", -EINVAL, "--format", "diff");
	expect_refused("report a -o x.svg", -EINVAL, "--output", "report");
	expect_refused("convert a -F 99", -EINVAL, "--frequency", "convert");
	expect_refused("convert a b -o x.svg", -EINVAL, "unexpected 'b'", "");
	expect_refused("report a -- ls", -EINVAL, "no program", "report");
}

Test(options, environment_speaks_where_the_command_line_is_silent)
{
	char *env[] = {
		"ONECOLLECT_FREQUENCY=99", "ONECOLLECT_DURATION=2m",     "ONECOLLECT_TIMELINE=1",
		"ONECOLLECT_COLOR=never",  "ONECOLLECT_NO_SYMBOLS=true", "ONECOLLECT_BPF_STATS=0",
		"ONECOLLECT_BUFFER=",      "ONECOLLECT_FREQUENCYX=7",    NULL
	};
	struct options o;

	cr_assert_eq(parse_with_env(&o, "", env, NULL), 0);
	cr_assert_eq(o.frequency_hz, 99);
	cr_assert_eq(o.duration_ns, 120000000000ULL);
	cr_assert_eq(o.mode, MODE_TIMELINE);
	cr_assert_eq(o.color, COLOR_NEVER);
	cr_assert(o.no_symbols);
	cr_assert_not(o.bpf_stats);
	cr_assert_eq(o.ring_bytes, 0, "an empty variable is none");
	options_done(&o);

	cr_assert_eq(parse_with_env(&o, "-F 50 --aggregate", env, NULL), 0);
	cr_assert_eq(o.frequency_hz, 50);
	cr_assert_eq(o.mode, MODE_AGGREGATE);
	options_done(&o);

	cr_assert_eq(parse_with_env(&o, "check", env, NULL), 0,
		     "variables of other commands do not disturb");
	options_done(&o);
}

Test(options, mistakes_in_the_environment_are_named)
{
	static char *const cases[][3] = {
		{ "ONECOLLECT_FREQUENCY=often", "ONECOLLECT_FREQUENCY", "'often'" },
		{ "ONECOLLECT_TIMELINE=maybe", "ONECOLLECT_TIMELINE", "neither 1 nor 0" },
		{ "ONECOLLECT_UNWIND=lbr", "ONECOLLECT_UNWIND", "'lbr' is not known" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *env[] = { cases[i][0], NULL };
		struct oc_error err = { 0 };
		struct options o;

		cr_assert_neq(parse_with_env(&o, "", env, &err), 0, "%s", cases[i][0]);
		cr_assert(strstr(err.message, cases[i][1]), "%s", err.message);
		cr_assert(strstr(err.message, cases[i][2]), "%s", err.message);
		options_done(&o);
	}
}

Test(options, variables_that_contradict_each_other_are_refused)
{
	char *env[] = { "ONECOLLECT_AGGREGATE=1", "ONECOLLECT_TIMELINE=1", NULL };
	struct oc_error err = { 0 };
	struct options o;

	cr_assert_eq(parse_with_env(&o, "", env, &err), -EINVAL);
	cr_assert(strstr(err.message, "contradicts"));
	options_done(&o);
}

/* ---- the table and what is made from it -------------------------------------------------------------------- */

static bool is_name_char(char c)
{
	return c == '-' || (c >= 'a' && c <= 'z');
}

/* True when text contains `word` that does not go on as a longer name. */
static bool contains_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
		if (!is_name_char(at[len]))
			return true;
	}
	return false;
}

static char *read_text(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = calloc(1, 1 << 20);
	size_t len;

	cr_assert_not_null(f, "%s; the tests run in the root of the tree", path);
	len = fread(text, 1, (1 << 20) - 1, f);
	cr_assert_gt(len, 0);
	cr_assert_lt(len, (1 << 20) - 1);
	fclose(f);
	return text;
}

Test(options, names_are_unique)
{
	size_t nr;
	const struct option_row *table = option_table(&nr);

	for (size_t i = 0; i < nr; i++) {
		enum command command = (enum command)__builtin_ctz(table[i].commands);

		cr_assert_eq(option_by_name(table[i].name, command), &table[i], "--%s",
			     table[i].name);
		cr_assert(!table[i].alias || option_by_name(table[i].alias, command) == &table[i]);
		for (size_t j = 0; table[i].letter && j < i; j++)
			cr_assert_neq(table[i].letter, table[j].letter, "--%s", table[i].name);
	}
}

Test(options, the_manual_page_has_every_option)
{
	char *page = read_text("docs/man/record-trace.1");
	size_t nr;
	const struct option_row *table = option_table(&nr);
	char text[80];

	for (size_t i = 0; i < nr; i++) {
		const struct option_row *row = &table[i];

		snprintf(text, sizeof(text), "Fl -%s", row->name);
		cr_assert_eq(contains_word(page, text), row->type != OPTION_LATER, "--%s",
			     row->name);
		snprintf(text, sizeof(text), ".It Fl %c , Fl -%s", row->letter, row->name);
		cr_assert(!row->letter || strstr(page, text), "%s", text);
		snprintf(text, sizeof(text), "Fl -%s", row->alias ? row->alias : row->name);
		cr_assert_eq(contains_word(page, text), row->type != OPTION_LATER, "%s", text);
		option_env_name(row, text, sizeof(text));
		cr_assert_eq(strstr(page, text) != NULL,
			     (option_by_name(row->name, COMMAND_RECORD)->flags & OPTION_ENV) != 0,
			     "%s", text);
		for (size_t j = 0; row->choices[j]; j++) {
			snprintf(text, sizeof(text), ".Cm %s", row->choices[j]);
			cr_assert(contains_word(page, text), "--%s %s", row->name, row->choices[j]);
		}
	}
	free(page);
}

Test(options, every_option_of_the_manual_page_exists)
{
	char *page = read_text("docs/man/record-trace.1");
	size_t seen = 0;

	for (const char *at = strstr(page, "Fl -"); at; at = strstr(at + 1, "Fl -")) {
		char name[64] = "";
		size_t len = 0;

		for (at += strlen("Fl -"); is_name_char(*at) && len < sizeof(name) - 1; at++)
			name[len++] = *at;
		if (!len)
			continue; /* "Fl - program" */
		cr_assert_not_null(option_by_name(name, COMMAND_RECORD), "--%s", name);
		seen++;
	}
	cr_assert_gt(seen, 20);
	free(page);
}

Test(options, help_shows_every_option_of_its_command)
{
	static const enum command commands[] = { COMMAND_RECORD, COMMAND_CHECK, COMMAND_LIST,
						 COMMAND_CONVERT, COMMAND_REPORT };
	const struct stream plain = { 0 };
	size_t nr;
	const struct option_row *table = option_table(&nr);

	for (size_t c = 0; c < ARRAY_SIZE(commands); c++) {
		struct buffer all = BUFFER_INIT, some = BUFFER_INIT;

		help_text(&all, &plain, commands[c], true);
		help_text(&some, &plain, commands[c], false);
		cr_assert(!all.error && !some.error);
		for (size_t i = 0; i < nr; i++) {
			const struct option_row *row = &table[i];
			bool shown;
			char text[64];

			/* Two commands may have an option of one name; then it is shown as the command's own. */
			row = option_by_name(row->name, commands[c]);
			shown = row->type != OPTION_LATER &&
				(row->commands & COMMAND_BIT(commands[c]));
			snprintf(text, sizeof(text), " --%s", row->name);
			cr_assert_eq(contains_word(all.data, text), shown, "%s", text);
			cr_assert_eq(contains_word(some.data, text),
				     shown && (row->flags & OPTION_COMMON), "%s", text);
		}
		cr_assert_null(strchr(all.data, '\033'), "no colours unless asked for");
		buffer_done(&all);
		buffer_done(&some);
	}
}

Test(options, short_help_fits_on_a_screen)
{
	const struct stream plain = { 0 };
	struct buffer text = BUFFER_INIT;
	unsigned int lines = 0;

	help_text(&text, &plain, COMMAND_RECORD, false);
	for (const char *line = text.data; *line; lines++) {
		size_t len = strcspn(line, "\n");

		cr_assert_leq(len, 100, "%.*s", (int)len, line);
		line += len + (line[len] == '\n');
	}
	cr_assert_leq(lines, 50);
	buffer_done(&text);
}

Test(options, completion_knows_every_option)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };
	size_t nr;
	const struct option_row *table = option_table(&nr);

	for (size_t s = 0; s < ARRAY_SIZE(shells); s++) {
		struct buffer script = BUFFER_INIT;

		cr_assert_eq(completion_script(&script, shells[s]), 0);
		cr_assert_eq(script.error, 0);
		for (size_t i = 0; i < nr; i++) {
			char text[64];

			snprintf(text, sizeof(text), strcmp(shells[s], "fish") ? "--%s" : "-l %s",
				 table[i].name);
			cr_assert_eq(contains_word(script.data, text),
				     table[i].type != OPTION_LATER, "%s: %s", shells[s], text);
		}
		buffer_done(&script);
	}
	struct buffer none = BUFFER_INIT;

	cr_assert_eq(completion_script(&none, "cmd.exe"), -EINVAL);
	cr_assert_eq(none.len, 0);
}

/* ---- words, widths, progress ------------------------------------------------------------------------------- */

static const char *nearest(const char *wanted)
{
	static const char *const known[] = { "pprof", "folded", "html", NULL, "svg", "cpus" };
	struct suggestion s = { .wanted = wanted };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		suggest_consider(&s, known[i]);
	return s.best ? s.best : "";
}

Test(suggest, nearest_or_nothing)
{
	char longer[200];

	cr_assert_str_eq(nearest("pprf"), "pprof");
	cr_assert_str_eq(nearest("pprofs"), "pprof");
	cr_assert_str_eq(nearest("fodled"), "folded");
	cr_assert_str_eq(nearest("fo"), "folded");
	cr_assert_str_eq(nearest("svgs"), "svg");
	cr_assert_str_eq(nearest("json"), "");
	cr_assert_str_eq(nearest(""), "");
	memset(longer, 'p', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	cr_assert_str_eq(nearest(longer), "");
}

static void expect_fit(const char *text, unsigned int width, bool pad, const char *want)
{
	struct buffer out = BUFFER_INIT;

	text_fit(&out, text, width, pad);
	cr_assert_str_eq(out.data ? out.data : "", want);
	buffer_done(&out);
}

Test(console, text_is_cut_between_characters)
{
	expect_fit("main", 0, true, "main");
	expect_fit("main", 4, true, "main");
	expect_fit("main", 6, true, "main  ");
	expect_fit("main", 6, false, "main");
	expect_fit("a_long_name", 8, true, "a_lon...");
	expect_fit("a_long_name", 2, true, "a_");
	expect_fit("gr\xc3\xbc\xc3\x9f"
		   "e",
		   5, false,
		   "gr\xc3\xbc\xc3\x9f"
		   "e");
	expect_fit("gr\xc3\xbc\xc3\x9f"
		   "e dich",
		   6, false, "gr\xc3\xbc...");
	expect_fit("gr\xc3\xbc\xc3\x9f"
		   "e",
		   7, true,
		   "gr\xc3\xbc\xc3\x9f"
		   "e  ");
}

static void expect_wrapped(const char *text, unsigned int width, const char *want)
{
	struct buffer out = BUFFER_INIT;

	text_wrap(&out, text, width, 4);
	cr_assert_str_eq(out.data ? out.data : "", want);
	buffer_done(&out);
}

Test(console, lines_are_broken_at_blanks)
{
	expect_wrapped("", 10, "");
	expect_wrapped("cpu 1 of 2\n", 0, "cpu 1 of 2\n");
	expect_wrapped("cpu 1 of 2\n", 10, "cpu 1 of 2\n");
	expect_wrapped("cpu 1 of 2\n\nx", 9, "cpu 1 of\n    2\n\nx");
	expect_wrapped("  a 12 345 6789 1 2\n", 10, "  a 12 345\n    6789 1\n    2\n");
	expect_wrapped("x a_word_that_is_longer y", 8, "x a_word_that_is_longer\n    y");
	expect_wrapped("a_word_that_is_longer y", 8, "a_word_that_is_longer\n    y");
	expect_wrapped("gr\xc3\xbc\xc3\x9f dich\n", 9, "gr\xc3\xbc\xc3\x9f dich\n");
	expect_wrapped("blanks   inside  ", 8, "blanks\n    inside\n    ");
}

static void expect_shell_word(const char *word, const char *want)
{
	struct buffer out = BUFFER_INIT;

	text_shell_word(&out, word);
	cr_assert_str_eq(out.data, want);
	buffer_done(&out);
}

Test(console, words_are_quoted_for_a_shell)
{
	expect_shell_word("a/b-c_d.svg", "a/b-c_d.svg");
	expect_shell_word("", "''");
	expect_shell_word("a b", "'a b'");
	expect_shell_word("$(reboot)", "'$(reboot)'");
	expect_shell_word("it's", "'it'\\''s'");
	expect_shell_word("*", "'*'");
}

Test(console, styles_only_with_colours)
{
	struct stream s = { .color = false };

	cr_assert_str_eq(style_begin(&s, STYLE_BAD), "");
	cr_assert_str_eq(style_end(&s, STYLE_BAD), "");
	s.color = true;
	cr_assert_str_eq(style_begin(&s, STYLE_BAD), "\033[31m");
	cr_assert_str_eq(style_end(&s, STYLE_BAD), "\033[0m");
	cr_assert_str_eq(style_end(&s, STYLE_NONE), "");
}

static void expect_progress(uint64_t duration_ns, unsigned int width, const char *want)
{
	const struct oc_recording_progress now = {
		.elapsed_ns = 1250000000,
		.samples = 12345,
		.stacks = 678,
		.lost = 0,
	};
	struct buffer out = BUFFER_INIT;

	progress_line(&out, &now, duration_ns, width);
	cr_assert_str_eq(out.data, want);
	buffer_done(&out);
}

Test(progress, line)
{
	expect_progress(0, 0, "recording 1.2 s, Ctrl-C stops | 12,345 samples, 678 stacks, 0 lost");
	expect_progress(5000000000, 0,
			"recording 1.2 s, 3.8 s left | 12,345 samples, 678 stacks, 0 lost");
	expect_progress(1000000000, 0,
			"recording 1.2 s, 0.0 s left | 12,345 samples, 678 stacks, 0 lost");
	expect_progress(0, 20, "recording 1.2 s, ...");
}
