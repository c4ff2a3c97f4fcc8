/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call trees as text: everything from the processes down, what a function calls, or what calls it.
 * Called by cmd_report.c with a finished machine; knows the samples only through onecollect/graph.h.
 */
#ifndef CLI_TREE_REPORT_H
#define CLI_TREE_REPORT_H

#include "cli/report.h"

/*
 * Appends the tree that o->view and o->view_of ask for, as for stream s or as JSON.
 * Returns 0; -EINVAL with a sentence in *err when no function, or more than one, is meant; -ENOMEM; or a negative errno
 * value of reading spilled samples.
 */
int tree_report(struct buffer *out, const struct oc_machine *m, const struct options *o,
		const struct stream *s, struct oc_error *err);

#endif
