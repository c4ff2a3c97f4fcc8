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
#include "unwind/modules.h"

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

struct unwinder_image {
	struct unwind_image image;
	bool is_current; /* what is mapped has not changed since it was made */
};

struct perf_data_unwinder {
	struct sink *sink;
	struct oc_machine *m;
	struct oc_symbolizer *symbolizer;
	struct unwind_memory memory;
	struct unwind_modules *modules; /* by the sink's numbers */
	bool is_arm64;
	uint32_t tick;
	uint32_t nr_walks;
	struct unwinder_image *images; /* by the sink's number of a process */
	size_t nr_images;
	size_t images_cap;
};

struct perf_data_unwinder *perf_data_unwinder_new(struct sink *sink, struct oc_machine *m,
						  bool is_arm64)
{
	struct perf_data_unwinder *u = calloc(1, sizeof(*u));
	struct unwind_modules_opts opts = {
		.table_bytes = TABLE_BYTES_MAX,
		.machine = is_arm64 ? EM_AARCH64 : EM_X86_64,
	};

	if (!u)
		return NULL;
	u->sink = sink;
	u->m = m;
	u->is_arm64 = is_arm64;
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
	opts.memory = &u->memory;
	u->symbolizer = oc_symbolizer_new(NULL);
	if (u->symbolizer && u->memory.ranges && u->memory.directory && u->memory.rules &&
	    u->memory.rows && !unwind_modules_new(&opts, &u->modules))
		return u;
	perf_data_unwinder_free(u);
	return NULL;
}

void perf_data_unwinder_free(struct perf_data_unwinder *u)
{
	if (!u)
		return;
	unwind_modules_free(u->modules);
	oc_symbolizer_free(u->symbolizer);
	free(u->memory.ranges);
	free(u->memory.directory);
	free(u->memory.rules);
	free(u->memory.rows);
	free(u->images);
	free(u);
}

/* ---- modules ------------------------------------------------------------------------------------------------- */

/* Compiles the table of a file. *ret_table stays NULL when there is none to be had. Returns 0 or -ENOMEM. */
static int compile(struct perf_data_unwinder *u, const struct sink_mapping *mapping,
		   const struct perf_data_copy *copy, struct unwind_table **ret_table)
{
	int fd __cleanup(cleanup_close) = -ENOENT;
	int rc;

	if (mapping->build_id_size || copy->is_same_host)
		fd = oc_symbolizer_open(u->symbolizer, u->m, (oc_module_id)mapping->module, 0);
	if (fd < 0)
		return fd == -ENOMEM ? fd : 0;
	rc = unwind_table_compile(fd, -1, ret_table, NULL);
	return rc == -ENOMEM ? rc : 0;
}

/* ---- images -------------------------------------------------------------------------------------------------- */

static int add_mapping(struct perf_data_unwinder *u, const struct sink_mapping *from,
		       const struct perf_data_copy *copy)
{
	struct unwind_mapping mapping = {
		.start = from->start,
		.end = from->end,
		.file_offset = from->file_offset,
		.module = from->type == SINK_MAPPING_FILE ? from->module : 0,
	};
	struct unwind_table *table = NULL;
	int rc = 0;

	if (mapping.module && unwind_modules_wants(u->modules, mapping.module)) {
		rc = compile(u, from, copy, &table);
		rc = rc ? rc : unwind_modules_add(u->modules, mapping.module, table);
	}
	return rc ? rc : unwind_modules_map(u->modules, &mapping);
}

/* The store has no more room for what processes have mapped: those that are still sampled are put in again. */
static void drop_images(struct perf_data_unwinder *u)
{
	for (size_t i = 0; i < u->nr_images; i++) {
		if (u->images[i].image.nr)
			unwind_modules_drop(u->modules, &u->images[i].image);
		u->images[i] = (struct unwinder_image){ 0 };
	}
}

/* Puts what a process has mapped into the store. Without room it has nothing mapped. */
static int put_image(struct perf_data_unwinder *u, const struct perf_data_copy *copy,
		     struct unwinder_image *image)
{
	struct sink_mapping mapping;
	uint64_t address = 0;
	int rc;

	unwind_modules_begin(u->modules);
	while (u->sink->ops->mapping_next(u->sink, copy->process, address, &mapping)) {
		rc = add_mapping(u, &mapping, copy);
		if (rc)
			return rc;
		address = mapping.end;
	}
	if (image->image.nr)
		unwind_modules_drop(u->modules, &image->image);
	image->image.nr = 0;
	image->is_current = true;
	rc = unwind_modules_put(u->modules, &image->image);
	if (rc == -ENOSPC) {
		drop_images(u);
		image->is_current = true;
		rc = unwind_modules_put(u->modules, &image->image);
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

/* Takes the registers out of a sample. False = those that a walk begins with are missing. */
static bool take_regs(const struct perf_data_copy *copy, bool is_arm64,
		      struct unwind_regs *ret_regs)
{
	/* perf: ax bx cx dx si di bp sp ip flags cs ss ds es fs gs r8..r15; DWARF: ax dx cx bx si di bp sp r8..r15. */
	static const uint8_t x86[] = { 0,        3,        2,        1,        4,        5,
				       6,        7,        REG_NONE, REG_NONE, REG_NONE, REG_NONE,
				       REG_NONE, REG_NONE, REG_NONE, REG_NONE, 8,        9,
				       10,       11,       12,       13,       14,       15 };
	uint32_t ip = is_arm64 ? ARM64_PERF_PC : X86_PERF_IP;
	uint64_t needed = 1ULL << ip | 1ULL << (is_arm64 ? ARM64_SP : X86_SP);
	const uint8_t *at = copy->regs;

	*ret_regs = (struct unwind_regs){ 0 };
	for (uint32_t i = 0; i < PERF_REGS_MAX; i++) {
		uint32_t number = i;

		if (!(copy->mask >> i & 1))
			continue;
		if (!is_arm64)
			number = i < ARRAY_SIZE(x86) ? x86[i] : REG_NONE;
		if (i == ip)
			ret_regs->ip = le64(at);
		else if (number < UNWIND_NR_REGS)
			ret_regs->numbered[number] = le64(at);
		at += 8;
	}
	return (copy->mask & needed) == needed;
}

static void judge(const struct unwind_walk_result *result, struct perf_data_walk *walk)
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
		walk->incomplete = OC_STACK_BAD_ADDRESS;
		break;
	case UNWIND_NO_PAGE:
		walk->incomplete = OC_STACK_NO_TABLE;
		break;
	case UNWIND_NO_IMAGE:
	case UNWIND_NO_RANGE:
		walk->incomplete = OC_STACK_NO_MAPPING;
		break;
	default:
		walk->incomplete = OC_STACK_NO_UNWIND_INFO;
		break;
	}
}

int perf_data_unwinder_walk(struct perf_data_unwinder *u, const struct perf_data_copy *copy,
			    uint64_t *frames, uint32_t max, struct perf_data_walk *ret_walk)
{
	struct unwind_regs regs;
	struct unwind_copy in = { .regs = &regs, .stack = copy->stack, .size = copy->stack_size };
	struct unwind_walk_result result;
	struct unwind_image image;
	int rc;

	*ret_walk = (struct perf_data_walk){ .incomplete = OC_STACK_NO_STACK };
	if (!take_regs(copy, u->is_arm64, &regs))
		return 0;
	/* The instruction that enters the kernel leaves the address behind it in rcx, and nothing else does. */
	in.is_behind_syscall = copy->in_kernel && !u->is_arm64 && regs.numbered[X86_CX] == regs.ip;
	rc = get_image(u, copy, &image);
	if (rc)
		return rc;
	if (++u->nr_walks % WALKS_PER_TICK == 0)
		u->tick++;
	unwind_modules_walk(u->modules, &image, &in, frames, max, &result);
	judge(&result, ret_walk);
	return 0;
}
