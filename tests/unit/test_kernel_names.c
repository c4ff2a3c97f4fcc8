/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel prints for one of its addresses.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/macros.h"
#include "linux/kernel_names.h"

Test(kernel_names, a_function)
{
	struct oc_kernel_symbol symbol;

	cr_assert_eq(kernel_names_parse("schedule+0x1f/0xb0", 0xffffffff8100001f, &symbol), 0);
	cr_assert_eq(symbol.start, 0xffffffff81000000);
	cr_assert_eq(symbol.size, 0xb0);
	cr_assert_eq(symbol.name_len, 8);
	cr_assert_arr_eq(symbol.name, "schedule", 8);
	cr_assert_eq(symbol.module_len, 0);
}

Test(kernel_names, a_function_of_a_module)
{
	struct oc_kernel_symbol symbol;

	cr_assert_eq(kernel_names_parse("bpf_prog_6deef7357e7b4530_f+0x0/0x20 [bpf]", 0x1000,
					&symbol),
		     0);
	cr_assert_eq(symbol.start, 0x1000);
	cr_assert_eq(symbol.name_len, 27);
	cr_assert_eq(symbol.module_len, 3);
	cr_assert_arr_eq(symbol.module, "bpf", 3);
}

Test(kernel_names, what_is_no_function)
{
	static const char *const texts[] = { "",
					     "0xffffffff81000000",
					     "schedule",
					     "schedule+",
					     "schedule+0x",
					     "schedule+0x10",
					     "schedule+0x10/",
					     "schedule+0x10/0x",
					     "schedule+0x10/0x10",
					     "schedule+0x2000/0x3000",
					     "schedule+0x10/0x11111111111111111",
					     "+0x10/0x20",
					     "schedule 0x10/0x20" };
	struct oc_kernel_symbol symbol;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		cr_assert_eq(kernel_names_parse(texts[i], 0x1000, &symbol), -ENOENT, "%s",
			     texts[i]);
}
