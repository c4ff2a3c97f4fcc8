/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading pprof profiles: mappings, functions and locations of a profile as modules and stacks of a machine.
 * Called by pprof_read.c for each sample; rows are made when the first sample needs them.
 * Must not know values or labels.
 */
#include "export/formats/pprof_read_private.h"

#include <errno.h>

#include "base/array.h"
#include "base/hex.h"
#include "base/macros.h"
#include "base/text.h"
#include "export/named.h"

static bool ends_with(const struct pprof_text *text, const char *word)
{
	size_t len = strlen(word);

	return text->len >= len && !memcmp(text->text + text->len - len, word, len);
}

static enum oc_module_type module_type(const struct pprof_text *file)
{
	if (pprof_text_begins(file, "[kernel") || ends_with(file, ".ko") ||
	    ends_with(file, ".ko.xz") || ends_with(file, ".ko.zst") || ends_with(file, ".ko.gz"))
		return OC_MODULE_KERNEL;
	if (pprof_text_begins(file, "[vdso]"))
		return OC_MODULE_VDSO;
	if (pprof_text_begins(file, "[anon") || pprof_text_begins(file, "//anon"))
		return OC_MODULE_ANON;
	return file->len ? OC_MODULE_FILE : OC_MODULE_UNKNOWN;
}

/* GNU build-ids are hexadecimal; what others write there (Go's is a path) cannot be kept. */
static void set_build_id(struct oc_module *module, const struct pprof_text *hex)
{
	uint8_t bytes[OC_BUILD_ID_MAX];

	if (!hex->len || hex->len % 2 || hex->len / 2 > sizeof(bytes))
		return;
	for (size_t i = 0; i < hex->len / 2; i++) {
		int high = hex_digit(hex->text[2 * i]), low = hex_digit(hex->text[2 * i + 1]);

		if (high < 0 || low < 0)
			return;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(module->build_id, bytes, hex->len / 2);
	module->build_id_size = (uint8_t)(hex->len / 2);
}

static int64_t make_module(struct pprof_reader *r, const struct pprof_mapping *mapping)
{
	const struct pprof_text *file = &r->profile.texts[mapping->file];
	struct oc_module module = { .type = module_type(file) };
	int64_t path = pprof_read_string(r, mapping->file);

	if (path < 0)
		return path;
	if (module.type == OC_MODULE_UNKNOWN || module.type == OC_MODULE_ANON ||
	    (module.type == OC_MODULE_KERNEL && file->text[0] == '['))
		return named_module(r->m, module.type);
	module.path = (oc_string_id)path;
	set_build_id(&module, &r->profile.texts[mapping->build_id]);
	return oc_machine_add_module(r->m, &module);
}

/* Module and mapping of a row, made when first asked for. */
static int place_mapping(struct pprof_reader *r, uint64_t row)
{
	const struct pprof_mapping *from = &r->profile.mappings[row - 1];
	struct oc_mapping mapping = {
		.start = from->start,
		.end = from->limit,
		.file_offset = from->file_offset,
		.until_ns = UINT64_MAX,
	};
	int64_t id;

	if (r->modules[row])
		return 0;
	id = make_module(r, from);
	if (id < 0)
		return (int)id;
	mapping.module = (oc_module_id)id;
	/* Whose mapping it is the profile does not say, and those of several processes overlap: no layout knows of it. */
	if (from->start < from->limit &&
	    oc_machine_module(r->m, mapping.module)->type != OC_MODULE_UNKNOWN) {
		id = mapping_append(r->m, &mapping);
		if (id < 0)
			return (int)id;
		r->mappings[row] = (oc_mapping_id)id;
	}
	r->modules[row] = mapping.module;
	return 0;
}

static int64_t make_function(struct pprof_reader *r, uint64_t row, oc_module_id module)
{
	const struct pprof_function *from = &r->profile.functions[row - 1];
	int64_t name = pprof_read_string(r, from->name),
		system_name = pprof_read_string(r, from->system_name);
	int64_t file = pprof_read_string(r, from->file);
	struct oc_function function = { .start_line = from->start_line, .module = module };

	if (name < 0 || system_name < 0 || file < 0)
		return -ENOMEM;
	function.name = (oc_string_id)name;
	/* Ours say the name twice where the symbol table's is not known. */
	function.system_name = system_name == name ? 0 : (oc_string_id)system_name;
	function.file = (oc_string_id)file;
	return oc_machine_add_function(r->m, &function);
}

/* Where a location lies. The mapping is left out where the address is not inside. */
static int place_location(struct pprof_reader *r, const struct pprof_location *from,
			  struct oc_location *ret_at)
{
	struct oc_location at = { .address = from->address, .offset = from->address };
	const struct pprof_mapping *mapping;
	const struct oc_module *module;
	int64_t id;
	int rc;

	if (!from->mapping) {
		id = named_module(r->m, OC_MODULE_UNKNOWN);
		at.module = (oc_module_id)id;
		*ret_at = at;
		return (int)MIN(id, 0);
	}
	rc = place_mapping(r, from->mapping);
	if (rc)
		return rc;
	mapping = &r->profile.mappings[from->mapping - 1];
	at.module = r->modules[from->mapping];
	module = oc_machine_module(r->m, at.module);
	if (at.address >= mapping->start && at.address < mapping->limit) {
		at.mapping = r->mappings[from->mapping];
		if (module->type == OC_MODULE_FILE || module->type == OC_MODULE_VDSO)
			at.offset = mapping->file_offset + (at.address - mapping->start);
	}
	*ret_at = at;
	return 0;
}

static int64_t make_location(struct pprof_reader *r, const struct pprof_location *from)
{
	struct oc_line lines[PPROF_LINES_MAX + 1];
	struct oc_location at;
	uint32_t nr = from->nr_lines;
	int rc = place_location(r, from, &at);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < nr; i++) {
		const struct pprof_line *line = &r->profile.lines[from->first_line + i];
		int64_t id = make_function(r, line->function, at.module);

		if (id < 0)
			return id;
		lines[i] = (struct oc_line){ (oc_function_id)id, line->line };
	}
	if (!nr && !at.address) {
		int64_t name = oc_machine_intern(r->m, "[unknown]", strlen("[unknown]"));
		struct oc_function function = { .name = (oc_string_id)name, .module = at.module };
		int64_t id = name < 0 ? name : oc_machine_add_function(r->m, &function);

		if (id < 0)
			return id;
		lines[nr++] = (struct oc_line){ .function = (oc_function_id)id };
	}
	return named_location(r->m, &at, lines, nr);
}

static int64_t location_of(struct pprof_reader *r, uint64_t row)
{
	int64_t id = r->locations[row];

	if (id)
		return id;
	id = make_location(r, &r->profile.locations[row - 1]);
	if (id > 0)
		r->locations[row] = (oc_location_id)id;
	return id;
}

/* What stands for the absence of a stack in our own files becomes that again. */
static bool is_no_stack(const struct pprof_reader *r)
{
	const struct pprof_location *l;

	if (r->sample.nr_locations != 1)
		return r->sample.nr_locations == 0;
	l = &r->profile.locations[r->sample.locations[0] - 1];
	return l->nr_lines == 1 && !l->address && !l->mapping &&
	       pprof_read_text_is(
		       r, r->profile.functions[r->profile.lines[l->first_line].function - 1].name,
		       "[no stack]");
}

int64_t pprof_read_stack(struct pprof_reader *r)
{
	size_t nr = MIN(r->sample.nr_locations, (size_t)OC_STACK_FRAMES_MAX);

	if (is_no_stack(r))
		return 0;
	if (array_reserve(&r->stack, &r->stack_cap, nr, sizeof(*r->stack)))
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		int64_t id = location_of(r, r->sample.locations[i]);

		if (id < 0)
			return id;
		r->stack[i] = (oc_location_id)id;
	}
	return stack_intern(r->m, r->stack, (uint32_t)nr);
}
