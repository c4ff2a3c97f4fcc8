/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux/cpus.h: CPU lists with holes, repeats and damage.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/macros.h"
#include "linux/cpus.h"

static void expect_cpus(const char *text, const uint32_t *want, uint32_t nr)
{
	struct cpu_list list = { 0 };

	cr_assert_eq(cpu_list_parse(text, &list), 0, "%s", text);
	cr_assert_eq(list.nr, nr, "%s: %u CPUs", text, list.nr);
	for (uint32_t i = 0; i < nr; i++)
		cr_assert_eq(list.cpus[i], want[i]);
	cpu_list_done(&list);
	cr_assert_null(list.cpus);
}

Test(cpus, lists_and_holes)
{
	expect_cpus("0", (uint32_t[]){ 0 }, 1);
	expect_cpus("0-3", (uint32_t[]){ 0, 1, 2, 3 }, 4);
	expect_cpus("0-1,3,7-8", (uint32_t[]){ 0, 1, 3, 7, 8 }, 5);
	expect_cpus("63-65", (uint32_t[]){ 63, 64, 65 }, 3);
	expect_cpus("65535", (uint32_t[]){ 65535 }, 1);
}

Test(cpus, sorted_without_repeats)
{
	expect_cpus("7,1-3,2,7", (uint32_t[]){ 1, 2, 3, 7 }, 4);
}

Test(cpus, refuses_damage_and_leaves_the_result_alone)
{
	static const char *const bad[] = { "",     "\n",    ",",    "1,", ",1",   "1-",
					   "-1",   "3-1",   "1 2",  "a",  "1a",   "0x1",
					   "1--2", "1-2-3", "1\n2", " 1", "1,,2", "0-3:2" };
	struct cpu_list list = { .cpus = NULL, .nr = 77 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cr_assert_eq(cpu_list_parse(bad[i], &list), -EINVAL, "'%s'", bad[i]);
	cr_assert_eq(cpu_list_parse("65536", &list), -ERANGE);
	cr_assert_eq(cpu_list_parse("0-99999999999999999999", &list), -ERANGE);
	cr_assert_eq(list.nr, 77);
}

Test(cpus, has)
{
	struct cpu_list list = { 0 }, none = { 0 };

	cr_assert_eq(cpu_list_parse("0,2-4,9", &list), 0);
	for (uint32_t cpu = 0; cpu < 12; cpu++)
		cr_assert_eq(cpu_list_has(&list, cpu),
			     cpu == 0 || (cpu >= 2 && cpu <= 4) || cpu == 9);
	cr_assert_not(cpu_list_has(&none, 0));
	cpu_list_done(&list);
}

Test(cpus, online)
{
	struct cpu_list list = { 0 };

	cr_assert_eq(cpu_list_online(&list), 0);
	cr_assert_geq(list.nr, 1);
	cpu_list_done(&list);
}
