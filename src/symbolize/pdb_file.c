/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the streams of a PDB file that tell of the whole image.
 * Called by pdb_symbols.c and the search for symbol files.
 * Must not know what symbols and lines look like. Source of the layouts: LLVM's "The PDB File Format".
 */
#include "symbolize/pdb_file.h"

#include <errno.h>

#include "base/array.h"
#include "base/le.h"
#include "base/macros.h"
#include "base/search.h"

enum { STREAM_INFO = 1, STREAM_DBI = 3 };

#define INFO_SIZE       28u /* version, signature, age, GUID */
#define INFO_VERSION_70 20000404u
#define DBI_HEADER_SIZE 64u
#define MODULE_SIZE     64u /* without its two names */
#define OMAP_SIZE       8u
/* Names of streams stand behind the GUID; there are a handful. */
#define NAMES_MAX_BYTES (64u * 1024)
#define STRINGS_MAGIC   0xeffeeffeu
/* Which stream a table is in, by its place in the list of optional streams. */
enum { OPTIONAL_OMAP_TO_SOURCE = 3, OPTIONAL_SECTIONS = 5, OPTIONAL_SECTIONS_ORIGINAL = 10 };
#define OPTIONAL_MAX 11u

/* Versions of the list of contributions, and the bytes of an entry. */
#define CONTRIBUTIONS_60 (0xeffe0000u + 19970605u)
#define CONTRIBUTIONS_2  (0xeffe0000u + 20140516u)

/* The parts of the DBI stream behind its header, in this order. */
enum {
	DBI_MODULES,
	DBI_CONTRIBUTIONS,
	DBI_SECTION_MAP,
	DBI_SOURCES,
	DBI_TYPE_SERVERS,
	DBI_EDIT_AND_CONTINUE,
	DBI_OPTIONAL,
	NR_DBI_PARTS
};
struct dbi_part {
	uint32_t offset;
	uint32_t size;
};

/* ---- identity ---------------------------------------------------------------------------------------------- */

/* The age that the image knows is the one of the DBI stream; that of the file counts later changes as well. */
static int read_identity(struct pdb_file *pdb, struct oc_error *err)
{
	uint8_t info[INFO_SIZE], dbi[DBI_HEADER_SIZE];
	int rc = msf_read(&pdb->msf, STREAM_INFO, 0, info, sizeof(info), err);

	if (rc)
		return rc;
	if (le32(info) < INFO_VERSION_70)
		return oc_error_set(err, -ENOEXEC, "a PDB file of version %u, older than 7.00",
				    le32(info));
	pdb_id_make(info + 12, le32(info + 8), pdb->id);
	if (!msf_size(&pdb->msf, STREAM_DBI))
		return 0;
	rc = msf_read(&pdb->msf, STREAM_DBI, 0, dbi, sizeof(dbi), err);
	if (rc)
		return rc;
	if (le32(dbi) != UINT32_MAX)
		return msf_damaged(&pdb->msf, STREAM_DBI, 0, "a header of unknown form", err);
	pdb_id_make(info + 12, le32(dbi + 8), pdb->id);
	return 0;
}

int pdb_open(struct pdb_file *pdb, const struct byte_source *source, struct oc_error *err)
{
	int rc;

	*pdb = (struct pdb_file){ .symbols = MSF_NO_STREAM };
	rc = msf_open(&pdb->msf, source, err);
	if (rc)
		return rc;
	rc = read_identity(pdb, err);
	if (rc)
		pdb_close(pdb);
	return rc;
}

void pdb_close(struct pdb_file *pdb)
{
	msf_close(&pdb->msf);
	free(pdb->modules);
	free(pdb->sections);
	buffer_done(&pdb->moved);
	buffer_done(&pdb->strings);
	*pdb = (struct pdb_file){ 0 };
}

/* ---- the DBI stream ---------------------------------------------------------------------------------------- */

static int find_parts(struct pdb_file *pdb, struct dbi_part parts[NR_DBI_PARTS],
		      struct oc_error *err)
{
	/* Where the header has the size of each part; they are not in the order of the parts. */
	static const uint8_t fields[NR_DBI_PARTS] = { 24, 28, 32, 36, 40, 52, 48 };
	uint8_t header[DBI_HEADER_SIZE];
	uint64_t at = sizeof(header);
	int rc = msf_read(&pdb->msf, STREAM_DBI, 0, header, sizeof(header), err);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < NR_DBI_PARTS; i++) {
		uint32_t size = le32(header + fields[i]);

		if (at + size > msf_size(&pdb->msf, STREAM_DBI))
			return msf_damaged(&pdb->msf, STREAM_DBI, fields[i],
					   "the size of a part reaches beyond the stream", err);
		parts[i] = (struct dbi_part){ .offset = (uint32_t)at, .size = size };
		at += size;
	}
	pdb->symbols = le16(header + 20);
	pdb->machine = le16(header + 58);
	pdb->contributions_offset = parts[DBI_CONTRIBUTIONS].offset;
	pdb->contributions_size = parts[DBI_CONTRIBUTIONS].size;
	return 0;
}

/* Bytes of an entry of the list of modules: the fixed part and two texts, to a multiple of four. 0 = damaged. */
static uint32_t module_entry_size(const struct buffer *raw, uint32_t at)
{
	uint32_t end = at + MODULE_SIZE;

	if (raw->len - at < MODULE_SIZE)
		return 0;
	for (int text = 0; text < 2; text++) {
		end += (uint32_t)strnlen(raw->data + end, raw->len - end) + 1;
		if (end > raw->len)
			return 0;
	}
	return ((end - at) + 3) & ~3u;
}

static int add_module(struct pdb_file *pdb, const uint8_t *raw, size_t *cap)
{
	struct pdb_module_place *m;
	uint32_t older_lines = le32(raw + 40);

	if (array_reserve(&pdb->modules, cap, (size_t)pdb->nr_modules + 1, sizeof(*m)))
		return -ENOMEM;
	m = &pdb->modules[pdb->nr_modules++];
	*m = (struct pdb_module_place){
		.stream = le16(raw + 34),
		.symbols_size = le32(raw + 36),
		.lines_size = le32(raw + 44),
	};
	m->lines_offset = m->symbols_size + older_lines;
	/* Where that does not fit into the stream, nothing is read. */
	if (m->lines_offset < older_lines || m->lines_size > UINT32_MAX - m->lines_offset)
		m->lines_size = 0;
	return 0;
}

static int load_modules(struct pdb_file *pdb, const struct dbi_part *part, struct oc_error *err)
{
	struct buffer raw __cleanup(buffer_done) = BUFFER_INIT;
	size_t cap = 0;
	int rc = msf_load(&pdb->msf, STREAM_DBI, part->offset, part->size, &raw, err);

	if (rc)
		return rc;
	for (uint32_t at = 0, size; at < raw.len; at += size) {
		size = module_entry_size(&raw, at);
		if (!size)
			return msf_damaged(&pdb->msf, STREAM_DBI, part->offset + at,
					   "the list of modules is cut", err);
		if (add_module(pdb, (const uint8_t *)raw.data + at, &cap))
			return oc_error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static int load_sections(struct pdb_file *pdb, uint32_t stream, struct oc_error *err)
{
	struct buffer raw __cleanup(buffer_done) = BUFFER_INIT;
	int rc = msf_load(&pdb->msf, stream, 0, msf_size(&pdb->msf, stream), &raw, err);

	if (rc)
		return rc;
	pdb->nr_sections = (uint32_t)(raw.len / PE_SECTION_HEADER_SIZE);
	pdb->sections = calloc((size_t)pdb->nr_sections + 1, sizeof(*pdb->sections));
	if (!pdb->sections)
		return oc_error_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < pdb->nr_sections; i++)
		pe_section_parse((const uint8_t *)raw.data + (size_t)i * PE_SECTION_HEADER_SIZE,
				 &pdb->sections[i]);
	return 0;
}

static int load_optional(struct pdb_file *pdb, const struct dbi_part *part, struct oc_error *err)
{
	uint8_t raw[OPTIONAL_MAX * 2];
	uint32_t moved, sections;
	int rc;

	memset(raw, 0xff, sizeof(raw));
	rc = msf_read(&pdb->msf, STREAM_DBI, part->offset, raw,
		      MIN(part->size, (uint32_t)sizeof(raw)), err);
	if (rc)
		return rc;
	moved = le16(raw + OPTIONAL_OMAP_TO_SOURCE * 2);
	sections = le16(raw + OPTIONAL_SECTIONS * 2);
	if (msf_size(&pdb->msf, moved)) {
		rc = msf_load(&pdb->msf, moved, 0, msf_size(&pdb->msf, moved), &pdb->moved, err);
		sections = le16(raw + OPTIONAL_SECTIONS_ORIGINAL * 2);
	}
	return rc ? rc : load_sections(pdb, sections, err);
}

/* ---- names of source files --------------------------------------------------------------------------------- */

/*
 * The stream called `wanted`, from the table behind the GUID: a text with all names; then a hash table, as a count, a
 * capacity, two sets of bits (used, deleted), and for each used entry the name's offset and the stream.
 */
static uint32_t find_stream(const struct buffer *raw, const char *wanted)
{
	const uint8_t *p = (const uint8_t *)raw->data;
	uint64_t at, names_size;
	uint32_t nr;

	if (raw->len < 4)
		return MSF_NO_STREAM;
	names_size = le32(p);
	at = 4 + names_size;
	if (at + 12 > raw->len)
		return MSF_NO_STREAM;
	nr = le32(p + at);
	at += 8;
	for (int set = 0; set < 2; set++) {
		if (at + 4 > raw->len)
			return MSF_NO_STREAM;
		at += 4 + (uint64_t)le32(p + at) * 4;
	}
	for (; nr && at + 8 <= raw->len; nr--, at += 8) {
		uint32_t name = le32(p + at);

		if (name < names_size &&
		    strnlen(raw->data + 4 + name, names_size - name) < names_size - name &&
		    !strcmp(raw->data + 4 + name, wanted))
			return le32(p + at + 4);
	}
	return MSF_NO_STREAM;
}

static int load_strings(struct pdb_file *pdb, struct oc_error *err)
{
	struct buffer raw __cleanup(buffer_done) = BUFFER_INIT;
	uint32_t size = msf_size(&pdb->msf, STREAM_INFO) - INFO_SIZE, stream;
	uint8_t header[12];
	int rc = msf_load(&pdb->msf, STREAM_INFO, INFO_SIZE, MIN(size, NAMES_MAX_BYTES), &raw, err);

	if (rc)
		return rc;
	stream = find_stream(&raw, "/names");
	if (!msf_size(&pdb->msf, stream))
		return 0;
	rc = msf_read(&pdb->msf, stream, 0, header, sizeof(header), err);
	if (rc)
		return rc;
	if (le32(header) != STRINGS_MAGIC)
		return msf_damaged(&pdb->msf, stream, 0, "a table of names of unknown form", err);
	return msf_load(&pdb->msf, stream, sizeof(header), le32(header + 8), &pdb->strings, err);
}

const char *pdb_string(const struct pdb_file *pdb, uint32_t offset)
{
	return offset < pdb->strings.len ? pdb->strings.data + offset : "";
}

int pdb_load(struct pdb_file *pdb, struct oc_error *err)
{
	struct dbi_part parts[NR_DBI_PARTS];
	int rc;

	if (!msf_size(&pdb->msf, STREAM_DBI))
		return oc_error_set(err, -EBADMSG, "it holds types only, no symbols");
	rc = find_parts(pdb, parts, err);
	if (!rc)
		rc = load_modules(pdb, &parts[DBI_MODULES], err);
	if (!rc)
		rc = load_optional(pdb, &parts[DBI_OPTIONAL], err);
	return rc ? rc : load_strings(pdb, err);
}

/* ---- addresses --------------------------------------------------------------------------------------------- */

const struct pe_section *pdb_section(const struct pdb_file *pdb, uint32_t number)
{
	return number && number <= pdb->nr_sections ? &pdb->sections[number - 1] : NULL;
}

bool pdb_address(const struct pdb_file *pdb, uint32_t section, uint32_t offset,
		 uint32_t *ret_address)
{
	const struct pe_section *s = pdb_section(pdb, section);

	if (!s || offset >= s->size)
		return false;
	*ret_address = s->address + offset;
	return true;
}

bool pdb_original_address(const struct pdb_file *pdb, uint32_t address, uint32_t *ret_original)
{
	const uint8_t *p = (const uint8_t *)pdb->moved.data;
	size_t nr = pdb->moved.len / OMAP_SIZE, behind;
	uint32_t from, to;

	*ret_original = address;
	if (!nr)
		return true;
	/* Pairs of addresses, ascending: from the first one on, code is at the second one. */
	behind = PARTITION_POINT(i, nr, le32(p + i * OMAP_SIZE) <= address);
	if (!behind)
		return false;
	from = le32(p + (behind - 1) * OMAP_SIZE);
	to = le32(p + (behind - 1) * OMAP_SIZE + 4);
	if (!to || from > address || address - from > UINT32_MAX - to)
		return false;
	*ret_original = to + (address - from);
	return true;
}

/* ---- contributions ----------------------------------------------------------------------------------------- */

static int hand_out(const struct pdb_file *pdb, const struct buffer *raw, uint32_t entry,
		    pdb_contribution_fn fn, void *arg)
{
	for (size_t at = 0; raw->len - at >= entry; at += entry) {
		const uint8_t *p = (const uint8_t *)raw->data + at;
		struct pdb_contribution c = { .size = le32(p + 8), .module = le16(p + 16) };
		int rc = 0;

		if (c.module < pdb->nr_modules &&
		    pdb_address(pdb, le16(p), le32(p + 4), &c.address))
			rc = fn(arg, &c);
		if (rc)
			return rc;
	}
	return 0;
}

int pdb_each_contribution(const struct pdb_file *pdb, pdb_contribution_fn fn, void *arg,
			  struct oc_error *err)
{
	struct buffer raw __cleanup(buffer_done) = BUFFER_INIT;
	uint32_t at = pdb->contributions_offset, left = pdb->contributions_size, entry;
	uint8_t version[4];
	int rc;

	if (left < sizeof(version))
		return 0;
	rc = msf_read(&pdb->msf, STREAM_DBI, at, version, sizeof(version), err);
	if (rc)
		return rc;
	if (le32(version) != CONTRIBUTIONS_60 && le32(version) != CONTRIBUTIONS_2)
		return msf_damaged(&pdb->msf, STREAM_DBI, at,
				   "a list of contributions of unknown form", err);
	entry = le32(version) == CONTRIBUTIONS_60 ? 28 : 32;
	at += sizeof(version);
	left -= (uint32_t)sizeof(version);
	for (uint32_t piece; !rc && left >= entry; at += piece, left -= piece) {
		piece = MIN(left, entry * 4096);
		rc = msf_load(&pdb->msf, STREAM_DBI, at, piece, &raw, err);
		if (!rc)
			rc = hand_out(pdb, &raw, entry, fn, arg);
	}
	return rc;
}
