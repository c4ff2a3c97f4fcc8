/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/json.h: numbers.
 */
#include <criterion/criterion.h>

#include "base/json.h"

Test(json, numbers_are_exact)
{
	struct buffer text = BUFFER_INIT;
	struct json j;

	json_init(&j, &text);
	json_array_begin(&j);
	json_u64(&j, 0);
	json_u64(&j, UINT64_MAX);
	json_decimal(&j, 1500, 3);
	json_decimal(&j, 1234567891, 6);
	json_decimal(&j, 5, 6);
	json_decimal(&j, 2000000, 6);
	json_decimal(&j, UINT64_MAX, 18);
	json_array_end(&j);
	cr_assert_str_eq(text.data, "[0,18446744073709551615,1.5,1234.567891,0.000005,2,"
				    "18.446744073709551615]");
	buffer_done(&text);
}

Test(json, keys_with_their_values)
{
	struct buffer text = BUFFER_INIT;
	struct json j;

	json_init(&j, &text);
	json_object_begin(&j);
	json_key_string(&j, "a", "\"");
	json_key_u64(&j, "b", 7);
	json_key_empty_array(&j, "c");
	json_object_end(&j);
	cr_assert_str_eq(text.data, "{\"a\":\"\\\"\",\"b\":7,\"c\":[]}");
	buffer_done(&text);
}
