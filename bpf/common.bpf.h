/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every program file begins with: kernel types, helpers, the wire format, and the settings fixed at load.
 */
#ifndef ONECOLLECT_COMMON_BPF_H
#define ONECOLLECT_COMMON_BPF_H

#include "vmlinux.h"

#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "wire.h"

/* What is seldom needed stands apart: between two samples a program falls out of the caches, each line of which counts. */
#define APART static __noinline
/*
 * And the verifier looks at such a function alone, once: one that is static it follows anew from each state that calls it,
 * which takes longer than all else at the start. Arguments are numbers, or structs; it wants to see that those are there.
 */
#define ALONE __noinline

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h, unchanged since 2.6.27 */

/* Set before load, constant afterwards: the verifier removes the branches that cannot be taken. */
extern const volatile bool is_timeline;
extern const volatile bool has_kernel_stacks;
extern const volatile bool has_tgid_filter;
extern const volatile bool has_cgroup_filter;
extern const volatile __u32
	frames_max; /* kernel.perf_event_max_stack when it is below WIRE_FRAMES_MAX */
extern const volatile __u64 hash_seed; /* random, so that nobody can prepare stacks that collide */
extern const volatile __u32
	wakeup_bytes; /* wake user space when this much waits in the ring buffer */

/* Shared with user space, which maps it. */
extern volatile __u32
	epoch; /* even: counts_even is written, odd: counts_odd. Written by user space only. */
extern __u64
	rows_added[2]; /* rows made in counts_even, counts_odd; user space resets the idle one */
extern volatile __u32
	copies_waiting; /* user space knows of copied stacks; it sets 0 when it has walked them all */
extern __u64 children_missed; /* forks whose child did not fit into wanted_tgids */

#endif
