/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Matches places with the exports of an image, inside the bounds of functions.
 * Called by the symbolizer.
 * Must not know the machine's modules.
 */
#include "symbolize/pe_symbols.h"

#include <errno.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/macros.h"
#include "symbolize/symbol_match.h"

struct naming {
	const struct pe_file *pe;
	const uint64_t *addresses; /* [nr] */
	size_t nr;
	struct symbol_match
		bounds; /* the last function, or piece of one, that begins in front of each place */
	struct symbol_match symbols; /* the last symbol in front of it */
	struct arena texts;
	const char **names; /* [nr_names] in `texts` */
	size_t nr_names;
	size_t names_cap;
	struct oc_error *err;
};

static int settle(const struct naming *n, int rc)
{
	if (rc == -ENOMEM)
		return oc_error_set(n->err, rc, "out of memory");
	return rc == -E2BIG ? oc_error_set(n->err, rc, "its symbols overlap too much") : rc;
}

static int add_bounds(void *arg, const struct pe_function *function)
{
	struct naming *n = arg;
	const struct symbol symbol = {
		.start = function->address,
		.limit = UINT64_MAX,
		.name = (uint64_t)function->size << 32 | function->unwind,
	};

	return settle(n, symbol_match_add(&n->bounds, &symbol));
}

static int add_symbol(struct naming *n, uint32_t address, const char *name, enum symbol_rank rank)
{
	const struct pe_section *section = pe_section_at(n->pe, address);
	struct symbol symbol = { .start = address, .name = n->nr_names, .rank = rank };
	char *copy;

	if (!section || !(section->flags & PE_SECTION_EXECUTE) || address > n->addresses[n->nr - 1])
		return 0;
	copy = arena_copy(&n->texts, name, strlen(name));
	if (!copy || array_reserve(&n->names, &n->names_cap, n->nr_names + 1, sizeof(*n->names)))
		return settle(n, -ENOMEM);
	n->names[n->nr_names++] = copy;
	symbol.limit = (uint64_t)section->address + section->size;
	return settle(n, symbol_match_add(&n->symbols, &symbol));
}

static int add_export(void *arg, const struct pe_export *export_)
{
	return export_->forward ? 0
				: add_symbol(arg, export_->address, export_->name, SYMBOL_GLOBAL);
}

/* True when nothing that the image tells of its functions lies between the symbol and the place. */
static bool reaches(const struct naming *n, const struct symbol *symbol, size_t i)
{
	const struct symbol *last = symbol_match_get(&n->bounds, i);
	struct pe_function function;

	if (!last)
		return true;
	function = (struct pe_function){ .address = (uint32_t)last->start,
					 .size = (uint32_t)(last->name >> 32),
					 .unwind = (uint32_t)last->name };
	if (n->addresses[i] - function.address >= function.size)
		return symbol->start >= (uint64_t)function.address + function.size;
	return symbol->start >= function.address ||
	       symbol->start == pe_function_start(n->pe, &function);
}

static int match_all(struct naming *n)
{
	int rc = symbol_match_init(&n->bounds, n->addresses, n->nr, SYMBOL_BEST, NULL, NULL);

	if (!rc)
		rc = symbol_match_init(&n->symbols, n->addresses, n->nr, SYMBOL_BEST, NULL, NULL);
	if (rc)
		return settle(n, rc);
	rc = pe_each_export(n->pe, add_export, n, n->err);
	if (!rc)
		rc = pe_each_function(n->pe, add_bounds, n, n->err);
	symbol_match_finish(&n->bounds);
	symbol_match_finish(&n->symbols);
	return rc;
}

int pe_symbols_name(const struct pe_file *pe, const uint64_t *addresses, size_t nr, pe_place_fn fn,
		    void *arg, struct oc_error *err)
{
	struct naming n = { .pe = pe, .addresses = addresses, .nr = nr, .err = err };
	int rc = nr ? match_all(&n) : 0;

	for (size_t i = 0; !rc && i < nr; i++) {
		const struct symbol *symbol = symbol_match_get(&n.symbols, i);

		if (symbol && reaches(&n, symbol, i))
			rc = fn(arg, i, n.names[symbol->name]);
	}
	symbol_match_done(&n.bounds);
	symbol_match_done(&n.symbols);
	arena_done(&n.texts);
	free(n.names);
	return rc;
}
