/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs call frame instructions and turns what they say into rules.
 * Called by the table compiler, through unwind/cfi.h.
 * Must not know files, pages or rows.
 */
#include <elf.h>
#include <errno.h>

#include "base/macros.h"
#include "unwind/cfi_reader.h"

/* Instructions (DWARF 5, 7.24; GNU and vendor ones from binutils' documentation and the AArch64 DWARF ABI). */
enum {
	OP_ADVANCE = 0x40, /* these three keep an operand in the lower six bits */
	OP_OFFSET = 0x80,
	OP_RESTORE = 0xc0,
	OP_NOP = 0x00,
	OP_SET_LOC = 0x01,
	OP_ADVANCE_1 = 0x02,
	OP_ADVANCE_2 = 0x03,
	OP_ADVANCE_4 = 0x04,
	OP_OFFSET_EXTENDED = 0x05,
	OP_RESTORE_EXTENDED = 0x06,
	OP_UNDEFINED = 0x07,
	OP_SAME_VALUE = 0x08,
	OP_REGISTER = 0x09,
	OP_REMEMBER = 0x0a,
	OP_RESTORE_STATE = 0x0b,
	OP_DEF_CFA = 0x0c,
	OP_DEF_CFA_REGISTER = 0x0d,
	OP_DEF_CFA_OFFSET = 0x0e,
	OP_DEF_CFA_EXPRESSION = 0x0f,
	OP_EXPRESSION = 0x10,
	OP_OFFSET_EXTENDED_SF = 0x11,
	OP_DEF_CFA_SF = 0x12,
	OP_DEF_CFA_OFFSET_SF = 0x13,
	OP_VAL_OFFSET = 0x14,
	OP_VAL_OFFSET_SF = 0x15,
	OP_VAL_EXPRESSION = 0x16,
	OP_MIPS_ADVANCE_8 = 0x1d,
	OP_NEGATE_RA_STATE_WITH_PC = 0x2c,
	OP_NEGATE_RA_STATE =
		0x2d, /* GNU_window_save on SPARC; signed return addresses: masking is the walker's */
	OP_GNU_ARGS_SIZE = 0x2e,
	OP_GNU_NEGATIVE_OFFSET = 0x2f,
	OP_KIND = 0xc0,
	OP_OPERAND = 0x3f,
};

/* Operations of expressions (DWARF 5, 7.7.1). */
enum {
	EXPR_DEREF = 0x06,
	EXPR_PLUS_UCONST = 0x23,
	EXPR_LIT0 = 0x30,
	EXPR_LIT15 = 0x3f,
	EXPR_BREG0 = 0x70,
	EXPR_BREG31 = 0x8f,
};

/* ---- expressions ------------------------------------------------------------------------------------------------ */

/*
 * The CFA of x86-64's lazy PLT, as linkers write it: sp + 8 + (((pc & 15) >= N) << 3). N, here 0, is where the entry's
 * push ends.
 */
static const uint8_t plt_expression[] = {
	0x77, 8, 0x80, 0, 0x3f, 0x1a, EXPR_LIT0, 0x2a, 0x33, 0x24, 0x22,
};
#define PLT_LIT 6 /* index of N */

static bool is_plt(const struct cfi_arch *arch, const uint8_t *expr, uint64_t size)
{
	return arch->machine == EM_X86_64 && size == sizeof(plt_expression) &&
	       !memcmp(expr, plt_expression, PLT_LIT) && expr[PLT_LIT] >= EXPR_LIT0 &&
	       expr[PLT_LIT] <= EXPR_LIT15 &&
	       !memcmp(expr + PLT_LIT + 1, plt_expression + PLT_LIT + 1,
		       sizeof(plt_expression) - PLT_LIT - 1);
}

/* Takes "register + offset" from the front of an expression. */
static bool take_register(struct cfi_reader *expr, uint64_t *ret_reg, int64_t *ret_off)
{
	uint8_t op = (uint8_t)cfi_fixed(expr, 1);

	if (op < EXPR_BREG0 || op > EXPR_BREG31)
		return false;
	*ret_reg = op - EXPR_BREG0;
	*ret_off = cfi_sleb(expr);
	return !expr->failed;
}

/* DW_CFA_def_cfa_expression: the forms that are in use. */
static void set_cfa_expression(struct cfi_program *p, const uint8_t *bytes, uint64_t size)
{
	struct cfi_reader expr = { .at = bytes, .end = bytes + size };
	struct cfi_state *s = &p->state;
	uint64_t reg;
	int64_t off;

	s->expr = UNWIND_CFA_UNKNOWN;
	if (is_plt(p->arch, bytes, size)) {
		s->expr = UNWIND_CFA_PLT;
		s->expr_off = bytes[PLT_LIT] - EXPR_LIT0;
		return;
	}
	if (!take_register(&expr, &reg, &off))
		return;
	if (!cfi_left(&expr)) {
		s->expr = UNWIND_CFA_REG;
		s->cfa_reg = reg;
		s->cfa_off = off;
		return;
	}
	if (cfi_fixed(&expr, 1) != EXPR_DEREF)
		return;
	s->expr_off = off;
	s->expr_plus = 0;
	if (cfi_left(&expr)) {
		if (cfi_fixed(&expr, 1) != EXPR_PLUS_UCONST)
			return;
		s->expr_plus = cfi_uleb(&expr);
	}
	if (expr.failed || cfi_left(&expr))
		return;
	if (reg == p->arch->fp && !s->expr_plus)
		s->expr = UNWIND_CFA_FP_DEREF;
	else if (reg == p->arch->sp && p->cie->signal)
		s->expr =
			UNWIND_CFA_SIGNAL; /* the stack pointer that the kernel has put into its frame */
	else if (reg == p->arch->sp && s->expr_plus <= UINT8_MAX)
		s->expr = UNWIND_CFA_SP_DEREF;
}

/* DW_CFA_expression: the value is at an address that is computed. */
static struct cfi_saved saved_by_expression(const struct cfi_program *p, const uint8_t *bytes,
					    uint64_t size)
{
	struct cfi_reader expr = { .at = bytes, .end = bytes + size };
	struct cfi_saved saved = { .kind = CFI_UNSUPPORTED };
	uint64_t reg;

	if (!take_register(&expr, &reg, &saved.off) || cfi_left(&expr))
		return saved;
	if (reg == p->arch->fp)
		saved.kind = CFI_AT_FP;
	else if (reg == p->arch->sp)
		saved.kind = CFI_AT_SP;
	return saved;
}

/* ---- instructions ----------------------------------------------------------------------------------------------- */

/* Offsets too large for 64 bits become ones that no rule can hold. */
static int64_t scaled(int64_t value, int64_t factor)
{
	int64_t product;

	return __builtin_mul_overflow(value, factor, &product) ? INT64_MAX : product;
}

/* An unsigned operand as a signed one, in the same manner. */
static int64_t as_signed(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* Notes where register `reg` is; only two registers matter. */
static void set_saved(struct cfi_program *p, uint64_t reg, struct cfi_saved saved)
{
	if (reg == p->arch->fp)
		p->state.fp = saved;
	else if (reg == p->cie->ra_reg)
		p->state.ra = saved;
}

static void set_at_cfa(struct cfi_program *p, uint64_t reg, int64_t off)
{
	set_saved(p, reg, (struct cfi_saved){ .kind = CFI_AT_CFA, .off = off });
}

static void restore(struct cfi_program *p, uint64_t reg)
{
	if (reg == p->arch->fp)
		p->state.fp = p->cie->initial.fp;
	else if (reg == p->cie->ra_reg)
		p->state.ra = p->cie->initial.ra;
}

static void set_cfa(struct cfi_program *p, uint64_t reg, int64_t off)
{
	p->state.expr = UNWIND_CFA_REG;
	p->state.cfa_reg = reg;
	p->state.cfa_off = off;
}

static void advance(struct cfi_program *p, uint64_t delta)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(delta, p->cie->code_align, &bytes) ||
	    __builtin_add_overflow(p->location, bytes, &p->location))
		cfi_fail(&p->in);
}

static void set_location(struct cfi_program *p)
{
	uint64_t here = p->section->address + (uint64_t)(p->in.at - p->section->data);
	uint64_t address = cfi_address(&p->in, p->cie->encoding, here);

	if (address < p->location)
		cfi_fail(&p->in);
	else
		p->location = address;
}

static void run_state_stack(struct cfi_program *p, uint8_t op)
{
	if (op == OP_REMEMBER && p->nr_states < CFI_STATES_MAX)
		p->states[p->nr_states++] = p->state;
	else if (op == OP_RESTORE_STATE && p->nr_states)
		p->state = p->states[--p->nr_states];
	else
		cfi_fail(&p->in);
}

static void run_cfa(struct cfi_program *p, uint8_t op)
{
	struct cfi_reader *in = &p->in;
	uint64_t value;

	switch (op) {
	case OP_DEF_CFA:
		value = cfi_uleb(in);
		set_cfa(p, value, as_signed(cfi_uleb(in)));
		break;
	case OP_DEF_CFA_SF:
		value = cfi_uleb(in);
		set_cfa(p, value, scaled(cfi_sleb(in), p->cie->data_align));
		break;
	case OP_DEF_CFA_REGISTER:
		set_cfa(p, cfi_uleb(in), p->state.cfa_off);
		break;
	case OP_DEF_CFA_OFFSET:
		p->state.cfa_off = as_signed(cfi_uleb(in));
		break;
	case OP_DEF_CFA_OFFSET_SF:
		p->state.cfa_off = scaled(cfi_sleb(in), p->cie->data_align);
		break;
	default: /* OP_DEF_CFA_EXPRESSION */
		value = cfi_uleb(in);
		if (value > cfi_left(in)) {
			cfi_fail(in);
			break;
		}
		set_cfa_expression(p, in->at, value);
		in->at += value;
	}
}

/* Expressions for registers. */
static void run_expression(struct cfi_program *p, uint8_t op)
{
	struct cfi_reader *in = &p->in;
	uint64_t reg = cfi_uleb(in), size = cfi_uleb(in);
	struct cfi_saved saved = { .kind = CFI_UNSUPPORTED };

	if (size > cfi_left(in)) {
		cfi_fail(in);
		return;
	}
	if (op == OP_EXPRESSION)
		saved = saved_by_expression(p, in->at, size);
	set_saved(p, reg, saved);
	in->at += size;
}

/* Instructions for a register with at most one operand. */
static void run_register(struct cfi_program *p, uint8_t op)
{
	struct cfi_reader *in = &p->in;
	uint64_t reg = cfi_uleb(in);

	switch (op) {
	case OP_OFFSET_EXTENDED:
		set_at_cfa(p, reg, scaled(as_signed(cfi_uleb(in)), p->cie->data_align));
		break;
	case OP_OFFSET_EXTENDED_SF:
		set_at_cfa(p, reg, scaled(cfi_sleb(in), p->cie->data_align));
		break;
	case OP_GNU_NEGATIVE_OFFSET:
		set_at_cfa(p, reg, scaled(scaled(as_signed(cfi_uleb(in)), p->cie->data_align), -1));
		break;
	case OP_RESTORE_EXTENDED:
		restore(p, reg);
		break;
	case OP_UNDEFINED:
		set_saved(p, reg, (struct cfi_saved){ .kind = CFI_UNDEFINED });
		break;
	case OP_SAME_VALUE:
		set_saved(p, reg, (struct cfi_saved){ .kind = CFI_SAME });
		break;
	case OP_VAL_OFFSET_SF:
		cfi_sleb(in);
		set_saved(p, reg, (struct cfi_saved){ .kind = CFI_UNSUPPORTED });
		break;
	default: /* OP_REGISTER, OP_VAL_OFFSET */
		cfi_uleb(in);
		set_saved(p, reg, (struct cfi_saved){ .kind = CFI_UNSUPPORTED });
	}
}

/* An instruction without an operand in its own byte. */
static void run_extended(struct cfi_program *p, uint8_t op)
{
	switch (op) {
	case OP_NOP:
	case OP_NEGATE_RA_STATE:
	case OP_NEGATE_RA_STATE_WITH_PC:
		return;
	case OP_GNU_ARGS_SIZE:
		cfi_uleb(&p->in);
		return;
	case OP_SET_LOC:
		set_location(p);
		return;
	case OP_ADVANCE_1:
		advance(p, cfi_fixed(&p->in, 1));
		return;
	case OP_ADVANCE_2:
		advance(p, cfi_fixed(&p->in, 2));
		return;
	case OP_ADVANCE_4:
		advance(p, cfi_fixed(&p->in, 4));
		return;
	case OP_MIPS_ADVANCE_8:
		advance(p, cfi_fixed(&p->in, 8));
		return;
	case OP_REMEMBER:
	case OP_RESTORE_STATE:
		run_state_stack(p, op);
		return;
	case OP_DEF_CFA:
	case OP_DEF_CFA_SF:
	case OP_DEF_CFA_REGISTER:
	case OP_DEF_CFA_OFFSET:
	case OP_DEF_CFA_OFFSET_SF:
	case OP_DEF_CFA_EXPRESSION:
		run_cfa(p, op);
		return;
	case OP_EXPRESSION:
	case OP_VAL_EXPRESSION:
		run_expression(p, op);
		return;
	case OP_OFFSET_EXTENDED:
	case OP_OFFSET_EXTENDED_SF:
	case OP_GNU_NEGATIVE_OFFSET:
	case OP_RESTORE_EXTENDED:
	case OP_UNDEFINED:
	case OP_SAME_VALUE:
	case OP_REGISTER:
	case OP_VAL_OFFSET:
	case OP_VAL_OFFSET_SF:
		run_register(p, op);
		return;
	default:
		cfi_fail(&p->in); /* its operands, and so all that follows, cannot be known */
	}
}

void cfi_program_begin(struct cfi_program *p, const struct cfi_section *section,
		       const struct cfi_arch *arch, const struct cfi_cie *cie,
		       const struct cfi_fde *fde)
{
	p->section = section;
	p->arch = arch;
	p->cie = cie;
	p->in = (struct cfi_reader){ .at = section->data + fde->program,
				     .end = section->data + fde->program_end };
	p->state = cie->initial;
	p->row_start = p->location = fde->start;
	p->ended = false;
	p->nr_states = 0;
}

int cfi_program_next(struct cfi_program *p)
{
	struct cfi_reader *in = &p->in;

	if (p->ended)
		return 0;
	p->row_start = p->location;
	while (in->at < in->end) {
		uint8_t byte = *in->at++;
		uint8_t operand = byte & OP_OPERAND;

		switch (byte & OP_KIND) {
		case OP_ADVANCE:
			advance(p, operand);
			break;
		case OP_OFFSET:
			set_at_cfa(p, operand, scaled(as_signed(cfi_uleb(in)), p->cie->data_align));
			break;
		case OP_RESTORE:
			restore(p, operand);
			break;
		default:
			run_extended(p, byte);
		}
		if (in->failed)
			return -EBADMSG;
		if (p->location != p->row_start)
			return 1;
	}
	p->ended = true;
	return 1;
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

static bool fits(int64_t off)
{
	return off >= INT32_MIN && off <= INT32_MAX;
}

/* The CFA; false when there is no rule for it. */
static bool set_rule_cfa(const struct cfi_arch *arch, const struct cfi_state *s,
			 struct unwind_rule *rule)
{
	int64_t off = s->expr == UNWIND_CFA_REG ? s->cfa_off : s->expr_off;

	if (!fits(off))
		return false;
	rule->cfa_off = (int32_t)off;
	rule->cfa = s->expr;
	if (s->expr == UNWIND_CFA_SP_DEREF)
		rule->reg = (uint8_t)s->expr_plus;
	if (s->expr != UNWIND_CFA_REG)
		return s->expr != UNWIND_CFA_UNKNOWN;
	if (s->cfa_reg == arch->sp)
		rule->cfa = UNWIND_CFA_SP;
	else if (s->cfa_reg == arch->fp)
		rule->cfa = UNWIND_CFA_FP;
	else if (s->cfa_reg < arch->nr_registers)
		rule->reg = (uint8_t)s->cfa_reg;
	else
		return false;
	return true;
}

/* Where a register is, relative to what the walker knows; false when there is no rule for it. */
static bool set_rule_saved(const struct unwind_rule *rule, struct cfi_saved saved,
			   uint8_t *ret_kind, int32_t *ret_off)
{
	if (saved.kind == CFI_SAME) {
		*ret_kind = UNWIND_SAVED_SAME;
		*ret_off = 0;
		return true;
	}
	if (saved.kind == CFI_AT_SP) {
		/* The CFA's distance from sp is known where the CFA is made of sp. */
		if (rule->cfa != UNWIND_CFA_SP ||
		    __builtin_sub_overflow(saved.off, (int64_t)rule->cfa_off, &saved.off))
			return false;
		saved.kind = CFI_AT_CFA;
	}
	if ((saved.kind != CFI_AT_CFA && saved.kind != CFI_AT_FP) || !fits(saved.off))
		return false;
	*ret_kind = saved.kind == CFI_AT_CFA ? UNWIND_SAVED_AT_CFA : UNWIND_SAVED_AT_FP;
	*ret_off = (int32_t)saved.off;
	return true;
}

void cfi_rule(const struct cfi_program *p, struct unwind_rule *ret_rule)
{
	struct unwind_rule rule = { 0 };
	const struct cfi_state *s = &p->state;
	struct cfi_saved fp = s->fp;
	bool known;

	if (s->ra.kind == CFI_UNDEFINED) {
		*ret_rule = (struct unwind_rule){ .cfa = UNWIND_CFA_END };
		return;
	}
	/* The kernel's vDSO for arm64 describes its frame record, not the frame; both are told by 'S'. */
	if (s->expr == UNWIND_CFA_SIGNAL || (p->cie->signal && p->arch->machine == EM_AARCH64)) {
		*ret_rule = (struct unwind_rule){ .cfa = UNWIND_CFA_SIGNAL };
		return;
	}
	/* A frame pointer that is not kept is one that no caller relies on. */
	if (fp.kind == CFI_UNDEFINED)
		fp.kind = CFI_SAME;
	known = set_rule_cfa(p->arch, s, &rule) &&
		set_rule_saved(&rule, fp, &rule.fp, &rule.fp_off) &&
		set_rule_saved(&rule, s->ra, &rule.ra, &rule.ra_off);
	/* Only arm64 has a register for the return address. */
	if (known && rule.ra == UNWIND_SAVED_SAME)
		known = p->arch->machine == EM_AARCH64 && p->cie->ra_reg == p->arch->ra;
	*ret_rule = known ? rule : (struct unwind_rule){ .cfa = UNWIND_CFA_UNKNOWN };
}
