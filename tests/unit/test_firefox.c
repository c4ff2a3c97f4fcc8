/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firefox profiles: the text itself; what the application makes of it is seen by tests/readers.
 */
#include <criterion/criterion.h>

#include <zlib.h>

#include "base/macros.h"
#include "flame_machine.h"
#include "sample_machine.h"

static char *firefox(struct oc_machine *m)
{
	size_t len;

	return flame_machine_write(m, oc_format_by_path("x.firefox.json"), &len);
}

static bool has(const char *text, const char *part)
{
	return flame_occurrences(text, part) > 0;
}

Test(firefox, counted_samples_have_weights)
{
	char *text = firefox(sample_machine_new(0));

	cr_assert(
		has(text,
		    "\"samples\":{\"weightType\":\"samples\",\"stack\":[2,5,6],\"time\":[30,37,41],"
		    "\"weight\":[30,7,4],\"threadCPUDelta\":[30000,7000,4000],\"length\":3}"));
	cr_assert(has(text, "\"prefixOffset\":[0,1,1,3,1,1,6,7,1,1,0,1,2,0,4]"));
	cr_assert(has(text,
		      "\"breakpadId\":\"000001AB0000000000000000000000000\",\"codeId\":\"ab01\""));
	cr_assert(has(text, "3 (2.88 %) ring_full"), "what was lost is told");
	free(text);
}

Test(firefox, amounts_have_their_weight_type)
{
	char *text = firefox(sample_machine_new(SAMPLE_TIMELINE | SAMPLE_TWO_KINDS));

	cr_assert(has(text, "\"name\":\"cpu: server\""));
	cr_assert(has(text, "\"weightType\":\"bytes\",\"stack\":[2,2,2,2,2,2,2,2,2]"));
	free(text);
}

Test(firefox, a_pause_weighs_nothing)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_kind cpu = { .name = "cpu", .period_ns = 1000000 };
	struct oc_recording_info info = { .start_mono_ns = 5000000000 };
	struct oc_sample sample = { .count = 1, .value = 1, .time_ns = 5002000000 };
	char *text;

	oc_machine_set_info(m, &info);
	sample.kind = (oc_kind_id)oc_machine_add_kind(m, &cpu);
	cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	sample.time_ns += 10000000;
	cr_assert_eq(oc_machine_add_sample(m, &sample), 1);
	cr_assert_eq(oc_machine_finish(m), 0);
	text = firefox(m);
	cr_assert(has(text, "\"stack\":[null,null,0,null,null,0],\"time\":[0,1,2,2,11,12],"
			    "\"weight\":[0,0,1,0,0,1],\"threadCPUDelta\":[0,0,1000,0,0,1000],"
			    "\"length\":6}"));
	free(text);
}

Test(firefox, no_samples_are_one_empty_thread)
{
	char *text = firefox(sample_machine_new(SAMPLE_EMPTY));

	cr_assert_eq(flame_occurrences(text, "\"processType\":\"default\""), 1);
	cr_assert(
		has(text,
		    "\"stack\":[],\"time\":[],\"weight\":[],\"threadCPUDelta\":[],\"length\":0}"));
	free(text);
}

Test(firefox, compressed_is_the_same)
{
	char *plain = firefox(sample_machine_new(0));
	size_t len;
	char *packed = flame_machine_write(sample_machine_new(0),
					   oc_format_by_path("x.firefox.json.gz"), &len);
	static char raw[1 << 20];
	z_stream z = { .next_out = (Bytef *)raw, .avail_out = sizeof(raw) };

	z.next_in = (Bytef *)packed;
	z.avail_in = (uInt)len;
	cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
	cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	cr_assert_eq(z.avail_in, 0);
	cr_assert_eq(z.total_out, strlen(plain));
	cr_assert_eq(memcmp(raw, plain, z.total_out), 0);
	inflateEnd(&z);
	free(plain);
	free(packed);
}

/* One sample in each of two images of Windows; of the first it is known what its PDB file is called. */
Test(firefox, symbol_files_have_the_name_that_is_told)
{
	static const char *const texts[] = { "C:\\Windows\\ntoskrnl.exe", "C:\\Windows\\ntdll.dll",
					     "ntkrnlmp.pdb" };
	struct oc_machine *m = flame_machine_new();
	oc_string_id ids[ARRAY_SIZE(texts)];
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ids[i] = (oc_string_id)oc_machine_intern(m, texts[i], strlen(texts[i]));
	for (uint32_t i = 0; i < 2; i++) {
		struct oc_module module = { .path = ids[i],
					    .symbol_file = i ? 0 : ids[2],
					    .build_id_size = 20,
					    .build_id = { [0] = 0xab, [19] = (uint8_t)(i + 1) } };
		struct oc_mapping mapping = { .process = 1, .since_ns = 1 };
		uint64_t address = 0x70000000 + 0x10000 * i;
		struct oc_sample sample = { .kind = 1, .process = 1, .count = 1, .value = 1 };
		int64_t stack = oc_machine_intern_callstack(m, &address, 1, 0);

		mapping.module = (oc_module_id)oc_machine_add_module(m, &module);
		mapping.start = address;
		mapping.end = address + 0x1000;
		cr_assert_gt(oc_machine_add_mapping(m, &mapping), 0);
		sample.stack = (oc_stack_id)oc_machine_resolve(m, 1, (oc_callstack_id)stack);
		cr_assert_gt(oc_machine_add_sample(m, &sample), 0);
	}
	cr_assert_eq(oc_machine_finish(m), 0);
	text = firefox(m);
	cr_assert(has(text, "\"debugName\":\"ntkrnlmp.pdb\",\"debugPath\":\"ntkrnlmp.pdb\","
			    "\"breakpadId\":\"AB0000000000000000000000000000001\""));
	cr_assert(has(text, "\"debugName\":\"ntdll.pdb\",\"debugPath\":\"ntdll.pdb\","
			    "\"breakpadId\":\"AB0000000000000000000000000000002\""));
	free(text);
}
