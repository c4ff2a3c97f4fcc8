/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbolize/demangle.h: what people see of C++ and Rust names, and what hostile names do.
 */
#include <criterion/criterion.h>

#include "base/macros.h"
#include "symbolize/demangle.h"

static void expect(const char *name, const char *want)
{
	struct buffer out = BUFFER_INIT;
	bool done = demangle(name, &out);

	cr_assert_eq(done, want != NULL, "%s", name);
	if (want)
		cr_assert_str_eq(out.data, want);
	buffer_done(&out);
}

Test(demangle, cpp_keeps_parameters_and_drops_return_types)
{
	expect("_ZNSt6vectorIiSaIiEE9push_backEOi",
	       "std::vector<int, std::allocator<int> >::push_back(int&&)");
	expect("_Z3addii", "add(int, int)");
	expect("_Z3adddd", "add(double, double)");
	expect("_Z3fooIiEvT_", "foo<int>(int)");
	expect("_ZNKSt8functionIFvvEEclEv", "std::function<void ()>::operator()() const");
}

Test(demangle, clones_stay_readable)
{
	expect("_Z3foov.cold", "foo() [clone .cold]");
	expect("_ZN1a1bEv.part.0", "a::b() [clone .part.0]");
}

Test(demangle, rust_without_hash)
{
	expect("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad");
	expect("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
	       "3bar17h930b740aa94f1d3aE",
	       "<Test + 'static as foo::Bar<Test>>::bar");
	expect("_RNvNtNtCs1234_7mycrate3foo3bar1x", "mycrate::foo::bar::x");
	expect("_RNvC6_123foo3bar", "123foo::bar");
}

Test(demangle, others_stay_as_they_are)
{
	expect("main", NULL);
	expect("", NULL);
	expect("_", NULL);
	expect("_Z", NULL);
	expect("_ZZZZ", NULL);
	expect("_R", NULL);
	expect("__libc_start_main", NULL);
}

Test(demangle, long_names_are_refused)
{
	static char name[100000] = "_Z";

	memset(name + 2, 'i', sizeof(name) - 3);
	memcpy(name + 2, "3foo", 4);
	expect(name, NULL);
}

/* Template arguments that each repeat the one before twice: 2^nr of them when written out. nr is below 30. */
static bool demangle_doubling_cpp(int nr)
{
	struct buffer name = BUFFER_INIT, out = BUFFER_INIT;
	bool done;

	buffer_puts(&name, "_Z1fI1aIiiE");
	for (int i = 0; i < nr; i++) {
		char digit = "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i];

		buffer_printf(&name, "S0_IS%c_S%c_E", digit, digit);
	}
	buffer_puts(&name, "EvT_");
	done = demangle(name.data, &out);
	buffer_done(&name);
	buffer_done(&out);
	return done;
}

/* Appends a number in Rust's base 62: n > 0 is written as n - 1, with an underscore behind it. */
static void put_base62(struct buffer *out, size_t n)
{
	static const char digits[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char text[12];
	size_t len = 0;

	for (n -= 1;; n /= 62) {
		text[len++] = digits[n % 62];
		if (n < 62)
			break;
	}
	while (len)
		buffer_putc(out, text[--len]);
	buffer_putc(out, '_');
}

/* Tuples that refer back to the one before twice, likewise. */
static bool demangle_doubling_rust(int nr)
{
	struct buffer name = BUFFER_INIT, out = BUFFER_INIT;
	size_t before = 4; /* positions count from behind "_R" */
	bool done;

	buffer_puts(&name, "_RIC1aTyyyyyyyyE");
	for (int i = 0; i < nr; i++) {
		size_t at = name.len - 2;

		buffer_putc(&name, 'T');
		for (int k = 0; k < 2; k++) {
			buffer_putc(&name, 'B');
			put_base62(&name, before);
		}
		buffer_putc(&name, 'E');
		before = at;
	}
	buffer_putc(&name, 'E');
	done = demangle(name.data, &out);
	buffer_done(&name);
	buffer_done(&out);
	return done;
}

Test(demangle, exploding_names_are_refused)
{
	cr_assert(demangle_doubling_cpp(5));
	cr_assert_not(demangle_doubling_cpp(29));
	cr_assert(demangle_doubling_rust(5));
	cr_assert_not(demangle_doubling_rust(60));
}

Test(demangle, buffer_is_reused)
{
	struct buffer out = BUFFER_INIT;

	cr_assert(demangle("_Z3addii", &out));
	cr_assert_not(demangle("plain", &out));
	cr_assert(demangle("_Z1av", &out));
	cr_assert_str_eq(out.data, "a()");
	buffer_done(&out);
}
