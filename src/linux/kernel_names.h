/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the running kernel's functions, asked of the kernel by a BPF program (bpf/names.bpf.c; Linux 5.14).
 * Used by the BPF collector, which has the privilege. Must not know what the names are for.
 */
#ifndef LINUX_KERNEL_NAMES_H
#define LINUX_KERNEL_NAMES_H

#include <stdint.h>

#include <onecollect/symbolize.h>

struct kernel_names;

/* Loads the program. Returns 0, -ENOMEM, or why the kernel refuses it. */
int kernel_names_open(struct kernel_names **ret_names);
/* Accepts NULL. */
void kernel_names_close(struct kernel_names *names);

/* As oc_kernel_symbol_fn. The text that *ret_symbol borrows stays until the next call. */
int kernel_names_find(struct kernel_names *names, uint64_t address,
		      struct oc_kernel_symbol *ret_symbol);

/*
 * Reads what the kernel prints for an address: "name+0xOFFSET/0xSIZE", then perhaps " [module]".
 * text: NUL-terminated, borrowed. Returns 0, or -ENOENT when it is anything else (of no function it prints the address).
 * Source: __sprint_symbol() in kernel/kallsyms.c.
 */
int kernel_names_parse(const char *text, uint64_t address, struct oc_kernel_symbol *ret_symbol);

#endif
