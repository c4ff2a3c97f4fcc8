/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names places of an image: finds their modules, has these name them, and names the rest by public symbols.
 * Called by the symbolizer.
 * Must not know modules of the machine or where files are.
 */
#include "symbolize/pdb_symbols.h"

#include <errno.h>

#include "base/le.h"
#include "base/macros.h"
#include "symbolize/pdb_module.h"
#include "symbolize/symbol_match.h"

#define S_PUB32 0x110eu
/* Flags of public symbols. */
#define PUBLIC_CODE     1u
#define PUBLIC_FUNCTION 2u
#define NO_MODULE       UINT32_MAX
/* Work on one file; some seconds when all of it is used. */
#define STEPS (1ULL << 30)

struct naming {
	struct pdb_naming shared;
	struct pdb_place *places; /* [nr] by address */
	uint64_t *addresses;      /* [nr] of them, for matching */
	size_t nr;
	struct symbol_match match;
	bool has_contributions;
};

static int too_much(const struct naming *n, int rc)
{
	return rc == -E2BIG ? oc_error_set(n->shared.err, rc, "its symbols overlap too much") : rc;
}

static int by_address(const void *left, const void *right)
{
	const struct pdb_place *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

static int by_module(const void *left, const void *right)
{
	const struct pdb_place *a = left, *b = right;

	if (a->module != b->module)
		return a->module < b->module ? -1 : 1;
	return by_address(left, right);
}

static int collect(struct naming *n, const uint64_t *addresses, size_t nr)
{
	n->places = malloc((nr + 1) * sizeof(*n->places));
	n->addresses = malloc((nr + 1) * sizeof(*n->addresses));
	if (!n->places || !n->addresses)
		return oc_error_set(n->shared.err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < nr; i++) {
		struct pdb_place *place = &n->places[n->nr];

		*place = (struct pdb_place){ .index = (uint32_t)i, .module = NO_MODULE };
		n->nr += addresses[i] <= UINT32_MAX &&
			 pdb_original_address(n->shared.pdb, (uint32_t)addresses[i],
					      &place->address);
	}
	return 0;
}

/* Begins to match the places, sorted by address. */
static int begin_match(struct naming *n)
{
	qsort(n->places, n->nr, sizeof(*n->places), by_address);
	for (size_t i = 0; i < n->nr; i++)
		n->addresses[i] = n->places[i].address;
	symbol_match_done(&n->match);
	if (symbol_match_init(&n->match, n->addresses, n->nr, SYMBOL_BEST, NULL, NULL))
		return oc_error_set(n->shared.err, -ENOMEM, "out of memory");
	return 0;
}

/* ---- modules ----------------------------------------------------------------------------------------------- */

static int add_contribution(void *arg, const struct pdb_contribution *contribution)
{
	struct naming *n = arg;
	const struct symbol symbol = { .start = contribution->address,
				       .size = contribution->size,
				       .name = contribution->module };

	n->has_contributions = true;
	return symbol.size ? too_much(n, symbol_match_add(&n->match, &symbol)) : 0;
}

static int find_modules(struct naming *n)
{
	int rc = begin_match(n);

	if (!rc)
		rc = pdb_each_contribution(n->shared.pdb, add_contribution, n, n->shared.err);
	for (size_t i = 0; !rc && i < n->nr; i++) {
		const struct symbol *symbol = symbol_match_get(&n->match, i);

		if (!symbol)
			continue;
		n->places[i].module = (uint32_t)symbol->name;
		n->places[i].contribution = (uint32_t)symbol->start;
	}
	return rc;
}

/* A damaged module leaves the others as they are. */
static int name_by_modules(struct naming *n)
{
	int rc = 0, damaged = 0;

	qsort(n->places, n->nr, sizeof(*n->places), by_module);
	for (size_t start = 0, end; !rc && start < n->nr; start = end) {
		for (end = start + 1;
		     end < n->nr && n->places[end].module == n->places[start].module; end++)
			;
		if (n->places[start].module != NO_MODULE)
			rc = pdb_module_name(&n->shared, n->places + start, end - start);
		if (rc == -EBADMSG) {
			damaged = rc;
			rc = 0;
		}
	}
	return rc ? rc : damaged;
}

/* ---- public symbols ---------------------------------------------------------------------------------------- */

/* Keeps the places that no module settled. */
static void drop_settled(struct naming *n)
{
	size_t nr = 0;

	for (size_t i = 0; i < n->nr; i++) {
		if (!n->places[i].is_settled)
			n->places[nr++] = n->places[i];
	}
	n->nr = nr;
}

static int match_public(struct naming *n, const struct msf_record *record)
{
	const struct pdb_file *pdb = n->shared.pdb;
	const uint8_t *p = record->data;
	const struct pe_section *section;
	struct symbol symbol = { .name = record->offset, .rank = SYMBOL_GLOBAL };
	uint32_t address;

	if (record->kind != S_PUB32 || record->size < 11)
		return 0;
	section = pdb_section(pdb, le16(p + 8));
	if (!section || !(section->flags & PE_SECTION_EXECUTE) ||
	    !pdb_address(pdb, le16(p + 8), le32(p + 4), &address))
		return 0;
	symbol.start = address;
	symbol.limit = (uint64_t)section->address + section->size;
	if (!(le32(p) & (PUBLIC_CODE | PUBLIC_FUNCTION)))
		symbol.rank = SYMBOL_LABEL;
	return too_much(n, symbol_match_add(&n->match, &symbol));
}

/* Gives places[nr], all of the public symbol at `offset`, its name. */
static int name_public(struct naming *n, uint32_t offset, const struct pdb_place *places, size_t nr)
{
	struct msf_records it __cleanup(msf_records_done) = { 0 };
	struct pdb_frame frame = { .file = "", .is_decorated = true };
	struct msf_record record;
	int rc;

	msf_records_init(&it, &n->shared.pdb->msf, n->shared.pdb->symbols, offset, UINT32_MAX);
	it.piece_size = 0;
	rc = msf_records_next(&it, &record, n->shared.err);
	if (rc <= 0)
		return rc;
	frame.name = (const char *)record.data + 10;
	if (record.size < 11 || !memchr(frame.name, '\0', record.size - 10))
		return 0;
	rc = 0;
	for (size_t i = 0; !rc && i < nr; i++)
		rc = n->shared.fn(n->shared.arg, places[i].index, &frame, 1);
	return rc;
}

/*
 * Public symbols have no sizes: each ends where the next begins. One that another module's code separates from the
 * place is not the place's.
 */
static const struct symbol *public_of(const struct naming *n, size_t i)
{
	const struct symbol *symbol = symbol_match_get(&n->match, i);

	if (symbol && n->has_contributions &&
	    (n->places[i].module == NO_MODULE || symbol->start < n->places[i].contribution))
		return NULL;
	return symbol;
}

static int name_by_publics(struct naming *n)
{
	struct msf_records it __cleanup(msf_records_done) = { 0 };
	struct msf_record record;
	int rc;

	drop_settled(n);
	if (!n->nr)
		return 0;
	rc = begin_match(n);
	if (rc)
		return rc;
	msf_records_init(&it, &n->shared.pdb->msf, n->shared.pdb->symbols, 0, UINT32_MAX);
	while ((rc = msf_records_next(&it, &record, n->shared.err)) > 0) {
		rc = match_public(n, &record);
		if (rc)
			return rc;
	}
	symbol_match_finish(&n->match);
	for (size_t start = 0, end; !rc && start < n->nr; start = end) {
		const struct symbol *symbol = public_of(n, start), *next;

		for (end = start + 1; end < n->nr; end++) {
			next = public_of(n, end);
			if (!next || !symbol || next->name != symbol->name)
				break;
		}
		if (symbol)
			rc = name_public(n, (uint32_t)symbol->name, n->places + start, end - start);
	}
	return rc;
}

int pdb_symbols_name(const struct pdb_file *pdb, const uint64_t *addresses, size_t nr,
		     pdb_place_fn fn, void *arg, struct oc_error *err)
{
	struct naming n = {
		.shared = { .pdb = pdb, .fn = fn, .arg = arg, .err = err, .steps = STEPS }
	};
	int rc, by_publics = 0;

	pdb_types_init(&n.shared.types, &pdb->msf);
	rc = collect(&n, addresses, nr);
	if (!rc)
		rc = find_modules(&n);
	if (!rc)
		rc = name_by_modules(&n);
	if (!rc || rc == -EBADMSG)
		by_publics = name_by_publics(&n);
	symbol_match_done(&n.match);
	pdb_types_done(&n.shared.types);
	arena_done(&n.shared.texts);
	u64_map_done(&n.shared.inlined);
	free(n.places);
	free(n.addresses);
	return by_publics ? by_publics : rc;
}
