/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts how many stacks are complete, and why the others are not, in the ledger and by process. What the collector could
 * not tell waits until names are known.
 * Used by src/machine_sink.c.
 */
#ifndef COMPLETENESS_H
#define COMPLETENESS_H

#include <onecollect/machine.h>

#include "base/u64_map.h"
#include "collector.h"

/* Embedded; start with all zero. */
struct completeness {
	/* Samples whose completeness depends on names, by kind: process << 32 | stack -> count. */
	struct u64_map unjudged[OC_KINDS_MAX];
	/* The same of those whose walk found no caller at an address that makes sense; a root has none. */
	struct u64_map unled[OC_KINDS_MAX];
};

/*
 * Counts a sample's stack.
 * sample: as the machine has kept it; in: as the collector told of it. is_cut: root frames were cut off.
 * Returns 0 or -ENOMEM.
 */
int completeness_note(struct completeness *c, struct oc_machine *m, const struct oc_sample *sample,
		      const struct collector_sample *in, bool is_cut);
/* Counts those that wait, by the names that are known now. To be called once. Returns 0 or -ENOMEM. */
int completeness_judge(struct completeness *c, struct oc_machine *m);
void completeness_done(struct completeness *c);

#endif
