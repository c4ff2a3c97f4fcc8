/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks unfolded into frames, and the numbers of frames and of code.
 * Called by format writers.
 * Must not know any format.
 */
#include "export/frames.h"

#include <errno.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/text.h"
#include "export/sample_groups.h"

/* Lines of a location that are shown: one that is not symbolized has one, its address. */
static uint32_t shown_lines(const struct oc_machine *m, oc_location_id location)
{
	return MAX(oc_machine_location(m, location)->nr_lines, 1U);
}

int frame_list_fill(struct frame_list *list, const struct oc_machine *m, oc_stack_id stack)
{
	uint32_t nr = 0;
	const oc_location_id *locations = oc_machine_stack(m, stack, &nr);

	list->nr = 0;
	if (array_reserve(&list->frames, &list->cap, 1, sizeof(*list->frames)))
		return -ENOMEM;
	if (!locations) {
		list->frames[list->nr++] = (struct frame){ 0 };
		return 0;
	}
	while (nr--) {
		uint32_t line = shown_lines(m, locations[nr]);

		if (array_reserve(&list->frames, &list->cap, list->nr + line,
				  sizeof(*list->frames)))
			return -ENOMEM;
		while (line--)
			list->frames[list->nr++] = (struct frame){ locations[nr], line };
	}
	return 0;
}

uint32_t code_count(const struct oc_machine *m)
{
	return oc_machine_nr_functions(m) + oc_machine_nr_locations(m) + 1;
}

uint32_t code_of(const struct oc_machine *m, const struct frame *frame)
{
	uint32_t nr;
	const struct oc_line *lines;

	if (!frame->location)
		return code_count(m);
	lines = oc_machine_location_lines(m, frame->location, &nr);
	if (lines && frame->line < nr)
		return lines[frame->line].function;
	return oc_machine_nr_functions(m) + frame->location;
}

enum oc_frame_kind module_frame_kind(const struct oc_module *module)
{
	if (module && module->type == OC_MODULE_KERNEL)
		return OC_FRAME_KERNEL;
	if (module && module->type == OC_MODULE_ANON)
		return OC_FRAME_JIT;
	return OC_FRAME_USER;
}

struct code code_describe(const struct oc_machine *m, uint32_t code)
{
	uint32_t nr_functions = oc_machine_nr_functions(m);
	struct code c = { .function = oc_machine_function(m, code) };

	if (c.function) {
		c.name = oc_machine_string(m, c.function->name, &c.name_len);
		c.module_id = c.function->module;
	} else if (code < code_count(m)) {
		oc_location_id location = code - nr_functions;

		c.name =
			oc_machine_string(m, oc_machine_location_name(m, location, 0), &c.name_len);
		c.module_id = oc_machine_location(m, location)->module;
	} else {
		c.name = NO_STACK_NAME;
		c.name_len = strlen(NO_STACK_NAME);
	}
	if (!c.name_len) {
		c.name = "[unknown]";
		c.name_len = strlen(c.name);
	}
	c.module = oc_machine_module(m, c.module_id);
	c.kind = module_frame_kind(c.module);
	return c;
}

const char *module_base_name(const struct oc_machine *m, const struct oc_module *module)
{
	return text_base_name(oc_machine_string(m, module->path, NULL));
}

int frame_places_init(struct frame_places *places, const struct oc_machine *m)
{
	uint32_t nr_locations = oc_machine_nr_locations(m), next = 1;

	places->first = calloc((size_t)nr_locations + 1, sizeof(*places->first));
	if (!places->first)
		return -ENOMEM;
	for (oc_location_id id = 1; id <= nr_locations; id++) {
		places->first[id] = next;
		if (__builtin_add_overflow(next, shown_lines(m, id), &next))
			return -ENOMEM;
	}
	places->nr_locations = nr_locations;
	places->nr = next;
	return 0;
}

struct frame place_frame(const struct frame_places *places, uint32_t place)
{
	uint32_t low = 1, high = places->nr_locations;

	if (place >= places->nr)
		return (struct frame){ 0 };
	while (low < high) { /* the last location whose first place is not behind it */
		uint32_t middle = low + (high - low + 1) / 2;

		if (places->first[middle] <= place)
			low = middle;
		else
			high = middle - 1;
	}
	return (struct frame){ low, place - places->first[low] };
}
