/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machines made of named stacks, and outputs as text: what the tests of the flame graphs need.
 * Used by test_svg.c, test_html.c and test_perfview_xml.c.
 */
#ifndef TESTS_FLAME_MACHINE_H
#define TESTS_FLAME_MACHINE_H

#include <onecollect/format.h>

/* A name and its length; names may hold any bytes. */
struct flame_name {
	const char *text;
	size_t len;
};

/* A machine with one process "app" (pid 7, one thread) and nothing in it. Aborts when anything fails, as all below. */
struct oc_machine *flame_machine_new(void);
/*
 * Adds a stack of user frames, names[nr] from root to leaf, that was sampled `count` times.
 * per_location: so many frames share one address, all but the outermost inlined into it; nr must be a multiple.
 */
void flame_machine_add(struct oc_machine *m, const struct flame_name *names, uint32_t nr,
		       uint32_t per_location, uint64_t count);
/* What a format writes of a finished machine, NUL-terminated, to be freed with free(3). Frees the machine. */
char *flame_machine_write(struct oc_machine *m, const struct oc_format *format, size_t *ret_len);
/* How often `part` occurs in `text`. */
size_t flame_occurrences(const char *text, const char *part);

#endif
