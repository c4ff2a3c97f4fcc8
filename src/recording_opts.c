/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checking and copying the options of a recording.
 * Called by src/recording.c.
 * Must not start anything.
 */
#include "recording_opts.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/macros.h"

#define FREQUENCY_DEFAULT 999
#define FREQUENCY_MAX     100000
#define BUDGET_DEFAULT    (64ULL << 20)

static int out_of_memory(struct oc_error *err)
{
	return oc_error_set(err, -ENOMEM, "out of memory");
}

static int check(const struct oc_recording_opts *opts, struct oc_error *err)
{
	if (opts->size < sizeof(opts->size) || opts->size > 4096)
		return oc_error_set(err, -EINVAL, "oc_recording_opts.size is not set");
	if (opts->frequency_hz > FREQUENCY_MAX)
		return oc_error_set(err, -EINVAL,
				    "frequency %u Hz is out of range; 1 to %u are possible",
				    opts->frequency_hz, FREQUENCY_MAX);
	if (opts->off_cpu)
		return oc_error_set(err, -EOPNOTSUPP,
				    "recording time off the CPU is not possible in this version");
	if (opts->nr_events || opts->etl_file)
		return oc_error_set(err, -EOPNOTSUPP,
				    "events of ETW, and its trace file, are not possible but on "
				    "Windows");
	if (opts->command && (opts->nr_pids || opts->nr_process_globs || opts->cgroup))
		return oc_error_set(
			err, -EINVAL,
			"a command and a choice of running processes cannot be recorded together; "
			"leave one of them out");
	return 0;
}

/* The process that a thread belongs to. */
static int process_of(uint32_t tid, uint32_t *ret_pid)
{
	unsigned int tgid = 0;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Tgid: %u", &tgid) == 1)
			break;
	}
	fclose(f);
	if (!tgid)
		return -ESRCH;
	*ret_pid = tgid;
	return 0;
}

int recording_opts_add_pid(struct recording_opts *opts, uint32_t pid, struct oc_error *err)
{
	size_t nr = opts->collect.nr_pids;
	uint32_t *pids = reallocarray((void *)opts->collect.pids, nr + 1, sizeof(*pids));

	if (!pids)
		return out_of_memory(err);
	opts->collect.pids = pids;
	for (size_t i = 0; i < nr; i++) {
		if (pids[i] == pid)
			return 0;
	}
	pids[nr] = pid;
	opts->collect.nr_pids++;
	return 0;
}

static int copy_pids(struct recording_opts *copy, const struct oc_recording_opts *opts,
		     struct oc_error *err)
{
	for (uint32_t i = 0; i < opts->nr_pids; i++) {
		uint32_t pid;
		int rc = opts->pids[i] ? process_of(opts->pids[i], &pid) : -ESRCH;

		if (rc)
			return oc_error_set(err, rc, "there is no process with pid %u",
					    opts->pids[i]);
		rc = recording_opts_add_pid(copy, pid, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* Copies strings[nr] (NULL-terminated when nr is SIZE_MAX) and a NULL behind them. */
static char **copy_strings(const char *const *strings, size_t nr)
{
	char **copy;
	size_t n = 0;

	while (n < nr && (nr != SIZE_MAX || strings[n]))
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(strings[i]);
		if (!copy[i]) {
			while (i--)
				free(copy[i]);
			free(copy);
			return NULL;
		}
	}
	return copy;
}

static void free_strings(char **strings)
{
	for (size_t i = 0; strings && strings[i]; i++)
		free(strings[i]);
	free(strings);
}

static int compare_cpus(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int copy_cpus(struct recording_opts *copy, const struct oc_recording_opts *opts)
{
	uint32_t *cpus, nr = 0;

	if (!opts->nr_cpus)
		return 0;
	cpus = calloc(opts->nr_cpus, sizeof(*cpus));
	if (!cpus)
		return -ENOMEM;
	memcpy(cpus, opts->cpus, opts->nr_cpus * sizeof(*cpus));
	qsort(cpus, opts->nr_cpus, sizeof(*cpus), compare_cpus);
	for (uint32_t i = 0; i < opts->nr_cpus; i++) {
		if (!i || cpus[i] != cpus[nr - 1])
			cpus[nr++] = cpus[i];
	}
	copy->collect.cpus = cpus;
	copy->collect.nr_cpus = nr;
	return 0;
}

int recording_opts_copy(struct recording_opts *copy, const struct oc_recording_opts *opts,
			struct oc_error *err)
{
	struct oc_recording_opts known = { 0 };
	int rc;

	/* A caller built against another version has a shorter or longer struct; what it lacks is zero. */
	memcpy(&known, opts, MIN(opts->size, sizeof(known)));
	opts = &known;
	rc = check(opts, err);
	rc = rc ? rc : copy_pids(copy, opts, err);
	if (rc)
		return rc;
	copy->collect.frequency_hz = opts->frequency_hz ? opts->frequency_hz : FREQUENCY_DEFAULT;
	copy->collect.timeline = opts->timeline;
	copy->collect.ring_bytes = opts->ring_bytes;
	copy->collect.map_entries = opts->map_entries;
	copy->collect.bpf_stats = opts->bpf_stats;
	copy->collect.kernel_stacks = true;
	copy->collect.unwind = opts->unwind;
	copy->collect.unwind_budget_bytes = opts->unwind_budget_bytes;
	copy->duration_ns = opts->duration_ns;
	copy->memory_budget_bytes =
		opts->memory_budget_bytes ? opts->memory_budget_bytes : BUDGET_DEFAULT;
	copy->no_symbols = opts->no_symbols;
	copy->whole_machine = opts->whole_machine;
	copy->collector = opts->collector;
	copy->symbol_servers = opts->symbol_servers;
	copy->tell = opts->tell;
	copy->tell_arg = opts->tell_arg;
	rc = copy_cpus(copy, opts);
	if (!rc && opts->nr_process_globs) {
		char **globs = copy_strings(opts->process_globs, opts->nr_process_globs);

		copy->collect.process_globs = (const char *const *)globs;
		copy->collect.nr_process_globs = globs ? opts->nr_process_globs : 0;
		rc = globs ? 0 : -ENOMEM;
	}
	if (!rc && opts->nr_symbol_paths) {
		copy->symbol_paths = copy_strings(opts->symbol_paths, opts->nr_symbol_paths);
		copy->nr_symbol_paths = copy->symbol_paths ? opts->nr_symbol_paths : 0;
		rc = copy->symbol_paths ? 0 : -ENOMEM;
	}
	if (!rc && opts->command) {
		copy->command = copy_strings((const char *const *)opts->command, SIZE_MAX);
		rc = copy->command ? 0 : -ENOMEM;
	}
	if (!rc && opts->cgroup) {
		copy->collect.cgroup = strdup(opts->cgroup);
		rc = copy->collect.cgroup ? 0 : -ENOMEM;
	}
	if (!rc && opts->unwind_cache) {
		copy->collect.unwind_cache = strdup(opts->unwind_cache);
		rc = copy->collect.unwind_cache ? 0 : -ENOMEM;
	}
	if (!rc && opts->command_line) {
		copy->command_line = strdup(opts->command_line);
		rc = copy->command_line ? 0 : -ENOMEM;
	}
	return rc ? out_of_memory(err) : 0;
}

void recording_opts_done(struct recording_opts *opts)
{
	free((void *)opts->collect.pids);
	free((void *)opts->collect.cpus);
	free_strings((char **)opts->collect.process_globs);
	free((void *)opts->collect.cgroup);
	free((void *)opts->collect.unwind_cache);
	free_strings(opts->symbol_paths);
	free_strings(opts->command);
	free(opts->command_line);
	*opts = (struct recording_opts){ 0 };
}
