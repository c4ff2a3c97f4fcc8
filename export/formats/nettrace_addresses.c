/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding the address that a location has in a process, and what addresses to give to inlined functions.
 * Called by the writers of nettrace and perf.data.
 * Must not know the format.
 */
#include "export/formats/nettrace_addresses.h"

#include <errno.h>

#include "base/macros.h"
#include "base/search.h"

/* Bounds of the search in what processes inherited; beyond them a place counts as not found. */
#define ANCESTORS_MAX  64
#define CANDIDATES_MAX 16

/* ---- runs of locations of one function ---------------------------------------------------------------------- */

struct ordered_location {
	oc_module_id module;
	oc_location_id id;
	uint64_t offset;
};

static int compare_locations(const void *a, const void *b)
{
	const struct ordered_location *x = a, *y = b;

	if (x->module != y->module)
		return x->module < y->module ? -1 : 1;
	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return 0;
}

/* The function that the code at a location belongs to, inlined ones aside; 0 = not known. */
static oc_function_id outermost(const struct oc_machine *m, oc_location_id id)
{
	uint32_t nr;
	const struct oc_line *lines = oc_machine_location_lines(m, id, &nr);

	return nr ? lines[nr - 1].function : 0;
}

static int add_to_runs(struct addresses *p, const struct ordered_location *sorted, size_t nr)
{
	oc_function_id last = 0;

	for (size_t i = 0; i < nr; i++) {
		const struct oc_location *location = oc_machine_location(p->m, sorted[i].id);
		oc_function_id function = outermost(p->m, sorted[i].id);
		bool goes_on =
			function && function == last && sorted[i].module == sorted[i - 1].module;

		last = location->mapping ? function : 0;
		if (!last)
			continue;
		if (!goes_on) {
			if (array_reserve(&p->runs, &p->runs_cap, p->nr_runs + 1, sizeof(*p->runs)))
				return -ENOMEM;
			p->runs[p->nr_runs++] = (struct addresses_run){
				.first = sorted[i].offset,
				.name = oc_machine_location_name(p->m, sorted[i].id,
								 location->nr_lines - 1),
			};
		}
		p->runs[p->nr_runs - 1].last = sorted[i].offset;
		p->locations[sorted[i].id].run = (uint32_t)p->nr_runs;
	}
	return 0;
}

/* Runs are sorted by module, which their locations know. */
static int index_runs(struct addresses *p, const struct ordered_location *sorted, size_t nr)
{
	uint32_t nr_modules = oc_machine_nr_modules(p->m), run = 0;
	oc_module_id module = 0;

	p->first_run = calloc((size_t)nr_modules + 2, sizeof(*p->first_run));
	if (!p->first_run)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		while (module < sorted[i].module)
			p->first_run[++module] = run;
		run = MAX(run, p->locations[sorted[i].id].run);
	}
	while (module <= nr_modules)
		p->first_run[++module] = run;
	return 0;
}

uint32_t addresses_runs_of_module(const struct addresses *p, oc_module_id module, uint32_t *ret_nr)
{
	*ret_nr = p->first_run[module + 1] - p->first_run[module];
	return p->first_run[module];
}

static int find_runs(struct addresses *p)
{
	uint32_t nr = oc_machine_nr_locations(p->m);
	struct ordered_location *sorted = calloc((size_t)nr + 1, sizeof(*sorted));
	int rc;

	if (!sorted)
		return -ENOMEM;
	for (oc_location_id id = 1; id <= nr; id++) {
		const struct oc_location *location = oc_machine_location(p->m, id);

		sorted[id - 1] =
			(struct ordered_location){ location->module, id, location->offset };
	}
	qsort(sorted, nr, sizeof(*sorted), compare_locations);
	rc = add_to_runs(p, sorted, nr);
	if (!rc)
		rc = index_runs(p, sorted, nr);
	free(sorted);
	return rc;
}

void addresses_run_at(const struct addresses *p, uint32_t run, oc_mapping_id mapping,
		      uint64_t *ret_first, uint64_t *ret_last)
{
	const struct oc_mapping *map = oc_machine_mapping(p->m, mapping);
	const struct oc_module *module = oc_machine_module(p->m, map->module);
	uint64_t first = p->runs[run - 1].first, last = p->runs[run - 1].last;
	uint64_t start = map->start, size = map->end - map->start;

	if (module->type == OC_MODULE_FILE || module->type == OC_MODULE_VDSO)
		start = map->file_offset;
	/* Other parts of the function may be at another mapping of the file. */
	first = first > start ? first - start : 0;
	last = last > start ? last - start : 0;
	*ret_first = map->start + MIN(first, size - 1);
	*ret_last = map->start + MIN(last, size - 1);
}

/* ---- inlined functions -------------------------------------------------------------------------------------- */

/* A function that contains inlined ones is where its code is, unless that is at no mapping. */
static uint32_t nr_inlined(const struct oc_location *location)
{
	if (!location->nr_lines)
		return 0;
	return location->mapping ? location->nr_lines - 1 : location->nr_lines;
}

static int compare_inlined(const void *a, const void *b)
{
	const struct addresses_inlined *x = a, *y = b;

	if (x->module != y->module)
		return x->module < y->module ? -1 : 1;
	return x->function < y->function ? -1 : x->function > y->function;
}

/* Lists the (module, function) of all inlined lines, each as often as it occurs. */
static int list_inlined(struct addresses *p)
{
	for (oc_location_id id = 1; id <= oc_machine_nr_locations(p->m); id++) {
		const struct oc_location *location = oc_machine_location(p->m, id);
		uint32_t nr = nr_inlined(location), nr_lines;
		const struct oc_line *lines = oc_machine_location_lines(p->m, id, &nr_lines);

		p->locations[id].location = location;
		p->locations[id].nr_inlined = nr;
		if (!nr)
			continue;
		if (p->nr_inlined + nr > UINT32_MAX ||
		    array_reserve(&p->inlined, &p->inlined_cap, p->nr_inlined + nr,
				  sizeof(*p->inlined)) ||
		    array_reserve(&p->inlined_of, &p->inlined_of_cap, p->nr_inlined + nr,
				  sizeof(*p->inlined_of)))
			return -ENOMEM;
		p->locations[id].first_inlined = (uint32_t)p->nr_inlined;
		for (uint32_t i = 0; i < nr; i++)
			p->inlined[p->nr_inlined++] =
				(struct addresses_inlined){ location->module, lines[i].function };
	}
	return 0;
}

static size_t remove_equal(struct addresses_inlined *sorted, size_t nr)
{
	size_t kept = 0;

	for (size_t i = 0; i < nr; i++) {
		if (!i || compare_inlined(&sorted[i], &sorted[kept - 1]))
			sorted[kept++] = sorted[i];
	}
	return kept;
}

/* Numbers inlined functions so that those of one module follow each other. */
static int number_inlined(struct addresses *p)
{
	size_t size = p->nr_inlined * sizeof(*p->inlined);
	struct addresses_inlined *all;

	if (!p->nr_inlined)
		return 0;
	all = malloc(size);
	if (!all)
		return -ENOMEM;
	memcpy(all, p->inlined, size);
	p->nr_inlined_of = p->nr_inlined;
	qsort(p->inlined, p->nr_inlined, sizeof(*p->inlined), compare_inlined);
	p->nr_inlined = remove_equal(p->inlined, p->nr_inlined);
	for (size_t i = 0; i < p->nr_inlined_of; i++) {
		const struct addresses_inlined *found =
			bsearch(&all[i], p->inlined, p->nr_inlined, sizeof(*all), compare_inlined);

		p->inlined_of[i] = (uint32_t)(found - p->inlined);
	}
	free(all);
	return 0;
}

/* Index of the first element of p->inlined that is not below (module, function 0). */
static uint32_t first_inlined(const struct addresses *p, oc_module_id module)
{
	return (uint32_t)PARTITION_POINT(i, p->nr_inlined, p->inlined[i].module < module);
}

uint32_t addresses_inlined_of_module(const struct addresses *p, oc_module_id module,
				     uint32_t *ret_nr)
{
	uint32_t first = first_inlined(p, module);

	*ret_nr = first_inlined(p, module + 1) - first;
	return first;
}

/* ---- where a location is in a process ----------------------------------------------------------------------- */

struct owned {
	oc_process_id process;
	oc_module_id module;
	oc_mapping_id id;
};

static int compare_owned(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;

	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	if (x->module != y->module)
		return x->module < y->module ? -1 : 1;
	return x->id < y->id ? 1 : -1;
}

static int index_mappings(struct addresses *p)
{
	uint32_t nr = oc_machine_nr_mappings(p->m);
	struct owned *sorted = calloc((size_t)nr + 1, sizeof(*sorted));

	p->by_owner = calloc((size_t)nr + 1, sizeof(*p->by_owner));
	if (!sorted || !p->by_owner) {
		free(sorted);
		return -ENOMEM;
	}
	for (oc_mapping_id id = 1; id <= nr; id++) {
		const struct oc_mapping *mapping = oc_machine_mapping(p->m, id);

		sorted[id - 1] = (struct owned){ mapping->process, mapping->module, id };
	}
	qsort(sorted, nr, sizeof(*sorted), compare_owned);
	for (uint32_t i = 0; i < nr; i++)
		p->by_owner[i] = sorted[i].id;
	free(sorted);
	return 0;
}

static bool is_owned_before(const struct addresses *p, size_t i, oc_process_id process,
			    oc_module_id module)
{
	const struct oc_mapping *mapping = oc_machine_mapping(p->m, p->by_owner[i]);

	return mapping->process < process ||
	       (mapping->process == process && mapping->module < module);
}

/* Index into by_owner of the first mapping of a process and module, or of what would follow it. */
static uint32_t first_owned(const struct addresses *p, oc_process_id process, oc_module_id module)
{
	return (uint32_t)PARTITION_POINT(i, oc_machine_nr_mappings(p->m),
					 is_owned_before(p, i, process, module));
}

/* True when a mapping holds the code of a location; then *ret_address is where. */
static bool holds(const struct addresses *p, oc_mapping_id id, const struct oc_location *location,
		  uint64_t *ret_address)
{
	const struct oc_mapping *mapping = oc_machine_mapping(p->m, id);
	const struct oc_module *module = oc_machine_module(p->m, location->module);
	uint64_t start;

	if (!mapping || mapping->module != location->module)
		return false;
	start = mapping->start;
	if (module->type == OC_MODULE_FILE || module->type == OC_MODULE_VDSO)
		start = mapping->file_offset;
	if (location->offset < start || location->offset - start >= mapping->end - mapping->start)
		return false;
	*ret_address = mapping->start + (location->offset - start);
	return true;
}

/* Looks through the mappings that `owner` made for one that `process` has at the time. */
static bool search_owner(const struct addresses *p, oc_process_id owner, oc_process_id process,
			 const struct oc_location *location, uint64_t time_ns,
			 struct place *ret_place)
{
	uint32_t i = first_owned(p, owner, location->module);

	for (uint32_t tries = 0; tries < CANDIDATES_MAX && i < oc_machine_nr_mappings(p->m);
	     tries++, i++) {
		oc_mapping_id id = p->by_owner[i];
		const struct oc_mapping *mapping = oc_machine_mapping(p->m, id);
		uint64_t address;

		if (mapping->process != owner || mapping->module != location->module)
			break;
		if (!holds(p, id, location, &address) ||
		    oc_machine_find_mapping(p->m, process, address, time_ns) != id)
			continue;
		*ret_place = (struct place){ id, address };
		return true;
	}
	return false;
}

static struct place search(const struct addresses *p, oc_process_id process,
			   const struct oc_location *location, uint64_t time_ns)
{
	struct place place = { location->mapping, location->address };
	oc_mapping_id id = oc_machine_find_mapping(p->m, process, location->address, time_ns);
	oc_process_id owner = process;

	if (holds(p, id, location, &place.address)) {
		place.mapping = id;
		return place;
	}
	for (int i = 0; owner && i < ANCESTORS_MAX; i++) {
		const struct oc_process *image = oc_machine_process(p->m, owner);

		if (search_owner(p, owner, process, location, time_ns, &place))
			break;
		/* A fork inherits mappings, an exec does not. */
		owner = image->generation ? 0 : image->parent;
	}
	return place;
}

static bool valid_at(const struct addresses *p, oc_mapping_id id, uint64_t time_ns)
{
	return time_ns < oc_machine_mapping(p->m, id)->until_ns;
}

int addresses_find(struct addresses *p, oc_process_id process, oc_location_id id, uint64_t time_ns,
		   struct place *ret_place)
{
	const struct oc_location *location = p->locations[id].location;
	const struct oc_mapping *first_met = oc_machine_mapping(p->m, location->mapping);
	uint64_t key = (uint64_t)process << 32 | location->mapping;
	uint64_t *known, address;

	*ret_place = (struct place){ location->mapping, location->address };
	if (!first_met || !first_met->process ||
	    (first_met->process == process && time_ns < first_met->until_ns))
		return 0;
	/* What lies beside it in the file mostly lies beside it in the process. */
	known = u64_map_find(&p->moved, key);
	if (known && holds(p, (oc_mapping_id)*known, location, &address) &&
	    valid_at(p, (oc_mapping_id)*known, time_ns)) {
		*ret_place = (struct place){ (oc_mapping_id)*known, address };
		return 0;
	}
	*ret_place = search(p, process, location, time_ns);
	return u64_map_set(&p->moved, key, ret_place->mapping);
}

/* ---- life --------------------------------------------------------------------------------------------------- */

int addresses_init(struct addresses *p, const struct oc_machine *m)
{
	*p = (struct addresses){ .m = m };
	p->locations = calloc((size_t)oc_machine_nr_locations(m) + 1, sizeof(*p->locations));
	if (!p->locations || find_runs(p) || list_inlined(p) || number_inlined(p))
		return -ENOMEM;
	return index_mappings(p);
}

void addresses_done(struct addresses *p)
{
	free(p->locations);
	free(p->runs);
	free(p->inlined);
	free(p->inlined_of);
	free(p->by_owner);
	free(p->first_run);
	u64_map_done(&p->moved);
}
