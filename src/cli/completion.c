/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion scripts for bash, zsh and fish.
 * Called by main() for `completion SHELL`.
 * Must not hold the name of any option: they come from the table.
 */
#include <errno.h>

#include "base/macros.h"
#include "cli/help.h"

static bool takes_file(const struct option_row *row)
{
	return row->arg && (!strcmp(row->arg, "FILE") || !strcmp(row->arg, "PATH"));
}

static void words_of_choices(struct buffer *out, const struct option_row *row)
{
	for (size_t i = 0; i < OPTION_CHOICES_MAX && row->choices[i]; i++)
		buffer_printf(out, "%s%s", i ? " " : "", row->choices[i]);
}

static void words_of_commands(struct buffer *out)
{
	size_t nr;
	const struct command_row *table = command_table(&nr);
	const char *separator = "";

	for (size_t i = 0; i < nr; i++) {
		if (table[i].later)
			continue;
		buffer_printf(out, "%s%s", separator, table[i].name);
		separator = " ";
	}
}

static void bash_values(struct buffer *out, const struct option_row *row)
{
	if (row->letter)
		buffer_printf(out, "\t-%c|--%s", row->letter, row->name);
	else
		buffer_printf(out, "\t--%s", row->name);
	if (row->alias)
		buffer_printf(out, "|--%s", row->alias);
	buffer_puts(out, ")\n");
	if (takes_file(row)) {
		buffer_puts(out, "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n");
	} else if (row->choices[0]) {
		buffer_puts(out, "\t\tmapfile -t COMPREPLY < <(compgen -W \"");
		words_of_choices(out, row);
		buffer_puts(out, "\" -- \"$word\")\n");
	} else {
		buffer_puts(out, "\t\tCOMPREPLY=()\n");
	}
	buffer_puts(out, "\t\treturn ;;\n");
}

static void bash_script(struct buffer *out)
{
	size_t nr;
	const struct option_row *table = option_table(&nr);

	buffer_puts(out,
		    "# bash completion of record-trace\n"
		    "_record_trace()\n{\n"
		    "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} i\n"
		    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		    "\t\tif [[ ${COMP_WORDS[i]} == -- ]]; then\n"
		    "\t\t\tmapfile -t COMPREPLY < <(compgen -c -f -- \"$word\")\n"
		    "\t\t\treturn\n\t\tfi\n\tdone\n"
		    "\tcase $before in\n");
	for (size_t i = 0; i < nr; i++) {
		if (table[i].type != OPTION_LATER && table[i].arg)
			bash_values(out, &table[i]);
	}
	buffer_puts(
		out,
		"\tconvert|merge|report)\n\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
		"\t\treturn ;;\n");
	buffer_puts(out, "\tlist)\n\t\tmapfile -t COMPREPLY < <(compgen -W formats -- \"$word\")\n"
			 "\t\treturn ;;\n"
			 "\tcompletion)\n\t\tmapfile -t COMPREPLY < <(compgen -W \"bash zsh fish\" "
			 "-- \"$word\")\n"
			 "\t\treturn ;;\n\tesac\n"
			 "\tmapfile -t COMPREPLY < <(compgen -W \"");
	words_of_commands(out);
	for (size_t i = 0; i < nr; i++) {
		if (table[i].type != OPTION_LATER)
			buffer_printf(out, " --%s", table[i].name);
	}
	buffer_puts(out, "\" -- \"$word\")\n}\ncomplete -F _record_trace record-trace\n");
}

/* In a zsh specification in single quotes: the bracketed help must not hold brackets, colons or quotes as they are. */
static void zsh_quoted(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			buffer_puts(out, "'\\''");
		else if (strchr("[]:", *text))
			buffer_printf(out, "\\%c", *text);
		else
			buffer_putc(out, *text);
	}
}

static void zsh_option(struct buffer *out, const struct option_row *row, const char *dashed)
{
	bool repeats = row->type == OPTION_TEXTS || row->type == OPTION_NUMBERS ||
		       row->type == OPTION_RANGES;

	buffer_printf(out, "\t'%s%s[", repeats ? "*" : "", dashed);
	zsh_quoted(out, row->help);
	buffer_puts(out, "]");
	if (row->arg) {
		buffer_printf(out, ":%s:", row->arg);
		if (takes_file(row)) {
			buffer_puts(out, "_files");
		} else if (row->choices[0]) {
			buffer_putc(out, '(');
			words_of_choices(out, row);
			buffer_putc(out, ')');
		} else {
			buffer_putc(out, ' ');
		}
	}
	buffer_puts(out, "' \\\n");
}

static void zsh_script(struct buffer *out)
{
	size_t nr;
	const struct option_row *table = option_table(&nr);

	buffer_puts(out, "#compdef record-trace\n_arguments \\\n");
	for (size_t i = 0; i < nr; i++) {
		char dashed[64];

		if (table[i].type == OPTION_LATER)
			continue;
		snprintf(dashed, sizeof(dashed), "--%s", table[i].name);
		zsh_option(out, &table[i], dashed);
		if (table[i].letter) {
			snprintf(dashed, sizeof(dashed), "-%c", table[i].letter);
			zsh_option(out, &table[i], dashed);
		}
	}
	buffer_puts(out, "\t'1::command:(");
	words_of_commands(out);
	buffer_puts(out,
		    ")' \\\n\t'2::topic:(formats bash zsh fish)' \\\n\t'*::program:_normal'\n");
}

static void fish_script(struct buffer *out)
{
	size_t nr;
	const struct option_row *table = option_table(&nr);

	buffer_puts(out, "# fish completion of record-trace\ncomplete -c record-trace -n "
			 "__fish_use_subcommand -f -a '");
	words_of_commands(out);
	buffer_puts(
		out,
		"'\n"
		"complete -c record-trace -n '__fish_seen_subcommand_from list' -f -a formats\n"
		"complete -c record-trace -n '__fish_seen_subcommand_from completion' -f -a 'bash "
		"zsh fish'\n");
	for (size_t i = 0; i < nr; i++) {
		const struct option_row *row = &table[i];

		if (row->type == OPTION_LATER)
			continue;
		buffer_printf(out, "complete -c record-trace -l %s", row->name);
		if (row->letter)
			buffer_printf(out, " -s %c", row->letter);
		if (row->arg)
			buffer_puts(out, takes_file(row) ? " -r -F" : " -x");
		if (row->choices[0]) {
			buffer_puts(out, " -a '");
			words_of_choices(out, row);
			buffer_putc(out, '\'');
		}
		buffer_puts(out, " -d '");
		for (const char *t = row->help; *t; t++)
			buffer_printf(out, *t == '\'' ? "\\%c" : "%c", *t);
		buffer_puts(out, "'\n");
	}
}

int completion_script(struct buffer *out, const char *shell)
{
	if (!strcmp(shell, "bash"))
		bash_script(out);
	else if (!strcmp(shell, "zsh"))
		zsh_script(out);
	else if (!strcmp(shell, "fish"))
		fish_script(out);
	else
		return -EINVAL;
	return 0;
}

int cmd_completion(const struct options *o, const struct console *c)
{
	struct buffer text = BUFFER_INIT;
	int rc;

	if (!options_arg(o) || completion_script(&text, options_arg(o))) {
		console_error(c, "say for which shell: record-trace completion bash, zsh or fish");
		return OC_EXIT_USAGE;
	}
	rc = console_print(c, &text);
	buffer_done(&text);
	return rc ? OC_EXIT_FAILED : OC_EXIT_OK;
}
