/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the line tables ("C13") of a module of a PDB file.
 * Called by pdb_module.c.
 * Must not know functions. Source of the layouts: LLVM's DebugSubsection classes, Microsoft's cvinfo.h.
 */
#include "symbolize/pdb_lines.h"

#include <errno.h>

#include "base/array.h"
#include "base/le.h"
#include "base/macros.h"
#include "base/search.h"

enum { PART_LINES = 0xf2, PART_FILES = 0xf4, PART_INLINEES = 0xf6 };
#define LINES_HEADER  12u
#define LINES_COLUMNS 1u /* flag: columns stand behind the lines */
#define BLOCK_HEADER  12u
#define LINE_MASK     0xffffffu
#define INLINEE_SIZE  12u
#define INLINEES_MORE 1u /* signature: entries name more files */
/* Lines that a debugger always or never steps into: there is no source for them. */
#define LINE_ALWAYS 0xfeefeeu
#define LINE_NEVER  0xf00f00u

struct reading {
	struct pdb_lines *lines;
	const struct pdb_file *pdb;
	uint32_t stream;
	uint32_t first; /* of lines->raw in the stream */
	const uint64_t *addresses;
	size_t nr;
	struct oc_error *err;
};

static int damaged(const struct reading *r, uint32_t at, const char *what)
{
	return msf_damaged(&r->pdb->msf, r->stream, r->first + at, what, r->err);
}

static int out_of_memory(const struct reading *r)
{
	return oc_error_set(r->err, -ENOMEM, "out of memory");
}

static int add_row(const struct reading *r, uint32_t address, uint32_t file, uint32_t line,
		   bool is_end)
{
	struct pdb_lines *l = r->lines;

	if (array_reserve(&l->rows, &l->rows_cap, l->nr_rows + 1, sizeof(*l->rows)))
		return out_of_memory(r);
	if (line == LINE_ALWAYS || line == LINE_NEVER)
		line = 0;
	l->rows[l->nr_rows] = (struct pdb_row){ .address = address,
						.order = is_end ? 0 : (uint32_t)l->nr_rows + 1,
						.file = file,
						.line = line };
	l->nr_rows++;
	return 0;
}

/* True when one of the addresses is in [start, start + size). */
static bool is_wanted(const struct reading *r, uint32_t start, uint32_t size)
{
	size_t at = PARTITION_POINT(i, r->nr, r->addresses[i] < start);

	return at < r->nr && r->addresses[at] - start < size;
}

/* The lines of one file in [at, end) of lines->raw; returns the bytes they take, or an error. */
static int64_t read_block(const struct reading *r, uint32_t at, uint32_t end, uint32_t start,
			  uint32_t size)
{
	const uint8_t *p = (const uint8_t *)r->lines->raw.data + at;
	uint32_t nr, block;

	if (end - at < BLOCK_HEADER)
		return damaged(r, at, "a block of lines is cut");
	nr = le32(p + 4);
	block = le32(p + 8);
	if (block < BLOCK_HEADER || block > end - at || nr > (block - BLOCK_HEADER) / 8)
		return damaged(r, at, "a block of lines is larger than what holds it");
	for (uint32_t i = 0; i < nr; i++) {
		const uint8_t *row = p + BLOCK_HEADER + (size_t)i * 8;
		uint32_t offset = le32(row);
		int rc = 0;

		if (offset < size)
			rc = add_row(r, start + offset, le32(p), le32(row + 4) & LINE_MASK, false);
		if (rc)
			return rc;
	}
	return block;
}

/*
 * Code in front of the first line that is told of a function is of that line. The rows of the function are those from
 * number `first` on.
 */
static int begin_at(const struct reading *r, size_t first, uint32_t start)
{
	struct pdb_lines *l = r->lines;
	size_t lowest = first;

	for (size_t i = first; i < l->nr_rows; i++) {
		if (l->rows[i].address < l->rows[lowest].address)
			lowest = i;
	}
	if (first == l->nr_rows || l->rows[lowest].address == start)
		return 0;
	return add_row(r, start, l->rows[lowest].file, l->rows[lowest].line, false);
}

static int read_lines(const struct reading *r, uint32_t at, uint32_t end)
{
	const uint8_t *p = (const uint8_t *)r->lines->raw.data + at;
	uint32_t start, size;
	size_t first;
	int rc;

	if (end - at < LINES_HEADER)
		return damaged(r, at, "a table of lines is cut");
	size = le32(p + 8);
	if (!pdb_address(r->pdb, le16(p + 4), le32(p), &start) || size > UINT32_MAX - start ||
	    !is_wanted(r, start, size))
		return 0;
	at += LINES_HEADER;
	first = r->lines->nr_rows;
	while (at < end) {
		int64_t block = read_block(r, at, end, start, size);

		if (block < 0)
			return (int)block;
		at += (uint32_t)block;
	}
	rc = begin_at(r, first, start);
	return rc ? rc : add_row(r, start + size, 0, 0, true);
}

static int read_inlinees(const struct reading *r, uint32_t at, uint32_t end)
{
	struct pdb_lines *l = r->lines;
	const uint8_t *raw = (const uint8_t *)l->raw.data;
	bool more;

	if (end - at < 4)
		return damaged(r, at, "a table of inlined functions is cut");
	more = le32(raw + at) == INLINEES_MORE;
	at += 4;
	while (end - at >= INLINEE_SIZE) {
		const uint8_t *p = raw + at;

		if (array_reserve(&l->inlinees, &l->inlinees_cap, l->nr_inlinees + 1,
				  sizeof(*l->inlinees)))
			return out_of_memory(r);
		l->inlinees[l->nr_inlinees++] = (struct pdb_inlinee){ .number = le32(p),
								      .file = le32(p + 4),
								      .line = le32(p + 8) };
		at += INLINEE_SIZE;
		if (!more)
			continue;
		if (end - at < 4 || le32(raw + at) > (end - at - 4) / 4)
			return damaged(r, at, "a table of inlined functions is cut");
		at += 4 + le32(raw + at) * 4;
	}
	return 0;
}

static int read_parts(const struct reading *r)
{
	struct pdb_lines *l = r->lines;
	const uint8_t *raw = (const uint8_t *)l->raw.data;
	uint32_t at = 0, total = (uint32_t)l->raw.len;
	int rc = 0;

	while (!rc && total - at >= 8) {
		uint32_t kind = le32(raw + at), size = le32(raw + at + 4), end;

		at += 8;
		if (size > total - at)
			return damaged(r, at - 4, "a part of the lines reaches beyond them");
		end = at + size;
		if (kind == PART_LINES) {
			rc = read_lines(r, at, end);
		} else if (kind == PART_INLINEES) {
			rc = read_inlinees(r, at, end);
		} else if (kind == PART_FILES) {
			l->files = at;
			l->files_size = size;
		}
		at = MIN(total, (end + 3) & ~3u);
	}
	return rc;
}

static int by_address(const void *left, const void *right)
{
	const struct pdb_row *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static int by_number(const void *left, const void *right)
{
	const struct pdb_inlinee *a = left, *b = right;

	return a->number < b->number ? -1 : a->number > b->number;
}

int pdb_lines_load(struct pdb_lines *lines, const struct pdb_file *pdb, uint32_t module,
		   const uint64_t *addresses, size_t nr, struct oc_error *err)
{
	const struct pdb_module_place *place = &pdb->modules[module];
	const struct reading reading = { .lines = lines,
					 .pdb = pdb,
					 .stream = place->stream,
					 .first = place->lines_offset,
					 .addresses = addresses,
					 .nr = nr,
					 .err = err };
	int rc;

	*lines = (struct pdb_lines){ 0 };
	if (!place->lines_size || !msf_size(&pdb->msf, place->stream))
		return 0;
	rc = msf_load(&pdb->msf, place->stream, place->lines_offset, place->lines_size, &lines->raw,
		      err);
	if (!rc)
		rc = read_parts(&reading);
	if (lines->nr_rows)
		qsort(lines->rows, lines->nr_rows, sizeof(*lines->rows), by_address);
	if (lines->nr_inlinees)
		qsort(lines->inlinees, lines->nr_inlinees, sizeof(*lines->inlinees), by_number);
	return rc;
}

void pdb_lines_done(struct pdb_lines *lines)
{
	buffer_done(&lines->raw);
	free(lines->rows);
	free(lines->inlinees);
	*lines = (struct pdb_lines){ 0 };
}

/* Index of the first row behind an address. */
static size_t row_behind(const struct pdb_lines *lines, uint32_t address)
{
	return PARTITION_POINT(i, lines->nr_rows, lines->rows[i].address <= address);
}

const struct pdb_row *pdb_lines_at(const struct pdb_lines *lines, uint32_t address)
{
	size_t i = row_behind(lines, address);

	return i && lines->rows[i - 1].order ? &lines->rows[i - 1] : NULL;
}

const struct pdb_row *pdb_lines_first(const struct pdb_lines *lines, uint32_t address)
{
	const struct pdb_row *row = pdb_lines_at(lines, address);

	while (row && row > lines->rows && row[-1].order && row[-1].address == address)
		row--;
	return row;
}

const struct pdb_inlinee *pdb_lines_inlinee(const struct pdb_lines *lines, uint32_t number)
{
	const struct pdb_inlinee wanted = { .number = number };

	return lines->nr_inlinees ? bsearch(&wanted, lines->inlinees, lines->nr_inlinees,
					    sizeof(wanted), by_number)
				  : NULL;
}

const char *pdb_lines_file(const struct pdb_lines *lines, const struct pdb_file *pdb, uint32_t file)
{
	if (lines->files_size < 4 || file > lines->files_size - 4)
		return "";
	return pdb_string(pdb, le32((const uint8_t *)lines->raw.data + lines->files + file));
}
