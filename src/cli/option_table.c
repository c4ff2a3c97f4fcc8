/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of options and commands: names, kinds of value, limits and help, one row each.
 * Read by the parser, help, completion and the test that compares them with the manual page.
 * Must not parse or print anything.
 */
#include "cli/options.h"

#include "base/macros.h"

#define FIELD(name) .field = offsetof(struct options, name)
#define RECORD      .commands = COMMAND_BIT(COMMAND_RECORD)
/* Commands that read recordings, and those that write files or hold a machine. */
#define READING                                                                                    \
	(COMMAND_BIT(COMMAND_CONVERT) | COMMAND_BIT(COMMAND_MERGE) | COMMAND_BIT(COMMAND_REPORT) | \
	 COMMAND_BIT(COMMAND_DIFF))
#define WRITING                                                                  \
	.commands = COMMAND_BIT(COMMAND_RECORD) | COMMAND_BIT(COMMAND_CONVERT) | \
		    COMMAND_BIT(COMMAND_MERGE)
#define FILES      WRITING | COMMAND_BIT(COMMAND_DIFF)
#define HOLDING    .commands = COMMAND_BIT(COMMAND_RECORD) | READING
#define CHOOSING   .commands = READING, .topic = TOPIC_SAMPLES, .flags = OPTION_COMMON
#define REPORT     .commands = COMMAND_BIT(COMMAND_REPORT), .topic = TOPIC_HOW, .flags = OPTION_COMMON
#define EVERYWHERE .commands = COMMAND_ANY
#define LATER(text) \
	.name = (text), .type = OPTION_LATER, .commands = COMMAND_ANY, .topic = TOPIC_OTHER

/* Linux: PID_MAX_LIMIT of include/linux/threads.h is 4194304 on 64-bit machines; pids stay below it. */
#define PID_MAX 4194303
/* The largest CPU number that the kernel's lists may hold on any architecture, with room. */
#define CPU_MAX 65535
/* The kernel holds the size of a ring buffer in 32 bits and wants a power of two. */
#define RING_MIN          (4ULL << 10)
#define RING_MAX          (1ULL << 30)
#define BUDGET_MIN        (1ULL << 20)
#define UNWIND_BUDGET_MIN (1ULL << 20)
#define UNWIND_BUDGET_MAX (1ULL << 30)
#define BUDGET_MAX        (1ULL << 40)
#define SYMBOL_LIMIT_MIN  (1ULL << 10)
#define ROWS_MAX          1000000
#define MAP_ENTRIES_MAX   (1ULL << 24)

static const struct option_row options[] = {
	{ .name = "cpu",
	  .alias = "on-cpu",
	  .type = OPTION_FLAG,
	  FIELD(cpu),
	  RECORD,
	  .topic = TOPIC_WHAT,
	  .flags = OPTION_COMMON,
	  .help = "where CPU time goes, by sampling (the default)" },
	{ .name = "off-cpu",
	  .alias = "context-switches",
	  .type = OPTION_FLAG,
	  FIELD(off_cpu),
	  RECORD,
	  .topic = TOPIC_WHAT,
	  .help = "time off the CPU as well (Windows)" },
	{ .name = "event",
	  .arg = "SPEC",
	  .type = OPTION_TEXTS,
	  FIELD(events),
	  RECORD,
	  .topic = TOPIC_WHAT,
	  .help = "a provider, as etw:GUID:KEYWORDS:LEVEL[:ID] (Windows)" },

	{ .letter = 'p',
	  .name = "pid",
	  .arg = "PID",
	  .type = OPTION_NUMBERS,
	  FIELD(pids),
	  RECORD,
	  .min = 1,
	  .max = PID_MAX,
	  .topic = TOPIC_WHOM,
	  .flags = OPTION_COMMON,
	  .help = "a process, its threads and future children; also 1,2" },
	{ .name = "process-filter",
	  .arg = "GLOB",
	  .type = OPTION_TEXTS,
	  FIELD(process_filters),
	  RECORD,
	  .topic = TOPIC_WHOM,
	  .flags = OPTION_COMMON,
	  .help = "processes by name, as 'nginx*'" },
	{ .name = "cgroup",
	  .arg = "PATH",
	  .type = OPTION_TEXT,
	  FIELD(cgroup),
	  RECORD,
	  .topic = TOPIC_WHOM,
	  .flags = OPTION_COMMON,
	  .help = "a control group and those below it" },
	{ .name = "cpus",
	  .arg = "LIST",
	  .type = OPTION_RANGES,
	  FIELD(cpus),
	  RECORD,
	  .max = CPU_MAX,
	  .topic = TOPIC_WHOM,
	  .flags = OPTION_COMMON,
	  .help = "these CPUs only, as 0-3,6" },

	{ .name = "time-range",
	  .arg = "FROM..TO",
	  .type = OPTION_TEXT,
	  FIELD(time_range),
	  CHOOSING,
	  .help = "as 2s..5s, ..5s, 2s.. or 2026-01-31T10:00:00.." },
	{ .name = "process",
	  .arg = "GLOB|PID",
	  .type = OPTION_TEXTS,
	  FIELD(only_processes),
	  CHOOSING,
	  .help = "of a process; this and what follows may be repeated" },
	{ .name = "thread",
	  .arg = "GLOB|TID",
	  .type = OPTION_TEXTS,
	  FIELD(only_threads),
	  CHOOSING,
	  .help = "of a thread" },
	{ .name = "kind",
	  .arg = "NAME",
	  .type = OPTION_TEXTS,
	  FIELD(only_kinds),
	  CHOOSING,
	  .help = "of a kind, as cpu" },
	{ .name = "attr",
	  .arg = "KEY=VALUE",
	  .type = OPTION_TEXTS,
	  FIELD(only_attrs),
	  CHOOSING,
	  .help = "with an attribute; VALUE may be a glob" },
	{ .name = "module",
	  .arg = "GLOB",
	  .type = OPTION_TEXTS,
	  FIELD(only_modules),
	  CHOOSING,
	  .help = "with a frame in a file, as 'libc.so*'" },
	{ .name = "function",
	  .arg = "REGEX",
	  .type = OPTION_TEXTS,
	  FIELD(only_functions),
	  CHOOSING,
	  .help = "with a frame of such a name" },
	{ .name = "ignore",
	  .arg = "REGEX",
	  .type = OPTION_TEXTS,
	  FIELD(ignored_functions),
	  CHOOSING,
	  .help = "without a frame of such a name" },
	{ .name = "cpus",
	  .arg = "LIST",
	  .type = OPTION_RANGES,
	  FIELD(cpus),
	  CHOOSING,
	  .max = CPU_MAX,
	  .help = "taken on these CPUs, as 0-3,6" },

	{ .letter = 'd',
	  .name = "duration",
	  .arg = "TIME",
	  .type = OPTION_DURATION,
	  FIELD(duration_ns),
	  RECORD,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_COMMON | OPTION_ENV,
	  .help = "how long: 30s, 500ms, 2m (default: until Ctrl-C)" },
	{ .letter = 'F',
	  .name = "frequency",
	  .arg = "HZ",
	  .type = OPTION_NUMBER,
	  FIELD(frequency_hz),
	  RECORD,
	  .min = 1,
	  .max = FREQUENCY_HZ_MAX,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_COMMON | OPTION_ENV,
	  .help = "samples per second and CPU (default: 999)" },
	{ .name = "aggregate",
	  .type = OPTION_SET,
	  FIELD(mode),
	  .value = MODE_AGGREGATE,
	  RECORD,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "count equal samples in the kernel, keep no times" },
	{ .name = "timeline",
	  .type = OPTION_SET,
	  FIELD(mode),
	  .value = MODE_TIMELINE,
	  RECORD,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "keep the time of each sample" },
	{ .name = "unwind",
	  .arg = "WAY",
	  .type = OPTION_CHOICE,
	  FIELD(unwind),
	  RECORD,
	  .choices = { "auto", "fp", "eh-frame", "copy" },
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "how user stacks are walked" },
	{ .name = "view",
	  .arg = "NAME",
	  .type = OPTION_CHOICE,
	  FIELD(view),
	  REPORT,
	  .choices = { "top", "tree", "callers", "callees" },
	  .help = "what to show" },
	{ .name = "of",
	  .arg = "FUNCTION",
	  .type = OPTION_TEXT,
	  FIELD(view_of),
	  REPORT,
	  .help = "whose callers or callees, by name or a part of it" },
	{ .name = "by",
	  .arg = "WHAT",
	  .type = OPTION_CHOICE,
	  FIELD(view_by),
	  REPORT,
	  .choices = { "function", "process", "thread", "module", "kind" },
	  .help = "rows of the table" },
	{ .name = "limit",
	  .arg = "N",
	  .type = OPTION_NUMBER,
	  FIELD(row_limit),
	  .commands = COMMAND_BIT(COMMAND_REPORT) | COMMAND_BIT(COMMAND_DIFF),
	  .topic = TOPIC_HOW,
	  .flags = OPTION_COMMON,
	  .min = 1,
	  .max = ROWS_MAX,
	  .help = "at most so many rows" },
	{ .name = "min-percent",
	  .arg = "P",
	  .type = OPTION_PERCENT,
	  FIELD(min_percent),
	  REPORT,
	  .help = "leave out what has less of the samples, as 0.5" },
	{ .name = "unwind",
	  .type = OPTION_FLAG,
	  FIELD(stack_report),
	  .commands = COMMAND_BIT(COMMAND_REPORT),
	  .topic = TOPIC_HOW,
	  .help = "how complete the stacks of each process are, and why others are not" },
	{ .name = "unwind-budget",
	  .arg = "SIZE",
	  .type = OPTION_SIZE,
	  FIELD(unwind_budget_bytes),
	  RECORD,
	  .min = UNWIND_BUDGET_MIN,
	  .max = UNWIND_BUDGET_MAX,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "kernel memory for unwind tables, as 16M" },
	{ .name = "unwind-cache",
	  .arg = "DIR",
	  .type = OPTION_TEXT,
	  FIELD(unwind_cache),
	  RECORD,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "directory that keeps unwind tables for later recordings" },
	{ .name = "no-symbols",
	  .type = OPTION_FLAG,
	  FIELD(no_symbols),
	  HOLDING,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "leave addresses unnamed" },
	{ .name = "symbol-path",
	  .arg = "DIRS",
	  .type = OPTION_TEXTS,
	  FIELD(symbol_paths),
	  HOLDING,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "where debug files, .pdb files and programs are, as 'a;b'" },
	{ .name = "symbol-server",
	  .arg = "URL",
	  .type = OPTION_TEXTS,
	  FIELD(symbol_servers),
	  HOLDING,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "download symbol files; sends build-ids and names of PDB files. "
		  "'debuginfod' = servers in $DEBUGINFOD_URLS" },
	{ .name = "symbol-cache",
	  .arg = "DIR",
	  .type = OPTION_TEXT,
	  FIELD(symbol_cache),
	  HOLDING,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "keeps what was downloaded (~/.cache/onecollect/symbols)" },
	{ .name = "symbol-timeout",
	  .arg = "TIME",
	  .type = OPTION_DURATION,
	  FIELD(symbol_timeout_ns),
	  HOLDING,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "for all downloads together (default: 2m)" },
	{ .name = "symbol-limit",
	  .arg = "SIZE",
	  .type = OPTION_SIZE,
	  FIELD(symbol_limit_bytes),
	  HOLDING,
	  .min = SYMBOL_LIMIT_MIN,
	  .max = BUDGET_MAX,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "of all downloads together (default: 4G)" },
	{ .name = "collector",
	  .arg = "NAME",
	  .type = OPTION_CHOICE,
	  FIELD(collector),
	  RECORD,
	  .choices = { "auto", "bpf", "perf" },
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "what takes the samples" },
	{ .name = "buffer",
	  .arg = "SIZE",
	  .type = OPTION_SIZE,
	  FIELD(ring_bytes),
	  RECORD,
	  .min = RING_MIN,
	  .max = RING_MAX,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "kernel-to-user buffer, as 4M" },
	{ .name = "map-entries",
	  .arg = "N",
	  .type = OPTION_NUMBER,
	  FIELD(map_entries),
	  RECORD,
	  .min = 1,
	  .max = MAP_ENTRIES_MAX,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "size of the kernel's tables of stacks and counters" },
	{ .name = "memory-budget",
	  .arg = "SIZE",
	  .type = OPTION_SIZE,
	  FIELD(memory_budget_bytes),
	  HOLDING,
	  .min = BUDGET_MIN,
	  .max = BUDGET_MAX,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "own memory; samples beyond it go to a temporary file" },
	{ .name = "keep-etl",
	  .arg = "FILE",
	  .type = OPTION_TEXT,
	  FIELD(keep_etl),
	  RECORD,
	  .topic = TOPIC_HOW,
	  .help = "keep the trace that the system writes (Windows)" },
	{ .name = "etw-check",
	  .type = OPTION_SET,
	  FIELD(command),
	  .value = COMMAND_CHECK,
	  .commands = COMMAND_BIT(COMMAND_RECORD) | COMMAND_BIT(COMMAND_CHECK),
	  .topic = TOPIC_OTHER,
	  .help = "the same as the command check" },
	{ .name = "bpf-stats",
	  .type = OPTION_FLAG,
	  FIELD(bpf_stats),
	  RECORD,
	  .topic = TOPIC_HOW,
	  .flags = OPTION_ENV,
	  .help = "measure the run time of the BPF programs" },

	{ .letter = 'o',
	  .name = "output",
	  .alias = "out",
	  .arg = "FILE",
	  .type = OPTION_TEXTS,
	  FIELD(outputs),
	  FILES,
	  .topic = TOPIC_OUTPUT,
	  .flags = OPTION_COMMON,
	  .help = "write FILE, format by extension; - = stdout; repeatable" },
	{ .name = "format",
	  .arg = "NAME",
	  .type = OPTION_TEXT,
	  FIELD(format),
	  WRITING,
	  .topic = TOPIC_OUTPUT,
	  .flags = OPTION_COMMON,
	  .help = "format by name, see: list formats" },
	{ .name = "split",
	  .arg = "WHAT",
	  .type = OPTION_CHOICE,
	  FIELD(split),
	  WRITING,
	  .choices = { "process", "comm", "container", "thread" },
	  .topic = TOPIC_OUTPUT,
	  .flags = OPTION_COMMON,
	  .help = "a file for each, as -o 'x-{comm}.pb.gz'" },
	{ .name = "force",
	  .type = OPTION_FLAG,
	  FIELD(force),
	  FILES,
	  .topic = TOPIC_OUTPUT,
	  .flags = OPTION_COMMON,
	  .help = "replace existing files" },
	{ .name = "json",
	  .type = OPTION_FLAG,
	  FIELD(json),
	  .commands = COMMAND_BIT(COMMAND_RECORD) | COMMAND_BIT(COMMAND_CHECK) |
		      COMMAND_BIT(COMMAND_LIST) | READING,
	  .topic = TOPIC_OUTPUT,
	  .flags = OPTION_COMMON,
	  .help = "the answer or summary as JSON on stdout" },

	{ .letter = 'q',
	  .name = "quiet",
	  .type = OPTION_SET,
	  FIELD(verbosity),
	  .value = VERBOSITY_QUIET,
	  EVERYWHERE,
	  .topic = TOPIC_OTHER,
	  .flags = OPTION_COMMON | OPTION_ENV,
	  .help = "only errors and what was asked for" },
	{ .letter = 'v',
	  .name = "verbose",
	  .type = OPTION_SET,
	  FIELD(verbosity),
	  .value = VERBOSITY_VERBOSE,
	  EVERYWHERE,
	  .topic = TOPIC_OTHER,
	  .flags = OPTION_COMMON | OPTION_ENV,
	  .help = "say more about what is done" },
	{ .name = "color",
	  .arg = "WHEN",
	  .type = OPTION_CHOICE,
	  FIELD(color),
	  EVERYWHERE,
	  .choices = { "auto", "always", "never" },
	  .topic = TOPIC_OTHER,
	  .flags = OPTION_ENV,
	  .help = "when to use colours" },
	{ .letter = 'h',
	  .name = "help",
	  .type = OPTION_FLAG,
	  FIELD(help),
	  EVERYWHERE,
	  .topic = TOPIC_OTHER,
	  .flags = OPTION_COMMON,
	  .help = "this help" },
	{ .name = "help-all",
	  .type = OPTION_FLAG,
	  FIELD(help_all),
	  EVERYWHERE,
	  .topic = TOPIC_OTHER,
	  .flags = OPTION_COMMON,
	  .help = "every option" },
	{ .name = "version",
	  .type = OPTION_FLAG,
	  FIELD(version),
	  EVERYWHERE,
	  .topic = TOPIC_OTHER,
	  .flags = OPTION_COMMON,
	  .help = "version of the command and of its library" },

	{ LATER("syscalls"), .help = "recording system calls" },
	{ LATER("page-faults"), .help = "recording page faults" },
	{ LATER("block-io"), .help = "recording block I/O" },
	{ LATER("scenario"), .arg = "NAME", .help = "recording by scenario" },
	{ LATER("script"), .arg = "TEXT", .help = "scripting" },
	{ LATER("script-file"), .arg = "FILE", .help = "scripting" },
	{ LATER("container"), .arg = "ID", .help = "choosing a container" },
	{ LATER("live"), .help = "a live view" },
	{ LATER("lines"), .help = "naming source lines" },
	{ LATER("inlines"), .help = "naming inlined functions" },
	{ LATER("config"), .arg = "FILE", .help = "reading a configuration file" },
};

_Static_assert(ARRAY_SIZE(options) <= OPTION_ROWS_MAX,
	       "struct options.given has a place for each row");

static const struct command_row commands[] = {
	{ .name = "record", .command = COMMAND_RECORD, .help = "record (the default)" },
	{ .name = "convert",
	  .command = COMMAND_CONVERT,
	  .arg = "FILE",
	  .help = "write a recording in other formats" },
	{ .name = "merge",
	  .command = COMMAND_MERGE,
	  .arg = "FILE...",
	  .many = true,
	  .help = "make one recording of several, as of hosts" },
	{ .name = "report",
	  .command = COMMAND_REPORT,
	  .arg = "FILE",
	  .help = "the hottest functions and the summary of a recording" },
	{ .name = "diff",
	  .command = COMMAND_DIFF,
	  .arg = "FILE",
	  .many = true,
	  .help = "how the shares of functions changed from one recording to another" },
	{ .name = "check",
	  .command = COMMAND_CHECK,
	  .help = "what works on this machine, and how to fix what does not" },
	{ .name = "list", .command = COMMAND_LIST, .arg = "formats", .help = "the output formats" },
	{ .name = "help", .command = COMMAND_HELP, .arg = "COMMAND", .help = "help on a command" },
	{ .name = "completion",
	  .command = COMMAND_COMPLETION,
	  .arg = "bash|zsh|fish",
	  .help = "a completion script for your shell" },
	{ .name = "agent", .later = true },
};

const struct option_row *option_table(size_t *ret_nr)
{
	*ret_nr = ARRAY_SIZE(options);
	return options;
}

const struct command_row *command_table(size_t *ret_nr)
{
	*ret_nr = ARRAY_SIZE(commands);
	return commands;
}

const struct option_row *option_by_name(const char *name, enum command command)
{
	const struct option_row *of_another = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option_row *row = &options[i];

		if (strcmp(name, row->name) && (!row->alias || strcmp(name, row->alias)))
			continue;
		if (row->commands & COMMAND_BIT(command))
			return row;
		of_another = of_another ? of_another : row;
	}
	return of_another;
}

const struct command_row *command_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	}
	return NULL;
}

const struct command_row *command_row(enum command command)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!commands[i].later && commands[i].command == command)
			return &commands[i];
	}
	return commands;
}

void option_env_name(const struct option_row *row, char *name, size_t size)
{
	snprintf(name, size, "ONECOLLECT_%s", row->name);
	for (; *name; name++) {
		if (*name >= 'a' && *name <= 'z')
			*name = (char)(*name - 'a' + 'A');
		else if (*name == '-')
			*name = '_';
	}
}
