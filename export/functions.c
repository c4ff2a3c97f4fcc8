/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions and lines of locations, and the names that are shown for them.
 * Called by symbolizers while they name locations, by writers when they print them.
 * Must not know where names come from.
 */
#include "export/machine_private.h"

#include <errno.h>
#include <inttypes.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "base/text.h"

/* Hashed and compared as bytes. */
_Static_assert(sizeof(struct oc_function) == 5 * sizeof(uint32_t),
	       "a function must have no padding");

static bool function_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct oc_machine *m = owner;

	return !memcmp(stable_array_at(&m->functions, id - 1), wanted, sizeof(struct oc_function));
}

int64_t oc_machine_add_function(struct oc_machine *m, const struct oc_function *function)
{
	uint64_t hash = hash_bytes(function, sizeof(*function));
	uint32_t id = id_table_find(&m->function_index, hash, function_equal, m, function);

	if (id)
		return id;
	if (!string_exists(m, function->name) || !string_exists(m, function->system_name) ||
	    !string_exists(m, function->file) || function->module > m->modules.count)
		return -EINVAL;
	id = m->functions.count + 1;
	if (stable_array_reserve(&m->functions, 1) || id_table_add(&m->function_index, hash, id))
		return -ENOMEM;
	*(struct oc_function *)stable_array_add(&m->functions) = *function;
	return id;
}

const struct oc_function *oc_machine_function(const struct oc_machine *m, oc_function_id id)
{
	return stable_array_by_id(&m->functions, id);
}

uint32_t oc_machine_nr_functions(const struct oc_machine *m)
{
	return m->functions.count;
}

int oc_machine_set_lines(struct oc_machine *m, oc_location_id location, const struct oc_line *lines,
			 uint32_t nr)
{
	struct location_entry *entry = stable_array_by_id(&m->locations, location);

	if (!entry || !nr || nr > OC_STACK_FRAMES_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < nr; i++) {
		if (!oc_machine_function(m, lines[i].function))
			return -EINVAL;
	}
	if (nr > entry->pub.nr_lines &&
	    !stable_array_add_run(&m->lines, nr, &entry->pub.first_line))
		return -ENOMEM;
	entry->pub.nr_lines = nr;
	memcpy(stable_array_at(&m->lines, entry->pub.first_line), lines, nr * sizeof(*lines));
	return 0;
}

const struct oc_line *oc_machine_location_lines(const struct oc_machine *m, oc_location_id id,
						uint32_t *ret_nr)
{
	const struct oc_location *location = oc_machine_location(m, id);

	*ret_nr = location ? location->nr_lines : 0;
	return *ret_nr ? stable_array_at(&m->lines, location->first_line) : NULL;
}

/* ---- names ---- */

oc_string_id oc_machine_location_name(const struct oc_machine *m, oc_location_id id, uint32_t line)
{
	const struct location_entry *entry = stable_array_by_id(&m->locations, id);
	const struct oc_function *function;
	const struct oc_line *lines;
	uint32_t nr;

	if (!entry)
		return 0;
	lines = oc_machine_location_lines(m, id, &nr);
	if (!nr)
		return entry->name;
	if (line >= nr)
		return 0;
	function = oc_machine_function(m, lines[line].function);
	if (function->name)
		return function->name;
	return function->system_name ? function->system_name : entry->name;
}

static bool has_nameless_line(const struct oc_machine *m, oc_location_id id)
{
	uint32_t nr;
	const struct oc_line *lines = oc_machine_location_lines(m, id, &nr);

	for (uint32_t i = 0; i < nr; i++) {
		const struct oc_function *function = oc_machine_function(m, lines[i].function);

		if (!function->name && !function->system_name)
			return true;
	}
	return !nr;
}

/* Builds "module+0xoffset", or "0xaddress" where there is no module to speak of. */
static void print_place(struct buffer *out, const struct oc_machine *m,
			const struct oc_location *location)
{
	const struct oc_module *module = oc_machine_module(m, location->module);
	const char *path = oc_machine_string(m, module->path, NULL);
	const struct oc_mapping *mapping = oc_machine_mapping(m, location->mapping);
	uint64_t offset = location->offset;

	/* In a file of the kernel the place within it says more than the address. */
	if (module->type == OC_MODULE_KERNEL && mapping && *path && *path != '[')
		offset -= mapping->start;
	buffer_clear(out);
	if (module->type != OC_MODULE_UNKNOWN && *path) {
		buffer_puts(out, text_base_name(path));
		buffer_putc(out, '+');
	}
	buffer_printf(out, "0x%" PRIx64, offset);
}

int oc_machine_finish(struct oc_machine *m)
{
	struct buffer text = BUFFER_INIT;
	int64_t name = 0;

	for (uint32_t id = 1; id <= m->locations.count && name >= 0; id++) {
		struct location_entry *entry = stable_array_at(&m->locations, id - 1);

		if (!has_nameless_line(m, id))
			continue;
		print_place(&text, m, &entry->pub);
		name = text.error ? text.error : oc_machine_intern(m, text.data, text.len);
		if (name > 0)
			entry->name = (oc_string_id)name;
	}
	buffer_done(&text);
	if (name < 0)
		return (int)name;
	/* Resolving is over. Should it be asked for again, it works, and fills the cache anew. */
	u64_map_done(&m->resolved);
	layout_forget_unknown(m, &m->kernel_layout);
	for (uint32_t i = 0; i < m->processes.count; i++)
		layout_forget_unknown(m, &machine_process(m, i + 1)->layout);
	return 0;
}
