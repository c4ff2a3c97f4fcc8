/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/hex.h: bytes as hexadecimal digits, and what digits stand for.
 */
#include <criterion/criterion.h>

#include <limits.h>
#include <string.h>

#include "base/hex.h"

Test(hex, each_byte_is_two_digits)
{
	static const uint8_t bytes[] = { 0x00, 0x0f, 0xf0, 0xab, 0x19 };
	char text[] = "??????????x";

	hex_text(bytes, 5, text);
	cr_assert_str_eq(text, "000ff0ab19");
	hex_text(bytes, 0, text);
	cr_assert_str_eq(text, "");
}

Test(hex, digits_of_both_cases_and_nothing_else)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	for (int c = CHAR_MIN; c <= CHAR_MAX; c++) {
		const char *at = c ? strchr(digits, c) : NULL;
		int place = at ? (int)(at - digits) : -1;

		cr_assert_eq(hex_digit((char)c), place < 16 ? place : place - 6, "%d", c);
	}
}
