/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/u64_map.h: hash map from 64-bit key to 64-bit value.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/u64_map.h"

Test(u64_map, set_find_replace)
{
	struct u64_map map = { 0 };

	cr_assert_null(u64_map_find(&map, 5));
	cr_assert_eq(u64_map_set(&map, 0, 1), -EINVAL);
	cr_assert_eq(u64_map_set(&map, 5, 0), 0);
	cr_assert_eq(*u64_map_find(&map, 5), 0, "0 is a value like any other");
	cr_assert_eq(u64_map_set(&map, 5, 9), 0);
	cr_assert_eq(*u64_map_find(&map, 5), 9);
	cr_assert_eq(map.count, 1);
	*u64_map_find(&map, 5) = 11;
	cr_assert_eq(*u64_map_find(&map, 5), 11);
	cr_assert_null(u64_map_find(&map, 6));
	u64_map_done(&map);
	cr_assert_null(u64_map_find(&map, 5));
	cr_assert_eq(u64_map_bytes(&map), 0);
}

Test(u64_map, many_keys)
{
	struct u64_map map = { 0 };

	/* Keys that differ in high bits only, then in low bits only. */
	for (uint64_t i = 1; i <= 20000; i++) {
		cr_assert_eq(u64_map_set(&map, i << 44, i), 0);
		cr_assert_eq(u64_map_set(&map, i, i + 1), 0);
	}
	cr_assert_eq(map.count, 40000);
	for (uint64_t i = 1; i <= 20000; i++) {
		cr_assert_eq(*u64_map_find(&map, i << 44), i);
		cr_assert_eq(*u64_map_find(&map, i), i + 1);
	}
	cr_assert_null(u64_map_find(&map, 20001));
	cr_assert_geq(u64_map_bytes(&map), 40000 * sizeof(struct u64_slot));
	u64_map_done(&map);
}
