/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PerfView's stack files: one as a whole, and what must hold in any.
 */
#include <criterion/criterion.h>

#include <onecollect/format.h>
#include <zlib.h>

#include "base/macros.h"
#include "flame_machine.h"
#include "machine_parts.h"
#include "sample_machine.h"

static char *write_xml(struct oc_machine *m)
{
	size_t len;

	return flame_machine_write(m, oc_format_by_name("perfview-xml"), &len);
}

/* A machine with one kind and one sample of it, taken 1.5 ms after the start. */
static struct oc_machine *one_sample(const struct oc_kind *kind, const struct oc_sample *like)
{
	struct oc_recording_info info = { .start_mono_ns = 1000 };
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_sample sample = *like;

	oc_machine_set_info(m, &info);
	sample.kind = must(oc_machine_add_kind(m, kind));
	sample.time_ns = 1501000;
	if (kind->unit == OC_UNIT_SPAN) {
		struct oc_span span = { .start_ns = 1000, .end_ns = 1000 + like->value };

		sample.value = must(oc_machine_add_span(m, &span));
	}
	must(oc_machine_add_sample(m, &sample));
	must(oc_machine_finish(m));
	return m;
}

/* Code of a kernel's file is at addresses, but shown where it is in the file. */
Test(perfview_xml, places_in_files_of_the_kernel)
{
	static const char path[] = "C:\\Windows\\hal+1.dll";
	const uint64_t start = 0xfffff80021400000;
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_module module = {
		.type = OC_MODULE_KERNEL,
		.path = must(oc_machine_intern(m, path, sizeof(path) - 1)),
	};
	struct oc_mapping mapping = { .start = start, .end = start + 0x10000, .since_ns = 1 };
	struct oc_kind kind = { .name = "cpu", .unit = OC_UNIT_COUNT };
	struct oc_sample sample = { .count = 3, .value = 3 };
	const uint64_t addresses[] = { start + 0x4313, 0xfffff90000000000 };
	char *text;

	mapping.module = must(oc_machine_add_module(m, &module));
	must(oc_machine_add_mapping(m, &mapping));
	sample.kind = must(oc_machine_add_kind(m, &kind));
	sample.process = must(oc_machine_process_start(m, 4, 0, 1));
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		oc_callstack_id stack = must(oc_machine_intern_callstack(m, &addresses[i], 1, 1));

		sample.stack = must(oc_machine_resolve(m, sample.process, stack));
		must(oc_machine_add_sample(m, &sample));
	}
	must(oc_machine_finish(m));
	text = write_xml(m);
	cr_assert(strstr(text, ">hal+1.dll!0x4313<"), "%s", text);
	cr_assert(strstr(text, "!0xfffff90000000000<"), "%s", text);
	free(text);
}

Test(perfview_xml, whole)
{
	static const struct flame_name names[] = { { "main", 4 }, { "a<b>&\"c\"", 8 } };
	static const char expected[] =
		"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
		"<StackWindow>\n"
		" <StackSource>\n"
		"  <Frames Count=\"4\">\n"
		"   <Frame ID=\"0\">Process64 app (7)</Frame>\n"
		"   <Frame ID=\"1\">Thread (7)</Frame>\n"
		"   <Frame ID=\"2\">app!main</Frame>\n"
		"   <Frame ID=\"3\">app!a&lt;b&gt;&amp;&quot;c&quot;</Frame>\n"
		"  </Frames>\n"
		"  <Stacks Count=\"4\">\n"
		"   <Stack ID=\"0\" CallerID=\"-1\" FrameID=\"0\" />\n"
		"   <Stack ID=\"1\" CallerID=\"0\" FrameID=\"1\" />\n"
		"   <Stack ID=\"2\" CallerID=\"1\" FrameID=\"2\" />\n"
		"   <Stack ID=\"3\" CallerID=\"2\" FrameID=\"3\" />\n"
		"  </Stacks>\n"
		"  <Samples Count=\"2\">\n"
		"   <Sample ID=\"0\" StackID=\"3\" Metric=\"5\" />\n"
		"   <Sample ID=\"1\" StackID=\"2\" Metric=\"2\" />\n"
		"  </Samples>\n"
		" </StackSource>\n";
	struct oc_machine *m = flame_machine_new();
	char *text;

	flame_machine_add(m, names, 2, 1, 5);
	flame_machine_add(m, names, 1, 1, 2);
	text = write_xml(m);
	text[sizeof(expected) - 1] = '\0';
	cr_assert_str_eq(text, expected);
	free(text);
}

Test(perfview_xml, metrics)
{
	static const struct {
		struct oc_kind kind;
		struct oc_sample sample;
		const char *metric;
	} cases[] = {
		{ { "cpu", OC_UNIT_NANOSECONDS, 1000000 }, { .count = 3, .value = 3000000 }, "3" },
		{ { "off", OC_UNIT_NANOSECONDS, 0 }, { .count = 1, .value = 7 }, "0.000007" },
		{ { "off", OC_UNIT_NANOSECONDS, 0 },
		  { .count = 1, .value = 12345678901 },
		  "12345.678901" },
		{ { "span", OC_UNIT_SPAN, 0 }, { .count = 1, .value = 1500000 }, "1.500000" },
		{ { "bytes", OC_UNIT_BYTES, 0 }, { .count = 1, .value = 4096 }, "4096" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text = write_xml(one_sample(&cases[i].kind, &cases[i].sample)), expected[96];

		snprintf(expected, sizeof(expected),
			 "<Sample ID=\"0\" Time=\"1.500000\" StackID=\"1\" Metric=\"%s\" />",
			 cases[i].metric);
		cr_assert_not_null(strstr(text, expected), "%s", expected);
		cr_assert_not_null(strstr(text, ">Unknown![no stack]<"));
		free(text);
	}
}

Test(perfview_xml, first_kind_only)
{
	char *one = write_xml(sample_machine_new(SAMPLE_TIMELINE));
	char *two = write_xml(sample_machine_new(SAMPLE_TIMELINE | SAMPLE_TWO_KINDS));

	cr_assert_eq(flame_occurrences(one, "<Sample "), SAMPLE_TOTAL);
	cr_assert_eq(flame_occurrences(two, "<Sample "), SAMPLE_TOTAL);
	cr_assert_not_null(strstr(one, "<Samples Count=\"101\">"));
	free(one);
	free(two);
}

Test(perfview_xml, nothing)
{
	char *text = write_xml(oc_machine_new(NULL));

	cr_assert_not_null(strstr(text, "<Frames Count=\"0\">\n  </Frames>"));
	cr_assert_not_null(strstr(text, "<Samples Count=\"0\">\n  </Samples>"));
	free(text);
}

Test(perfview_xml, log)
{
	char *text = write_xml(sample_machine_new(0));
	const char *log = strstr(text, "<Log>");

	cr_assert_not_null(log);
	cr_assert_not_null(strstr(log, "101 samples kept of 104 taken"));
	cr_assert_not_null(strstr(log, "ring_full"));
	free(text);
}

static uint32_t le32(const char *at)
{
	const unsigned char *b = (const unsigned char *)at;

	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

Test(perfview_xml, zipped)
{
	static char inflated[1 << 16];
	size_t len, plain_len, name_len;
	char *plain = flame_machine_write(sample_machine_new(0), oc_format_by_name("perfview-xml"),
					  &plain_len);
	char *zip = flame_machine_write(sample_machine_new(0),
					oc_format_by_name("perfview-xml-zip"), &len);
	const char *end = zip + len - 22, *central;
	z_stream z = { .next_out = (Bytef *)inflated, .avail_out = sizeof(inflated) };

	cr_assert_eq(le32(end), 0x06054b50);
	cr_assert_eq(end[10], 1, "one file");
	central = zip + le32(end + 16);
	cr_assert_eq(le32(central), 0x02014b50);
	cr_assert_eq(central + le32(end + 12), end);
	cr_assert_eq(le32(central + 24), plain_len);
	cr_assert_eq(le32(central + 16), crc32(0, (const Bytef *)plain, (uInt)plain_len));
	cr_assert_eq(le32(zip), 0x04034b50);
	name_len = (size_t)zip[26];
	z.next_in = (Bytef *)zip + 30 + name_len;
	z.avail_in = le32(central + 20);
	cr_assert_eq(le32((const char *)z.next_in + z.avail_in), 0x08074b50);
	cr_assert_eq(inflateInit2(&z, -15), Z_OK);
	cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	cr_assert_eq(z.total_out, plain_len);
	cr_assert_arr_eq(inflated, plain, plain_len);
	inflateEnd(&z);
	free(plain);
	free(zip);
}
