/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of --help.
 * Called by main(); the test of the manual page reads it too.
 * Must not hold the name of any option: they come from the table.
 */
#include "cli/help.h"

#include <errno.h>

#include "base/macros.h"
#include "cli/suggest.h"

#define HELP_COLUMN 29

static void heading(struct buffer *out, const struct stream *s, const char *text)
{
	buffer_printf(out, "\n%s%s%s\n", style_begin(s, STYLE_BOLD), text,
		      style_end(s, STYLE_BOLD));
}

static void entry(struct buffer *out, const char *what, const char *help)
{
	buffer_puts(out, "  ");
	text_fit(out, what, 0, false);
	for (unsigned int column = 2 + text_columns(what); column < HELP_COLUMN; column++)
		buffer_putc(out, ' ');
	if (2 + text_columns(what) >= HELP_COLUMN)
		buffer_printf(out, "\n%*s", HELP_COLUMN, "");
	buffer_printf(out, "%s\n", help);
}

static void option_entry(struct buffer *out, const struct option_row *row)
{
	struct buffer what = BUFFER_INIT;
	struct buffer help = BUFFER_INIT;

	if (row->letter)
		buffer_printf(&what, "-%c, ", row->letter);
	else
		buffer_puts(&what, "    ");
	buffer_printf(&what, "--%s", row->name);
	if (row->arg)
		buffer_printf(&what, " %s", row->arg);
	buffer_puts(&help, row->help);
	for (size_t i = 0; i < OPTION_CHOICES_MAX && row->choices[i]; i++)
		buffer_printf(&help, "%s%s", i ? "|" : ": ", row->choices[i]);
	if (row->alias)
		buffer_printf(&help, "; also --%s", row->alias);
	if (what.error || help.error)
		out->error = -ENOMEM;
	else
		entry(out, what.data, help.data);
	buffer_done(&what);
	buffer_done(&help);
}

static void options_of_topic(struct buffer *out, const struct stream *s, enum command command,
			     enum option_topic topic, bool all)
{
	static const char *const titles[TOPIC_COUNT] = {
		[TOPIC_WHAT] = "What to record",
		[TOPIC_WHOM] = "Whom (default: the whole machine)",
		[TOPIC_SAMPLES] = "Which samples (default: all; several options narrow the choice)",
		[TOPIC_HOW] = "How",
		[TOPIC_OUTPUT] = "Output",
		[TOPIC_OTHER] = "Other",
	};
	size_t nr;
	const struct option_row *table = option_table(&nr);
	bool titled = false;

	for (size_t i = 0; i < nr; i++) {
		const struct option_row *row = &table[i];

		if (row->topic != topic || row->type == OPTION_LATER ||
		    !(row->commands & COMMAND_BIT(command)) ||
		    !(all || (row->flags & OPTION_COMMON)))
			continue;
		if (!titled)
			heading(out, s, titles[topic]);
		titled = true;
		option_entry(out, row);
	}
}

static void usage(struct buffer *out, enum command command)
{
	size_t nr;
	const struct command_row *table = command_table(&nr);

	if (command == COMMAND_RECORD) {
		buffer_puts(out, "usage: record-trace [record] [OPTION]... [-o FILE]... [-- "
				 "PROGRAM ARG...]\n"
				 "       record-trace COMMAND [OPTION]...\n\n"
				 "Records where a machine, or a part of it, spends its time and "
				 "writes files that\n"
				 "pprof, browsers and flame graph tools open. Stops with Ctrl-C "
				 "and then writes.\n");
		return;
	}
	for (size_t i = 0; i < nr; i++) {
		if (table[i].later || table[i].command != command)
			continue;
		buffer_printf(out, "usage: record-trace %s%s%s [OPTION]...\n\n%s: %s.\n",
			      table[i].name, table[i].arg ? " " : "",
			      table[i].arg ? table[i].arg : "", table[i].name, table[i].help);
	}
}

static void record_examples(struct buffer *out, const struct stream *s)
{
	heading(out, s, "Examples");
	entry(out, "record-trace -d 10", "everything, 10 s; prints the hottest functions");
	entry(out, "record-trace -p 12 -o x.svg", "one process until Ctrl-C, as a flame graph");
	entry(out, "record-trace -- make", "a program and what it starts");
}

void help_text(struct buffer *out, const struct stream *stream, enum command command, bool all)
{
	size_t nr;
	const struct command_row *table = command_table(&nr);

	usage(out, command);
	for (int topic = 0; topic < TOPIC_COUNT; topic++)
		options_of_topic(out, stream, command, (enum option_topic)topic, all);
	if (command == COMMAND_RECORD) {
		heading(out, stream, "Commands");
		for (size_t i = 0; i < nr; i++) {
			char what[HELP_COLUMN];

			if (table[i].later)
				continue;
			snprintf(what, sizeof(what), "%s%s%s", table[i].name,
				 table[i].arg ? " " : "", table[i].arg ? table[i].arg : "");
			entry(out, what, table[i].help);
		}
		record_examples(out, stream);
	}
}

int cmd_help(const struct options *o, const struct console *c)
{
	struct buffer text = BUFFER_INIT;
	enum command command = o->command;
	int rc;

	if (command == COMMAND_HELP) {
		const char *name = options_arg(o);
		const struct command_row *row = command_by_name(name ? name : "record");
		struct suggestion near = { .wanted = name };
		size_t nr;
		const struct command_row *table = command_table(&nr);

		for (size_t i = 0; !row && i < nr; i++)
			suggest_consider(&near, table[i].later ? NULL : table[i].name);
		if (!row && near.best)
			console_error(c, "there is no command '%s'; did you mean '%s'?", name,
				      near.best);
		else if (!row)
			console_error(c, "there is no command '%s'; record-trace --help lists them",
				      name);
		else if (row->later)
			console_error(c, "'%s' is not possible in this version of record-trace",
				      name);
		if (!row || row->later)
			return OC_EXIT_USAGE;
		command = row->command;
	}
	help_text(&text, &c->out, command, o->help_all || o->args.nr);
	rc = console_print(c, &text);
	buffer_done(&text);
	return rc ? OC_EXIT_FAILED : OC_EXIT_OK;
}
