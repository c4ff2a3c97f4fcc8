/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The formats that write a text for each sample: JSON lines, and what perf script prints.
 */
#include <criterion/criterion.h>

#include "flame_machine.h"
#include "machine_parts.h"
#include "sample_machine.h"

static char *write_text(struct oc_machine *m, const char *format)
{
	size_t len;

	return flame_machine_write(m, oc_format_by_name(format), &len);
}

/* Two samples, the later one added first, of a process that inlines "in" into "main". */
static struct oc_machine *machine(void)
{
	static const struct flame_name names[] = { { "main", 4 }, { "in\"<", 4 } };
	struct oc_machine *m = flame_machine_new();
	struct oc_attr attr = { must(oc_machine_intern(m, "k", 1)), OC_ATTR_NUMBER, 7 };
	struct oc_sample sample = { .count = 2, .value = 2, .kind = 1, .process = 1, .thread = 1 };

	flame_machine_add(m, names, 2, 2, 1);
	sample.time_ns = 3000001999;
	sample.cpu = 5;
	sample.stack = 1;
	sample.attrs = must(oc_machine_intern_attrs(m, &attr, 1, 0));
	must(oc_machine_add_sample(m, &sample));
	sample.time_ns = 2000000000;
	sample.cpu = UINT32_MAX;
	sample.stack = sample.attrs = 0;
	must(oc_machine_add_sample(m, &sample));
	return m;
}

Test(sample_text, jsonl)
{
	char *text = write_text(machine(), "jsonl");

	cr_assert_str_eq(
		text,
		"{\"kind\":\"cpu\",\"count\":1,\"value\":1,\"pid\":7,\"comm\":\"app\",\"tid\":7,"
		"\"stack\":[\"in\\\"\\u003c\",\"main\"],\"modules\":[\"/usr/bin/app\",\"/usr/bin/"
		"app\"]}\n"
		"{\"time_ns\":2000000000,\"kind\":\"cpu\",\"count\":2,\"value\":2,\"pid\":7,"
		"\"comm\":\"app\",\"tid\":7,\"stack\":[],\"modules\":[]}\n"
		"{\"time_ns\":3000001999,\"kind\":\"cpu\",\"count\":2,\"value\":2,\"pid\":7,"
		"\"comm\":\"app\",\"tid\":7,\"cpu\":5,\"attributes\":[[\"k\",7]],"
		"\"stack\":[\"in\\\"\\u003c\",\"main\"],\"modules\":[\"/usr/bin/app\",\"/usr/bin/"
		"app\"]}\n");
	free(text);
}

Test(sample_text, perf_script)
{
	char *text = write_text(machine(), "perf-script"), *second = strstr(text, "\n\n");

	cr_assert_not_null(second);
	cr_assert_not_null(strstr(text, "app 7/7 0.000000: 1000000 cpu: \n"));
	cr_assert_not_null(strstr(text, " in\"< (inlined)\n\t"));
	cr_assert_not_null(strstr(text, " main (/usr/bin/app)\n\n"));
	cr_assert_eq(strncmp(second,
			     "\n\napp 7/7 2.000000: 2000000 cpu: \n\t               0 [no stack] "
			     "([unknown])\n\n",
			     73),
		     0);
	cr_assert_not_null(strstr(text, "\n\napp 7/7 [005] 3.000001: 2000000 cpu: \n"));
	free(text);
}

Test(sample_text, all_samples)
{
	char *json = write_text(sample_machine_new(SAMPLE_TIMELINE | SAMPLE_TWO_KINDS), "jsonl");
	char *perf = write_text(sample_machine_new(SAMPLE_TIMELINE), "perf-script");
	char *none = write_text(sample_machine_new(SAMPLE_EMPTY), "jsonl");

	cr_assert_eq(flame_occurrences(json, "\n"), SAMPLE_TOTAL + SAMPLE_FAULTS);
	cr_assert_eq(flame_occurrences(json, "\"kind\":\"page_faults\""), SAMPLE_FAULTS);
	cr_assert_eq(flame_occurrences(json, "\"stack\":[\"hot_loop\",\"compute(int)\",\"main\"]"),
		     SAMPLE_HOT_LOOP + SAMPLE_FAULTS);
	cr_assert_eq(flame_occurrences(perf, " 1000000 cpu: \n"), SAMPLE_TOTAL);
	cr_assert_eq(flame_occurrences(perf, " hot_loop (inlined)\n"), SAMPLE_HOT_LOOP);
	cr_assert_str_eq(none, "");
	free(json);
	free(perf);
	free(none);
}
