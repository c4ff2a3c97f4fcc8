/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an ELF file to its unwind table: finds the call frame information, sorts it, runs it row by row.
 * Called through unwind/table.h.
 * Must not know processes.
 */
#include <elf.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/elf_section.h"
#include "base/macros.h"
#include "base/search.h"
#include "unwind/cfi_reader.h"
#include "unwind/compiler.h"
#include "unwind/sigreturn.h"

int compiler_init(struct compiler *c, struct elf_file *elf)
{
	*c = (struct compiler){ .elf = elf,
				.arch = elf->is_64 ? cfi_arch_of(elf->machine) : NULL,
				.clip_end = UINT64_MAX };
	return c->arch ? 0 : -EOPNOTSUPP;
}

void compiler_done(struct compiler *c)
{
	for (int i = 0; i < NR_SOURCES; i++) {
		buffer_done(&c->bytes[i]);
		free(c->cies[i].list);
		u64_map_done(&c->cies[i].by_offset);
	}
	free(c->segments);
	free(c->pieces);
	table_build_done(&c->build);
}

/* ---- finding sections ------------------------------------------------------------------------------------------- */

int compiler_read_segments(struct compiler *c)
{
	const struct elf_file *elf = c->elf;

	c->segments = calloc(MAX(elf->nr_segments, 1u), sizeof(*c->segments));
	if (!c->segments)
		return -ENOMEM;
	for (uint32_t i = 0; i < elf->nr_segments; i++) {
		const struct elf_segment *s = &elf->segments[i];

		if (s->type != PT_LOAD)
			continue;
		if (s->address + s->file_size < s->address || s->offset + s->file_size < s->offset)
			return -EBADMSG;
		if (c->nr_segments == UNWIND_TABLE_SEGMENTS_MAX)
			return -EFBIG;
		c->segments[c->nr_segments++] =
			(struct unwind_segment){ .vaddr = s->address,
						 .file_offset = s->offset,
						 .file_size = s->file_size,
						 .executable = s->flags & PF_X };
	}
	return 0;
}

/* The loaded segment that holds an address; NULL = none. */
static const struct unwind_segment *segment_at(const struct compiler *c, uint64_t address)
{
	for (uint32_t i = 0; i < c->nr_segments; i++) {
		const struct unwind_segment *s = &c->segments[i];

		if (address >= s->vaddr && address - s->vaddr < s->file_size)
			return s;
	}
	return NULL;
}

static void set_section(struct compiler *c, enum source source, uint64_t address, bool is_a_guess)
{
	c->sections[source] = (struct cfi_section){ .data = (const uint8_t *)c->bytes[source].data,
						    .size = c->bytes[source].len,
						    .address = address,
						    .is_eh = source == FROM_EH_FRAME,
						    .ends_at_zero = is_a_guess };
}

/* Reads a section by its name. Returns 1, 0 = the file has none with content, or an error. */
static int read_section(struct compiler *c, const struct elf_file *elf, const char *name,
			enum source source)
{
	const struct elf_section *section = elf_file_section_by_name(elf, name);
	int rc;

	if (!section || section->type == SHT_NOBITS || !section->size)
		return 0;
	rc = elf_section_read(elf, section, CFI_BYTES_MAX, &c->bytes[source]);
	if (rc)
		return rc;
	set_section(c, source, section->address, false);
	return 1;
}

/*
 * .eh_frame of a file without section headers: .eh_frame_hdr, a program header, says where it begins. It goes on to
 * the end of what is loaded there, or to its end mark. Returns as read_section().
 */
static int read_eh_frame_by_header(struct compiler *c)
{
	const struct elf_segment *header = NULL;
	const struct unwind_segment *segment;
	uint8_t bytes[16]; /* version, three encodings, one address */
	struct cfi_reader r = { .at = bytes, .end = bytes + sizeof(bytes) };
	uint64_t address, offset, size;
	uint8_t encoding;
	int rc;

	for (uint32_t i = 0; i < c->elf->nr_segments && !header; i++) {
		if (c->elf->segments[i].type == PT_GNU_EH_FRAME)
			header = &c->elf->segments[i];
	}
	memset(bytes, 0, sizeof(bytes));
	if (!header || header->file_size < 8)
		return 0;
	rc = elf_file_read(c->elf, header->offset, bytes,
			   (size_t)MIN(header->file_size, (uint64_t)sizeof(bytes)));
	if (rc)
		return rc;
	if (cfi_fixed(&r, 1) != 1)
		return -EBADMSG;
	encoding = (uint8_t)cfi_fixed(&r, 1);
	cfi_skip(&r, 2);
	address = cfi_address(&r, encoding, header->address + 4);
	segment = r.failed ? NULL : segment_at(c, address);
	if (!segment)
		return -EBADMSG;
	offset = segment->file_offset + (address - segment->vaddr);
	size = segment->file_size - (address - segment->vaddr);
	if (offset > c->elf->source.size || size > c->elf->source.size - offset)
		return -EBADMSG;
	size = MIN(size, (uint64_t)CFI_BYTES_MAX);
	if (buffer_reserve(&c->bytes[FROM_EH_FRAME], (size_t)size))
		return -ENOMEM;
	rc = elf_file_read(c->elf, offset, c->bytes[FROM_EH_FRAME].data, (size_t)size);
	if (rc)
		return rc;
	c->bytes[FROM_EH_FRAME].len = (size_t)size;
	set_section(c, FROM_EH_FRAME, address, true);
	return 1;
}

/* ---- collecting functions --------------------------------------------------------------------------------------- */

/* Reads a CIE and files it under its offset; one that cannot be read is not filed, and its FDEs are bad. */
int compiler_add_cie(struct compiler *c, enum source source, const struct cfi_entry *entry)
{
	struct cie_table *t = &c->cies[source];
	int rc;

	rc = array_reserve(&t->list, &t->cap, t->nr + 1, sizeof(*t->list));
	if (rc)
		return rc;
	if (cfi_read_cie(&c->sections[source], entry, c->arch, &t->list[t->nr]))
		return 0;
	rc = u64_map_set(&t->by_offset, entry->offset + 1, t->nr);
	if (!rc)
		t->nr++;
	return rc;
}

static int add_piece(struct compiler *c, const struct piece *piece)
{
	int rc;

	if (c->nr_pieces >= CFI_FDES_MAX)
		return -EFBIG;
	rc = array_reserve(&c->pieces, &c->pieces_cap, c->nr_pieces + 1, sizeof(*c->pieces));
	if (!rc)
		c->pieces[c->nr_pieces++] = *piece;
	return rc;
}

/*
 * Adds what an FDE describes. Linkers leave FDEs of functions that they have thrown away, at address 0 or -1 or with no
 * size: nothing runs outside executable segments, so they are passed over.
 */
int compiler_add_fde(struct compiler *c, enum source source, const struct cfi_entry *entry)
{
	struct unwind_table_stats *stats = &c->build.now.stats;
	const uint64_t *cie = u64_map_find(&c->cies[source].by_offset, (uint64_t)entry->cie + 1);
	const struct unwind_segment *segment;
	struct cfi_fde fde;
	struct piece piece;

	stats->nr_fdes++;
	if (!cie || cfi_read_fde(&c->sections[source], entry, &c->cies[source].list[*cie], &fde)) {
		stats->bad_fdes++;
		return 0;
	}
	segment = segment_at(c, fde.start);
	if (fde.start == fde.end || !segment || !segment->executable)
		return 0;
	piece = (struct piece){ .start = fde.start,
				.end = MIN(fde.end, segment->vaddr + segment->file_size),
				.program = (uint32_t)fde.program,
				.program_end = (uint32_t)fde.program_end,
				.cie = (uint32_t)*cie,
				.source = source };
	return add_piece(c, &piece);
}

/* Two passes: in .debug_frame an FDE may come before its CIE. Each entry is read once, whatever refers to it. */
static int collect_section(struct compiler *c, enum source source)
{
	const struct cfi_section *section = &c->sections[source];

	for (int pass = 0; pass < 2; pass++) {
		struct cfi_entry entry;
		size_t at = 0;
		int rc;

		while ((rc = cfi_next_entry(section, &at, &entry)) > 0) {
			int added = 0;

			if (pass == 0 && entry.is_cie)
				added = compiler_add_cie(c, source, &entry);
			else if (pass == 1 && !entry.is_cie)
				added = compiler_add_fde(c, source, &entry);
			if (added)
				return added;
		}
		/* What stands behind a broken length is lost; where the end is a guess it is something else. */
		if (rc < 0 && pass == 1 && !section->ends_at_zero)
			c->build.now.stats.bad_fdes++;
	}
	return 0;
}

/* ---- putting them in order -------------------------------------------------------------------------------------- */

static int compare_pieces(const void *a, const void *b)
{
	const struct piece *p = a, *q = b;

	if (p->start != q->start)
		return p->start < q->start ? -1 : 1;
	if (p->source != q->source)
		return p->source < q->source ? -1 : 1;
	return p->program < q->program ? -1 : p->program > q->program;
}

static void sort_pieces(struct compiler *c)
{
	bool sorted = true;

	for (size_t i = 1; i < c->nr_pieces && sorted; i++)
		sorted = compare_pieces(&c->pieces[i - 1], &c->pieces[i]) <= 0;
	if (!sorted)
		qsort(c->pieces, c->nr_pieces, sizeof(*c->pieces), compare_pieces);
}

/*
 * Leaves pieces that do not overlap: each ends where the next one begins, as the search tables of .eh_frame_hdr have
 * it. .debug_frame fills the gaps of .eh_frame only; most of what it says stands in both.
 */
static void resolve_overlaps(struct compiler *c)
{
	uint64_t eh_end = 0;
	size_t kept = 0;

	for (size_t i = 0; i < c->nr_pieces; i++) {
		const struct piece piece = c->pieces[i];
		struct piece *last = kept ? &c->pieces[kept - 1] : NULL;

		if (piece.source == FROM_DEBUG_FRAME && piece.start < eh_end)
			continue;
		if (last && piece.start < last->end) {
			c->build.now.stats.overlapping += piece.source == last->source;
			if (piece.start == last->start)
				continue;
			last->end = piece.start;
		}
		if (piece.source == FROM_EH_FRAME)
			eh_end = MAX(eh_end, piece.end);
		c->pieces[kept++] = piece;
	}
	c->nr_pieces = kept;
}

/* The first piece that ends behind `address`; they are in order and do not overlap. */
static size_t first_piece_behind(const struct compiler *c, uint64_t address)
{
	return PARTITION_POINT(i, c->nr_pieces, c->pieces[i].end <= address);
}

/* A trampoline has some ten bytes, of which one may lie within the clip. */
#define CLIP_MARGIN 64

/* Searches the gaps between the pieces in an area of code, as far as they touch the clip. */
static int search_gaps(const struct compiler *c, struct sigreturn_search *search,
		       const struct unwind_segment *code)
{
	uint64_t low = c->clip_start - MIN(c->clip_start, (uint64_t)CLIP_MARGIN);
	uint64_t high = c->clip_end + MIN(UINT64_MAX - c->clip_end, (uint64_t)CLIP_MARGIN);
	uint64_t gap = MAX(code->vaddr, low), end = MIN(code->vaddr + code->file_size, high);
	int rc = 0;

	for (size_t i = first_piece_behind(c, gap); i < c->nr_pieces && !rc; i++) {
		const struct piece *piece = &c->pieces[i];

		if (piece->start >= end)
			break;
		if (piece->start > gap)
			rc = sigreturn_find(search, code, gap, piece->start);
		gap = piece->end;
	}
	return rc || gap >= end ? rc : sigreturn_find(search, code, gap, end);
}

/*
 * Where code is: sections, or else segments, which hold much that is not code. ret_code: of
 * UNWIND_TABLE_SEGMENTS_MAX. Returns how many.
 */
static uint32_t find_code(const struct compiler *c, struct unwind_segment *ret_code)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < c->elf->nr_sections && nr < UNWIND_TABLE_SEGMENTS_MAX; i++) {
		const struct elf_section *s = &c->elf->sections[i];

		if (!(s->flags & SHF_EXECINSTR) || s->type == SHT_NOBITS ||
		    s->address + s->size < s->address)
			continue;
		ret_code[nr++] = (struct unwind_segment){ .vaddr = s->address,
							  .file_offset = s->offset,
							  .file_size = s->size };
	}
	for (uint32_t i = 0; i < c->nr_segments && !c->elf->nr_sections; i++) {
		if (c->segments[i].executable)
			ret_code[nr++] = c->segments[i];
	}
	return nr;
}

/* Adds the gaps' signal trampolines; see sigreturn.h. */
static int add_sigreturns(struct compiler *c)
{
	struct sigreturn_search search = { .elf = c->elf,
					   .machine = c->arch->machine,
					   .bytes = c->bytes_searched };
	struct unwind_segment code[UNWIND_TABLE_SEGMENTS_MAX];
	uint32_t nr_code = find_code(c, code);
	int rc = 0;

	for (uint32_t i = 0; i < nr_code && !rc; i++)
		rc = search_gaps(c, &search, &code[i]);
	for (size_t i = 0; i < search.nr && !rc; i++) {
		struct piece piece = { .start = search.found[i].start,
				       .end = search.found[i].end,
				       .source = FROM_SIGRETURN };

		rc = add_piece(c, &piece);
	}
	c->bytes_searched = search.bytes;
	sigreturn_search_done(&search);
	if (search.nr) {
		sort_pieces(c);
		resolve_overlaps(c);
	}
	return rc;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

/* Adds the rows of a piece. Returns 0, -EBADMSG when its instructions are malformed, or another error. */
static int add_rows(struct compiler *c, const struct piece *piece)
{
	struct cfi_fde fde = { .start = piece->start,
			       .program = piece->program,
			       .program_end = piece->program_end };
	struct unwind_rule rule = { .cfa = UNWIND_CFA_SIGNAL };
	struct cfi_program program;
	int rc;

	if (piece->source == FROM_SIGRETURN)
		return table_build_row(&c->build, MAX(piece->start, c->clip_start), &rule);
	cfi_program_begin(&program, &c->sections[piece->source], c->arch,
			  &c->cies[piece->source].list[piece->cie], &fde);
	while ((rc = cfi_program_next(&program)) > 0 && program.row_start < piece->end) {
		/* Of the rows before the clip the last one reaches into it. */
		if (!program.ended && program.location <= c->clip_start)
			continue;
		cfi_rule(&program, &rule);
		rc = table_build_row(&c->build, MAX(program.row_start, c->clip_start), &rule);
		if (rc)
			return rc;
	}
	return MIN(rc, 0);
}

/* Leaves what lies within the clip. Pieces are in order and do not overlap. */
static void clip_pieces(struct compiler *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->nr_pieces; i++) {
		struct piece piece = c->pieces[i];

		piece.end = MIN(piece.end, c->clip_end);
		if (piece.end > c->clip_start && piece.start < piece.end)
			c->pieces[kept++] = piece;
	}
	c->nr_pieces = kept;
}

static int build_rows(struct compiler *c)
{
	struct table_build *b = &c->build;
	uint64_t end = 0;

	for (size_t i = 0; i < c->nr_pieces; i++) {
		const struct piece *piece = &c->pieces[i];
		struct table_mark mark;
		int rc = 0;

		if (i && end < piece->start)
			rc = table_build_gap(b, end);
		mark = b->now;
		if (!rc)
			rc = add_rows(c, piece);
		end = piece->end;
		if (rc == -EBADMSG) {
			b->now = mark;
			b->now.stats.bad_fdes++;
			end = MAX(piece->start, c->clip_start);
			rc = table_build_gap(b, end);
		}
		if (rc)
			return rc;
	}
	return c->nr_pieces ? table_build_gap(b, end) : 0;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

int compiler_read_debug_frame(struct compiler *c, struct elf_file *elf)
{
	int rc = elf_file_load_sections(elf);

	if (!rc)
		rc = read_section(c, elf, ".debug_frame", FROM_DEBUG_FRAME);
	/* What runs does not need it: one that cannot be read is counted, and the table made of the rest. */
	if (rc == -EBADMSG || rc == -EOPNOTSUPP || rc == -EFBIG) {
		c->build.now.stats.bad_fdes++;
		rc = 0;
	}
	return rc;
}

int compiler_read_eh_frame(struct compiler *c, struct elf_file *elf)
{
	int rc;

	/* A file whose section headers are gone or damaged still runs. */
	rc = elf_file_load_sections(elf);
	if (rc && rc != -EBADMSG)
		return rc;
	rc = read_section(c, elf, ".eh_frame", FROM_EH_FRAME);
	return rc ? rc : read_eh_frame_by_header(c);
}

/* Both sections of the file, and .debug_frame of its debug file when it has none itself. */
static int read_sections(struct compiler *c, struct elf_file *elf, struct elf_file *debug)
{
	int rc = compiler_read_eh_frame(c, elf);

	if (rc < 0)
		return rc;
	if (elf->sections_loaded) {
		rc = compiler_read_debug_frame(c, elf);
		if (rc)
			return MIN(rc, 0);
	}
	rc = debug ? compiler_read_debug_frame(c, debug) : 0;
	return MIN(rc, 0);
}

int compiler_finish(struct compiler *c, struct unwind_table **ret_table)
{
	int rc;

	sort_pieces(c);
	resolve_overlaps(c);
	rc = add_sigreturns(c);
	clip_pieces(c);
	if (!rc)
		rc = build_rows(c);
	if (!rc)
		rc = table_build_finish(&c->build, c->arch->machine, c->segments, c->nr_segments,
					ret_table);
	return rc;
}

static int compile(struct compiler *c, struct elf_file *elf, struct elf_file *debug,
		   struct unwind_table **ret_table)
{
	int rc;

	rc = compiler_read_segments(c);
	if (!rc)
		rc = read_sections(c, elf, debug);
	for (int source = 0; !rc && source < NR_SOURCES; source++) {
		if (c->sections[source].size)
			rc = collect_section(c, source);
	}
	return rc ? rc : compiler_finish(c, ret_table);
}

int compiler_explain(struct oc_error *err, int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case -EBADMSG:
	case -ENOEXEC:
		return oc_error_set(err, -EBADMSG,
				    "no unwind table: the file is not a well-formed ELF program or "
				    "library");
	case -EOPNOTSUPP:
		return oc_error_set(
			err, rc,
			"no unwind table: the file is for another machine than x86-64 or "
			"arm64, or compressed in an unknown way");
	case -EFBIG:
		return oc_error_set(
			err, rc,
			"no unwind table: the call frame information is larger than any "
			"program needs");
	default:
		return oc_error_set(err, rc, "no unwind table: cannot read the file: %s",
				    strerror(-rc));
	}
}

static int compile_elf(struct elf_file *elf, struct elf_file *debug,
		       struct unwind_table **ret_table, struct oc_error *err)
{
	struct compiler c;
	int rc = compiler_init(&c, elf);

	if (!rc)
		rc = compile(&c, elf, debug, ret_table);
	compiler_done(&c);
	return compiler_explain(err, rc);
}

int compiler_open(int fd, struct elf_file *ret_elf)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	return elf_file_open(ret_elf, fd, (uint64_t)st.st_size);
}

int unwind_table_compile(int fd, int debug_fd, struct unwind_table **ret_table,
			 struct oc_error *err)
{
	struct elf_file elf, debug = { 0 };
	bool has_debug;
	int rc;

	rc = compiler_open(fd, &elf);
	if (rc)
		return compiler_explain(err, rc);
	/* A debug file that cannot be used is as good as none. */
	has_debug = debug_fd >= 0 && !compiler_open(debug_fd, &debug) && debug.is_64 &&
		    debug.machine == elf.machine;
	rc = compile_elf(&elf, has_debug ? &debug : NULL, ret_table, err);
	elf_file_close(&debug);
	elf_file_close(&elf);
	return rc;
}

int unwind_table_compile_image(const void *image, size_t size, struct unwind_table **ret_table,
			       struct oc_error *err)
{
	struct elf_file elf;
	int rc;

	rc = elf_file_open_memory(&elf, image, size);
	if (rc)
		return compiler_explain(err, rc);
	rc = compile_elf(&elf, NULL, ret_table, err);
	elf_file_close(&elf);
	return rc;
}
