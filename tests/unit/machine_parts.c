/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strings, kinds and processes of machines that unit tests make.
 */
#include "machine_parts.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

uint32_t must(int64_t result)
{
	cr_assert_geq(result, 0);
	return (uint32_t)result;
}

oc_string_id intern(struct oc_machine *m, const char *text)
{
	return must(oc_machine_intern(m, text, strlen(text)));
}

oc_kind_id add_kind(struct oc_machine *m, const char *name, enum oc_unit unit)
{
	struct oc_kind kind = { .unit = unit };

	snprintf(kind.name, sizeof(kind.name), "%s", name);
	return must(oc_machine_add_kind(m, &kind));
}

oc_process_id start_process(struct oc_machine *m, uint32_t pid, oc_process_id parent,
			    uint64_t time_ns)
{
	return must(oc_machine_process_start(m, pid, parent, time_ns));
}
