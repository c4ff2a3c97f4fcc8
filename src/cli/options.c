/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing the command line and the environment, driven by the table of options.
 * Called by main() and by the unit tests.
 * Must not print or exit, nor know what a command does with its options.
 */
#include "cli/options.h"

#include <errno.h>

#include "base/macros.h"
#include "cli/option_value.h"
#include "cli/suggest.h"

#define SHOWN_MAX 64

struct parser {
	struct options *options;
	char **next; /* the argument to look at next */
	unsigned int nr_words;
	struct oc_error *err;
};

static size_t row_index(const struct option_row *row)
{
	size_t nr;

	return (size_t)(row - option_table(&nr));
}

/* The flag already given that says the opposite of `row`, NULL = none. */
static const struct option_row *contradicted(const struct options *o, const struct option_row *row)
{
	size_t nr;
	const struct option_row *table = option_table(&nr);

	if (row->type != OPTION_SET)
		return NULL;
	for (size_t i = 0; i < nr; i++) {
		if (&table[i] != row && table[i].type == OPTION_SET &&
		    table[i].field == row->field && o->given[i])
			return &table[i];
	}
	return NULL;
}

static int take_option(struct parser *p, const struct option_row *row, const char *shown,
		       const char *value)
{
	const struct option_row *other = contradicted(p->options, row);

	if (other)
		return oc_error_set(p->err, -EINVAL,
				    "--%s and --%s contradict each other; give one of them",
				    other->name, row->name);
	p->options->given[row_index(row)] = true;
	return option_store(p->options, row, shown, value, p->err);
}

/* The value of an option that has none attached: the next argument. */
static int take_value(struct parser *p, const struct option_row *row, const char *shown,
		      const char **ret_value)
{
	const char *value = *p->next;

	/* A long option is hardly meant as the name of a file; --output=--name says so when it is. */
	if (!value || !strncmp(value, "--", 2))
		return oc_error_set(p->err, -EINVAL, "%s needs a value (%s)", shown, row->arg);
	p->next++;
	*ret_value = value;
	return 0;
}

/* What users of other profilers ask for by options that are not ours. NULL = nothing that we know of. */
static const char *known_elsewhere(const char *name, size_t len)
{
	static const struct {
		const char *name;
		const char *answer;
	} answers[] = {
		{ "g", "stacks are always recorded; --unwind says how they are walked" },
		{ "call-graph", "stacks are always recorded; --unwind says how they are walked" },
		{ "e", "CPU time is what is recorded" },
		{ "c", "-F says how many samples a second are taken" },
		{ "C", "CPUs are chosen by --cpus" },
		{ "G", "control groups are chosen by --cgroup" },
		{ "t", "-p takes processes; report --thread shows some threads of a recording" },
		{ "tid", "-p takes processes; report --thread shows some threads of a recording" },
		{ "i", "the file needs no option: record-trace report FILE" },
		{ "input", "the file needs no option: record-trace report FILE" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		if (strlen(answers[i].name) == len && !strncmp(answers[i].name, name, len))
			return answers[i].answer;
	}
	return NULL;
}

static int unknown_option(struct parser *p, const char *name, size_t len)
{
	char word[SHOWN_MAX];
	struct suggestion near = { .wanted = word };
	size_t nr;
	const struct option_row *table = option_table(&nr);
	const char *answer = known_elsewhere(name, len);

	snprintf(word, sizeof(word), "%.*s", (int)MIN(len, sizeof(word)), name);
	if (answer)
		return oc_error_set(p->err, -EINVAL, "unknown option --%s; %s", word, answer);
	for (size_t i = 0; i < nr; i++) {
		suggest_consider(&near, table[i].name);
		suggest_consider(&near, table[i].alias);
	}
	if (near.best)
		return oc_error_set(p->err, -EINVAL, "unknown option --%s; did you mean --%s?",
				    word, near.best);
	return oc_error_set(p->err, -EINVAL,
			    "unknown option --%s; record-trace --help-all lists them all", word);
}

static int parse_long(struct parser *p, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	const char *value = equals ? equals + 1 : NULL;
	const struct option_row *row = NULL;
	char name[SHOWN_MAX - 2], shown[SHOWN_MAX];
	int rc;

	if (len < sizeof(name)) {
		snprintf(name, sizeof(name), "%.*s", (int)len, text);
		row = option_by_name(name, p->options->command);
	}
	if (!row)
		return unknown_option(p, text, len);
	snprintf(shown, sizeof(shown), "--%s", name);
	if (value && !row->arg)
		return oc_error_set(p->err, -EINVAL, "%s takes no value", shown);
	if (!value && row->arg && row->type != OPTION_LATER) {
		rc = take_value(p, row, shown, &value);
		if (rc)
			return rc;
	}
	return take_option(p, row, shown, value);
}

static const struct option_row *option_by_letter(char letter)
{
	size_t nr;
	const struct option_row *table = option_table(&nr);

	for (size_t i = 0; i < nr; i++) {
		if (table[i].letter == letter)
			return &table[i];
	}
	return NULL;
}

/* One argument of letters: flags in a row, of which the last may take a value, attached or next. */
static int parse_letters(struct parser *p, const char *letters)
{
	while (*letters) {
		const struct option_row *row = option_by_letter(*letters);
		const char shown[] = { '-', *letters, '\0' };
		const char *value = NULL;
		int rc;

		if (!row) {
			const char *answer = known_elsewhere(letters, 1);

			return oc_error_set(p->err, -EINVAL, "unknown option %s; %s", shown,
					    answer ? answer
						   : "record-trace --help-all lists them all");
		}
		letters++;
		if (row->arg && *letters) {
			value = letters;
			letters = "";
		} else if (row->arg) {
			rc = take_value(p, row, shown, &value);
			if (rc)
				return rc;
		}
		rc = take_option(p, row, shown, value);
		if (rc)
			return rc;
	}
	return 0;
}

static int unknown_command(struct parser *p, const char *word)
{
	struct suggestion near = { .wanted = word };
	size_t nr;
	const struct command_row *table = command_table(&nr);

	if (!word[strspn(word, "0123456789,")])
		return oc_error_set(p->err, -EINVAL,
				    "unexpected '%.64s'; several pids are written -p 12,34", word);
	for (size_t i = 0; i < nr; i++)
		suggest_consider(&near, table[i].name);
	if (near.best)
		return oc_error_set(p->err, -EINVAL, "unknown command '%.64s'; did you mean '%s'?",
				    word, near.best);
	return oc_error_set(p->err, -EINVAL,
			    "unknown command '%.64s'; to record a program, put it behind --: "
			    "record-trace -- %.64s",
			    word, word);
}

/* A word that is neither option nor value: the command, then what the command takes. */
static int parse_word(struct parser *p, const char *word)
{
	const struct command_row *row;
	struct options *o = p->options;

	if (p->nr_words++ == 0) {
		row = command_by_name(word);
		if (!row)
			return unknown_command(p, word);
		if (row->later)
			return oc_error_set(p->err, -EOPNOTSUPP,
					    "'%s' is not possible in this version of record-trace",
					    word);
		o->command = row->command;
		return 0;
	}
	row = command_row(o->command);
	if (row->arg && (row->many || !o->args.nr))
		return text_list_add(&o->args, word);
	return oc_error_set(
		p->err, -EINVAL,
		"unexpected '%.64s'; a program to record goes behind --: record-trace -- %.64s",
		word, word);
}

static int parse_arguments(struct parser *p)
{
	int rc = 0;

	while (!rc && *p->next) {
		const char *arg = *p->next++;

		if (!strcmp(arg, "--")) {
			if (!*p->next)
				return oc_error_set(p->err, -EINVAL, "no program follows --");
			p->options->command_argv = p->next;
			return 0;
		}
		if (!strncmp(arg, "--", 2))
			rc = parse_long(p, arg + 2);
		else if (arg[0] == '-' && arg[1])
			rc = parse_letters(p, arg + 1);
		else
			rc = parse_word(p, arg);
	}
	return rc;
}

const char *options_env_value(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++) {
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return (*env)[len + 1] ? *env + len + 1 : NULL;
	}
	return NULL;
}

/* Returns 1 for yes, 0 for no, else -EINVAL. */
static int parse_switch(const char *shown, const char *value, struct oc_error *err)
{
	if (!strcmp(value, "1") || !strcmp(value, "yes") || !strcmp(value, "true"))
		return 1;
	if (!strcmp(value, "0") || !strcmp(value, "no") || !strcmp(value, "false"))
		return 0;
	return oc_error_set(err, -EINVAL, "%s: '%.64s' is neither 1 nor 0", shown, value);
}

/* The environment speaks where the command line was silent. */
static int parse_environment(struct options *o, char *const *env, struct oc_error *err)
{
	const struct options before = *o;
	size_t nr;
	const struct option_row *table = option_table(&nr);

	for (size_t i = 0; i < nr; i++) {
		const struct option_row *row = &table[i];
		char shown[SHOWN_MAX];
		const char *value;
		int rc;

		if (!(row->flags & OPTION_ENV) || !(row->commands & COMMAND_BIT(o->command)) ||
		    before.given[i] || contradicted(&before, row))
			continue;
		option_env_name(row, shown, sizeof(shown));
		value = options_env_value(env, shown);
		if (!value)
			continue;
		if (!row->arg) {
			rc = parse_switch(shown, value, err);
			if (rc < 0)
				return rc;
			if (!rc)
				continue;
		}
		if (contradicted(o, row))
			return oc_error_set(
				err, -EINVAL,
				"%s=%.64s contradicts another variable of the environment", shown,
				value);
		o->given[i] = true;
		rc = option_store(o, row, shown, value, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* The option that chooses among running processes, NULL = none. */
static const char *narrowed_by(const struct options *o)
{
	return o->pids.nr              ? "-p"
	       : o->process_filters.nr ? "--process-filter"
	       : o->cgroup             ? "--cgroup"
				       : NULL;
}

static int check_together(const struct options *o, struct oc_error *err)
{
	size_t nr;
	const struct option_row *table = option_table(&nr);

	for (size_t i = 0; i < nr; i++) {
		if (o->given[i] && !(table[i].commands & COMMAND_BIT(o->command)))
			return oc_error_set(err, -EINVAL, "--%s is not an option of '%s'",
					    table[i].name, command_row(o->command)->name);
	}
	if (o->command_argv && o->command != COMMAND_RECORD)
		return oc_error_set(err, -EINVAL, "'%s' takes no program behind --",
				    command_row(o->command)->name);
	if (o->whole_machine && narrowed_by(o))
		return oc_error_set(
			err, -EINVAL,
			"-a, the whole machine, and %s contradict each other; give one of them",
			narrowed_by(o));
	if (o->command_argv && narrowed_by(o))
		return oc_error_set(
			err, -EINVAL,
			"%s and a program behind -- contradict each other; give one of them",
			narrowed_by(o));
	return 0;
}

int options_parse(struct options *ret, char **argv, char *const *env, struct oc_error *err)
{
	struct parser p = { .options = ret, .err = err };
	int rc;

	memset(ret, 0, sizeof(*ret));
	ret->frequency_hz = FREQUENCY_HZ_DEFAULT;
	ret->min_percent = -1;
	ret->split = -1;
	/* argv[0] may be missing when a program is started carelessly. */
	p.next = argv[0] ? argv + 1 : argv;
	rc = parse_arguments(&p);
	if (!rc)
		rc = parse_environment(ret, env, err);
	if (!rc)
		rc = check_together(ret, err);
	return rc;
}

void options_done(struct options *o)
{
	free(o->pids.items);
	free(o->process_filters.items);
	free(o->events.items);
	free(o->cpus.items);
	free(o->outputs.items);
	free(o->args.items);
	free(o->symbol_paths.items);
	free(o->symbol_servers.items);
	free(o->only_processes.items);
	free(o->only_threads.items);
	free(o->only_kinds.items);
	free(o->only_attrs.items);
	free(o->only_modules.items);
	free(o->only_functions.items);
	free(o->ignored_functions.items);
	memset(o, 0, sizeof(*o));
}

const char *options_arg(const struct options *o)
{
	return o->args.nr ? o->args.items[0] : NULL;
}
