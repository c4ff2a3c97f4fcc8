/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chooses the symbol tables of an ELF file and matches them with places.
 * Called by the symbolizer.
 * Must not know locations, functions or the machine.
 */
#include "symbolize/file_symbols.h"

#include <elf.h>
#include <errno.h>
#include <unistd.h>

#include "base/macros.h"
#include "symbolize/mini_debuginfo.h"
#include "symbolize/plt_symbols.h"

/* Longer symbol names are cut; the longest of large C++ programs have some ten thousand bytes. */
#define NAME_MAX_BYTES 65536u
/* Names are read one by one or all at once. One costs about as much as 4 KiB of the latter (pread(2), measured). */
#define NAME_COST_BYTES 4096u
#define NAMES_AT_ONCE   (16u * 1024 * 1024)

/* ---- other files ------------------------------------------------------------------------------------------- */

static bool has_symbols(const struct elf_file *elf)
{
	return elf_file_section_by_type(elf, SHT_SYMTAB);
}

/* Unpacks the mini-debuginfo, if the file has it. Returns 1, 0 = none or damaged, or -ENOMEM. */
static int open_mini_debuginfo(struct file_symbols *fs)
{
	int rc = mini_debuginfo_unpack(fs->main, &fs->unpacked);

	if (rc != 1)
		return rc == -ENOMEM ? rc : 0;
	rc = elf_file_open_memory(&fs->debug, fs->unpacked.data, fs->unpacked.len);
	if (!rc)
		rc = elf_file_load_sections(&fs->debug);
	return !rc ? 1 : rc == -ENOMEM ? rc : 0;
}

/* ---- tables ------------------------------------------------------------------------------------------------ */

/* Adds the table of a type, if there is one. */
static void add_table(struct file_symbols *fs, const struct elf_file *elf, uint32_t type)
{
	const struct elf_section *symbols = elf_file_section_by_type(elf, type);

	if (symbols && symbols->link < elf->nr_sections &&
	    elf->sections[symbols->link].type == SHT_STRTAB)
		fs->tables[fs->nr_tables++] = (struct file_table){
			.elf = elf, .symbols = symbols, .names = &elf->sections[symbols->link]
		};
}

/* Reads all names of the tables if nr_places are likely to need many of them. Returns 0 or -ENOMEM. */
static int load_names(struct file_symbols *fs, size_t nr_places)
{
	for (uint32_t i = 0; i < fs->nr_tables; i++) {
		struct file_table *table = &fs->tables[i];
		uint64_t size = table->names->size;

		if (!size || size > NAMES_AT_ONCE || size / NAME_COST_BYTES > nr_places)
			continue;
		table->text = malloc(size);
		if (!table->text)
			return -ENOMEM;
		table->text_size = size;
		/* A table that claims to be larger than its file is still good for the names inside. */
		if (elf_file_read(table->elf, table->names->offset, table->text, size)) {
			free(take_ptr(&table->text));
			table->text_size = 0;
		}
	}
	return 0;
}

/* Appends the name at an offset of a table's names to *out, at most max bytes of it. */
static int read_name(const struct file_table *table, uint32_t offset, size_t max,
		     struct buffer *out)
{
	if (!table->text)
		return elf_file_string(table->elf, table->names, offset, max, out);
	if (offset >= table->text_size)
		return -EBADMSG;
	max = MIN(max, table->text_size - offset);
	buffer_append(out, table->text + offset, strnlen(table->text + offset, max));
	/* An empty name is text as well. */
	return buffer_reserve(out, 1);
}

static int choose_tables(struct file_symbols *fs, const struct debug_search *search)
{
	int rc = elf_file_load_sections(fs->main);

	if (rc)
		return rc;
	add_table(fs, fs->main, SHT_SYMTAB);
	fs->is_full = fs->nr_tables;
	if (fs->is_full)
		return 0;
	if (search->path)
		rc = debug_file_open(fs->main, search, has_symbols, &fs->debug, &fs->debug_fd);
	if (!rc)
		rc = open_mini_debuginfo(fs);
	if (rc < 0)
		return rc;
	/* Mini-debuginfo leaves out what the dynamic table has; a debug file has both. */
	if (rc)
		add_table(fs, &fs->debug, SHT_SYMTAB);
	fs->is_full = fs->nr_tables;
	add_table(fs, fs->main, SHT_DYNSYM);
	return 0;
}

/* ---- matching ---------------------------------------------------------------------------------------------- */

struct feed {
	struct file_symbols *fs;
	uint32_t table;
};

/* Mapping symbols of ARM and RISC-V ("$x", "$d.12") mark data in code; labels of compilers (".L12") are nobody's name. */
static bool is_marker(struct file_symbols *fs, const struct file_table *table,
		      const struct elf_symbol *symbol)
{
	const struct buffer *name = &fs->scratch;

	buffer_clear(&fs->scratch);
	if (read_name(table, symbol->name, 2, &fs->scratch) || !name->len)
		return true;
	return name->data[0] == '$' || !strcmp(name->data, ".L");
}

static enum symbol_rank rank_of(const struct elf_symbol *symbol)
{
	if (symbol->type == STT_NOTYPE)
		return SYMBOL_LABEL;
	if (symbol->binding == STB_LOCAL)
		return SYMBOL_LOCAL;
	return symbol->binding == STB_WEAK ? SYMBOL_WEAK : SYMBOL_GLOBAL;
}

static int feed_symbol(void *arg, const struct elf_symbol *in)
{
	struct feed *feed = arg;
	struct file_symbols *fs = feed->fs;
	const struct file_table *table = &fs->tables[feed->table];
	const struct elf_section *section;
	struct symbol symbol = { .start = in->value, .size = in->size };

	if (in->type != STT_FUNC && in->type != STT_GNU_IFUNC && in->type != STT_NOTYPE)
		return 0;
	if (in->section == SHN_UNDEF || in->section >= table->elf->nr_sections)
		return 0;
	section = &table->elf->sections[in->section];
	if (!(section->flags & SHF_EXECINSTR))
		return 0;
	/* The lowest bit of a function's address says Thumb code. */
	if (table->elf->machine == EM_ARM && in->type != STT_NOTYPE)
		symbol.start &= ~1ULL;
	if (symbol.start < section->address || symbol.start - section->address >= section->size)
		return 0;
	symbol.limit = section->address + section->size;
	symbol.rank = rank_of(in);
	symbol.name = (uint64_t)feed->table << 32 | in->name;
	if (symbol.start > fs->addresses[fs->match.nr - 1])
		return 0;
	if (in->type == STT_NOTYPE && is_marker(fs, table, in))
		return 0;
	return symbol_match_add(&fs->match, &symbol);
}

int file_symbols_name(const struct file_symbols *fs, const struct symbol *symbol,
		      struct buffer *out)
{
	const struct file_table *table = &fs->tables[symbol->name >> 32];
	int rc;

	buffer_clear(out);
	rc = read_name(table, (uint32_t)symbol->name, NAME_MAX_BYTES, out);
	if (!rc && symbol->name >> 32 == FILE_TABLE_PLT)
		buffer_puts(out, "@plt");
	return rc ? rc : out->error;
}

static uint64_t weigh_name(void *arg, uint64_t name)
{
	struct file_symbols *fs = arg;
	const struct symbol symbol = { .name = name };

	if (file_symbols_name(fs, &symbol, &fs->scratch))
		return UINT64_MAX;
	return symbol_name_weight(fs->scratch.data, fs->scratch.len);
}

struct place {
	uint64_t address;
	uint32_t index;
};

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

/* Turns offsets into ascending addresses. Returns how many there are, or -ENOMEM. */
static int64_t place_offsets(struct file_symbols *fs, const uint64_t *offsets, size_t nr)
{
	struct place *places __cleanup(cleanup_free) = malloc((nr + 1) * sizeof(*places));
	bool sorted = true;
	size_t n = 0;

	fs->addresses = malloc((nr + 1) * sizeof(*fs->addresses));
	fs->slots = calloc(nr + 1, sizeof(*fs->slots));
	if (!places || !fs->addresses || !fs->slots)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		if (!elf_file_address(fs->main, offsets[i], &places[n].address))
			continue;
		places[n].index = (uint32_t)i;
		sorted = sorted && (!n || places[n - 1].address <= places[n].address);
		n++;
	}
	/* Segments almost always lie in the same order in file and memory. */
	if (!sorted)
		qsort(places, n, sizeof(*places), compare_places);
	for (size_t i = 0; i < n; i++) {
		fs->addresses[i] = places[i].address;
		fs->slots[places[i].index] = (uint32_t)i + 1;
	}
	return (int64_t)n;
}

int file_symbols_open(struct file_symbols *fs, struct elf_file *elf,
		      const struct debug_search *search, const uint64_t *offsets, size_t nr)
{
	int64_t found;
	int rc;

	*fs = (struct file_symbols){ .main = elf, .debug_fd = -1 };
	found = place_offsets(fs, offsets, nr);
	if (found <= 0)
		return (int)found;
	rc = choose_tables(fs, search);
	if (!rc)
		rc = load_names(fs, (size_t)found);
	if (!rc)
		rc = symbol_match_init(&fs->match, fs->addresses, (size_t)found, SYMBOL_BEST,
				       weigh_name, fs);
	for (uint32_t i = 0; !rc && i < fs->nr_tables; i++) {
		struct feed feed = { .fs = fs, .table = i };

		rc = elf_file_each_symbol(fs->tables[i].elf, fs->tables[i].symbols, feed_symbol,
					  &feed);
	}
	if (!rc) {
		struct file_table *plt = &fs->tables[FILE_TABLE_PLT];

		plt->elf = elf;
		rc = plt_symbols_match(elf, &fs->match, (uint64_t)FILE_TABLE_PLT << 32,
				       &plt->names);
	}
	if (!rc)
		symbol_match_finish(&fs->match);
	return rc;
}

void file_symbols_close(struct file_symbols *fs)
{
	elf_file_close(&fs->debug);
	cleanup_close(&fs->debug_fd);
	buffer_done(&fs->unpacked);
	buffer_done(&fs->scratch);
	symbol_match_done(&fs->match);
	for (uint32_t i = 0; i < fs->nr_tables; i++)
		free(fs->tables[i].text);
	free(fs->addresses);
	free(fs->slots);
	*fs = (struct file_symbols){ .debug_fd = -1 };
}

const struct symbol *file_symbols_get(const struct file_symbols *fs, size_t i)
{
	if (!fs->slots || !fs->slots[i] || !fs->match.slots)
		return NULL;
	return symbol_match_get(&fs->match, fs->slots[i] - 1);
}
