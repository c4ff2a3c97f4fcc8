/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds functions and inlined functions in the symbols of a module of a PDB file.
 * Called by pdb_symbols.c.
 * Must not know where places come from or names go. Source of the layouts: Microsoft's cvinfo.h.
 */
#include "symbolize/pdb_module.h"

#include <errno.h>

#include "base/array.h"
#include "base/le.h"
#include "base/macros.h"
#include "base/search.h"
#include "symbolize/pdb_inline.h"
#include "symbolize/pdb_lines.h"
#include "symbolize/symbol_match.h"

enum {
	S_THUNK32 = 0x1102,
	S_LPROC32 = 0x110f,
	S_GPROC32 = 0x1110,
	S_SEPCODE = 0x1132,
	S_LPROC32_ID = 0x1146,
	S_GPROC32_ID = 0x1147,
	S_INLINESITE = 0x114d,
	S_INLINESITE_END = 0x114e,
	S_LPROC32_DPC = 0x1155,
	S_LPROC32_DPC_ID = 0x1156,
	S_INLINESITE2 = 0x115d,
};

/* Symbols begin behind a word that tells their form, which has been the same since 2002. */
#define SIGNATURE_SIZE 4u
/* What one stretch of inlined code costs, and how many bytes of symbols cost one step. */
#define ROW_STEPS      8u
#define BYTES_PER_STEP 4u
/* Names of inlined functions kept in memory; more than this is no program. */
#define TEXTS_MAX (256u << 20)

/* A function, or a piece of it, as a symbol tells it. */
struct procedure {
	uint32_t address;
	uint32_t size;
	uint32_t end; /* offset of the symbol that ends it */
	const char *name;
	enum symbol_rank rank;
};

/* A function that was inlined, in the order of symbols; number 0 = the function that holds all. */
struct site {
	uint32_t parent;
	uint32_t depth;
	uint32_t inlinee;
	uint32_t notes; /* offset in the symbols of the function */
	uint32_t notes_size;
};

/* One module while it is worked on. */
struct module {
	struct pdb_naming *n;
	uint32_t number;
	const struct pdb_module_place *place;
	struct pdb_lines lines;
	struct buffer symbols; /* of the function being worked on */
	struct site *sites;
	size_t nr_sites;
	size_t sites_cap;
	bool has_functions;
	uint32_t *innermost; /* for each place of the function: the deepest site that holds it */
};

int pdb_naming_spend(struct pdb_naming *n, uint64_t steps)
{
	if (steps > n->steps)
		return oc_error_set(n->err, -E2BIG,
				    "its symbols overlap so much that reading them "
				    "would take too long");
	n->steps -= steps;
	return 0;
}

/* ---- functions --------------------------------------------------------------------------------------------- */

/* The text that ends a record. */
static const char *text_at(const struct msf_record *record, uint32_t offset)
{
	const char *text = (const char *)record->data + offset;

	return record->size > offset && memchr(text, '\0', record->size - offset) ? text : NULL;
}

/* Reads a symbol of code. Returns false when it is of another kind or damaged. */
static bool parse_procedure(const struct pdb_file *pdb, const struct msf_record *record,
			    struct procedure *ret)
{
	const uint8_t *p = record->data;

	*ret = (struct procedure){ .rank = SYMBOL_LOCAL };
	switch (record->kind) {
	case S_GPROC32:
	case S_GPROC32_ID:
		ret->rank = SYMBOL_GLOBAL;
		break;
	case S_LPROC32:
	case S_LPROC32_ID:
	case S_LPROC32_DPC:
	case S_LPROC32_DPC_ID:
		break;
	case S_THUNK32:
		ret->name = text_at(record, 21);
		ret->size = ret->name ? le16(p + 18) : 0;
		return ret->name && pdb_address(pdb, le16(p + 16), le32(p + 12), &ret->address);
	default:
		return false;
	}
	ret->name = text_at(record, 35);
	if (!ret->name)
		return false;
	ret->end = le32(p + 4);
	ret->size = le32(p + 12);
	return pdb_address(pdb, le16(p + 32), le32(p + 28), &ret->address);
}

/* Reads a piece of a function that lies apart from the rest. ret_symbol->name is where the function is told. */
static bool parse_piece(const struct pdb_file *pdb, const struct msf_record *record,
			struct symbol *ret_symbol)
{
	const uint8_t *p = record->data;
	uint32_t address;

	if (record->kind != S_SEPCODE || record->size < 28 ||
	    !pdb_address(pdb, le16(p + 24), le32(p + 16), &address))
		return false;
	*ret_symbol = (struct symbol){
		.start = address, .size = le32(p + 8), .name = le32(p), .rank = SYMBOL_LOCAL
	};
	return true;
}

static int match_procedures(struct module *m, struct symbol_match *match)
{
	struct msf_records it __cleanup(msf_records_done) = { 0 };
	struct msf_record record;
	int rc;

	msf_records_init(&it, &m->n->pdb->msf, m->place->stream, SIGNATURE_SIZE,
			 m->place->symbols_size);
	while ((rc = msf_records_next(&it, &record, m->n->err)) > 0) {
		struct procedure procedure;
		struct symbol symbol = { .name = record.offset };

		if (parse_procedure(m->n->pdb, &record, &procedure)) {
			symbol.start = procedure.address;
			symbol.size = procedure.size;
			symbol.rank = procedure.rank;
		} else if (!parse_piece(m->n->pdb, &record, &symbol)) {
			continue;
		}
		m->has_functions = true;
		/* One without a size would be taken for one that reaches as far as it can. */
		rc = symbol.size ? symbol_match_add(match, &symbol) : 0;
		if (rc == -E2BIG)
			return oc_error_set(m->n->err, rc, "its functions overlap too much");
		if (rc)
			return rc;
	}
	return rc;
}

/* ---- inlined functions ------------------------------------------------------------------------------------- */

/* Notes the site at those places that lie in [start, end). Returns how many there are. */
static size_t mark_row(struct module *m, uint32_t site, uint64_t start, uint64_t end,
		       const struct pdb_place *places, size_t nr)
{
	size_t first = PARTITION_POINT(i, nr, places[i].address < start), at;

	for (at = first; at < nr && places[at].address < end; at++) {
		if (m->sites[site].depth > m->sites[m->innermost[at]].depth)
			m->innermost[at] = site;
	}
	return at - first;
}

static int mark_site(struct module *m, const struct procedure *procedure, uint32_t site,
		     const struct pdb_place *places, size_t nr)
{
	const struct site *s = &m->sites[site];
	struct pdb_inline_row row;
	struct pdb_inline notes;
	int rc = 0;

	pdb_inline_init(&notes, (const uint8_t *)m->symbols.data + s->notes, s->notes_size);
	while (!rc && pdb_inline_next(&notes, &row))
		rc = pdb_naming_spend(
			m->n,
			ROW_STEPS + mark_row(m, site, (uint64_t)procedure->address + row.start,
					     (uint64_t)procedure->address + row.end, places, nr));
	return rc;
}

static int add_site(struct module *m, uint32_t parent, const uint8_t *record, uint32_t size)
{
	uint32_t notes = le16(record + 2) == S_INLINESITE2 ? 20 : 16;

	if (array_reserve(&m->sites, &m->sites_cap, m->nr_sites + 1, sizeof(*m->sites)))
		return oc_error_set(m->n->err, -ENOMEM, "out of memory");
	m->sites[m->nr_sites++] = (struct site){
		.parent = parent,
		.depth = m->sites[parent].depth + 1,
		.inlinee = size >= 16 ? le32(record + 12) : 0,
		.notes = (uint32_t)(record - (const uint8_t *)m->symbols.data) + MIN(notes, size),
		.notes_size = size > notes ? size - notes : 0,
	};
	return 0;
}

/* Goes through m->symbols, those of one function, and finds the deepest inlined function of each of places[nr]. */
static int mark_sites(struct module *m, const struct procedure *procedure,
		      const struct pdb_place *places, size_t nr)
{
	const uint8_t *raw = (const uint8_t *)m->symbols.data;
	uint32_t current = 0;
	int rc = 0;

	for (size_t at = 0, size; !rc && m->symbols.len - at >= 4; at += size) {
		uint16_t kind = le16(raw + at + 2);

		size = (size_t)le16(raw + at) + 2;
		if (size < 4 || size > m->symbols.len - at)
			return 0; /* what the whole list was found to be good for ends here */
		if (kind == S_INLINESITE_END)
			current = m->sites[current].parent;
		if (kind != S_INLINESITE && kind != S_INLINESITE2)
			continue;
		rc = add_site(m, current, raw + at, (uint32_t)size);
		if (rc)
			return rc;
		current = (uint32_t)m->nr_sites - 1;
		if (m->sites[current].depth < PDB_FRAMES_MAX)
			rc = mark_site(m, procedure, current, places, nr);
	}
	return rc;
}

/* The stretch of a site that holds `offset`; else the last in front of it, from where the call was made. */
static bool row_at(const struct module *m, const struct site *site, uint32_t offset,
		   struct pdb_inline_row *ret_row)
{
	struct pdb_inline_row row;
	struct pdb_inline notes;
	bool found = false;

	pdb_inline_init(&notes, (const uint8_t *)m->symbols.data + site->notes, site->notes_size);
	while (pdb_inline_next(&notes, &row)) {
		if (row.start > offset)
			continue;
		if (!found || row.start >= ret_row->start)
			*ret_row = row;
		found = true;
	}
	return found;
}

/* The name of an inlined function, kept for the next time. */
static int name_inlinee(struct pdb_naming *n, uint32_t number, const char **ret_name)
{
	struct buffer name __cleanup(buffer_done) = BUFFER_INIT;
	const uint64_t *known = u64_map_find(&n->inlined, (uint64_t)number + 1);
	char *copy;
	int rc;

	if (known) {
		*ret_name = (const char *)(uintptr_t)*known;
		return 0;
	}
	rc = pdb_types_function_name(&n->types, number, &name, n->err);
	if (rc)
		return rc;
	if (n->texts.bytes > TEXTS_MAX)
		return pdb_naming_spend(n, UINT64_MAX);
	copy = arena_copy(&n->texts, name.len ? name.data : "", name.len);
	if (!copy || u64_map_set(&n->inlined, (uint64_t)number + 1, (uintptr_t)copy))
		return oc_error_set(n->err, -ENOMEM, "out of memory");
	*ret_name = copy;
	return 0;
}

static int fill_inlined(struct module *m, const struct site *site, uint32_t offset,
			struct pdb_frame *ret_frame)
{
	const struct pdb_inlinee *source = pdb_lines_inlinee(&m->lines, site->inlinee);
	struct pdb_inline_row row = { .file = PDB_INLINE_OWN_FILE };
	uint32_t file = source ? source->file : UINT32_MAX;
	int64_t line = 0;
	int rc = pdb_naming_spend(m->n, site->notes_size);

	*ret_frame = (struct pdb_frame){ .start_line = source ? source->line : 0 };
	if (!rc)
		rc = name_inlinee(m->n, site->inlinee, &ret_frame->name);
	if (rc)
		return rc;
	if (row_at(m, site, offset, &row) && source)
		line = source->line + row.line;
	if (row.file != PDB_INLINE_OWN_FILE)
		file = row.file;
	ret_frame->line = line > 0 && line <= UINT32_MAX ? (uint32_t)line : 0;
	ret_frame->file = pdb_lines_file(&m->lines, m->n->pdb, file);
	return 0;
}

/* ---- places ------------------------------------------------------------------------------------------------ */

static void fill_function(const struct module *m, const struct procedure *procedure,
			  uint32_t address, struct pdb_frame *ret_frame)
{
	const struct pdb_row *row = pdb_lines_at(&m->lines, address);
	const struct pdb_row *first = pdb_lines_first(&m->lines, procedure->address);

	*ret_frame = (struct pdb_frame){
		.name = procedure->name,
		.file = row ? pdb_lines_file(&m->lines, m->n->pdb, row->file) : "",
		.line = row ? row->line : 0,
		.start_line = first ? first->line : 0,
	};
}

static int name_place(struct module *m, const struct procedure *procedure, struct pdb_place *place,
		      uint32_t innermost)
{
	struct pdb_frame frames[PDB_FRAMES_MAX];
	uint32_t nr = 0;

	for (uint32_t i = innermost; i; i = m->sites[i].parent) {
		int rc = fill_inlined(m, &m->sites[i], place->address - procedure->address,
				      &frames[nr]);

		if (rc)
			return rc;
		/* A function whose name is not told is a part of the one that it was put into. */
		nr += frames[nr].name[0] != '\0';
	}
	fill_function(m, procedure, place->address, &frames[nr++]);
	place->is_settled = true;
	return m->n->fn(m->n->arg, place->index, frames, nr);
}

/* Loads the symbols between a function's own and the one that ends it. */
static int load_symbols(struct module *m, const struct procedure *procedure, uint32_t from)
{
	uint32_t to = MIN(procedure->end, m->place->symbols_size);
	int rc;

	buffer_clear(&m->symbols);
	m->nr_sites = 1;
	if (to <= from)
		return 0;
	rc = pdb_naming_spend(m->n, (to - from) / BYTES_PER_STEP);
	return rc ? rc
		  : msf_load(&m->n->pdb->msf, m->place->stream, from, to - from, &m->symbols,
			     m->n->err);
}

/* Names places[nr] of the function whose symbol is at `offset`. */
static int name_function(struct module *m, uint32_t offset, struct pdb_place *places, size_t nr)
{
	struct msf_records it __cleanup(msf_records_done) = { 0 };
	struct procedure procedure;
	struct msf_record record;
	int rc;

	msf_records_init(&it, &m->n->pdb->msf, m->place->stream, offset, m->place->symbols_size);
	it.piece_size = 0;
	rc = msf_records_next(&it, &record, m->n->err);
	if (rc <= 0 || !parse_procedure(m->n->pdb, &record, &procedure))
		return rc < 0 ? rc : 0;
	rc = load_symbols(m, &procedure, it.at);
	if (rc)
		return rc;
	memset(m->innermost, 0, nr * sizeof(*m->innermost));
	rc = mark_sites(m, &procedure, places, nr);
	for (size_t i = 0; !rc && i < nr; i++)
		rc = name_place(m, &procedure, &places[i], m->innermost[i]);
	return rc;
}

static int name_places(struct module *m, const struct symbol_match *match, struct pdb_place *places,
		       size_t nr)
{
	int rc = pdb_lines_load(&m->lines, m->n->pdb, m->number, match->addresses, nr, m->n->err);

	for (size_t start = 0, end; !rc && start < nr; start = end) {
		const struct symbol *symbol = symbol_match_get(match, start), *next = symbol;

		for (end = start + 1; end < nr; end++) {
			next = symbol_match_get(match, end);
			if (!next != !symbol || (next && next->name != symbol->name))
				break;
		}
		if (symbol)
			rc = name_function(m, (uint32_t)symbol->name, places + start, end - start);
	}
	return rc;
}

int pdb_module_name(struct pdb_naming *n, struct pdb_place *places, size_t nr)
{
	struct symbol_match match __cleanup(symbol_match_done) = { 0 };
	uint64_t *addresses __cleanup(cleanup_free) = NULL;
	struct module m = { .n = n,
			    .number = places[0].module,
			    .place = &n->pdb->modules[places[0].module] };
	int rc;

	if (!msf_size(&n->pdb->msf, m.place->stream))
		return 0;
	/* Several modules can name the same stream. */
	rc = pdb_naming_spend(n, ((uint64_t)m.place->symbols_size + m.place->lines_size) /
					 BYTES_PER_STEP);
	if (rc)
		return rc;
	addresses = malloc(nr * sizeof(*addresses));
	m.innermost = malloc(nr * sizeof(*m.innermost));
	m.sites = calloc(1, sizeof(*m.sites));
	m.sites_cap = 1;
	if (!addresses || !m.innermost || !m.sites ||
	    symbol_match_init(&match, addresses, nr, SYMBOL_BEST, NULL, NULL)) {
		rc = oc_error_set(n->err, -ENOMEM, "out of memory");
		goto out;
	}
	for (size_t i = 0; i < nr; i++)
		addresses[i] = places[i].address;
	rc = match_procedures(&m, &match);
	if (!rc) {
		symbol_match_finish(&match);
		rc = name_places(&m, &match, places, nr);
	}
	for (size_t i = 0; !rc && m.has_functions && i < nr; i++)
		places[i].is_settled = true;
out:
	pdb_lines_done(&m.lines);
	buffer_done(&m.symbols);
	free(m.innermost);
	free(m.sites);
	return rc;
}
