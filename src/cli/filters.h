/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options that choose among the samples of a recording that was read.
 * Used by commands on files; knows what matches only through onecollect/filter.h.
 */
#ifndef CLI_FILTERS_H
#define CLI_FILTERS_H

#include <onecollect/filter.h>

#include "cli/console.h"

/*
 * Makes a filter of the options; its texts are borrowed from them.
 * Returns 1, 0 when nothing is asked for, or -EINVAL or -ENOMEM with a sentence in *err.
 */
int filters_from_options(const struct options *o, struct oc_filter *ret, struct oc_error *err);

/* True when any part is asked for. */
bool filters_ask(const struct oc_filter *filter);

/*
 * Selects what the options ask for, and says how much that is, or why it is nothing.
 * m: finished. Returns an enum oc_exit, having said what went wrong.
 */
int filters_apply(struct oc_machine *m, const struct options *o, const struct console *c);

#endif
