/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/stable_array.h: arrays whose elements do not move.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/stable_array.h"

Test(stable_array, elements_stay_where_they_are)
{
	struct stable_array a;
	uint64_t *first;

	stable_array_init(&a, sizeof(uint64_t), 2);
	cr_assert_eq(stable_array_bytes(&a), 0);
	first = stable_array_add(&a);
	*first = 7;
	for (uint64_t i = 1; i < 1000; i++) {
		uint64_t *added = stable_array_add(&a);

		cr_assert_eq(*added, 0);
		*added = i;
	}
	cr_assert_eq(stable_array_at(&a, 0), first);
	cr_assert_eq(*first, 7);
	for (uint32_t i = 1; i < 1000; i++)
		cr_assert_eq(*(uint64_t *)stable_array_at(&a, i), i);
	cr_assert_null(stable_array_by_id(&a, 0));
	cr_assert_eq(stable_array_by_id(&a, 1), first);
	cr_assert_eq(stable_array_by_id(&a, 1000), stable_array_at(&a, 999));
	cr_assert_null(stable_array_by_id(&a, 1001));
	cr_assert_geq(stable_array_bytes(&a), 8000);
	stable_array_done(&a);
	cr_assert_eq(a.count, 0);
	cr_assert_not_null(stable_array_add(&a), "an emptied array can be filled again");
	stable_array_done(&a);
}

Test(stable_array, runs_lie_in_one_chunk)
{
	struct stable_array a;
	uint32_t index;
	uint32_t *run;

	stable_array_init(&a, sizeof(uint32_t), 3);
	for (uint32_t nr = 1; nr <= 8; nr++) {
		run = stable_array_add_run(&a, nr, &index);
		for (uint32_t i = 0; i < nr; i++) {
			cr_assert_eq(stable_array_at(&a, index + i), run + i);
			cr_assert_eq(run[i], 0);
			run[i] = 1;
		}
		cr_assert_eq(index >> 3, (index + nr - 1) >> 3);
	}
	stable_array_done(&a);
}

Test(stable_array, reserving_keeps_the_count)
{
	struct stable_array a;

	stable_array_init(&a, 16, 4);
	cr_assert_eq(stable_array_reserve(&a, 100), 0);
	cr_assert_eq(a.count, 0);
	cr_assert_eq(a.nr_chunks, 7);
	stable_array_add(&a);
	cr_assert_eq(stable_array_reserve(&a, UINT32_MAX), -ENOMEM, "ids have 32 bits");
	cr_assert_eq(a.count, 1);
	stable_array_done(&a);
}
