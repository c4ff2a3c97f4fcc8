/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unwind/walk.h: walks over stacks made by hand, one test for each way to go from a frame to its caller.
 */
#include <criterion/criterion.h>

#include <elf.h>
#include <errno.h>

#include "base/macros.h"
#include "unwind_memory.h"
#include "unwind/walk.h"

#define CODE        0x400000ULL /* where the module is mapped; its first address is 0 */
#define GENERATED   0x900000ULL /* executable memory without a table */
#define STACK       0x7ff000000000ULL
#define STACK_WORDS 4096

/* Where rules begin in the module. A return address lies behind the first byte of its function. */
enum {
	AT_LEAF = 0x100,    /* cfa = sp + 8 */
	AT_FRAME = 0x200,   /* cfa = sp + 32, saves fp at cfa - 16 */
	AT_BY_FP = 0x300,   /* cfa = fp + 16, saves fp at cfa - 16 */
	AT_REALIGN = 0x400, /* cfa = *(fp - 8), saves fp at *(fp) */
	AT_REG = 0x500,     /* cfa = r10 */
	AT_PLT = 0x600,     /* from the 11th byte on one word more */
	AT_SIGNAL = 0x700,
	AT_END = 0x800,
	AT_UNKNOWN = 0x900,
	AT_GAP = 0xa00,
	AT_SELF = 0xb00,   /* cfa = sp: does not grow */
	AT_KEPT = 0xd00,   /* cfa = *(sp + 24) + 8 */
	AT_LINKED = 0xc00, /* arm64: the return address is in the link register */
	AT_OTHER_PAGE = 0x10000,
};

struct walk_rig {
	struct heap_memory heap;
	struct table_maker maker;
	struct unwind_store *store;
	struct unwind_walk_input input;
	struct unwind_regs regs;
	uint64_t stack[STACK_WORDS];
	uint64_t frames[UNWIND_FRAMES_MAX];
	struct unwind_walk_result result;
	struct unwind_known known[UNWIND_KNOWN_MAX];
	uint32_t module;
	uint32_t loads;
};

static int read_stack(void *arg, uint64_t address, void *to, size_t size)
{
	const struct walk_rig *rig = arg;

	if (address < STACK || address - STACK > sizeof(rig->stack) - size)
		return -EFAULT;
	memcpy(to, (const char *)rig->stack + (address - STACK), size);
	return 0;
}

static int load_page(void *arg, uint32_t module, uint64_t page)
{
	struct walk_rig *rig = arg;

	rig->loads++;
	return unwind_store_load_page(rig->store, module, page);
}

static void make_table(struct table_maker *maker)
{
	struct unwind_rule by_fp = rule_sp_fp(16, -16), realign = by_fp, reg = rule_sp(0),
			   linked = reg, kept = reg;

	by_fp.cfa = UNWIND_CFA_FP;
	realign.cfa = UNWIND_CFA_FP_DEREF;
	realign.cfa_off = -8;
	realign.fp = UNWIND_SAVED_AT_FP;
	realign.fp_off = 0;
	reg.cfa = UNWIND_CFA_REG;
	reg.reg = 10;
	kept.cfa = UNWIND_CFA_SP_DEREF;
	kept.cfa_off = 24;
	kept.reg = 8;
	linked.ra = UNWIND_SAVED_SAME;
	linked.ra_off = 0;
	table_maker_add(maker, AT_LEAF, rule_sp(8));
	table_maker_add(maker, AT_FRAME, rule_sp_fp(32, -16));
	table_maker_add(maker, AT_BY_FP, by_fp);
	table_maker_add(maker, AT_REALIGN, realign);
	table_maker_add(maker, AT_REG, reg);
	table_maker_add(maker, AT_PLT,
			(struct unwind_rule){ .cfa = UNWIND_CFA_PLT,
					      .cfa_off = 11,
					      .ra = UNWIND_SAVED_AT_CFA,
					      .ra_off = -8 });
	table_maker_add(maker, AT_SIGNAL, rule_of(UNWIND_CFA_SIGNAL));
	table_maker_add(maker, AT_END, rule_of(UNWIND_CFA_END));
	table_maker_add(maker, AT_UNKNOWN, rule_of(UNWIND_CFA_UNKNOWN));
	table_maker_add(maker, AT_GAP, (struct unwind_rule){ 0 });
	table_maker_add(maker, AT_SELF, rule_sp(0));
	table_maker_add(maker, AT_LINKED, linked);
	table_maker_add(maker, AT_KEPT, kept);
	table_maker_add(maker, AT_OTHER_PAGE, rule_sp(8));
}

static struct walk_rig rig;

static void set_up(void)
{
	struct unwind_range ranges[2 * UNWIND_MAPPING_RANGES];
	uint32_t nr;

	heap_memory_init(&rig.heap, 1, 64);
	table_maker_init(&rig.maker, 0, 2);
	make_table(&rig.maker);
	cr_assert_eq(unwind_store_new(&rig.heap.memory, NULL, NULL, &rig.store), 0);
	cr_assert_eq(
		unwind_store_add_module(rig.store, table_maker_finish(&rig.maker), &rig.module), 0);
	nr = unwind_store_mapping(rig.store, rig.module, CODE, CODE + 0x20000, CODE, ranges);
	nr += unwind_store_mapping(rig.store, 0, GENERATED, GENERATED + 0x1000, 0, ranges + nr);
	cr_assert_eq(unwind_store_put_ranges(rig.store, ranges, nr, &rig.input.image), 0);
	rig.input.memory = &rig.heap.memory;
	rig.input.machine = EM_X86_64;
	rig.input.read = read_stack;
	rig.input.load = load_page;
	rig.input.arg = &rig;
	rig.regs.numbered[7] = STACK;
}

static void tear_down(void)
{
	unwind_store_free(rig.store);
	table_maker_done(&rig.maker);
	heap_memory_done(&rig.heap);
}

TestSuite(unwind_walk, .init = set_up, .fini = tear_down);

/* The same walk again, from what it and others found out. */
static void walk_again(void)
{
	struct unwind_walk_result result;
	uint64_t frames[UNWIND_FRAMES_MAX];

	rig.input.known = rig.known;
	unwind_walk(&rig.input, &rig.regs, frames, UNWIND_FRAMES_MAX, &result);
	rig.input.known = NULL;
	cr_assert_eq(result.outcome, rig.result.outcome);
	cr_assert_eq(result.nr_frames, rig.result.nr_frames);
	cr_assert_eq(result.fp_steps, rig.result.fp_steps);
	cr_assert_arr_eq(frames, rig.frames, result.nr_frames * sizeof(*frames));
}

static void walk_from(uint64_t ip, uint64_t fp)
{
	rig.regs.ip = ip;
	rig.regs.numbered[rig.input.machine == EM_AARCH64 ? 29 : 6] = fp;
	unwind_walk(&rig.input, &rig.regs, rig.frames, UNWIND_FRAMES_MAX, &rig.result);
	walk_again();
	walk_again();
}

static void expect(enum unwind_outcome outcome, uint32_t nr, const uint64_t *frames)
{
	cr_expect_eq(rig.result.outcome, outcome, "ended with %d, not %d", rig.result.outcome,
		     outcome);
	cr_assert_eq(rig.result.nr_frames, nr, "%u frames, not %u", rig.result.nr_frames, nr);
	for (uint32_t i = 0; i < nr; i++)
		cr_expect_eq(rig.frames[i], frames[i], "frame %u is %llx, not %llx", i,
			     (unsigned long long)rig.frames[i], (unsigned long long)frames[i]);
}
#define EXPECT(outcome, ...) \
	expect(outcome, ARRAY_SIZE(((uint64_t[]){ __VA_ARGS__ })), (uint64_t[]){ __VA_ARGS__ })

Test(unwind_walk, by_stack_pointer_to_the_end)
{
	rig.stack[0] = CODE + AT_FRAME + 5;
	/* The frame of AT_FRAME: 32 bytes from word 1 on; fp at cfa - 16, return address at cfa - 8. */
	rig.stack[3] = STACK + 8 * 8;
	rig.stack[4] = CODE + AT_BY_FP + 5;
	/* The frame record that it saved. */
	rig.stack[8] = 0;
	rig.stack[9] = CODE + AT_END + 5;
	walk_from(CODE + AT_LEAF, 0x1234);
	EXPECT(UNWIND_COMPLETE, CODE + AT_LEAF, CODE + AT_FRAME + 5, CODE + AT_BY_FP + 5,
	       CODE + AT_END + 5);
	cr_expect_eq(rig.loads, 1);
	cr_expect_eq(rig.result.fp_steps, 0);
}

Test(unwind_walk, callers_are_looked_up_before_their_return_address)
{
	/* A call at the very end of a function returns to the first byte of the next. */
	rig.stack[0] = CODE + AT_FRAME;
	rig.stack[1] = CODE + AT_END + 1;
	walk_from(CODE + AT_LEAF, 0);
	EXPECT(UNWIND_COMPLETE, CODE + AT_LEAF, CODE + AT_FRAME, CODE + AT_END + 1);
}

Test(unwind_walk, a_system_call_at_the_end_of_a_function)
{
	/* What handlers return to ends with one, and only gaps or other functions come behind it. */
	rig.stack[168 / 8] = CODE + AT_END;
	rig.stack[160 / 8] = STACK;
	rig.input.is_behind_syscall = true;
	walk_from(CODE + AT_END, 0);
	EXPECT(UNWIND_COMPLETE, CODE + AT_END, CODE + AT_END);
	rig.input.is_behind_syscall = false;
	walk_from(CODE + AT_END, 0);
	EXPECT(UNWIND_COMPLETE, CODE + AT_END);
}

Test(unwind_walk, realigned_frame)
{
	rig.stack[0] = CODE + AT_REALIGN + 5;
	/* fp points at word 10: the saved one is there, the CFA below it. */
	rig.stack[9] = STACK + 21 * 8;
	rig.stack[10] = STACK + 31 * 8;
	rig.stack[20] = CODE + AT_BY_FP + 5;
	rig.stack[32] = CODE + AT_END + 5;
	walk_from(CODE + AT_LEAF, STACK + 10 * 8);
	EXPECT(UNWIND_COMPLETE, CODE + AT_LEAF, CODE + AT_REALIGN + 5, CODE + AT_BY_FP + 5,
	       CODE + AT_END + 5);
}

Test(unwind_walk, other_registers_are_known_in_the_first_frame_only)
{
	rig.regs.numbered[10] = STACK + 5 * 8;
	rig.stack[4] = CODE + AT_REG + 5;
	walk_from(CODE + AT_REG, 0);
	/* The second one has no frame pointer to go by either. */
	EXPECT(UNWIND_FP_END, CODE + AT_REG, CODE + AT_REG + 5);
}

Test(unwind_walk, old_stack_pointer_kept_in_the_frame)
{
	rig.stack[0] = CODE + AT_KEPT + 5;
	rig.stack[1 + 24 / 8] = STACK + 20 * 8;
	rig.stack[20] = CODE + AT_END + 5;
	walk_from(CODE + AT_LEAF, 0);
	EXPECT(UNWIND_COMPLETE, CODE + AT_LEAF, CODE + AT_KEPT + 5, CODE + AT_END + 5);
}

Test(unwind_walk, linkage_table)
{
	rig.stack[0] = CODE + AT_END + 5;
	rig.stack[1] = CODE + AT_SELF + 5;
	walk_from(CODE + AT_PLT + 10, 0);
	EXPECT(UNWIND_COMPLETE, CODE + AT_PLT + 10, CODE + AT_END + 5);
	walk_from(CODE + AT_PLT + 11, 0);
	EXPECT(UNWIND_BAD_ADDRESS, CODE + AT_PLT + 11, CODE + AT_SELF + 5);
}

Test(unwind_walk, interrupted_by_a_signal)
{
	rig.stack[0] = CODE + AT_SIGNAL + 5;
	/* The kernel's frame begins at word 1; the interrupted code was on another stack, lower down. */
	rig.stack[1 + 120 / 8] = STACK + 50 * 8;
	rig.stack[1 + 160 / 8] = STACK + 40 * 8;
	rig.stack[1 + 168 / 8] = CODE + AT_FRAME;
	rig.stack[40 + 2] = 0;
	rig.stack[40 + 3] = CODE + AT_END + 5;
	walk_from(CODE + AT_LEAF, 0);
	/* The interrupted instruction is the first one of its function: it is not looked up before itself. */
	EXPECT(UNWIND_COMPLETE, CODE + AT_LEAF, CODE + AT_SIGNAL + 5, CODE + AT_FRAME,
	       CODE + AT_END + 5);
}

Test(unwind_walk, generated_code_and_back_to_tables)
{
	rig.stack[2] = STACK + 6 * 8;
	rig.stack[3] = CODE + AT_GAP + 5;
	rig.stack[6] = STACK + 8 * 8;
	rig.stack[7] = CODE + AT_UNKNOWN + 5;
	rig.stack[8] = 0;
	rig.stack[9] = CODE + AT_END + 5;
	walk_from(GENERATED + 5, STACK + 2 * 8);
	EXPECT(UNWIND_COMPLETE, GENERATED + 5, CODE + AT_GAP + 5, CODE + AT_UNKNOWN + 5,
	       CODE + AT_END + 5);
	cr_expect_eq(rig.result.fp_steps, 3);
}

Test(unwind_walk, a_chain_of_frame_pointers_may_end)
{
	rig.stack[2] = 0;
	rig.stack[3] = GENERATED + 9;
	walk_from(GENERATED + 5, STACK + 2 * 8);
	EXPECT(UNWIND_FP_END, GENERATED + 5, GENERATED + 9);
	rig.stack[3] = 0;
	walk_from(GENERATED + 5, STACK + 2 * 8);
	EXPECT(UNWIND_FP_END, GENERATED + 5);
}

Test(unwind_walk, frame_pointers_that_are_none)
{
	static const uint64_t pointers[] = { STACK - 8, STACK + 4, STACK + sizeof(rig.stack), 77,
					     UINT64_MAX };

	rig.stack[2] = STACK + 4 * 8;
	for (size_t i = 0; i < ARRAY_SIZE(pointers); i++) {
		walk_from(GENERATED + 5, pointers[i]);
		EXPECT(UNWIND_NO_INFO, GENERATED + 5);
	}
	/* What looks like a frame record, but leads nowhere that code is. */
	rig.stack[3] = 0x12345678;
	walk_from(GENERATED + 5, STACK + 2 * 8);
	EXPECT(UNWIND_NO_INFO, GENERATED + 5);
	rig.stack[3] = 0x123;
	walk_from(GENERATED + 5, STACK + 2 * 8);
	EXPECT(UNWIND_NO_INFO, GENERATED + 5);
	rig.stack[3] = 1ULL << 47;
	walk_from(GENERATED + 5, STACK + 2 * 8);
	EXPECT(UNWIND_NO_INFO, GENERATED + 5);
}

Test(unwind_walk, stacks_that_do_not_lead_outwards)
{
	walk_from(CODE + AT_SELF, 0);
	EXPECT(UNWIND_BAD_ADDRESS, CODE + AT_SELF);
	rig.regs.numbered[7] = STACK - 64;
	walk_from(CODE + AT_LEAF, 0);
	EXPECT(UNWIND_BAD_ADDRESS, CODE + AT_LEAF);
	rig.regs.numbered[7] = UINT64_MAX - 3;
	walk_from(CODE + AT_LEAF, 0);
	EXPECT(UNWIND_BAD_ADDRESS, CODE + AT_LEAF);
	rig.regs.numbered[7] = STACK + 4;
	walk_from(CODE + AT_LEAF, 0);
	EXPECT(UNWIND_BAD_ADDRESS, CODE + AT_LEAF);
	rig.regs.numbered[7] = STACK;
	walk_from(CODE + AT_BY_FP, STACK - 16);
	EXPECT(UNWIND_BAD_ADDRESS, CODE + AT_BY_FP);
	rig.stack[0] = 1ULL << 50;
	walk_from(CODE + AT_LEAF, 0);
	EXPECT(UNWIND_BAD_ADDRESS, CODE + AT_LEAF);
	rig.stack[0] = 0;
	walk_from(CODE + AT_LEAF, 0);
	EXPECT(UNWIND_COMPLETE, CODE + AT_LEAF);
}

Test(unwind_walk, more_frames_than_there_is_room_for)
{
	for (uint32_t i = 0; i < STACK_WORDS; i++)
		rig.stack[i] = CODE + AT_LEAF + 5;
	walk_from(CODE + AT_LEAF, 0);
	cr_expect_eq(rig.result.outcome, UNWIND_TRUNCATED);
	cr_expect_eq(rig.result.nr_frames, UNWIND_FRAMES_MAX);
	rig.stack[UNWIND_FRAMES_MAX - 2] = CODE + AT_END + 5;
	walk_from(CODE + AT_LEAF, 0);
	cr_expect_eq(rig.result.outcome, UNWIND_COMPLETE);
	cr_expect_eq(rig.result.nr_frames, UNWIND_FRAMES_MAX);
}

Test(unwind_walk, misses_tell_what_is_missing)
{
	struct unwind_image image = rig.input.image;

	rig.input.load = NULL;
	rig.stack[0] = 0x12345678;
	walk_from(CODE + AT_LEAF, 0);
	EXPECT(UNWIND_NO_PAGE, CODE + AT_LEAF);
	cr_expect_eq(rig.result.module, rig.module);
	cr_expect_eq(rig.result.page, 0);
	rig.input.load = load_page;
	walk_from(CODE + AT_LEAF, 0);
	EXPECT(UNWIND_NO_RANGE, CODE + AT_LEAF, 0x12345678);
	cr_expect_eq(rig.result.address, 0x12345677);
	cr_expect_eq(rig.loads, 1);
	rig.stack[0] = CODE + AT_OTHER_PAGE + 5;
	rig.stack[1] = CODE + AT_END + 5;
	walk_from(CODE + AT_LEAF, 0);
	EXPECT(UNWIND_COMPLETE, CODE + AT_LEAF, CODE + AT_OTHER_PAGE + 5, CODE + AT_END + 5);
	cr_expect_eq(rig.loads, 2);
	/* What is known of it while it had ranges is not used. */
	rig.input.image.nr = 0;
	walk_from(CODE + AT_LEAF, 0);
	EXPECT(UNWIND_NO_IMAGE, CODE + AT_LEAF);
	rig.input.image = image;
}

Test(unwind_walk, pages_are_marked_as_used)
{
	const struct unwind_page *page =
		&rig.heap.memory.directory[rig.heap.memory.ranges[0].directory];

	rig.stack[0] = CODE + AT_END + 5;
	walk_from(CODE + AT_LEAF, 0);
	rig.heap.tick = 7;
	walk_from(CODE + AT_LEAF, 0);
	cr_expect_eq(page->used, 7);
	/* By walks that know all addresses already too. */
	rig.heap.tick = 8;
	walk_again();
	cr_expect_eq(page->used, 8);
}

Test(unwind_walk, what_is_known_outlives_its_page)
{
	struct unwind_page *page = &rig.heap.memory.directory[rig.heap.memory.ranges[0].directory];

	rig.stack[0] = CODE + AT_PLT + 12;
	rig.stack[2] = CODE + AT_END + 5;
	walk_from(CODE + AT_LEAF, 0);
	EXPECT(UNWIND_COMPLETE, CODE + AT_LEAF, CODE + AT_PLT + 12, CODE + AT_END + 5);
	page->block = UNWIND_PAGE_ABSENT;
	rig.input.load = NULL;
	walk_again();
	unwind_walk(&rig.input, &rig.regs, rig.frames, UNWIND_FRAMES_MAX, &rig.result);
	EXPECT(UNWIND_NO_PAGE, CODE + AT_LEAF);
}

Test(unwind_walk, what_is_known_of_one_image_is_not_said_of_another)
{
	struct unwind_range ranges[UNWIND_MAPPING_RANGES];
	struct unwind_image image = rig.input.image, moved = { 0 };
	uint32_t nr = unwind_store_mapping(rig.store, rig.module, CODE, CODE + 0x10000,
					   CODE - 0x100, ranges);

	/* The same addresses, but what is there is what is 0x100 further in the other one. */
	cr_assert_eq(unwind_store_put_ranges(rig.store, ranges, nr, &moved), 0);
	rig.stack[0] = CODE + AT_FRAME - 0x100 + 5;
	rig.stack[1] = CODE + AT_END + 5;
	rig.stack[4] = CODE + AT_END - 0x100 + 5;
	for (int i = 0; i < 3; i++) {
		rig.input.image = image;
		walk_from(CODE + AT_LEAF, 0);
		EXPECT(UNWIND_COMPLETE, CODE + AT_LEAF, CODE + AT_FRAME - 0x100 + 5,
		       CODE + AT_END + 5);
		rig.input.image = moved;
		walk_from(CODE + AT_LEAF - 0x100, 0);
		EXPECT(UNWIND_COMPLETE, CODE + AT_LEAF - 0x100, CODE + AT_FRAME - 0x100 + 5,
		       CODE + AT_END - 0x100 + 5);
	}
	/* The slice is given to others. */
	unwind_store_drop_ranges(rig.store, &moved);
	moved = (struct unwind_image){ 0 };
	ranges[0].module = 0;
	cr_assert_eq(unwind_store_put_ranges(rig.store, ranges, 1, &moved), 0);
	rig.input.image = moved;
	walk_from(CODE + AT_LEAF - 0x100, 0);
	EXPECT(UNWIND_FP_END, CODE + AT_LEAF - 0x100);
}

Test(unwind_walk, ranges_are_found_among_many)
{
	enum { NR = 200 };
	struct unwind_range ranges[NR] = { { 0 } };
	struct unwind_image image = { 0 };

	for (uint64_t i = 0; i < NR; i++)
		ranges[i] = (struct unwind_range){ .start = 0x100000 + 0x1000 * i,
						   .end = 0x100800 + 0x1000 * i };
	unwind_store_drop_ranges(rig.store, &rig.input.image);
	for (uint32_t nr = 1; nr <= NR; nr += 33) {
		cr_assert_eq(unwind_store_put_ranges(rig.store, ranges, nr, &image), 0);
		rig.input.image = image;
		for (uint64_t i = 0; i < NR; i++) {
			bool is_there = i < nr;

			walk_from(0x100000 + 0x1000 * i, 0);
			EXPECT(is_there ? UNWIND_FP_END : UNWIND_NO_RANGE, 0x100000 + 0x1000 * i);
			walk_from(0x1007ff + 0x1000 * i, 0);
			EXPECT(is_there ? UNWIND_FP_END : UNWIND_NO_RANGE, 0x1007ff + 0x1000 * i);
			walk_from(0x100800 + 0x1000 * i, 0);
			EXPECT(UNWIND_NO_RANGE, 0x100800 + 0x1000 * i);
		}
		walk_from(0xfffff, 0);
		EXPECT(UNWIND_NO_RANGE, 0xfffff);
		walk_from(UINT64_MAX, 0);
		EXPECT(UNWIND_NO_RANGE, UINT64_MAX);
		unwind_store_drop_ranges(rig.store, &image);
	}
}

Test(unwind_walk, arm64_link_register_and_signed_addresses)
{
	const uint64_t signature = 0x1f5ULL << 48;

	rig.input.machine = EM_AARCH64;
	rig.regs.numbered[7] = 0;
	rig.regs.numbered[31] = STACK;
	rig.regs.numbered[30] = signature | (CODE + AT_FRAME + 8);
	rig.stack[2] = 0;
	rig.stack[3] = signature | (CODE + AT_END + 8);
	walk_from(CODE + AT_LINKED, 0);
	EXPECT(UNWIND_COMPLETE, CODE + AT_LINKED, CODE + AT_FRAME + 8, CODE + AT_END + 8);
	rig.input.is_behind_syscall = true;
	walk_from(CODE + AT_LINKED + 4, 0);
	EXPECT(UNWIND_COMPLETE, CODE + AT_LINKED + 4, CODE + AT_FRAME + 8, CODE + AT_END + 8);
	rig.input.is_behind_syscall = false;
	/* In any other frame the register belongs to somebody else. */
	rig.regs.numbered[30] = CODE + AT_LINKED + 8;
	walk_from(CODE + AT_LINKED, 0);
	EXPECT(UNWIND_BAD_ADDRESS, CODE + AT_LINKED, CODE + AT_LINKED + 8);
}

Test(unwind_walk, arm64_interrupted_by_a_signal)
{
	rig.input.machine = EM_AARCH64;
	rig.regs.numbered[31] = STACK;
	rig.regs.numbered[30] = CODE + AT_SIGNAL + 8;
	rig.stack[(312 + 29 * 8) / 8] = 0;
	rig.stack[(312 + 30 * 8) / 8] = CODE + AT_END + 8;
	rig.stack[(312 + 31 * 8) / 8] = STACK + 800;
	rig.stack[(312 + 32 * 8) / 8] = CODE + AT_LINKED;
	walk_from(CODE + AT_LINKED, 0);
	EXPECT(UNWIND_COMPLETE, CODE + AT_LINKED, CODE + AT_SIGNAL + 8, CODE + AT_LINKED,
	       CODE + AT_END + 8);
}
