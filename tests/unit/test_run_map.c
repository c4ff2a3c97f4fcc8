/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/run_map.h: runs of neighbours out of a range of numbers.
 */
#include <criterion/criterion.h>

#include "base/run_map.h"

Test(run_map, takes_gives_and_takes_again)
{
	struct run_map map;

	cr_assert_eq(run_map_init(&map, 200, 0), 0);
	cr_assert_eq(run_map_take(&map, 150), 0);
	cr_assert_eq(run_map_take(&map, 50), 150);
	cr_assert_eq(run_map_take(&map, 1), RUN_MAP_NONE);
	run_map_give(&map, 60, 70);
	cr_assert_eq(map.used, 130);
	cr_assert_eq(run_map_take(&map, 71), RUN_MAP_NONE, "the free numbers are 70");
	cr_assert_eq(run_map_take(&map, 70), 60);
	cr_assert_eq(run_map_take(&map, 0), RUN_MAP_NONE);
	run_map_done(&map);
	cr_assert_eq(run_map_bytes(&map), 0);
}

Test(run_map, runs_stay_within_a_chunk)
{
	struct run_map map;

	cr_assert_eq(run_map_init(&map, 3 * 100, 100), 0);
	cr_assert_eq(run_map_take(&map, 101), RUN_MAP_NONE);
	cr_assert_eq(run_map_take(&map, 60), 0);
	cr_assert_eq(run_map_take(&map, 60), 100);
	cr_assert_eq(run_map_take(&map, 40), 160);
	cr_assert_eq(run_map_take(&map, 100), 200);
	cr_assert_eq(run_map_take(&map, 40), 60, "what was left out is found in the second round");
	cr_assert_eq(map.used, 300);
	run_map_done(&map);
}

Test(run_map, agrees_with_a_plain_array)
{
	enum { NR = 1000, CHUNK = 130 };
	static unsigned char owner[NR];
	struct {
		uint32_t first, nr;
	} runs[64] = { 0 };
	struct run_map map;
	uint64_t random = 1;

	cr_assert_eq(run_map_init(&map, NR, CHUNK), 0);
	for (int turn = 0; turn < 20000; turn++) {
		uint32_t slot, nr, first;

		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		slot = (random >> 33) % 64;
		if (runs[slot].nr) {
			run_map_give(&map, runs[slot].first, runs[slot].nr);
			for (uint32_t i = 0; i < runs[slot].nr; i++)
				owner[runs[slot].first + i] = 0;
			runs[slot].nr = 0;
			continue;
		}
		nr = 1 + (random >> 40) % 50;
		first = run_map_take(&map, nr);
		if (first == RUN_MAP_NONE) {
			uint32_t best = 0, free = 0;

			for (uint32_t i = 0; i < NR; i++) {
				free = owner[i] || i % CHUNK == 0 ? !owner[i] : free + 1;
				best = free > best ? free : best;
			}
			cr_assert_lt(best, nr, "a run of %u is free, %u were asked for", best, nr);
			continue;
		}
		cr_assert_eq(first / CHUNK, (first + nr - 1) / CHUNK);
		for (uint32_t i = 0; i < nr; i++) {
			cr_assert_eq(owner[first + i], 0);
			owner[first + i] = 1;
		}
		runs[slot].first = first;
		runs[slot].nr = nr;
	}
	run_map_done(&map);
}
