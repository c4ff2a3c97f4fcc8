/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's own symbol list, /proc/kallsyms: kernel, modules, BPF programs and trampolines.
 * Used by the symbolizer once per recording, when a kernel address is to be named.
 */
#ifndef SYMBOLIZE_KERNEL_SYMBOLS_H
#define SYMBOLIZE_KERNEL_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "symbolize/symbol_match.h"

/* Reads all of a kallsyms file into *out. Returns 0, -ENOMEM or what open(2) and read(2) say. */
int kernel_symbols_read(const char *path, struct buffer *out);

/*
 * Offers every symbol of text[len], in the form of /proc/kallsyms, to *match; symbol.name is the offset of the name in
 * text. Lines that are not of that form are passed over.
 * Returns 0, or -EPERM when all addresses are zero (hidden by the kernel), or an error of symbol_match_add().
 */
int kernel_symbols_match(const char *text, size_t len, struct symbol_match *match);

/* The address of the kernel's own symbol `name` in text[len]; 0 = it is not there, or hidden. */
uint64_t kernel_symbols_address(const char *text, size_t len, const char *name);

/* Weighs names for *match; arg is a struct buffer with the text. */
uint64_t kernel_symbols_weight(void *arg, uint64_t name);

/*
 * The name at offset `name` of the text; *ret_module is the kernel module it is of, with its length in *ret_module_len,
 * 0 = the kernel itself. Nothing is NUL-terminated. Returns the length of the name.
 */
size_t kernel_symbols_name(const struct buffer *text, uint64_t name, const char **ret_name,
			   const char **ret_module, size_t *ret_module_len);

#endif
