/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/search.h: the first item that is not in front.
 */
#include <criterion/criterion.h>

#include "base/macros.h"
#include "base/search.h"

Test(search, finds_the_border)
{
	static const int sorted[] = { 1, 3, 3, 3, 7, 9 };

	cr_assert_eq(PARTITION_POINT(i, 6, sorted[i] < 0), 0);
	cr_assert_eq(PARTITION_POINT(i, 6, sorted[i] < 3), 1);
	cr_assert_eq(PARTITION_POINT(i, 6, sorted[i] <= 3), 4);
	cr_assert_eq(PARTITION_POINT(i, 6, sorted[i] < 8), 5);
	cr_assert_eq(PARTITION_POINT(i, 6, sorted[i] < 10), 6);
	cr_assert_eq(PARTITION_POINT(i, 0, sorted[i] < 10), 0);
}

Test(search, each_border_of_each_length)
{
	for (size_t nr = 0; nr < 40; nr++) {
		for (size_t border = 0; border <= nr; border++)
			cr_assert_eq(PARTITION_POINT(i, nr, i < border), border);
	}
}

/* An array of the greatest size: indexes do not overflow. */
Test(search, greatest)
{
	cr_assert_eq(PARTITION_POINT(i, SIZE_MAX, i < SIZE_MAX - 1), SIZE_MAX - 1);
}
