/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The symbolize pass: names all locations of a machine, module by module.
 * Called by whoever reads or ends a recording, through onecollect/symbolize.h.
 * Must not know how any kind of module is named.
 */
#include "symbolize/symbolizer_private.h"

#include <errno.h>
#include <stdlib.h>

#include "symbolize/running_kernel.h"

static int compare_places(const void *left, const void *right)
{
	const struct naming_place *a = left, *b = right;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/*
 * Whether code in a module can be named when the recording is over: a file or a vDSO that can be told from all others
 * by its build-id, or by its number on its own host, and the kernel if it still runs.
 */
static bool is_known_late(struct naming_run *run, const struct oc_module *module)
{
	switch (module->type) {
	case OC_MODULE_FILE:
		return module->build_id_size ||
		       (run->is_of_here && module->device && module->inode);
	case OC_MODULE_VDSO:
		return module->build_id_size;
	case OC_MODULE_KERNEL:
		return naming_kernel_is_here(run);
	default:
		return false;
	}
}

static int collect_places(struct naming_run *run)
{
	uint32_t nr = oc_machine_nr_locations(run->m);

	run->places = malloc(((size_t)nr + 1) * sizeof(*run->places));
	run->jit = malloc(((size_t)nr + 1) * sizeof(*run->jit));
	run->offsets = malloc(((size_t)nr + 1) * sizeof(*run->offsets));
	if (run->s->servers)
		run->lacks = calloc((size_t)oc_machine_nr_modules(run->m) + 1, 1);
	if (!run->places || !run->jit || !run->offsets || (run->s->servers && !run->lacks))
		return -ENOMEM;
	for (oc_location_id id = 1; id <= nr; id++) {
		const struct oc_location *location = oc_machine_location(run->m, id);

		if (location->nr_lines ||
		    (run->late && !is_known_late(run, oc_machine_module(run->m, location->module))))
			continue;
		run->places[run->nr++] = (struct naming_place){ .group = location->module,
								.location = id,
								.offset = location->offset };
	}
	qsort(run->places, run->nr, sizeof(*run->places), compare_places);
	return 0;
}

/* Puts places[nr] aside for perf maps, by the process they were seen in. */
static void defer_to_perf_maps(struct naming_run *run, const struct naming_place *places, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct oc_location *location =
			oc_machine_location(run->m, places[i].location);
		oc_process_id process = naming_process_of(run->m, location);

		if (process)
			run->jit[run->nr_jit++] =
				(struct naming_place){ .group = process,
						       .location = places[i].location,
						       .offset = location->address };
	}
}

static int name_module(struct naming_run *run, const struct naming_place *places, size_t nr)
{
	const struct oc_module *module = oc_machine_module(run->m, places[0].group);
	int rc = 0;

	switch (module->type) {
	case OC_MODULE_FILE:
		rc = naming_file(run, places, nr);
		/* Memory shared under a name (memfd) can be JIT code that is mapped twice, to write and to run. */
		if (!rc && !run->late)
			defer_to_perf_maps(run, places, nr);
		return rc < 0 ? rc : 0;
	case OC_MODULE_KERNEL:
		return naming_kernel(run, places, nr);
	case OC_MODULE_VDSO:
		return naming_vdso(run, places, nr);
	case OC_MODULE_ANON:
		defer_to_perf_maps(run, places, nr);
		return 0;
	default:
		return 0;
	}
}

oc_process_id naming_process_of(const struct oc_machine *m, const struct oc_location *location)
{
	const struct oc_mapping *mapping = oc_machine_mapping(m, location->mapping);

	return mapping ? mapping->process : 0;
}

int naming_each_group(struct naming_run *run, const struct naming_place *places, size_t nr,
		      naming_fn name)
{
	for (size_t start = 0, end; start < nr; start = end) {
		int rc;

		for (end = start + 1; end < nr && places[end].group == places[start].group; end++)
			;
		rc = name(run, places + start, end - start);
		if (rc)
			return rc;
	}
	return 0;
}

static int name_all(struct oc_symbolizer *s, struct oc_machine *m, bool late)
{
	struct naming_run run = { .s = s, .m = m, .late = late };
	int rc;

	run.is_of_here = late && running_kernel_is_of_host(m);
	rc = collect_places(&run);
	if (!rc)
		rc = naming_each_group(&run, run.places, run.nr, name_module);
	if (!rc && run.lacks)
		rc = naming_by_servers(&run);
	if (!rc) {
		qsort(run.jit, run.nr_jit, sizeof(*run.jit), compare_places);
		rc = naming_each_group(&run, run.jit, run.nr_jit, naming_jit);
	}
	free(run.places);
	free(run.jit);
	free(run.offsets);
	free(run.lacks);
	naming_kernel_done(&run);
	buffer_done(&run.raw);
	buffer_done(&run.pretty);
	windows_symbols_count(&s->windows, m);
	return rc;
}

int oc_symbolizer_run(struct oc_symbolizer *s, struct oc_machine *m)
{
	return name_all(s, m, false);
}

int oc_symbolizer_run_late(struct oc_symbolizer *s, struct oc_machine *m)
{
	int rc = windows_symbols_name(&s->windows, m);

	return rc ? rc : name_all(s, m, true);
}
