/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What unit tests put into machines by hand; each fails the test that calls it when the machine refuses.
 */
#ifndef TESTS_MACHINE_PARTS_H
#define TESTS_MACHINE_PARTS_H

#include <onecollect/machine.h>

/* The id in a result that must not be an error. */
uint32_t must(int64_t result);
oc_string_id intern(struct oc_machine *m, const char *text);
/* A kind that is not sampled by time. */
oc_kind_id add_kind(struct oc_machine *m, const char *name, enum oc_unit unit);
/* parent: 0 = not known. */
oc_process_id start_process(struct oc_machine *m, uint32_t pid, oc_process_id parent,
			    uint64_t time_ns);

#endif
