/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds signal trampolines that have no call frame information, by their code.
 * Used by the table compiler for the gaps between described functions. Must not know tables.
 */
#ifndef UNWIND_SIGRETURN_H
#define UNWIND_SIGRETURN_H

#include "base/elf_file.h"
#include "unwind/table.h"

/* What lies between two described functions is padding when it is shorter, and looked into otherwise. */
#define SIGRETURN_GAP_MIN 16
/* A program has one, perhaps two with its runtime. */
#define SIGRETURN_MAX 16
/*
 * Bytes looked into, of one file: 40 ms. In most, gaps are next to nothing. Those that have a trampoline are C libraries
 * and what is linked statically; browsers have 200 MiB of undescribed code and none.
 */
#define SIGRETURN_BYTES_MAX (64ULL << 20)

/* A trampoline, from the byte before it on: handlers return to its first byte, and return addresses are looked up one
 * byte lower. */
struct sigreturn {
	uint64_t start;
	uint64_t end;
};

/* The file that is searched, and what was found. Embedded. */
struct sigreturn_search {
	const struct elf_file *elf;
	uint16_t machine;
	uint8_t *window; /* owned */
	uint64_t bytes;  /* looked into */
	struct sigreturn found[SIGRETURN_MAX];
	size_t nr;
};

void sigreturn_search_done(struct sigreturn_search *search);

/*
 * Searches the addresses start..end, which lie in `segment` and which nothing describes.
 * Returns 0 (also when a limit above was reached), -ENOMEM, or an error of pread(2).
 * Source: arch/x86/entry (rt_sigreturn is system call 15) and the generic table of system calls (139 on arm64).
 */
int sigreturn_find(struct sigreturn_search *search, const struct unwind_segment *segment,
		   uint64_t start, uint64_t end);

#endif
