/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions that a collector told of, and naming locations by them.
 * Called by src/machine_sink.c.
 * Must not know which runtime made the code.
 */
#include "named_code.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/macros.h"

/* Memory that is used again has several functions at one address; that many are looked at. */
#define OVERLAPS_MAX 1024

struct code {
	uint64_t since_ns;
	uint64_t start;
	uint64_t end;
	uint64_t reach; /* the largest `end` of this and all before it, once sorted */
	oc_process_id process;
	oc_string_id name;
	uint32_t order;
};

int named_code_add(struct named_code *c, oc_process_id process, uint64_t since_ns, uint64_t start,
		   uint64_t size, oc_string_id name)
{
	if (!size || start > UINT64_MAX - size)
		return 0;
	if (c->nr >= UINT32_MAX || array_reserve(&c->items, &c->cap, c->nr + 1, sizeof(*c->items)))
		return -ENOMEM;
	c->items[c->nr] = (struct code){ .since_ns = since_ns,
					 .start = start,
					 .end = start + size,
					 .process = process,
					 .name = name,
					 .order = (uint32_t)c->nr };
	c->nr++;
	return 0;
}

static int by_process_and_start(const void *a, const void *b)
{
	const struct code *x = a, *y = b;

	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void sort(struct named_code *c)
{
	if (c->nr)
		qsort(c->items, c->nr, sizeof(*c->items), by_process_and_start);
	for (size_t i = 0; i < c->nr; i++) {
		struct code *code = &c->items[i];

		code->reach = code->end;
		if (i && code[-1].process == code->process)
			code->reach = MAX(code->reach, code[-1].reach);
	}
}

/* The code at an address in a mapping that was said last while that was there; NULL = none. */
static const struct code *find(const struct named_code *c, const struct oc_mapping *mapping,
			       uint64_t address)
{
	const struct code wanted = { .process = mapping->process,
				     .start = address,
				     .order = UINT32_MAX };
	const struct code *best = NULL;
	size_t from = 0, to = c->nr;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (by_process_and_start(&c->items[middle], &wanted) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	for (size_t i = 0; i < OVERLAPS_MAX && from; i++) {
		const struct code *code = &c->items[--from];

		if (code->process != mapping->process || code->reach <= address)
			break;
		if (address < code->end && code->since_ns < mapping->until_ns &&
		    (!best || code->order > best->order))
			best = code;
	}
	return best;
}

static int name_location(struct oc_machine *m, oc_location_id id, oc_string_id name)
{
	const struct oc_function function = {
		.name = name,
		.system_name = name,
		.module = oc_machine_location(m, id)->module,
	};
	int64_t added = oc_machine_add_function(m, &function);
	const struct oc_line line = { .function = (oc_function_id)MAX(added, 0) };

	return added < 0 ? (int)added : oc_machine_set_lines(m, id, &line, 1);
}

int named_code_apply(struct named_code *c, struct oc_machine *m)
{
	uint32_t nr = c->nr ? oc_machine_nr_locations(m) : 0;

	sort(c);
	for (oc_location_id id = 1; id <= nr; id++) {
		const struct oc_location *location = oc_machine_location(m, id);
		const struct oc_mapping *mapping = oc_machine_mapping(m, location->mapping);
		const struct code *code = NULL;
		int rc;

		if (!location->nr_lines && mapping && mapping->process)
			code = find(c, mapping, location->address);
		rc = code ? name_location(m, id, code->name) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

void named_code_done(struct named_code *c)
{
	free(c->items);
	*c = (struct named_code){ 0 };
}
