/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads call frame information (.eh_frame, .debug_frame) from bytes that nobody vouches for: entries, and the rules that
 * their instructions give. Used by the table compiler. Must not know files, pages or rows.
 * Source: DWARF 5, 6.4 and 7.24; LSB 5.0 core, 10.6; the register numbers of the psABIs of x86-64 and of AArch64.
 */
#ifndef UNWIND_CFI_H
#define UNWIND_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/unwind_wire.h"

/* States that DW_CFA_remember_state may put aside; compilers nest them once or twice. */
#define CFI_STATES_MAX 16

/* What differs between machines: DWARF register numbers. */
struct cfi_arch {
	uint16_t machine; /* EM_* */
	uint8_t fp;
	uint8_t sp;
	uint8_t ra;
	uint8_t nr_registers; /* general ones, those of UNWIND_CFA_REG */
};

/* The machine's description, NULL = not one of ours. */
const struct cfi_arch *cfi_arch_of(uint16_t machine);

/* A section in memory; borrowed. */
struct cfi_section {
	const uint8_t *data; /* [size] */
	size_t size;
	uint64_t address;  /* of data[0] in the file's program headers */
	bool is_eh;        /* .eh_frame; otherwise .debug_frame */
	bool ends_at_zero; /* the size is a guess: a zero length is the end */
};

/* One CIE or FDE, not yet looked into. Offsets in the section. */
struct cfi_entry {
	size_t offset; /* of its length field; what FDEs call their CIE by */
	size_t body;   /* behind length and id */
	size_t end;
	size_t cie; /* of an FDE: offset of its CIE */
	bool is_cie;
};

/* Bounds-checked reading with a sticky failure; values after a failure are 0. */
struct cfi_reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

/* Where the caller's value of a register is. */
enum cfi_saved_kind {
	CFI_SAME,
	CFI_AT_CFA,      /* *(cfa + off) */
	CFI_AT_FP,       /* *(fp + off) */
	CFI_AT_SP,       /* *(sp + off) */
	CFI_UNDEFINED,   /* nowhere */
	CFI_UNSUPPORTED, /* in another register, or computed */
};

struct cfi_saved {
	enum cfi_saved_kind kind;
	int64_t off;
};

/* The rules at one place. */
struct cfi_state {
	uint64_t cfa_reg;
	int64_t cfa_off;
	int64_t expr_off;
	uint64_t expr_plus;
	uint8_t expr; /* enum unwind_cfa that the CFA's expression stands for; UNWIND_CFA_REG = none, use cfa_reg */
	struct cfi_saved fp;
	struct cfi_saved ra;
};

struct cfi_cie {
	size_t offset;
	bool is_eh;
	bool has_data;    /* FDEs have augmentation data ('z') */
	bool signal;      /* 'S' */
	uint8_t encoding; /* of addresses, DW_EH_PE_* */
	uint64_t code_align;
	int64_t data_align;
	uint64_t ra_reg;
	struct cfi_state initial;
};

struct cfi_fde {
	uint64_t start;
	uint64_t end;
	size_t program; /* of its instructions, to the end of the entry */
	size_t program_end;
};

/*
 * The next entry of a section. at: where it begins; moved behind it.
 * Returns 1, 0 at the end, -EBADMSG when what is there is no entry; nothing behind it can be found then.
 */
int cfi_next_entry(const struct cfi_section *section, size_t *at, struct cfi_entry *ret_entry);

/* Reads a CIE and runs its instructions. Returns 0, or -EBADMSG: malformed, or of a kind that we do not know. */
int cfi_read_cie(const struct cfi_section *section, const struct cfi_entry *entry,
		 const struct cfi_arch *arch, struct cfi_cie *ret_cie);

/* Reads the head of an FDE, whose CIE is `cie`. Returns 0 or -EBADMSG. Its range may be empty. */
int cfi_read_fde(const struct cfi_section *section, const struct cfi_entry *entry,
		 const struct cfi_cie *cie, struct cfi_fde *ret_fde);

/* Instructions being run. */
struct cfi_program {
	const struct cfi_section *section;
	const struct cfi_arch *arch;
	const struct cfi_cie *cie;
	struct cfi_reader in;
	struct cfi_state state; /* the rules from row_start on */
	uint64_t row_start;
	uint64_t location; /* where the next row will begin */
	bool ended;
	uint32_t nr_states;
	struct cfi_state states[CFI_STATES_MAX];
};

/* Begins the instructions of an FDE. All is borrowed. */
void cfi_program_begin(struct cfi_program *p, const struct cfi_section *section,
		       const struct cfi_arch *arch, const struct cfi_cie *cie,
		       const struct cfi_fde *fde);

/*
 * Runs up to the next row: then p->state holds from p->row_start to p->location, or to the end when p->ended.
 * Returns 1, 0 = there are no more, -EBADMSG: malformed.
 */
int cfi_program_next(struct cfi_program *p);

/* The rule of a state; UNWIND_CFA_UNKNOWN when it cannot be expressed. */
void cfi_rule(const struct cfi_program *p, struct unwind_rule *ret_rule);

#endif
