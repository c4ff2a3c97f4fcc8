/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * THE unwind tables: what src/unwind/ compiles from .eh_frame and the walker (bpf/unwind_step.h, in the kernel and on
 * the host) reads. Layout only; no logic, no pointers, explicit padding; enums are append-only.
 *
 *   image --ranges--> range --directory--> page --block--> row --> rule
 *
 * image   a process between two execs: a slice of `ranges`, sorted by address
 * range   a piece of executable memory: of a module with a table, or without one (JIT code: frame pointers)
 * page    64 KiB of a module's addresses; loaded when a sample needs it, evicted when it was not used for long
 * block   the rows of a page, behind an index of its 1 KiB pieces; one block lies within one chunk of the row store
 * row     16 bits of address, 16 bits of rule; valid up to the next row
 * rule    how to find the caller's frame; interned over all modules
 */
#ifndef ONECOLLECT_UNWIND_WIRE_H
#define ONECOLLECT_UNWIND_WIRE_H

#include <linux/types.h>

/* ---- rules ------------------------------------------------------------------------------------------------------ */

/* The canonical frame address: the stack pointer of the caller once this frame is gone (DWARF 5, 6.4.1). */
enum unwind_cfa {
	UNWIND_CFA_GAP,      /* no FDE covers the address: step by frame pointer */
	UNWIND_CFA_SP,       /* sp + cfa_off */
	UNWIND_CFA_FP,       /* fp + cfa_off */
	UNWIND_CFA_FP_DEREF, /* *(fp + cfa_off): a realigned frame */
	UNWIND_CFA_REG,      /* register `reg` + cfa_off; known in the sampled frame only */
	UNWIND_CFA_PLT,      /* x86-64: sp + 8 + ((pc & 15) >= cfa_off ? 8 : 0) */
	UNWIND_CFA_SIGNAL,   /* the kernel's signal frame lies at sp */
	UNWIND_CFA_END,      /* the return address is undefined: the outermost frame */
	UNWIND_CFA_UNKNOWN,  /* a rule that we do not support */
	UNWIND_CFA_SP_DEREF, /* *(sp + cfa_off) + reg: code that keeps the old stack pointer in its frame (OpenSSL) */
	UNWIND_CFA_LAST = UNWIND_CFA_SP_DEREF,
};

/* Where the caller's frame pointer, or the return address, is. */
enum unwind_saved {
	UNWIND_SAVED_SAME, /* frame pointer: unchanged; return address: in the link register (arm64, sampled frame) */
	UNWIND_SAVED_AT_CFA, /* *(cfa + off) */
	UNWIND_SAVED_AT_FP,  /* *(fp + off), of a realigned frame */
};

struct unwind_rule {
	__u8 cfa; /* enum unwind_cfa */
	__u8 reg; /* DWARF number of the register of UNWIND_CFA_REG; a number of bytes for UNWIND_CFA_SP_DEREF */
	__u8 fp; /* enum unwind_saved */
	__u8 ra; /* enum unwind_saved */
	__s32 cfa_off;
	__s32 fp_off;
	__s32 ra_off;
};

/* Rule 0 is the gap. */
#define UNWIND_RULES_MAX 16384

/* ---- rows ------------------------------------------------------------------------------------------------------- */

#define UNWIND_PAGE_SHIFT  16
#define UNWIND_PIECE_SHIFT 10
#define UNWIND_PIECES      64 /* of a page */

/* A row: the lower 16 bits of the first address it is valid for, then the rule. */
#define UNWIND_ROW(low, rule) ((__u32)(low) << 16 | (__u16)(rule))
#define UNWIND_ROW_LOW(row)   ((row) >> 16)
#define UNWIND_ROW_RULE(row)  ((row)&0xffff)

/* The row store is made of chunks; a block never crosses from one to the next. */
#define UNWIND_CHUNK_WORDS 65536

/*
 * A block: words of 32 bits. Its rows are sorted; the first has the low address 0, so that each address finds a row.
 * Piece i of the page is covered by the rows pieces[i] .. pieces[i + 1], both included.
 */
struct unwind_block {
	__u16 pieces[UNWIND_PIECES + 2]; /* the last one is padding */
	__u32 rows[];
};
#define UNWIND_BLOCK_HEADER_WORDS 33

/* A page in the directory. Written by user space, but for `used`. */
struct unwind_page {
	__u32 block; /* word in the row store; or: */
	__u32 used;  /* tick of the last use, written by the walker */
};
#define UNWIND_PAGE_ABSENT 0 /* not loaded */
#define UNWIND_PAGE_EMPTY  1 /* nothing but gaps */

/* ---- processes -------------------------------------------------------------------------------------------------- */

struct unwind_range {
	__u64 start;
	__u64 end;
	__u64 bias; /* address in memory - address in the file's program headers */
	__u32 directory; /* directory[this + (address - bias) >> UNWIND_PAGE_SHIFT] is the page; wraps around */
	__u32 module; /* 0 = no table: frame pointers */
};

struct unwind_image {
	__u32 first; /* in the store of ranges; read together with `nr`, as 64 bits */
	__u32 nr;
	__u32 version; /* no two published slices of a store have the same */
	__u32 copies; /* copied stacks that may still be sent for lack of tables; each takes one away */
	__u32 flags; /* UNWIND_IMAGE_* */
	__u32 pad;
};
/* Its mappings get replaced, so the time of a sample tells what an address means: no counters. */
#define UNWIND_IMAGE_TIMED 1
/* All the time, so that its stacks are sent as copies as long as `copies` lasts. */
#define UNWIND_IMAGE_CHANGING 2

/* A search in more ranges than this is not attempted; beyond, a process is unwound from copies. */
#define UNWIND_RANGES_PER_IMAGE 4096

/* ---- walks ------------------------------------------------------------------------------------------------------ */

/* User frames of one stack. */
#define UNWIND_FRAMES_MAX 255

/* How a walk ended. */
enum unwind_outcome {
	UNWIND_RUNNING,     /* it did not */
	UNWIND_COMPLETE,    /* at the outermost frame */
	UNWIND_TRUNCATED,   /* there are more frames than are recorded */
	UNWIND_BAD_ADDRESS, /* the stack is unreadable, or does not lead outwards */
	UNWIND_NO_INFO,     /* no rule, and no frame pointer to go by */
	UNWIND_FP_END, /* a chain of frame pointers ended as it should; the outermost function's name tells more */
	/* From here on: for lack of what user space has, or can load. */
	UNWIND_NO_IMAGE,
	UNWIND_NO_RANGE,
	UNWIND_NO_PAGE,
};

/* Registers by DWARF number. x86-64: 6 is rbp, 7 rsp; arm64: 29 the frame pointer, 30 the link register, 31 sp. */
#define UNWIND_NR_REGS 32
struct unwind_regs {
	__u64 ip;
	__u64 numbered[UNWIND_NR_REGS]; /* x86-64 has 16 */
};

/*
 * Code of a process lies below. x86-64: with five-level page tables only who asks for it gets more. arm64: even where 52
 * bits are possible; the bits above may sign a return address.
 */
#define UNWIND_USER_END_X86   (1ULL << 47)
#define UNWIND_USER_END_ARM64 (1ULL << 48)

/* What was found out about an address, for as long as the image's ranges are the same. */
struct unwind_known {
	__u64 address;
	__u64 stamp; /* of the ranges; all zero = nothing is known here */
	struct unwind_rule rule;
};
/* On each CPU: half of the largest element that a per-CPU array can have (PCPU_MIN_UNIT_SIZE, 32 KiB). */
#define UNWIND_KNOWN_SHIFT 9
#define UNWIND_KNOWN_MAX   (1u << UNWIND_KNOWN_SHIFT)

/* Bits: how the address of a frame was found. None: as a return address, by a rule. */
#define UNWIND_EXACT 1u /* it is the next instruction to run, not one behind a call */
#define UNWIND_FIRST 2u /* by no step: all registers are known */
#define UNWIND_BY_FP 4u /* by frame pointer */

/* A walk in progress. In the kernel it lies in a map, where the verifier does not follow values. */
struct unwind_walker {
	__u64 ip;
	__u64 sp;
	__u64 fp;
	__u64 lr;       /* arm64; valid while is_exact */
	__u64 address;  /* ip, or the call before it */
	__u64 stamp;    /* `version` << 32 | `first` of the image */
	__u32 salt;     /* spreads what is known of several images and ticks */
	__u32 fp_steps; /* frames found by frame pointer */
	__u32 how;      /* UNWIND_EXACT ...: how ip was found */
	__u32 outcome;  /* enum unwind_outcome */
	__u32 nr;       /* of the image's ranges */
	__u32 pad;
	struct unwind_range range; /* that an address with this stamp was found in last */
	__u64 page;
};

_Static_assert(sizeof(struct unwind_walker) == 112, "no padding");
_Static_assert(sizeof(struct unwind_known) == 32, "two in a cache line");
_Static_assert(sizeof(struct unwind_regs) == 264, "layout shared with BPF");
_Static_assert(sizeof(struct unwind_rule) == 16, "layout shared with BPF");
_Static_assert(sizeof(struct unwind_page) == 8, "layout shared with BPF");
_Static_assert(sizeof(struct unwind_range) == 32, "layout shared with BPF");
_Static_assert(sizeof(struct unwind_image) == 24, "layout shared with BPF");
_Static_assert(sizeof(struct unwind_block) == 4 * UNWIND_BLOCK_HEADER_WORDS,
	       "layout shared with BPF");

#endif
