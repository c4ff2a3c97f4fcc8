/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the outputs of a machine that is described on standard input, or of the sample machine of the unit tests.
 * Called by tests that look at outputs with foreign readers: write_stacks [--sample] FORMAT=PATH...
 * Must not know any format but by its name.
 *
 * Input: records that end in 0x1e, each a stack: fields separated by 0x1f: comm, pid, thread name, tid, count, then the
 * frames from root to leaf, each "KNAME" or "KNAME 0x1d MODULE", where K is one of u(ser) k(ernel) j(it) i(nlined).
 * The bytes of names are taken as they are.
 */
#include <unistd.h>

#include <onecollect/format.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/id_table.h"
#include "base/text.h"
#include "interop/tool.h"
#include "unit/sample_machine.h"

#define FIELDS_MAX    4096
#define USER_BASE     0x10000000ULL
#define JIT_BASE      0x7f0000000000ULL
#define KERNEL_BASE   0xffffffff80000000ULL
#define REGION_BYTES  0x10000000ULL
#define REGIONS_MAX   64
#define BYTES_PER_KEY 16 /* so that return addresses, lowered by one, stay apart */

struct field {
	const char *text;
	size_t len;
};

/* A module and where its code lies in every process. */
struct region {
	struct field name;
	char kind;
	uint64_t start;
};

struct importer {
	struct oc_machine *m;
	struct field *keys; /* code seen, numbered from 1 by key_ids: place in memory by number */
	size_t keys_cap;
	struct id_table key_ids;
	struct region regions[REGIONS_MAX];
	uint32_t nr_regions;
	uint8_t mapped[1 << 16][REGIONS_MAX]; /* by process id */
	oc_kind_id kind;
};

static bool key_equal(const void *owner, uint32_t id, const void *wanted)
{
	const struct field *have = &((const struct importer *)owner)->keys[id - 1], *want = wanted;

	return have->len == want->len && !memcmp(have->text, want->text, want->len);
}

/* A number for distinct code; the key points into the input, which stays. */
static uint32_t number_key(struct importer *im, struct field key)
{
	uint64_t hash = hash_bytes(key.text, key.len);
	uint32_t id = id_table_find(&im->key_ids, hash, key_equal, im, &key);

	if (id)
		return id;
	id = (uint32_t)im->key_ids.count + 1;
	check(array_reserve(&im->keys, &im->keys_cap, id, sizeof(key)), "out of memory");
	im->keys[id - 1] = key;
	check(id_table_add(&im->key_ids, hash, id), "out of memory");
	return id;
}

static uint32_t find_region(struct importer *im, char kind, struct field name)
{
	uint64_t bases[] = { ['u'] = USER_BASE, ['j'] = JIT_BASE, ['k'] = KERNEL_BASE };

	for (uint32_t i = 0; i < im->nr_regions; i++) {
		struct region *r = &im->regions[i];

		if (r->kind == kind && r->name.len == name.len &&
		    !memcmp(r->name.text, name.text, name.len))
			return i;
	}
	if (im->nr_regions == REGIONS_MAX)
		fail("too many modules");
	im->regions[im->nr_regions] = (struct region){
		.name = name,
		.kind = kind,
		.start = kind == 'k' ? KERNEL_BASE
				     : bases[(int)kind] + im->nr_regions * REGION_BYTES,
	};
	return im->nr_regions++;
}

static void map_region(struct importer *im, oc_process_id process, uint32_t index)
{
	struct region *r = &im->regions[index];
	struct oc_module module = { .type = OC_MODULE_FILE };
	struct oc_mapping mapping = { .start = r->start,
				      .end = r->start + REGION_BYTES,
				      .since_ns = 1 };

	if (r->kind == 'k')
		process = 0;
	if (im->mapped[process][index])
		return;
	im->mapped[process][index] = 1;
	module.path =
		(oc_string_id)check(oc_machine_intern(im->m, r->name.text, r->name.len), "intern");
	if (r->kind == 'k')
		module.type = OC_MODULE_KERNEL;
	if (r->kind == 'j') {
		module.type = OC_MODULE_ANON;
		module.process = process;
	}
	mapping.process = process;
	mapping.module = (oc_module_id)check(oc_machine_add_module(im->m, &module), "add_module");
	check(oc_machine_add_mapping(im->m, &mapping), "add_mapping");
}

/* Splits "KNAME 0x1d MODULE". */
static char read_frame(struct field frame, struct field *ret_name, struct field *ret_module)
{
	const char *end = frame.text + frame.len;
	const char *separator = memchr(frame.text, 0x1d, frame.len);
	char kind = frame.len ? frame.text[0] : 0;

	if (!kind || !strchr("ukji", kind))
		fail("a frame has no kind");
	*ret_name = (struct field){ frame.text + 1,
				    (size_t)((separator ? separator : end) - frame.text - 1) };
	*ret_module = (struct field){ "/usr/bin/sample", 15 };
	if (kind == 'k')
		*ret_module = (struct field){ "[kernel]", 8 };
	if (kind == 'j')
		*ret_module = (struct field){ "[anon]", 6 };
	if (separator)
		*ret_module = (struct field){ separator + 1, (size_t)(end - separator - 1) };
	return kind;
}

/* Names one location by its frames: frames[nr], innermost last, the first is the function that contains them. */
static void name_location(struct importer *im, oc_location_id location, const struct field *frames,
			  uint32_t nr)
{
	const struct oc_location *place = oc_machine_location(im->m, location);
	struct oc_line lines[FIELDS_MAX];

	for (uint32_t i = 0; i < nr; i++) {
		struct field name, module;
		struct oc_function function = { .module = place->module };

		read_frame(frames[nr - 1 - i], &name, &module);
		function.name = (oc_string_id)check(oc_machine_intern(im->m, name.text, name.len),
						    "intern");
		function.system_name = function.name;
		lines[i] = (struct oc_line){
			.function = (oc_function_id)check(oc_machine_add_function(im->m, &function),
							  "function"),
		};
	}
	check(oc_machine_set_lines(im->m, location, lines, nr), "set_lines");
}

/* Frames from root to leaf; those inlined share the address of what contains them. */
static oc_stack_id add_stack(struct importer *im, oc_process_id process, const struct field *frames,
			     uint32_t nr)
{
	uint64_t addresses[OC_STACK_FRAMES_MAX];
	uint32_t first[OC_STACK_FRAMES_MAX], nr_addresses = 0, nr_kernel = 0, nr_locations;
	const oc_location_id *locations;
	int64_t callstack, stack;

	for (uint32_t end = nr; end > 0;) {
		struct field name, module;
		uint32_t start = end - 1, region;
		char kind = read_frame(frames[start], &name, &module);

		while (kind == 'i' && start > 0)
			kind = read_frame(frames[--start], &name, &module);
		if (kind == 'i' || nr_addresses == OC_STACK_FRAMES_MAX)
			fail("an inlined frame has no container, or a stack is too deep");
		region = find_region(im, kind, module);
		map_region(im, process, region);
		first[nr_addresses] = start;
		addresses[nr_addresses++] =
			im->regions[region].start +
			BYTES_PER_KEY *
				(1ULL +
				 number_key(im, (struct field){ frames[start].text,
								(size_t)(frames[end - 1].text +
									 frames[end - 1].len -
									 frames[start].text) }));
		nr_kernel += kind == 'k';
		end = start;
	}
	callstack = check(oc_machine_intern_callstack(im->m, addresses, nr_addresses, nr_kernel),
			  "callstack");
	stack = check(oc_machine_resolve(im->m, process, (oc_callstack_id)callstack), "resolve");
	locations = oc_machine_stack(im->m, (oc_stack_id)stack, &nr_locations);
	for (uint32_t i = 0, end = nr; locations && i < nr_locations; end = first[i++])
		name_location(im, locations[i], frames + first[i], end - first[i]);
	return (oc_stack_id)stack;
}

static uint32_t read_number(struct field f)
{
	char digits[24];
	uint64_t value;

	if (f.len >= sizeof(digits))
		fail("a number is too long");
	memcpy(digits, f.text, f.len);
	digits[f.len] = '\0';
	if (text_parse_u64(digits, 10, UINT32_MAX, &value))
		fail("a number is not one");
	return (uint32_t)value;
}

static void add_record(struct importer *im, const struct field *fields, uint32_t nr)
{
	struct oc_sample sample = { .kind = im->kind, .cpu = UINT32_MAX };
	struct oc_process facts = { 0 };
	uint32_t pid;

	if (nr < 5)
		fail("a record has less than five fields");
	pid = read_number(fields[1]);
	sample.process = oc_machine_process_now(im->m, pid);
	if (!sample.process)
		sample.process =
			(oc_process_id)check(oc_machine_process_start(im->m, pid, 0, 1), "process");
	if (sample.process >= ARRAY_SIZE(im->mapped))
		fail("too many processes");
	facts.comm = (oc_string_id)check(oc_machine_intern(im->m, fields[0].text, fields[0].len),
					 "intern");
	check(oc_machine_process_set(im->m, sample.process, &facts), "process_set");
	sample.thread = (oc_thread_id)check(
		oc_machine_add_thread(im->m, sample.process, read_number(fields[3])), "add_thread");
	check(oc_machine_thread_set_name(
		      im->m, sample.thread,
		      (oc_string_id)check(oc_machine_intern(im->m, fields[2].text, fields[2].len),
					  "intern")),
	      "thread_set_name");
	sample.count = sample.value = read_number(fields[4]);
	sample.stack = add_stack(im, sample.process, fields + 5, nr - 5);
	check(oc_machine_add_sample(im->m, &sample), "add_sample");
}

/* Numbers that a recording would have, so that pages show them. */
static void add_facts(struct importer *im)
{
	struct oc_ledger *ledger = oc_machine_ledger(im->m);
	struct oc_ledger_kind *kind = &ledger->kinds[0];
	struct oc_recording_info info = {
		.start_mono_ns = 1000000000,
		.start_wall_ns = 1700000000000000000,
		.end_mono_ns = 11000000000,
		.nr_cpus = 4,
		.page_size = 4096,
		.aggregated = true,
		.hostname = (oc_string_id)oc_machine_intern(im->m, "sample-host", 11),
		.os = (oc_string_id)oc_machine_intern(im->m, "Linux 6.1.0 x86_64", 18),
		.command = (oc_string_id)oc_machine_intern(im->m, "record-trace --cpu -d 10s", 25),
		.tool = (oc_string_id)oc_machine_intern(im->m, "onecollect", 10),
	};

	oc_machine_set_info(im->m, &info);
	ledger->duration_ns = 10000000000;
	kind->lost[OC_LOSS_RING_FULL] = 3;
	kind->taken = kind->kept + 3;
	kind->due = kind->taken + 1000;
	kind->idle = 1000;
	kind->stacks = kind->kept;
	kind->incomplete[OC_STACK_BROKEN] = kind->kept / 16;
	kind->complete = kind->kept - kind->incomplete[OC_STACK_BROKEN];
	ledger->self = (struct oc_ledger_self){ .user_s = 0.05,
						.system_s = 0.03,
						.peak_rss_bytes = 23 << 20 };
}

static void read_input(struct buffer *in)
{
	ssize_t n;

	do {
		check(buffer_reserve(in, 1 << 20), "out of memory");
		n = check(read(STDIN_FILENO, in->data + in->len, 1 << 20), "cannot read the input");
		in->len += (size_t)n;
	} while (n);
}

static void import(struct importer *im, const struct buffer *in)
{
	static struct field fields[FIELDS_MAX];
	uint32_t nr = 0;
	const char *from = in->data;

	for (const char *at = in->data; at < in->data + in->len; at++) {
		if (*at != 0x1f && *at != 0x1e)
			continue;
		if (nr == FIELDS_MAX)
			fail("a record has too many fields");
		fields[nr++] = (struct field){ from, (size_t)(at - from) };
		from = at + 1;
		if (*at == 0x1e) {
			add_record(im, fields, nr);
			nr = 0;
		}
	}
}

/* The machine that standard input describes. What it points to stays until the program ends. */
static struct oc_machine *import_machine(struct importer *im, struct buffer *in)
{
	static const struct oc_kind cpu = { .name = "cpu",
					    .unit = OC_UNIT_COUNT,
					    .period_ns = 1001001 };

	im->m = oc_machine_new(NULL);
	if (!im->m)
		fail("out of memory");
	im->kind = (oc_kind_id)check(oc_machine_add_kind(im->m, &cpu), "add_kind");
	read_input(in);
	import(im, in);
	add_facts(im);
	check(oc_machine_finish(im->m), "finish");
	return im->m;
}

static void write_output(const struct oc_machine *m, char *argument)
{
	char *path = strchr(argument, '=');
	const struct oc_format *format;
	struct oc_error err = { 0 };

	if (!path)
		fail("usage: write_stacks [--sample] FORMAT=PATH...");
	*path++ = '\0';
	format = oc_format_by_name(argument);
	if (!format)
		fail("no such format");
	if (oc_format_write_file(format, m, path, true, NULL, &err))
		fail(err.message);
}

int main(int argc, char **argv)
{
	static struct importer im;
	bool sample = argc > 1 && !strcmp(argv[1], "--sample");
	struct buffer in = BUFFER_INIT;
	struct oc_machine *m = sample ? sample_machine_new(0) : import_machine(&im, &in);

	for (int i = sample ? 2 : 1; i < argc; i++)
		write_output(m, argv[i]);
	buffer_done(&in);
	id_table_done(&im.key_ids);
	free(im.keys);
	oc_machine_free(m);
	return 0;
}
