/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Callstacks as recorded, and what they become: locations and stacks of locations.
 * Called by collectors' sinks for each stack and each sample; the hot path of the machine.
 * Must not know names of functions.
 */
#include "export/machine_private.h"

#include <errno.h>

#include "base/macros.h"

/* ---- callstacks ---- */

static bool callstack_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct oc_machine *m = owner;
	const struct callstack_entry *have =
		STABLE_ARRAY_AT(&m->callstacks, struct callstack_entry, id - 1);
	const struct callstack_entry *want = wanted;

	return have->nr == want->nr && have->nr_kernel == want->nr_kernel &&
	       !memcmp(have->addresses, want->addresses, want->nr * sizeof(*want->addresses));
}

int64_t oc_machine_intern_callstack(struct oc_machine *m, const uint64_t *addresses, uint32_t nr,
				    uint32_t nr_kernel)
{
	const struct callstack_entry want = { .addresses = addresses,
					      .nr = nr,
					      .nr_kernel = nr_kernel };
	size_t size = nr * sizeof(*addresses);
	uint64_t hash;
	uint32_t id;
	uint64_t *copy;

	if (nr > OC_STACK_FRAMES_MAX || nr_kernel > nr)
		return -EINVAL;
	if (!nr)
		return 0;
	hash = hash_words(addresses, nr, m->seed);
	id = id_table_find(&m->callstack_index, hash, callstack_equal, m, &want);
	if (id)
		return id;
	id = m->callstacks.count + 1;
	if (stable_array_reserve(&m->callstacks, 1))
		return -ENOMEM;
	copy = arena_alloc(&m->content, size);
	if (!copy || id_table_add(&m->callstack_index, hash, id))
		return -ENOMEM;
	memcpy(copy, addresses, size);
	*(struct callstack_entry *)stable_array_add(&m->callstacks) =
		(struct callstack_entry){ .addresses = copy, .nr = nr, .nr_kernel = nr_kernel };
	return id;
}

const uint64_t *oc_machine_callstack(const struct oc_machine *m, oc_callstack_id id,
				     uint32_t *ret_nr, uint32_t *ret_nr_kernel)
{
	const struct callstack_entry *entry = stable_array_by_id(&m->callstacks, id);

	*ret_nr = entry ? entry->nr : 0;
	*ret_nr_kernel = entry ? entry->nr_kernel : 0;
	return entry ? entry->addresses : NULL;
}

/* ---- locations ---- */

static bool location_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct oc_machine *m = owner;
	const struct location_entry *have =
		STABLE_ARRAY_AT(&m->locations, struct location_entry, id - 1);
	const struct oc_location *want = wanted;

	return have->pub.offset == want->offset && have->pub.module == want->module;
}

int64_t location_intern(struct oc_machine *m, const struct oc_location *location)
{
	uint64_t hash = hash_u64(location->offset ^ hash_u64(location->module));
	uint32_t id = id_table_find(&m->location_index, hash, location_equal, m, location);
	struct location_entry *entry;

	if (id)
		return id;
	id = m->locations.count + 1;
	if (stable_array_reserve(&m->locations, 1) || id_table_add(&m->location_index, hash, id))
		return -ENOMEM;
	entry = stable_array_add(&m->locations);
	entry->pub = *location;
	return id;
}

const struct oc_location *oc_machine_location(const struct oc_machine *m, oc_location_id id)
{
	const struct location_entry *entry = stable_array_by_id(&m->locations, id);

	return entry ? &entry->pub : NULL;
}

uint32_t oc_machine_nr_locations(const struct oc_machine *m)
{
	return m->locations.count;
}

/* ---- stacks ---- */

static bool stack_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct oc_machine *m = owner;
	const struct stack_entry *have = STABLE_ARRAY_AT(&m->stacks, struct stack_entry, id - 1);
	const struct stack_entry *want = wanted;

	return have->nr == want->nr &&
	       !memcmp(have->locations, want->locations, want->nr * sizeof(*want->locations));
}

int64_t stack_intern(struct oc_machine *m, const oc_location_id *locations, uint32_t nr)
{
	const struct stack_entry want = { .locations = locations, .nr = nr };
	size_t size = nr * sizeof(*locations);
	uint64_t hash;
	uint32_t id;
	oc_location_id *copy;

	if (!nr)
		return 0;
	hash = hash_bytes(locations, size);
	id = id_table_find(&m->stack_index, hash, stack_equal, m, &want);
	if (id)
		return id;
	id = m->stacks.count + 1;
	if (stable_array_reserve(&m->stacks, 1))
		return -ENOMEM;
	copy = arena_alloc(&m->content, size);
	if (!copy || id_table_add(&m->stack_index, hash, id))
		return -ENOMEM;
	memcpy(copy, locations, size);
	*(struct stack_entry *)stable_array_add(&m->stacks) =
		(struct stack_entry){ .locations = copy, .nr = nr };
	return id;
}

const oc_location_id *oc_machine_stack(const struct oc_machine *m, oc_stack_id id, uint32_t *ret_nr)
{
	const struct stack_entry *entry = stable_array_by_id(&m->stacks, id);

	*ret_nr = entry ? entry->nr : 0;
	return entry ? entry->locations : NULL;
}

uint32_t oc_machine_nr_stacks(const struct oc_machine *m)
{
	return m->stacks.count;
}

/* ---- resolving ---- */

/* One part of a callstack, kernel or user, being resolved with one layout. */
struct resolver {
	struct oc_machine *m;
	oc_process_id process; /* 0 = the kernel's part */
	struct layout *layout;
	oc_module_id unknown; /* the UNKNOWN module, 0 = not needed so far */
	oc_mapping_id last;   /* of the frame before: often the same for many frames */
	uint64_t last_start;
	uint64_t last_end;
};

static int64_t unknown_location(struct resolver *r, uint64_t address)
{
	struct oc_location location = { .offset = address, .address = address };
	int rc = layout_note_unknown(r->m, r->layout, address);

	if (rc)
		return rc;
	if (!r->unknown) {
		int64_t path = oc_machine_intern(r->m, "[unknown]", strlen("[unknown]"));
		struct oc_module module = { .type = OC_MODULE_UNKNOWN, .process = r->process };
		int64_t id;

		if (path < 0)
			return path;
		module.path = (oc_string_id)path;
		id = oc_machine_add_module(r->m, &module);
		if (id < 0)
			return id;
		r->unknown = (oc_module_id)id;
	}
	location.module = r->unknown;
	return location_intern(r->m, &location);
}

static int64_t mapped_location(struct resolver *r, uint64_t address)
{
	const struct oc_mapping *mapping =
		STABLE_ARRAY_AT(&r->m->mappings, struct oc_mapping, r->last - 1);
	const struct oc_module *module =
		STABLE_ARRAY_AT(&r->m->modules, struct oc_module, mapping->module - 1);
	struct oc_location location = {
		.module = mapping->module,
		.mapping = r->last,
		.offset = address,
		.address = address,
	};

	if (module->type == OC_MODULE_FILE || module->type == OC_MODULE_VDSO)
		location.offset = mapping->file_offset + (address - mapping->start);
	return location_intern(r->m, &location);
}

static int64_t resolve_address(struct resolver *r, uint64_t address)
{
	if (!r->last || address < r->last_start || address >= r->last_end) {
		r->last = layout_find(r->m, r->layout->root, address);
		if (r->last) {
			const struct oc_mapping *mapping =
				stable_array_at(&r->m->mappings, r->last - 1);

			r->last_start = mapping->start;
			r->last_end = mapping->end;
		}
	}
	return r->last ? mapped_location(r, address) : unknown_location(r, address);
}

/*
 * Resolves addresses[nr] with the newest layout of a process. All but the first are return addresses: the call is the
 * instruction before, which may belong to another function or mapping than the address itself.
 */
static int resolve_part(struct oc_machine *m, oc_process_id process, const uint64_t *addresses,
			uint32_t nr, oc_location_id *ret_locations)
{
	struct resolver r = { .m = m, .process = process, .layout = machine_layout(m, process) };

	for (uint32_t i = 0; i < nr; i++) {
		uint64_t address = addresses[i] - (i > 0 && addresses[i] > 0);
		int64_t id = resolve_address(&r, address);

		if (id < 0)
			return (int)id;
		ret_locations[i] = (oc_location_id)id;
	}
	return 0;
}

static int64_t resolve_anew(struct oc_machine *m, oc_process_id process,
			    const struct callstack_entry *entry)
{
	oc_location_id locations[OC_STACK_FRAMES_MAX];
	int rc = resolve_part(m, 0, entry->addresses, entry->nr_kernel, locations);

	if (!rc)
		rc = resolve_part(m, process, entry->addresses + entry->nr_kernel,
				  entry->nr - entry->nr_kernel, locations + entry->nr_kernel);
	return rc ? rc : stack_intern(m, locations, entry->nr);
}

int64_t oc_machine_resolve(struct oc_machine *m, oc_process_id process, oc_callstack_id callstack)
{
	const struct callstack_entry *entry = stable_array_by_id(&m->callstacks, callstack);
	const struct layout *layout = machine_layout(m, process);
	uint64_t key = (uint64_t)process << 32 | callstack;
	uint64_t *cached;
	uint32_t generation;
	int64_t stack;

	if (!layout || (callstack && !entry))
		return -EINVAL;
	if (!entry)
		return 0;
	/* Both only grow, so that their sum is the same only when neither changed. */
	generation = layout->generation + (entry->nr_kernel ? m->kernel_layout.generation : 0);
	cached = u64_map_find(&m->resolved, key);
	if (cached && *cached >> 32 == generation)
		return (int64_t)(*cached & UINT32_MAX);
	stack = resolve_anew(m, process, entry);
	if (stack > 0 &&
	    u64_map_set(&m->resolved, key, (uint64_t)generation << 32 | (uint64_t)stack))
		return -ENOMEM;
	return stack;
}
