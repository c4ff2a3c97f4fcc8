/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for the stubs of the procedure linkage table, which have no symbols of their own: "memcpy@plt".
 * Used by file_symbols. Source of the layout: the x86-64 and AArch64 psABI, as GNU ld and lld lay it out.
 */
#ifndef SYMBOLIZE_PLT_SYMBOLS_H
#define SYMBOLIZE_PLT_SYMBOLS_H

#include <stdint.h>

#include "base/elf_file.h"
#include "symbolize/symbol_match.h"

/*
 * Offers to *match a symbol for each stub that holds one of its addresses; symbol.name is `tag` plus the offset of the
 * called function's name in *ret_names. The n-th stub belongs to the n-th relocation; where the numbers of both do not
 * fit, nothing is offered.
 *
 * elf: its sections have to be loaded.
 * Returns 0 with *ret_names set if anything was offered, or an error of symbol_match_add().
 */
int plt_symbols_match(const struct elf_file *elf, struct symbol_match *match, uint64_t tag,
		      const struct elf_section **ret_names);

#endif
