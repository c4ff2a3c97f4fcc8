/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One file for each process, name of process, container or thread: paths with words in braces become names of files.
 * Called by outputs.c.
 */
#ifndef CLI_SPLIT_OUTPUTS_H
#define CLI_SPLIT_OUTPUTS_H

#include "cli/outputs.h"

/* The word that names a group: "comm", "container" or "thread"; of a process it is "comm" as well. */
const char *split_outputs_word(int split);

/*
 * Looks whether the paths can be names of several files: {comm}, {pid}, {container}, {thread}, {tid} as far as groups of
 * the split have one, and {kind}. Returns 0, also without a split, or -EINVAL with a sentence in *err.
 */
int split_outputs_check(const struct outputs *outs, struct oc_error *err);

/* Writes all files of all groups that have samples; nothing is selected by group afterwards. As outputs_write(). */
int split_outputs_write(struct outputs *outs, struct oc_machine *m, const struct console *c);

#endif
