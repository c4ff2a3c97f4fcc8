/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/u32_map.h: against a plain array, with collisions and removal.
 */
#include <criterion/criterion.h>

#include "base/macros.h"
#include "base/u32_map.h"

Test(u32_map, empty)
{
	struct u32_map map = { 0 };
	uint32_t value = 7;

	cr_assert_not(u32_map_get(&map, 1, &value));
	cr_assert_not(u32_map_remove(&map, 1, &value));
	cr_assert_not(u32_map_get(&map, 0, NULL));
	cr_assert_eq(value, 7);
	u32_map_clear(&map);
	u32_map_done(&map);
}

Test(u32_map, set_replaces)
{
	struct u32_map map = { 0 };
	uint32_t value = 0;

	cr_assert_eq(u32_map_set(&map, 5, 1), 0);
	cr_assert_eq(u32_map_set(&map, 5, 2), 0);
	cr_assert_eq(map.count, 1);
	cr_assert(u32_map_remove(&map, 5, &value));
	cr_assert_eq(value, 2);
	cr_assert_not(u32_map_get(&map, 5, NULL));
	u32_map_done(&map);
}

Test(u32_map, clear_keeps_nothing)
{
	struct u32_map map = { 0 };

	for (uint32_t key = 1; key <= 1000; key++)
		cr_assert_eq(u32_map_set(&map, key, key), 0);
	u32_map_clear(&map);
	for (uint32_t key = 1; key <= 1000; key++)
		cr_assert_not(u32_map_get(&map, key, NULL));
	cr_assert_eq(u32_map_set(&map, 3, 4), 0);
	cr_assert_eq(map.count, 1);
	u32_map_done(&map);
}

Test(u32_map, random_operations_against_a_model)
{
	static uint32_t model[500]; /* value + 1; 0 = not there */
	struct u32_map map = { 0 };
	uint32_t seed = 99;
	size_t count = 0;

	for (int step = 0; step < 200000; step++) {
		uint32_t key, value = 0;

		seed = seed * 1664525 + 1013904223;
		key = 1 + (seed >> 8) % (ARRAY_SIZE(model) - 1);
		if (seed >> 31) {
			cr_assert_eq(u32_map_set(&map, key, (uint32_t)step), 0);
			count += !model[key];
			model[key] = (uint32_t)step + 1;
		} else {
			cr_assert_eq(u32_map_remove(&map, key, &value), model[key] != 0);
			if (model[key])
				cr_assert_eq(value, model[key] - 1);
			count -= model[key] != 0;
			model[key] = 0;
		}
		cr_assert_eq(map.count, count);
		key = 1 + (seed >> 16) % (ARRAY_SIZE(model) - 1);
		cr_assert_eq(u32_map_get(&map, key, &value), model[key] != 0);
		if (model[key])
			cr_assert_eq(value, model[key] - 1);
	}
	u32_map_done(&map);
}

Test(u32_map, remove_value)
{
	struct u32_map map = { 0 };

	u32_map_remove_value(&map, 1);
	for (uint32_t key = 1; key <= 5000; key++)
		cr_assert_eq(u32_map_set(&map, key * 7919, key % 3), 0);
	u32_map_remove_value(&map, 1);
	for (uint32_t key = 1; key <= 5000; key++)
		cr_assert_eq(u32_map_get(&map, key * 7919, NULL), key % 3 != 1);
	u32_map_remove_value(&map, 0);
	u32_map_remove_value(&map, 2);
	cr_assert_eq(map.count, 0);
	u32_map_done(&map);
}
