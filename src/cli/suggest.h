/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Did you mean": the known word closest to a mistyped one.
 * Used by the parser and wherever a name is looked up; knows no particular list.
 */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

/* Start with {.wanted = ...}; best is NULL while nothing was close enough. */
struct suggestion {
	const char *wanted;
	const char *best;
	unsigned int distance; /* of best */
};

/* Looks at one more known word, borrowed; NULL is skipped. */
void suggest_consider(struct suggestion *s, const char *known);

#endif
