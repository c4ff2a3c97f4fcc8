/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks as format writers want them: frames from root to leaf with inlined functions unfolded, and numbers for them.
 * Knows no format.
 */
#ifndef EXPORT_FRAMES_H
#define EXPORT_FRAMES_H

#include <onecollect/graph.h>

/* One line of a location; {0, 0} is the one frame of a stack without frames. */
struct frame {
	oc_location_id location;
	uint32_t line; /* 0 = innermost */
};

/* Embedded; start with all zero, free `frames` with free(3). */
struct frame_list {
	struct frame *frames; /* [nr], root first */
	size_t nr, cap;
};

/* Replaces the list with the frames of a stack; stack 0 has one frame. Returns 0 or -ENOMEM. */
int frame_list_fill(struct frame_list *list, const struct oc_machine *m, oc_stack_id stack);

/*
 * Code is what people call a function: a function, a location that has none, or the absence of a stack.
 * Numbers go from 1 to code_count(); the last is that of {0, 0}.
 */
struct code {
	const char *name; /* never empty */
	size_t name_len;
	const struct oc_function *function; /* NULL = not known */
	const struct oc_module *module;     /* NULL for {0, 0} */
	oc_module_id module_id;
	enum oc_frame_kind kind; /* USER, KERNEL or JIT */
};

uint32_t code_count(const struct oc_machine *m);
uint32_t code_of(const struct oc_machine *m, const struct frame *frame);
struct code code_describe(const struct oc_machine *m, uint32_t code);
/* The name of a module for people: the last part of its path. Points into the machine. */
const char *module_base_name(const struct oc_machine *m, const struct oc_module *module);
/* The kind of the frames of a module that are not inlined. module may be NULL. */
enum oc_frame_kind module_frame_kind(const struct oc_module *module);

/* Places number all frames of a machine, so those of one function at different addresses differ. {0, 0} is the last. */
struct frame_places {
	uint32_t *first; /* by location id: place of its line 0 */
	uint32_t nr_locations;
	uint32_t nr;
};

/* Returns 0 or -ENOMEM; `first` is freed by the caller with free(3). */
int frame_places_init(struct frame_places *places, const struct oc_machine *m);

static inline uint32_t place_of(const struct frame_places *places, const struct frame *frame)
{
	return frame->location ? places->first[frame->location] + frame->line : places->nr;
}
/* The frame at a place from 1 to places->nr. */
struct frame place_frame(const struct frame_places *places, uint32_t place);

#endif
