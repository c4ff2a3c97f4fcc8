/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Walking a user stack by tables: the arrays that unwind_step.h reads, filled by user space (src/unwind/store.h), and the
 * loop over the frames. Left out of the objects by ONECOLLECT_NO_BPF_UNWINDER.
 */
#ifndef ONECOLLECT_UNWIND_BPF_H
#define ONECOLLECT_UNWIND_BPF_H

#include "stack.bpf.h"
#include "user_regs.bpf.h"
#include "window.bpf.h"

/* Set before load. The masks are the numbers of elements - 1, which are powers of two. */
extern const volatile bool has_eh_frame; /* user stacks are walked by tables */
extern const volatile __u32 ranges_mask;
extern const volatile __u32 directory_mask;
extern const volatile __u32 rules_mask;
/* Grows now and then; written by user space, which evicts pages that were not used for many ticks. */
extern volatile __u32 unwind_ticks;

/* Image name -> its slice of `unwind_ranges`. User space writes and deletes; programs lower `copies`. Full: user space
 * cannot publish the image; its stacks are sent as copies. Set at load. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, struct unwind_image);
} unwind_images SEC(".maps");

/*
 * The arrays of struct unwind_memory, written by user space through mmap(2). Each is one element, except for the rows,
 * because an index into one element costs no call; an element may have at most 4 MiB (KMALLOC_MAX_SIZE of older kernels).
 * Sizes and number of chunks are set at load.
 */
#define UNWIND_ARRAY(bytes, nr)                    \
	{                                          \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, nr);           \
		__uint(key_size, 4);               \
		__uint(value_size, bytes);         \
	}
struct UNWIND_ARRAY(256 * 32, 1) unwind_ranges SEC(".maps");
struct UNWIND_ARRAY(512 * 8, 1) unwind_directory SEC(".maps");
struct UNWIND_ARRAY(16 * 16, 1) unwind_rules SEC(".maps");
struct UNWIND_ARRAY(4 * UNWIND_CHUNK_WORDS, 1) unwind_rows SEC(".maps");

/* A walk by tables, as the loop over its frames sees it. */
struct unwind_env {
	struct walk base;
	struct unwind_walker *walker;
	struct stack_window *window;
	const struct unwind_regs *regs;
	const struct unwind_range *ranges;
	struct unwind_page *directory;
	const struct unwind_rule *rules;
	struct unwind_known *known;
	u32 skip; /* the sampled address is not among the frames: 0 or 1 */
};

static __always_inline const struct unwind_range *unwind_range_at(struct unwind_env *env, u32 index)
{
	return &env->ranges[index & ranges_mask];
}

static __always_inline struct unwind_page *unwind_page_at(struct unwind_env *env, u32 index)
{
	return &env->directory[index & directory_mask];
}

static __always_inline const struct unwind_rule *unwind_rule_at(struct unwind_env *env, u32 index)
{
	return &env->rules[index & rules_mask];
}

static __always_inline struct unwind_known *unwind_known_at(struct unwind_env *env, u32 index)
{
	/* However it was made, it is one and the same to the verifier. */
	barrier_var(index);
	return &env->known[index & (UNWIND_KNOWN_MAX - 1)];
}

static __always_inline const u32 *unwind_chunk_at(struct unwind_env *env, u32 chunk)
{
	return bpf_map_lookup_elem(&unwind_rows, &chunk);
}

static __always_inline long unwind_fetch(struct unwind_env *env, u64 address, u64 *ret_word)
{
	return window_read(env->window, address, ret_word);
}

static __always_inline u64 unwind_reg(struct unwind_env *env, u32 number)
{
	return env->regs->numbered[number & (UNWIND_NR_REGS - 1)];
}

static __always_inline u32 unwind_tick(struct unwind_env *env)
{
	return unwind_ticks;
}

static __always_inline bool unwind_is_arm64(struct unwind_env *env)
{
#ifdef __TARGET_ARCH_arm64
	return true;
#else
	return false;
#endif
}

#include "unwind_step.h"

static __always_inline long unwind_add(struct unwind_env *env, u32 i)
{
	struct unwind_walker *w = env->walker;

	if (i >= env->skip && walk_add(&env->base, i - env->skip, w->ip))
		return unwind_stop(w, UNWIND_TRUNCATED);
	return 0;
}

/* The last frame, of which nothing is known. An address that a frame pointer led to and that is no code's is no frame. */
UNWIND_APART long unwind_last(struct unwind_env *env, u32 i)
{
	if (env->walker->outcome != UNWIND_NO_INFO)
		unwind_add(env, i);
	return 1;
}

/* One frame. */
static long unwind_turn(u32 i, struct unwind_env *env)
{
	const struct unwind_rule *rule;

	if (unwind_find(env, env->walker, &rule))
		return unwind_last(env, i);
	return unwind_add(env, i) ? 1 : unwind_step(env, env->walker, rule);
}

/* What user space is told of a stack, by how its walk ended. */
static __always_inline u8 unwind_state(u8 outcome)
{
	switch (outcome) {
	case UNWIND_COMPLETE:
		return WIRE_STACK_COMPLETE;
	case UNWIND_TRUNCATED:
		return WIRE_STACK_TRUNCATED;
	case UNWIND_BAD_ADDRESS:
		return WIRE_STACK_BAD_ADDRESS;
	case UNWIND_NO_INFO:
		return WIRE_STACK_NO_UNWIND_INFO;
	case UNWIND_NO_RANGE:
		return WIRE_STACK_NO_MAPPING;
	case UNWIND_NO_PAGE:
		return WIRE_STACK_NO_TABLE;
	default:
		return WIRE_STACK_FINE;
	}
}

/*
 * Walks scratch->regs into scratch->user. skip: the sampled address is kept apart, or 0.
 * How it ended is scratch->walker.outcome. Where nothing is known of the process, frame pointers may be tried.
 */
static __always_inline void walk_tables(struct unwind_env *env, struct scratch *scratch,
					const struct unwind_image *image, u32 skip)
{
	u32 zero = 0;
	u64 slice;

	env->walker = &scratch->walker;
	env->window = &scratch->window;
	env->regs = &scratch->regs.all;
	env->skip = skip;
	env->ranges = bpf_map_lookup_elem(&unwind_ranges, &zero);
	env->directory = bpf_map_lookup_elem(&unwind_directory, &zero);
	env->rules = bpf_map_lookup_elem(&unwind_rules, &zero);
	env->known = scratch->known;
	if (!env->ranges || !env->directory || !env->rules)
		return;
	window_clear(&scratch->window);
	/* At once, so that a row that is being replaced does not give one half of each. The version may then be that of the
	 * new one: a pair that nothing published ever has. */
	slice = *(const volatile u64 *)&image->first;
	unwind_begin(env, &scratch->walker, scratch->regs.all.ip, (u32)slice, slice >> 32,
		     image->version);
	if (is_behind_syscall(&scratch->regs))
		scratch->walker.how &= ~UNWIND_EXACT;
	/* One turn more than there is room for, and the one that is skipped. */
	bpf_loop(WIRE_FRAMES_MAX + 2, unwind_turn, env, 0);
	env->base.state = unwind_state(scratch->walker.outcome);
}

#endif
