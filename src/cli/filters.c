/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From options to a filter, and from what came of it to words.
 * Called by the commands that read recordings.
 * Must not look at samples.
 */
#include "cli/filters.h"

#include <errno.h>

#include "base/human.h"
#include "base/macros.h"
#include "base/text.h"
#include "cli/answer.h"

#define BOUND_MAX 64

/* A duration since the beginning, or a date and time; nothing = no bound. */
static int parse_bound(const char *text, size_t len, struct oc_time_bound *ret)
{
	char bound[BOUND_MAX];

	*ret = (struct oc_time_bound){ .base = OC_TIME_UNBOUNDED };
	if (!len)
		return 0;
	if (len >= sizeof(bound))
		return -EINVAL;
	memcpy(bound, text, len);
	bound[len] = '\0';
	ret->base = OC_TIME_OFFSET;
	/* As a duration it would be none. */
	if (!strcmp(bound, "0") || !strcmp(bound, "0s"))
		return 0;
	if (!text_parse_duration(bound, &ret->ns))
		return 0;
	ret->base = OC_TIME_WALL;
	return text_parse_wall_time(bound, &ret->ns);
}

static int parse_time_range(const char *text, struct oc_filter *f, struct oc_error *err)
{
	const char *dots = strstr(text, "..");

	if (dots && strlen(text) > 2 && !parse_bound(text, (size_t)(dots - text), &f->from) &&
	    !parse_bound(dots + 2, strlen(dots + 2), &f->until))
		return 0;
	return oc_error_set(err, -EINVAL,
			    "--time-range: '%.128s' is not a range of time; write it as 2s..5s, "
			    "..5s, 2s.. or 2026-01-31T10:00:00..2026-01-31T10:05:00",
			    text);
}

bool filters_ask(const struct oc_filter *f)
{
	return f->from.base || f->until.base || f->nr_processes || f->nr_threads || f->nr_kinds ||
	       f->nr_attrs || f->nr_modules || f->nr_functions || f->nr_ignored || f->nr_cpus;
}

int filters_from_options(const struct options *o, struct oc_filter *ret, struct oc_error *err)
{
	int rc = 0;

	*ret = (struct oc_filter){
		.size = sizeof(*ret),
		.processes = o->only_processes.items,
		.nr_processes = (uint32_t)o->only_processes.nr,
		.threads = o->only_threads.items,
		.nr_threads = (uint32_t)o->only_threads.nr,
		.kinds = o->only_kinds.items,
		.nr_kinds = (uint32_t)o->only_kinds.nr,
		.attrs = o->only_attrs.items,
		.nr_attrs = (uint32_t)o->only_attrs.nr,
		.modules = o->only_modules.items,
		.nr_modules = (uint32_t)o->only_modules.nr,
		.functions = o->only_functions.items,
		.nr_functions = (uint32_t)o->only_functions.nr,
		.ignored = o->ignored_functions.items,
		.nr_ignored = (uint32_t)o->ignored_functions.nr,
		.cpus = o->cpus.items,
		.nr_cpus = (uint32_t)o->cpus.nr,
	};
	if (o->time_range)
		rc = parse_time_range(o->time_range, ret, err);
	if (!rc)
		rc = oc_filter_check(ret, err);
	return rc ? rc : filters_ask(ret);
}

/* Which of the options nothing matches; when each has something, it is their combination. */
static void tell_nothing(const struct oc_selected *selected, const struct console *c)
{
	static const char *const names[OC_FILTER_PARTS] = {
		[OC_FILTER_TIME] = "--time-range",   [OC_FILTER_PROCESS] = "--process",
		[OC_FILTER_THREAD] = "--thread",     [OC_FILTER_KIND] = "--kind",
		[OC_FILTER_ATTR] = "--attr",         [OC_FILTER_MODULE] = "--module",
		[OC_FILTER_FUNCTION] = "--function", [OC_FILTER_IGNORE] = "--ignore",
		[OC_FILTER_CPU] = "--cpus",
	};
	bool told = false;

	if (!selected->left_out) {
		console_warn(c, "the recording has no samples to choose from");
		return;
	}
	for (size_t part = 0; part < OC_FILTER_PARTS; part++) {
		if (!selected->asked[part] || selected->passed[part])
			continue;
		if (part == OC_FILTER_IGNORE)
			console_warn(c, "no sample is selected: all match --ignore");
		else
			console_warn(c, "no sample is selected: none matches %s", names[part]);
		told = true;
	}
	if (!told)
		console_warn(c, "no sample is selected: each option matches some, but none "
				"matches all of them");
}

static void tell_selected(const struct oc_selected *selected, const struct console *c)
{
	struct buffer text = BUFFER_INIT;

	human_count(&text, selected->selected);
	buffer_puts(&text, " of ");
	human_count(&text, selected->selected + selected->left_out);
	if (!text.error)
		console_note(c, "%s samples selected", text.data);
	buffer_done(&text);
	if (selected->without_time)
		console_warn(c,
			     "%llu samples have no time, only counts; --time-range leaves them out",
			     (unsigned long long)selected->without_time);
}

int filters_apply(struct oc_machine *m, const struct options *o, const struct console *c)
{
	struct oc_selected selected;
	struct oc_error err = { 0 };
	struct oc_filter filter;
	int rc = filters_from_options(o, &filter, &err);

	if (rc > 0)
		rc = oc_machine_select(m, &filter, &selected, &err);
	else if (!rc)
		return OC_EXIT_OK;
	if (rc) {
		answer_failure(c, rc, &err);
		return rc == -ENODATA ? OC_EXIT_USAGE : answer_exit_code(rc);
	}
	tell_selected(&selected, c);
	if (!selected.selected)
		tell_nothing(&selected, c);
	return OC_EXIT_OK;
}
