/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes as hexadecimal digits.
 */
#include <criterion/criterion.h>

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
