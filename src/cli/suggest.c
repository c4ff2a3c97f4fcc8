/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edit distance between short words.
 * Called by the option parser and by look-ups of format and topic names.
 * Must not know where the words come from.
 */
#include "cli/suggest.h"

#include "base/macros.h"

/* Longer words are not compared; every name of ours is shorter. */
#define WORD_MAX 40

/*
 * Edits (insert, delete, replace, swap of neighbours) from a to b: the optimal string alignment distance, of which
 * three rows of the table are enough.
 */
static unsigned int distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned int rows[3][WORD_MAX + 1];

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned int *row = rows[i % 3];
		const unsigned int *above = rows[(i + 2) % 3];
		const unsigned int *above2 = rows[(i + 1) % 3];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned int best = above[j - 1] + (a[i - 1] != b[j - 1]);

			best = MIN(best, above[j] + 1);
			best = MIN(best, row[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, above2[j - 2] + 1);
			row[j] = best;
		}
	}
	return rows[a_len % 3][b_len];
}

void suggest_consider(struct suggestion *s, const char *known)
{
	size_t wanted_len = strlen(s->wanted);
	size_t known_len = known ? strlen(known) : 0;
	unsigned int d;

	if (!known_len || !wanted_len || wanted_len > WORD_MAX || known_len > WORD_MAX)
		return;
	/* An abbreviation is a likely wish, whatever its distance. */
	if (wanted_len >= 2 && wanted_len < known_len && !strncmp(known, s->wanted, wanted_len))
		d = 1;
	else
		d = distance(s->wanted, wanted_len, known, known_len);
	if (d > 1 + wanted_len / 4)
		return;
	if (!s->best || d < s->distance) {
		s->best = known;
		s->distance = d;
	}
}
