/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export/formats/svg.c: totals, kinds of frames, hostile names, what is not drawn.
 */
#include <criterion/criterion.h>

#include <inttypes.h>

#include "base/buffer.h"
#include "export/formats/formats_private.h"
#include "flame_machine.h"
#include "sample_machine.h"

/* The file of a finished machine, which is freed. */
static char *write_svg(struct oc_machine *m)
{
	size_t len;
	char *text = flame_machine_write(m, &oc_format_svg, &len);

	cr_assert_eq(strlen(text), len, "no NUL inside");
	return text;
}

/* The file of a machine with one stack. */
static char *write_stack(const struct flame_name *names, uint32_t nr, uint32_t per_location)
{
	struct oc_machine *m = flame_machine_new();

	flame_machine_add(m, names, nr, per_location, 1);
	cr_assert_eq(oc_machine_finish(m), 0);
	return write_svg(m);
}

/* Sum of the widths of the frames whose title begins with `name` and a blank. */
static uint64_t width_of(const char *svg, const char *name)
{
	struct buffer title = BUFFER_INIT;
	uint64_t sum = 0;

	buffer_printf(&title, "<title>%s (", name);
	for (const char *at = strstr(svg, title.data); at; at = strstr(at + 1, title.data)) {
		const char *width = strstr(at, "fg:w=\"");

		cr_assert(width);
		sum += strtoull(width + 6, NULL, 10);
	}
	buffer_done(&title);
	return sum;
}

Test(svg, totals_are_those_of_the_samples)
{
	char *svg = write_svg(sample_machine_new(0));

	cr_assert(strstr(svg, "total_samples=\"101\""));
	cr_assert(strstr(svg, "<title>all (101 samples, 100.00%)</title>"));
	cr_assert_eq(width_of(svg, "server"), SAMPLE_SERVER_MAIN);
	cr_assert_eq(width_of(svg, "main"), SAMPLE_SERVER_MAIN);
	cr_assert_eq(width_of(svg, "hot_loop"), SAMPLE_HOT_LOOP);
	cr_assert_eq(width_of(svg, "vfs_read"), SAMPLE_VFS_READ);
	cr_assert_eq(width_of(svg, "JS:~handle /app/x.js:1"), SAMPLE_JIT);
	cr_assert(strstr(svg, "<title>hot_loop (50 samples, 49.50%)</title>"));
	cr_assert(strstr(svg, ", 3 lost</text>"));
	free(svg);
}

Test(svg, only_the_first_kind_counts)
{
	char *svg = write_svg(sample_machine_new(SAMPLE_TWO_KINDS | SAMPLE_TIMELINE));

	cr_assert(strstr(svg, "total_samples=\"101\""));
	free(svg);
}

/* The letter of the colour class of the first frame of that name. */
static char colour_of(const char *svg, const char *name)
{
	const char *title = strstr(svg, name);
	const char *colour = title ? strstr(title, "<rect class=\"") : NULL;

	cr_assert(colour, "%s", name);
	return colour[strlen("<rect class=\"")];
}

Test(svg, kinds_of_code_have_colours_of_their_own)
{
	char *svg = write_svg(sample_machine_new(0));

	cr_assert_eq(colour_of(svg, "<title>all ("), 'g');
	cr_assert_eq(colour_of(svg, "<title>server ("), 'g');
	cr_assert_eq(colour_of(svg, "<title>main ("), 'u');
	cr_assert_eq(colour_of(svg, "<title>hot_loop ("), 'i');
	cr_assert_eq(colour_of(svg, "<title>vfs_read ("), 'k');
	cr_assert_eq(colour_of(svg, "<title>JS:~handle"), 'j');
	free(svg);
}

Test(svg, hostile_names_stay_text)
{
	static const char name[] =
		"<script>x\n\x1b]]><!-- \"'&amp; \xff\x00z \xef\xbf\xbe\xef\xbf\xbf";
	struct flame_name names[] = { { name, sizeof(name) - 1 } };
	char *svg = write_stack(names, 1, 1);

	cr_assert(strstr(
		svg,
		"<title>&lt;script&gt;x\\n\\x1b]]&gt;&lt;!-- &quot;'&amp;amp; \xef\xbf\xbd\\x00z "
		"\xef\xbf\xbd\xef\xbf\xbd (1 sample, 100.00%)</title>"));
	/* One comment and one script: our own. */
	cr_assert_eq(flame_occurrences(svg, "<script"), 1);
	cr_assert_eq(flame_occurrences(svg, "<!--"), 1);
	cr_assert_eq(flame_occurrences(svg, "]]>"), 2);
	free(svg);
}

Test(svg, long_names_are_cut_between_characters)
{
	char *name = malloc(65536);
	struct flame_name names[] = { { name, 65535 } };
	char *svg, *cut;

	cr_assert(name);
	for (size_t i = 0; i + 3 <= 65535; i += 3)
		memcpy(name + i, "\xe2\x82\xac", 3);
	svg = write_stack(names, 1, 1);
	cut = strstr(svg, "... (1 sample, 100.00%)</title>");
	cr_assert(cut, "the title says that it is cut");
	cr_assert_eq(memcmp(cut - 3, "\xe2\x82\xac", 3), 0);
	cr_assert_lt(strlen(svg), 65536);
	free(svg);
	free(name);
}

Test(svg, deep_stacks_have_a_row_per_frame)
{
	enum { DEPTH = 2000 };
	struct flame_name *names = calloc(DEPTH, sizeof(*names));
	char *svg;

	cr_assert(names);
	for (size_t i = 0; i < DEPTH; i++)
		names[i] = (struct flame_name){ i & 1 ? "odd" : "even", i & 1 ? 3 : 4 };
	svg = write_stack(names, DEPTH, 2);
	cr_assert_eq(flame_occurrences(svg, "<title>"), DEPTH + 2);
	cr_assert_eq(flame_occurrences(svg, "<title>even (1 sample"), DEPTH / 2);
	free(svg);
	free(names);
}

Test(svg, what_is_too_narrow_is_counted)
{
	enum { NARROW = 50 };
	struct oc_machine *m = flame_machine_new();
	struct flame_name wide = { "wide", 4 };
	char *svg;

	flame_machine_add(m, &wide, 1, 1, 1000000);
	for (unsigned int i = 0; i < NARROW; i++) {
		char text[16];
		int len = snprintf(text, sizeof(text), "narrow%u", i);
		/* Each narrow frame has one above it, which is as narrow. */
		struct flame_name names[] = { { text, (size_t)len }, { "leaf", 4 } };

		flame_machine_add(m, names, 2, 1, 1);
	}
	cr_assert_eq(oc_machine_finish(m), 0);
	svg = write_svg(m);
	cr_assert(
		strstr(svg, "data-nodes=\"100\">100 frames narrower than 0.1 px not drawn</text>"));
	cr_assert_eq(flame_occurrences(svg, "<title>"), 3);
	cr_assert(strstr(svg, "total_samples=\"1000050\""));
	free(svg);
}

Test(svg, no_samples_make_a_graph_with_a_root)
{
	char *svg = write_svg(sample_machine_new(SAMPLE_EMPTY));

	cr_assert(strstr(svg, "total_samples=\"0\""));
	cr_assert_eq(flame_occurrences(svg, "<title>"), 1);
	cr_assert_null(strstr(svg, "nan"));
	free(svg);
}

Test(svg, loads_nothing)
{
	char *svg = write_svg(sample_machine_new(0));

	cr_assert_null(strstr(svg, "href"));
	cr_assert_null(strstr(svg, "src="));
	cr_assert_null(strstr(svg, "url("));
	cr_assert_null(strstr(svg, "@import"));
	free(svg);
}
