/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walker's source, bpf/unwind_step.h, reading from a store's arrays and from memory that a callback reads.
 * Called by src/linux/.
 * Must not know where memory and tables come from.
 */
#include "unwind/walk.h"

#include <elf.h>
#include <stdbool.h>

struct unwind_env {
	const struct unwind_walk_input *input;
	const struct unwind_regs *regs;
	struct unwind_known known; /* without a place for more: of the present address */
};

static inline const struct unwind_range *unwind_range_at(struct unwind_env *env, uint32_t index)
{
	const struct unwind_memory *memory = env->input->memory;

	return &memory->ranges[index & (memory->nr_ranges - 1)];
}

static inline struct unwind_page *unwind_page_at(struct unwind_env *env, uint32_t index)
{
	const struct unwind_memory *memory = env->input->memory;

	return &memory->directory[index & (memory->nr_pages - 1)];
}

static inline const struct unwind_rule *unwind_rule_at(struct unwind_env *env, uint32_t index)
{
	const struct unwind_memory *memory = env->input->memory;

	return &memory->rules[index & (memory->nr_rules - 1)];
}

static inline const uint32_t *unwind_chunk_at(struct unwind_env *env, uint32_t chunk)
{
	const struct unwind_memory *memory = env->input->memory;

	return chunk < memory->nr_chunks ? memory->rows + (size_t)chunk * UNWIND_CHUNK_WORDS : NULL;
}

static inline struct unwind_known *unwind_known_at(struct unwind_env *env, uint32_t index)
{
	struct unwind_known *known = env->input->known;

	return known ? &known[index & (UNWIND_KNOWN_MAX - 1)] : &env->known;
}

static inline long unwind_fetch(struct unwind_env *env, uint64_t address, __u64 *ret_word)
{
	return env->input->read(env->input->arg, address, ret_word, sizeof(*ret_word));
}

static inline uint64_t unwind_reg(struct unwind_env *env, uint32_t number)
{
	return env->regs->numbered[number & (UNWIND_NR_REGS - 1)];
}

static inline uint32_t unwind_tick(struct unwind_env *env)
{
	return *env->input->memory->tick;
}

static inline bool unwind_is_arm64(struct unwind_env *env)
{
	return env->input->machine == EM_AARCH64;
}

#include "bpf/unwind_step.h"

/* Finds the rule; where its page is absent, once more after it was loaded. */
static long find(struct unwind_env *env, struct unwind_walker *w,
		 const struct unwind_rule **ret_rule)
{
	const struct unwind_walk_input *input = env->input;
	long rc = unwind_find(env, w, ret_rule);

	if (!rc || w->outcome != UNWIND_NO_PAGE || !input->load ||
	    input->load(input->arg, w->range.module, w->page))
		return rc;
	w->outcome = UNWIND_RUNNING;
	return unwind_find(env, w, ret_rule);
}

void unwind_walk(const struct unwind_walk_input *input, const struct unwind_regs *regs,
		 uint64_t *frames, uint32_t max, struct unwind_walk_result *ret_result)
{
	struct unwind_env env = { .input = input, .regs = regs };
	const struct unwind_image *image = &input->image;
	const struct unwind_rule *rule;
	struct unwind_walker w = { 0 };
	uint32_t nr = 0;

	unwind_begin(&env, &w, regs->ip, image->first, image->nr, image->version);
	if (input->is_behind_syscall)
		w.how &= ~UNWIND_EXACT;
	while (w.outcome == UNWIND_RUNNING) {
		long unknown = find(&env, &w, &rule);

		if (unknown && w.outcome == UNWIND_NO_INFO)
			break;
		if (nr >= max) {
			w.outcome = UNWIND_TRUNCATED;
			break;
		}
		frames[nr++] = w.ip;
		if (unknown || unwind_step(&env, &w, rule))
			break;
	}
	if (w.outcome == UNWIND_NO_RANGE && !input->image.nr)
		w.outcome = UNWIND_NO_IMAGE;
	*ret_result = (struct unwind_walk_result){
		.outcome = (enum unwind_outcome)w.outcome,
		.nr_frames = nr,
		.fp_steps = w.fp_steps,
		.address = w.address,
		.module = w.outcome == UNWIND_NO_PAGE ? w.range.module : 0,
		.page = w.outcome == UNWIND_NO_PAGE ? w.page : 0,
	};
}
