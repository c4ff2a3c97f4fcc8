/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machines made of named stacks.
 * Called by the tests of writers.
 */
#include "flame_machine.h"

#include <stdlib.h>
#include <string.h>

#include "machine_parts.h"
#include "reading.h"

#define BASE  0x400000ULL
#define BYTES 0x40000000ULL
#define PID   7

struct oc_machine *flame_machine_new(void)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind cpu = { .name = "cpu", .unit = OC_UNIT_COUNT, .period_ns = 1000000 };
	struct oc_process facts = { 0 };
	struct oc_module module = { .type = OC_MODULE_FILE };
	struct oc_mapping mapping = { .start = BASE, .end = BASE + BYTES, .since_ns = 1 };

	if (!m)
		abort();
	must(oc_machine_add_kind(m, &cpu));
	mapping.process = must(oc_machine_process_start(m, PID, 0, 1));
	facts.comm = must(oc_machine_intern(m, "app", 3));
	must(oc_machine_process_set(m, mapping.process, &facts));
	module.path = must(oc_machine_intern(m, "/usr/bin/app", 12));
	mapping.module = must(oc_machine_add_module(m, &module));
	must(oc_machine_add_mapping(m, &mapping));
	return m;
}

static oc_function_id add_function(struct oc_machine *m, const struct flame_name *name)
{
	struct oc_function function = { .name = must(oc_machine_intern(m, name->text, name->len)) };

	return must(oc_machine_add_function(m, &function));
}

/* Code of the same names has the same address: its innermost function's number decides. */
static uint64_t address_of(struct oc_machine *m, const struct flame_name *innermost)
{
	return BASE + 0x10 + 0x10 * (uint64_t)add_function(m, innermost);
}

void flame_machine_add(struct oc_machine *m, const struct flame_name *names, uint32_t nr,
		       uint32_t per_location, uint64_t count)
{
	uint32_t nr_locations, depth = nr / per_location;
	uint64_t *addresses = calloc(depth + 1, sizeof(*addresses));
	struct oc_line *lines = calloc(per_location, sizeof(*lines));
	struct oc_sample sample = { .kind = 1, .count = count, .value = count, .cpu = UINT32_MAX };
	const oc_location_id *locations;

	if (!addresses || !lines)
		abort();
	sample.process = oc_machine_process_now(m, PID);
	sample.thread = must(oc_machine_add_thread(m, sample.process, PID));
	for (uint32_t i = 0; i < depth; i++)
		addresses[i] = address_of(m, &names[nr - 1 - i * per_location]);
	sample.stack = must(oc_machine_resolve(
		m, sample.process, must(oc_machine_intern_callstack(m, addresses, depth, 0))));
	locations = oc_machine_stack(m, sample.stack, &nr_locations);
	for (uint32_t i = 0; i < depth; i++) {
		for (uint32_t j = 0; j < per_location; j++)
			lines[j].function = add_function(m, &names[nr - 1 - i * per_location - j]);
		must(oc_machine_set_lines(m, locations[i], lines, per_location));
	}
	must(oc_machine_add_sample(m, &sample));
	free(addresses);
	free(lines);
}

char *flame_machine_write(struct oc_machine *m, const struct oc_format *format, size_t *ret_len)
{
	char *text = reading_write(m, format->name, ret_len);

	oc_machine_free(m);
	return text;
}

size_t flame_occurrences(const char *text, const char *part)
{
	size_t nr = 0;

	for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
		nr++;
	return nr;
}
