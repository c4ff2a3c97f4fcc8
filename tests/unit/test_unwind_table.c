/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unwind/table.h: what each kind of call frame information becomes, how tables are laid out, and damaged input.
 */
#include <criterion/criterion.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/vdso.h"
#include "cfi_image.h"
#include "unwind/table.h"
#include "unwind_lookup.h"

#define CODE      0x401000ULL /* address of the code */
#define CODE_SIZE 0x800

/* Instructions, as bytes. */
#define ADVANCE(n)          (char)(0x40 | (n))
#define DEF_CFA(reg, off)   0x0c, (reg), (off)
#define DEF_CFA_OFFSET(off) 0x0e, (off)
#define DEF_CFA_REGISTER(r) 0x0d, (r)
#define OFFSET(reg, factor) (char)(0x80 | (reg)), (factor)
#define RESTORE(reg)        (char)(0xc0 | (reg))
#define UNDEFINED(reg)      0x07, (reg)
#define REMEMBER            0x0a
#define RESTORE_STATE       0x0b
#define REGISTER(reg, in)   0x09, (reg), (in)
#define CFA_EXPRESSION(n)   0x0f, (n)
#define EXPRESSION(reg, n)  0x10, (reg), (n)
#define BYTES(...)          (const char[]){ __VA_ARGS__ }, sizeof((const char[]){ __VA_ARGS__ })

enum { RBP = 6, RSP = 7, R10 = 10, RA = 16 };

/* What every function of x86-64 begins with. */
static const char usual_cie[] = { DEF_CFA(RSP, 8), OFFSET(RA, 1) };

static struct unwind_table *compile(const struct cfi_image *image)
{
	struct buffer file = BUFFER_INIT;
	struct unwind_table *table = NULL;
	struct oc_error err = { 0 };

	cfi_image_make(image, &file);
	cr_assert_eq(unwind_table_compile_image(file.data, file.len, &table, &err), 0, "%s",
		     err.message);
	buffer_done(&file);
	unwind_lookup_check(table);
	return table;
}

static struct unwind_table *compile_eh(const struct cfi_bytes *eh)
{
	struct cfi_image image = {
		.address = CODE, .code_offset = 0x1000, .code_size = CODE_SIZE, .eh_frame = eh
	};

	return compile(&image);
}

static struct cfi_bytes new_eh_frame(size_t *ret_cie)
{
	struct cfi_bytes eh = { .address = CFI_IMAGE_EH_ADDRESS };

	*ret_cie = cfi_add_cie(&eh, "zR", usual_cie, sizeof(usual_cie));
	return eh;
}

/* The table of one function of 0x100 bytes with these instructions. */
static struct unwind_table *compile_function(const char *program, size_t size)
{
	size_t cie;
	struct cfi_bytes eh = new_eh_frame(&cie);
	struct unwind_table *table;

	cfi_add_fde(&eh, cie, CODE, 0x100, program, size);
	table = compile_eh(&eh);
	buffer_done(&eh.bytes);
	cr_assert_eq(table->stats.nr_fdes, 1);
	return table;
}

static void expect(const struct unwind_table *table, uint64_t address, struct unwind_rule rule)
{
	struct unwind_rule got = unwind_lookup(table, address);

	cr_expect(!memcmp(&got, &rule, sizeof(rule)), "%#lx: cfa %d%+d reg %d, fp %d%+d, ra %d%+d",
		  (long)address, got.cfa, got.cfa_off, got.reg, got.fp, got.fp_off, got.ra,
		  got.ra_off);
}

static struct unwind_rule sp_rule(int32_t off)
{
	return (struct unwind_rule){
		.cfa = UNWIND_CFA_SP, .cfa_off = off, .ra = UNWIND_SAVED_AT_CFA, .ra_off = -8
	};
}

static struct unwind_rule bare_rule(uint8_t cfa)
{
	return (struct unwind_rule){ .cfa = cfa };
}

static const struct unwind_rule gap = { .cfa = UNWIND_CFA_GAP };
static const struct unwind_rule unknown = { .cfa = UNWIND_CFA_UNKNOWN };

/* ---- rules ------------------------------------------------------------------------------------------------------ */

Test(unwind_table, function_with_frame_pointer)
{
	struct unwind_table *t =
		compile_function(BYTES(ADVANCE(1), DEF_CFA_OFFSET(16), OFFSET(RBP, 2), ADVANCE(3),
				       DEF_CFA_REGISTER(RBP), ADVANCE(0x20), REMEMBER,
				       DEF_CFA(RSP, 8), RESTORE(RBP), ADVANCE(1), RESTORE_STATE));
	struct unwind_rule pushed = sp_rule(16), body;

	pushed.fp = UNWIND_SAVED_AT_CFA;
	pushed.fp_off = -16;
	body = pushed;
	body.cfa = UNWIND_CFA_FP;
	expect(t, CODE - 1, gap);
	expect(t, CODE, sp_rule(8));
	expect(t, CODE + 1, pushed);
	expect(t, CODE + 3, pushed);
	expect(t, CODE + 4, body);
	expect(t, CODE + 0x23, body);
	expect(t, CODE + 0x24, sp_rule(8));
	expect(t, CODE + 0x25, body);
	expect(t, CODE + 0xff, body);
	expect(t, CODE + 0x100, gap);
	cr_expect_eq(t->machine, EM_X86_64);
	cr_expect_eq(t->stats.bad_fdes, 0);
	cr_expect_eq(t->stats.covered_bytes, 0x100);
	cr_expect_eq(t->stats.unknown_bytes, 0);
	unwind_table_free(t);
}

Test(unwind_table, lazy_plt)
{
	struct unwind_table *t =
		compile_function(BYTES(DEF_CFA_OFFSET(16), ADVANCE(6), DEF_CFA_OFFSET(24),
				       ADVANCE(10), CFA_EXPRESSION(11), 0x77, 8, (char)0x80, 0,
				       0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22));
	struct unwind_rule plt = sp_rule(11);

	plt.cfa = UNWIND_CFA_PLT;
	expect(t, CODE + 5, sp_rule(16));
	expect(t, CODE + 6, sp_rule(24));
	expect(t, CODE + 16, plt);
	unwind_table_free(t);
}

Test(unwind_table, realigned_frame)
{
	/* lea 8(%rsp), %r10; and; push; push %rbp; mov %rsp, %rbp; push %r10; ... lea -8(%r10), %rsp; ret */
	struct unwind_table *t =
		compile_function(BYTES(ADVANCE(5), DEF_CFA(R10, 0), ADVANCE(12), EXPRESSION(RBP, 2),
				       0x76, 0, ADVANCE(5), CFA_EXPRESSION(3), 0x76, 0x78, 0x06,
				       ADVANCE(40), DEF_CFA(R10, 0), ADVANCE(5), DEF_CFA(RSP, 8)));
	struct unwind_rule by_r10 = sp_rule(0), body;

	by_r10.cfa = UNWIND_CFA_REG;
	by_r10.reg = R10;
	expect(t, CODE + 4, sp_rule(8));
	expect(t, CODE + 5, by_r10);
	by_r10.fp = UNWIND_SAVED_AT_FP;
	expect(t, CODE + 17, by_r10);
	body = by_r10;
	body.cfa = UNWIND_CFA_FP_DEREF;
	body.reg = 0;
	body.cfa_off = -8;
	expect(t, CODE + 22, body);
	expect(t, CODE + 62, by_r10);
	cr_expect_eq(t->stats.unknown_rows, 0);
	unwind_table_free(t);
}

Test(unwind_table, old_stack_pointer_kept_in_the_frame)
{
	struct unwind_table *t = compile_function(
		BYTES(CFA_EXPRESSION(6), 0x77, (char)0x98, 1, 0x06, 0x23, 8, ADVANCE(4),
		      CFA_EXPRESSION(4), 0x77, 0x10, 0x06, 0x96, ADVANCE(4), CFA_EXPRESSION(2),
		      0x77, 0x20, ADVANCE(4), EXPRESSION(RBP, 2), 0x77, 0x08));
	struct unwind_rule kept = sp_rule(152);

	kept.cfa = UNWIND_CFA_SP_DEREF;
	kept.reg = 8;
	expect(t, CODE, kept);
	expect(t, CODE + 4, unknown);     /* an operation that we do not know follows */
	expect(t, CODE + 8, sp_rule(32)); /* an expression that is none */
	kept = sp_rule(32);
	kept.fp = UNWIND_SAVED_AT_CFA;
	kept.fp_off = 8 - 32; /* by the stack pointer, so by the CFA */
	expect(t, CODE + 12, kept);
	cr_expect_eq(t->stats.unknown_rows, 1);
	cr_expect_eq(t->stats.unknown_bytes, 4);
	unwind_table_free(t);
}

Test(unwind_table, signal_frames)
{
	static const char glibc[] = { CFA_EXPRESSION(4),
				      0x77,
				      (char)0xa0,
				      1,
				      0x06,
				      EXPRESSION(RA, 3),
				      0x77,
				      (char)0xa8,
				      1,
				      EXPRESSION(RBP, 3),
				      0x77,
				      (char)0xf8,
				      0 };
	struct cfi_bytes eh = { .address = CFI_IMAGE_EH_ADDRESS };
	size_t cie = cfi_add_cie(&eh, "zRS", "", 0);
	size_t plain = cfi_add_cie(&eh, "zR", "", 0);
	struct unwind_table *t;

	cfi_add_fde(&eh, cie, CODE, 0x10, glibc, sizeof(glibc));
	/* A frame marked as a signal's that is an ordinary one, and the reverse. */
	cfi_add_fde(&eh, cie, CODE + 0x20, 0x10, usual_cie, sizeof(usual_cie));
	cfi_add_fde(&eh, plain, CODE + 0x40, 0x10, glibc, sizeof(glibc));
	t = compile_eh(&eh);
	expect(t, CODE, bare_rule(UNWIND_CFA_SIGNAL));
	expect(t, CODE + 0x20, sp_rule(8));
	expect(t, CODE + 0x40, unknown);
	unwind_table_free(t);
	buffer_done(&eh.bytes);
}

Test(unwind_table, outermost_frame_and_unsupported_rules)
{
	struct unwind_table *t = compile_function(
		BYTES(UNDEFINED(RA), ADVANCE(8), REGISTER(RA, 5), ADVANCE(8), RESTORE(RA),
		      REGISTER(RBP, 0), ADVANCE(8), RESTORE(RBP), DEF_CFA(17, 8), ADVANCE(8),
		      DEF_CFA(RSP, 8), UNDEFINED(RBP), ADVANCE(8), 0x14, RBP, 2));

	expect(t, CODE, bare_rule(UNWIND_CFA_END));
	expect(t, CODE + 8, unknown);     /* return address in a register */
	expect(t, CODE + 16, unknown);    /* frame pointer in a register */
	expect(t, CODE + 24, unknown);    /* CFA by a register that is none of the general ones */
	expect(t, CODE + 32, sp_rule(8)); /* a frame pointer that is lost was not needed */
	expect(t, CODE + 40, unknown);    /* frame pointer computed */
	cr_expect_eq(t->stats.unknown_rows, 2, "neighbours count once");
	cr_expect_eq(t->stats.unknown_bytes, 24 + 0x100 - 40);
	unwind_table_free(t);
}

Test(unwind_table, offsets_out_of_range)
{
	struct unwind_table *t = compile_function(
		BYTES(0x0e, (char)0xff, (char)0xff, (char)0xff, (char)0xff, 0x07, ADVANCE(4), 0x0e,
		      (char)0x80, (char)0x80, (char)0x80, (char)0x80, 0x08, ADVANCE(4),
		      DEF_CFA(RSP, 8), 0x05, RBP, (char)0xff, (char)0xff, (char)0xff, (char)0xff,
		      (char)0xff, (char)0xff, (char)0xff, (char)0xff, (char)0xff, 0x01));

	expect(t, CODE, sp_rule(INT32_MAX));
	expect(t, CODE + 4, unknown);
	expect(t, CODE + 8, unknown);
	unwind_table_free(t);
}

Test(unwind_table, every_instruction)
{
	struct unwind_table *t = compile_function(BYTES(
		0x02, 4, DEF_CFA_OFFSET(16),                      /* advance_loc1 */
		0x03, 4, 0, DEF_CFA_OFFSET(24),                   /* advance_loc2 */
		0x04, 4, 0, 0, 0, DEF_CFA_OFFSET(32),             /* advance_loc4 */
		0x1d, 4, 0, 0, 0, 0, 0, 0, 0, DEF_CFA_OFFSET(40), /* MIPS_advance_loc8 */
		ADVANCE(4), 0x05, RBP, 2,                         /* offset_extended */
		ADVANCE(4), 0x06, RBP,                            /* restore_extended */
		ADVANCE(4), 0x11, RBP, 0x7e,                      /* offset_extended_sf: -2 * -8 */
		ADVANCE(4), 0x2f, RBP, 3,                         /* GNU_negative_offset_extended */
		ADVANCE(4), 0x08, RBP,                            /* same_value */
		ADVANCE(4), 0x12, RSP, 0x7e,                      /* def_cfa_sf */
		ADVANCE(4), 0x13, 0x7d,                           /* def_cfa_offset_sf */
		ADVANCE(4), 0x2e, 0x10, 0x2d, 0x00, 0x14, 3, 1, 0x15, 3, 1, 0x16, 3, 1, 0x50));
	struct unwind_rule r = sp_rule(40);

	for (int i = 0; i < 5; i++)
		expect(t, CODE + (uint64_t)i * 4, sp_rule(8 + 8 * i));
	r.fp = UNWIND_SAVED_AT_CFA;
	r.fp_off = -16;
	expect(t, CODE + 20, r);
	expect(t, CODE + 24, sp_rule(40));
	r.fp_off = 16;
	expect(t, CODE + 28, r);
	r.fp_off = 24;
	expect(t, CODE + 32, r);
	expect(t, CODE + 36, sp_rule(40));
	expect(t, CODE + 40, sp_rule(16));
	expect(t, CODE + 44, sp_rule(24));
	expect(t, CODE + 48, sp_rule(24));
	expect(t, CODE + 0xff, sp_rule(24));
	cr_expect_eq(t->stats.bad_fdes, 0);
	unwind_table_free(t);
}

/* ---- arm64 ------------------------------------------------------------------------------------------------------ */

Test(unwind_table, arm64)
{
	enum { FP = 29, LR = 30, SP = 31 };
	static const char begin[] = { DEF_CFA(SP, 0) };
	static const char frame[] = { 0x2d, /* the return address is signed */
				      ADVANCE(4),    DEF_CFA_OFFSET(16), OFFSET(FP, 2),
				      OFFSET(LR, 1), ADVANCE(4),         DEF_CFA_REGISTER(FP),
				      ADVANCE(8),    UNDEFINED(LR) };
	struct cfi_bytes eh = { .address = CFI_IMAGE_EH_ADDRESS, .ra_reg = LR };
	size_t cie = cfi_add_cie(&eh, "zR", begin, sizeof(begin));
	size_t signal = cfi_add_cie(&eh, "zRS", begin, sizeof(begin));
	struct unwind_rule leaf = { .cfa = UNWIND_CFA_SP }, pushed = sp_rule(16), body;
	struct cfi_image image = { .machine = EM_AARCH64,
				   .address = CODE,
				   .code_offset = 0x1000,
				   .code_size = CODE_SIZE,
				   .eh_frame = &eh };
	struct unwind_table *t;

	cfi_add_fde(&eh, cie, CODE, 0x100, frame, sizeof(frame));
	cfi_add_fde(&eh, signal, CODE + 0x200, 8, "", 0);
	t = compile(&image);
	cr_expect_eq(t->machine, EM_AARCH64);
	pushed.fp = UNWIND_SAVED_AT_CFA;
	pushed.fp_off = -16;
	body = pushed;
	body.cfa = UNWIND_CFA_FP;
	expect(t, CODE, leaf);
	expect(t, CODE + 4, pushed);
	expect(t, CODE + 8, body);
	expect(t, CODE + 16, bare_rule(UNWIND_CFA_END));
	expect(t, CODE + 0x200, bare_rule(UNWIND_CFA_SIGNAL));
	unwind_table_free(t);
	buffer_done(&eh.bytes);
}

/* ---- layout ----------------------------------------------------------------------------------------------------- */

/* Compiles functions {start, length} that have nothing but the usual CIE's rules. */
static struct unwind_table *compile_ranges(const uint64_t (*ranges)[2], size_t nr,
					   uint64_t code_size)
{
	size_t cie;
	struct cfi_bytes eh = new_eh_frame(&cie);
	struct cfi_image image = {
		.address = CODE, .code_offset = 0x1000, .code_size = code_size, .eh_frame = &eh
	};
	struct unwind_table *t;

	for (size_t i = 0; i < nr; i++)
		cfi_add_fde(&eh, cie, ranges[i][0], ranges[i][1],
			    BYTES(ADVANCE(1), DEF_CFA_OFFSET(16)));
	t = compile(&image);
	buffer_done(&eh.bytes);
	return t;
}

Test(unwind_table, rules_are_carried_into_pages)
{
	/* From the first page over the second to amid the third; a page of nothing; the fifth up to its very end. */
	const uint64_t ranges[][2] = { { CODE, 0x20000 },
				       { CODE + 0x3f000, 0x10000 },
				       { CODE + 0x50000, 0x100 } };
	struct unwind_table *t = compile_ranges(ranges, 3, 0x60000);

	cr_expect_eq(t->first_page, CODE >> 16);
	cr_expect_eq(t->nr_pages, 6);
	expect(t, CODE, sp_rule(8));
	expect(t, CODE + 1, sp_rule(16));
	expect(t, 0x410000, sp_rule(16));
	cr_expect_eq(t->page_rows[2] - t->page_rows[1], 1, "one row for a page of one rule");
	expect(t, CODE + 0x1ffff, sp_rule(16));
	expect(t, CODE + 0x20000, gap);
	cr_expect_eq(t->page_rows[4] - t->page_rows[3], 0, "no rows for a page of nothing");
	expect(t, 0x440000, sp_rule(8));
	expect(t, 0x44ffff, sp_rule(16));
	expect(t, 0x450000, gap);
	expect(t, CODE + 0x500ff, sp_rule(16));
	expect(t, CODE + 0x50100, gap);
	cr_expect_eq(t->stats.covered_bytes, 0x30100);
	cr_expect_leq(unwind_table_bytes(t), 4096);
	unwind_table_free(t);
}

Test(unwind_table, functions_out_of_order_overlapping_or_dead)
{
	const uint64_t ranges[][2] = {
		{ CODE + 0x200, 0x100 },
		{ CODE, 0x100 },
		{ CODE + 0x80, 0x100 }, /* into the second */
		{ CODE + 0x200, 0x40 }, /* the first again */
		{ 0, 0x100 },
		{ CODE + 0x400, 0 },
		{ CODE - 0x1000, 0x100 },
		{ CODE + 0x700, 0x4000 }, /* beyond the segment */
	};
	struct unwind_table *t = compile_ranges(ranges, ARRAY_SIZE(ranges), CODE_SIZE);

	expect(t, CODE + 0x7f, sp_rule(16));
	expect(t, CODE + 0x80, sp_rule(8));
	expect(t, CODE + 0x17f, sp_rule(16));
	expect(t, CODE + 0x180, gap);
	expect(t, CODE + 0x200, sp_rule(8));
	expect(t, CODE + 0x2ff, sp_rule(16));
	expect(t, CODE + 0x300, gap);
	expect(t, CODE + 0x400, gap);
	expect(t, CODE + CODE_SIZE - 1, sp_rule(16));
	expect(t, CODE + CODE_SIZE, gap);
	cr_expect_eq(t->nr_pages, 1);
	cr_expect_eq(t->stats.nr_fdes, 8);
	cr_expect_eq(t->stats.bad_fdes, 0);
	cr_expect_eq(t->stats.overlapping, 2);
	unwind_table_free(t);
}

Test(unwind_table, neighbours_with_equal_rules_are_one_row)
{
	size_t cie;
	struct cfi_bytes eh = new_eh_frame(&cie);
	struct unwind_table *t;

	cfi_add_fde(&eh, cie, CODE, 0x10,
		    BYTES(ADVANCE(1), OFFSET(12, 2), ADVANCE(1), OFFSET(13, 3)));
	cfi_add_fde(&eh, cie, CODE + 0x10, 0x10, "", 0);
	t = compile_eh(&eh);
	cr_expect_eq(t->nr_rows,
		     3); /* the gap from the page's start, the two functions, the gap behind */
	unwind_table_free(t);
	buffer_done(&eh.bytes);
}

Test(unwind_table, more_rows_than_a_page_holds)
{
	size_t cie;
	struct cfi_bytes eh = new_eh_frame(&cie);
	struct cfi_image image = {
		.address = 0x400000, .code_offset = 0x1000, .code_size = 0x20000, .eh_frame = &eh
	};
	struct buffer program = BUFFER_INIT;
	struct unwind_table *t;

	for (int i = 0; i < 0x10001; i++) {
		const char row[] = { DEF_CFA_OFFSET((char)(i % 2 ? 16 : 8)), ADVANCE(1) };

		buffer_append(&program, row, sizeof(row));
	}
	cfi_add_fde(&eh, cie, 0x400000, 0x20000, program.data, program.len);
	t = compile(&image);
	expect(t, 0x400001, sp_rule(16));
	expect(t, 0x400000 + UNWIND_CHUNK_WORDS - UNWIND_BLOCK_HEADER_WORDS - 2, sp_rule(16));
	expect(t, 0x400000 + UNWIND_CHUNK_WORDS - UNWIND_BLOCK_HEADER_WORDS - 1, unknown);
	expect(t, 0x40ffff, unknown);
	expect(t, 0x410000, sp_rule(8));
	cr_expect_gt(t->stats.unknown_bytes, 0);
	unwind_table_free(t);
	buffer_done(&program);
	buffer_done(&eh.bytes);
}

/* ---- other places ----------------------------------------------------------------------------------------------- */

static void check_debug_frame(struct cfi_bytes frame, uint32_t compression)
{
	size_t cie = cfi_add_cie(&frame, "", usual_cie, sizeof(usual_cie));
	struct cfi_image image = { .address = CODE,
				   .code_offset = 0x1000,
				   .code_size = CODE_SIZE,
				   .debug_frame = &frame,
				   .compression = compression };
	struct unwind_table *t;

	cfi_add_fde(&frame, cie, CODE + 0x100, 0x100, BYTES(ADVANCE(1), DEF_CFA_OFFSET(16)));
	/* set_loc takes a whole address. */
	cfi_add_fde(&frame, cie, CODE + 0x200, 0x100,
		    BYTES(0x01, 0x10, 0x12, 0x40, 0, 0, 0, 0, 0, DEF_CFA_OFFSET(32)));
	t = compile(&image);
	expect(t, CODE + 0x100, sp_rule(8));
	expect(t, CODE + 0x101, sp_rule(16));
	expect(t, CODE + 0x20f, sp_rule(8));
	expect(t, CODE + 0x210, sp_rule(32));
	cr_expect_eq(t->stats.bad_fdes, 0);
	unwind_table_free(t);
	buffer_done(&frame.bytes);
}

Test(unwind_table, debug_frame_of_all_versions)
{
	check_debug_frame((struct cfi_bytes){ .is_debug = true, .version = 1 }, 0);
	check_debug_frame((struct cfi_bytes){ .is_debug = true, .version = 3 }, 0);
	check_debug_frame((struct cfi_bytes){ .is_debug = true, .version = 4 }, 0);
	check_debug_frame((struct cfi_bytes){ .is_debug = true, .version = 4, .is_64 = true }, 0);
	check_debug_frame((struct cfi_bytes){ .is_debug = true }, 1);
	check_debug_frame((struct cfi_bytes){ .is_debug = true }, 2);
}

Test(unwind_table, eh_frame_with_long_lengths_and_absolute_addresses)
{
	struct cfi_bytes eh = { .address = CFI_IMAGE_EH_ADDRESS, .is_64 = true };
	struct unwind_table *t;
	size_t cie = cfi_add_cie(&eh, "zR", usual_cie, sizeof(usual_cie));

	cfi_add_fde(&eh, cie, CODE, 0x100, "", 0);
	cie = cfi_add_cie(&eh, "", usual_cie, sizeof(usual_cie));
	cfi_add_fde(&eh, cie, CODE + 0x200, 0x100, "", 0);
	t = compile_eh(&eh);
	expect(t, CODE, sp_rule(8));
	expect(t, CODE + 0x200, sp_rule(8));
	unwind_table_free(t);
	buffer_done(&eh.bytes);
}

Test(unwind_table, debug_frame_fills_gaps_only)
{
	size_t cie, debug_cie;
	struct cfi_bytes eh = new_eh_frame(&cie);
	struct cfi_bytes debug = { .is_debug = true };
	struct cfi_image image = { .address = CODE,
				   .code_offset = 0x1000,
				   .code_size = CODE_SIZE,
				   .eh_frame = &eh,
				   .debug_frame = &debug };
	struct unwind_table *t;

	cfi_add_fde(&eh, cie, CODE + 0x100, 0x100, "", 0);
	debug_cie = cfi_add_cie(&debug, "", BYTES(DEF_CFA(RSP, 64), OFFSET(RA, 1)));
	cfi_add_fde(&debug, debug_cie, CODE + 0x80, 0x100, "",
		    0); /* reaches into the described one */
	cfi_add_fde(&debug, debug_cie, CODE + 0x180, 0x100, "", 0); /* begins in it */
	cfi_add_fde(&debug, debug_cie, CODE + 0x300, 0x100, "", 0);
	t = compile(&image);
	expect(t, CODE + 0x80, sp_rule(64));
	expect(t, CODE + 0x100, sp_rule(8));
	expect(t, CODE + 0x1ff, sp_rule(8));
	expect(t, CODE + 0x200, gap);
	expect(t, CODE + 0x300, sp_rule(64));
	cr_expect_eq(t->stats.overlapping, 0);
	unwind_table_free(t);
	buffer_done(&eh.bytes);
	buffer_done(&debug.bytes);
}

Test(unwind_table, debug_frame_that_cannot_be_read)
{
	size_t cie;
	struct cfi_bytes eh = new_eh_frame(&cie);
	struct cfi_bytes debug = { .is_debug = true };
	struct cfi_image image = { .address = CODE,
				   .code_offset = 0x1000,
				   .code_size = CODE_SIZE,
				   .eh_frame = &eh,
				   .debug_frame = &debug,
				   .compression = 3 };
	struct unwind_table *t;

	cfi_add_fde(&eh, cie, CODE, 0x100, "", 0);
	cfi_add_cie(&debug, "", usual_cie, sizeof(usual_cie));
	t = compile(&image);
	expect(t, CODE, sp_rule(8));
	cr_expect_eq(t->stats.bad_fdes, 1);
	unwind_table_free(t);
	buffer_done(&eh.bytes);
	buffer_done(&debug.bytes);
}

Test(unwind_table, stripped_of_section_headers)
{
	size_t cie;
	struct cfi_bytes eh = new_eh_frame(&cie);
	struct cfi_image image = { .address = CODE,
				   .code_offset = 0x1000,
				   .code_size = CODE_SIZE,
				   .eh_frame = &eh,
				   .no_sections = true };
	struct unwind_table *t;

	cfi_add_fde(&eh, cie, CODE + 0x40, 0x10, "", 0);
	t = compile(&image);
	expect(t, CODE + 0x40, sp_rule(8));
	expect(t, CODE + 0x50, gap);
	cr_expect_eq(t->stats.bad_fdes, 0);
	unwind_table_free(t);
	buffer_done(&eh.bytes);
}

Test(unwind_table, trampolines_without_description)
{
	static const uint8_t rax[] = { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 };
	static const uint8_t eax[] = { 0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05 };
	static const uint8_t svc[] = { 0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4 };
	uint8_t code[0x200] = { 0 };
	size_t cie;
	struct cfi_bytes eh = new_eh_frame(&cie);
	struct cfi_image image = { .address = CODE,
				   .code_offset = 0x1000,
				   .code_size = sizeof(code),
				   .code = code,
				   .eh_frame = &eh };
	struct unwind_table *t;

	memcpy(code + 0x20, rax, sizeof(rax)); /* described: not looked at */
	memcpy(code + 0x80, rax, sizeof(rax));
	memcpy(code + 0xc0, eax, sizeof(eax));
	memcpy(code + sizeof(code) - sizeof(svc), svc, sizeof(svc));
	cfi_add_fde(&eh, cie, CODE, 0x40, "", 0);
	t = compile(&image);
	expect(t, CODE + 0x20, sp_rule(8));
	expect(t, CODE + 0x7e, gap);
	expect(t, CODE + 0x7f, bare_rule(UNWIND_CFA_SIGNAL));
	expect(t, CODE + 0x88, bare_rule(UNWIND_CFA_SIGNAL));
	expect(t, CODE + 0x89, gap);
	expect(t, CODE + 0xbf, bare_rule(UNWIND_CFA_SIGNAL));
	expect(t, CODE + sizeof(code) - 1, gap);
	unwind_table_free(t);

	image.machine = EM_AARCH64;
	image.eh_frame = NULL;
	t = compile(&image);
	expect(t, CODE + 0x80, gap);
	expect(t, CODE + sizeof(code) - 9, bare_rule(UNWIND_CFA_SIGNAL));
	expect(t, CODE + sizeof(code) - 1, bare_rule(UNWIND_CFA_SIGNAL));
	unwind_table_free(t);
	buffer_done(&eh.bytes);
}

Test(unwind_table, bias_of_mappings)
{
	struct cfi_image image = { .address = 0x401800,
				   .code_offset = 0x2800,
				   .code_size = 0x3000 };
	struct unwind_table *t = compile(&image);
	uint64_t bias = 0;

	cr_expect_eq(t->nr_pages, 0);
	/* The first page of the mapping shows what precedes the segment, too. */
	cr_expect_eq(unwind_table_bias(t, 0x7f0000402000, 0x2000, &bias), 0);
	cr_expect_eq(bias, 0x7f0000402000 - 0x401000);
	/* A piece of it, as mprotect(2) leaves it. */
	cr_expect_eq(unwind_table_bias(t, 0x7f0000404000, 0x4000, &bias), 0);
	cr_expect_eq(bias, 0x7f0000402000 - 0x401000);
	cr_expect_eq(unwind_table_bias(t, 0x401000, 0x2000, &bias), 0);
	cr_expect_eq(bias, 0);
	cr_expect_eq(unwind_table_bias(t, 0x7f0000400000, 0x1000, &bias), -ENOENT);
	cr_expect_eq(unwind_table_bias(t, 0x7f0000400000, 0x6000, &bias), -ENOENT);
	unwind_table_free(t);
}

/* ---- damage ----------------------------------------------------------------------------------------------------- */

/* One good function, one with these instructions, another good one. */
static void expect_bad(const char *program, size_t size)
{
	size_t cie;
	struct cfi_bytes eh = new_eh_frame(&cie);
	struct unwind_table *t;

	cfi_add_fde(&eh, cie, CODE, 0x100, "", 0);
	cfi_add_fde(&eh, cie, CODE + 0x100, 0x100, program, size);
	cfi_add_fde(&eh, cie, CODE + 0x200, 0x100, BYTES(DEF_CFA_OFFSET(32)));
	t = compile_eh(&eh);
	cr_expect_eq(t->stats.bad_fdes, 1);
	expect(t, CODE + 0xff, sp_rule(8));
	expect(t, CODE + 0x100, gap);
	expect(t, CODE + 0x1ff, gap);
	expect(t, CODE + 0x200, sp_rule(32));
	cr_expect_eq(t->stats.covered_bytes, 0x200);
	unwind_table_free(t);
	buffer_done(&eh.bytes);
}

Test(unwind_table, malformed_functions_are_gaps)
{
	char remembers[24];

	memset(remembers, REMEMBER, sizeof(remembers));
	expect_bad(BYTES(ADVANCE(4), DEF_CFA_OFFSET(16), ADVANCE(4), RESTORE_STATE));
	expect_bad(BYTES(DEF_CFA_OFFSET(16), ADVANCE(4), 0x3c));
	expect_bad(remembers, sizeof(remembers));
	expect_bad(BYTES(ADVANCE(4), CFA_EXPRESSION(0x40), 0x76, 0x08));
	expect_bad(BYTES(ADVANCE(4), EXPRESSION(RBP, 0x40), 0x76, 0x08));
	/* Operands that the entry ends in; it is padded to a multiple of 4, from 13 bytes on. */
	expect_bad(BYTES(ADVANCE(4), 0, 0x03));
	expect_bad(BYTES(ADVANCE(4), 0x0e, (char)0x80));
	/* A location that goes back; and one that goes round the end of the address space. */
	expect_bad(BYTES(0x01, 0, 0, (char)0xa0, -1, 0, 0));
	expect_bad(BYTES(0x1d, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0));
}

/* Compiles raw bytes as .eh_frame that hold one good function of 0x100 bytes at CODE before the damage. */
static void expect_raw(const void *raw, size_t size, uint32_t nr_fdes, uint32_t bad_fdes)
{
	size_t cie;
	struct cfi_bytes eh = new_eh_frame(&cie);
	struct unwind_table *t;

	cfi_add_fde(&eh, cie, CODE, 0x100, "", 0);
	buffer_append(&eh.bytes, raw, size);
	t = compile_eh(&eh);
	expect(t, CODE, sp_rule(8));
	cr_expect_eq(t->stats.nr_fdes, nr_fdes);
	cr_expect_eq(t->stats.bad_fdes, bad_fdes);
	unwind_table_free(t);
	buffer_done(&eh.bytes);
}

Test(unwind_table, malformed_entries)
{
	/* A length beyond the section; of 64 bits, the same. */
	expect_raw(BYTES(0x7f, 0, 0, 0, 1), 1, 1);
	expect_raw(BYTES(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1), 1, 1);
	/* An FDE whose CIE is itself; beyond the section; amid another entry. */
	expect_raw(BYTES(8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0), 2, 1);
	expect_raw(BYTES(8, 0, 0, 0, -1, -1, 0, 0, 0, 0, 0, 0), 2, 1);
	expect_raw(BYTES(8, 0, 0, 0, 0x0e, 0, 0, 0, 0, 0, 0, 0), 2, 1);
	/* CIEs of an unknown version and of an unknown kind, alone; an entry without room for its id. */
	expect_raw(BYTES(8, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 1), 1, 0);
	expect_raw(BYTES(8, 0, 0, 0, 0, 0, 0, 0, 1, 'q', 0, 1), 1, 0);
	expect_raw(BYTES(2, 0, 0, 0, 0, 0), 2, 1);
	/* End marks amid the section. */
	expect_raw(BYTES(0, 0, 0, 0, 0, 0, 0, 0), 1, 0);
}

Test(unwind_table, not_a_program)
{
	struct cfi_image image = { .address = CODE, .code_offset = 0x1000, .code_size = 16 };
	struct unwind_table *table = NULL;
	struct buffer file = BUFFER_INIT;
	struct oc_error err = { 0 };

	cr_expect_eq(unwind_table_compile_image("#!/bin/sh\n", 10, &table, &err), -EBADMSG);
	cr_expect_eq(err.code, -EBADMSG);
	image.machine = EM_S390;
	cfi_image_make(&image, &file);
	cr_expect_eq(unwind_table_compile_image(file.data, file.len, &table, &err), -EOPNOTSUPP);
	image.machine = EM_X86_64;
	buffer_clear(&file);
	cfi_image_make(&image, &file);
	cr_expect_eq(unwind_table_compile_image(file.data, 80, &table, &err), -EBADMSG);
	cr_expect_eq(unwind_table_compile(-1, -1, &table, &err), -EBADF);
	cr_expect_null(table);
	unwind_table_free(NULL);
	buffer_done(&file);
}

/* ---- real ones -------------------------------------------------------------------------------------------------- */

Test(unwind_table, this_program)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct unwind_table *t = NULL;
	struct oc_error err = { 0 };

	cr_assert_geq(fd, 0);
	cr_assert_eq(unwind_table_compile(fd, fd, &t, &err), 0, "%s", err.message);
	close(fd);
	unwind_lookup_check(t);
	cr_expect_gt(t->stats.nr_fdes, 100);
	cr_expect_eq(t->stats.bad_fdes, 0);
	unwind_table_free(t);
}

Test(unwind_table, vdso)
{
	struct unwind_table *t = NULL;
	struct oc_error err = { 0 };
	size_t size;
	const void *vdso = vdso_image(&size);

	if (!vdso)
		cr_skip("this kernel gives no vDSO");
	cr_assert_eq(unwind_table_compile_image(vdso, size, &t, &err), 0, "%s", err.message);
	unwind_lookup_check(t);
	cr_expect_gt(t->stats.nr_fdes, 0);
	cr_expect_gt(t->stats.covered_bytes, 100);
	cr_expect_eq(t->stats.unknown_rows, 0);
	unwind_table_free(t);
}
