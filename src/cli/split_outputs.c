/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Naming and writing the files of each group of samples.
 * Called by outputs.c.
 * Must not know how groups are found: the library does.
 */
#include "cli/split_outputs.h"

#include <errno.h>
#include <inttypes.h>
#include <strings.h>

#include <onecollect/filter.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/text.h"
#include "cli/interrupt.h"

/* More is hardly meant; a machine may well have so many threads, though. */
#define FILES_MAX 1000u
/* File systems allow names of 255 bytes; several words and what stands around them must fit. */
#define WORD_BYTES_MAX 80u

/* What a path may hold in braces, and the splits whose groups have one: bits of enum oc_split. */
#define BIT(split) (1u << OC_SPLIT_##split)

enum word { WORD_COMM, WORD_PID, WORD_CONTAINER, WORD_THREAD, WORD_TID, WORD_KIND, WORD_COUNT };

static const struct {
	const char *text;
	unsigned int splits;
} words[WORD_COUNT] = {
	[WORD_COMM] = { "{comm}", BIT(PROCESS) | BIT(COMM) | BIT(THREAD) },
	[WORD_PID] = { "{pid}", BIT(PROCESS) | BIT(THREAD) },
	[WORD_CONTAINER] = { "{container}", BIT(PROCESS) | BIT(CONTAINER) | BIT(THREAD) },
	[WORD_THREAD] = { "{thread}", BIT(THREAD) },
	[WORD_TID] = { "{tid}", BIT(THREAD) },
	[WORD_KIND] = { "{kind}", ~0u },
};

static const char *const split_names[] = {
	[OC_SPLIT_PROCESS] = "process",
	[OC_SPLIT_COMM] = "comm",
	[OC_SPLIT_CONTAINER] = "container",
	[OC_SPLIT_THREAD] = "thread",
};

const char *split_outputs_word(int split)
{
	return split == OC_SPLIT_PROCESS ? "comm" : split_names[split];
}

/* The first word in braces at or behind `at`, *ret_word tells which; NULL = there is none. */
static const char *next_word(const char *at, enum word *ret_word)
{
	for (; *at; at++) {
		for (int word = 0; *at == '{' && word < WORD_COUNT; word++) {
			if (!strncmp(at, words[word].text, strlen(words[word].text))) {
				*ret_word = (enum word)word;
				return at;
			}
		}
	}
	return NULL;
}

static int check_path(const char *path, int split, struct oc_error *err)
{
	bool tells_groups = false;
	enum word word;

	if (!strcmp(path, "-"))
		return oc_error_set(
			err, -EINVAL,
			"-o - and --split contradict each other; standard output is one "
			"file");
	for (const char *at = path; (at = next_word(at, &word)); at++) {
		if (!(words[word].splits >> split & 1))
			return oc_error_set(err, -EINVAL,
					    "-o %.128s: the files of --split %s have no %s", path,
					    split_names[split], words[word].text);
		tells_groups |= word != WORD_KIND;
	}
	if (tells_groups)
		return 0;
	return oc_error_set(
		err, -EINVAL,
		"-o %.128s: with --split the name must differ from file to file; put {%s} "
		"into it",
		path, split_outputs_word(split));
}

int split_outputs_check(const struct outputs *outs, struct oc_error *err)
{
	int rc = 0;

	for (size_t i = 0; outs->split >= 0 && i < outs->nr && !rc; i++)
		rc = check_path(outs->items[i].path, outs->split, err);
	return rc;
}

/* ---- groups ---- */

/* The groups of a machine, and what is written of them. */
struct groups {
	struct oc_machine *m;
	enum oc_split by;
	uint32_t *group_of; /* see oc_machine_split() */
	uint32_t *member;   /* by group: an id that is in it, the last one; 0 = of nobody */
	uint64_t *samples;  /* by group */
	uint32_t nr;
	uint32_t nr_used; /* that have samples */
	char **paths;     /* of files, as far as they were named */
	size_t nr_paths, cap_paths;
};

static int count_sample(void *arg, const struct oc_sample *sample)
{
	struct groups *g = arg;
	uint32_t id = g->by == OC_SPLIT_THREAD ? sample->thread : sample->process;

	g->samples[g->group_of[id]] += sample->count;
	return 0;
}

static int find_groups(struct groups *g)
{
	oc_string_id *names __cleanup(cleanup_free) = NULL;
	int64_t nr = oc_machine_split(g->m, g->by, &g->group_of, &names);
	uint32_t nr_ids;
	int rc;

	if (nr < 0)
		return (int)nr;
	g->nr = (uint32_t)nr;
	g->member = calloc((size_t)nr + 1, sizeof(*g->member));
	g->samples = calloc((size_t)nr + 1, sizeof(*g->samples));
	if (!g->member || !g->samples)
		return -ENOMEM;
	nr_ids = g->by == OC_SPLIT_THREAD ? oc_machine_nr_threads(g->m)
					  : oc_machine_nr_processes(g->m);
	for (uint32_t id = 1; id <= nr_ids; id++)
		g->member[g->group_of[id]] = id;
	rc = oc_machine_each_sample(g->m, count_sample, g);
	for (uint32_t i = 0; i < g->nr; i++)
		g->nr_used += g->samples[i] > 0;
	return rc;
}

static void groups_done(struct groups *g)
{
	for (size_t i = 0; i < g->nr_paths; i++)
		free(g->paths[i]);
	free(g->paths);
	free(g->group_of);
	free(g->member);
	free(g->samples);
}

/* ---- names ---- */

static const struct oc_process *process_of(const struct groups *g, uint32_t group)
{
	const struct oc_thread *thread;

	if (g->by != OC_SPLIT_THREAD)
		return oc_machine_process(g->m, g->member[group]);
	thread = oc_machine_thread(g->m, g->member[group]);
	return thread ? oc_machine_process(g->m, thread->process) : NULL;
}

/* What PerfView calls them; others by their own names. */
static const char *kind_word(const struct oc_machine *m)
{
	const struct oc_kind *kind = oc_machine_kind(m, oc_machine_shown_kind(m));

	if (!kind)
		return "unknown";
	if (!strcmp(kind->name, "cpu"))
		return "CPU";
	return !strcmp(kind->name, "off-cpu") || !strcmp(kind->name, "off_cpu") ? "CSwitch"
										: kind->name;
}

static void put_number(struct buffer *out, const uint32_t *number)
{
	if (number)
		buffer_printf(out, "%" PRIu32, *number);
	else
		buffer_puts(out, "unknown");
}

static void put_word(struct buffer *out, const struct groups *g, uint32_t group, enum word word)
{
	const struct oc_process *process = process_of(g, group);
	const struct oc_thread *thread =
		g->by == OC_SPLIT_THREAD ? oc_machine_thread(g->m, g->member[group]) : NULL;
	oc_string_id comm = process ? process->comm : 0;
	const char *text = NULL;

	switch (word) {
	case WORD_COMM:
		text = oc_machine_string(g->m, comm, NULL);
		break;
	case WORD_CONTAINER:
		text = process && process->container
			       ? oc_machine_string(g->m, process->container, NULL)
			       : "host";
		break;
	case WORD_THREAD:
		/* Until a thread names itself it bears its process's name. */
		text = oc_machine_string(g->m, thread && thread->name ? thread->name : comm, NULL);
		break;
	case WORD_KIND:
		text = kind_word(g->m);
		break;
	case WORD_PID:
		put_number(out, process ? &process->pid : NULL);
		return;
	default:
		put_number(out, thread ? &thread->tid : NULL);
		return;
	}
	text_put_file_name(out, text, WORD_BYTES_MAX);
}

/* Puts a group's words into a path; `number` above 1 follows the last word that tells groups apart. */
static char *fill_in(const struct groups *g, uint32_t group, const char *path, unsigned int number)
{
	struct buffer out = BUFFER_INIT;
	const char *at = path, *last = NULL, *found;
	enum word word;

	for (found = path; (found = next_word(found, &word)); found++)
		last = word == WORD_KIND ? last : found;
	for (; (found = next_word(at, &word)); at = found + strlen(words[word].text)) {
		buffer_append(&out, at, (size_t)(found - at));
		put_word(&out, g, group, word);
		if (found == last && number > 1)
			buffer_printf(&out, "-%u", number);
	}
	buffer_puts(&out, at);
	if (out.error) {
		buffer_done(&out);
		return NULL;
	}
	return out.data;
}

/* File systems may take names as equal that differ in case only. */
static bool is_taken(const struct groups *g, const char *path)
{
	for (size_t i = 0; i < g->nr_paths; i++) {
		if (!strcasecmp(g->paths[i], path))
			return true;
	}
	return false;
}

/* A path that no other file of this run has. NULL = no memory. */
static const char *name_file(struct groups *g, uint32_t group, const char *path)
{
	char *name = fill_in(g, group, path, 1);

	for (unsigned int number = 2; name && is_taken(g, name); number++) {
		free(name);
		name = fill_in(g, group, path, number);
	}
	if (!name || array_reserve(&g->paths, &g->cap_paths, g->nr_paths + 1, sizeof(*g->paths))) {
		free(name);
		return NULL;
	}
	g->paths[g->nr_paths++] = name;
	return name;
}

/* ---- writing ---- */

static int write_group(struct groups *g, uint32_t group, const struct outputs *outs,
		       const struct console *c)
{
	struct outputs files = { .force = outs->force, .split = -1 };
	int64_t selected = oc_machine_select_group(g->m, g->by, g->group_of, group);
	int rc = selected < 0 ? (int)selected : 0;

	for (size_t i = 0; i < outs->nr && !rc; i++) {
		const char *name = name_file(g, group, outs->items[i].path);

		rc = outputs_add(&files, outs->items[i].format, name ? strdup(name) : NULL, NULL);
	}
	if (rc)
		console_error(c, "%s", strerror(-rc));
	else
		rc = outputs_write_all(&files, g->m, c);
	outputs_done(&files);
	return rc;
}

static int write_groups(struct groups *g, const struct outputs *outs, const struct console *c)
{
	int first = 0;

	for (uint32_t group = 0; group < g->nr && interrupt_count() < 2; group++) {
		int rc = g->samples[group] ? write_group(g, group, outs, c) : 0;

		first = first ? first : rc;
	}
	return first;
}

int split_outputs_write(struct outputs *outs, struct oc_machine *m, const struct console *c)
{
	struct groups g = { .m = m, .by = (enum oc_split)outs->split };
	int rc = find_groups(&g);
	int64_t all;

	if (rc) {
		console_error(c, "%s", strerror(-rc));
	} else if (g.nr_used > FILES_MAX / outs->nr) {
		console_error(c,
			      "--split %s makes %llu files, and %u are the most; choose fewer by "
			      "--process, --thread or another of these",
			      split_names[g.by], (unsigned long long)g.nr_used * outs->nr,
			      FILES_MAX);
		rc = -E2BIG;
	} else {
		if (!g.nr_used)
			console_warn(c, "there are no samples, and so no files");
		rc = write_groups(&g, outs, c);
		all = oc_machine_select_group(m, g.by, NULL, 0);
		rc = all < 0 && !rc ? (int)all : rc;
	}
	groups_done(&g);
	return rc;
}
