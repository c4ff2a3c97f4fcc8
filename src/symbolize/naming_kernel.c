/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names code of the kernel that runs, by asking it or by its list of symbols.
 * Called by the symbolize pass.
 * Must not know other modules.
 */
#include "symbolize/symbolizer_private.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "symbolize/kernel_symbols.h"
#include "symbolize/running_kernel.h"

#define KALLSYMS     "/proc/kallsyms"
#define KERNEL_NOTES "/sys/kernel/notes"

/* Names places by what the kernel answers. Returns 0, -ENOENT when it knows none of them, or another error. */
static int name_by_asking(struct naming_run *run, const struct naming_place *places, size_t nr)
{
	struct oc_kernel_symbol symbol = { 0 };
	int64_t function = 0;
	bool is_any = !nr;
	int rc = 0;

	for (size_t i = 0; !rc && i < nr; i++) {
		uint64_t address = places[i].offset;

		/* Places are sorted, so those of a function follow each other. */
		if (!symbol.size || address - symbol.start >= symbol.size) {
			symbol.size = 0;
			rc = run->s->kernel_symbol(run->s->kernel_arg, address, &symbol);
			if (rc == -ENOENT) {
				rc = 0;
				continue;
			}
			if (rc)
				break;
			buffer_clear(&run->raw);
			buffer_append(&run->raw, symbol.name, symbol.name_len);
			if (run->raw.error)
				return -ENOMEM;
			function = naming_add_function(run, places[i].group, symbol.module,
						       symbol.module_len);
		}
		is_any = true;
		rc = naming_set_function(run, places[i].location, function);
	}
	return rc ? rc : is_any ? 0 : -ENOENT;
}

/* ---- the kernel's list ------------------------------------------------------------------------------------- */

/* Returns 0, -ENOMEM, or why there is nothing to read. */
static int read_kallsyms(struct naming_run *run)
{
	struct buffer *text = &run->kernel.text;
	int rc = text->len ? 0 : kernel_symbols_read(KALLSYMS, text);

	if (rc)
		buffer_clear(text);
	return rc;
}

static int compare_addresses(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

/* Gathers the addresses of all places in the kernel and its modules. Returns how many, or -ENOMEM. */
static int64_t collect_addresses(struct naming_run *run)
{
	uint64_t *addresses = malloc((run->nr + 1) * sizeof(*addresses));
	size_t nr = 0;

	if (!addresses)
		return -ENOMEM;
	for (size_t i = 0; i < run->nr; i++) {
		if (oc_machine_module(run->m, run->places[i].group)->type == OC_MODULE_KERNEL)
			addresses[nr++] = run->places[i].offset;
	}
	qsort(addresses, nr, sizeof(*addresses), compare_addresses);
	run->kernel.addresses = addresses;
	return (int64_t)nr;
}

/* Reads the list, and matches it with all places at once: each module of the kernel is a group of its own. */
static int match_list(struct naming_run *run)
{
	struct naming_kernel_list *list = &run->kernel;
	int64_t nr = collect_addresses(run);
	int rc = nr < 0 ? (int)nr : read_kallsyms(run);

	if (!rc)
		rc = symbol_match_init(&list->match, list->addresses, (size_t)nr, SYMBOL_BEST,
				       kernel_symbols_weight, &list->text);
	if (!rc)
		rc = kernel_symbols_match(list->text.data, list->text.len, &list->match);
	if (!rc)
		symbol_match_finish(&list->match);
	return rc;
}

/* Makes the function of a symbol of the list. Returns its id, 0 when it cannot be in that module, or -ENOMEM. */
static int64_t kernel_function(struct naming_run *run, oc_module_id module,
			       const struct symbol *symbol)
{
	const struct buffer *text = &run->kernel.text;
	const char *name, *kmod;
	size_t kmod_len, len = kernel_symbols_name(text, symbol->name, &name, &kmod, &kmod_len);

	if (run->late &&
	    !running_kernel_has(run->m, oc_machine_module(run->m, module), kmod, kmod_len))
		return 0;
	buffer_clear(&run->raw);
	buffer_append(&run->raw, name, len);
	return run->raw.error ? run->raw.error : naming_add_function(run, module, kmod, kmod_len);
}

static int name_by_list(struct naming_run *run, const struct naming_place *places, size_t nr)
{
	struct naming_kernel_list *list = &run->kernel;
	const struct symbol *last = NULL;
	int64_t function = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < nr; i++) {
		const struct symbol *symbol = symbol_match_find(&list->match, places[i].offset);

		if (!symbol)
			continue;
		if (!last || last->name != symbol->name)
			function = kernel_function(run, places[i].group, symbol);
		last = symbol;
		if (function)
			rc = naming_set_function(run, places[i].location, function);
	}
	return rc;
}

int naming_kernel(struct naming_run *run, const struct naming_place *places, size_t nr)
{
	struct naming_kernel_list *list = &run->kernel;
	int rc;

	if (run->s->kernel_symbol) {
		rc = name_by_asking(run, places, nr);
		if (!rc || rc == -ENOMEM)
			return rc;
	}
	if (!list->is_matched)
		list->rc = match_list(run);
	list->is_matched = true;
	if (!list->rc)
		return name_by_list(run, places, nr);
	oc_machine_ledger(run->m)->notes[OC_NOTE_KERNEL_SYMBOLS_HIDDEN] = 1;
	return list->rc == -ENOMEM ? list->rc : 0;
}

void naming_kernel_done(struct naming_run *run)
{
	buffer_done(&run->kernel.text);
	symbol_match_done(&run->kernel.match);
	free(run->kernel.addresses);
}

bool naming_kernel_is_here(struct naming_run *run)
{
	if (!run->kernel_is_asked && oc_machine_info(run->m)->kernel_text && !read_kallsyms(run))
		run->kernel_is_here = running_kernel_is(run->m, &run->kernel.text, KERNEL_NOTES);
	run->kernel_is_asked = true;
	return run->kernel_is_here;
}
