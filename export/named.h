/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locations for code, and processes, that an input names without saying where they lie or when they began.
 * Used by readers of formats; knows no format.
 */
#ifndef EXPORT_NAMED_H
#define EXPORT_NAMED_H

#include "export/machine_private.h"

/*
 * The location of code with known lines. A place that is taken by code of other names, and code without a place, get an
 * offset made from the names, so that equal code of two inputs is one location when machines are merged.
 *
 * at: where it lies; address 0 = not known, then the offset is not looked at.
 * lines[nr]: innermost first; nr 0 only with an address.
 * Returns the location's id, -EINVAL (nr above OC_STACK_FRAMES_MAX, unknown functions), -EBADMSG (names made so that they
 * collide) or -ENOMEM.
 */
int64_t named_location(struct oc_machine *m, const struct oc_location *at,
		       const struct oc_line *lines, uint32_t nr);

/* The module of code that an input gives no file for: "[unknown]", "[kernel]" or "[anon]". Returns its id or -ENOMEM. */
int64_t named_module(struct oc_machine *m, enum oc_module_type type);

/*
 * A new process of which no more is known. Its start is made from its names, because processes of equal pid and start are
 * one when machines are merged; pid 0 = not known. Returns its id or -ENOMEM.
 */
int64_t named_process(struct oc_machine *m, uint32_t pid, oc_string_id comm,
		      oc_string_id container);

#endif
