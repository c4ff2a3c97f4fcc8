// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Asks the kernel what function an address of it belongs to: reading all of /proc/kallsyms for a few hundred names takes
 * longer than most of what else a recording does.
 * Loaded and run by src/linux/kernel_names.c.
 */
#include "common.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Written before a run, and by it. As printed by %pS: "name+0x1/0x2 [module]", or the address where nothing is there. */
__u64 address = 0;
char text[WIRE_KERNEL_NAME_SIZE] = {};

SEC("syscall")
int kernel_name(void *ctx)
{
	BPF_SNPRINTF(text, sizeof(text), "%pS", (void *)address);
	return 0;
}
