/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walking copied stacks with tables that are compiled from the mapped files when they are first needed.
 * Called by perf_data_tell.c.
 * Must not know records.
 */
#include "perf_data_unwind.h"

#include <elf.h>
#include <errno.h>
#include <unistd.h>

#include <onecollect/symbolize.h>

#include "base/array.h"
#include "base/le.h"
#include "base/macros.h"
#include "base/u32_map.h"
#include "unwind/store.h"
#include "unwind/walk.h"

/* Room for tables: what is not there is loaded again. Untouched memory costs nothing. */
#define NR_RANGES 65536
#define NR_PAGES  32768
#define NR_CHUNKS 128 /* 32 MiB of rows */
/* Tables in memory, in sum; files beyond it are walked by frame pointers. */
#define TABLE_BYTES_MAX (1ULL << 30)
/* Pages that were not used in so many walks make room for others. */
#define WALKS_PER_TICK 4096

/* Numbers of registers in perf's masks, and in struct unwind_regs (DWARF's). */
#define REG_NONE      0xff
#define X86_PERF_IP   8
#define X86_SP        7
#define X86_CX        2
#define ARM64_PERF_PC 32
#define ARM64_SP      31
#define PERF_REGS_MAX 64

struct unwinder_module {
	struct unwind_table *table; /* NULL = there is none */
	uint32_t number;            /* in the store; 0 = not there */
	bool is_tried;
};

struct unwinder_image {
	struct unwind_image image;
	bool is_current; /* what is mapped has not changed since it was made */
};

struct perf_data_unwinder {
	struct sink *sink;
	struct oc_machine *m;
	struct oc_symbolizer *symbolizer;
	struct unwind_memory memory;
	struct unwind_store *store;
	uint32_t tick;
	uint32_t nr_walks;
	uint64_t table_bytes;
	struct unwinder_module *modules; /* by the sink's number */
	size_t nr_modules;
	size_t modules_cap;
	struct unwinder_image *images; /* by the sink's number of a process */
	size_t nr_images;
	size_t images_cap;
	struct unwind_range *ranges; /* scratch */
	size_t ranges_cap;
};

/* What a walk reads from. */
struct copy_reader {
	struct perf_data_unwinder *u;
	uint64_t start;
	const struct perf_data_copy *copy;
	bool is_beyond; /* something was wanted above what was copied */
};

struct perf_data_unwinder *perf_data_unwinder_new(struct sink *sink, struct oc_machine *m)
{
	struct perf_data_unwinder *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->sink = sink;
	u->m = m;
	u->memory = (struct unwind_memory){
		.ranges = calloc(NR_RANGES, sizeof(*u->memory.ranges)),
		.directory = calloc(NR_PAGES, sizeof(*u->memory.directory)),
		.rules = calloc(UNWIND_RULES_MAX, sizeof(*u->memory.rules)),
		.rows = calloc((size_t)NR_CHUNKS * UNWIND_CHUNK_WORDS, sizeof(*u->memory.rows)),
		.tick = &u->tick,
		.nr_ranges = NR_RANGES,
		.nr_pages = NR_PAGES,
		.nr_rules = UNWIND_RULES_MAX,
		.nr_chunks = NR_CHUNKS,
	};
	u->symbolizer = oc_symbolizer_new(NULL);
	if (u->symbolizer && u->memory.ranges && u->memory.directory && u->memory.rules &&
	    u->memory.rows && !unwind_store_new(&u->memory, NULL, NULL, &u->store))
		return u;
	perf_data_unwinder_free(u);
	return NULL;
}

void perf_data_unwinder_free(struct perf_data_unwinder *u)
{
	if (!u)
		return;
	unwind_store_free(u->store);
	for (size_t i = 0; i < u->nr_modules; i++)
		unwind_table_free(u->modules[i].table);
	oc_symbolizer_free(u->symbolizer);
	free(u->memory.ranges);
	free(u->memory.directory);
	free(u->memory.rules);
	free(u->memory.rows);
	free(u->modules);
	free(u->images);
	free(u->ranges);
	free(u);
}

/* ---- modules ------------------------------------------------------------------------------------------------- */

/* Compiles the table of a file. *ret_table stays NULL when there is none to be had. Returns 0 or -ENOMEM. */
static int compile(struct perf_data_unwinder *u, uint32_t number, uint16_t machine,
		   struct unwind_table **ret_table)
{
	struct unwind_table *table;
	int fd __cleanup(cleanup_close) =
		oc_symbolizer_open(u->symbolizer, u->m, (oc_module_id)number, 0);
	int rc;

	if (fd < 0)
		return fd == -ENOMEM ? fd : 0;
	rc = unwind_table_compile(fd, -1, &table, NULL);
	if (rc)
		return rc == -ENOMEM ? rc : 0;
	if (table->machine != machine || !table->nr_pages ||
	    u->table_bytes + unwind_table_bytes(table) > TABLE_BYTES_MAX) {
		unwind_table_free(table);
		return 0;
	}
	u->table_bytes += unwind_table_bytes(table);
	*ret_table = table;
	return 0;
}

/* The record of what a mapping maps, with its table when there is one. Returns 0 or -ENOMEM. */
static int get_module(struct perf_data_unwinder *u, const struct sink_mapping *mapping,
		      const struct perf_data_copy *copy, struct unwinder_module **ret_module)
{
	size_t need = (size_t)mapping->module + 1;
	struct unwinder_module *module;
	int rc;

	if (array_reserve(&u->modules, &u->modules_cap, need, sizeof(*u->modules)))
		return -ENOMEM;
	while (u->nr_modules < need)
		u->modules[u->nr_modules++] = (struct unwinder_module){ 0 };
	module = &u->modules[mapping->module];
	*ret_module = module;
	if (module->is_tried || mapping->type != SINK_MAPPING_FILE)
		return 0;
	module->is_tried = true;
	if (!mapping->build_id_size && !copy->is_same_host)
		return 0;
	rc = compile(u, mapping->module, copy->is_arm64 ? EM_AARCH64 : EM_X86_64, &module->table);
	if (rc || !module->table)
		return rc;
	rc = unwind_store_add_module(u->store, module->table, &module->number);
	return rc == -ENOMEM ? rc : 0;
}

/* ---- images -------------------------------------------------------------------------------------------------- */

static int add_ranges(struct perf_data_unwinder *u, const struct sink_mapping *mapping,
		      const struct perf_data_copy *copy, uint32_t *nr)
{
	struct unwinder_module *module;
	uint32_t number = 0;
	uint64_t bias = 0;
	int rc = get_module(u, mapping, copy, &module);

	if (rc)
		return rc;
	if (module->number &&
	    !unwind_table_bias(module->table, mapping->start, mapping->file_offset, &bias))
		number = module->number;
	if (array_reserve(&u->ranges, &u->ranges_cap, *nr + UNWIND_MAPPING_RANGES,
			  sizeof(*u->ranges)))
		return -ENOMEM;
	*nr += unwind_store_mapping(u->store, number, mapping->start, mapping->end, bias,
				    &u->ranges[*nr]);
	return 0;
}

/* The store has no more room for what processes have mapped: those that are still sampled are put in again. */
static void drop_images(struct perf_data_unwinder *u)
{
	for (size_t i = 0; i < u->nr_images; i++) {
		if (u->images[i].image.nr)
			unwind_store_drop_ranges(u->store, &u->images[i].image);
		u->images[i] = (struct unwinder_image){ 0 };
	}
}

/* Puts what a process has mapped into the store. Without room it has nothing mapped. */
static int put_image(struct perf_data_unwinder *u, const struct perf_data_copy *copy,
		     struct unwinder_image *image)
{
	struct sink_mapping mapping;
	uint64_t address = 0;
	uint32_t nr = 0;
	int rc;

	while (u->sink->ops->mapping_next(u->sink, copy->process, address, &mapping)) {
		rc = add_ranges(u, &mapping, copy, &nr);
		if (rc)
			return rc;
		address = mapping.end;
	}
	if (image->image.nr)
		unwind_store_drop_ranges(u->store, &image->image);
	image->image.nr = 0;
	image->is_current = true;
	rc = unwind_store_put_ranges(u->store, u->ranges, nr, &image->image);
	if (rc == -ENOSPC) {
		drop_images(u);
		image->is_current = true;
		rc = unwind_store_put_ranges(u->store, u->ranges, nr, &image->image);
	}
	return rc == -ENOMEM ? rc : 0;
}

static int get_image(struct perf_data_unwinder *u, const struct perf_data_copy *copy,
		     struct unwind_image *ret_image)
{
	size_t need = (size_t)copy->process + 1;
	struct unwinder_image *image;
	int rc = 0;

	if (array_reserve(&u->images, &u->images_cap, need, sizeof(*u->images)))
		return -ENOMEM;
	while (u->nr_images < need)
		u->images[u->nr_images++] = (struct unwinder_image){ 0 };
	image = &u->images[copy->process];
	if (!image->is_current)
		rc = put_image(u, copy, image);
	*ret_image = image->image;
	return rc;
}

void perf_data_unwinder_mapped(struct perf_data_unwinder *u, sink_process process)
{
	if (process < u->nr_images)
		u->images[process].is_current = false;
}

/* ---- walks --------------------------------------------------------------------------------------------------- */

static int read_copy(void *arg, uint64_t address, void *to, size_t size)
{
	struct copy_reader *reader = arg;
	uint64_t offset = address - reader->start, there = reader->copy->stack_size;

	if (address < reader->start || offset > there || there - offset < size) {
		reader->is_beyond |= address >= reader->start;
		return -EFAULT;
	}
	memcpy(to, reader->copy->stack + offset, size);
	return 0;
}

static int load_page(void *arg, uint32_t module, uint64_t page)
{
	return unwind_store_load_page(((struct copy_reader *)arg)->u->store, module, page);
}

/* Takes the registers out of a sample. False = those that a walk begins with are missing. */
static bool take_regs(const struct perf_data_copy *copy, struct unwind_regs *ret_regs)
{
	/* perf: ax bx cx dx si di bp sp ip flags cs ss ds es fs gs r8..r15; DWARF: ax dx cx bx si di bp sp r8..r15. */
	static const uint8_t x86[] = { 0,        3,        2,        1,        4,        5,
				       6,        7,        REG_NONE, REG_NONE, REG_NONE, REG_NONE,
				       REG_NONE, REG_NONE, REG_NONE, REG_NONE, 8,        9,
				       10,       11,       12,       13,       14,       15 };
	uint32_t ip = copy->is_arm64 ? ARM64_PERF_PC : X86_PERF_IP;
	uint64_t needed = 1ULL << ip | 1ULL << (copy->is_arm64 ? ARM64_SP : X86_SP);
	const uint8_t *at = copy->regs;

	*ret_regs = (struct unwind_regs){ 0 };
	for (uint32_t i = 0; i < PERF_REGS_MAX; i++) {
		uint32_t number = i;

		if (!(copy->mask >> i & 1))
			continue;
		if (!copy->is_arm64)
			number = i < ARRAY_SIZE(x86) ? x86[i] : REG_NONE;
		if (i == ip)
			ret_regs->ip = le64(at);
		else if (number < UNWIND_NR_REGS)
			ret_regs->numbered[number] = le64(at);
		at += 8;
	}
	return (copy->mask & needed) == needed;
}

static void judge(const struct unwind_walk_result *result, const struct copy_reader *reader,
		  struct perf_data_walk *walk)
{
	walk->nr = result->nr_frames;
	switch (result->outcome) {
	case UNWIND_COMPLETE:
	case UNWIND_FP_END:
		walk->is_complete = true;
		break;
	case UNWIND_TRUNCATED:
		walk->incomplete = OC_STACK_TRUNCATED;
		break;
	case UNWIND_BAD_ADDRESS:
		walk->incomplete = reader->is_beyond ? OC_STACK_TRUNCATED : OC_STACK_BAD_ADDRESS;
		break;
	case UNWIND_NO_PAGE:
		walk->incomplete = OC_STACK_NO_TABLE;
		break;
	case UNWIND_NO_IMAGE:
	case UNWIND_NO_RANGE:
		walk->incomplete = OC_STACK_NO_MAPPING;
		break;
	default:
		walk->incomplete = reader->is_beyond ? OC_STACK_TRUNCATED : OC_STACK_NO_UNWIND_INFO;
		break;
	}
}

int perf_data_unwinder_walk(struct perf_data_unwinder *u, const struct perf_data_copy *copy,
			    uint64_t *frames, uint32_t max, struct perf_data_walk *ret_walk)
{
	struct copy_reader reader = { .u = u, .copy = copy };
	struct unwind_walk_input input = {
		.memory = &u->memory,
		.machine = copy->is_arm64 ? EM_AARCH64 : EM_X86_64,
		.read = read_copy,
		.load = load_page,
		.arg = &reader,
	};
	struct unwind_walk_result result;
	struct unwind_regs regs;
	int rc;

	*ret_walk = (struct perf_data_walk){ .incomplete = OC_STACK_NO_STACK };
	if (!take_regs(copy, &regs))
		return 0;
	reader.start = regs.numbered[copy->is_arm64 ? ARM64_SP : X86_SP];
	/* The instruction that enters the kernel leaves the address behind it in rcx, and nothing else does. */
	input.is_behind_syscall =
		copy->in_kernel && !copy->is_arm64 && regs.numbered[X86_CX] == regs.ip;
	rc = get_image(u, copy, &input.image);
	if (rc)
		return rc;
	if (++u->nr_walks % WALKS_PER_TICK == 0)
		u->tick++;
	unwind_walk(&input, &regs, frames, max, &result);
	judge(&result, &reader, ret_walk);
	return 0;
}
