/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unwind/table.h: what each kind of call frame information becomes, how tables are laid out, and damaged input.
 */
#include <criterion/criterion.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/macros.h"
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

static const struct unwind_rule gap = { .cfa = UNWIND_CFA_GAP };

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
