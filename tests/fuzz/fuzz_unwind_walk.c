/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walks with hostile registers over hostile stacks, by hostile tables: either the arrays of a store hold any bytes, or the
 * store is given a table with any rules and rows.
 *
 * An input: flags, five registers, rules, then words that are rows (or the bytes of all arrays), and stack.
 */
#include "fuzz.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "unwind/walk.h"

#define NR_RULES    16
#define NR_TABLE    32 /* rules of a table: more than there is room for */
#define STACK_BYTES 65536
#define CODE        0x400000ULL
#define GENERATED   0x900000ULL

enum { IS_ARM64 = 1, IS_RAW = 2, CAN_LOAD = 4 };

/* What is left of the input. */
struct input {
	const uint8_t *data;
	size_t size;
	uint64_t stack; /* address */
	struct unwind_store *store;
};

/* Zeros when there is no more. */
static void take(struct input *in, void *to, size_t size)
{
	size_t nr = MIN(size, in->size);

	memset(to, 0, size);
	memcpy(to, in->data, nr);
	in->data += nr;
	in->size -= nr;
}

/* The stack repeats the rest of the input. */
static int read_stack(void *arg, uint64_t address, void *to, size_t size)
{
	const struct input *in = arg;
	uint64_t offset = address - in->stack;

	if (offset > STACK_BYTES || STACK_BYTES - offset < size)
		return -EFAULT;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = in->size ? in->data[(offset + i) % in->size] : 0;
	return 0;
}

static int load_page(void *arg, uint32_t module, uint64_t page)
{
	const struct input *in = arg;

	return in->store ? unwind_store_load_page(in->store, module, page) : -ENOENT;
}

/* Any bytes, over and over. */
static void fill(const struct input *in, void *to, size_t size)
{
	for (size_t at = 0; in->size && at < size; at += in->size)
		memcpy((char *)to + at, in->data, MIN(in->size, size - at));
}

/* A table with the rules and rows of the input, and a mapping of it. */
static void load_table(struct input *in, const struct unwind_memory *memory,
		       struct unwind_table *table, struct unwind_image *image)
{
	static uint32_t page_rows[4], rows[8192];
	static struct unwind_rule rules[NR_TABLE];
	struct unwind_range ranges[2 * UNWIND_MAPPING_RANGES];
	uint32_t nr = (uint32_t)MIN(in->size / 8, ARRAY_SIZE(rows)), module = 0;

	take(in, rules, sizeof(rules));
	memcpy(rows, in->data, MIN(in->size, nr * sizeof(*rows)));
	page_rows[1] = nr / 2;
	page_rows[2] = page_rows[3] = nr;
	*table = (struct unwind_table){
		.nr_pages = 3,
		.nr_rows = nr,
		.nr_rules = NR_TABLE,
		.page_rows = page_rows,
		.rows = rows,
		.rules = rules,
	};
	if (unwind_store_new(memory, NULL, NULL, &in->store) ||
	    unwind_store_add_module(in->store, table, &module))
		abort();
	nr = unwind_store_mapping(in->store, module, CODE, CODE + 0x40000, CODE, ranges);
	nr += unwind_store_mapping(in->store, 0, GENERATED, GENERATED + 4096, 0, ranges + nr);
	if (unwind_store_put_ranges(in->store, ranges, nr, image))
		abort();
	for (uint64_t page = 0; page < 2; page++)
		unwind_store_load_page(in->store, module, page);
}

static void walk(struct input *in, const struct unwind_memory *memory,
		 const struct unwind_image *image, uint8_t flags, const uint64_t *registers)
{
	struct unwind_walk_input input = {
		.memory = memory,
		.image = *image,
		.machine = flags & IS_ARM64 ? EM_AARCH64 : EM_X86_64,
		.read = read_stack,
		.load = flags & CAN_LOAD ? load_page : NULL,
		.arg = in,
	};
	static struct unwind_known known[UNWIND_KNOWN_MAX];
	uint64_t frames[UNWIND_FRAMES_MAX], again[UNWIND_FRAMES_MAX];
	struct unwind_regs regs = { .ip = registers[0] };
	struct unwind_walk_result result, second;

	in->stack = registers[1] & ~7ULL;
	regs.numbered[7] = regs.numbered[31] = registers[1];
	regs.numbered[6] = regs.numbered[29] = registers[2];
	regs.numbered[30] = registers[3];
	regs.numbered[10] = registers[4];
	unwind_walk(&input, &regs, frames, ARRAY_SIZE(frames), &result);
	if (!result.nr_frames || result.nr_frames > ARRAY_SIZE(frames) ||
	    result.outcome == UNWIND_RUNNING || result.outcome > UNWIND_NO_PAGE ||
	    frames[0] != regs.ip)
		abort();
	/* From what earlier walks found out it is the same walk, unless ranges overlap, which those of a store do not. */
	memset(known, 0, sizeof(known));
	input.known = known;
	for (int i = 0; i < 2; i++) {
		unwind_walk(&input, &regs, again, ARRAY_SIZE(again), &second);
		if (!(flags & IS_RAW) &&
		    (second.outcome != result.outcome || second.nr_frames != result.nr_frames ||
		     memcmp(frames, again, result.nr_frames * sizeof(*frames))))
			abort();
	}
	fuzz_use(frames, result.nr_frames * sizeof(*frames));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct unwind_range ranges[UNWIND_MEMORY_RANGES_MIN];
	static struct unwind_page directory[UNWIND_MEMORY_PAGES_MIN];
	static struct unwind_rule rules[NR_RULES];
	static uint32_t rows[UNWIND_CHUNK_WORDS];
	static const uint32_t tick = 3;
	const struct unwind_memory memory = {
		.ranges = ranges,
		.directory = directory,
		.rules = rules,
		.rows = rows,
		.tick = &tick,
		.nr_ranges = ARRAY_SIZE(ranges),
		.nr_pages = ARRAY_SIZE(directory),
		.nr_rules = NR_RULES,
		.nr_chunks = 1,
	};
	struct input in = { .data = data, .size = size };
	struct unwind_image image = { 0 };
	struct unwind_table table;
	uint64_t registers[5];
	uint8_t flags;

	take(&in, &flags, 1);
	take(&in, registers, sizeof(registers));
	if (flags & IS_RAW) {
		take(&in, rules, sizeof(rules));
		take(&in, &image, sizeof(image));
		image.version |= 1; /* those of a store never are 0 */
		fill(&in, ranges, sizeof(ranges));
		fill(&in, directory, sizeof(directory));
		fill(&in, rows, sizeof(rows));
	} else {
		memset(directory, 0, sizeof(directory));
		load_table(&in, &memory, &table, &image);
	}
	walk(&in, &memory, &image, flags, registers);
	unwind_store_free(in.store);
	return 0;
}
