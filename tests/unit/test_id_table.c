/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/id_table.h: hashes, and the table from content to id.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>

#include "base/id_table.h"

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void expect_all_different(uint64_t *hashes, size_t nr)
{
	qsort(hashes, nr, sizeof(*hashes), compare_u64);
	for (size_t i = 1; i < nr; i++)
		cr_assert_neq(hashes[i], hashes[i - 1]);
}

/* Every length up to three rounds, every word, every bit of it. */
Test(id_table, each_bit_of_each_word_changes_the_hash)
{
	uint64_t words[24] = { 0 };
	uint64_t *hashes = malloc(25 * 24 * 64 * sizeof(*hashes));
	size_t nr = 0;

	for (size_t len = 0; len <= 24; len++) {
		hashes[nr++] = hash_words(words, len, 7);
		for (size_t i = 0; i < len; i++) {
			for (unsigned int bit = 0; bit < 64; bit++) {
				words[i] = 1ull << bit;
				hashes[nr++] = hash_words(words, len, 7);
				words[i] = 0;
			}
		}
	}
	expect_all_different(hashes, nr);
	free(hashes);
}

/* What callstacks look like: addresses close to each other, in other orders. */
Test(id_table, similar_words_hash_differently)
{
	uint64_t words[32], hashes[32 * 31 / 2 + 1];
	size_t nr = 0;

	for (uint64_t i = 0; i < 32; i++)
		words[i] = 0x7f0000001000 + i * 16;
	hashes[nr++] = hash_words(words, 32, 0);
	for (size_t i = 0; i < 32; i++) {
		for (size_t j = i + 1; j < 32; j++) {
			uint64_t kept = words[i];

			words[i] = words[j];
			words[j] = kept;
			hashes[nr++] = hash_words(words, 32, 0);
			words[j] = words[i];
			words[i] = kept;
		}
	}
	expect_all_different(hashes, nr);
	cr_assert_neq(hash_words(words, 32, 0), hash_words(words, 32, 1), "the seed counts");
}

static bool number_equal(const void *owner, uint32_t id, const void *wanted)
{
	return ((const uint64_t *)owner)[id - 1] == *(const uint64_t *)wanted;
}

Test(id_table, finds_what_was_added)
{
	enum { NR = 10000 };
	uint64_t *numbers = malloc(NR * sizeof(*numbers));
	struct id_table t = { 0 };
	uint64_t missing = 1;

	cr_assert_eq(id_table_find(&t, 5, number_equal, numbers, &missing), 0);
	for (uint32_t i = 0; i < NR; i++) {
		numbers[i] = (uint64_t)i * 3;
		/* Few hash values: most entries collide and are told apart by their content. */
		cr_assert_eq(id_table_add(&t, numbers[i] % 97 << 32 | numbers[i] % 89, i + 1), 0);
	}
	for (uint32_t i = 0; i < NR; i++)
		cr_assert_eq(id_table_find(&t, numbers[i] % 97 << 32 | numbers[i] % 89,
					   number_equal, numbers, &numbers[i]),
			     i + 1);
	cr_assert_eq(id_table_find(&t, 1ull << 32 | 1, number_equal, numbers, &missing), 0);
	cr_assert_eq(id_table_add(&t, 1, NR), -EINVAL, "ids come in order");
	cr_assert_gt(id_table_bytes(&t), NR * sizeof(struct id_slot));
	id_table_done(&t);
	free(numbers);
}
