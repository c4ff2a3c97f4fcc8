/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: one table of options and one of commands, and the parser that they drive.
 * Read by help, completion and tests; the result travels as a parameter to the commands, there is no global state.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/error.h>

#define FREQUENCY_HZ_DEFAULT 999
#define FREQUENCY_HZ_MAX     100000
#define OPTION_ROWS_MAX      128

enum command {
	COMMAND_RECORD,
	COMMAND_CHECK,
	COMMAND_LIST,
	COMMAND_HELP,
	COMMAND_COMPLETION,
	COMMAND_CONVERT,
	COMMAND_MERGE,
	COMMAND_REPORT,
	COMMAND_DIFF,
};

enum record_mode { MODE_AUTO, MODE_AGGREGATE, MODE_TIMELINE };
enum report_view { VIEW_TOP, VIEW_TREE, VIEW_CALLERS, VIEW_CALLEES };
enum report_by { BY_FUNCTION, BY_PROCESS, BY_THREAD, BY_MODULE, BY_KIND };
enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum verbosity { VERBOSITY_NORMAL, VERBOSITY_QUIET, VERBOSITY_VERBOSE };

struct oc_symbol_servers; /* onecollect/symbolize.h */

struct text_list {
	const char **items;
	size_t nr;
	size_t cap;
};

struct number_list {
	uint32_t *items;
	size_t nr;
	size_t cap;
};

/* What was asked for. Texts are borrowed from argv and the environment; numbers are 0 for "default". */
struct options {
	enum command command;
	struct text_list
		args; /* words behind the command: input files, or what to list or to help with */
	bool help;
	bool help_all;
	bool version;
	bool cpu;
	bool off_cpu;
	struct text_list events;
	const char *keep_etl;
	bool whole_machine; /* also while a program behind "--" runs */
	struct number_list pids;
	struct text_list process_filters;
	const char *cgroup;
	struct number_list cpus;
	const char *time_range;
	struct text_list only_processes;
	struct text_list only_threads;
	struct text_list only_kinds;
	struct text_list only_attrs;
	struct text_list only_modules;
	struct text_list only_functions;
	struct text_list ignored_functions;
	char **command_argv; /* behind "--", NULL-terminated; NULL = none */
	uint64_t duration_ns;
	uint64_t frequency_hz;
	int mode;      /* enum record_mode */
	int unwind;    /* enum oc_unwind */
	int collector; /* enum oc_collector_choice */
	uint64_t ring_bytes;
	uint64_t map_entries;
	uint64_t memory_budget_bytes;
	uint64_t unwind_budget_bytes;
	const char *unwind_cache;
	int view;            /* enum report_view */
	const char *view_of; /* a function */
	int view_by;         /* enum report_by */
	uint64_t row_limit;
	double min_percent; /* below 0 = as the view sees fit */
	bool stack_report;  /* report: by process how complete its stacks are */
	bool no_symbols;
	struct text_list symbol_paths; /* each may hold several, separated by semicolons */
	struct text_list symbol_servers;
	const char *symbol_cache;
	uint64_t symbol_timeout_ns;
	uint64_t symbol_limit_bytes;
	struct oc_symbol_servers
		*servers; /* what main() made of these; NULL = nothing is downloaded */
	bool bpf_stats;
	struct text_list outputs;
	const char *format;
	int split; /* enum oc_split; -1 = all in one */
	bool force;
	bool json;
	int verbosity; /* enum verbosity */
	int color;     /* enum color_when */
	bool given
		[OPTION_ROWS_MAX]; /* row i of the table was on the command line, or in the environment */
};

enum option_type {
	OPTION_FLAG,     /* bool */
	OPTION_SET,      /* int, becomes `value`; rows of one field contradict each other */
	OPTION_CHOICE,   /* int, becomes the index of the word in `choices` */
	OPTION_NUMBER,   /* uint64_t, min..max */
	OPTION_PERCENT,  /* double, 0..100 */
	OPTION_SIZE,     /* uint64_t in bytes, min..max */
	OPTION_DURATION, /* uint64_t in nanoseconds */
	OPTION_TEXT,     /* const char * */
	OPTION_TEXTS,    /* struct text_list, one more each time */
	OPTION_NUMBERS,  /* struct number_list, "1,2", more each time; min..max */
	OPTION_RANGES,   /* struct number_list, "0-3,5", more each time; min..max */
	OPTION_LATER,    /* known, but not possible in this version */
};

enum option_topic {
	TOPIC_WHAT,
	TOPIC_WHOM,
	TOPIC_SAMPLES,
	TOPIC_HOW,
	TOPIC_OUTPUT,
	TOPIC_OTHER,
	TOPIC_COUNT
};

#define OPTION_COMMON 1u /* shown by --help, not only by --help-all */
#define OPTION_ENV    2u /* may come from ONECOLLECT_<NAME> as well */

#define OPTION_CHOICES_MAX 8

struct option_row {
	char letter; /* 0 = none */
	const char *name;
	const char *alias; /* a second long name; NULL = none */
	const char *arg;   /* what its value is called; NULL = takes none */
	enum option_type type;
	enum option_topic topic;
	unsigned int flags;
	unsigned int commands; /* COMMAND_BIT()s that it belongs to */
	size_t field;          /* offset in struct options */
	int value;
	uint64_t min;
	uint64_t max;
	const char *choices[OPTION_CHOICES_MAX]; /* NULL-terminated */
	const char *help;
};

#define COMMAND_BIT(command) (1u << (command))
#define COMMAND_ANY          (~0u)

struct command_row {
	const char *name;
	enum command command;
	bool later;
	const char *arg; /* what its argument is called; NULL = takes none */
	bool many;       /* takes several */
	const char *help;
};

const struct option_row *option_table(size_t *ret_nr);
const struct command_row *command_table(size_t *ret_nr);
/* The row of a long name or alias, without dashes: that of the command, or else of another one; NULL = none. */
const struct option_row *option_by_name(const char *name, enum command command);
/* The row of a command's name, NULL = none. */
const struct command_row *command_by_name(const char *name);
/* The row of a command. */
const struct command_row *command_row(enum command command);
/* Writes "ONECOLLECT_NAME" of a row to name[size]. */
void option_env_name(const struct option_row *row, char *name, size_t size);

/*
 * Parses a command line and the environment behind it.
 *
 * argv: NULL-terminated, [0] is not looked at; env: NULL-terminated "NAME=value" strings. Both must outlive *ret.
 * ret: filled in; to be ended with options_done(), also after a failure.
 * Returns 0, -EINVAL with a sentence in *err when the command line is wrong, -EOPNOTSUPP with one when it asks for
 * what this version cannot do, or -ENOMEM.
 */
int options_parse(struct options *ret, char **argv, char *const *env, struct oc_error *err);
void options_done(struct options *o);
/* The text behind "NAME=" in env, NULL-terminated "NAME=value" strings; NULL when it is not there or empty. */
const char *options_env_value(char *const *env, const char *name);
/* The argument of the command, the first if there are several; NULL = none was given. */
const char *options_arg(const struct options *o);

#endif
