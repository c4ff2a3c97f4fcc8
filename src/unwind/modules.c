/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeping modules, their tables and the images that have them mapped in a store, and walking copied stacks by it.
 * Called by src/linux/unwind_feed.c and src/perf_data_unwind.c.
 * Must not know where tables, mappings and copies come from.
 */
#include "unwind/modules.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/u32_map.h"

/* All pages of a module are loaded when it is first mapped as long as the store is not fuller than one part in so many;
 * a page is some 5 KiB of rows. */
#define PRELOAD_PART 2

/* The stack pointer in struct unwind_regs. */
#define SP_X86_64  7
#define SP_AARCH64 31

struct module {
	struct unwind_table *table; /* NULL = there is none */
	uint32_t number;            /* in the store; 0 = not there */
	uint32_t nr_ranges; /* of it, in slices of the store and of the image that is being made */
	bool is_tried;
};

struct unwind_modules {
	struct unwind_modules_opts opts;
	struct unwind_store *store;
	struct unwind_modules_stats stats;

	struct u32_map index; /* the caller's number -> index + 1 */
	struct module *list;
	size_t nr;
	size_t cap;
	struct u32_map by_number; /* in the store -> index */

	struct unwind_range *ranges; /* [nr_ranges], of the image that is being made */
	uint32_t nr_ranges;
	size_t ranges_cap;
};

int unwind_modules_new(const struct unwind_modules_opts *opts, struct unwind_modules **ret_modules)
{
	struct unwind_modules *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return -ENOMEM;
	m->opts = *opts;
	rc = unwind_store_new(opts->memory, opts->quiesce, opts->quiesce_arg, &m->store);
	if (rc) {
		free(m);
		return rc;
	}
	*ret_modules = m;
	return 0;
}

void unwind_modules_free(struct unwind_modules *modules)
{
	if (!modules)
		return;
	unwind_store_free(modules->store);
	for (size_t i = 0; i < modules->nr; i++)
		unwind_table_free(modules->list[i].table);
	u32_map_done(&modules->index);
	u32_map_done(&modules->by_number);
	free(modules->list);
	free(modules->ranges);
	free(modules);
}

struct unwind_store *unwind_modules_store(const struct unwind_modules *modules)
{
	return modules->store;
}

void unwind_modules_stats(const struct unwind_modules *modules,
			  struct unwind_modules_stats *ret_stats)
{
	*ret_stats = modules->stats;
}

/* ---- modules ------------------------------------------------------------------------------------------------ */

/* By the caller's number; NULL = not known. */
static struct module *find(const struct unwind_modules *m, uint32_t number)
{
	uint32_t index;

	return u32_map_get(&m->index, number, &index) ? &m->list[index - 1] : NULL;
}

bool unwind_modules_wants(const struct unwind_modules *modules, uint32_t number)
{
	const struct module *module = find(modules, number);

	return !module || !module->is_tried;
}

/* NULL = no memory. */
static struct module *find_or_make(struct unwind_modules *m, uint32_t number)
{
	struct module *module = find(m, number);

	if (module)
		return module;
	if (array_reserve(&m->list, &m->cap, m->nr + 1, sizeof(*m->list)) ||
	    u32_map_set(&m->index, number, (uint32_t)m->nr + 1))
		return NULL;
	m->list[m->nr] = (struct module){ 0 };
	return &m->list[m->nr++];
}

static void drop_module(struct unwind_modules *m, struct module *module)
{
	if (module->number) {
		u32_map_remove(&m->by_number, module->number, NULL);
		unwind_store_remove_module(m->store, module->number);
	}
	m->stats.tables--;
	m->stats.table_bytes -= unwind_table_bytes(module->table);
	unwind_table_free(module->table);
	*module = (struct module){ 0 };
}

/* Makes room. */
static void drop_unused(struct unwind_modules *m)
{
	for (size_t i = 0; i < m->nr; i++) {
		if (m->list[i].table && !m->list[i].nr_ranges)
			drop_module(m, &m->list[i]);
	}
}

static void preload(struct unwind_modules *m, const struct unwind_table *table, uint32_t number)
{
	const struct unwind_memory *memory = m->opts.memory;
	uint64_t room = (uint64_t)memory->nr_chunks * UNWIND_CHUNK_WORDS * sizeof(uint32_t);
	struct unwind_store_stats stats;

	if (table->lazy)
		return;
	unwind_store_stats(m->store, &stats);
	if (stats.row_bytes + table->nr_rows * sizeof(uint32_t) > room / PRELOAD_PART)
		return;
	for (uint32_t i = 0; i < table->nr_pages; i++) {
		/* Full: the rest comes when it is asked for. */
		if (unwind_store_load_page(m->store, number, table->first_page + i))
			return;
	}
}

/* *ret_number stays 0 when there is no room. */
static int add_to_store(struct unwind_modules *m, const struct unwind_table *table, uint32_t index,
			uint32_t *ret_number)
{
	uint32_t number;
	int rc = unwind_store_add_module(m->store, table, &number);

	if (rc == -ENOSPC) {
		drop_unused(m);
		rc = unwind_store_add_module(m->store, table, &number);
	}
	if (rc == -ENOSPC) {
		m->stats.refused++;
		return 0;
	}
	if (rc)
		return rc;
	rc = u32_map_set(&m->by_number, number, index);
	if (rc) {
		unwind_store_remove_module(m->store, number);
		return rc;
	}
	if (m->opts.preloads)
		preload(m, table, number);
	*ret_number = number;
	return 0;
}

int unwind_modules_add(struct unwind_modules *modules, uint32_t number, struct unwind_table *table)
{
	struct unwind_modules *m = modules;
	struct module *module = find_or_make(m, number);
	size_t bytes = table ? unwind_table_bytes(table) : 0;
	int rc = 0;

	if (!module) {
		unwind_table_free(table);
		return -ENOMEM;
	}
	module->is_tried = true;
	if (!table)
		return 0;
	if (m->stats.table_bytes + bytes > m->opts.table_bytes)
		drop_unused(m);
	if (table->machine != m->opts.machine ||
	    m->stats.table_bytes + bytes > m->opts.table_bytes) {
		m->stats.refused++;
		unwind_table_free(table);
		return 0;
	}
	if (table->nr_pages)
		rc = add_to_store(m, table, (uint32_t)(module - m->list), &module->number);
	module->table = table;
	m->stats.tables++;
	m->stats.table_bytes += bytes;
	return rc;
}

/* ---- images ------------------------------------------------------------------------------------------------- */

/* Counts ranges in, or out, of their modules. */
static void count_ranges(struct unwind_modules *m, const struct unwind_range *ranges, uint32_t nr,
			 bool is_in)
{
	uint32_t index;

	for (uint32_t i = 0; i < nr; i++) {
		if (!ranges[i].module || !u32_map_get(&m->by_number, ranges[i].module, &index))
			continue;
		if (is_in)
			m->list[index].nr_ranges++;
		else
			m->list[index].nr_ranges--;
	}
}

void unwind_modules_begin(struct unwind_modules *modules)
{
	count_ranges(modules, modules->ranges, modules->nr_ranges, false);
	modules->nr_ranges = 0;
}

/* The number in the store that a walk through a mapping goes by, with its bias; 0 = none. */
static uint32_t number_of(const struct unwind_modules *m, const struct unwind_mapping *mapping,
			  uint64_t *ret_bias)
{
	const struct module *module = mapping->module ? find(m, mapping->module) : NULL;

	*ret_bias = 0;
	if (!module || !module->number ||
	    unwind_table_bias(module->table, mapping->start, mapping->file_offset, ret_bias))
		return 0;
	return module->number;
}

int unwind_modules_map(struct unwind_modules *modules, const struct unwind_mapping *mapping)
{
	struct unwind_modules *m = modules;
	uint64_t bias;
	uint32_t number = number_of(m, mapping, &bias), nr;

	if (array_reserve(&m->ranges, &m->ranges_cap, m->nr_ranges + UNWIND_MAPPING_RANGES,
			  sizeof(*m->ranges)))
		return -ENOMEM;
	nr = unwind_store_mapping(m->store, number, mapping->start, mapping->end, bias,
				  &m->ranges[m->nr_ranges]);
	count_ranges(m, &m->ranges[m->nr_ranges], nr, true);
	m->nr_ranges += nr;
	return 0;
}

int unwind_modules_put(struct unwind_modules *modules, struct unwind_image *image)
{
	int rc =
		unwind_store_put_ranges(modules->store, modules->ranges, modules->nr_ranges, image);

	/* They are counted for the slice from now on. */
	if (!rc)
		modules->nr_ranges = 0;
	return rc;
}

void unwind_modules_drop(struct unwind_modules *modules, const struct unwind_image *image)
{
	count_ranges(modules, modules->opts.memory->ranges + image->first, image->nr, false);
	unwind_store_drop_ranges(modules->store, image);
}

bool unwind_modules_same(const struct unwind_modules *modules, const struct unwind_range *range,
			 const struct unwind_mapping *mapping)
{
	uint64_t bias;

	return number_of(modules, mapping, &bias) == range->module && bias == range->bias;
}

/* ---- copies ------------------------------------------------------------------------------------------------- */

struct copy_reader {
	struct unwind_store *store;
	const struct unwind_copy *copy;
	uint64_t start;
	bool is_beyond; /* something was wanted above what was copied */
};

static int read_copy(void *arg, uint64_t address, void *to, size_t size)
{
	struct copy_reader *reader = arg;
	uint64_t offset = address - reader->start, there = reader->copy->size;

	if (address < reader->start || offset > there || there - offset < size) {
		reader->is_beyond |= address >= reader->start;
		return -EFAULT;
	}
	memcpy(to, reader->copy->stack + offset, size);
	return 0;
}

static int load_page(void *arg, uint32_t module, uint64_t page)
{
	return unwind_store_load_page(((struct copy_reader *)arg)->store, module, page);
}

void unwind_modules_walk(struct unwind_modules *modules, const struct unwind_image *image,
			 const struct unwind_copy *copy, uint64_t *frames, uint32_t max,
			 struct unwind_walk_result *ret_result)
{
	uint16_t machine = modules->opts.machine;
	struct copy_reader reader = {
		.store = modules->store,
		.copy = copy,
		.start = copy->regs->numbered[machine == EM_AARCH64 ? SP_AARCH64 : SP_X86_64],
	};
	struct unwind_walk_input input = {
		.memory = modules->opts.memory,
		.image = *image,
		.machine = machine,
		.is_behind_syscall = copy->is_behind_syscall,
		.read = read_copy,
		.load = load_page,
		.arg = &reader,
	};

	unwind_walk(&input, copy->regs, frames, max, ret_result);
	if (reader.is_beyond &&
	    (ret_result->outcome == UNWIND_BAD_ADDRESS || ret_result->outcome == UNWIND_NO_INFO))
		ret_result->outcome = UNWIND_TRUNCATED;
}
