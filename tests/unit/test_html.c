/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export/formats/html.c: the data in the page adds up, hostile names stay text, nothing is loaded.
 * What the viewer makes of the data is tested in a browser: tests/interop/test_flame_browser.py.
 */
#include <criterion/criterion.h>

#include <inttypes.h>

#include "base/buffer.h"
#include "export/formats/formats_private.h"
#include "flame_machine.h"
#include "sample_machine.h"

/* The page of a finished machine, which is freed. */
static char *write_html(struct oc_machine *m)
{
	size_t len;
	char *text = flame_machine_write(m, &oc_format_html, &len);

	cr_assert_eq(strlen(text), len, "no NUL inside");
	return text;
}

/* The JSON in the page: cut off where its element ends. */
static char *data_of(char *html)
{
	static const char begin[] = "<script type=\"application/json\" id=\"data\">";
	char *data = strstr(html, begin);
	char *end;

	cr_assert(data);
	data += sizeof(begin) - 1;
	end = strchr(data, '<');
	cr_assert(end);
	cr_assert_eq(strncmp(end, "</script>", 9), 0, "no other < in the data");
	*end = '\0';
	return data;
}

/* Sum of every third number of "samples", beginning with the third: the counts. */
static uint64_t sum_of_counts(const char *data)
{
	const char *at = strstr(data, "\"samples\":[");
	uint64_t sum = 0;

	cr_assert(at);
	at += strlen("\"samples\":[");
	for (unsigned int i = 1; *at != ']'; i++) {
		char *end;
		uint64_t value = strtoull(at, &end, 10);

		cr_assert_neq(end, at);
		if (i % 3 == 0)
			sum += value;
		at = *end == ',' ? end + 1 : end;
	}
	return sum;
}

Test(html, counts_add_up)
{
	char *html = write_html(sample_machine_new(0));
	const char *data = data_of(html);

	cr_assert(strstr(data, "\"version\":1,\"total\":101,"));
	cr_assert_eq(sum_of_counts(data), SAMPLE_TOTAL);
	free(html);
}

Test(html, only_the_first_kind_counts)
{
	char *html = write_html(sample_machine_new(SAMPLE_TWO_KINDS | SAMPLE_TIMELINE));

	cr_assert_eq(sum_of_counts(data_of(html)), SAMPLE_TOTAL);
	free(html);
}

Test(html, a_stack_of_two_threads_is_there_once)
{
	char *html = write_html(sample_machine_new(0));
	const char *data = data_of(html);

	/* main, compute and hot_loop of threads 100 and 101. */
	cr_assert_eq(flame_occurrences(data, "\"hot_loop\",0,\"i"), 1);
	cr_assert(strstr(data, "\"processes\":["));
	cr_assert(strstr(data, "\"server-100\""));
	cr_assert(strstr(data, "\"no;de \\u003c/script\\u003e-200\""));
	free(html);
}

Test(html, frames_are_one_tree)
{
	struct flame_name names[] = { { "main", 4 }, { "a", 1 }, { "b", 1 } };
	struct oc_machine *m = flame_machine_new();
	char *html;
	const char *data;

	flame_machine_add(m, names, 3, 1, 5);
	flame_machine_add(m, names, 2, 1, 2);
	cr_assert_eq(oc_machine_finish(m), 0);
	html = write_html(m);
	data = data_of(html);
	/* Functions by self: b (5), a (2), main (0). Frames: main, below the root; a and b, one below the other. */
	cr_assert(strstr(data, "\"functions\":[\"b\",0,\"u"));
	cr_assert(strstr(data, "\"modules\":[\"/usr/bin/app\"]"));
	cr_assert(strstr(data, "\"frames\":[1,2,1,1,1,0]"));
	cr_assert(strstr(data, "\"samples\":[0,2,2,0,3,5]"));
	free(html);
}

Test(html, hostile_names_stay_text)
{
	static const char name[] =
		"</script><script>x\n\x1b]]><!-- \"'&\\ \xff\x00z \xe2\x80\xa8\xe2\x80\xa9";
	struct flame_name names[] = { { name, sizeof(name) - 1 } };
	struct oc_machine *m = flame_machine_new();
	char *html;

	flame_machine_add(m, names, 1, 1, 1);
	cr_assert_eq(oc_machine_finish(m), 0);
	html = write_html(m);
	cr_assert_eq(flame_occurrences(html, "<script"), 2);
	cr_assert_eq(flame_occurrences(html, "<!--"), 0);
	cr_assert_null(strstr(html, "\xe2\x80\xa8"));
	cr_assert(strstr(
		data_of(html),
		"\"\\u003c/script\\u003e\\u003cscript\\u003ex\\\\n\\\\x1b]]\\u003e\\u003c!-- "
		"\\\"'\\u0026\\\\ \xef\xbf\xbd\\\\x00z \\u2028\\u2029\""));
	free(html);
}

Test(html, long_names_and_deep_stacks_are_kept_whole)
{
	enum { DEPTH = 2000, LENGTH = 65536 };
	struct flame_name *names = calloc(DEPTH, sizeof(*names));
	struct oc_machine *m = flame_machine_new();
	char *name = malloc(LENGTH + 1), *html, *data;

	cr_assert(name && names);
	memset(name, 'x', LENGTH);
	name[LENGTH] = '\0';
	for (size_t i = 0; i < DEPTH; i++)
		names[i] = (struct flame_name){ name, LENGTH };
	flame_machine_add(m, names, DEPTH, 2, 1);
	cr_assert_eq(oc_machine_finish(m), 0);
	html = write_html(m);
	data = data_of(html);
	/* Two functions of that name: the inlined one, and the one around it. */
	cr_assert_eq(flame_occurrences(data, name), 2);
	cr_assert(strstr(data, "\"samples\":[0,2000,1]"));
	free(html);
	free(name);
	free(names);
}

Test(html, loads_nothing_and_runs_only_its_own_script)
{
	char *html = write_html(sample_machine_new(0));

	cr_assert(strstr(html, "content=\"default-src 'none'; script-src 'sha256-"));
	cr_assert_null(strstr(html, "unsafe-"));
	cr_assert_null(strstr(html, "http:"));
	cr_assert_null(strstr(html, "https:"));
	cr_assert_null(strstr(html, "{{"));
	cr_assert_null(strstr(html, "url("));
	cr_assert_null(strstr(html, "@import"));
	/* The viewer has no way to make markup of a name. */
	cr_assert_null(strstr(html, "innerHTML"));
	cr_assert_null(strstr(html, "insertAdjacentHTML"));
	cr_assert_null(strstr(html, "document.write"));
	cr_assert_null(strstr(html, "eval("));
	free(html);
}

Test(html, no_samples_make_a_page)
{
	char *html = write_html(sample_machine_new(SAMPLE_EMPTY));
	const char *data = data_of(html);

	cr_assert(strstr(data, "\"total\":0,"));
	cr_assert(strstr(data, "\"functions\":[],\"modules\":[],\"frames\":[],\"samples\":[]"));
	free(html);
}

Test(html, carries_the_ledger)
{
	char *html = write_html(sample_machine_new(0));
	const char *data = data_of(html);

	cr_assert(strstr(data, "\"taken\":104,\"kept\":101,"));
	cr_assert(strstr(data, "\"lost\":[{\"name\":\"ring_full\",\"text\":\""));
	cr_assert(strstr(data, "\"host\":\"host.example\""));
	free(html);
}
