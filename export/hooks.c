/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hooks: code of others that sees samples, the filled machine, and outputs about to be written.
 * Called by samples.c, by whoever fills a machine, and by whoever writes outputs.
 * Must not know what a hook does.
 */
#include "export/machine_private.h"

#include <errno.h>

#include "base/array.h"

static int add_hook(struct hook_list *list, const struct hook *hook)
{
	if (array_reserve(&list->hooks, &list->cap, list->nr + 1, sizeof(*list->hooks)))
		return -ENOMEM;
	list->hooks[list->nr++] = *hook;
	return 0;
}

int oc_machine_on_sample(struct oc_machine *m, oc_sample_hook hook, void *arg)
{
	return add_hook(&m->sample_hooks, &(struct hook){ .sample = hook, .arg = arg });
}

int oc_machine_on_parsed(struct oc_machine *m, oc_parsed_hook hook, void *arg)
{
	return add_hook(&m->parsed_hooks, &(struct hook){ .parsed = hook, .arg = arg });
}

int oc_machine_on_export(struct oc_machine *m, oc_export_hook hook, void *arg)
{
	return add_hook(&m->export_hooks, &(struct hook){ .export = hook, .arg = arg });
}

/* A hook may add hooks and samples: the list is read anew each time, and such samples pass no hook. */
enum oc_verdict hooks_run_sample(struct oc_machine *m, struct oc_sample *sample)
{
	enum oc_verdict verdict = OC_KEEP;

	if (m->in_sample_hook)
		return OC_KEEP;
	m->in_sample_hook = true;
	for (size_t i = 0; i < m->sample_hooks.nr && verdict == OC_KEEP; i++) {
		struct hook hook = m->sample_hooks.hooks[i];

		verdict = hook.sample(hook.arg, m, sample);
	}
	m->in_sample_hook = false;
	return verdict;
}

int oc_machine_run_parsed_hooks(struct oc_machine *m)
{
	int rc = 0;

	for (size_t i = 0; i < m->parsed_hooks.nr && !rc; i++) {
		struct hook hook = m->parsed_hooks.hooks[i];

		rc = hook.parsed(hook.arg, m);
	}
	return rc;
}

int oc_machine_run_export_hooks(const struct oc_machine *m, const char *format_name)
{
	int rc = 0;

	for (size_t i = 0; i < m->export_hooks.nr && !rc; i++)
		rc = m->export_hooks.hooks[i].export(m->export_hooks.hooks[i].arg, m, format_name);
	return rc;
}
