/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables whose pages are compiled when they are asked for: .eh_frame_hdr says where each function is described.
 * Called through unwind/table.h.
 * Must not know processes, nor who asks for pages.
 *
 * Source of .eh_frame_hdr: LSB 5.0 core, 10.6.2. It is as little trusted as .eh_frame: what it says wrongly makes gaps, or
 * wrong rows for the file that says it.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/search.h"
#include "unwind/cfi_reader.h"
#include "unwind/compiler.h"

/* A file with fewer pages is compiled as a whole: most of it will be asked for, and it takes a millisecond. */
#define PAGES_MIN 32
/* The only form that linkers write: pairs of signed 32-bit numbers, counted from the header's own address. */
#define ENTRY_BYTES    8
#define ENTRY_ENCODING (CFI_PTR_DATAREL | CFI_PTR_S32)

struct unwind_lazy {
	struct elf_file elf;
	int fd; /* our own */
	struct compiler compiler;
	struct buffer entries; /* of the header: addresses of a function and of its FDE */
	size_t nr_entries;
	uint64_t header_address;
	struct unwind_table *page; /* asked for last */
};

void lazy_free(struct unwind_lazy *lazy)
{
	if (!lazy)
		return;
	unwind_table_free(lazy->page);
	compiler_done(&lazy->compiler);
	elf_file_close(&lazy->elf);
	buffer_done(&lazy->entries);
	if (lazy->fd >= 0)
		close(lazy->fd);
	free(lazy);
}

size_t lazy_bytes(const struct unwind_lazy *lazy)
{
	return sizeof(*lazy) + lazy->entries.cap + lazy->compiler.bytes[FROM_EH_FRAME].cap +
	       lazy->compiler.cies[FROM_EH_FRAME].cap * sizeof(struct cfi_cie);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static uint64_t entry_number(const struct unwind_lazy *lazy, size_t i, size_t which)
{
	int32_t offset;

	memcpy(&offset, lazy->entries.data + i * ENTRY_BYTES + which * sizeof(offset),
	       sizeof(offset));
	return lazy->header_address + (uint64_t)(int64_t)offset;
}

static uint64_t entry_start(const struct unwind_lazy *lazy, size_t i)
{
	return entry_number(lazy, i, 0);
}

static uint64_t entry_fde(const struct unwind_lazy *lazy, size_t i)
{
	return entry_number(lazy, i, 1);
}

static const struct elf_segment *find_header(const struct elf_file *elf)
{
	for (uint32_t i = 0; i < elf->nr_segments; i++) {
		if (elf->segments[i].type == PT_GNU_EH_FRAME)
			return &elf->segments[i];
	}
	return NULL;
}

static bool is_sorted(const struct unwind_lazy *lazy)
{
	for (size_t i = 1; i < lazy->nr_entries; i++) {
		if (entry_start(lazy, i - 1) > entry_start(lazy, i))
			return false;
	}
	return true;
}

/* Reads the entries of .eh_frame_hdr. Returns 1, 0 = there are none that we can use, or an error. */
static int read_entries(struct unwind_lazy *lazy)
{
	const struct elf_segment *header = find_header(&lazy->elf);
	uint8_t head[4 + 8 + 4]; /* version, three encodings, the longest address, count */
	struct cfi_reader r = { .at = head, .end = head + sizeof(head) };
	uint8_t encodings[3];
	uint64_t nr, at;
	int rc;

	if (!header || header->file_size < sizeof(head) || header->file_size > CFI_BYTES_MAX)
		return 0;
	rc = elf_file_read(&lazy->elf, header->offset, head, sizeof(head));
	if (rc)
		return rc == -EBADMSG ? 0 : rc;
	if (cfi_fixed(&r, 1) != 1)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(encodings); i++)
		encodings[i] = (uint8_t)cfi_fixed(&r, 1);
	cfi_address(&r, encodings[0], 0);
	nr = cfi_format(&r, encodings[1]);
	at = (uint64_t)(r.at - head);
	if (r.failed || encodings[1] != CFI_PTR_U32 || encodings[2] != ENTRY_ENCODING || !nr ||
	    nr > CFI_FDES_MAX || nr > (header->file_size - at) / ENTRY_BYTES)
		return 0;
	if (buffer_reserve(&lazy->entries, (size_t)nr * ENTRY_BYTES))
		return -ENOMEM;
	rc = elf_file_read(&lazy->elf, header->offset + at, lazy->entries.data,
			   (size_t)nr * ENTRY_BYTES);
	if (rc)
		return rc == -EBADMSG ? 0 : rc;
	lazy->nr_entries = (size_t)nr;
	lazy->header_address = header->address;
	return is_sorted(lazy);
}

/* The pages that the file's code lies in. Returns how many, 0 = none or more than a table can have. */
static uint32_t code_pages(const struct compiler *c, uint64_t *ret_first)
{
	uint64_t low = UINT64_MAX, last = 0;

	for (uint32_t i = 0; i < c->nr_segments; i++) {
		const struct unwind_segment *s = &c->segments[i];

		if (!s->executable || !s->file_size)
			continue;
		low = MIN(low, s->vaddr);
		last = MAX(last, s->vaddr + s->file_size - 1);
	}
	if (low > last)
		return 0;
	*ret_first = low >> UNWIND_PAGE_SHIFT;
	last = (last >> UNWIND_PAGE_SHIFT) - *ret_first + 1;
	return last > UNWIND_TABLE_PAGES_MAX ? 0 : (uint32_t)last;
}

static bool has_debug_frame(const struct elf_file *elf)
{
	const struct elf_section *s =
		elf->sections_loaded ? elf_file_section_by_name(elf, ".debug_frame") : NULL;

	return s && s->type != SHT_NOBITS && s->size;
}

/* Returns 1 with *ret_table, which owns *lazy then; 0 = the file is to be compiled as a whole; or an error. */
static int make_table(struct unwind_lazy *lazy, uint32_t pages_min, struct unwind_table **ret_table)
{
	struct compiler *c = &lazy->compiler;
	struct table_counts counts = { .nr_rules = 1 };
	struct table_arrays arrays;
	struct unwind_table *table;
	uint64_t first_page = 0;
	uint32_t nr_pages;
	int rc = compiler_read_segments(c);

	if (rc)
		return rc;
	nr_pages = code_pages(c, &first_page);
	if (!nr_pages || nr_pages < pages_min)
		return 0;
	rc = read_entries(lazy);
	if (rc <= 0)
		return rc;
	rc = compiler_read_eh_frame(c, &lazy->elf);
	if (rc <= 0 || has_debug_frame(&lazy->elf))
		return MIN(rc, 0);
	counts.nr_segments = c->nr_segments;
	table = table_new(&counts, &arrays);
	if (!table)
		return -ENOMEM;
	memcpy(arrays.segments, c->segments, c->nr_segments * sizeof(*c->segments));
	arrays.rules[0] = (struct unwind_rule){ .cfa = UNWIND_CFA_GAP };
	arrays.page_rows[0] = 0;
	table->machine = c->arch->machine;
	table->first_page = first_page;
	table->nr_pages = nr_pages;
	table->lazy = lazy;
	*ret_table = table;
	return 1;
}

int lazy_open(int fd, uint32_t pages_min, struct unwind_table **ret_table)
{
	struct unwind_lazy *lazy = calloc(1, sizeof(*lazy));
	int rc;

	if (!lazy)
		return -ENOMEM;
	lazy->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	rc = lazy->fd < 0 ? -errno : compiler_open(lazy->fd, &lazy->elf);
	if (!rc)
		rc = compiler_init(&lazy->compiler, &lazy->elf);
	if (!rc)
		rc = make_table(lazy, pages_min, ret_table);
	if (rc <= 0)
		lazy_free(lazy);
	return rc;
}

int unwind_table_open(int fd, int debug_fd, struct unwind_table **ret_table, struct oc_error *err)
{
	/* Whatever is wrong, compiling the whole finds the words for it. */
	if (debug_fd < 0 && lazy_open(fd, PAGES_MIN, ret_table) == 1)
		return 0;
	return unwind_table_compile(fd, debug_fd, ret_table, err);
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

/* The CIE at an offset, read when it is first met. Returns 0; one that cannot be read stays unknown. */
static int need_cie(struct compiler *c, size_t offset)
{
	struct cfi_entry entry;
	size_t at = offset;

	if (u64_map_find(&c->cies[FROM_EH_FRAME].by_offset, (uint64_t)offset + 1))
		return 0;
	if (cfi_next_entry(&c->sections[FROM_EH_FRAME], &at, &entry) <= 0 || !entry.is_cie)
		return 0;
	return compiler_add_cie(c, FROM_EH_FRAME, &entry);
}

static int add_function(struct unwind_lazy *lazy, size_t i)
{
	struct compiler *c = &lazy->compiler;
	const struct cfi_section *section = &c->sections[FROM_EH_FRAME];
	uint64_t offset = entry_fde(lazy, i) - section->address;
	struct cfi_entry entry;
	size_t at = (size_t)offset;
	int rc;

	if (offset >= section->size || cfi_next_entry(section, &at, &entry) <= 0 || entry.is_cie)
		return 0;
	rc = need_cie(c, entry.cie);
	return rc ? rc : compiler_add_fde(c, FROM_EH_FRAME, &entry);
}

/* The first function that begins at `address` or behind it. */
static size_t first_from(const struct unwind_lazy *lazy, uint64_t address)
{
	return PARTITION_POINT(i, lazy->nr_entries, entry_start(lazy, i) < address);
}

/* Adds the functions of a page, with a neighbour on each side: the first one may reach into it, and gaps end at both. */
static int add_functions(struct unwind_lazy *lazy, uint64_t start, uint64_t end)
{
	size_t i = first_from(lazy, start);
	bool is_behind = false;
	int rc = 0;

	if (i)
		i = first_from(lazy, entry_start(lazy, i - 1));
	for (; i < lazy->nr_entries && !rc && !is_behind; i++) {
		is_behind = entry_start(lazy, i) >= end;
		rc = add_function(lazy, i);
	}
	return rc;
}

static int compile_page(struct unwind_lazy *lazy, uint64_t page, struct unwind_table **ret_table)
{
	struct compiler *c = &lazy->compiler;
	int rc;

	c->clip_start = page << UNWIND_PAGE_SHIFT;
	c->clip_end = (page + 1) << UNWIND_PAGE_SHIFT;
	c->nr_pieces = 0;
	rc = add_functions(lazy, c->clip_start, c->clip_end);
	if (!rc)
		rc = compiler_finish(c, ret_table);
	table_build_done(&c->build);
	return rc;
}

int unwind_table_page(const struct unwind_table *table, uint32_t index,
		      struct unwind_page_rows *ret_rows)
{
	struct unwind_lazy *lazy = table->lazy;
	const struct unwind_table *from = table;
	int rc;

	if (lazy) {
		unwind_table_free(lazy->page);
		lazy->page = NULL;
		rc = compile_page(lazy, table->first_page + index, &lazy->page);
		if (rc)
			return rc;
		from = lazy->page;
		index = 0;
	}
	*ret_rows = (struct unwind_page_rows){ .rules = from->rules, .nr_rules = from->nr_rules };
	if (from->nr_pages) {
		ret_rows->rows = from->rows + from->page_rows[index];
		ret_rows->nr_rows = from->page_rows[index + 1] - from->page_rows[index];
	}
	return 0;
}
