/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbolize/kernel_symbols.h: /proc/kallsyms and texts that look like it.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "base/macros.h"
#include "symbolize/kernel_symbols.h"

static const char kallsyms[] = "ffffffff81000000 T _text\n"
			       "ffffffff81000000 T startup_64\n"
			       "ffffffff81000100 t local_one\n"
			       "ffffffff81000100 W weak_one\n"
			       "ffffffff81000200 T big_function\n"
			       "ffffffff81010200 T last_function\n"
			       "ffffffff82000000 D some_data\n"
			       "ffffffffa0001000 t module_b\t[ext4]\n"
			       "ffffffffa0000000 t module_a\t[ext4]\n"
			       "ffffffffa0100000 t bpf_prog_6deef7357e7b4530\t[bpf]\n"
			       "not a line\n"
			       "ffffffffa0200000 t\n"
			       "\n"
			       "ffffffffa0200010 T unfinished";

/* The name of one address as "name" or "name [module]"; "-" = none. */
static void expect(const char *text, uint64_t address, const char *want)
{
	struct buffer b = BUFFER_INIT, got = BUFFER_INIT;
	const char *name, *module;
	const struct symbol *symbol;
	struct symbol_match match;
	size_t len, module_len;

	buffer_puts(&b, text);
	cr_assert_eq(symbol_match_init(&match, &address, 1, SYMBOL_BEST, kernel_symbols_weight, &b),
		     0);
	cr_assert_eq(kernel_symbols_match(b.data, b.len, &match), 0);
	symbol_match_finish(&match);
	symbol = symbol_match_get(&match, 0);
	if (symbol) {
		len = kernel_symbols_name(&b, symbol->name, &name, &module, &module_len);
		buffer_append(&got, name, len);
		if (module_len)
			buffer_printf(&got, " [%.*s]", (int)module_len, module);
	} else {
		buffer_puts(&got, "-");
	}
	cr_assert_str_eq(got.data, want, "%lx: got %s, want %s", (unsigned long)address, got.data,
			 want);
	symbol_match_done(&match);
	buffer_done(&b);
	buffer_done(&got);
}

Test(kernel_symbols, addresses_of_names)
{
	size_t len = sizeof(kallsyms) - 1;

	cr_assert_eq(kernel_symbols_address(kallsyms, len, "_text"), 0xffffffff81000000);
	cr_assert_eq(kernel_symbols_address(kallsyms, len, "unfinished"), 0xffffffffa0200010);
	cr_assert_eq(kernel_symbols_address(kallsyms, len, "module_a"), 0,
		     "not of the kernel itself");
	cr_assert_eq(kernel_symbols_address(kallsyms, len, "_tex"), 0);
	cr_assert_eq(kernel_symbols_address(NULL, 0, "_text"), 0);
}

Test(kernel_symbols, names_and_ends)
{
	expect(kallsyms, 0xffffffff80ffffff, "-");
	expect(kallsyms, 0xffffffff81000000, "startup_64");
	expect(kallsyms, 0xffffffff81000100, "local_one");
	expect(kallsyms, 0xffffffff810001ff, "local_one");
	expect(kallsyms, 0xffffffff8100ffff, "big_function");
	expect(kallsyms, 0xffffffff81010200, "last_function");
	expect(kallsyms, 0xffffffff82000000, "-");
	expect(kallsyms, 0xffffffff82000100, "-");
}

Test(kernel_symbols, modules_end_with_their_last_symbol)
{
	expect(kallsyms, 0xffffffffa0000010, "module_a [ext4]");
	expect(kallsyms, 0xffffffffa0000fff, "module_a [ext4]");
	expect(kallsyms, 0xffffffffa0001000, "module_b [ext4]");
	expect(kallsyms, 0xffffffffa0001fff, "module_b [ext4]");
	expect(kallsyms, 0xffffffffa0003000, "-");
	expect(kallsyms, 0xffffffffa0100020, "bpf_prog_6deef7357e7b4530 [bpf]");
	expect(kallsyms, 0xffffffffa0200020, "unfinished");
}

/* Of two names for the last place, either ends there. */
Test(kernel_symbols, aliases_at_the_end)
{
	static const char text[] = "ffffffff81000000 T _text\n"
				   "ffffffff81000010 t __alias\n"
				   "ffffffff81000010 T last\n"
				   "ffffffffa0000000 t module\t[ext4]\n";

	expect(text, 0xffffffff81000010, "last");
	expect(text, 0xffffffff81001fff, "last");
	expect(text, 0xffffffff81002000, "-");
	expect(text, 0xffffffffa0000fff, "module [ext4]");
	expect(text, 0xffffffffa0001000, "-");
}

static int match_rc(const char *text, size_t len)
{
	const uint64_t address = 0xffffffff81000000;
	struct symbol_match match;
	int rc;

	cr_assert_eq(symbol_match_init(&match, &address, 1, SYMBOL_BEST, NULL, NULL), 0);
	rc = kernel_symbols_match(text, len, &match);
	symbol_match_done(&match);
	return rc;
}

Test(kernel_symbols, hidden_addresses_are_told)
{
	static const char hidden[] = "0000000000000000 T _text\n0000000000000000 t other\t[mod]\n";
	static const char percpu[] = "0000000000000000 D first_percpu\nffffffff81000000 T _text\n";

	cr_assert_eq(match_rc(hidden, sizeof(hidden) - 1), -EPERM);
	cr_assert_eq(match_rc(percpu, sizeof(percpu) - 1), 0);
	cr_assert_eq(match_rc("", 0), 0);
}

Test(kernel_symbols, reads_a_file)
{
	struct buffer b = BUFFER_INIT;

	cr_assert_eq(kernel_symbols_read("/nonexistent", &b), -ENOENT);
	cr_assert_eq(kernel_symbols_read("/proc/kallsyms", &b), 0);
	cr_assert_not_null(strstr(b.data, " T _text\n"));
	cr_assert_eq(b.data[b.len - 1], '\n');
	buffer_done(&b);
}
