/* SPDX-License-Identifier: BSD-2-Clause */
/* Names as they are compared across builds. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/macros.h"
#include "export/function_name.h"

static void expect(const char *name, const char *normal)
{
	struct buffer out = BUFFER_INIT;

	function_name_normalise(&out, name, strlen(name));
	cr_assert_str_eq(out.data ? out.data : "", normal, "'%s' became '%s'", name,
			 out.data ? out.data : "");
	buffer_done(&out);
}

Test(function_name, marks_of_compilers_go)
{
	expect("work.isra.0", "work");
	expect("work.constprop.12", "work");
	expect("work.part.3.cold", "work");
	expect("work.cold", "work");
	expect("work.cold.7", "work");
	expect("work.llvm.1234567890123456789", "work");
	expect("work.isra.0.constprop.1.lto_priv.0", "work");
	expect("ns::work(int) [clone .isra.0]", "ns::work(int)");
	expect("ns::work(int) [clone .isra.0] [clone .cold]", "ns::work(int)");
	expect("work.localalias", "work");
}

Test(function_name, hashes_of_rust_go)
{
	expect("core::ptr::drop_in_place<T>::h0123456789abcdef", "core::ptr::drop_in_place<T>");
	expect("app::main::h0123456789abcdef.llvm.123", "app::main");
	expect("app::h0123456789abcde", "app::h0123456789abcde");
	expect("h0123456789abcdef", "h0123456789abcdef");
}

Test(function_name, addresses_go)
{
	expect("libc.so.6+0x28a90", "libc.so.6");
	expect("work+0x1c", "work");
	expect("0x7f0012345678", "[unknown]");
	expect("Interpreter 0x7f00aa", "Interpreter");
	expect("Lambda$12/0x0000000800c8.run", "Lambda$12.run");
	expect("work@0x1234", "work");
}

Test(function_name, all_else_stays)
{
	static const char *const names[] = {
		"",
		"work",
		"std::vector<int, std::allocator<int>>::push_back(int&&)",
		"main.func1.2",
		"operator+",
		"x +0y",
		"file.cold.c",
		".cold",
		"0x",
		"f(char [clone])",
		"a/0x",
		"]",
		"[clone .x]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		expect(names[i], names[i]);
}
