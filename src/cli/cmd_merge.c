/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `record-trace merge FILE... -o OUT...`: one recording of several.
 * Called by main().
 * Must not know how hosts and clocks are brought together: the library does.
 */
#include "cli/commands.h"

#include <errno.h>

#include <onecollect/merge.h>

#include "base/macros.h"
#include "cli/answer.h"
#include "cli/deliver.h"
#include "cli/filters.h"
#include "cli/input.h"

struct source {
	const char *path;
	struct oc_machine *machine;
	int64_t boot_ns; /* wall clock when its monotonic one was 0; INT64_MAX = not known */
	size_t number;
};

static void sources_free(struct source *sources, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		oc_machine_free(sources[i].machine);
	free(sources);
}

static int64_t boot_of(const struct oc_machine *m)
{
	const struct oc_recording_info *info = oc_machine_info(m);
	int64_t boot_ns;

	if (!info->start_wall_ns || !info->start_mono_ns ||
	    __builtin_sub_overflow(info->start_wall_ns, info->start_mono_ns, &boot_ns))
		return INT64_MAX;
	return boot_ns;
}

/* What was booted first comes first, as no time of the others lies before its axis then. */
static int compare_sources(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->boot_ns != y->boot_ns)
		return x->boot_ns < y->boot_ns ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Each gets its part of the memory, as all are there at once; the last part is the result's. */
static int load_sources(const struct options *o, const struct console *c, struct source *sources)
{
	struct options share = *o;
	size_t nr = o->args.nr;

	share.memory_budget_bytes = input_memory_budget(o) / (nr + 1);
	for (size_t i = 0; i < nr; i++) {
		struct source *source = &sources[i];
		int exit_code;

		source->path = o->args.items[i];
		source->number = i;
		exit_code = input_load(source->path, &share, c, &source->machine);
		if (exit_code)
			return exit_code;
		source->boot_ns = boot_of(source->machine);
	}
	qsort(sources, nr, sizeof(*sources), compare_sources);
	return OC_EXIT_OK;
}

static const char *hostname_of(const struct source *source)
{
	const struct oc_machine *m = source->machine;

	return oc_machine_string(m, oc_machine_info(m)->hostname, NULL);
}

/* Whether samples must be told apart by host; warns of those whose times cannot be brought to those of the others. */
static bool look_at_hosts(const struct source *sources, size_t nr, const struct console *c)
{
	bool differ = false;

	for (size_t i = 1; i < nr; i++) {
		differ |= strcmp(hostname_of(&sources[0]), hostname_of(&sources[i])) != 0;
		if (sources[i].boot_ns != INT64_MAX ||
		    oc_machine_info(sources[i].machine)->aggregated)
			continue;
		console_warn(c,
			     "'%s' does not tell the date and time at which it began; its times "
			     "are taken as they are",
			     sources[i].path);
	}
	return differ;
}

static int merge_sources(struct oc_machine *all, struct source *sources, size_t nr,
			 const struct console *c)
{
	const struct oc_merge_opts opts = {
		.size = sizeof(opts),
		.mark_host = look_at_hosts(sources, nr, c),
	};
	struct oc_error err = { 0 };
	int rc = 0;

	for (size_t i = 0; i < nr && !rc; i++) {
		rc = oc_machine_merge_with(all, sources[i].machine, &opts, &err);
		oc_machine_free(take_ptr(&sources[i].machine));
		if (rc)
			console_error(c, "cannot add '%s' to what was read before: %s",
				      sources[i].path, err.message);
	}
	if (!rc)
		rc = oc_machine_finish(all);
	return rc ? answer_exit_code(rc) : OC_EXIT_OK;
}

static int merge(const struct options *o, const struct console *c, struct source *sources,
		 struct oc_machine **ret_machine)
{
	const struct oc_machine_opts opts = {
		.size = sizeof(opts),
		.memory_budget_bytes = input_memory_budget(o) / (o->args.nr + 1),
	};
	struct oc_machine *all;
	int exit_code = load_sources(o, c, sources);

	if (exit_code)
		return exit_code;
	all = oc_machine_new(&opts);
	if (!all)
		return answer_failure(c, -ENOMEM, &(struct oc_error){ 0 });
	exit_code = merge_sources(all, sources, o->args.nr, c);
	if (!exit_code)
		exit_code = filters_apply(all, o, c);
	if (exit_code)
		oc_machine_free(all);
	else
		*ret_machine = all;
	return exit_code;
}

static int load(const struct options *o, const struct console *c, struct oc_machine **ret_machine)
{
	struct source *sources;
	int exit_code;

	if (!o->args.nr)
		return input_load(NULL, o, c, ret_machine);
	sources = calloc(o->args.nr, sizeof(*sources));
	if (!sources)
		return answer_failure(c, -ENOMEM, &(struct oc_error){ 0 });
	exit_code = merge(o, c, sources, ret_machine);
	sources_free(sources, o->args.nr);
	return exit_code;
}

int cmd_merge(const struct options *o, const struct console *c)
{
	return deliver(o, c, load);
}
