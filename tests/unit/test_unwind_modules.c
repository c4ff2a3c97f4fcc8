/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/unwind/modules.h: modules come and go with the images that have them mapped, and copied stacks are walked by them.
 */
#include <criterion/criterion.h>

#include <elf.h>
#include <errno.h>

#include "cfi_image.h"
#include "unwind/modules.h"
#include "unwind_memory.h"

#define CODE        0x401000 /* in the file */
#define CODE_SIZE   0x1000
#define CODE_OFFSET 0x1000
#define NR_CHUNKS   2
#define RULES       64
#define SP          7

/* The return address is at the stack pointer. */
static const char call[] = { 0x0c, 7, 8, (char)(0x80 | 16), 1 };

struct fixture {
	struct heap_memory heap;
	struct unwind_modules *modules;
};

static struct unwind_table *make_table(uint16_t machine)
{
	struct cfi_bytes eh = { .address = CFI_IMAGE_EH_ADDRESS };
	size_t cie = cfi_add_cie(&eh, "zR", call, sizeof(call));
	struct cfi_image image = { .machine = machine,
				   .address = CODE,
				   .code_offset = CODE_OFFSET,
				   .code_size = CODE_SIZE,
				   .eh_frame = &eh };
	struct buffer file = BUFFER_INIT;
	struct unwind_table *table;

	cfi_add_fde(&eh, cie, CODE, CODE_SIZE, "", 0);
	cfi_image_make(&image, &file);
	cr_assert_eq(unwind_table_compile_image(file.data, file.len, &table, NULL), 0);
	buffer_done(&file);
	buffer_done(&eh.bytes);
	return table;
}

/* Room for so many tables. */
static void begin(struct fixture *f, uint32_t nr_tables)
{
	struct unwind_table *table = make_table(EM_X86_64);
	struct unwind_modules_opts opts = { .memory = &f->heap.memory,
					    .table_bytes = nr_tables * unwind_table_bytes(table),
					    .machine = EM_X86_64 };

	unwind_table_free(table);
	heap_memory_init(&f->heap, NR_CHUNKS, RULES);
	cr_assert_eq(unwind_modules_new(&opts, &f->modules), 0);
}

static void end(struct fixture *f)
{
	unwind_modules_free(f->modules);
	heap_memory_done(&f->heap);
}

static struct unwind_modules_stats stats_of(const struct fixture *f)
{
	struct unwind_modules_stats stats;

	unwind_modules_stats(f->modules, &stats);
	return stats;
}

static void add(struct fixture *f, uint32_t module)
{
	cr_assert(unwind_modules_wants(f->modules, module));
	cr_assert_eq(unwind_modules_add(f->modules, module, make_table(EM_X86_64)), 0);
	cr_assert(!unwind_modules_wants(f->modules, module));
}

static struct unwind_mapping mapping_at(uint64_t start, uint32_t module)
{
	return (struct unwind_mapping){ .start = start,
					.end = start + CODE_SIZE,
					.file_offset = CODE_OFFSET,
					.module = module };
}

static void map(struct fixture *f, uint64_t start, uint32_t module)
{
	struct unwind_mapping mapping = mapping_at(start, module);

	cr_assert_eq(unwind_modules_map(f->modules, &mapping), 0);
}

/* An image with one module. */
static struct unwind_image put(struct fixture *f, uint32_t module)
{
	struct unwind_image image = { 0 };

	unwind_modules_begin(f->modules);
	map(f, CODE, module);
	cr_assert_eq(unwind_modules_put(f->modules, &image), 0);
	return image;
}

Test(unwind_modules, each_is_wanted_once)
{
	struct fixture f;

	begin(&f, 2);
	add(&f, 7);
	cr_assert_eq(unwind_modules_add(f.modules, 8, NULL), 0);
	cr_assert(!unwind_modules_wants(f.modules, 8), "that there is no table is known");
	cr_assert(unwind_modules_wants(f.modules, 9));
	cr_assert_eq(stats_of(&f).tables, 1);
	cr_assert_eq(stats_of(&f).refused, 0);
	end(&f);
}

Test(unwind_modules, a_table_of_another_machine)
{
	struct fixture f;

	begin(&f, 2);
	cr_assert_eq(unwind_modules_add(f.modules, 7, make_table(EM_AARCH64)), 0);
	cr_assert(!unwind_modules_wants(f.modules, 7));
	cr_assert_eq(stats_of(&f).tables, 0);
	cr_assert_eq(stats_of(&f).table_bytes, 0);
	cr_assert_eq(stats_of(&f).refused, 1);
	end(&f);
}

/* Who is mapped stays, whoever else wants room; the others go, and are wanted again. */
Test(unwind_modules, room_is_made_of_what_no_image_has)
{
	struct fixture f;
	struct unwind_image one, two, again;

	begin(&f, 2);
	add(&f, 1);
	one = put(&f, 1);
	add(&f, 2);
	two = put(&f, 2);
	add(&f, 3);
	cr_assert_eq(stats_of(&f).refused, 1, "both are in use");
	cr_assert_eq(stats_of(&f).tables, 2);

	/* Of two images with one module the second still needs it. */
	again = put(&f, 2);
	unwind_modules_drop(f.modules, &two);
	add(&f, 4);
	cr_assert_eq(stats_of(&f).refused, 2);
	unwind_modules_drop(f.modules, &again);
	add(&f, 5);
	cr_assert_eq(stats_of(&f).refused, 2);
	cr_assert_eq(stats_of(&f).tables, 2);
	cr_assert(unwind_modules_wants(f.modules, 2));
	cr_assert(!unwind_modules_wants(f.modules, 1));
	unwind_modules_drop(f.modules, &one);
	end(&f);
}

Test(unwind_modules, an_image_that_is_being_made_counts)
{
	struct fixture f;

	begin(&f, 1);
	add(&f, 1);
	unwind_modules_begin(f.modules);
	map(&f, CODE, 1);
	add(&f, 2);
	cr_assert_eq(stats_of(&f).refused, 1);
	/* It is given up. */
	unwind_modules_begin(f.modules);
	add(&f, 3);
	cr_assert_eq(stats_of(&f).refused, 1);
	cr_assert(unwind_modules_wants(f.modules, 1));
	end(&f);
}

Test(unwind_modules, a_mapping_that_changes_nothing)
{
	struct fixture f;
	struct unwind_mapping mapping = mapping_at(CODE, 1);
	const struct unwind_range *range;
	struct unwind_image image;

	begin(&f, 2);
	add(&f, 1);
	add(&f, 2);
	image = put(&f, 1);
	range = f.heap.memory.ranges + image.first;
	while (!range->module)
		range++;
	cr_assert(unwind_modules_same(f.modules, range, &mapping));
	mapping.module = 2;
	cr_assert(!unwind_modules_same(f.modules, range, &mapping), "another file");
	mapping = mapping_at(CODE + 0x1000, 1);
	cr_assert(!unwind_modules_same(f.modules, range, &mapping), "moved");
	mapping = mapping_at(CODE, 0);
	cr_assert(!unwind_modules_same(f.modules, range, &mapping), "memory without a file");
	end(&f);
}

Test(unwind_modules, a_copy_ends_where_it_was_cut)
{
	uint64_t stack[] = { CODE + 0x20, CODE + 0x30 }, frames[8];
	struct unwind_regs regs = { .ip = CODE + 0x10, .numbered = { [SP] = 0x7ffe0000 } };
	struct unwind_copy copy = { .regs = &regs,
				    .stack = (const uint8_t *)stack,
				    .size = sizeof(stack) };
	struct unwind_walk_result result;
	struct fixture f;
	struct unwind_image image;

	begin(&f, 1);
	add(&f, 1);
	image = put(&f, 1);
	unwind_modules_walk(f.modules, &image, &copy, frames, 8, &result);
	cr_assert_eq(result.outcome, UNWIND_TRUNCATED);
	cr_assert_eq(result.nr_frames, 3);
	cr_assert_eq(frames[0], CODE + 0x10);
	cr_assert_eq(frames[1], CODE + 0x20);
	cr_assert_eq(frames[2], CODE + 0x30);

	/* One that leads out of what is mapped ends for another reason. */
	stack[1] = CODE + 0x100000;
	unwind_modules_walk(f.modules, &image, &copy, frames, 8, &result);
	cr_assert_eq(result.outcome, UNWIND_NO_RANGE);
	end(&f);
}
